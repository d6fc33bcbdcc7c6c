//! Removes the oldest segments, by size or age, and never one that the oldest snapshot needs.
//!
//! The superblock's `first_segment` is raised first, durably; then the files are removed; then the
//! directory is synced. Whenever that stops, the log starts where the superblock says: files below
//! that are left over, count for nothing, and are removed by the next prune or writer.
//!
//! The superblock is the writer's. So a prune from outside takes the writer's lock; while a writer
//! lives, its own [`Pruner`] does the work.
//!
//! Thread: any, cold. Hot path: no.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zerocopy::IntoBytes;

use crate::archive;
use crate::directory::{Folder, Listing};
use crate::error::OpenError;
use crate::format::{Geometry, Slot};
use crate::scan;
use crate::shared::Shared;
use crate::snapshot;
use crate::storage::Access;
use crate::superblock;
use crate::upkeep::{self, Upkeep, UpkeepError};
use model::record::{Kind, Record};

/// Places at a segment's start in which a time is looked for.
const HEAD_PLACES: u64 = 512;

/// How much history to keep. A segment goes as soon as one of the two says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PruneOptions {
    /// Keep at most this many bytes of segments, raw, archived and prepared.
    pub keep_bytes: Option<u64>,
    /// Keep what is younger than this, by the machine time of the records.
    pub keep_age: Option<Duration>,
    /// Change nothing, only say what would be removed.
    pub dry_run: bool,
}

/// Why a segment that the options do not want is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// There is no good snapshot, so a restart needs the whole log.
    NoSnapshot,
    /// The oldest good snapshot is at this sequence: a restart may need the records behind it.
    Snapshot {
        /// Its sequence.
        seq: u64,
    },
    /// It is in use, not on stable storage or not sealed yet, or the newest that is: that one
    /// always stays.
    InUse,
}

/// What a prune did, or with `dry_run` would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Pruned {
    /// Segments that are no longer part of the log.
    pub segments: Vec<u32>,
    /// Files that an earlier prune had left and that are removed too.
    pub leftovers: u64,
    /// Bytes of all these files.
    pub bytes: u64,
    /// Bytes of the segments that stay.
    pub kept_bytes: u64,
    /// First sequence of the log now.
    pub first_seq: u64,
    /// Why more stays than the options want, if it does.
    pub held: Option<Held>,
}

/// Prunes a journal that no writer has.
///
/// # Errors
///
/// [`UpkeepError`]; [`OpenError::Locked`] if a writer has it.
pub fn prune(folder: &Folder, options: PruneOptions) -> Result<Pruned, UpkeepError> {
    let upkeep = Upkeep::begin(folder)?;
    if upkeep.writer_lock.is_none() {
        let path = folder.dir().to_path_buf();
        return Err(OpenError::Locked { path }.into());
    }
    let done = upkeep.done()?;
    let plan = Plan::new(folder, &upkeep.slot, &upkeep.listing, &done, options)?;
    if !options.dry_run {
        if let Some(first) = plan.raise_to(&upkeep.slot) {
            superblock::write(folder, &upkeep.slot.starting_at(first))?;
        }
        plan.remove(folder)?;
    }
    Ok(plan.pruned)
}

/// The slot of a writer that lives; `None` when it has gone.
type SharedSlot = Arc<Mutex<Option<Slot>>>;

fn hold(slot: &SharedSlot) -> MutexGuard<'_, Option<Slot>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writer's hold on its slot: when it goes, no pruner writes the superblock any more.
pub(crate) struct WritersSlot {
    slot: SharedSlot,
    epoch: u64,
}

