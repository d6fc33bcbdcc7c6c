//! What the topics share: records to append, small journals, deadlines.

use std::path::Path;
use std::time::{Duration, Instant};

use journal::{AppendError, Durability, Options, Reader, Recovery, SEGMENT_BYTES_MIN, Writer};
use model::record::{Kind, Record};

/// Records in one of the smallest segments.
pub(crate) const PER_SEGMENT: u64 = (SEGMENT_BYTES_MIN - 8192) / 128;

/// A record whose content depends on `n`.
pub(crate) fn record(n: u64) -> Record {
    let mut record = Record::ZERO;
    record.kind = Kind::Tick.code();
    record.event = n;
    record.time_ns = 1_000 + n;
    for (i, byte) in record.body.iter_mut().enumerate() {
        *byte = u8::try_from((n.wrapping_mul(31) + i as u64) % 251).unwrap();
    }
    record
}

pub(crate) fn small(durability: Durability) -> Options {
    Options::new(durability).segment_bytes(SEGMENT_BYTES_MIN)
}

pub(crate) fn open(dir: &Path) -> (Writer, Recovery) {
    Writer::open(dir, small(Durability::Process)).unwrap()
}

/// Appends, waiting for the helper where it is behind.
pub(crate) fn append(writer: &mut Writer, record: &Record) -> u64 {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match writer.append(record) {
            Ok(seq) => return seq,
            Err(AppendError::SegmentNotReady) if Instant::now() < deadline => {
                std::thread::yield_now();
            }
            Err(error) => panic!("append: {error}"),
        }
    }
}

pub(crate) fn append_range(writer: &mut Writer, range: std::ops::RangeInclusive<u64>) {
    for n in range {
        assert_eq!(append(writer, &record(n)), n);
    }
}

/// The journal's records are `record(1)` to `record(last)`.
pub(crate) fn assert_holds(dir: &Path, last: u64) {
    let mut reader = Reader::open(dir).unwrap();
    let mut n = 0;
    while let Some(found) = reader.next().unwrap() {
        n += 1;
        assert_eq!(found.seq, n);
        assert!(found.same_decision(&record(n)), "record {n}");
    }
    assert_eq!(n, last);
    assert_eq!(reader.last_seq().unwrap(), last);
}
