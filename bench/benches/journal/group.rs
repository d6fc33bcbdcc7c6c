//! Commits that are on stable storage: one record, a hundred records, as many as the device takes.
//!
//! The floor is a bare write and fdatasync of the same bytes, at the next place of a file that was
//! written and synced before, as our segments are.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::time::Instant;

use tempfile::TempDir;

use crate::Plan;
use crate::common::{Progress, median, nanos, place, quantile};
use crate::peers;
use crate::table::{Better, Row, Target, Unit};

/// Name of this part.
pub(crate) const NAME: &str = "group";

/// Records of one commit of the second row.
pub(crate) const BATCH: u64 = 100;
/// What a commit is filled up to.
const SECTOR: usize = 512;
/// Size of the floor's file.
const FILE_BYTES: usize = 16 << 20;

/// What was found, of all rounds.
#[derive(Default)]
pub(crate) struct Found {
    floor_one_us: Vec<f64>,
    floor_batch_us: Vec<f64>,
}

impl Found {
    pub(crate) fn round(&mut self, plan: Plan, progress: &Progress) {
        progress.say("commits: bare fdatasync");
        let mut floor = Floor::new();
        let batch_bytes = (BATCH as usize * 128).next_multiple_of(SECTOR);
        for _ in 0..plan.commits {
            self.floor_one_us.push(floor.commit(SECTOR));
            self.floor_batch_us.push(floor.commit(batch_bytes));
        }
    }

    pub(crate) fn rows(&self, others: &peers::Found) -> Vec<Row> {
        let one = Row::new("commit of one record, p50", Unit::Us, Better::Lower)
            .floor("bare fdatasync", median(&self.floor_one_us))
            .peers(others.commit_us(0.5))
            .target(Target::AtMostOfFloor(1.2));
        let tail = Row::new("commit of one record, p99", Unit::Us, Better::Lower)
            .floor("bare fdatasync", quantile(&self.floor_one_us, 0.99))
            .peers(others.commit_us(0.99));
        let rate = median(&self.floor_batch_us).map(|us| BATCH as f64 * 1e6 / us);
        let batch = Row::new("commits of 100 records", Unit::PerSecond, Better::Higher)
            .floor("bare fdatasync", rate)
            .peers(others.batch_rate())
            .target(Target::TimesBestPeer(1.5));
        vec![one, tail, batch]
    }
}

/// Bare writes and syncs.
struct Floor {
    file: File,
    next: usize,
    bytes: Vec<u8>,
    _place: TempDir,
}

impl Floor {
    fn new() -> Self {
        let place = place();
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(place.path().join("written"))
            .unwrap();
        file.write_all_at(&vec![0; FILE_BYTES], 0).unwrap();
        file.sync_all().unwrap();
        Self {
            file,
            next: 0,
            bytes: vec![0x5A; FILE_BYTES],
            _place: place,
        }
    }

    /// Microseconds of one.
    fn commit(&mut self, bytes: usize) -> f64 {
        if self.next + bytes > FILE_BYTES {
            self.next = 0;
        }
        let begin = Instant::now();
        self.file
            .write_all_at(&self.bytes[..bytes], self.next as u64)
            .unwrap();
        self.file.sync_data().unwrap();
        self.next += bytes;
        nanos(begin.elapsed()) / 1e3
    }
}
