//! The index of days that the importer leaves beside a data set: a range opens at once.

use std::path::Path;

use serde::Deserialize;

/// File with the days, in the data set's directory.
const FILE: &str = "days.json";

#[derive(Debug, Deserialize)]
struct Days {
    days: Vec<Day>,
}

#[derive(Debug, Deserialize)]
struct Day {
    first_seq: u64,
    begins_ns: u64,
}

/// Log sequence of the first record of the day that holds `from_ns`; `None` without an index, or if
/// the data begins later. An index that cannot be read is as none: reading from the start is right,
/// too, and only slower.
pub(super) fn start_of(dir: &Path, from_ns: u64) -> Option<u64> {
    let text = std::fs::read_to_string(dir.join(FILE)).ok()?;
    let days: Days = serde_json::from_str(&text).ok()?;
    let earlier = days.days.iter().filter(|day| day.begins_ns <= from_ns);
    earlier.map(|day| day.first_seq).max()
}
