//! What a crash leaves, and what is done about it: a table, and the cutting that it may ask for.
//!
//! Reads with `pread` only. Changes nothing before the table has decided, and nothing at all when
//! it refuses. Every change is made so that a crash inside of it, and a second recovery, end alike.
//!
//! Thread: the caller's, at open. Hot path: no.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::archive;
use crate::directory::{self, Folder, Listing};
use crate::error::{Damage, OpenError};
use crate::failed_sync;
use crate::format::{Geometry, RECORD, Slot};
use crate::options::Durability;
use crate::scan::{self, Content, Marks};
use crate::seal::open::Log;
use crate::storage::{Access, StoredFile};

/// Digits of the BLAKE3 hash of the bytes that a `.broken` file has in its name.
pub(crate) const BROKEN_HASH_DIGITS: usize = 16;

/// What opening a journal for writing found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The journal was made just now.
    pub created: bool,
    /// The last writer closed it in order (or it is new).
    pub clean: bool,
    /// How often a writer has opened this journal, this time included: the run's epoch.
    pub epoch: u64,
    /// Last record that is kept; 0 if there is none.
    pub last_seq: u64,
    /// How far the last writer was known to be on stable storage.
    pub durable_mark: u64,
    /// Size of a segment of this journal.
    pub segment_bytes: u64,
    /// What was cut off the end; empty unless a crash left something unfinished.
    pub removed: Vec<Removed>,
}

/// Bytes that recovery cut from a segment, and where it keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// File with the bytes.
    pub kept_in: PathBuf,
    /// First sequence that is cut.
    pub from_seq: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Whole records among them: appended, never promised, and behind a hole.
    pub whole_records: u64,
}

/// Whether the durable mark covers the first place that is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promised {
    Yes,
    No,
}

/// What stands at and behind that place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Zeros,
    Junk,
    Records,
}

/// Whether the machine has been running since the last writer opened the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Boot {
    Same,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Open,
    Cut,
    Refuse,
}

struct Case {
    label: &'static str,
    promised: &'static [Promised],
    behind: &'static [Behind],
    boot: &'static [Boot],
    decision: Decision,
}

const NO: &[Promised] = &[Promised::No];
const YES: &[Promised] = &[Promised::Yes];
const ANY_BOOT: &[Boot] = &[Boot::Same, Boot::Other];
const ANYTHING: &[Behind] = &[Behind::Zeros, Behind::Junk, Behind::Records];

const fn case(
    label: &'static str,
    promised: &'static [Promised],
    behind: &'static [Behind],
    boot: &'static [Boot],
    decision: Decision,
) -> Case {
    Case {
        label,
        promised,
        behind,
        boot,
        decision,
    }
}

// Legend: the first place that is not good is `f`.
//   promised  the durable mark is at or past f
//   behind    at f and after it, in this segment and later ones: Zeros | Junk (no whole record) |
//             Records (at least one whole record)
//   boot      Same: the kernel has run since the last open, so its page cache lost nothing and a
//             killed process leaves at most one unfinished record. Other: power may have failed.
const CASES: [Case; 5] = [
    // The usual end of a journal whose writer was killed.
    case("@A", NO, &[Behind::Zeros], ANY_BOOT, Decision::Open),
    // A torn tail: the last record was being stored, or its pages were lost.
    case("@B", NO, &[Behind::Junk], ANY_BOOT, Decision::Cut),
    // A hole: later pages reached the disk before earlier ones. None of them was promised.
    case("@C", NO, &[Behind::Records], &[Boot::Other], Decision::Cut),
    // A hole that no crash can make: somebody or something changed a record.
    case(
        "@D",
        NO,
        &[Behind::Records],
        &[Boot::Same],
        Decision::Refuse,
    ),
    // What was promised is missing or changed.
    case("@E", YES, ANYTHING, ANY_BOOT, Decision::Refuse),
];

