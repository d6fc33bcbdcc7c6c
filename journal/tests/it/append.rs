//! Appending, closing, opening again, reading back.

use journal::{AppendError, Durability, Reader, SEGMENT_BYTES_MIN, Space, Tape, Writer, stat};
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

/// Goal: what the benches use is never full, and leaves no file behind.
#[test]
fn tape_begins_again_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut tape = Tape::new(dir.path(), SEGMENT_BYTES_MIN).unwrap();
    for n in 1..=2 * PER_SEGMENT + 3 {
        assert_eq!(tape.append(&record(n)), n);
        tape.copy(&record(n));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// Goal: when the next segment cannot be made, the journal says so while there is room, refuses
/// with the reason at the end, loses nothing, and goes on when it can.
/// Method: a directory stands where the helper wants to make the file.
#[test]
fn space_is_low_while_the_next_segment_cannot_be_made() {
    let dir = tempfile::tempdir().unwrap();
    let obstacle = dir.path().join("segment-0000000003.new");
    let (mut writer, _) = open(dir.path());
    std::fs::create_dir(&obstacle).unwrap();
    let end = 3 * PER_SEGMENT;
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut n = 0;
    while n < end {
        n = append(&mut writer, &record(n + 1));
    }
    let error = loop {
        match writer.append(&record(n + 1)) {
            Err(AppendError::SegmentNotReady) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            other => break other.unwrap_err(),
        }
    };
    assert!(matches!(error, AppendError::NoSpace { .. }), "{error}");
    assert!(matches!(
        writer.space(),
        Space::Low {
            records_left: 0,
            ..
        }
    ));
    assert_holds(dir.path(), end);
    std::fs::remove_dir(&obstacle).unwrap();
    while writer.space() != Space::Enough {
        assert!(Instant::now() < deadline, "the helper gave up");
        std::thread::sleep(Duration::from_millis(1));
    }
    append_range(&mut writer, end + 1..=end + 5);
    writer.close().unwrap();
    assert_holds(dir.path(), end + 5);
}
