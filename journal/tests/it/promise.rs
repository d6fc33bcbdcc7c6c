//! What was promised and is gone is damage to a reader, and never an early end.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use journal::{Damage, ReadError, Reader};

use crate::common::{PER_SEGMENT, append_range, open};

/// Closed in order with 12 records in the second segment.
const LAST: u64 = PER_SEGMENT + 12;

fn closed_journal() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    append_range(&mut writer, 1..=LAST);
    writer.close().unwrap();
    dir
}

/// Overwrites part of record `seq`, which is in the second segment.
fn overwrite(dir: &Path, seq: u64, at: u64, bytes: &[u8]) {
    let offset = 4096 + (seq - PER_SEGMENT - 1) * 128 + at;
    let path = dir.join("segment-0000000001");
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}

/// Reads up to the first error, which must be damage at `seq`.
fn check_damage_at(dir: &Path, seq: u64) {
    let mut reader = Reader::open(dir).unwrap();
    let found: Vec<_> = reader.records().collect();
    assert_eq!(found.len() as u64, seq);
    assert!(found[..found.len() - 1].iter().all(Result::is_ok));
    match found.last() {
        Some(Err(ReadError::Damaged(Damage { seq: at, .. }))) => assert_eq!(*at, seq),
        other => panic!("{other:?}"),
    }
}

#[test]
fn read_hole_in_the_last_segment_of_a_closed_journal_is_damage() {
    let dir = closed_journal();
    overwrite(dir.path(), LAST - 5, 0, &[0; 256]);
    check_damage_at(dir.path(), LAST - 5);
}

#[test]
fn read_last_record_of_a_closed_journal_changed_is_damage() {
    let dir = closed_journal();
    overwrite(dir.path(), LAST, 60, &[0xff]);
    check_damage_at(dir.path(), LAST);
}

#[test]
fn read_hole_below_the_durable_mark_is_damage_after_the_next_open() {
    let dir = closed_journal();
    overwrite(dir.path(), LAST - 5, 0, &[0; 256]);
    let (writer, _) = open(dir.path());
    drop(writer);
    check_damage_at(dir.path(), LAST - 5);
}

#[test]
fn read_closed_journal_without_its_last_segment_is_an_error() {
    let dir = closed_journal();
    std::fs::remove_file(dir.path().join("segment-0000000001")).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    let found: Vec<_> = reader.records().collect();
    assert_eq!(found.len() as u64, PER_SEGMENT + 1);
    assert!(matches!(found.last(), Some(Err(ReadError::Open(_)))));
}
