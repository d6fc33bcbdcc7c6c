//! A segment's file: made whole before anything is appended to it, then mapped.
//!
//! A new segment gets its space (`fallocate`, so that a full disk is an error here and never a
//! signal later), real zeros (so that a first store or a later sync finds no extents to convert:
//! both would wait for the file system), its header, a sync, its name and a sync of the directory,
//! in this order: a segment under its own name always has a whole header.
//!
//! Thread: making and mapping are for the prepare thread and for open; [`SegmentWriter`] is the
//! writer's. Hot path: [`SegmentWriter::append`]. Allocates: no. Locks: no. Syscalls: none.

use std::io;
use std::path::Path;
use std::sync::Arc;

use model::limits::RECORD_BYTES;
use model::record::Record;

use crate::directory::{self, Folder};
use crate::error::OpenError;
use crate::format::{Geometry, HEADER_BYTES, seal_block};
use crate::mapping::{Region, WriteView, checksum, words};
use crate::options::Durability;
use crate::storage::{Access, StoredFile};

/// How much is written or synced in one call while a segment is made: small enough that a sync of
/// the live segment does not wait long behind it.
const CHUNK_BYTES: usize = 4 << 20;

/// A page.
const PAGE_BYTES: usize = 4 << 10;

/// How much is written in one call, of bytes that will be synced a little at a time.
///
/// The page cache keeps what one write brought in one piece (a large folio), and a piece is dirty
/// as a whole: one record stored through a mapping costs the next sync all of it, two megabytes
/// where the zeros came in fours. In the strict modes that would also write durable blocks again
/// (J6), so there a piece is a page. Where syncs are rare, large pieces are cheaper to make
/// writable: ten times, a page.
const fn piece(durability: Durability) -> usize {
    match durability {
        Durability::Group | Durability::Sync => PAGE_BYTES,
        Durability::Interval(_) => 4 * PAGE_BYTES,
        Durability::Process | Durability::Volatile => CHUNK_BYTES,
    }
}

/// A mapped segment that the helper threads share.
pub(crate) struct Segment {
    pub(crate) id: u32,
    pub(crate) file: Arc<dyn StoredFile>,
    pub(crate) region: Arc<Region>,
}

/// A segment that is ready for the writer.
pub(crate) struct Prepared {
    pub(crate) segment: Arc<Segment>,
    pub(crate) view: WriteView,
}

/// What all segments of one run are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) geometry: Geometry,
    pub(crate) epoch: u64,
    /// Bytes at the start whose pages are made present.
    pub(crate) populate: usize,
    pub(crate) durability: Durability,
}

/// Makes segment `id`, unless it is there already, and maps it.
///
/// # Errors
///
/// [`OpenError::Io`]; what was begun is removed, so that it does not eat a full disk's last space.
pub(crate) fn prepare(folder: &Folder, id: u32, recipe: Recipe) -> Result<Prepared, OpenError> {
    let path = folder.segment_path(id);
    if folder.has(&path)? {
        if recipe.durability.is_strict() {
            in_small_pieces(folder, &path).map_err(OpenError::io("sync", &path))?;
        }
    } else {
        let new = directory::unfinished(&path);
        make(folder, &new, id, recipe).map_err(|error| {
            // The first error is the one to tell; a leftover is removed at the next start.
            let _ = folder.storage().remove(&new);
            OpenError::io("reserve space for", &path)(error)
        })?;
        folder.publish(&new, &path)?;
    }
    map(folder, &path, id, recipe).map_err(OpenError::io("map", &path))
}

/// Makes the page cache forget a file that recovery or another mode left there in large pieces.
/// What is needed of it is read again, in pieces of at most what the kernel reads ahead.
fn in_small_pieces(folder: &Folder, path: &Path) -> io::Result<()> {
    let file = folder.storage().open(path, Access::Write)?;
    file.sync_data()?;
    file.forget();
    Ok(())
}

fn make(folder: &Folder, path: &Path, id: u32, recipe: Recipe) -> io::Result<()> {
    let file = folder.storage().open(path, Access::Create)?;
    let len = recipe.geometry.segment_bytes;
    file.allocate(len)?;
    let zeros = vec![0; CHUNK_BYTES.min(usize::try_from(len).unwrap_or(CHUNK_BYTES))];
    let mut offset = 0;
    while offset < len {
        for zeros in zeros.chunks(piece(recipe.durability)) {
            file.write_all_at(zeros, offset)?;
            offset += zeros.len() as u64;
        }
        file.sync_data()?;
    }
    let created_ns = folder.storage().now_ns();
    let header = recipe.geometry.header(id, recipe.epoch, created_ns);
    file.write_all_at(&seal_block(&header), 0)?;
    file.sync_all()
}