fn decide(promised: Promised, behind: Behind, boot: Boot) -> (&'static str, Decision) {
    CASES
        .iter()
        .find(|case| {
            case.promised.contains(&promised)
                && case.behind.contains(&behind)
                && case.boot.contains(&boot)
        })
        // Every combination has a row (`cases_every_combination_has_one_row`).
        .map_or(("@?", Decision::Refuse), |case| (case.label, case.decision))
}

/// What a journal's files hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Survey {
    /// By segment, from the first that is kept.
    contents: Vec<(u32, Content)>,
    /// Newest durable mark of all segments, header pages and records.
    mark: u64,
}

/// Where the log ends after recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) last_seq: u64,
    /// The newest mark that was found.
    pub(crate) durable_mark: u64,
    /// What is on stable storage now.
    pub(crate) durable_seq: u64,
    pub(crate) removed: Vec<Removed>,
}

/// Finds the end of the log, repairing what a crash may leave.
///
/// # Errors
///
/// [`OpenError`] for everything that a crash cannot leave, and what `gate` gives, which is asked
/// about the log's end before anything is changed; nothing is changed then.
pub(crate) fn recover(
    folder: &Folder,
    slot: &Slot,
    boot_id: [u8; 16],
    durability: Durability,
    gate: impl FnOnce(Log) -> Result<(), OpenError>,
) -> Result<End, OpenError> {
    let listing = folder.list()?;
    let segments = contiguous(folder, slot, &listing)?;
    let same_boot = slot.is_of_boot(boot_id);
    if let Some(last_seq) = slot.clean_seq() {
        check_clean_end(folder, slot, &listing.segments, last_seq)?;
        gate(Log {
            last_seq,
            clean: true,
            same_boot,
        })?;
        remove_unfinished(folder, &listing.unfinished)?;
        return Ok(End {
            last_seq,
            durable_mark: last_seq,
            durable_seq: last_seq,
            removed: Vec::new(),
        });
    }
    let geometry = slot.geometry();
    let survey = survey(folder, geometry, &segments, &listing.segments)?;
    let (f, behind) = first_not_good(geometry, slot.first_segment, &survey.contents);
    let promised = if f <= survey.mark {
        Promised::Yes
    } else {
        Promised::No
    };
    let boot = if same_boot { Boot::Same } else { Boot::Other };
    let (label, decision) = decide(promised, behind, boot);
    if decision == Decision::Refuse {
        return Err(OpenError::Damaged(damage(folder, geometry, f, label)));
    }
    gate(Log {
        last_seq: f - 1,
        clean: false,
        same_boot,
    })?;
    // Before cutting: an earlier recovery may have died with a `.new` of the same name.
    remove_unfinished(folder, &listing.unfinished)?;
    let removed = match decision {
        Decision::Cut => cut(folder, geometry, f, &survey.contents)?,
        Decision::Open | Decision::Refuse => Vec::new(),
    };
    let target = match durability {
        Durability::Interval(_) => f - 1,
        // As for a running writer: full segments. In the strict modes the writer syncs the rest
        // when it has left the block in which the log ends.
        Durability::Process | Durability::Group | Durability::Sync => {
            geometry.full_segments_end(f - 1)
        }
        Durability::Volatile => survey.mark,
    };
    sync_seen(folder, geometry, survey.mark, &survey.contents)?;
    Ok(End {
        last_seq: f - 1,
        durable_mark: survey.mark,
        durable_seq: survey.mark.max(target),
        removed,
    })
}

fn damage(folder: &Folder, geometry: Geometry, seq: u64, label: &str) -> Damage {
    let place = geometry.place(seq);
    let segment = place.map_or(u32::MAX, |place| place.segment);
    Damage {
        path: folder.segment_path(segment),
        seq,
        offset: place.map_or(0, |place| place.offset),
        what: match label {
            "@D" => "is damaged and has whole records behind it",
            _ => "was on stable storage and is now missing or damaged",
        },
    }
}

