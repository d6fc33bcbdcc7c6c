//! Recovery of a journal with any damage: it keeps exactly the good prefix or refuses, a refusal
//! changes no byte, what is cut is kept beside, and a second recovery finds what the first left.
//!
//! Byte 0 picks how the last writer left the journal; the rest is a list of edits of its files.
//! None makes a right checksum (`journal_reader` has those). So the good prefix is known: the
//! records whose bytes are still where they were. All in memory, on one thread, without a clock.

#![no_main]

#[path = "journal_recovery/image.rs"]
mod image;

use std::path::Path;
use std::sync::Arc;

use image::{Case, Files, SEGMENT_BYTES, load, store};
use journal::storage::Memory;
use journal::{Durability, Folder, OpenError, Options, Reader, Recovery, Writer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(case) = Case::new(bytes) {
        check(&case);
    }
});

fn open(folder: &Folder) -> Result<Recovery, OpenError> {
    let options = Options::new(Durability::Process).segment_bytes(SEGMENT_BYTES as u64);
    // The writer is dropped: killed, as far as the journal can tell.
    Writer::open_stepped(folder, options).map(|(_, _, recovery)| recovery)
}

fn check(case: &Case) {
    let folder = Folder::new(Arc::new(Memory::new()), Path::new("journal"));
    store(&folder, &case.files);
    // Before recovery: no panic, and nothing that was not appended.
    let end = read(&folder, case);
    let recovery = match open(&folder) {
        Ok(recovery) => recovery,
        Err(error) => {
            assert!(!case.is_whole(), "refused without a reason: {error}");
            // A bad archive may be found only after a torn tail behind it was cut.
            let is_same = load(&folder) == case.files;
            assert!(
                is_same || !case.archives_are_whole(),
                "a refusal changed a file: {error}"
            );
            return;
        }
    };
    if recovery.created {
        assert!(
            !case.has_history(),
            "history was taken for an empty directory"
        );
        return;
    }
    if recovery.clean {
        // Records are checked when they are read after a close in order.
        assert_eq!(
            recovery.last_seq,
            case.count(),
            "another end than the close said"
        );
        return;
    }
    let good = case.good_prefix();
    assert_eq!(recovery.last_seq, good, "not the good prefix");
    check_kept(&folder, case, &recovery);
    let after = read(&folder, case);
    if case.archives_are_whole() {
        assert_eq!(end, Some(good), "a reader ends elsewhere than recovery");
        assert_eq!(after, Some(good), "not readable after recovery");
    }
    let again = match open(&folder) {
        Ok(again) => again,
        Err(error) => panic!("refused after a recovery: {error}"),
    };
    assert_eq!((again.last_seq, again.removed.len()), (good, 0));
}

/// Reads to the end, which is returned; `None` if an error comes first.
fn read(folder: &Folder, case: &Case) -> Option<u64> {
    let mut reader = Reader::open_in(folder).ok()?;
    let mut seq = reader.next_seq() - 1;
    loop {
        let batch = reader.next_batch(100).ok()?;
        if batch.is_empty() {
            return Some(seq);
        }
        for record in batch {
            seq += 1;
            assert_eq!(Some(record), case.record(seq), "altered data was read");
        }
    }
}

/// Every byte that was cut is kept.
fn check_kept(folder: &Folder, case: &Case, recovery: &Recovery) {
    let files: Files = load(folder);
    for removed in &recovery.removed {
        let name = removed.kept_in.file_name().and_then(|name| name.to_str());
        let kept = name
            .and_then(|name| files.get(name))
            .expect("the cut bytes are kept");
        assert_eq!(kept.len() as u64, removed.bytes);
        assert_eq!(
            Some(&kept[..]),
            case.bytes_from(removed.from_seq, kept.len())
        );
    }
}