fn map(folder: &Folder, path: &Path, id: u32, recipe: Recipe) -> io::Result<Prepared> {
    let file = folder.storage().open(path, Access::Write)?;
    let len = usize::try_from(recipe.geometry.segment_bytes)
        .map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    let (region, view) = Region::writable(file.map(len)?)?;
    region.populate(0, recipe.populate.min(len));
    Ok(Prepared {
        segment: Arc::new(Segment { id, file, region }),
        view,
    })
}

/// Appends to one mapped segment.
pub(crate) struct SegmentWriter {
    view: WriteView,
    seed: u32,
    offset: usize,
    end: usize,
}

impl SegmentWriter {
    /// A writer that goes on at `offset`.
    pub(crate) fn new(view: WriteView, geometry: Geometry, id: u32, offset: u64) -> Self {
        let end = usize::try_from(geometry.records_end()).unwrap_or(0);
        Self {
            view,
            seed: geometry.seed(id),
            offset: usize::try_from(offset).unwrap_or(end),
            end,
        }
    }

    #[inline]
    pub(crate) const fn is_full(&self) -> bool {
        self.offset >= self.end
    }

    /// Where the next record goes.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset as u64
    }

    /// Stores and publishes `record` as `seq`, which must be the next one; not if it is full.
    #[inline]
    pub(crate) fn append(&mut self, record: &Record, seq: u64) {
        // No copy of the record in between: it is summed where it stands and stored once.
        let [head, _, tail @ ..] = words(record);
        let checksum = checksum(self.seed, *head, seq, tail);
        let head = *head & !u64::from(u32::MAX) | u64::from(checksum);
        self.view.publish(self.offset, head, seq, tail);
        self.offset += RECORD_BYTES;
    }
}

/// A segment's append path on a mapped file without a name: for benches, which must be able to
/// begin again when it is full. No reader can see it.
pub struct Tape {
    writer: SegmentWriter,
    seq: u64,
    segment: Arc<Segment>,
}

impl Tape {
    /// A tape of `bytes` (a segment size) in the file system of `dir`, all pages present.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the file cannot be made.
    pub fn new(dir: &Path, bytes: u64) -> Result<Self, OpenError> {
        crate::Options::new(crate::Durability::Process)
            .segment_bytes(bytes)
            .check()?;
        let geometry = Geometry {
            journal_id: 1,
            segment_bytes: bytes,
        };
        let recipe = Recipe {
            geometry,
            epoch: 1,
            populate: usize::MAX,
            durability: Durability::Process,
        };
        let folder = Folder::on_disk(dir);
        let Prepared { segment, view } = prepare(&folder, 0, recipe)?;
        folder.remove(&folder.segment_path(0))?;
        Ok(Self {
            writer: SegmentWriter::new(view, geometry, 0, HEADER_BYTES),
            seq: 0,
            segment,
        })
    }

    /// A tape over a file that is there, of `bytes` (a segment size), its pages as they are: to see
    /// what a page costs that was not made present.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`] if the file cannot be mapped.
    pub fn over(path: &Path, bytes: u64) -> Result<Self, OpenError> {
        let geometry = Geometry {
            journal_id: 1,
            segment_bytes: bytes,
        };
        let recipe = Recipe {
            geometry,
            epoch: 1,
            populate: 0,
            durability: Durability::Process,
        };
        let folder = Folder::on_disk(path.parent().unwrap_or(path));
        let Prepared { segment, view } =
            map(&folder, path, 0, recipe).map_err(OpenError::io("map", path))?;
        Ok(Self {
            writer: SegmentWriter::new(view, geometry, 0, HEADER_BYTES),
            seq: 0,
            segment,
        })
    }

    /// Makes all pages present and writable, as the helper threads do for the writer.
    pub fn populate(&self) {
        self.segment.region.populate(0, usize::MAX);
    }

    /// What [`crate::Writer::append`] does with a record that finds room. At the end, begins again.
    #[inline]
    pub fn append(&mut self, record: &Record) -> u64 {
        self.rewind_if_full();
        self.seq += 1;
        self.writer.append(record, self.seq);
        self.seq
    }

    /// A plain copy of the record to the same place: the floor that `append` is measured against.
    #[inline]
    pub fn copy(&mut self, record: &Record) {
        self.rewind_if_full();
        self.writer.view.copy(self.writer.offset, record);
        self.writer.offset += RECORD_BYTES;
    }

    #[inline]
    fn rewind_if_full(&mut self) {
        if self.writer.is_full() {
            self.writer.offset = HEADER_BYTES as usize;
        }
    }
}