/// The segments' numbers, raw and archived, if none is missing. A journal that was ever opened has
/// one. Those before the first one that is kept do not count: a crash left them of a prune.
fn contiguous(folder: &Folder, slot: &Slot, listing: &Listing) -> Result<Vec<u32>, OpenError> {
    let all = listing.segments.iter().chain(&listing.archived).copied();
    let kept: BTreeSet<u32> = all.filter(|&id| id >= slot.first_segment).collect();
    for (expected, &id) in (slot.first_segment..).zip(&kept) {
        if id != expected {
            let path = folder.segment_path(expected);
            return Err(OpenError::SegmentMissing { path });
        }
    }
    if kept.is_empty() && slot.epoch > 0 {
        let path = folder.segment_path(slot.first_segment);
        return Err(OpenError::SegmentMissing { path });
    }
    Ok(kept.into_iter().collect())
}

/// After a close in order the end is known: the last record is there, and nothing behind it.
/// Constant time but for the names: the first and the last header are looked at here, the others
/// and the records when they are read.
fn check_clean_end(
    folder: &Folder,
    slot: &Slot,
    segments: &[u32],
    last_seq: u64,
) -> Result<(), OpenError> {
    let geometry = slot.geometry();
    let kept = |id: &&u32| **id >= slot.first_segment;
    for &id in segments
        .iter()
        .find(kept)
        .into_iter()
        .chain(segments.last())
    {
        scan::open(folder, geometry, id, Access::Read)?;
    }
    for (seq, expected, what) in [
        (
            last_seq,
            true,
            "is the last one of a clean close and is missing or damaged",
        ),
        (
            last_seq + 1,
            false,
            "is behind the last one of a clean close",
        ),
    ] {
        let Some(place) = geometry.place(seq) else {
            continue;
        };
        if !expected && !segments.contains(&place.segment) {
            continue;
        }
        let file = scan::open(folder, geometry, place.segment, Access::Read)?;
        let path = folder.segment_path(place.segment);
        let index = seq - geometry.first_seq(place.segment);
        let (good, used) = scan::place(&*file, geometry, place.segment, index)
            .map_err(OpenError::io("read", &path))?;
        if (expected && !good) || (!expected && used) {
            let offset = place.offset;
            return Err(OpenError::Damaged(Damage {
                path,
                seq,
                offset,
                what,
            }));
        }
    }
    Ok(())
}

/// Reads the segments that are there `raw`. The others are archived, which only what is full and on
/// stable storage is; they are read when they are asked for, as after a close in order.
fn survey(
    folder: &Folder,
    geometry: Geometry,
    segments: &[u32],
    raw: &[u32],
) -> Result<Survey, OpenError> {
    let mut survey = Survey {
        contents: Vec::new(),
        mark: 0,
    };
    for &id in segments {
        if raw.binary_search(&id).is_err() {
            archive::read::check(folder, geometry, id)?;
            let full = Content::full(geometry, id);
            survey.mark = survey.mark.max(full.mark);
            survey.contents.push((id, full));
            continue;
        }
        let file = scan::open(folder, geometry, id, Access::Read)?;
        let path = folder.segment_path(id);
        match scan::marks(&*file, geometry.seed(id)).map_err(OpenError::io("read", &path))? {
            Marks::None => {}
            Marks::Valid(mark) => survey.mark = survey.mark.max(mark.durable_seq),
            Marks::Bad => return Err(OpenError::bad_mark(path)),
        }
        let content = scan::content(&*file, geometry, id).map_err(OpenError::io("read", &path))?;
        survey.mark = survey.mark.max(content.mark);
        survey.contents.push((id, content));
    }
    Ok(survey)
}

/// The first sequence that is not good, and what stands there and behind.
fn first_not_good(geometry: Geometry, first: u32, contents: &[(u32, Content)]) -> (u64, Behind) {
    let mut end = None;
    let mut behind = Behind::Zeros;
    let mut next = geometry.first_seq(first);
    for &(id, content) in contents {
        let whole = match end {
            None => content.good_behind,
            Some(_) => content.good + content.good_behind,
        };
        let kept = if end.is_none() { content.good } else { 0 };
        if whole > 0 {
            behind = Behind::Records;
        } else if content.used > kept && behind == Behind::Zeros {
            behind = Behind::Junk;
        }
        next = geometry.first_seq(id) + content.good;
        if end.is_none() && content.good < geometry.records_per_segment() {
            end = Some(next);
        }
    }
    (end.unwrap_or(next), behind)
}

