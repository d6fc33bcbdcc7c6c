//! How much history to keep: sizes and ages as a person writes them.

use std::time::Duration;

use journal::PruneOptions;

use super::section::{Problems, Section, parse_duration};

const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Reads `10GiB`, `500 MB` or a plain number of bytes.
///
/// # Errors
///
/// A text for the person who wrote it.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim());
    let number: Option<u64> = number.parse().ok();
    unit.zip(number)
        .and_then(|((_, unit), number)| number.checked_mul(*unit))
        .ok_or_else(|| format!("'{text}' is no size: write 10GiB, 500MB or a number of bytes"))
}

/// Reads `30d`, `12h` or any other duration, but not zero.
///
/// # Errors
///
/// As [`parse_bytes`].
pub(crate) fn parse_age(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    let age = match days {
        Some(days) => u64::checked_mul(days, 86_400).map(Duration::from_secs),
        None => parse_duration(text),
    };
    age.filter(|age| !age.is_zero())
        .ok_or_else(|| format!("'{text}' is no age: write 30d, 12h, 90m or 60s"))
}

/// `keep_bytes` and `keep_age`; without them everything is kept.
pub(super) fn read(section: &mut Section<'_>, problems: &mut Problems<'_>) -> PruneOptions {
    PruneOptions {
        keep_bytes: one(section, problems, "keep_bytes", parse_bytes),
        keep_age: one(section, problems, "keep_age", parse_age),
        dry_run: false,
    }
}

fn one<T>(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
    key: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Option<T> {
    let offset = section.offset_of(key);
    let text = section.optional_text(problems, key)?;
    match parse(&text) {
        Ok(value) => Some(value),
        Err(what) => {
            problems.push_at(offset, &section.key_path(key), what);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_are_read_or_refused() {
        assert_eq!(parse_bytes("10GiB"), Ok(10 << 30));
        assert_eq!(parse_bytes("500 MB"), Ok(500_000_000));
        assert_eq!(parse_bytes("0"), Ok(0));
        for text in ["", "GiB", "10 gib", "1.5GiB", "-1", "99999999999TiB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        assert_eq!(parse_age("30d"), Ok(Duration::from_hours(720)));
        assert_eq!(parse_age("12h"), Ok(Duration::from_hours(12)));
        for text in ["", "d", "30", "0d", "0s", "1w", "999999999999999999d"] {
            assert!(parse_age(text).is_err(), "{text}");
        }
    }
}
