//! What is checked when a journal is opened for sealed writing, before anything is changed.
//!
//! The last checkpoint is held against the log: the tree is taken up at the newest footer that it
//! covers, and the records from there up to the checkpoint are hashed. That is at most one segment
//! (more only if the sealer was behind when it was killed), whatever the journal's length. Older
//! history is the business of `verify`.
//!
//! | the log, beside the last checkpoint | closed in order, or same boot | power may have failed |
//! |---|---|---|
//! | has its records, same root | go on | go on |
//! | has its records, another root | refuse: changed | refuse: changed |
//! | is shorter | refuse: removed, or an older copy | go on, with a signed `cut` note |
//!
//! Thread: the caller's, at open. Hot path: no.

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread::Builder;
use std::time::Duration;

use super::error::SealError;
use super::files::{self, Tail};
use super::footer::{FOOTER, Footer, Found};
use super::key::PublicKey;
use super::note::Checkpoint;
use super::records::{Fault, Records, all_threads};
use super::tree::{Frontier, GROUP, Hash};
use super::{SealOptions, sealer::Sealer};
use crate::directory::Folder;
use crate::error::{Damage, OpenError};
use crate::format::{Geometry, Slot};
use crate::options::Options;
use crate::scan;
use crate::storage::{Access, StoredFile};

/// How long an opening waits for a copy of the checkpoints elsewhere.
const COPY_WAIT: Duration = Duration::from_secs(2);

/// What recovery is about to leave of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Log {
    /// Last record that is kept.
    pub(crate) last_seq: u64,
    /// The last writer closed in order.
    pub(crate) clean: bool,
    /// The kernel has run since the last writer opened the journal.
    pub(crate) same_boot: bool,
}

/// Where the sealer takes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resume {
    /// Tree over whole groups.
    pub(crate) base: Frontier,
    /// Tree before the segment that goes on behind `base`.
    pub(crate) start: Frontier,
    /// Chain of the segment before that.
    pub(crate) chain: Hash,
}

/// What the check found; nothing is changed yet.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) resume: Resume,
    /// The notes in the journal.
    pub(crate) notes: Tail,
    /// The log lost its end with the power: the last checkpoint must be voided.
    pub(crate) cut: bool,
    pub(crate) has_public_key: bool,
}

/// A checkpoint with the file that has it.
struct Claim {
    said: Checkpoint,
    path: PathBuf,
}

/// Holds the journal against its last checkpoint.
///
/// # Errors
///
/// [`OpenError::Seal`] as the table says; [`OpenError`] for what cannot be read.
pub(crate) fn check(
    folder: &Folder,
    slot: &Slot,
    options: &SealOptions,
    log: Log,
) -> Result<Plan, OpenError> {
    let geometry = slot.geometry();
    let key = options.key.public(slot.journal_id);
    let has_public_key = files::has_public_key(folder, &key)?;
    let path = files::checkpoints_path(folder);
    let notes = files::tail(folder.storage(), &path, &key)?;
    if log.clean && notes.len > notes.whole {
        let offset = notes.whole;
        return Err(SealError::Behind { path, offset }.into());
    }
    let claims = claims(folder, &key, &options.also, notes.last);
    let mut cut = false;
    for claim in &claims {
        if claim.said.size > log.last_seq {
            if log.clean || log.same_boot {
                return Err(shorter(&claim.path, claim.said.size, log));
            }
            cut = true;
        }
    }
    // Nothing below a `cut` is void, so a note that is one counts like any other here.
    let newest = newest_footer(folder, slot, log.last_seq, u64::MAX)?;
    let reach = |claim: &Claim| claim.said.size.min(log.last_seq);
    let lowest = claims.iter().map(reach).min().unwrap_or(log.last_seq);
    let from = match &newest {
        Some(newest) if newest.end.size() > lowest => {
            newest_footer(folder, slot, log.last_seq, lowest)?
        }
        Some(_) | None => newest.clone(),
    };
    let mut base = match from {
        Some(below) => below.end,
        None => first_frontier(folder, slot)?,
    };
    hold_against(folder, geometry, &mut base, &claims, log)?;
    Ok(Plan {
        resume: resume(folder, slot, newest, base, log)?,
        cut: cut && notes.last.is_some_and(|last| last.size > log.last_seq),
        notes,
        has_public_key,
    })
}

fn shorter(path: &Path, covered: u64, log: Log) -> OpenError {
    let (path, last_seq) = (path.to_path_buf(), log.last_seq);
    OpenError::Seal(SealError::Shorter {
        path,
        covered,
        last_seq,
    })
}

