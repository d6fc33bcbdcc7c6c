//! Reads an archived segment: unpacks it into memory, which is then a file like the raw one was.
//!
//! So whatever reads a segment reads an archived one as well, header, marks, records and footer. A
//! segment that is there both raw and archived is read raw.
//!
//! Its length is compared before memory is asked for: a forged one costs nothing.
//!
//! Thread: any, cold. Hot path: no. Allocates: a segment.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::record::Record;
use zerocopy::IntoBytes;
use zstd::stream::read::Decoder;
use zstd::zstd_safe::get_frame_content_size;

use super::{TRAILER_BYTES, trailer};
use crate::directory::Folder;
use crate::error::OpenError;
use crate::format::{Geometry, HEADER_BYTES, RECORD};
use crate::storage::{Access, Mapping, Pages, StoredFile};

/// Longest head of a frame: magic, descriptor, window, dictionary, length.
const HEAD_BYTES: usize = 18;
/// First bytes of a frame.
const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// Bit of the descriptor, which is the fifth byte: the frame ends with a checksum.
const HAS_CHECKSUM: u8 = 1 << 2;
/// Bytes that are read from the archive at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A segment's archive.
pub(crate) fn path_of(folder: &Folder, segment: u32) -> PathBuf {
    folder.segment_path(segment).with_extension("zst")
}

/// Unpacks an archived segment; `None` if there is none. What it says of itself is the caller's to
/// check, as for a raw one.
///
/// # Errors
///
/// [`OpenError::SegmentWrong`] if it is no whole archive of a segment, [`OpenError::Io`].
pub(crate) fn open(
    folder: &Folder,
    geometry: Geometry,
    segment: u32,
) -> Result<Option<Arc<dyn StoredFile>>, OpenError> {
    let path = path_of(folder, segment);
    let Some(mut frame) = Frame::open(folder, geometry, &path)? else {
        return Ok(None);
    };
    let len = usize::try_from(geometry.segment_bytes).map_err(|_| too_large(&path))?;
    let mut pages = Pages::zeroed(len);
    let unpacked = frame.read_exact(&mut pages.bytes_mut()[..len]);
    unpacked
        .and_then(|()| frame.end())
        .map_err(|error| wrong(&path, error))?;
    let pages = Arc::new(pages);
    Ok(Some(Arc::new(Unpacked { pages, len })))
}

/// Whether there is an archive that looks like one of this segment; nothing is unpacked.
///
/// # Errors
///
/// As [`open`]; [`OpenError::SegmentMissing`].
pub(crate) fn check(folder: &Folder, geometry: Geometry, segment: u32) -> Result<(), OpenError> {
    let path = path_of(folder, segment);
    match Frame::open(folder, geometry, &path)? {
        Some(_) => Ok(()),
        None => Err(OpenError::SegmentMissing { path }),
    }
}

/// Unpacks the first `count` places of an archived segment and no more; fewer if it has fewer.
///
/// # Errors
///
/// As [`open`]; [`OpenError::SegmentMissing`].
pub(crate) fn head(
    folder: &Folder,
    geometry: Geometry,
    segment: u32,
    count: u64,
) -> Result<Vec<Record>, OpenError> {
    let path = path_of(folder, segment);
    let Some(mut frame) = Frame::open(folder, geometry, &path)? else {
        return Err(OpenError::SegmentMissing { path });
    };
    let count = usize::try_from(count.min(geometry.records_per_segment())).unwrap_or(0);
    let before = HEADER_BYTES / RECORD;
    let mut records = vec![Record::ZERO; count + before as usize];
    frame
        .read_exact(records.as_mut_bytes())
        .map_err(|error| wrong(&path, error))?;
    Ok(records.split_off(before as usize))
}

