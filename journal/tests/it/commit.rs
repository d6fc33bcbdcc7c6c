//! Goal: in the strict modes nothing that is durable is written again, so that not even a disk that
//! turns every block under way into garbage takes back what was promised.
//!
//! Method: a stepped writer on heap files that remember what was synced. After each step the blocks
//! that hold durable records must be what they were. Then the power fails: of each block that was
//! not synced the disk has the old bytes, the new ones, a mixture, or garbage; recovery must give
//! a prefix with everything durable in it.
//! Seeds: 1 to the count, one a case; a failure names its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use journal::storage::{Access, Storage as _};
use journal::{AppendError, Durability, Folder, Options, Reader, SEGMENT_BYTES_MIN, Steps, Writer};
use model::body::DurableMark;
use model::record::{Kind, Record};
use zerocopy::FromBytes as _;

use crate::common::{PER_SEGMENT, record, small};
use crate::recorded::{BLOCK, DIR, Random, Recorded};

/// A journal, what it was given, and what is durable of it.
struct Case {
    storage: Recorded,
    folder: Folder,
    options: Options,
    writer: Writer,
    steps: Steps,
    given: Vec<Record>,
}

impl Case {
    fn open(storage: Recorded, options: Options, given: Vec<Record>) -> Self {
        let folder = Folder::new(Arc::new(storage.clone()), Path::new(DIR));
        let (writer, steps, _) = Writer::open_stepped(&folder, options.clone()).unwrap();
        Self {
            storage,
            folder,
            options,
            writer,
            steps,
            given,
        }
    }

    fn append(&mut self) {
        let next = record(self.given.len() as u64 + 1);
        match self.writer.append(&next) {
            Ok(_) => self.given.push(next),
            Err(AppendError::SegmentNotReady) => self.steps.prepare().unwrap(),
            Err(error) => panic!("{error}"),
        }
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(8) {
            0..=3 => {
                for _ in 0..=random.below(50) {
                    self.append();
                }
            }
            4 => self.writer.poll(),
            5 => self.steps.sync(),
            6 => self.steps.prepare().unwrap(),
            _ => {
                let durable = self.writer.sync_now().unwrap();
                assert_eq!(durable, self.writer.last_seq());
            }
        }
    }

    /// The bytes of every block that holds a durable record, by segment.
    fn durable_blocks(&self) -> BTreeMap<u64, Vec<u8>> {
        let durable = self.writer.durable_seq();
        (0..durable.div_ceil(PER_SEGMENT))
            .map(|segment| {
                let count = (durable - segment * PER_SEGMENT).min(PER_SEGMENT);
                let end = usize::try_from(4096 + count * 128).unwrap();
                let block = usize::try_from(self.options.commit_block).unwrap();
                let path = Path::new(DIR).join(format!("segment-{segment:010}"));
                let bytes = self.storage.bytes(&path);
                (segment, bytes[4096..end.next_multiple_of(block)].to_vec())
            })
            .collect()
    }

    fn read(&self) -> Vec<Record> {
        let mut reader = Reader::open_in(&self.folder).unwrap();
        let mut found = Vec::new();
        while let Some(record) = reader.next().unwrap() {
            found.push(*record);
        }
        found
    }

    /// The records are those given, with fillings between them that say nothing wrong.
    fn check_records(&self, kept: u64) {
        let found = self.read();
        let mut own = found.iter().filter(|r| r.kind != Kind::DurableMark.code());
        for (index, given) in self.given.iter().enumerate() {
            let Some(record) = own.next() else {
                let last = found.len() as u64;
                assert!(kept <= last, "record {index} of those durable is gone");
                return;
            };
            assert!(record.same_decision(given), "record {index}");
        }
        assert!(own.next().is_none(), "more than was given");
        let mut before = Record::ZERO;
        for record in &found {
            if record.kind == Kind::DurableMark.code() {
                let mark = DurableMark::read_from_bytes(&record.body).unwrap();
                assert!(mark.durable_seq < record.seq);
                assert_eq!(
                    (record.event, record.time_ns),
                    (before.event, before.time_ns)
                );
            }
            before = *record;
        }
    }
}

