//! What stands in a journal's directory, file by file: for `caracal journal stat`, and for a person
//! who wonders where the space went. Reads names, lengths, headers and marks, not the records.
//!
//! Thread: any, cold. Hot path: no.

use std::path::Path;

use crate::directory::Folder;
use crate::error::OpenError;
use crate::scan::{self, Marks};
use crate::storage::Access;
use crate::superblock;

/// A journal's directory in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Inventory {
    /// Tells this journal from others.
    pub journal_id: u64,
    /// When it was made, nanoseconds since the Unix epoch.
    pub created_ns: u64,
    /// First segment that is kept.
    pub first_segment: u32,
    /// Segments that are there raw, with at least one record.
    pub raw: u64,
    /// Segments that are there archived only.
    pub archived: u64,
    /// Segments without a record, ready for a writer.
    pub prepared: u64,
    /// Bytes of all files in the directory.
    pub disk_bytes: u64,
    /// Bytes of the archived segments' files.
    pub archived_bytes: u64,
    /// Everything up to here was promised: the last sequence of a clean close, else the newest
    /// durable mark of a raw segment.
    pub durable_mark: Option<u64>,
    /// Sequences after which there is a snapshot, rising.
    pub snapshots: Vec<u64>,
    /// Signed checkpoints beside the segments.
    pub checkpoints: bool,
    /// Files with bytes that recovery cut off.
    pub broken: u64,
    /// Files that a crash left unfinished, or a writer is making now.
    pub unfinished: u64,
}

/// Looks at the directory of a journal.
///
/// # Errors
///
/// [`OpenError`] as for [`crate::Reader::open`].
pub fn inventory(dir: &Path) -> Result<Inventory, OpenError> {
    inventory_in(&Folder::on_disk(dir))
}

fn inventory_in(folder: &Folder) -> Result<Inventory, OpenError> {
    let slot = superblock::read(folder)?;
    let listing = folder.list()?;
    let geometry = slot.geometry();
    let mut found = Inventory {
        journal_id: slot.journal_id,
        created_ns: slot.created_ns,
        first_segment: slot.first_segment,
        durable_mark: slot.clean_seq(),
        snapshots: listing.snapshots.clone(),
        unfinished: listing.unfinished.len() as u64,
        ..Inventory::default()
    };
    for &segment in &listing.segments {
        let file = scan::open(folder, geometry, segment, Access::Read)?;
        let path = folder.segment_path(segment);
        let read = OpenError::io("read", &path);
        let looked = scan::marks(&*file, geometry.seed(segment))
            .and_then(|marks| Ok((marks, scan::place(&*file, geometry, segment, 0)?)));
        let (marks, (_, used)) = looked.map_err(read)?;
        match used {
            true => found.raw += 1,
            false => found.prepared += 1,
        }
        if let Marks::Valid(mark) = marks {
            found.durable_mark = found.durable_mark.max(Some(mark.durable_seq));
        }
    }
    let only_archived = |segment: &&u32| listing.segments.binary_search(segment).is_err();
    found.archived = listing.archived.iter().filter(only_archived).count() as u64;
    add_files(folder, &mut found)?;
    Ok(found)
}

fn add_files(folder: &Folder, found: &mut Inventory) -> Result<(), OpenError> {
    let names = folder.storage().list(folder.dir());
    for name in names.map_err(OpenError::io("read directory", folder.dir()))? {
        let path = folder.dir().join(&name);
        // A file may go while we look: a writer finishes one, a prune removes one.
        let Ok(file) = folder.storage().open(&path, Access::Read) else {
            continue;
        };
        let bytes = file.size().map_err(OpenError::io("read", &path))?;
        found.disk_bytes += bytes;
        found.broken += u64::from(name.ends_with(".broken"));
        found.checkpoints |= name == "checkpoints";
        if name.starts_with("segment-") && name.ends_with(".zst") {
            found.archived_bytes += bytes;
        }
    }
    Ok(())
}
