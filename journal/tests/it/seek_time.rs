//! Seeking by time, against a walk over all records.

use std::fs;
use std::io::Write;
use std::path::Path;

use journal::{Folder, ReadError, Reader};
use model::record::{Kind, Record};

use crate::common::{PER_SEGMENT, append, edit, fast_dir, offset_of, open, segment};
use crate::unpack::with_trailer;

const SEED: u64 = 20_261_122;

/// A generator that is good enough for tests: the same numbers for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Records as an engine writes them: event times rise or stay; commands have the time of an earlier
/// event; here and there are runs of records without a time.
fn records(numbers: &mut Numbers, count: u64) -> Vec<Record> {
    let (mut now, mut untimed) = (1_000, 0);
    let mut times = vec![0];
    (0..count)
        .map(|_| {
            let mut record = Record::ZERO;
            record.kind = Kind::Tick.code();
            if untimed == 0 && numbers.below(40) == 0 {
                untimed = 1 + numbers.below(60);
            }
            if untimed > 0 {
                untimed -= 1;
                record.kind = Kind::BlobPart.code();
            } else if numbers.below(3) == 0 {
                record.kind = Kind::NewOrder.code();
                let back = numbers.below(times.len().min(9) as u64) as usize;
                record.time_ns = times[times.len() - 1 - back];
            } else {
                now += numbers.below(4) * numbers.below(20);
                record.time_ns = now;
                times.push(now);
            }
            record
        })
        .collect()
}

/// The first record at or after a time, by looking at all.
fn walk(records: &[Record], time_ns: u64) -> u64 {
    let at = records
        .iter()
        .position(|record| record.time_ns >= time_ns.max(1));
    at.unwrap_or(records.len()) as u64 + 1
}

fn archive(dir: &Path, id: u32) {
    let raw = segment(dir, id);
    let bytes = fs::read(&raw).unwrap();
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder
        .set_pledged_src_size(Some(bytes.len() as u64))
        .unwrap();
    encoder.write_all(&bytes).unwrap();
    let packed = with_trailer(encoder.finish().unwrap());
    fs::write(raw.with_extension("zst"), packed).unwrap();
    fs::remove_file(raw).unwrap();
}

fn check(dir: &Path, records: &[Record]) -> u64 {
    let folder = Folder::on_disk(dir);
    let mut checked = 0;
    for reader in [Reader::open_in(&folder), Reader::open_unmapped(&folder)] {
        let mut reader = reader.unwrap();
        let last = records
            .iter()
            .map(|record| record.time_ns)
            .max()
            .unwrap_or(0);
        let step = usize::try_from(last / 199 + 1).unwrap();
        let times = (0..=last + 2).step_by(step);
        for time_ns in times.chain([1_000, 1_001, last, last + 1, u64::MAX]) {
            let found = reader.seek_time(time_ns).unwrap();
            assert_eq!(found, walk(records, time_ns), "time {time_ns}, seed {SEED}");
            assert_eq!(reader.next_seq(), found);
            let next = reader.next().unwrap().map(|record| record.seq);
            assert_eq!(next, (found <= records.len() as u64).then_some(found));
            checked += 1;
        }
    }
    checked
}

/// Goal: bisection finds what a walk finds, in journals of every length, archived or not.
#[test]
fn seek_time_finds_what_a_walk_finds() {
    let mut numbers = Numbers(SEED);
    let mut checked = 0;
    for count in [
        0,
        1,
        2,
        100,
        PER_SEGMENT,
        PER_SEGMENT + 1,
        5 * PER_SEGMENT + 77,
    ] {
        let dir = fast_dir();
        let records = records(&mut numbers, count);
        let (mut writer, _) = open(dir.path());
        for record in &records {
            append(&mut writer, record);
        }
        drop(writer);
        checked += check(dir.path(), &records);
        if count > 3 * PER_SEGMENT {
            for id in [0, 1, 3] {
                archive(dir.path(), id);
            }
            checked += check(dir.path(), &records);
        }
    }
    assert!(checked > 1_000, "{checked} times, seed {SEED}");
}

/// Goal: segments without any time do not stop the search, and a damaged probe is an error that
/// leaves the reader where it was.
#[test]
fn seek_time_over_untimed_segments_and_damage() {
    let dir = fast_dir();
    let (mut writer, _) = open(dir.path());
    let last = 4 * PER_SEGMENT + 9;
    for n in 1..=last {
        let mut record = Record::ZERO;
        record.kind = Kind::Tick.code();
        let is_timed = n <= 10 || n > 3 * PER_SEGMENT + 100;
        record.time_ns = if is_timed { 5_000 + n } else { 0 };
        append(&mut writer, &record);
    }
    drop(writer);
    let mut reader = Reader::open(dir.path()).unwrap();
    for (time_ns, seq) in [
        (0, 1),
        (5_010, 10),
        (5_011, 3 * PER_SEGMENT + 101),
        (5_000 + 3 * PER_SEGMENT + 200, 3 * PER_SEGMENT + 200),
        (5_000 + last, last),
        (5_001 + last, last + 1),
    ] {
        assert_eq!(reader.seek_time(time_ns).unwrap(), seq, "time {time_ns}");
    }
    reader.seek(7);
    edit(&segment(dir.path(), 4), |bytes| {
        bytes[offset_of(4 * PER_SEGMENT + 5) + 99] ^= 1
    });
    let outcome = reader.seek_time(5_000 + last);
    assert!(matches!(outcome, Err(ReadError::Damaged(_))), "{outcome:?}");
    assert_eq!(reader.next().unwrap().unwrap().seq, 7);
}
