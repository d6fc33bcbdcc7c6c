//! CSV with or without a header: rows with their lines, columns by name or place, times by size.

use std::io::BufRead;

use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::super::input::Broken;
use crate::journal_command::parse_time;

/// A CSV file that is being read.
pub(super) struct Table {
    reader: csv::Reader<Box<dyn BufRead>>,
    /// The row that was read last.
    row: StringRecord,
    /// The first line, if it is a header.
    header: Option<StringRecord>,
    /// A first line that is no header waits to be read as a row.
    is_first: bool,
}

impl Table {
    /// Reads the first line: it is a header if its first field does not begin with a digit or
    /// `first_may_be` says that it is none.
    ///
    /// # Errors
    ///
    /// [`Broken`]: the file is empty or no text.
    pub(super) fn open(reader: Box<dyn BufRead>) -> Result<Self, Broken> {
        let reader = ReaderBuilder::new().has_headers(false).from_reader(reader);
        let mut table = Self {
            reader,
            row: StringRecord::new(),
            header: None,
            is_first: false,
        };
        if !table.read()? {
            return Err(Broken::file("is empty"));
        }
        let is_name = |field: &str| field.starts_with(|c: char| c.is_alphabetic());
        if table.row.iter().next().is_some_and(is_name) {
            table.header = Some(table.row.clone());
        } else {
            table.is_first = true;
        }
        Ok(table)
    }

    /// Number of columns.
    pub(super) fn columns(&self) -> usize {
        self.row.len()
    }

    /// Whether there is a header.
    pub(super) const fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// Place of a column, by the first of its names that the header has.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        let header = self.header.as_ref()?;
        names.iter().find_map(|name| {
            let is_it = |field: &str| field.trim().eq_ignore_ascii_case(name);
            header.iter().position(is_it)
        })
    }

    /// Places of these columns.
    ///
    /// # Errors
    ///
    /// [`Broken`] at line 1, with the name of the first one that is not there.
    pub(super) fn require<const N: usize>(&self, names: [&str; N]) -> Result<[usize; N], Broken> {
        let mut places = [0; N];
        for (place, name) in places.iter_mut().zip(names) {
            *place = self.column(&[name]).ok_or_else(|| Broken {
                line: 1,
                reason: format!("has no column {name}"),
            })?;
        }
        Ok(places)
    }

    /// Goes on to the next row; `false` behind the last one.
    ///
    /// # Errors
    ///
    /// [`Broken`]: the file is damaged or cut off, or a row has another number of fields.
    pub(super) fn next(&mut self) -> Result<bool, Broken> {
        if std::mem::take(&mut self.is_first) {
            return Ok(true);
        }
        self.read()
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library may add kinds of errors"
    )]
    fn read(&mut self) -> Result<bool, Broken> {
        let read = self.reader.read_record(&mut self.row);
        read.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            let at_end = self.reader.position().line();
            match error.kind() {
                ErrorKind::Io(error) => Broken {
                    line: at_end,
                    reason: format!("the file is damaged or cut off here ({error})"),
                },
                ErrorKind::Utf8 { .. } => Broken {
                    line: line.max(1),
                    reason: "is no text (UTF-8)".to_owned(),
                },
                ErrorKind::UnequalLengths {
                    expected_len, len, ..
                } => Broken {
                    line,
                    reason: format!("has {len} fields where {expected_len} belong"),
                },
                _ => Broken {
                    line,
                    reason: format!("is no CSV: {error}"),
                },
            }
        })
    }

    /// Line of the present row, from 1.
    pub(super) fn line(&self) -> u64 {
        self.row.position().map_or(1, csv::Position::line)
    }

    /// A field of the present row; empty if the row has no such column.
    pub(super) fn field(&self, column: usize) -> &str {
        self.row.get(column).unwrap_or("").trim()
    }

    /// A field as a whole number.
    ///
    /// # Errors
    ///
    /// [`Broken`] at the row.
    pub(super) fn whole(&self, column: usize) -> Result<u64, Broken> {
        let text = self.field(column);
        text.parse()
            .map_err(|_| self.wrong(column, "a whole number"))
    }

    /// A field as a time, nanoseconds since the Unix epoch: RFC 3339, a date, or a number of
    /// seconds, milliseconds, microseconds or nanoseconds, told by its size.
    ///
    /// # Errors
    ///
    /// [`Broken`] at the row.
    pub(super) fn time(&self, column: usize) -> Result<u64, Broken> {
        time(self.field(column)).ok_or_else(|| self.wrong(column, "a time"))
    }

    /// A field as true or false.
    ///
    /// # Errors
    ///
    /// [`Broken`] at the row.
    pub(super) fn boolean(&self, column: usize) -> Result<bool, Broken> {
        match self.field(column) {
            "true" | "True" | "TRUE" | "1" => Ok(true),
            "false" | "False" | "FALSE" | "0" => Ok(false),
            _ => Err(self.wrong(column, "true or false")),
        }
    }

    /// An error at the present row.
    pub(super) fn broken(&self, reason: impl Into<String>) -> Broken {
        Broken {
            line: self.line(),
            reason: reason.into(),
        }
    }

    fn wrong(&self, column: usize, wanted: &str) -> Broken {
        let text = self.field(column);
        let place = column + 1;
        self.broken(format!("column {place} is {text:?}, which is not {wanted}"))
    }
}

/// Seconds up to here, then milliseconds and microseconds: the limits are the year 5138 of each.
const SECONDS_MAX: u64 = 100_000_000_000;

fn time(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let of_day = text.get(11..).unwrap_or("");
        let has_zone = of_day.contains(['Z', 'z', '+', '-']);
        let is_date = text.len() <= 10;
        let zoned = if has_zone || is_date {
            text.to_owned()
        } else {
            format!("{text}Z")
        };
        return parse_time(&zoned).ok();
    }
    let number: u64 = text.parse().ok()?;
    let scale = if number < SECONDS_MAX {
        1_000_000_000
    } else if number < SECONDS_MAX * 1_000 {
        1_000_000
    } else if number < SECONDS_MAX * 1_000_000 {
        1_000
    } else {
        1
    };
    number.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_by_its_form() {
        const NS: u64 = 1_723_161_599_000_000_000;
        for text in [
            "1723161599",
            "1723161599000",
            "1723161599000000",
            "1723161599000000000",
            "2024-08-08T23:59:59Z",
            "2024-08-08 23:59:59",
            "2024-08-09T01:59:59+02:00",
        ] {
            assert_eq!(time(text), Some(NS), "{text}");
        }
        assert_eq!(time("2024-08-09"), Some(NS + 1_000_000_000));
        for text in ["", "x", "12.5", "2024-13-01", "-1"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
