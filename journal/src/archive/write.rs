//! Archives segments that are done: packs each one, reads the archive back, and only then removes
//! the raw file.
//!
//! Written as `.new`, synced, read back and compared byte for byte, renamed, the directory synced,
//! the raw file removed, the directory synced. A crash leaves the raw segment, or both (and both
//! are the same), or the archive. What it leaves is finished by the next archive.
//!
//! Thread: any, cold. Hot path: no. Allocates: buffers of a fixed size.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use model::record::Record;
use zerocopy::FromBytes;
use zstd::stream::write::Encoder;

use super::read::{path_of, stream};
use super::trailer;
use crate::directory::Folder;
use crate::error::{Damage, OpenError};
use crate::format::{Geometry, HEADER_BYTES, RECORD, record_is_good};
use crate::scan;
use crate::storage::{Access, StoredFile};
use crate::upkeep::{Upkeep, UpkeepError};

/// Bytes that are packed or compared at once; whole records, and a divisor of every segment size.
const CHUNK_BYTES: usize = 64 << 10;
const _: () = assert!(CHUNK_BYTES as u64 <= crate::SEGMENT_BYTES_MIN);

/// What to archive, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveOptions {
    /// How many of the newest full segments stay raw; at least 1, which a sealed journal resumes
    /// from.
    pub keep_last: u32,
    /// Effort of the compression, as `zstd` counts it.
    pub level: i32,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self {
            keep_last: 2,
            level: zstd::DEFAULT_COMPRESSION_LEVEL,
        }
    }
}

/// What an archive did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Archived {
    /// Segments that are now there as archives only.
    pub segments: Vec<u32>,
    /// Bytes that they took before.
    pub raw_bytes: u64,
    /// Bytes that they take now.
    pub archived_bytes: u64,
    /// A writer had the journal meanwhile.
    pub while_written: bool,
}

