//! Readers beside a writer: they see whole records, in order, and nothing that is not appended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use journal::Reader;

use crate::common::{PER_SEGMENT, append, fast_dir, open, record};

/// Goal: a reader that follows a live writer over many segments gets every record once (J1, J4).
#[test]
fn reader_beside_writer_sees_whole_records_only() {
    let dir = fast_dir();
    let last = 60 * PER_SEGMENT + 11;
    let (mut writer, _) = open(dir.path());
    let appended = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (path, appended) = (dir.path().to_path_buf(), Arc::clone(&appended));
            thread::spawn(move || {
                let deadline = Instant::now() + Duration::from_secs(60);
                let mut reader = Reader::open(&path).unwrap();
                let mut n = 0;
                while n < last {
                    assert!(Instant::now() < deadline, "stuck at {n}");
                    let Some(found) = reader.next().unwrap() else {
                        thread::yield_now();
                        continue;
                    };
                    n += 1;
                    assert_eq!(found.seq, n);
                    assert!(found.same_decision(&record(n)), "record {n}");
                    // Announced before it is appended, so a reader may never be ahead of it.
                    assert!(n <= appended.load(Ordering::Acquire));
                }
                assert!(reader.next().unwrap().is_none());
            })
        })
        .collect();
    for n in 1..=last {
        appended.store(n, Ordering::Release);
        append(&mut writer, &record(n));
    }
    for reader in readers {
        reader.join().unwrap();
    }
}

/// Goal: `last_seq` is right at every fill of a segment, and `Watch` says the same.
#[test]
fn last_sequence_is_found_by_bisection() {
    let dir = fast_dir();
    let (mut writer, _) = open(dir.path());
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.last_seq().unwrap(), 0);
    let watch = writer.watch();
    for n in 1..=2 * PER_SEGMENT + 2 {
        append(&mut writer, &record(n));
        assert_eq!(reader.last_seq().unwrap(), n);
        assert_eq!(watch.last_seq(), n);
    }
    assert_eq!(watch.space(), journal::Space::Enough);
}