fn cases(few: u64) -> u64 {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() {
        100 * few
    } else {
        few
    }
}

/// One journal's life: steps, and power failures in between. Returns the failures.
fn live_through(seed: u64, options: Options) -> u64 {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut case = Case::open(Recorded::new(1), options.clone(), Vec::new());
    let mut losses = 0;
    for _ in 0..random.below(60) {
        let before = case.durable_blocks();
        case.step(&mut random);
        let after = case.durable_blocks();
        for (segment, blocks) in before {
            let same = after[&segment].starts_with(&blocks);
            assert!(
                same,
                "seed {seed}: a durable block of segment {segment} was stored to"
            );
        }
        let end = case.writer.durable_seq() * 128;
        assert!(
            end.is_multiple_of(options.commit_block),
            "seed {seed}: durable {end} bytes end inside a block"
        );
        if random.below(12) == 0 {
            case = lose_power(case, &mut random);
            losses += 1;
        }
    }
    case.check_records(case.writer.durable_seq());
    losses
}

fn lose_power(case: Case, random: &mut Random) -> Case {
    let durable = case.writer.durable_seq();
    let storage = case.storage.after_power_loss(random);
    let Case { options, given, .. } = case;
    let mut case = Case::open(storage, options, given);
    let last = case.writer.last_seq();
    assert!(durable <= last, "{durable} were durable, {last} were found");
    case.check_records(durable);
    let own = |r: &&Record| r.kind != Kind::DurableMark.code();
    let kept = case.read().iter().filter(own).count();
    case.given.truncate(kept);
    case
}

#[test]
fn strict_commits_never_store_to_a_durable_block_and_survive_torn_ones() {
    let mut losses = 0;
    let cases = cases(150);
    for seed in 1..=cases {
        let durability = [Durability::Group, Durability::Sync][usize::try_from(seed % 2).unwrap()];
        losses += live_through(seed, small(durability));
    }
    assert!(losses > cases / 4, "{losses} power failures");
    println!("strict modes: {cases} journals, {losses} power failures, seeds 1 to {cases}");
}

#[test]
fn group_commit_of_one_record_is_one_block_with_one_sync() {
    let mut case = Case::open(Recorded::new(1), small(Durability::Group), Vec::new());
    case.steps.sync();
    case.append();
    assert_eq!(case.writer.durable_seq(), 0);
    case.steps.sync();
    assert_eq!(case.writer.durable_seq(), 0, "not filled up, so not synced");
    case.writer.poll();
    assert_eq!(case.writer.last_seq(), 32, "filled up to 4096 bytes");
    case.steps.sync();
    assert_eq!(case.writer.durable_seq(), 32);
    case.append();
    case.writer.poll();
    case.steps.sync();
    let marks: Vec<u64> = case.read()[33..]
        .iter()
        .map(|r| DurableMark::read_from_bytes(&r.body).unwrap().durable_seq)
        .collect();
    assert_eq!(
        marks, [32; 31],
        "the second commit carries the first one's end"
    );
}

#[test]
fn group_without_polls_commits_at_the_next_append() {
    let mut case = Case::open(Recorded::new(1), small(Durability::Group), Vec::new());
    case.append();
    case.steps.sync();
    case.append();
    assert_eq!(case.writer.last_seq(), 33);
    case.steps.sync();
    assert_eq!(case.writer.durable_seq(), 32);
}

#[test]
fn commit_block_of_512_fills_up_to_four_records() {
    let options = small(Durability::Group).commit_block(512);
    let mut case = Case::open(Recorded::new(1), options, Vec::new());
    case.append();
    assert_eq!(case.writer.sync_now().unwrap(), 4);
    assert_eq!(case.read().len(), 4);
}

