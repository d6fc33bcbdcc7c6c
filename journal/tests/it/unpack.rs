//! Archived segments are read like raw ones, and a bad archive is refused by name.

use std::fs;
use std::io::Write;
use std::path::Path;

use journal::{Durability, Folder, ReadError, Reader, Writer};

use crate::common::{
    PER_SEGMENT, append_range, assert_holds, copy, dropped, edit_superblock, fast_dir, open,
    record, segment, small,
};

const LAST: u64 = 4 * PER_SEGMENT + 9;

/// What stands behind a frame: a skippable frame with its hash.
pub(crate) fn with_trailer(mut frame: Vec<u8>) -> Vec<u8> {
    let hash = blake3::hash(&frame);
    frame.extend([0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0]);
    frame.extend(hash.as_bytes());
    frame
}

/// How an archive is made.
#[derive(Clone, Copy)]
struct Made {
    checksum: bool,
    length: bool,
}

const RIGHT: Made = Made {
    checksum: true,
    length: true,
};

fn pack(bytes: &[u8], made: Made) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(made.checksum).unwrap();
    encoder.include_contentsize(made.length).unwrap();
    if made.length {
        encoder
            .set_pledged_src_size(Some(bytes.len() as u64))
            .unwrap();
    }
    encoder.write_all(bytes).unwrap();
    with_trailer(encoder.finish().unwrap())
}

fn archive_path(dir: &Path, id: u32) -> std::path::PathBuf {
    segment(dir, id).with_extension("zst")
}

/// Replaces a raw segment by its archive.
fn archive(dir: &Path, id: u32) {
    let raw = segment(dir, id);
    fs::write(archive_path(dir, id), pack(&fs::read(&raw).unwrap(), RIGHT)).unwrap();
    fs::remove_file(raw).unwrap();
}

/// A killed writer's journal of which segments 0, 1 and 3 are archived.
fn journal() -> tempfile::TempDir {
    let dir = fast_dir();
    dropped(dir.path(), LAST);
    for id in [0, 1, 3] {
        archive(dir.path(), id);
    }
    dir
}

#[test]
fn archived_segments_are_read_and_counted_like_raw_ones() {
    let dir = journal();
    assert_holds(dir.path(), LAST);
    let stat = journal::stat(dir.path()).unwrap();
    assert_eq!((stat.records, stat.last_seq), (LAST, Some(LAST)));
    let folder = Folder::on_disk(dir.path());
    for reader in [Reader::open_in(&folder), Reader::open_unmapped(&folder)] {
        let mut reader = reader.unwrap();
        for seq in [
            LAST,
            1,
            PER_SEGMENT,
            PER_SEGMENT + 1,
            3 * PER_SEGMENT + 200,
            2,
        ] {
            reader.seek(seq);
            let batch = reader.next_batch(500).unwrap();
            assert!(batch[0].same_decision(&record(seq)) && batch[0].seq == seq);
            let left = PER_SEGMENT - (seq - 1) % PER_SEGMENT;
            assert_eq!(batch.len() as u64, left.min(LAST - seq + 1).min(500));
        }
    }
}

/// Goal: a segment that is there twice is read raw, whatever its archive holds.
#[test]
fn archived_and_raw_segment_is_read_raw() {
    let dir = fast_dir();
    dropped(dir.path(), LAST);
    fs::write(archive_path(dir.path(), 0), b"none").unwrap();
    assert_holds(dir.path(), LAST);
}

/// Goal: a reader whose segment is archived under it, and the next one too, goes on.
#[test]
fn archive_under_a_reader_is_not_noticed() {
    let dir = fast_dir();
    dropped(dir.path(), LAST);
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().seq, 1);
    for id in 0..4 {
        archive(dir.path(), id);
    }
    for n in 2..=LAST {
        assert!(reader.next().unwrap().unwrap().same_decision(&record(n)));
    }
    assert!(reader.next().unwrap().is_none());
}

/// Goal: a journal with archives is recovered, continued, closed, and opened again.
#[test]
fn archived_journal_is_recovered_and_continued() {
    let dir = journal();
    let (mut writer, recovery) = open(dir.path());
    assert_eq!((recovery.clean, recovery.last_seq), (false, LAST));
    append_range(&mut writer, LAST + 1..=LAST + PER_SEGMENT);
    writer.close().unwrap();
    for id in [2, 4] {
        archive(dir.path(), id);
    }
    let (mut writer, recovery) = open(dir.path());
    assert_eq!(
        (recovery.clean, recovery.last_seq),
        (true, LAST + PER_SEGMENT)
    );
    append_range(&mut writer, LAST + PER_SEGMENT + 1..=LAST + PER_SEGMENT + 3);
    drop(writer);
    assert_holds(dir.path(), LAST + PER_SEGMENT + 3);
    fs::remove_file(archive_path(dir.path(), 1)).unwrap();
    let options = small(Durability::Process);
    let error = Writer::open(dir.path(), options).err().unwrap().to_string();
    assert!(error.contains("segment-0000000001 is missing"), "{error}");
}

