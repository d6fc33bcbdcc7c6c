//! Row 53: readers beside a writer that rolls, an archive and retention, all at once.
//!
//! The orders of the publication itself are checked one by one by a model checker
//! (`journal/src/publication/tests.rs`); this is the same and all around it on real memory, files
//! and threads, with small segments, so that rolling and pruning are frequent.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use journal::{Durability, Folder, ReadError, Reader, Watch, Writer};
use model::record::{Kind, Record};
use rand::RngExt;
use rand_pcg::Pcg64;

use crate::common::{PER_SEGMENT, append, fault, random, small, times};

/// Segments that stay raw, and segments that stay at all, behind the last one on stable storage.
const RAW: u32 = 2;
const KEPT: u32 = 5;
const SEED: u64 = 53;

/// A record whose every byte depends on `seq`: a torn one cannot look like another.
fn record(seq: u64) -> Record {
    let mut record = Record::ZERO;
    record.kind = Kind::Tick.code();
    record.event = seq;
    record.time_ns = 1_000 + seq / 3;
    for (word, i) in record.body.chunks_exact_mut(8).zip(1_u64..) {
        word.copy_from_slice(
            &seq.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_add(i)
                .to_le_bytes(),
        );
    }
    record
}

/// What all threads share.
struct Run {
    dir: PathBuf,
    last: u64,
    /// Announced before it is appended: no reader may be ahead of it.
    announced: AtomicU64,
    done: AtomicBool,
    deadline: Instant,
}

/// What a reader did.
#[derive(Default)]
struct Count {
    records: u64,
    pruned: u64,
    seeks: u64,
}

impl Run {
    fn check(&self, found: &Record, seq: u64) {
        assert_eq!(found.seq, seq);
        assert!(
            found.same_decision(&record(seq)),
            "record {seq} is another one"
        );
        assert!(
            seq <= self.announced.load(Ordering::Acquire),
            "record {seq} from nowhere"
        );
    }

    /// Follows from where it is to the last record, in batches of any size.
    fn follow(&self, mut reader: Reader, mut numbers: Pcg64, is_slow: bool) -> Count {
        let mut count = Count::default();
        while reader.next_seq() <= self.last {
            assert!(
                Instant::now() < self.deadline,
                "stuck at {}",
                reader.next_seq()
            );
            let from = reader.next_seq();
            match reader.next_batch(numbers.random_range(1..600)) {
                Ok(batch) => {
                    for (seq, found) in (from..).zip(batch) {
                        self.check(found, seq);
                    }
                    count.records += batch.len() as u64;
                    if is_slow {
                        thread::sleep(Duration::from_micros(numbers.random_range(0..2_000)));
                    }
                }
                Err(ReadError::Pruned { first_kept }) => {
                    // Only at a segment's end, and never back: what it was in it has finished.
                    assert!(first_kept > from && (from - 1).is_multiple_of(PER_SEGMENT));
                    reader.seek(first_kept);
                    count.pruned += 1;
                }
                Err(error) => panic!("at {from}: {error}"),
            }
        }
        assert!(reader.next().unwrap().is_none());
        count
    }

    /// Jumps about, by sequence and by time, until the writer is done.
    fn jump(&self, mut reader: Reader, mut numbers: Pcg64) -> Count {
        let mut count = Count::default();
        while !self.done.load(Ordering::Acquire) {
            let last = self.announced.load(Ordering::Acquire).max(1);
            let wanted = last
                .saturating_sub(numbers.random_range(0..9 * PER_SEGMENT))
                .max(1);
            let sought = if numbers.random() {
                reader.seek_time(1_000 + wanted / 3)
            } else {
                reader.seek(wanted);
                Ok(reader.next_seq())
            };
            count.seeks += 1;
            let found = sought.and_then(|seq| Ok((seq, reader.next()?.copied())));
            match found {
                Ok((seq, Some(found))) => {
                    self.check(&found, seq);
                    count.records += 1;
                }
                Ok((_, None)) => {}
                Err(ReadError::Pruned { .. }) => count.pruned += 1,
                Err(error) => panic!("seek to {wanted}: {error}"),
            }
        }
        count
    }
}

fn path_of(dir: &Path, id: u32) -> PathBuf {
    dir.join(format!("segment-{id:010}"))
}

