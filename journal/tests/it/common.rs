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

/// A directory in memory where there is one: for tests that open hundreds of journals.
pub(crate) fn fast_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

pub(crate) fn segment(dir: &Path, id: u32) -> std::path::PathBuf {
    dir.join(format!("segment-{id:010}"))
}

/// Where a record starts in its segment.
pub(crate) fn offset_of(seq: u64) -> usize {
    usize::try_from(4096 + (seq - 1) % PER_SEGMENT * 128).unwrap()
}

/// Changes a file's bytes in place.
pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut [u8])) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Copies every file of a journal.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Changes the superblock, in both slots, with the right checksum.
pub(crate) fn edit_superblock(dir: &Path, change: impl Fn(&mut [u8])) {
    edit(&dir.join("superblock"), |bytes| {
        for start in [0, 4096] {
            let slot = &mut bytes[start..start + 512];
            change(slot);
            let checksum = crc32c::crc32c(&slot[..508]);
            slot[508..].copy_from_slice(&checksum.to_le_bytes());
        }
    });
}

/// As if the machine had been started again since the journal was opened.
pub(crate) fn reboot(dir: &Path) {
    edit_superblock(dir, |slot| slot[72] ^= 1);
}

/// A journal of `last` records whose writer was dropped without a close.
pub(crate) fn dropped(dir: &Path, last: u64) {
    let (mut writer, _) = open(dir);
    append_range(&mut writer, 1..=last);
}

/// Every file of a journal with its bytes.
pub(crate) fn image(dir: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}