/// Goal (fault 18): what a crash left of a prune, raw or archived, does not stand in the way.
#[test]
fn archived_segments_before_the_first_kept_one_do_not_count() {
    let dir = journal();
    edit_superblock(dir.path(), |slot| slot[64] = 2);
    fs::remove_file(archive_path(dir.path(), 0)).unwrap();
    let (writer, recovery) = open(dir.path());
    assert_eq!(recovery.last_seq, LAST);
    drop(writer);
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.records().count() as u64, LAST - 2 * PER_SEGMENT);
}

/// What reading a journal gives whose first segment's archive is `bytes`.
fn read_with(base: &Path, bytes: &[u8]) -> Result<u64, ReadError> {
    let dir = fast_dir();
    copy(base, dir.path());
    fs::write(archive_path(dir.path(), 0), bytes).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    let mut n = 0;
    while let Some(found) = reader.next()? {
        n += 1;
        assert!(
            found.seq == n && found.same_decision(&record(n)),
            "record {n}"
        );
    }
    Ok(n)
}

fn check_refused(base: &Path, bytes: &[u8], words: &str) {
    let error = read_with(base, bytes).expect_err(words).to_string();
    assert!(error.contains("segment-0000000000.zst"), "{error}");
    assert!(error.contains(words), "{error} does not say: {words}");
}

#[test]
fn archive_that_is_not_one_is_refused_by_name() {
    let base = fast_dir();
    dropped(base.path(), PER_SEGMENT + 9);
    let raw = fs::read(segment(base.path(), 0)).unwrap();
    let other = fs::read(segment(base.path(), 1)).unwrap();
    fs::remove_file(segment(base.path(), 0)).unwrap();
    let right = pack(&raw, RIGHT);
    assert_eq!(read_with(base.path(), &right).unwrap(), PER_SEGMENT + 9);
    let no_checksum = Made {
        checksum: false,
        ..RIGHT
    };
    check_refused(
        base.path(),
        &pack(&raw, no_checksum),
        "is no zstd frame with a checksum",
    );
    let no_length = Made {
        length: false,
        ..RIGHT
    };
    check_refused(
        base.path(),
        &pack(&raw, no_length),
        "does not say how long it is",
    );
    let short = pack(&raw[..raw.len() - 4096], RIGHT);
    check_refused(
        base.path(),
        &short,
        "unpacks to 61440 bytes instead of 65536",
    );
    check_refused(base.path(), &raw, "is no zstd frame with a checksum");
    check_refused(base.path(), &right[..10], "cannot be unpacked");
    check_refused(base.path(), &right[..right.len() - 1], "cannot be unpacked");
    let frame = right[..right.len() - 40].to_vec();
    check_refused(base.path(), &frame, "cannot be unpacked");
    check_refused(
        base.path(),
        &with_trailer([&frame[..], &[0]].concat()),
        "behind its frame",
    );
    check_refused(
        base.path(),
        &with_trailer([&frame[..]; 2].concat()),
        "behind its frame",
    );
    check_refused(
        base.path(),
        &[&right[..], &[0]].concat(),
        "behind its frame",
    );
    let error = read_with(base.path(), &pack(&other, RIGHT))
        .unwrap_err()
        .to_string();
    assert!(error.contains("says that it is segment 1"), "{error}");
}

/// Goal: no change of any byte of an archive gives another record.
#[test]
fn archive_with_any_byte_changed_is_refused() {
    let base = fast_dir();
    dropped(base.path(), PER_SEGMENT + 9);
    let right = pack(&fs::read(segment(base.path(), 0)).unwrap(), RIGHT);
    fs::remove_file(segment(base.path(), 0)).unwrap();
    let step = if std::env::var_os("RUN_SLOW_TESTS").is_some() {
        1
    } else {
        37
    };
    for at in (0..right.len())
        .step_by(step)
        .chain(right.len() - 4..right.len())
    {
        for bit in [0, 5] {
            let mut bytes = right.clone();
            bytes[at] ^= 1 << bit;
            assert!(
                read_with(base.path(), &bytes).is_err(),
                "byte {at}, bit {bit}"
            );
        }
    }
}
