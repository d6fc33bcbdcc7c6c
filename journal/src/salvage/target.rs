//! The new journal: segments written whole, the superblock last.

use model::record::Record;
use zerocopy::IntoBytes;

use super::source::Source;
use crate::directory::Folder;
use crate::error::OpenError;
use crate::format::{Geometry, Mark, Slot, record_checksum};
use crate::options::Durability;
use crate::scan;
use crate::segment::{Prepared, Recipe, Segment, prepare};
use crate::superblock;
use crate::sync::write_mark;

use std::sync::Arc;

/// Records that are written at once.
const CHUNK: usize = 4_096;

/// A journal that is being made.
pub(super) struct Target {
    folder: Folder,
    slot: Slot,
    recipe: Recipe,
    segment: Option<Arc<Segment>>,
    /// Records that are not written yet, and the first one's sequence.
    buffer: Vec<Record>,
    next_seq: u64,
}

impl Target {
    /// A journal laid out as the source, with an id of its own.
    pub(super) fn new(folder: &Folder, source: &Source) -> Result<Self, OpenError> {
        let storage = folder.storage();
        let created_ns = storage.now_ns();
        let segment_bytes = source.geometry.segment_bytes;
        let journal_id = new_id(source.geometry.journal_id, created_ns);
        let mut slot =
            superblock::new_slot(journal_id, segment_bytes, created_ns, storage.boot_id());
        slot.first_segment = source.first;
        slot.epoch = source.epoch;
        let geometry = slot.geometry();
        Ok(Self {
            folder: folder.clone(),
            slot,
            recipe: Recipe {
                geometry,
                epoch: source.epoch,
                populate: 0,
                durability: Durability::Process,
            },
            segment: None,
            buffer: Vec::with_capacity(CHUNK),
            next_seq: geometry.first_seq(source.first),
        })
    }

    pub(super) const fn journal_id(&self) -> u64 {
        self.slot.journal_id
    }

    const fn geometry(&self) -> Geometry {
        self.recipe.geometry
    }

    /// Appends a record: the one that follows the last.
    pub(super) fn push(&mut self, record: &Record) -> Result<(), OpenError> {
        let seq = self.next_seq + self.buffer.len() as u64;
        assert_eq!(record.seq, seq, "Invariant J2: no gap in a salvaged log");
        let Some(place) = self.geometry().place(seq) else {
            return Ok(());
        };
        if self
            .segment
            .as_ref()
            .is_none_or(|open| open.id != place.segment)
        {
            self.write()?;
            self.sync()?;
            let Prepared { segment, view: _ } = prepare(&self.folder, place.segment, self.recipe)?;
            self.segment = Some(segment);
        }
        let mut copy = *record;
        copy.checksum = record_checksum(self.geometry().seed(place.segment), &copy);
        self.buffer.push(copy);
        if self.buffer.len() == CHUNK {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), OpenError> {
        let Some((segment, place)) = self
            .segment
            .as_ref()
            .zip(self.geometry().place(self.next_seq))
        else {
            return Ok(());
        };
        let path = self.folder.segment_path(segment.id);
        let written = segment
            .file
            .write_all_at(self.buffer.as_bytes(), place.offset);
        written.map_err(OpenError::io("write", &path))?;
        self.next_seq += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn sync(&self) -> Result<(), OpenError> {
        let Some(segment) = &self.segment else {
            return Ok(());
        };
        let path = self.folder.segment_path(segment.id);
        segment
            .file
            .sync_all()
            .map_err(OpenError::io("sync", &path))
    }

    /// Syncs all, and makes it a journal: one that was closed in order after `last_seq`.
    pub(super) fn finish(mut self, last_seq: u64) -> Result<(), OpenError> {
        self.write()?;
        self.sync()?;
        if let Some(segment) = &self.segment {
            let path = self.folder.segment_path(segment.id);
            let mark = Mark::sealed(last_seq, 1, self.geometry().seed(segment.id));
            write_mark(&*segment.file, mark).map_err(OpenError::io("write", &path))?;
            self.check(segment, last_seq)?;
        } else {
            // Opening for trading needs one, as every journal that was ever opened has.
            prepare(&self.folder, self.slot.first_segment, self.recipe)?;
        }
        self.sync()?;
        superblock::create(&self.folder, &self.slot.closed(last_seq))
    }

    /// Reads the last segment back: it must end where it should.
    fn check(&self, segment: &Segment, last_seq: u64) -> Result<(), OpenError> {
        let path = self.folder.segment_path(segment.id);
        let content = scan::content(&*segment.file, self.geometry(), segment.id);
        let content = content.map_err(OpenError::io("read", &path))?;
        let expected = last_seq + 1 - self.geometry().first_seq(segment.id);
        if content.good == expected && content.used == expected {
            return Ok(());
        }
        let what = "does not read back as it was written".to_owned();
        Err(OpenError::SegmentWrong { path, what })
    }
}

/// Told apart from the source, and from another salvage of it.
fn new_id(source: u64, created_ns: u64) -> u64 {
    let pid = u64::from(std::process::id());
    let mut hasher = blake3::Hasher::new();
    for word in [source, created_ns, pid] {
        hasher.update(&word.to_le_bytes());
    }
    let id = u64::from_le_bytes(
        *hasher
            .finalize()
            .as_bytes()
            .first_chunk()
            .unwrap_or(&[0; 8]),
    );
    if id == source { !id } else { id }
}
