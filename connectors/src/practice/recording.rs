//! A recording's file: gzip lines of `<ns> <JSON>`, read one by one.
//!
//! Knows the form of a line, not what the JSON says.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// Longest line: a snapshot of 5,000 levels a side has about 600 kB.
const LINE_BYTES_MAX: usize = 4 << 20;

/// What is wrong with a recording, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("recording {} line {line}: {reason}", path.display())]
pub struct RecordingError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 if the file as a whole is at fault.
    pub line: u64,
    /// What is wrong, and what to do.
    pub reason: String,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) number: u64,
    /// Local receive time, nanoseconds since the Unix epoch.
    pub(crate) ns: u64,
    pub(crate) json: &'a str,
}

/// The lines of a file, in order.
pub(crate) struct Lines {
    path: PathBuf,
    reader: BufReader<MultiGzDecoder<File>>,
    number: u64,
    last_ns: u64,
    line: String,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("path", &self.path)
            .field("number", &self.number)
            .finish()
    }
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// It cannot be opened.
    pub(crate) fn open(path: &Path) -> Result<Self, RecordingError> {
        let file = File::open(path).map_err(|error| RecordingError {
            path: path.to_owned(),
            line: 0,
            reason: format!("cannot be opened: {error}"),
        })?;
        Ok(Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file)),
            number: 0,
            last_ns: 0,
            line: String::new(),
        })
    }

    /// An error at the line that was read last.
    pub(crate) fn error(&self, reason: impl Into<String>) -> RecordingError {
        RecordingError {
            path: self.path.clone(),
            line: self.number,
            reason: reason.into(),
        }
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    ///
    /// The file is damaged or cut off, or the line is not `<ns> <JSON>`.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>, RecordingError> {
        self.line.clear();
        self.number += 1;
        let read = self.reader.read_line(&mut self.line).map_err(|error| {
            self.error(format!(
                "the file is damaged or cut off ({error}); get a whole copy"
            ))
        })?;
        if read == 0 {
            self.number -= 1;
            return Ok(None);
        }
        if read > LINE_BYTES_MAX {
            return Err(self.error(format!("longer than {LINE_BYTES_MAX} bytes")));
        }
        if !self.line.ends_with('\n') {
            return Err(self.error("ends without a line break: the file is cut off"));
        }
        let Some((ns, _)) = self.line.split_once(' ') else {
            return Err(self.error("is not `<nanoseconds> <JSON>`"));
        };
        let ns_bytes = ns.len();
        let Ok(ns) = ns.parse::<u64>() else {
            return Err(self.error("does not begin with a time in nanoseconds"));
        };
        if ns < self.last_ns {
            return Err(self.error("is earlier than the line before: the file was edited"));
        }
        self.last_ns = ns;
        let json = self.line[ns_bytes..].trim();
        Ok(Some(Line {
            number: self.number,
            ns,
            json,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gz(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<u64, RecordingError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.gz");
        std::fs::write(&path, bytes).unwrap();
        let mut lines = Lines::open(&path)?;
        let mut last = 0;
        while let Some(line) = lines.next()? {
            last = line.number;
        }
        Ok(last)
    }

    #[test]
    fn lines_of_a_whole_file_are_read() {
        assert_eq!(read(&gz("1 {}\n2 {\"a\":1}\n")), Ok(2));
        assert_eq!(read(&gz("")), Ok(0));
    }

    #[test]
    fn damage_names_its_line() {
        let say = |bytes: &[u8]| {
            let error = read(bytes).unwrap_err();
            (error.line, error.reason)
        };
        assert_eq!(say(&gz("1 {}\nx {}\n")).0, 2);
        assert!(say(&gz("1 {}\n{}\n")).1.contains("is not"));
        assert!(say(&gz("2 {}\n1 {}\n")).1.contains("earlier"));
        assert!(say(&gz("1 {}\n2 {}")).1.contains("cut off"));
        let mut text = String::new();
        for number in 0..5_000 {
            text.push_str(&format!("{number} {{\"x\":{}}}\n", number * 7919 % 4099));
        }
        let whole = gz(&text);
        let (line, reason) = say(&whole[..whole.len() / 2]);
        assert!(line > 1 && reason.contains("cut off"), "{line} {reason}");
        assert!(say(b"plain text\n").1.contains("damaged"));
        assert!(Lines::open(Path::new("/nowhere/x.gz")).is_err());
    }
}
