//! Commits that are on stable storage: one record, a hundred records, as many as the device takes.
//!
//! Ours is the real writer in `group` durability: a commit is appended, polled for, and waited for
//! until the sync thread says that it is durable. The floor is a bare write and fdatasync of the
//! same bytes, at the next place of a file that was written and synced before, as our segments are.
//! Ours and the floor take turns of five commits, one right behind the other: where commits are
//! rare, the sync thread sleeps, and waking it comes on top (a note of the first row).

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use journal::{Durability, Options, Writer};
use tempfile::TempDir;

use crate::Plan;
use crate::common::{
    Progress, RECORD, append_waiting, median, nanos, on_last_core, place, quantile, record,
};
use crate::peers;
use crate::table::{Better, Row, Target, Unit};

/// Name of this part.
pub(crate) const NAME: &str = "group";

/// Records of one commit of the second row.
pub(crate) const BATCH: u64 = 100;
/// What our commits are filled up to, and the floor's too, bytes.
const BLOCK: u64 = 4096;
/// Commits of a turn.
const TURN: u64 = 5;
/// Time without a commit after which the sync thread sleeps.
const PAUSE: Duration = Duration::from_millis(1);
/// Size of the floor's file.
const FILE_BYTES: u64 = 64 << 20;
/// At saturation: how many records may wait for their sync.
const IN_FLIGHT: u64 = 16_384;
/// At saturation: share of the first segment that is used, so that none is made meanwhile.
const SHARE: f64 = 0.9;

/// What was found, of all rounds.
#[derive(Default)]
pub(crate) struct Found {
    one: Pair,
    batch: Pair,
    after_pause_us: Vec<f64>,
    saturated: Vec<f64>,
    saturated_floor: Vec<f64>,
    /// Records of a commit at saturation.
    commit_records: Vec<f64>,
}

/// Microseconds of commits.
#[derive(Default)]
struct Pair {
    ours: Vec<f64>,
    floor: Vec<f64>,
}

impl Found {
    pub(crate) fn round(&mut self, plan: Plan, progress: &Progress) {
        progress.say("commits: ours and bare fdatasync");
        let dir = place();
        let options = plan.options_of(Durability::Group);
        let (mut writer, _) = Writer::open(dir.path(), options).unwrap();
        wait_for_segments(dir.path());
        let mut floor = Floor::new();
        on_last_core(|| {
            self.one.turns(&mut writer, &mut floor, 1, plan.commits);
            let batches = plan.commits / 2;
            self.batch.turns(&mut writer, &mut floor, BATCH, batches);
            for _ in 0..batches {
                let end = Instant::now() + PAUSE;
                while Instant::now() < end {
                    writer.poll();
                }
                self.after_pause_us.push(commit(&mut writer, 1));
            }
        });
        drop(writer);
        progress.say("commits: ours at saturation");
        let (rate, records) = saturated(plan);
        self.saturated.push(rate);
        self.commit_records.push(records);
        progress.say("commits: the device at saturation");
        let bytes = blocks((records.round() as u64).max(1));
        let began = Instant::now();
        let mut commits = 0_u64;
        while began.elapsed() < plan.paced {
            floor.commit(bytes);
            commits += 1;
        }
        let rate = commits as f64 * records / began.elapsed().as_secs_f64();
        self.saturated_floor.push(rate);
    }

    pub(crate) fn rows(&self, others: &peers::Found) -> Vec<Row> {
        let Self { one, batch, .. } = self;
        let p50 = Row::new("commit of one record, p50", Unit::Us, Better::Lower)
            .ours(median(&one.ours))
            .floor("bare fdatasync", median(&one.floor))
            .peers(others.commit_us(0.5))
            .target(Target::AtMostOfFloor(1.2))
            .note(format!(
                "after a pause of a millisecond: {:.0} us",
                median(&self.after_pause_us).unwrap_or(0.0)
            ));
        let p99 = Row::new("commit of one record, p99", Unit::Us, Better::Lower)
            .ours(quantile(&one.ours, 0.99))
            .floor("bare fdatasync", quantile(&one.floor, 0.99))
            .peers(others.commit_us(0.99));
        let rate = |us: &[f64]| median(us).map(|us| BATCH as f64 * 1e6 / us);
        let batches = Row::new("commits of 100 records", Unit::PerSecond, Better::Higher)
            .ours(rate(&batch.ours))
            .floor("bare fdatasync", rate(&batch.floor))
            .peers(others.batch_rate())
            .target(Target::TimesBestPeer(1.5));
        let saturated = Row::new("commits at saturation", Unit::PerSecond, Better::Higher)
            .ours(median(&self.saturated))
            .floor("the device", median(&self.saturated_floor))
            .target(Target::AtLeastOfFloor(0.9))
            .note(format!(
                "{:.0} records in a commit",
                median(&self.commit_records).unwrap_or(0.0)
            ));
        vec![p50, p99, batches, saturated]
    }
}

