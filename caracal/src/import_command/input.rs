//! Input files: plain or gzip, told by their first bytes, read line by line.
//!
//! Memory is that of one line, whatever the file's length.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

/// Longest line: a snapshot of 5,000 levels a side has about 600 kB.
const LINE_BYTES_MAX: u64 = 16 << 20;
const BUFFER_BYTES: usize = 1 << 16;
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Why an input cannot be read on, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// Line or row, from 1; 0 if the file as a whole is at fault.
    pub(super) line: u64,
    /// What is wrong, and what to do.
    pub(super) reason: String,
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

/// Opens a file; its content is unpacked on the way.
///
/// # Errors
///
/// [`Broken`]: it cannot be opened or read.
pub(super) fn open(path: &Path, progress: &Progress) -> Result<Box<dyn BufRead>, Broken> {
    let failed = |error: io::Error| Broken {
        line: 0,
        reason: format!("cannot be read: {error}"),
    };
    let mut file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(Broken {
            line: 0,
            reason: "is a directory; name the files in it".to_owned(),
        });
    }
    let mut start = Vec::new();
    (&mut file)
        .take(4)
        .read_to_end(&mut start)
        .map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let counted = Counted {
        inner: file,
        progress: Rc::clone(progress),
    };
    Ok(if start.starts_with(GZIP) {
        let unpacked = MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, counted));
        Box::new(BufReader::with_capacity(BUFFER_BYTES, unpacked))
    } else {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, counted))
    })
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
