//! What a page of our prepared segments costs, beside a recycled file and one that is only
//! allocated: to make it present ahead (a segment of `process` mode), and one sync of it (a segment
//! of `sync` mode, which is written page by page).
//!
//! Ours is a segment that a writer made ahead and did not use. Recycled is a file that was full of
//! other bytes, written as ours, synced, and in the page cache. Allocated has its space by
//! `fallocate` and was never written.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use journal::{Durability, Tape, Writer};
use rustix::fs::{FallocateFlags, fallocate};
use tempfile::TempDir;

use crate::Plan;
use crate::common::{Progress, median, nanos, place, record};
use crate::table::{Better, Row, Target, Unit};

/// Name of this part.
pub(crate) const NAME: &str = "segments";

const PAGE: u64 = 4096;
/// Records of a page.
const PAGE_RECORDS: u64 = PAGE / 128;

/// What was found, of all rounds.
#[derive(Default)]
pub(crate) struct Found {
    ours: Costs,
    recycled: Costs,
    allocated: Costs,
}

/// Of one kind of file.
#[derive(Default)]
struct Costs {
    /// To make a page present and writable, ns.
    present_ns: Vec<f64>,
    /// A page of records and its sync, us.
    sync_us: Vec<f64>,
}

impl Found {
    pub(crate) fn round(&mut self, plan: Plan, progress: &Progress) {
        progress.say("segments: ours, recycled and allocated");
        let all = [&mut self.ours, &mut self.recycled, &mut self.allocated];
        let files = Files::new(plan, Durability::Process, plan.segment_bytes);
        for (costs, path) in all.into_iter().zip(files.paths()) {
            costs.present(&Tape::over(path, plan.segment_bytes).unwrap(), plan);
        }
        let files = Files::new(plan, Durability::Sync, PAGE);
        let all = [&mut self.ours, &mut self.recycled, &mut self.allocated];
        let mut all: Vec<_> = all
            .into_iter()
            .zip(files.paths().map(|path| opened(path, plan)))
            .collect();
        for _ in 0..plan.commits {
            for (costs, (tape, file)) in &mut all {
                costs.sync(tape, file);
            }
        }
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let present = Row::new(
            "segment ahead: a page made present",
            Unit::Ns,
            Better::Lower,
        )
        .ours(median(&self.ours.present_ns))
        .floor("recycled", median(&self.recycled.present_ns))
        .target(Target::AtMostOfFloor(1.2))
        .note(format!(
            "only allocated: {:.0} ns",
            median(&self.allocated.present_ns).unwrap_or(0.0)
        ));
        let sync = Row::new(
            "segment ahead: fdatasync of a page",
            Unit::Us,
            Better::Lower,
        )
        .ours(median(&self.ours.sync_us))
        .floor("recycled", median(&self.recycled.sync_us))
        .target(Target::AtMostOfFloor(1.2))
        .note(format!(
            "only allocated: {:.0} us",
            median(&self.allocated.sync_us).unwrap_or(0.0)
        ));
        vec![present, sync]
    }
}

impl Costs {
    fn present(&mut self, tape: &Tape, plan: Plan) {
        let begin = Instant::now();
        tape.populate();
        self.present_ns
            .push(nanos(begin.elapsed()) / (plan.segment_bytes / PAGE) as f64);
    }

    fn sync(&mut self, tape: &mut Tape, file: &File) {
        let record = record();
        let begin = Instant::now();
        for _ in 0..PAGE_RECORDS {
            tape.append(&record);
        }
        file.sync_data().unwrap();
        self.sync_us.push(nanos(begin.elapsed()) / 1e3);
    }
}

/// The three files.
struct Files {
    ours: PathBuf,
    recycled: PathBuf,
    allocated: PathBuf,
    _place: TempDir,
}

impl Files {
    /// Ours made by a writer of this durability, the recycled one written in pieces.
    fn new(plan: Plan, durability: Durability, piece: u64) -> Self {
        let place = place();
        let (writer, _) = Writer::open(place.path(), plan.options_of(durability)).unwrap();
        let ours = place.path().join("segment-0000000002");
        while !ours.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        writer.close().unwrap();
        Self {
            ours,
            recycled: recycled(place.path(), plan.segment_bytes, piece),
            allocated: allocated(place.path(), plan.segment_bytes),
            _place: place,
        }
    }

    fn paths(&self) -> [&Path; 3] {
        [&self.ours, &self.recycled, &self.allocated]
    }
}

/// The file mapped anew, and a handle to sync it with.
fn opened(path: &Path, plan: Plan) -> (Tape, File) {
    let tape = Tape::over(path, plan.segment_bytes).unwrap();
    (tape, OpenOptions::new().write(true).open(path).unwrap())
}

fn recycled(dir: &Path, bytes: u64, piece: u64) -> PathBuf {
    let (path, file) = created(dir, "recycled");
    let old = vec![0xA5; piece as usize];
    for offset in (0..bytes).step_by(piece as usize) {
        file.write_all_at(&old, offset).unwrap();
    }
    file.sync_all().unwrap();
    path
}

fn allocated(dir: &Path, bytes: u64) -> PathBuf {
    let (path, file) = created(dir, "allocated");
    fallocate(&file, FallocateFlags::empty(), 0, bytes).unwrap();
    file.sync_all().unwrap();
    path
}

fn created(dir: &Path, name: &str) -> (PathBuf, File) {
    let path = dir.join(name);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    (path, file)
}