/// Unpacks the archive in `path` in pieces of `piece` bytes and checks it to its end; `each` gets
/// each piece with its offset in the segment, whose length `piece` divides.
///
/// # Errors
///
/// As [`open`]; [`OpenError::SegmentMissing`]; what `each` says.
pub(crate) fn stream(
    folder: &Folder,
    geometry: Geometry,
    path: &Path,
    piece: usize,
    mut each: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> Result<(), OpenError> {
    let Some(mut frame) = Frame::open(folder, geometry, path)? else {
        let path = path.to_path_buf();
        return Err(OpenError::SegmentMissing { path });
    };
    let mut bytes = vec![0; piece];
    for offset in (0..geometry.segment_bytes).step_by(piece) {
        frame
            .read_exact(&mut bytes)
            .and_then(|()| each(offset, &bytes))
            .map_err(|error| wrong(path, error))?;
    }
    frame.end().map_err(|error| wrong(path, error))
}

/// A frame that is being unpacked.
struct Frame {
    decoder: Decoder<'static, BufReader<Input>>,
    trailer: [u8; TRAILER_BYTES],
}

impl Frame {
    fn open(folder: &Folder, geometry: Geometry, path: &Path) -> Result<Option<Self>, OpenError> {
        let file = match folder.storage().open(path, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(OpenError::io("open", path)(error)),
        };
        let size = file.size().map_err(OpenError::io("read", path))?;
        let end = size.saturating_sub(TRAILER_BYTES as u64);
        let (mut start, mut trailer) = ([0; HEAD_BYTES], [0; TRAILER_BYTES]);
        file.read_exact_at(&mut start, 0)
            .and_then(|()| file.read_exact_at(&mut trailer, end))
            .map_err(|error| wrong(path, error))?;
        if start[..4] != MAGIC || start[4] & HAS_CHECKSUM == 0 {
            return Err(is_wrong(path, "is no zstd frame with a checksum"));
        }
        let expected = geometry.segment_bytes;
        match get_frame_content_size(&start) {
            Ok(Some(found)) if found == expected => {}
            Ok(Some(found)) => {
                let what = format!("unpacks to {found} bytes instead of {expected}");
                return Err(is_wrong(path, &what));
            }
            Ok(None) | Err(_) => return Err(is_wrong(path, "does not say how long it is")),
        }
        let input = Input {
            file,
            offset: 0,
            end,
            hasher: blake3::Hasher::new(),
        };
        let input = BufReader::with_capacity(BUFFER_BYTES, input);
        let decoder = Decoder::with_buffer(input).map_err(OpenError::io("unpack", path))?;
        let decoder = decoder.single_frame();
        Ok(Some(Self { decoder, trailer }))
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.decoder.read_exact(bytes)
    }

    /// Reads the frame's checksum, and checks the hash of all.
    fn end(mut self) -> io::Result<()> {
        let bad = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        let mut more = [0; 1];
        if self.decoder.read(&mut more)? > 0 {
            return bad("it is longer than it says");
        }
        let mut rest = self.decoder.finish();
        if rest.read(&mut more)? > 0 {
            return bad("there are bytes behind its frame");
        }
        let found = trailer(&rest.get_ref().hasher.finalize());
        if found != self.trailer {
            return bad("its hash is another one");
        }
        Ok(())
    }
}

/// Reads a stored file from its start to the trailer, and hashes what it reads.
struct Input {
    file: Arc<dyn StoredFile>,
    offset: u64,
    end: u64,
    hasher: blake3::Hasher,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let count = self.file.read_at(&mut buffer[..wanted], self.offset)?;
        self.hasher.update(&buffer[..count]);
        self.offset += count as u64;
        Ok(count)
    }
}

/// What the system could not read is its error; all else is the archive's.
fn wrong(path: &Path, error: io::Error) -> OpenError {
    if error.raw_os_error().is_some() {
        return OpenError::io("read", path)(error);
    }
    is_wrong(path, &format!("cannot be unpacked: {error}"))
}

fn is_wrong(path: &Path, what: &str) -> OpenError {
    OpenError::SegmentWrong {
        path: path.to_path_buf(),
        what: what.to_owned(),
    }
}

fn too_large(path: &Path) -> OpenError {
    OpenError::io("unpack", path)(io::ErrorKind::FileTooLarge.into())
}

/// An unpacked segment, as a file that can only be read.
struct Unpacked {
    pages: Arc<Pages>,
    len: usize,
}

fn read_only<T>() -> io::Result<T> {
    Err(io::ErrorKind::PermissionDenied.into())
}

impl StoredFile for Unpacked {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let count = buffer.len().min(self.len.saturating_sub(offset));
        Ok(self.pages.read(&mut buffer[..count], offset))
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<usize> {
        read_only()
    }

    fn allocate(&self, _len: u64) -> io::Result<()> {
        read_only()
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        read_only()
    }

    fn sync_data(&self) -> io::Result<()> {
        read_only()
    }

    fn sync_all(&self) -> io::Result<()> {
        read_only()
    }

    fn map(&self, len: usize) -> io::Result<Mapping> {
        Ok(Mapping::heap(Arc::clone(&self.pages), len))
    }
}