/// Archives every segment that is done but the last [`ArchiveOptions::keep_last`], oldest first. A
/// writer may have the journal. `progress` is told how many of how many bytes are done.
///
/// # Errors
///
/// [`UpkeepError`]; the segments before are archived, the one that failed is there raw.
pub fn archive(
    folder: &Folder,
    options: ArchiveOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Archived, UpkeepError> {
    let levels = zstd::compression_level_range();
    if !levels.contains(&options.level) {
        let (min, max, given) = (*levels.start(), *levels.end(), options.level);
        return Err(UpkeepError::Level { given, min, max });
    }
    let upkeep = Upkeep::begin(folder)?;
    let geometry = upkeep.slot.geometry();
    let done = upkeep.done()?;
    let keep = usize::try_from(options.keep_last.max(1)).unwrap_or(usize::MAX);
    let old = &done[..done.len().saturating_sub(keep)];
    let is_raw = |id: &&u32| upkeep.listing.segments.binary_search(id).is_ok();
    let todo: Vec<u32> = old.iter().filter(is_raw).copied().collect();
    let mut archived = Archived {
        while_written: upkeep.writer_lock.is_none(),
        ..Archived::default()
    };
    let total = todo.len() as u64 * geometry.segment_bytes;
    for id in todo {
        progress(archived.raw_bytes, total);
        archived.archived_bytes += archive_one(folder, geometry, id, options.level)?;
        archived.raw_bytes += geometry.segment_bytes;
        archived.segments.push(id);
    }
    progress(total, total);
    Ok(archived)
}

/// Archives one segment; the archive's size.
fn archive_one(
    folder: &Folder,
    geometry: Geometry,
    id: u32,
    level: i32,
) -> Result<u64, UpkeepError> {
    let raw = scan::open(folder, geometry, id, Access::Read)?;
    let path = path_of(folder, id);
    // A crash may have left both; then the archive only has to be compared.
    if !is_same(folder, geometry, &path, &*raw).unwrap_or(false) {
        let new = folder.dir().join(format!("segment-{id:010}.zst.new"));
        let made = make(folder, geometry, (id, &*raw), &new, level).and_then(|()| {
            match is_same(folder, geometry, &new, &*raw)? {
                true => Ok(folder.publish(&new, &path)?),
                false => Err(UpkeepError::NotTheSame { path: new.clone() }),
            }
        });
        if let Err(error) = made {
            // The first error is the one to tell; the next writer removes what is left.
            let _ = folder.remove(&new);
            return Err(error);
        }
    }
    // The archive's name may be from before a crash that came before it was durable.
    folder.sync()?;
    folder.remove(&folder.segment_path(id))?;
    folder.sync()?;
    let size = folder.open("read", &path, Access::Read)?.size();
    Ok(size.map_err(OpenError::io("read", &path))?)
}

/// Packs the segment into `new`, every record of it verified.
fn make(
    folder: &Folder,
    geometry: Geometry,
    (id, raw): (u32, &dyn StoredFile),
    new: &Path,
    level: i32,
) -> Result<(), UpkeepError> {
    let raw_path = folder.segment_path(id);
    let file = folder.open("create", new, Access::Create)?;
    let pack = || OpenError::io("write", new);
    let output = Output {
        file: Arc::clone(&file),
        offset: 0,
        hasher: blake3::Hasher::new(),
    };
    let mut encoder = Encoder::new(output, level).map_err(pack())?;
    encoder
        .set_pledged_src_size(Some(geometry.segment_bytes))
        .and_then(|()| encoder.include_contentsize(true))
        .and_then(|()| encoder.include_checksum(true))
        .map_err(pack())?;
    let mut chunk = vec![0; CHUNK_BYTES];
    for offset in (0..geometry.segment_bytes).step_by(CHUNK_BYTES) {
        let read = raw.read_exact_at(&mut chunk, offset);
        read.map_err(OpenError::io("read", &raw_path))?;
        if let Some(seq) = first_bad(geometry, id, offset, &chunk) {
            return Err(UpkeepError::Damaged(damage(folder, geometry, seq)));
        }
        encoder.write_all(&chunk).map_err(pack())?;
    }
    let output = encoder.finish().map_err(pack())?;
    let trailer = trailer(&output.hasher.finalize());
    file.write_all_at(&trailer, output.offset)
        .and_then(|()| file.sync_all())
        .map_err(pack())?;
    Ok(())
}

/// The first record of a piece of a segment that is not the one that belongs there.
fn first_bad(geometry: Geometry, id: u32, offset: u64, chunk: &[u8]) -> Option<u64> {
    let (seed, first) = (geometry.seed(id), geometry.first_seq(id));
    let places = (offset..).step_by(RECORD as usize);
    places
        .zip(chunk.chunks_exact(RECORD as usize))
        .filter(|(place, _)| (HEADER_BYTES..geometry.records_end()).contains(place))
        .map(|(place, bytes)| (first + (place - HEADER_BYTES) / RECORD, bytes))
        .find(|&(seq, bytes)| {
            !Record::read_from_bytes(bytes).is_ok_and(|record| record_is_good(seed, seq, &record))
        })
        .map(|(seq, _)| seq)
}

fn damage(folder: &Folder, geometry: Geometry, seq: u64) -> Damage {
    let place = geometry.place(seq);
    Damage {
        path: folder.segment_path(place.map_or(u32::MAX, |place| place.segment)),
        seq,
        offset: place.map_or(0, |place| place.offset),
        what: "was on stable storage and is now damaged",
    }
}

/// Whether the archive unpacks to exactly the raw segment.
fn is_same(
    folder: &Folder,
    geometry: Geometry,
    archive: &Path,
    raw: &dyn StoredFile,
) -> Result<bool, UpkeepError> {
    let mut same = true;
    let mut expected = vec![0; CHUNK_BYTES];
    stream(folder, geometry, archive, CHUNK_BYTES, |offset, bytes| {
        let expected = &mut expected[..bytes.len()];
        raw.read_exact_at(expected, offset)?;
        same &= expected == bytes;
        Ok(())
    })?;
    Ok(same)
}

/// Writes to a stored file from its start on, and hashes what it writes.
struct Output {
    file: Arc<dyn StoredFile>,
    offset: u64,
    hasher: blake3::Hasher,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all_at(bytes, self.offset)?;
        self.hasher.update(bytes);
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