/// Cuts everything from sequence `f` on: later segments first, so that a crash in between finds the
/// same `f` again.
fn cut(
    folder: &Folder,
    geometry: Geometry,
    f: u64,
    contents: &[(u32, Content)],
) -> Result<Vec<Removed>, OpenError> {
    let mut removed = Vec::new();
    for &(id, content) in contents.iter().rev() {
        let first = geometry.first_seq(id);
        let keep = f.saturating_sub(first).min(geometry.records_per_segment());
        if content.used <= keep {
            continue;
        }
        let file = scan::open(folder, geometry, id, Access::Write)?;
        let from = scan::offset_of(keep);
        let bytes = (content.used - keep) * RECORD;
        let path = folder.segment_path(id);
        let kept_in = keep_aside(folder, &path, &*file, first + keep, from, bytes)?;
        failed_sync::noted(folder, zero(&*file, from, bytes))
            .map_err(OpenError::io("cut the torn end of", &path))?;
        removed.push(Removed {
            kept_in,
            from_seq: first + keep,
            bytes,
            whole_records: content.good + content.good_behind - keep.min(content.good),
        });
    }
    removed.reverse();
    Ok(removed)
}

/// Copies bytes that are about to be cut into a `.broken` file, durably, never over another one.
fn keep_aside(
    folder: &Folder,
    segment: &Path,
    file: &dyn StoredFile,
    seq: u64,
    from: u64,
    bytes: u64,
) -> Result<PathBuf, OpenError> {
    let new = directory::unfinished(&segment.with_extension(format!("{seq}.broken")));
    let out = folder.open("keep the torn end in", &new, Access::Create)?;
    let mut hasher = blake3::Hasher::new();
    in_chunks(from, bytes, |offset, buffer| {
        file.read_exact_at(buffer, offset)?;
        hasher.update(buffer);
        out.write_all_at(buffer, offset - from)
    })
    .and_then(|()| out.sync_all())
    .map_err(OpenError::io("keep the torn end in", &new))?;
    // A file of this name has the same bytes.
    let hash = hasher.finalize().to_hex();
    let path = segment.with_extension(format!("{seq}.{}.broken", &hash[..BROKEN_HASH_DIGITS]));
    folder.publish(&new, &path)?;
    Ok(path)
}

fn zero(file: &dyn StoredFile, from: u64, bytes: u64) -> io::Result<()> {
    in_chunks(from, bytes, |offset, buffer| {
        buffer.fill(0);
        file.write_all_at(buffer, offset)
    })?;
    file.sync_all()
}

fn in_chunks(
    from: u64,
    bytes: u64,
    mut each: impl FnMut(u64, &mut [u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0;
    while done < bytes {
        let rest = usize::try_from(bytes - done).unwrap_or(usize::MAX);
        let len = rest.min(buffer.len());
        each(from + done, &mut buffer[..len])?;
        done += len as u64;
    }
    Ok(())
}

/// What was read here may stand in the page cache only: records, and zeros that a recovery wrote
/// which died before it synced them. Records go behind it from now on, so it is synced first, up to
/// the last segment: or a power failure could bring back what was cut, behind new records.
fn sync_seen(
    folder: &Folder,
    geometry: Geometry,
    mark: u64,
    contents: &[(u32, Content)],
) -> Result<(), OpenError> {
    let from = geometry.place(mark + 1).map_or(0, |place| place.segment);
    for &(id, _) in contents.iter().filter(|&&(id, _)| id >= from) {
        let file = scan::open(folder, geometry, id, Access::Write)?;
        let path = folder.segment_path(id);
        failed_sync::noted(folder, file.sync_all()).map_err(OpenError::io("sync", &path))?;
    }
    folder.sync()
}

fn remove_unfinished(folder: &Folder, files: &[PathBuf]) -> Result<(), OpenError> {
    files.iter().try_for_each(|path| folder.remove(path))
}

#[cfg(test)]
mod tests;
