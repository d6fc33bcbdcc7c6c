//! Lines of a capture: `<local receive time, ns> <JSON>`.

use std::path::Path;

use super::super::findings::{Finding, Findings};
use super::super::input::{self, Broken, Lines, Progress};
use super::super::row::Head;

/// A capture, line by line.
pub(super) struct Frames {
    lines: Lines,
    file: usize,
}

/// What the next line is.
pub(super) enum Next<'a> {
    /// A frame, with its local time and place.
    Frame(Head, &'a str),
    /// Empty, or none; the latter is in the findings.
    Nothing,
    /// The end of the file.
    End,
}

impl Frames {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Broken`].
    pub(super) fn open(file: usize, path: &Path, progress: &Progress) -> Result<Self, Broken> {
        Ok(Self {
            lines: Lines::new(input::open(path, "", progress)?.reader),
            file,
        })
    }

    /// The next line.
    ///
    /// # Errors
    ///
    /// [`Broken`]: the file is damaged, or its first line is no frame.
    pub(super) fn next(&mut self, findings: &mut Findings) -> Result<Next<'_>, Broken> {
        let Some((line, text)) = self.lines.next()? else {
            return Ok(Next::End);
        };
        if text.is_empty() {
            return Ok(Next::Nothing);
        }
        let mut head = Head {
            local_ns: 0,
            venue_ns: 0,
            slot: 0,
            file: self.file,
            line,
        };
        let Some((local_ns, json)) = halves(text) else {
            const FORM: &str = "is not `<local time in nanoseconds> <JSON>`: no capture";
            if line == 1 {
                return Err(Broken {
                    line,
                    reason: FORM.to_owned(),
                });
            }
            findings.add(Finding::Unknown, &head, || FORM.to_owned());
            return Ok(Next::Nothing);
        };
        head.local_ns = local_ns;
        Ok(Next::Frame(head, json))
    }
}

/// Local time and JSON of a line.
fn halves(text: &str) -> Option<(u64, &str)> {
    let (ns, json) = text.split_once(' ')?;
    Some((ns.parse().ok()?, json.trim()))
}
