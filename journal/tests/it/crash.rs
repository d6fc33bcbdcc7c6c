//! What a crash leaves: a torn tail is cut and kept aside, and nothing before it is lost.

use std::fs;
use std::path::Path;

use journal::{OpenError, Reader, Recovery, Writer};

use crate::common::{
    PER_SEGMENT, append_range, assert_holds, copy, dropped, edit, fast_dir, image, offset_of, open,
    reboot, segment, small,
};

/// Recovers, and checks that a second recovery finds the same and changes no record.
fn check_recover(dir: &Path, kept: u64) -> Recovery {
    let (writer, first) = open(dir);
    drop(writer);
    assert_eq!(first.last_seq, kept);
    assert_holds(dir, kept);
    let (mut writer, second) = open(dir);
    assert_eq!((second.last_seq, second.removed.len()), (kept, 0));
    append_range(&mut writer, kept + 1..=kept + 2);
    assert_holds(dir, kept + 2);
    first
}

/// Goal: a crash in the middle of a record loses that record and nothing before it (J1).
/// Method: three records, the third cut at each of its bytes; recover, compare.
#[test]
fn recover_torn_last_record_keeps_all_before_it() {
    let whole = fast_dir();
    dropped(whole.path(), 3);
    for cut in 0..128 {
        let dir = fast_dir();
        copy(whole.path(), dir.path());
        let at = offset_of(3);
        edit(&segment(dir.path(), 0), |bytes| {
            bytes[at + cut..at + 128].fill(0)
        });
        let mut reader = Reader::open(dir.path()).unwrap();
        assert_eq!(reader.records().count(), 2, "reader, cut at {cut}");
        let recovery = check_recover(dir.path(), 2);
        // Cut at its first byte, there is nothing left to remove.
        assert_eq!(recovery.removed.len(), usize::from(cut > 0), "cut at {cut}");
        for removed in recovery.removed {
            assert_eq!(
                (removed.from_seq, removed.bytes, removed.whole_records),
                (3, 128, 0)
            );
            let kept = fs::read(&removed.kept_in).unwrap();
            let original = fs::read(segment(whole.path(), 0)).unwrap();
            assert_eq!(kept[..cut], original[at..at + cut]);
            assert!(kept[cut..].iter().all(|&byte| byte == 0));
        }
    }
}

/// Goal: a record that was stored but not published is not there (J4).
#[test]
fn recover_unpublished_record_is_cut() {
    let dir = fast_dir();
    dropped(dir.path(), 3);
    let at = offset_of(3);
    edit(&segment(dir.path(), 0), |bytes| bytes[at..at + 8].fill(0));
    let recovery = check_recover(dir.path(), 2);
    assert_eq!(recovery.removed[0].bytes, 128);
}

/// Goal: after a power loss, records behind a hole are dropped, kept aside and counted.
#[test]
fn recover_hole_after_reboot_is_cut_across_segments() {
    let dir = fast_dir();
    let last = PER_SEGMENT + 40;
    dropped(dir.path(), last);
    // The sync thread may have marked the full segment; then the hole must be behind it.
    let hole = PER_SEGMENT + 7;
    edit(&segment(dir.path(), 1), |bytes| {
        let at = offset_of(hole);
        bytes[at..at + 256].fill(0);
    });
    reboot(dir.path());
    let recovery = check_recover(dir.path(), hole - 1);
    assert_eq!(recovery.removed.len(), 1);
    assert_eq!(recovery.removed[0].whole_records, last - hole - 1);
}

/// Goal: the same hole without a power loss is damage; the files stay as they are.
#[test]
fn recover_hole_in_the_same_boot_is_refused() {
    let dir = fast_dir();
    dropped(dir.path(), 40);
    edit(&segment(dir.path(), 0), |bytes| {
        bytes[offset_of(7) + 60] ^= 1
    });
    let before = image(dir.path());
    for _ in 0..2 {
        match Writer::open(dir.path(), small(journal::Durability::Process)) {
            Err(OpenError::Damaged(damage)) => assert_eq!(damage.seq, 7),
            other => panic!("{:?}", other.err()),
        }
        assert_eq!(image(dir.path()), before);
    }
    let mut reader = Reader::open(dir.path()).unwrap();
    let outcome: Vec<_> = reader.records().collect();
    assert_eq!(outcome.len(), 7);
    assert!(outcome[6].is_err());
}

/// Goal: a segment whose making was cut short is made again.
#[test]
fn recover_unfinished_segment_is_removed() {
    let dir = fast_dir();
    dropped(dir.path(), 9);
    let new = dir.path().join("segment-0000000009.new");
    fs::write(&new, b"half").unwrap();
    check_recover(dir.path(), 9);
    assert!(!new.exists());
}

/// Goal: bytes that an earlier recovery kept are never written over.
#[test]
fn recover_keeps_an_older_broken_file() {
    let dir = fast_dir();
    dropped(dir.path(), 3);
    let older = dir.path().join("segment-0000000000.3.broken");
    fs::write(&older, b"older").unwrap();
    edit(&segment(dir.path(), 0), |bytes| {
        bytes[offset_of(3) + 127] ^= 1
    });
    let recovery = check_recover(dir.path(), 2);
    assert_ne!(recovery.removed[0].kept_in, older);
    assert_eq!(fs::read(&older).unwrap(), b"older");
}

/// Goal: one damaged superblock slot is survived and repaired, whichever it is.
#[test]
fn recover_one_damaged_superblock_slot_is_rewritten() {
    for start in [0, 4096] {
        let dir = fast_dir();
        dropped(dir.path(), 9);
        edit(&dir.path().join("superblock"), |bytes| {
            bytes[start + 40] ^= 4
        });
        check_recover(dir.path(), 9);
        let bytes = fs::read(dir.path().join("superblock")).unwrap();
        assert_eq!(bytes[..512], bytes[4096..4096 + 512]);
    }
}
