//! What archiving and pruning share: who may do it, and which segments nobody writes to any more.
//!
//! A segment is *done* when it is full, on stable storage, and sealed if the journal is: the writer
//! has left it, no sync, seal or recovery will ever change it, and only readers open it. So a done
//! segment may be replaced by its archive even while a writer lives.
//!
//! Thread: any, cold. Hot path: no.

use std::path::PathBuf;

use crate::directory::{Folder, Listing};
use crate::error::{Damage, OpenError};
use crate::format::{Geometry, Slot};
use crate::scan::{self, Marks};
use crate::seal::Found;
use crate::seal::open::read_footer;
use crate::snapshot::SnapshotError;
use crate::storage::{Access, Held};
use crate::superblock;

/// Why a journal's directory was not tidied. What was done before the error is whole.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// A directory or file could not be opened, read or written.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Somebody archives or prunes this journal now.
    #[error("another archive or prune is at work in {path}; try again when it is done",
        path = path.display())]
    Busy {
        /// Directory.
        path: PathBuf,
    },
    /// A segment has a record that is not what was journaled: it is not archived.
    #[error("damaged history: {0}; nothing more was archived, restore the segment from a copy")]
    Damaged(Damage),
    /// A level of compression that there is not.
    #[error("compression level {given} is not from {min} to {max}")]
    Level {
        /// What was asked for.
        given: i32,
        /// Lowest.
        min: i32,
        /// Highest.
        max: i32,
    },
    /// What was written does not read back.
    #[error("archive {path} does not read back as the segment; check the storage",
        path = path.display())]
    NotTheSame {
        /// The archive.
        path: PathBuf,
    },
    /// The snapshots cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// The right to archive and prune; it ends when this is dropped.
pub(crate) struct Upkeep {
    pub(crate) folder: Folder,
    pub(crate) slot: Slot,
    pub(crate) listing: Listing,
    /// The writer's lock; `None` if a writer has it.
    pub(crate) writer_lock: Option<Held>,
    _own_lock: Held,
}

impl Upkeep {
    /// Takes it, and the writer's lock if nobody has that.
    ///
    /// # Errors
    ///
    /// [`UpkeepError`].
    pub(crate) fn begin(folder: &Folder) -> Result<Self, UpkeepError> {
        let listing = folder.list()?;
        if !listing.superblock {
            let found = listing.instead();
            let path = folder.dir().to_path_buf();
            return Err(OpenError::NotAJournal { path, found }.into());
        }
        // Read before anything is locked: of a newer version nothing is touched.
        superblock::read(folder)?;
        let writer_lock = match folder.lock() {
            Ok(held) => Some(held),
            Err(OpenError::Locked { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let own_lock = own_lock(folder)?;
        Ok(Self {
            folder: folder.clone(),
            // Again, as somebody may have been at work until now.
            slot: superblock::read(folder)?,
            listing: folder.list()?,
            writer_lock,
            _own_lock: own_lock,
        })
    }

    /// Segments that are done, rising, none missing between.
    ///
    /// # Errors
    ///
    /// [`UpkeepError`].
    pub(crate) fn done(&self) -> Result<Vec<u32>, UpkeepError> {
        let durable = match self.slot.clean_seq() {
            Some(last_seq) => last_seq,
            None => durable_mark(&self.folder, self.slot.geometry(), &self.listing)?,
        };
        done(&self.folder, &self.slot, &self.listing, durable)
    }
}

/// Held on the superblock's file, which nobody locks for anything else: a name of its own would be
/// one more that every reader of the directory must know.
pub(crate) fn own_lock(folder: &Folder) -> Result<Held, UpkeepError> {
    let path = folder.superblock_path();
    let held = folder.storage().lock(&path);
    held.map_err(OpenError::io("lock", &path))?
        .ok_or_else(|| UpkeepError::Busy {
            path: folder.dir().to_path_buf(),
        })
}

/// Segments that are done if everything up to `durable` is on stable storage.
pub(crate) fn done(
    folder: &Folder,
    slot: &Slot,
    listing: &Listing,
    durable: u64,
) -> Result<Vec<u32>, UpkeepError> {
    let geometry = slot.geometry();
    let is_there = |id: &u32| {
        listing.segments.binary_search(id).is_ok() || listing.archived.binary_search(id).is_ok()
    };
    let full = |id: &u32| geometry.last_seq(*id) <= durable;
    let ids = slot.first_segment..=u32::MAX;
    let mut done: Vec<u32> = ids.take_while(|id| is_there(id) && full(id)).collect();
    if is_sealed(folder)? {
        while let Some(&last) = done.last()
            && matches!(read_footer(folder, geometry, last)?, Found::Unsealed)
        {
            done.pop();
        }
    }
    Ok(done)
}

/// Whether the journal has anything of a seal.
fn is_sealed(folder: &Folder) -> Result<bool, OpenError> {
    for name in ["seal.pub", "checkpoints", "leaves"] {
        if folder.has(&folder.dir().join(name))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The newest durable mark: of header pages, and of records in the last segments that are in use.
fn durable_mark(
    folder: &Folder,
    geometry: Geometry,
    listing: &Listing,
) -> Result<u64, UpkeepError> {
    let archived = listing.archived.last().map(|&id| geometry.last_seq(id));
    let mut newest = archived.unwrap_or(0);
    let mut looked_into = 0;
    for &id in listing.segments.iter().rev() {
        let file = scan::open(folder, geometry, id, Access::Read)?;
        let path = folder.segment_path(id);
        let marks = scan::marks(&*file, geometry.seed(id));
        if let Marks::Valid(mark) = marks.map_err(OpenError::io("read", &path))? {
            newest = newest.max(mark.durable_seq);
        }
        let (_, used) =
            scan::place(&*file, geometry, id, 0).map_err(OpenError::io("read", &path))?;
        if used && looked_into < 2 {
            let content = scan::content(&*file, geometry, id);
            newest = newest.max(content.map_err(OpenError::io("read", &path))?.mark);
            looked_into += 1;
        }
    }
    Ok(newest)
}