impl WritersSlot {
    pub(crate) fn new(slot: Slot) -> Self {
        Self {
            slot: Arc::new(Mutex::new(Some(slot))),
            epoch: slot.epoch,
        }
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Ends it; the slot as it is now.
    pub(crate) fn take(&self) -> Option<Slot> {
        hold(&self.slot).take()
    }

    pub(crate) fn share(&self) -> SharedSlot {
        Arc::clone(&self.slot)
    }
}

impl Drop for WritersSlot {
    fn drop(&mut self) {
        self.take();
    }
}

/// Prunes the journal of a living writer; see [`crate::Writer::pruner`].
pub struct Pruner {
    folder: Folder,
    slot: SharedSlot,
    shared: Arc<Shared>,
}

impl Pruner {
    pub(crate) const fn new(folder: Folder, slot: SharedSlot, shared: Arc<Shared>) -> Self {
        Self {
            folder,
            slot,
            shared,
        }
    }

    /// Removes what the options do not want; nothing when the writer has gone. On a cold thread:
    /// it reads the snapshots, and waits for the disk.
    ///
    /// # Errors
    ///
    /// [`UpkeepError`]. A failure to write the superblock leaves it as it was, or as it should be.
    pub fn prune(&self, options: PruneOptions) -> Result<Pruned, UpkeepError> {
        let Some(slot) = *hold(&self.slot) else {
            return Ok(Pruned::default());
        };
        let _own_lock = upkeep::own_lock(&self.folder)?;
        let listing = self.folder.list()?;
        let done = upkeep::done(&self.folder, &slot, &listing, self.shared.durable())?;
        let plan = Plan::new(&self.folder, &slot, &listing, &done, options)?;
        if options.dry_run {
            return Ok(plan.pruned);
        }
        if let Some(first) = plan.raise_to(&slot) {
            // Held while it is written: the writer closes with what is in here.
            let mut held = hold(&self.slot);
            let Some(slot) = held.as_mut() else {
                return Ok(Pruned::default());
            };
            let raised = slot.starting_at(first);
            superblock::write(&self.folder, &raised)?;
            *slot = raised;
        }
        plan.remove(&self.folder)?;
        Ok(plan.pruned)
    }
}

/// What will be removed.
struct Plan {
    pruned: Pruned,
    first: u32,
    files: Vec<PathBuf>,
}

impl Plan {
    fn new(
        folder: &Folder,
        slot: &Slot,
        listing: &Listing,
        done: &[u32],
        options: PruneOptions,
    ) -> Result<Self, UpkeepError> {
        let geometry = slot.geometry();
        let files = segment_files(folder, listing)?;
        let size = |wanted: u32| -> u64 {
            let of = files.iter().filter(|(id, ..)| *id == wanted);
            of.map(|(_, _, bytes)| bytes).sum()
        };
        let kept = files.iter().filter(|(id, ..)| *id >= slot.first_segment);
        let mut pruned = Pruned {
            kept_bytes: kept.map(|(_, _, bytes)| bytes).sum(),
            ..Pruned::default()
        };
        let needed = snapshot::oldest_needed(folder, slot.journal_id)?;
        let now_ns = folder.storage().now_ns();
        for id in slot.first_segment..=u32::MAX {
            let too_many = options
                .keep_bytes
                .is_some_and(|keep| keep < pruned.kept_bytes);
            if !too_many && !is_old(folder, geometry, listing, id, options.keep_age, now_ns)? {
                break;
            }
            // The newest one that is done always stays.
            let may_go = done.contains(&id) && done.last() != Some(&id);
            let free = needed.is_some_and(|needed| geometry.last_seq(id) <= needed);
            pruned.held = match needed {
                _ if !may_go => Some(Held::InUse),
                None => Some(Held::NoSnapshot),
                Some(seq) if !free => Some(Held::Snapshot { seq }),
                Some(_) => None,
            };
            if pruned.held.is_some() {
                break;
            }
            pruned.segments.push(id);
            pruned.bytes += size(id);
            pruned.kept_bytes -= size(id);
        }
        let first = pruned
            .segments
            .last()
            .map_or(slot.first_segment, |last| last + 1);
        pruned.first_seq = geometry.first_seq(first);
        let left = files.iter().filter(|(id, ..)| *id < slot.first_segment);
        for (_, _, bytes) in left {
            pruned.leftovers += 1;
            pruned.bytes += bytes;
        }
        let gone = files.into_iter().filter(|(id, ..)| *id < first);
        Ok(Self {
            pruned,
            first,
            files: gone.map(|(_, path, _)| path).collect(),
        })
    }

