//! The superblock: what a journal is, and how its last writer left it. Written twice.
//!
//! A change goes to slot A, is synced, then to slot B, and is synced: whenever the machine stops,
//! one slot is whole, and outside of a change both say the same.
//!
//! Thread: the caller's, cold. Hot path: no.

use std::path::PathBuf;

use crate::directory::{self, Folder};
use crate::error::OpenError;
use crate::format::{
    BLOCK_BYTES, Block, Geometry, SLOT_STRIDE, STATE_CLEAN, STATE_OPEN, SUPERBLOCK_BYTES,
    SUPERBLOCK_MAGIC, Slot, VERSION, open_block, seal_block,
};
use crate::storage::Access;

/// The slot of a journal that was just made.
pub(crate) fn new_slot(
    journal_id: u64,
    segment_bytes: u64,
    created_ns: u64,
    boot_id: [u8; 16],
) -> Slot {
    Slot {
        magic: SUPERBLOCK_MAGIC,
        version: VERSION,
        state: STATE_CLEAN,
        generation: 1,
        journal_id,
        segment_bytes,
        created_ns,
        epoch: 0,
        last_seq: 0,
        first_segment: 0,
        zero: 0,
        boot_id,
    }
}

impl Slot {
    pub(crate) const fn geometry(&self) -> Geometry {
        Geometry {
            journal_id: self.journal_id,
            segment_bytes: self.segment_bytes,
        }
    }

    /// The last sequence, if the last writer closed in order.
    pub(crate) const fn clean_seq(&self) -> Option<u64> {
        match self.state {
            STATE_CLEAN => Some(self.last_seq),
            _ => None,
        }
    }

    /// Whether the machine has been running since the last writer opened the journal.
    pub(crate) fn is_of_boot(&self, boot_id: [u8; 16]) -> bool {
        boot_id == self.boot_id && boot_id != [0; 16]
    }

    /// The slot of the writer that opens now.
    pub(crate) const fn opened(mut self, boot_id: [u8; 16]) -> Self {
        self.state = STATE_OPEN;
        self.last_seq = 0;
        self.generation += 1;
        self.epoch += 1;
        self.boot_id = boot_id;
        self
    }

    /// The slot after a close in order.
    pub(crate) const fn closed(mut self, last_seq: u64) -> Self {
        self.state = STATE_CLEAN;
        self.last_seq = last_seq;
        self.generation += 1;
        self
    }

    /// The slot after a prune: history starts with this segment.
    pub(crate) const fn starting_at(mut self, first_segment: u32) -> Self {
        self.first_segment = first_segment;
        self.generation += 1;
        self
    }

    /// Whether the values can be: a right checksum does not make them sensible.
    const fn is_sane(&self) -> bool {
        Geometry::is_segment_size(self.segment_bytes)
            && (self.state == STATE_OPEN || self.state == STATE_CLEAN)
            && self.zero == 0
    }
}

/// Writes the superblock of a new journal under another name and renames it: a journal has a whole
/// superblock or none.
///
/// # Errors
///
/// [`OpenError::Io`].
pub(crate) fn create(folder: &Folder, slot: &Slot) -> Result<(), OpenError> {
    let path = folder.superblock_path();
    let new = directory::unfinished(&path);
    let file = folder.open("write", &new, Access::Create)?;
    file.set_len(SUPERBLOCK_BYTES)
        .and_then(|()| file.write_all_at(&seal_block(slot), 0))
        .and_then(|()| file.write_all_at(&seal_block(slot), SLOT_STRIDE))
        .and_then(|()| file.sync_all())
        .map_err(OpenError::io("write", &new))?;
    folder.publish(&new, &path)
}

/// Replaces both slots, one after the other.
///
/// # Errors
///
/// [`OpenError::Io`].
pub(crate) fn write(folder: &Folder, slot: &Slot) -> Result<(), OpenError> {
    let path = folder.superblock_path();
    let file = folder.open("write", &path, Access::Write)?;
    for offset in [0, SLOT_STRIDE] {
        file.write_all_at(&seal_block(slot), offset)
            .and_then(|()| file.sync_all())
            .map_err(OpenError::io("write", &path))?;
    }
    Ok(())
}

/// Reads the newer whole slot.
///
/// # Errors
///
/// [`OpenError::Version`] if the journal is another version's, [`OpenError::SuperblockDamaged`] if
/// neither slot can be used, [`OpenError::Io`].
pub(crate) fn read(folder: &Folder) -> Result<Slot, OpenError> {
    let path = folder.superblock_path();
    let file = folder.open("open", &path, Access::Read)?;
    let mut slots = [Block::Bad; 2];
    for (slot, offset) in slots.iter_mut().zip([0, SLOT_STRIDE]) {
        let mut block = [0; BLOCK_BYTES];
        match file.read_exact_at(&mut block, offset) {
            Ok(()) => *slot = open_block(&block, SUPERBLOCK_MAGIC),
            // Too short is as bad as damaged: the other slot decides.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(OpenError::io("read", &path)(error)),
        }
    }
    choose(path, slots)
}

fn choose(path: PathBuf, slots: [Block<Slot>; 2]) -> Result<Slot, OpenError> {
    let mut best: Option<Slot> = None;
    let mut other_version = None;
    for slot in slots {
        match slot {
            Block::Valid(slot) if slot.is_sane() => {
                if best.is_none_or(|best| slot.generation > best.generation) {
                    best = Some(slot);
                }
            }
            Block::Version(found) => other_version = Some(found),
            Block::Valid(_) | Block::Bad => {}
        }
    }
    match (best, other_version) {
        (Some(slot), _) => Ok(slot),
        (None, Some(found)) => Err(OpenError::Version {
            path,
            found,
            known: VERSION,
        }),
        (None, None) => Err(OpenError::SuperblockDamaged { path }),
    }
}
