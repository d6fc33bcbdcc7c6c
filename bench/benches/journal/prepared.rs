//! What a page of our prepared segments costs, beside a recycled file and one that is only
//! allocated: the first store to it (made present ahead, as the helper does), and one sync of it.
//!
//! Ours is a segment that a writer made ahead and did not use. Recycled is a file that was full of
//! other bytes, synced, and whose pages are in the page cache. Allocated has its space by
//! `fallocate` and was never written.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use journal::{Tape, Writer};
use rustix::fs::{FallocateFlags, fallocate};

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
        let dir = place();
        let (writer, _) = Writer::open(dir.path(), plan.options()).unwrap();
        let ours = dir.path().join("segment-0000000002");
        while !ours.exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        writer.close().unwrap();
        let recycled = recycled(dir.path(), plan.segment_bytes);
        let allocated = allocated(dir.path(), plan.segment_bytes);
        let mut files = [
            (&mut self.ours, opened(&ours, plan)),
            (&mut self.recycled, opened(&recycled, plan)),
            (&mut self.allocated, opened(&allocated, plan)),
        ];
        for (costs, (tape, _)) in &mut files {
            costs.present(tape, plan.segment_bytes);
        }
        // What was made present is dirty, all of it; the first sync is not a commit's.
        for (_, (_, file)) in &files {
            file.sync_data().unwrap();
        }
        for _ in 0..plan.commits {
            for (costs, (tape, file)) in &mut files {
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
    fn present(&mut self, tape: &Tape, bytes: u64) {
        let begin = Instant::now();
        tape.populate();
        self.present_ns
            .push(nanos(begin.elapsed()) / (bytes / PAGE) as f64);
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

/// The file mapped anew, and a handle to sync it with.
fn opened(path: &Path, plan: Plan) -> (Tape, File) {
    let tape = Tape::over(path, plan.segment_bytes).unwrap();
    (tape, OpenOptions::new().write(true).open(path).unwrap())
}

fn recycled(dir: &Path, bytes: u64) -> PathBuf {
    let (path, file) = created(dir, "recycled");
    file.write_all_at(&vec![0xA5; bytes as usize], 0).unwrap();
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