/// Archives and prunes behind the writer, in the order in which that is promised to be done: the
/// archive before the raw file goes, the superblock before any file goes.
fn retain(run: &Run, watch: &Watch) -> (u32, u32) {
    let (mut archived, mut first) = (0, 0);
    while !run.done.load(Ordering::Acquire) {
        let full = u32::try_from(watch.durable_seq() / PER_SEGMENT).unwrap();
        while archived + RAW < full {
            pack(&run.dir, archived);
            archived += 1;
        }
        let keep_from = full.saturating_sub(KEPT);
        if keep_from > first {
            set_first(&run.dir, keep_from);
            for id in first..keep_from {
                fs::remove_file(path_of(&run.dir, id).with_extension("zst")).unwrap();
            }
            first = keep_from;
        }
        thread::sleep(Duration::from_micros(300));
    }
    (archived, first)
}

fn pack(dir: &Path, id: u32) {
    let raw = path_of(dir, id);
    let bytes = fs::read(&raw).unwrap();
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder
        .set_pledged_src_size(Some(bytes.len() as u64))
        .unwrap();
    encoder.write_all(&bytes).unwrap();
    let mut packed = encoder.finish().unwrap();
    let hash = blake3::hash(&packed);
    packed.extend([0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0]);
    packed.extend(hash.as_bytes());
    let new = raw.with_extension("zst.new");
    fs::write(&new, packed).unwrap();
    fs::rename(&new, raw.with_extension("zst")).unwrap();
    fs::remove_file(raw).unwrap();
}

/// Raises the first segment that is kept, in both slots of the superblock.
fn set_first(dir: &Path, first: u32) {
    let path = dir.join("superblock");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    for start in [0, 4096] {
        let mut slot = [0; 512];
        file.read_exact_at(&mut slot, start).unwrap();
        slot[64..68].copy_from_slice(&first.to_le_bytes());
        let checksum = crc32c::crc32c(&slot[..508]);
        slot[508..].copy_from_slice(&checksum.to_le_bytes());
        file.write_all_at(&slot, start).unwrap();
    }
}

/// Goal (row 53): no reader sees a part of a record, or one twice, or misses one that is kept,
/// whatever is rolled, archived and pruned beside it.
#[test]
fn fault_53_readers_beside_writer_roll_and_retention() {
    let dir = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap();
    let folder = Folder::on_disk(dir.path());
    let (mut writer, _) = Writer::open_in(&folder, small(Durability::Process)).unwrap();
    let watch = writer.watch();
    let run = Run {
        dir: dir.path().to_path_buf(),
        last: times(120, 3_000) * PER_SEGMENT + 11,
        announced: AtomicU64::new(0),
        done: AtomicBool::new(false),
        deadline: Instant::now() + Duration::from_secs(300),
    };
    let mapped = || Reader::open_in(&folder).unwrap();
    let unmapped = || Reader::open_unmapped(&folder).unwrap();
    let run = &run;
    let numbers = |stream: u64| random(SEED + stream);
    let (counts, (archived, pruned)) = thread::scope(|scope| {
        let readers = [
            scope.spawn(move || run.follow(mapped(), numbers(1), false)),
            scope.spawn(move || run.follow(mapped(), numbers(2), true)),
            scope.spawn(move || run.follow(unmapped(), numbers(3), false)),
            scope.spawn(move || run.jump(mapped(), numbers(4))),
            scope.spawn(move || run.jump(unmapped(), numbers(5))),
        ];
        let retention = scope.spawn(move || retain(run, &watch));
        for seq in 1..=run.last {
            run.announced.store(seq, Ordering::Release);
            append(&mut writer, &record(seq)).unwrap();
        }
        // The slow reader shall meet retention too: it is not waited for before that.
        thread::sleep(Duration::from_millis(30));
        run.done.store(true, Ordering::Release);
        let counts = readers.map(|reader| reader.join().unwrap());
        (counts, retention.join().unwrap())
    });
    let sum = |of: fn(&Count) -> u64| counts.iter().map(of).sum::<u64>();
    let (read, lost, seeks) = (sum(|c| c.records), sum(|c| c.pruned), sum(|c| c.seeks));
    assert!(counts.iter().all(|count| count.records > 0));
    assert!(lost > 0 && seeks > 0 && archived > 50 && pruned > 50);
    let last = run.last;
    fault(
        "53",
        &format!(
            "{last} records appended, {read} read by 5 readers, {archived} segments archived and \
             {pruned} pruned beside them, {lost} times under one, {seeks} seeks, seed {SEED}"
        ),
    );
}