#[test]
fn strict_mode_leaves_the_block_that_another_mode_ended_in() {
    let storage = Recorded::new(1);
    let interval = Durability::Interval(Duration::from_millis(10));
    let mut case = Case::open(storage.clone(), small(interval), Vec::new());
    for _ in 0..5 {
        case.append();
    }
    let Case {
        writer,
        steps,
        given,
        ..
    } = case;
    assert_eq!(steps.close(writer).unwrap().last_seq, 5);
    let case = Case::open(storage.clone(), small(Durability::Sync), given);
    assert_eq!(
        (case.writer.last_seq(), case.writer.durable_seq()),
        (32, 32)
    );
    case.check_records(32);
    drop(case);
    let (_, _, recovery) = Writer::open_stepped(
        &Folder::new(Arc::new(storage), Path::new(DIR)),
        small(Durability::Sync),
    )
    .unwrap();
    assert_eq!(recovery.last_seq, 32, "a whole block is not filled again");
}

/// What a filling names is promised, wherever the filling stands.
#[test]
fn filling_behind_a_hole_proves_that_the_hole_was_promised() {
    let mut case = Case::open(Recorded::new(1), small(Durability::Group), Vec::new());
    for _ in 0..3 {
        case.append();
        case.writer.sync_now().unwrap();
    }
    let path = Path::new(DIR).join("segment-0000000000");
    let after = case.storage.after_power_loss(&mut Random(1));
    let file = after.memory.open(&path, Access::Write).unwrap();
    file.write_all_at(&[0; BLOCK], 4096).unwrap();
    let folder = Folder::new(Arc::new(after), Path::new(DIR));
    let error = match Writer::open_stepped(&folder, small(Durability::Group)) {
        Ok(_) => panic!("opened without its first commit"),
        Err(error) => error.to_string(),
    };
    assert!(error.contains("record 1 "), "{error}");
    assert!(error.contains("was on stable storage"), "{error}");
}

#[test]
fn filling_from_outside_is_refused() {
    let mut case = Case::open(Recorded::new(1), small(Durability::Process), Vec::new());
    let mut filling = Record::ZERO;
    filling.kind = Kind::DurableMark.code();
    assert_eq!(case.writer.append(&filling), Err(AppendError::OwnKind));
}

#[test]
fn volatile_makes_nothing_on_disk_and_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (mut writer, _) = Writer::open(&path, small(Durability::Volatile)).unwrap();
    let mut reader = Reader::open_in(writer.folder()).unwrap();
    for n in 1..=3 * PER_SEGMENT {
        crate::common::append(&mut writer, &record(n));
    }
    for n in 1..=3 * PER_SEGMENT {
        assert!(reader.next().unwrap().unwrap().same_decision(&record(n)));
    }
    assert_eq!(writer.sync_now(), Ok(0), "nothing is ever durable");
    assert_eq!(writer.close().unwrap().last_seq, 3 * PER_SEGMENT);
    assert!(!path.exists());
}

/// With threads: everything that is appended becomes durable, without a word from the writer but
/// its polls.
#[test]
fn group_with_its_thread_makes_everything_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), small(Durability::Group)).unwrap();
    let watch = writer.watch();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    for n in 1..=300 {
        let seq = crate::common::append(&mut writer, &record(n));
        if n % 10 == 0 {
            while watch.durable_seq() < seq {
                writer.poll();
                assert!(std::time::Instant::now() < deadline, "not durable: {seq}");
            }
        }
    }
    let summary = writer.close().unwrap();
    assert!(summary.last_seq.is_multiple_of(32));
    let (writer, recovery) = Writer::open(dir.path(), small(Durability::Group)).unwrap();
    assert!(recovery.clean && recovery.last_seq == summary.last_seq);
    drop(writer);
    assert_eq!(SEGMENT_BYTES_MIN, PER_SEGMENT * 128 + 8192);
}