    /// Where the log is to start, if that is not where it starts now.
    fn raise_to(&self, slot: &Slot) -> Option<u32> {
        (slot.first_segment < self.first).then_some(self.first)
    }

    /// Removes the files, oldest first, and syncs the directory.
    fn remove(&self, folder: &Folder) -> Result<(), OpenError> {
        for path in &self.files {
            folder.remove(path)?;
        }
        if self.files.is_empty() {
            return Ok(());
        }
        folder.sync()
    }
}

/// Removes what a prune left that was cut off behind raising the superblock. For the writer's open.
pub(crate) fn remove_left(folder: &Folder, slot: &Slot) -> Result<(), OpenError> {
    let files = segment_files(folder, &folder.list()?)?;
    let left = files.iter().filter(|(id, ..)| *id < slot.first_segment);
    let paths: Vec<&PathBuf> = left.map(|(_, path, _)| path).collect();
    for path in &paths {
        folder.remove(path)?;
    }
    if paths.is_empty() {
        return Ok(());
    }
    folder.sync()
}

/// Every segment's files, raw and archived, with their sizes; by number.
fn segment_files(
    folder: &Folder,
    listing: &Listing,
) -> Result<Vec<(u32, PathBuf, u64)>, OpenError> {
    let raw = listing
        .segments
        .iter()
        .map(|&id| (id, folder.segment_path(id)));
    let packed = listing.archived.iter();
    let packed = packed.map(|&id| (id, archive::read::path_of(folder, id)));
    let mut files = Vec::new();
    for (id, path) in raw.chain(packed) {
        let size = folder.open("open", &path, Access::Read)?.size();
        let size = size.map_err(OpenError::io("read", &path))?;
        files.push((id, path, size));
    }
    files.sort();
    Ok(files)
}

/// Whether everything in a segment is older than `keep`: the next segment begins before that.
fn is_old(
    folder: &Folder,
    geometry: Geometry,
    listing: &Listing,
    id: u32,
    keep: Option<Duration>,
    now_ns: u64,
) -> Result<bool, OpenError> {
    let Some(keep) = keep else {
        return Ok(false);
    };
    let keep_ns = u64::try_from(keep.as_nanos()).unwrap_or(u64::MAX);
    let next = id.saturating_add(1);
    let records = if listing.segments.binary_search(&next).is_ok() {
        raw_head(folder, geometry, next)?
    } else if listing.archived.binary_search(&next).is_ok() {
        archive::read::head(folder, geometry, next, HEAD_PLACES)?
    } else {
        return Ok(false);
    };
    let is_timed = |record: &&Record| record.kind < Kind::FIRST_COMMAND && record.time_ns > 0;
    let first = records
        .iter()
        .take_while(|record| record.kind != 0)
        .find(is_timed);
    Ok(first.is_some_and(|first| keep_ns < now_ns.saturating_sub(first.time_ns)))
}

/// The first records of a raw segment.
fn raw_head(folder: &Folder, geometry: Geometry, id: u32) -> Result<Vec<Record>, OpenError> {
    let file = scan::open(folder, geometry, id, Access::Read)?;
    let path = folder.segment_path(id);
    let count = HEAD_PLACES.min(geometry.records_per_segment());
    let mut records = vec![Record::ZERO; usize::try_from(count).unwrap_or(0)];
    let read = file.read_exact_at(records.as_mut_bytes(), scan::offset_of(0));
    read.map_err(OpenError::io("read", &path))?;
    Ok(records)
}
