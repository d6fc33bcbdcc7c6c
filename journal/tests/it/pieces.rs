//! How much of a file one commit writes: its own block.
//!
//! The page cache may keep a file in pieces larger than a page, which are dirty as a whole: up to
//! two megabytes. What a thread made dirty, in whole pieces, the kernel counts for it in
//! `/proc/thread-self/io`.

use std::path::Path;

use journal::{Durability, Options, Writer};
use model::body::Tick;
use model::record::{Kind, Record};
use zerocopy::FromZeros;

const SEGMENT_BYTES: u64 = 8 << 20;
const PAGE_BYTES: u64 = 4096;
/// More than what kernels read ahead by default, less than what they keep of a large write.
const READ_AHEAD_BYTES: u64 = 256 << 10;
const COMMITS: u64 = 50;

fn options(durability: Durability) -> Options {
    Options::new(durability).segment_bytes(SEGMENT_BYTES)
}

/// Bytes that the calling thread has made dirty; 0 on file systems in memory.
fn made_dirty() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = text.lines().find(|line| line.starts_with("write_bytes: "));
    let count = line.and_then(|line| line.split(' ').next_back());
    count.unwrap().parse().unwrap()
}

/// Commits of one record, each of which may make so much dirty.
fn commit_one_by_one(dir: &Path, each: u64) {
    let (mut writer, _) = Writer::open(dir, options(Durability::Sync)).unwrap();
    let record = Record::new(Kind::Tick, &Tick::new_zeroed());
    let before = made_dirty();
    for _ in 0..COMMITS {
        writer.append(&record).unwrap();
        writer.sync_now().unwrap();
    }
    let bytes = made_dirty() - before;
    assert!(
        bytes <= COMMITS * each,
        "{COMMITS} commits made {bytes} bytes dirty"
    );
    writer.close().unwrap();
}

#[test]
fn strict_commit_in_a_new_segment_writes_its_own_block_only() {
    let dir = tempfile::tempdir().unwrap();
    commit_one_by_one(dir.path(), PAGE_BYTES);
}

#[test]
fn strict_commit_in_a_segment_that_was_there_writes_no_large_piece() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, _) = Writer::open(dir.path(), options(Durability::Process)).unwrap();
    writer.close().unwrap();
    commit_one_by_one(dir.path(), READ_AHEAD_BYTES);
}
