//! Input files: plain, gzip or zip, told by their first bytes, read line by line.
//!
//! Memory is that of one line, whatever the file's length.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::rc::Rc;

use flate2::Crc;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use zip::{CompressionMethod, ZipArchive};

/// Longest line: a snapshot of 5,000 levels a side has about 600 kB.
const LINE_BYTES_MAX: u64 = 16 << 20;
const BUFFER_BYTES: usize = 1 << 16;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZIP: &[u8] = b"PK";

/// Why an input cannot be read on, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// Line or row, from 1; 0 if the file as a whole is at fault.
    pub(super) line: u64,
    /// What is wrong, and what to do.
    pub(super) reason: String,
}

impl Broken {
    /// The file as a whole is at fault.
    pub(super) fn file(reason: impl Into<String>) -> Self {
        Self {
            line: 0,
            reason: reason.into(),
        }
    }
}

/// Bytes of the files that were read so far, for the progress.
pub(super) type Progress = Rc<Cell<u64>>;

/// Counts what is read of a file.
struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let sum = self.progress.get().saturating_add(read as u64);
        self.progress.set(sum);
        Ok(read)
    }
}

/// A file that is open.
pub(super) struct Opened {
    /// Its content, unpacked.
    pub(super) reader: Box<dyn BufRead>,
    /// Its name; in a zip that of the file inside.
    pub(super) name: String,
}

/// Opens a file; its content is unpacked on the way. Of a zip, the one file with a name that ends
/// in `ending`.
///
/// # Errors
///
/// [`Broken`]: it cannot be opened or read.
pub(super) fn open(path: &Path, ending: &str, progress: &Progress) -> Result<Opened, Broken> {
    let failed = |error: io::Error| Broken::file(format!("cannot be read: {error}"));
    let mut file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(Broken::file("is a directory; name the files in it"));
    }
    let mut start = Vec::new();
    (&mut file)
        .take(4)
        .read_to_end(&mut start)
        .map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    if start.starts_with(ZIP) {
        return open_zip(file, ending, progress);
    }
    let counted = counted(file, progress);
    let reader: Box<dyn BufRead> = if start.starts_with(GZIP) {
        let unpacked = MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, counted));
        Box::new(BufReader::with_capacity(BUFFER_BYTES, unpacked))
    } else {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, counted))
    };
    let name = path.file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    Ok(Opened { reader, name })
}

fn counted<R>(inner: R, progress: &Progress) -> Counted<R> {
    Counted {
        inner,
        progress: Rc::clone(progress),
    }
}

/// Opens the wanted file inside of a zip. The library finds it; reading is done here, because its
/// reader borrows the archive.
fn open_zip(mut file: File, ending: &str, progress: &Progress) -> Result<Opened, Broken> {
    let damaged = |error: zip::result::ZipError| {
        Broken::file(format!("the zip file is damaged or cut off ({error})"))
    };
    let mut archive = ZipArchive::new(&mut file).map_err(damaged)?;
    let names = archive
        .file_names()
        .map(|name| name.map(|name| name.into_owned()));
    let names: Vec<String> = names.collect::<Result<_, _>>().map_err(damaged)?;
    let mut wanted = names.iter().filter(|name| name.ends_with(ending));
    let (Some(name), None) = (wanted.next(), wanted.next()) else {
        let all = names.join(", ");
        return Err(Broken::file(format!(
            "must hold one file *{ending}, and it has: {all}"
        )));
    };
    let name = name.clone();
    let entry = archive.by_name(&name).map_err(damaged)?;
    if entry.encrypted() {
        return Err(Broken::file("is encrypted: unpack it"));
    }
    let (method, packed, bytes) = (entry.compression(), entry.compressed_size(), entry.size());
    let (crc, start) = (entry.crc32(), entry.data_start());
    drop(entry);
    drop(archive);
    let start = start.ok_or_else(|| Broken::file("the zip file is damaged"))?;
    let failed = |error: io::Error| Broken::file(format!("cannot be read: {error}"));
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let content = BufReader::with_capacity(BUFFER_BYTES, counted(file, progress).take(packed));
    let unpacked: Box<dyn Read> = if method == CompressionMethod::Stored {
        Box::new(content)
    } else if method == CompressionMethod::Deflated {
        Box::new(DeflateDecoder::new(content))
    } else {
        return Err(Broken::file(format!("is packed with {method}: unpack it")));
    };
    let checked = Checked {
        inner: unpacked,
        sum: Crc::new(),
        wanted: (crc, bytes),
        read: 0,
    };
    let reader = Box::new(BufReader::with_capacity(BUFFER_BYTES, checked));
    Ok(Opened { reader, name })
}

/// The content of a file in a zip, which must have the length and the checksum that the zip says.
struct Checked {
    inner: Box<dyn Read>,
    sum: Crc,
    wanted: (u32, u64),
    read: u64,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.sum.update(&buffer[..read]);
        self.read += read as u64;
        let is_over = read == 0 && !buffer.is_empty();
        if is_over && (self.sum.sum(), self.read) != self.wanted {
            let what = "its length or checksum is not what the zip says";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(read)
    }
}

/// Lines of a text, with their numbers.
pub(super) struct Lines {
    reader: Box<dyn BufRead>,
    number: u64,
    bytes: Vec<u8>,
}

impl Lines {
    /// The lines of `reader`.
    pub(super) fn new(reader: Box<dyn BufRead>) -> Self {
        Self {
            reader,
            number: 0,
            bytes: Vec::new(),
        }
    }

    /// An error at the line that was read last.
    pub(super) fn broken(&self, reason: impl Into<String>) -> Broken {
        Broken {
            line: self.number,
            reason: reason.into(),
        }
    }

    /// The next line without its end, and its number from 1; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// [`Broken`]: the file is damaged or cut off, or no text.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &str)>, Broken> {
        self.bytes.clear();
        self.number += 1;
        let mut limited = (&mut self.reader).take(LINE_BYTES_MAX);
        let read = limited.read_until(b'\n', &mut self.bytes);
        let read = read.map_err(|error| {
            self.broken(format!("the file is damaged or cut off here ({error})"))
        })?;
        if read == 0 {
            self.number -= 1;
            return Ok(None);
        }
        if self.bytes.last() == Some(&b'\n') {
            self.bytes.pop();
            if self.bytes.last() == Some(&b'\r') {
                self.bytes.pop();
            }
        } else if read as u64 == LINE_BYTES_MAX {
            return Err(self.broken(format!(
                "is longer than {LINE_BYTES_MAX} bytes: no text file"
            )));
        }
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => Ok(Some((self.number, text))),
            Err(_) => Err(Broken {
                line: self.number,
                reason: "is no text (UTF-8)".to_owned(),
            }),
        }
    }
}