/// The last checkpoint, and those of the copies elsewhere that are larger: an older copy of the
/// whole journal agrees with itself, but not with them. By size.
fn claims(
    folder: &Folder,
    key: &PublicKey,
    also: &[PathBuf],
    last: Option<Checkpoint>,
) -> Vec<Claim> {
    let path = files::checkpoints_path(folder);
    let mut claims: Vec<Claim> = last.map(|said| Claim { said, path }).into_iter().collect();
    let known = last.map_or(0, |last| last.size);
    for path in also {
        if let Some(Tail {
            last: Some(said), ..
        }) = tail_elsewhere(folder, path, key)
            && said.size > known
        {
            let path = path.clone();
            claims.push(Claim { said, path });
        }
    }
    claims.sort_by_key(|claim| claim.said.size);
    claims
}

/// The end of a copy. One that cannot be read, or not in time, is the sealer's to report: it must
/// not stop the engine.
fn tail_elsewhere(folder: &Folder, path: &Path, key: &PublicKey) -> Option<Tail> {
    let (send, found) = channel();
    let (folder, path, key) = (folder.clone(), path.to_path_buf(), *key);
    let read = move || {
        // Nobody listens any more if it took too long.
        let _ = send.send(files::tail(folder.storage(), &path, &key).ok());
    };
    Builder::new()
        .name("journal-copy".to_owned())
        .spawn(read)
        .ok()?;
    found.recv_timeout(COPY_WAIT).ok()?
}

/// The newest seal whose segment ends at or before `limit`; none if there is none.
fn newest_footer(
    folder: &Folder,
    slot: &Slot,
    last_seq: u64,
    limit: u64,
) -> Result<Option<Footer>, OpenError> {
    let geometry = slot.geometry();
    let segments = files::segments(folder)?;
    for &segment in segments.iter().rev() {
        if geometry.last_seq(segment) > limit {
            continue;
        }
        if let Found::Sealed(footer) = read_footer(folder, geometry, segment)? {
            if footer.end.size() > last_seq {
                return Err(OpenError::Seal(SealError::Shorter {
                    path: folder.segment_path(segment),
                    covered: footer.end.size(),
                    last_seq,
                }));
            }
            return Ok(Some(*footer));
        }
    }
    Ok(None)
}

/// What stands in the place of a segment's footer.
pub(crate) fn read_footer(
    folder: &Folder,
    geometry: Geometry,
    segment: u32,
) -> Result<Found, OpenError> {
    let file = scan::open(folder, geometry, segment, Access::Read)?;
    let path = folder.segment_path(segment);
    let bytes = footer_bytes(&*file, geometry).map_err(OpenError::io("read", &path))?;
    Ok(Footer::decode(&bytes, geometry, segment))
}

/// The footer page of a segment.
pub(crate) fn footer_bytes(
    file: &dyn StoredFile,
    geometry: Geometry,
) -> std::io::Result<Box<[u8; FOOTER]>> {
    let mut bytes = Box::new([0; FOOTER]);
    file.read_exact_at(&mut *bytes, geometry.records_end())?;
    Ok(bytes)
}

/// The tree before the first record that is kept.
fn first_frontier(folder: &Folder, slot: &Slot) -> Result<Frontier, OpenError> {
    let groups = (slot.geometry().first_seq(slot.first_segment) - 1) / GROUP;
    let frontier = frontier_of_leaves(&files::read_leaves(folder)?, groups);
    frontier.ok_or_else(|| {
        let path = folder.dir().to_path_buf();
        OpenError::Seal(SealError::Pruned { path })
    })
}

/// The tree over the first `groups` groups, from their stored hashes; `None` if one is unknown.
pub(crate) fn frontier_of_leaves(leaves: &[Hash], groups: u64) -> Option<Frontier> {
    let mut frontier = Frontier::default();
    let known = leaves.get(..usize::try_from(groups).ok()?)?;
    for hash in known {
        if *hash == [0; 32] {
            return None;
        }
        frontier.push_group(*hash);
    }
    Some(frontier)
}

/// Hashes the log from `base` on and compares at each claim; `base` goes up to the last of them.
fn hold_against(
    folder: &Folder,
    geometry: Geometry,
    base: &mut Frontier,
    claims: &[Claim],
    log: Log,
) -> Result<(), OpenError> {
    let mut records = Records::new(folder, geometry);
    let bad = |fault| match fault {
        Fault::Open(error) => error,
        Fault::Bad { seq } => OpenError::Damaged(damage(folder, geometry, seq)),
    };
    let mut agreed = base.size();
    for claim in claims {
        let size = claim.said.size;
        if size > log.last_seq {
            continue;
        }
        let first = base.size() / GROUP;
        let groups = size / GROUP - first;
        let hashes = records.groups(first, groups, all_threads()).map_err(bad)?;
        for hash in &hashes {
            base.push_group(*hash);
        }
        if records.root_at(base, size).map_err(bad)? != claim.said.root {
            let span = (agreed + 1, size);
            let (from, to) = narrow(folder, first, &hashes, span)?;
            return Err(changed(folder, geometry, claim, from, to));
        }
        agreed = size;
    }
    Ok(())
}

