//! Appending, closing, opening again, reading back.

use journal::{Durability, Reader, Writer, stat};
use model::record::Kind;
use std::time::{Duration, Instant};

use crate::common::{PER_SEGMENT, append, append_range, assert_holds, open, record, small};

#[test]
fn append_over_several_segments_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let last = 5 * PER_SEGMENT + 17;
    let (mut writer, recovery) = open(dir.path());
    assert!(recovery.created && recovery.clean && recovery.epoch == 1);
    append_range(&mut writer, 1..=last);
    assert_holds(dir.path(), last);
    let summary = writer.close().unwrap();
    assert_eq!(summary.last_seq, last);
    assert_holds(dir.path(), last);

    let stat = stat(dir.path()).unwrap();
    assert_eq!(
        (stat.records, stat.first_seq, stat.last_seq),
        (last, Some(1), Some(last))
    );
    assert_eq!(stat.count(Kind::Tick), last);
    assert_eq!(
        (stat.first_time_ns, stat.last_time_ns),
        (Some(1_001), Some(1_000 + last))
    );
    assert!(stat.was_closed && stat.unknown() == 0);
}

#[test]
fn open_after_close_or_drop_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for (round, step) in [
        1,
        PER_SEGMENT - 1,
        PER_SEGMENT,
        3,
        2 * PER_SEGMENT + 1,
        0,
        9,
    ]
    .into_iter()
    .enumerate()
    {
        let (mut writer, recovery) = open(dir.path());
        assert_eq!(recovery.last_seq, last, "round {round}");
        assert_eq!(recovery.epoch, round as u64 + 1);
        assert!(recovery.removed.is_empty());
        append_range(&mut writer, last + 1..=last + step);
        last += step;
        if round % 2 == 0 {
            writer.close().unwrap();
        } else {
            drop(writer);
        }
        assert_holds(dir.path(), last);
    }
}

#[test]
fn interval_durable_sequence_follows_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let durability = Durability::Interval(Duration::from_millis(2));
    let (mut writer, _) = Writer::open(dir.path(), small(durability)).unwrap();
    for n in 1..=2 * PER_SEGMENT {
        append(&mut writer, &record(n));
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while writer.durable_seq() < writer.last_seq() {
        assert!(
            Instant::now() < deadline,
            "durable stays at {}",
            writer.durable_seq()
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(writer);
    let (_, recovery) = open(dir.path());
    assert_eq!(recovery.last_seq, 2 * PER_SEGMENT);
    assert!(!recovery.clean && recovery.durable_mark > PER_SEGMENT);
}

#[test]
fn reader_seek_is_arithmetic() {
    let dir = tempfile::tempdir().unwrap();
    let last = 2 * PER_SEGMENT + 5;
    let (mut writer, _) = open(dir.path());
    append_range(&mut writer, 1..=last);
    let mut reader = Reader::open(dir.path()).unwrap();
    for seq in [1, PER_SEGMENT, PER_SEGMENT + 1, last, 2] {
        reader.seek(seq);
        assert_eq!(reader.next().unwrap().unwrap().seq, seq);
        assert_eq!(reader.next_seq(), seq + 1);
    }
    reader.seek(last + 1);
    assert!(reader.next().unwrap().is_none());
    append(&mut writer, &record(last + 1));
    assert_eq!(reader.next().unwrap().unwrap().seq, last + 1);
    reader.seek(last - 1);
    assert_eq!(reader.records().count(), 3);
}
