//! Damage is found wherever it is, or provably does not matter.

use std::path::Path;

use journal::{Durability, OpenError, ReadError, Reader, Writer};
use std::time::{Duration, Instant};

use crate::common::{
    PER_SEGMENT, append_range, copy, edit, fast_dir, image, offset_of, record, segment, small,
};

const LAST: u64 = 20;

/// Reads all records; `Ok` only if they are exactly those that were written.
fn read_all(dir: &Path) -> Result<(), String> {
    let mut reader = Reader::open(dir).map_err(|e| e.to_string())?;
    let mut n = 0;
    while let Some(found) = reader.next().map_err(|e| e.to_string())? {
        n += 1;
        assert!(
            found.same_decision(&record(n)),
            "a changed record {n} was let through"
        );
    }
    assert_eq!(n, LAST, "records were lost without an error");
    Ok(())
}

fn closed_journal(dir: &Path) {
    let (mut writer, _) = Writer::open(dir, small(Durability::Process)).unwrap();
    append_range(&mut writer, 1..=LAST);
    writer.close().unwrap();
}

/// Goal: one flipped bit anywhere in a closed journal is reported, or changes nothing that is read.
/// Method: a bit of every byte of superblock and segment that has content; every bit of a record.
#[test]
fn flip_of_any_bit_is_detected_or_harmless() {
    let dir = fast_dir();
    closed_journal(dir.path());
    let end = offset_of(LAST) + 128;
    let first = offset_of(1);
    let mut detected = 0;
    let mut check = |name: &str, byte: usize, bit: usize, must: bool| {
        let path = dir.path().join(name);
        edit(&path, |bytes| bytes[byte] ^= 1 << bit);
        match read_all(dir.path()) {
            Ok(()) => assert!(!must, "flip of bit {bit} of byte {byte} of {name} not seen"),
            Err(_) => detected += 1,
        }
        edit(&path, |bytes| bytes[byte] ^= 1 << bit);
    };
    for byte in (0..512).chain(4096..4096 + 512) {
        // The other slot makes up for it.
        check("superblock", byte, byte % 8, false);
    }
    for byte in 0..512 {
        check("segment-0000000000", byte, byte % 8, true);
    }
    for byte in 1024..4096 {
        check("segment-0000000000", byte, byte % 8, false);
    }
    for byte in first..end {
        check("segment-0000000000", byte, byte % 8, true);
    }
    for bit in 0..8 * 128 {
        check(
            "segment-0000000000",
            offset_of(LAST) + bit / 8,
            bit % 8,
            true,
        );
    }
    assert!(detected > 512 + 128 * 20 + 1024 - 1);
    read_all(dir.path()).unwrap();
}

/// Goal: a clean close is a promise: a missing last record is refused, by reader and writer.
#[test]
fn closed_journal_without_its_last_record_is_refused() {
    let dir = fast_dir();
    closed_journal(dir.path());
    edit(&segment(dir.path(), 0), |bytes| {
        let at = offset_of(LAST);
        bytes[at..at + 128].fill(0);
    });
    let before = image(dir.path());
    match Writer::open(dir.path(), small(Durability::Process)) {
        Err(OpenError::Damaged(damage)) => assert_eq!(damage.seq, LAST),
        other => panic!("{:?}", other.err()),
    }
    assert_eq!(image(dir.path()), before);
    let mut reader = Reader::open(dir.path()).unwrap();
    reader.seek(LAST);
    assert!(matches!(reader.next(), Err(ReadError::Damaged(damage)) if damage.seq == LAST));
}

/// Goal: what the durable mark covers must be there, even after a power loss and at the very end.
#[test]
fn record_under_the_durable_mark_is_never_cut() {
    let dir = fast_dir();
    let durability = Durability::Interval(Duration::from_millis(1));
    let (mut writer, _) = Writer::open(dir.path(), small(durability)).unwrap();
    append_range(&mut writer, 1..=LAST);
    let deadline = Instant::now() + Duration::from_secs(20);
    while writer.durable_seq() < LAST {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(writer);
    crate::common::reboot(dir.path());
    edit(&segment(dir.path(), 0), |bytes| {
        bytes[offset_of(LAST) + 127] ^= 1
    });
    match Writer::open(dir.path(), small(durability)) {
        Err(OpenError::Damaged(damage)) => assert_eq!(damage.seq, LAST),
        other => panic!("{:?}", other.err()),
    }
}

/// Goal: whole records at a wrong place, in a wrong segment or journal, never verify.
#[test]
fn misplaced_record_is_refused() {
    let (dir, other) = (fast_dir(), fast_dir());
    for dir in [&dir, &other] {
        let (mut writer, _) = Writer::open(dir.path(), small(Durability::Process)).unwrap();
        append_range(&mut writer, 1..=2 * PER_SEGMENT + 9);
        writer.close().unwrap();
    }
    let bytes = |dir: &Path, seq: u64| {
        let segment_id = u32::try_from((seq - 1) / PER_SEGMENT).unwrap();
        let at = offset_of(seq);
        std::fs::read(segment(dir, segment_id)).unwrap()[at..at + 128].to_vec()
    };
    for from in [
        bytes(dir.path(), 6),
        bytes(dir.path(), PER_SEGMENT + 5),
        bytes(other.path(), 5),
    ] {
        let copied = fast_dir();
        copy(dir.path(), copied.path());
        edit(&segment(copied.path(), 0), |bytes| {
            let at = offset_of(5);
            bytes[at..at + 128].copy_from_slice(&from);
        });
        let mut reader = Reader::open(copied.path()).unwrap();
        let read: Vec<_> = reader.records().collect();
        assert_eq!(read.len(), 5);
        assert!(matches!(&read[4], Err(ReadError::Damaged(damage)) if damage.seq == 5));
    }
}
