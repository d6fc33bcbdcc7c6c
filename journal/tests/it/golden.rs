//! Bytes of version 1 that must never change: a whole journal, written once and kept for good.
//!
//! `tests/data/v1` holds three records in one segment, closed in order. If a test here fails, the
//! format has changed: that is a new version, and this one must still be read.

use std::path::{Path, PathBuf};

use journal::{Reader, Writer};
use model::record::{Kind, Record};
use zerocopy::IntoBytes;

use crate::common::{copy, fast_dir, record, small};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(golden().join(name)).unwrap()
}

/// CRC-32C, bit by bit, as the definition says it.
fn crc(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for byte in parts.iter().flat_map(|part| part.iter()) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[test]
fn golden_journal_is_read_and_continued() {
    let mut reader = Reader::open(&golden()).unwrap();
    let records: Vec<Record> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 3);
    for (n, found) in (1..).zip(&records) {
        assert_eq!((found.seq, found.kind), (n, Kind::Tick.code()));
        assert!(found.same_decision(&record(n)));
    }
    assert!(reader.was_closed());
    assert_eq!(reader.epoch(), 1);

    let dir = fast_dir();
    copy(&golden(), dir.path());
    let (mut writer, recovery) =
        Writer::open(dir.path(), small(journal::Durability::Process)).unwrap();
    assert_eq!(
        (recovery.last_seq, recovery.epoch, recovery.clean),
        (3, 2, true)
    );
    assert_eq!(writer.append(&record(4)), Ok(4));
}

#[test]
fn golden_superblock_bytes() {
    let bytes = bytes_of("superblock");
    assert_eq!(bytes.len(), 8192);
    assert_eq!(bytes[..512], bytes[4096..4608]);
    assert_eq!(hex(&bytes[..88]), SUPERBLOCK);
    assert!(bytes[88..508].iter().all(|&byte| byte == 0));
    assert_eq!(bytes[508..512], crc(&[&bytes[..508]]).to_le_bytes());
}

#[test]
fn golden_segment_bytes() {
    let bytes = bytes_of("segment-0000000000");
    assert_eq!(bytes.len(), 65_536);
    assert_eq!(hex(&bytes[..56]), HEADER);
    assert!(bytes[56..508].iter().all(|&byte| byte == 0));
    assert_eq!(bytes[508..512], crc(&[&bytes[..508]]).to_le_bytes());
    let journal_id = &bytes[32..40];
    let segment_id = &bytes[12..16];
    for (start, durable, count) in [(1024, 3_u64, 2_u64), (2048, 0, 1)] {
        let mark = &bytes[start..start + 24];
        assert_eq!(mark[..8], durable.to_le_bytes());
        assert_eq!(mark[8..16], count.to_le_bytes());
        let checksum = crc(&[journal_id, segment_id, &mark[..16]]);
        assert_eq!(mark[16..20], checksum.to_le_bytes());
        assert_eq!(mark[20..], [0; 4]);
    }
    for n in 1..=3 {
        let start = 4096 + 128 * (n - 1);
        let stored = &bytes[start..start + 128];
        let mut expected = record(n as u64);
        expected.seq = n as u64;
        expected.checksum = crc(&[journal_id, segment_id, &stored[4..]]);
        assert_eq!(stored, expected.as_bytes(), "record {n}");
    }
    assert!(bytes[4096 + 3 * 128..].iter().all(|&byte| byte == 0));
}

/// Magic, version 1, closed; generation 3, journal id, 64 KiB; created, epoch 1, last seq 3; first
/// segment 0, zero, boot id.
const SUPERBLOCK: &str = concat!(
    "4341524143414c4a01000000020000000300000000000000c5408ef6a1ccf811",
    "00000100000000006cf31390f46fea1801000000000000000300000000000000",
    "0000000000000000101112131415161718191a1b1c1d1e1f",
);

/// Magic, version 1, segment 0; 64 KiB, first seq 1, journal id; epoch 1, created.
const HEADER: &str = concat!(
    "4341524143414c53010000000000000000000100000000000100000000000000",
    "c5408ef6a1ccf81101000000000000007f2ac790f46fea18",
);
