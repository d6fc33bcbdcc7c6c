//! Archive and prune beside a living writer, and salvage of what has lost its superblock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use journal::salvage::{SalvageError, salvage};
use journal::seal::{Key, SealOptions};
use journal::snapshot::{self, Snapshot};
use journal::{
    ArchiveOptions, Durability, Folder, Held, OpenError, PruneOptions, Pruner, ReadError, Reader,
    UpkeepError, Writer, archive, prune,
};

use crate::common::{
    PER_SEGMENT, append_range, assert_holds, edit, fast_dir, image, open, record, segment, small,
};

const INTERVAL: Durability = Durability::Interval(Duration::from_millis(1));

fn take_snapshot(folder: &Folder, journal_id: u64, seq: u64) {
    let snapshot = Snapshot {
        seq,
        epoch: 1,
        time_ns: 1,
        layout: 1,
        state_hash: [0; 32],
        payload: vec![1; 10],
    };
    snapshot::write(folder, journal_id, &snapshot).unwrap();
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never was so");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Packs and prunes until `ended`, and once more, so that there is work however the threads ran.
fn tidy_up(folder: &Folder, pruner: &Pruner, ended: &AtomicBool) -> (usize, usize) {
    let (mut packed, mut pruned) = (0, 0);
    loop {
        let is_last = ended.load(Ordering::Acquire);
        let options = ArchiveOptions::default();
        packed += archive(folder, options, &mut |_, _| {})
            .unwrap()
            .segments
            .len();
        let reader = Reader::open_in(folder).unwrap();
        let first = reader.first_seq();
        if reader.last_seq().unwrap() > first + 12 * PER_SEGMENT {
            take_snapshot(folder, reader.journal_id(), first + 8 * PER_SEGMENT);
            let options = PruneOptions {
                keep_bytes: Some(0),
                ..PruneOptions::default()
            };
            pruned += pruner.prune(options).unwrap().segments.len();
        }
        if is_last {
            return (packed, pruned);
        }
    }
}

/// Reads to `last` as it comes.
fn follow(mut reader: Reader, last: u64) {
    let mut seq = 0;
    while seq < last {
        match reader.next() {
            Ok(Some(found)) => {
                assert!(found.seq == seq + 1 && found.same_decision(&record(seq + 1)));
                seq += 1;
            }
            Ok(None) => std::thread::yield_now(),
            // Slower than the pruning: it goes on where history starts now.
            Err(ReadError::Pruned { first_kept }) => {
                assert!(first_kept > seq + 1);
                reader.seek(first_kept);
                seq = first_kept - 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Goal: while a writer appends, segments are packed and pruned behind it, again and again; a
/// reader that follows misses nothing, and the journal goes on where it was after a reopen.
#[test]
fn upkeep_beside_a_living_writer_disturbs_neither_it_nor_readers() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::on_disk(dir.path());
    let key = Key::generate().unwrap();
    let seal = || SealOptions {
        key: key.clone(),
        also: Vec::new(),
    };
    let (mut writer, _) = Writer::open(dir.path(), small(INTERVAL).seal(seal())).unwrap();
    let last = 40 * PER_SEGMENT + 5;
    let pruner = writer.pruner();
    let reader = Reader::open(dir.path()).unwrap();
    let ended = AtomicBool::new(false);
    let (packed, pruned) = std::thread::scope(|scope| {
        let upkeep = scope.spawn(|| tidy_up(&folder, &pruner, &ended));
        let follower = scope.spawn(move || follow(reader, last));
        for first in (1..=last).step_by(448) {
            append_range(&mut writer, first..=last.min(first + 447));
            std::thread::sleep(Duration::from_millis(3));
        }
        follower.join().unwrap();
        ended.store(true, Ordering::Release);
        upkeep.join().unwrap()
    });
    assert!(packed > 0 && pruned > 0, "{packed} packed, {pruned} pruned");
    writer.close().unwrap();
    let gone = pruner.prune(PruneOptions {
        keep_bytes: Some(0),
        ..PruneOptions::default()
    });
    assert_eq!(gone.unwrap().segments, [0; 0], "the writer has gone");
    let (mut writer, recovery) = Writer::open(dir.path(), small(INTERVAL).seal(seal())).unwrap();
    assert!(recovery.clean && recovery.last_seq == last);
    append_range(&mut writer, last + 1..=last + 1);
    writer.close().unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    let mut seq = reader.first_seq();
    while let Some(found) = reader.next().unwrap() {
        assert!(found.seq == seq && found.same_decision(&record(seq)));
        seq += 1;
    }
    assert_eq!(seq, last + 2);
}

/// Goal: what is not durable or not sealed yet stays as it is.
#[test]
fn archive_and_prune_leave_alone_what_is_not_done() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::on_disk(dir.path());
    let (mut writer, mut steps, _) =
        Writer::open_stepped(&folder, small(Durability::Process)).unwrap();
    for n in 1..=5 * PER_SEGMENT {
        while writer.append(&record(n)).is_err() {
            steps.prepare().unwrap();
        }
    }
    // Full, but no sync has happened.
    let options = ArchiveOptions {
        keep_last: 1,
        level: 1,
    };
    assert_eq!(
        archive(&folder, options, &mut |_, _| {}).unwrap().segments,
        [0; 0]
    );
    let all = PruneOptions {
        keep_bytes: Some(0),
        ..PruneOptions::default()
    };
    let pruned = writer.pruner().prune(all).unwrap();
    assert_eq!((pruned.segments.len(), pruned.held), (0, Some(Held::InUse)));
    steps.sync();
    let pruned = writer.pruner().prune(all).unwrap();
    assert_eq!(pruned.held, Some(Held::NoSnapshot));
    let error = prune(&folder, all).unwrap_err();
    assert!(
        matches!(error, UpkeepError::Open(OpenError::Locked { .. })),
        "{error}"
    );
    steps.close(writer).unwrap();
    let archived = archive(&folder, options, &mut |_, _| {}).unwrap();
    assert_eq!(archived.segments, [0, 1, 2, 3]);
    assert_holds(dir.path(), 5 * PER_SEGMENT);
}

/// Goal: two at once do not get into each other's way: one is told to wait.
#[test]
fn upkeep_twice_at_once_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::on_disk(dir.path());
    let (mut writer, _) = open(dir.path());
    append_range(&mut writer, 1..=6 * PER_SEGMENT);
    writer.close().unwrap();
    let mut inner = None;
    let archived = archive(&folder, ArchiveOptions::default(), &mut |_, _| {
        inner.get_or_insert_with(|| archive(&folder, ArchiveOptions::default(), &mut |_, _| {}));
    });
    assert!(!archived.unwrap().segments.is_empty());
    assert!(matches!(inner, Some(Err(UpkeepError::Busy { .. }))));
}

#[test]
fn salvage_without_a_superblock_goes_by_the_headers() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (Folder::on_disk(dir.path()), Folder::on_disk(new.path()));
    let (mut writer, _) = open(dir.path());
    append_range(&mut writer, 1..=3 * PER_SEGMENT + 9);
    let locked = salvage(&from, &to, &mut |_| Ok(()), &mut |_, _| {}).unwrap_err();
    assert!(
        matches!(locked, SalvageError::Open(OpenError::Locked { .. })),
        "{locked}"
    );
    writer.close().unwrap();
    archive(&from, ArchiveOptions::default(), &mut |_, _| {}).unwrap();
    edit(&dir.path().join("superblock"), |bytes| bytes.fill(0));
    edit(&segment(dir.path(), 1), |bytes| bytes[..512].fill(0xee));
    let before = image(dir.path());
    let salvaged = salvage(&from, &to, &mut |_| panic!("no damage"), &mut |_, _| {}).unwrap();
    assert_eq!(image(dir.path()), before);
    assert_eq!(
        (salvaged.copied, salvaged.lost_records),
        (3 * PER_SEGMENT + 9, 0)
    );
    assert_eq!(salvaged.remarks.len(), 2, "{:?}", salvaged.remarks);
    assert_holds(new.path(), 3 * PER_SEGMENT + 9);
    let (mut writer, recovery) = open(new.path());
    assert_eq!(recovery.epoch, 2, "the run's numbers go on");
    append_range(&mut writer, 3 * PER_SEGMENT + 10..=5 * PER_SEGMENT);
    wait_until(|| writer.durable_seq() >= 4 * PER_SEGMENT);
    writer.close().unwrap();
    assert_holds(new.path(), 5 * PER_SEGMENT);
}

/// Goal: any file of a journal with any of its bytes changed gives a journal whose records are a
/// prefix, or a refusal, and every record that is given out is one that was appended.
#[test]
fn salvage_of_random_damage_never_invents_a_record() {
    use proptest::prelude::*;
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    let last = 2 * PER_SEGMENT + 50;
    append_range(&mut writer, 1..=last);
    writer.close().unwrap();
    let whole = image(dir.path());
    let files: Vec<String> = whole
        .keys()
        .filter(|name| *name != "lock")
        .cloned()
        .collect();
    let damage = (
        0..files.len(),
        any::<prop::sample::Index>(),
        1..=4096_usize,
        any::<u8>(),
    );
    let is_slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let cases = if is_slow { 2_000 } else { 32 };
    let config = ProptestConfig::with_cases(cases);
    proptest!(config, |(damages in prop::collection::vec(damage, 1..6))| {
        let (old, new) = (fast_dir(), fast_dir());
        for (name, bytes) in &whole {
            std::fs::write(old.path().join(name), bytes).unwrap();
        }
        for (file, place, length, byte) in damages {
            edit(&old.path().join(&files[file]), |bytes| {
                let start = place.index(bytes.len());
                let end = bytes.len().min(start + length);
                bytes[start..end].fill(byte);
            });
        }
        let before = image(old.path());
        let mut behind = Vec::new();
        let mut keep = |found: &model::record::Record| { behind.push(*found); Ok(()) };
        let (from, to) = (Folder::on_disk(old.path()), Folder::on_disk(new.path()));
        let salvaged = salvage(&from, &to, &mut keep, &mut |_, _| {});
        prop_assert_eq!(image(old.path()), before);
        for found in &behind {
            prop_assert!(found.seq <= last && found.same_decision(&record(found.seq)));
        }
        if let Ok(salvaged) = salvaged {
            assert_holds(new.path(), salvaged.last_seq);
            let given = salvaged.copied + behind.len() as u64;
            prop_assert!(given + salvaged.lost_records >= last, "{:?}", salvaged);
            open(new.path()).0.close().unwrap();
        }
    });
}
