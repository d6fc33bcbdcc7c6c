//! What the groups of rows share: how many, from which seed, and the line for the table.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use journal::{AppendError, Durability, Options, SEGMENT_BYTES_MIN, Writer};
use model::record::Record;
use rand::SeedableRng;
use rand_pcg::Pcg64;

/// Records in one of the smallest segments.
pub(crate) const PER_SEGMENT: u64 = (SEGMENT_BYTES_MIN - 8192) / 128;

/// The long forms run.
pub(crate) fn is_slow() -> bool {
    std::env::var_os("RUN_SLOW_TESTS").is_some()
}

/// How often: by default, or in the long form.
pub(crate) fn times(default: u64, long: u64) -> u64 {
    if is_slow() { long } else { default }
}

/// Where a test's random numbers start. `FAULT_SEED=N` repeats the one case of that seed; the long
/// form begins somewhere else each time; the default form always with the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seeds {
    pub(crate) first: u64,
    pub(crate) count: u64,
}

impl Seeds {
    /// `default` or `long` cases.
    pub(crate) fn new(default: u64, long: u64) -> Self {
        if let Ok(text) = std::env::var("FAULT_SEED") {
            let first = text.parse().expect("FAULT_SEED is a number");
            return Self { first, count: 1 };
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let first = if is_slow() { now.as_secs() << 20 } else { 1 };
        let count = times(default, long);
        Self { first, count }
    }

    pub(crate) fn each(self) -> impl Iterator<Item = u64> {
        self.first..self.first + self.count
    }
}

pub(crate) fn random(seed: u64) -> Pcg64 {
    Pcg64::seed_from_u64(seed)
}

/// The line that `cargo xtask faults` reads.
pub(crate) fn fault(row: &str, counts: &str) {
    println!("fault {row}: {counts}");
}

/// Small segments, so that rolls are frequent.
pub(crate) fn small(durability: Durability) -> Options {
    Options::new(durability).segment_bytes(SEGMENT_BYTES_MIN)
}

/// Waits for `is_done`, and fails with `what` if that takes 30 s.
pub(crate) fn wait_for(what: &str, mut is_done: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !is_done() {
        assert!(std::time::Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Appends, waiting for the next segment where its helper is behind.
pub(crate) fn append(writer: &mut Writer, record: &Record) -> Result<u64, AppendError> {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        match writer.append(record) {
            Err(AppendError::SegmentNotReady) if std::time::Instant::now() < deadline => {
                std::thread::yield_now();
            }
            other => return other,
        }
    }
}

/// A segment's file.
pub(crate) fn segment(dir: &Path, id: u32) -> PathBuf {
    dir.join(format!("segment-{id:010}"))
}

/// Where a record starts in its segment.
pub(crate) fn offset_of(seq: u64) -> usize {
    usize::try_from(4096 + (seq - 1) % PER_SEGMENT * 128).unwrap()
}