/// The first group that is not as the file `leaves` has it, if there is one.
fn narrow(
    folder: &Folder,
    first: u64,
    hashes: &[Hash],
    span: (u64, u64),
) -> Result<(u64, u64), OpenError> {
    let leaves = files::read_leaves(folder)?;
    for (group, hash) in (first..).zip(hashes) {
        let stored = usize::try_from(group)
            .ok()
            .and_then(|group| leaves.get(group));
        if stored.is_some_and(|stored| stored != hash) {
            let from = group * GROUP + 1;
            return Ok((from, from + GROUP - 1));
        }
    }
    Ok(span)
}

fn changed(folder: &Folder, geometry: Geometry, claim: &Claim, from: u64, to: u64) -> OpenError {
    let place = geometry.place(from);
    OpenError::Seal(SealError::Changed {
        from,
        to,
        segment: folder.segment_path(place.map_or(u32::MAX, |place| place.segment)),
        offset: place.map_or(0, |place| place.offset),
        size: claim.said.size,
        path: claim.path.clone(),
    })
}

fn damage(folder: &Folder, geometry: Geometry, seq: u64) -> Damage {
    let place = geometry.place(seq);
    Damage {
        path: folder.segment_path(place.map_or(u32::MAX, |place| place.segment)),
        seq,
        offset: place.map_or(0, |place| place.offset),
        what: "is covered by a checkpoint and is now missing or damaged",
    }
}

/// Takes up where the check ended if it can: in the segment behind the newest footer, with all
/// groups before known by hash. Else at that footer; else, if hashes are missing, at the start.
fn resume(
    folder: &Folder,
    slot: &Slot,
    newest: Option<Footer>,
    base: Frontier,
    log: Log,
) -> Result<Resume, OpenError> {
    let geometry = slot.geometry();
    let (start, chain) = match newest {
        Some(newest) => (newest.end, newest.chain),
        None => (first_frontier(folder, slot)?, [0; 32]),
    };
    let end = start.size() + geometry.records_per_segment();
    let mut known = files::count_leaves(folder)? * GROUP;
    if !log.clean && !log.same_boot {
        // Hashes behind the newest footer were not synced: the power may have taken any of them.
        known = known.min(start.size());
    }
    if known < start.size() && slot.first_segment == 0 {
        return Ok(Resume {
            base: Frontier::default(),
            start: Frontier::default(),
            chain: [0; 32],
        });
    }
    let base = if (start.size()..=end).contains(&base.size()) && known >= base.size() {
        base
    } else {
        start.clone()
    };
    Ok(Resume { base, start, chain })
}

impl Plan {
    /// Makes what is missing and gives the sealer.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`].
    pub(crate) fn start(
        self,
        folder: &Folder,
        slot: &Slot,
        options: &Options,
        last_seq: u64,
    ) -> Result<Option<Sealer>, OpenError> {
        let Some(seal) = &options.seal else {
            return Ok(None);
        };
        if !self.has_public_key {
            files::write_public_key(folder, &seal.key.public(slot.journal_id))?;
        }
        sync_newest(folder, slot.geometry(), self.resume.start.size())?;
        let cut = self.cut;
        let mut sealer = Sealer::new(folder, slot, (options.durability, seal), self)?;
        if cut {
            sealer.write_cut(last_seq)?;
        }
        Ok(Some(sealer))
    }
}

/// Puts the footer that the sealer goes on from on stable storage: the run that wrote it may have
/// been killed before it synced, and no later footer may be there without it.
fn sync_newest(folder: &Folder, geometry: Geometry, sealed: u64) -> Result<(), OpenError> {
    let Some(place) = geometry.place(sealed) else {
        return Ok(());
    };
    let path = folder.segment_path(place.segment);
    if !folder.has(&path)? {
        // Pruned or archived: it was on stable storage before.
        return Ok(());
    }
    let leaves = files::leaves_path(folder);
    for path in [leaves, path] {
        if folder.has(&path)? {
            let file = folder.open("sync", &path, Access::Write)?;
            file.sync_data().map_err(OpenError::io("sync", &path))?;
        }
    }
    Ok(())
}
