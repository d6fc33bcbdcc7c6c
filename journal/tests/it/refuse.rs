//! Files that are not ours, not whole, or in use: a precise refusal, and nothing is changed.

use std::fs;
use std::path::Path;

use journal::{Durability, Options, Reader, Writer};

use crate::common::{
    PER_SEGMENT, append_range, dropped, edit, edit_superblock, fast_dir, image, open, segment,
    small,
};

/// Opening for writing fails with `text` in the message, and leaves every file alone.
fn check_refused(dir: &Path, text: &str) {
    let before = image(dir);
    let error = match Writer::open(dir, small(Durability::Process)) {
        Ok(_) => panic!("opened instead of {text:?}"),
        Err(error) => error.to_string(),
    };
    assert!(error.contains(text), "{error:?} does not say {text:?}");
    assert!(!error.contains('\n'));
    let mut after = image(dir);
    if !before.contains_key("lock") {
        after.remove("lock");
    }
    assert_eq!(after, before);
}

#[test]
fn open_twice_is_locked() {
    let dir = fast_dir();
    let (mut writer, _) = open(dir.path());
    append_range(&mut writer, 1..=3);
    // The helper of the first one makes files meanwhile, so only the superblock can be compared.
    let superblock = || fs::read(dir.path().join("superblock")).unwrap();
    let before = superblock();
    let error = Writer::open(dir.path(), small(Durability::Process))
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("locked by another writer"),
        "{error}"
    );
    assert_eq!(superblock(), before);
    append_range(&mut writer, 4..=5);
    writer.close().unwrap();
    assert_eq!(open(dir.path()).1.last_seq, 5);
}

#[test]
fn open_other_version_is_refused_by_number() {
    let dir = fast_dir();
    dropped(dir.path(), 3);
    edit(&segment(dir.path(), 0), |bytes| bytes[8] = 9);
    check_refused(dir.path(), "version 9");
    edit(&segment(dir.path(), 0), |bytes| bytes[8] = 1);
    edit_superblock(dir.path(), |slot| slot[8] = 7);
    check_refused(dir.path(), "version 7");
    let error = Reader::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("version 7"), "{error}");
}

#[test]
fn open_damaged_superblock_is_refused() {
    let dir = fast_dir();
    dropped(dir.path(), 3);
    edit(&dir.path().join("superblock"), |bytes| {
        bytes[30] ^= 1;
        bytes[4096 + 31] ^= 1;
    });
    check_refused(dir.path(), "both copies of the superblock");
    fs::write(dir.path().join("superblock"), b"").unwrap();
    check_refused(dir.path(), "both copies of the superblock");
}

#[test]
fn open_missing_or_swapped_segment_is_refused() {
    let dir = fast_dir();
    dropped(dir.path(), 2 * PER_SEGMENT + 3);
    let (one, two, away) = (
        segment(dir.path(), 1),
        segment(dir.path(), 2),
        dir.path().join("x.broken"),
    );
    fs::rename(&one, &away).unwrap();
    check_refused(dir.path(), "segment-0000000001 is missing");
    fs::rename(&two, &one).unwrap();
    fs::rename(&away, &two).unwrap();
    check_refused(dir.path(), "says that it is segment 2");
    fs::rename(&one, &away).unwrap();
    fs::rename(&two, &one).unwrap();
    fs::rename(&away, &two).unwrap();
    open(dir.path());
}

#[test]
fn open_short_or_misnamed_segment_is_refused() {
    let dir = fast_dir();
    dropped(dir.path(), 3);
    let whole = fs::read(segment(dir.path(), 0)).unwrap();
    fs::write(segment(dir.path(), 0), &whole[..whole.len() - 1]).unwrap();
    check_refused(dir.path(), "65535 bytes long");
    fs::write(segment(dir.path(), 0), &whole).unwrap();
    let stray = dir.path().join("segment-1");
    fs::write(&stray, &whole).unwrap();
    check_refused(dir.path(), "a name that no segment has");
    fs::remove_file(&stray).unwrap();
    open(dir.path());
}

#[test]
fn open_segment_of_another_journal_is_refused() {
    let (dir, other) = (fast_dir(), fast_dir());
    dropped(dir.path(), 3);
    dropped(other.path(), 3);
    fs::copy(segment(other.path(), 0), segment(dir.path(), 0)).unwrap();
    check_refused(dir.path(), "belongs to another journal");
}

#[test]
fn open_directory_of_something_else_is_refused() {
    let dir = fast_dir();
    fs::write(dir.path().join("notes.txt"), b"mine").unwrap();
    check_refused(dir.path(), "it has a file \"notes.txt\" and no superblock");
    assert!(Reader::open(dir.path()).is_err());
    let empty = fast_dir();
    let error = Reader::open(empty.path()).err().unwrap().to_string();
    assert!(error.contains("not a journal"), "{error}");
}

#[test]
fn open_with_bad_options_is_refused() {
    let dir = fast_dir();
    for bytes in [0, 1 << 15, (1 << 20) + 1, 1 << 33] {
        let options = Options::new(Durability::Process).segment_bytes(bytes);
        let error = Writer::open(dir.path(), options).err().unwrap().to_string();
        assert!(error.contains("power of two"), "{error}");
    }
    let options = small(Durability::Interval(std::time::Duration::ZERO));
    assert!(Writer::open(dir.path(), options).is_err());
    assert!(image(dir.path()).is_empty());
}

#[test]
fn append_of_a_blank_record_is_refused() {
    let dir = fast_dir();
    let (mut writer, _) = open(dir.path());
    let error = writer.append(&model::record::Record::ZERO).unwrap_err();
    assert_eq!(error, journal::AppendError::NoKind);
    append_range(&mut writer, 1..=1);
}