impl Pair {
    /// Commits in turns.
    fn turns(&mut self, writer: &mut Writer, floor: &mut Floor, records: u64, commits: u64) {
        for _ in 0..commits.div_ceil(TURN) {
            // The first one wakes the sync thread, which slept while the floor was measured.
            commit(writer, records);
            for _ in 0..TURN {
                self.ours.push(commit(writer, records));
            }
            for _ in 0..TURN {
                self.floor.push(floor.commit(blocks(records)));
            }
        }
    }
}

/// Microseconds of one commit of ours.
fn commit(writer: &mut Writer, records: u64) -> f64 {
    let record = record();
    let begin = Instant::now();
    for _ in 0..records {
        append_waiting(writer, &record);
    }
    let last = writer.last_seq();
    wait_for(writer, last);
    nanos(begin.elapsed()) / 1e3
}

/// Bytes of a commit of so many records.
fn blocks(records: u64) -> usize {
    (records * RECORD).next_multiple_of(BLOCK) as usize
}

/// As the journal stage of an engine that has nothing else to do.
fn wait_for(writer: &mut Writer, seq: u64) {
    while writer.durable_seq() < seq {
        writer.poll();
        std::hint::spin_loop();
    }
}

/// Records a second with as many in flight as may be, and how many of them a commit has.
///
/// The segments are there before it begins: making one is as many bytes for the device again, and
/// would be measured with it.
fn saturated(plan: Plan) -> (f64, f64) {
    let dir = place();
    let options = Options::new(Durability::Group).segment_bytes(plan.segment_bytes * 4);
    let in_one = plan.segment_bytes * 4 / RECORD;
    let (mut writer, _) = Writer::open(dir.path(), options).unwrap();
    wait_for_segments(dir.path());
    let record = record();
    on_last_core(|| {
        let begin = Instant::now();
        let (mut records, mut commits, mut durable) = (0_u64, 0_u64, 0);
        while begin.elapsed() < plan.paced && (records as f64) < SHARE * in_one as f64 {
            if writer.last_seq() - durable < IN_FLIGHT {
                append_waiting(&mut writer, &record);
                records += 1;
            }
            if records.is_multiple_of(16) || writer.last_seq() - durable >= IN_FLIGHT {
                writer.poll();
                let now = writer.durable_seq();
                commits += u64::from(now != durable);
                durable = now;
            }
        }
        let last = writer.last_seq();
        wait_for(&mut writer, last);
        let seconds = begin.elapsed().as_secs_f64();
        (
            records as f64 / seconds,
            records as f64 / (commits + 1) as f64,
        )
    })
}

/// Until both segments ahead are there under their names.
fn wait_for_segments(dir: &Path) {
    let ready = dir.join("segment-0000000002");
    while !ready.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Bare writes and syncs.
struct Floor {
    file: File,
    next: u64,
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
        file.write_all_at(&vec![0; FILE_BYTES as usize], 0).unwrap();
        file.sync_all().unwrap();
        Self {
            file,
            next: 0,
            bytes: vec![0x5A; FILE_BYTES as usize],
            _place: place,
        }
    }

    /// Microseconds of one.
    fn commit(&mut self, bytes: usize) -> f64 {
        if self.next + bytes as u64 > FILE_BYTES {
            self.next = 0;
        }
        let begin = Instant::now();
        self.file
            .write_all_at(&self.bytes[..bytes], self.next)
            .unwrap();
        self.file.sync_data().unwrap();
        self.next += bytes as u64;
        nanos(begin.elapsed()) / 1e3
    }
}
