//! `verify`: what is intact passes, and whatever is changed anywhere is found and named.

use std::path::{Path, PathBuf};

use journal::seal::{Bad, Key, Note, PublicKey, Verified, VerifyOptions, verify};
use journal::{Durability, Options, Reader, Writer};

use crate::common::{PER_SEGMENT, append, copy, edit, fast_dir, offset_of, record, segment};
use crate::seal::{fill, fixed_key, make, open_sealed, reseal_record, sealed};

pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number below `limit` (splitmix64).
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

pub(crate) fn is_slow() -> bool {
    std::env::var_os("RUN_SLOW_TESTS").is_some()
}

pub(crate) fn look(dir: &Path) -> Verified {
    verify(dir, &VerifyOptions::default(), |_| {}).unwrap()
}

fn assert_intact(dir: &Path) -> Verified {
    let verified = look(dir);
    assert_eq!(verified.findings, []);
    verified
}

/// What is wrong first; there must be something.
pub(crate) fn first_bad(dir: &Path) -> Bad {
    look(dir)
        .first_bad()
        .expect("a change was not seen")
        .clone()
}

/// A sealed journal that was closed, with a checkpoint every `every` records.
pub(crate) fn journal(last: u64, every: u64) -> tempfile::TempDir {
    let (dir, keys) = (fast_dir(), fast_dir());
    make(
        dir.path(),
        &sealed(&fixed_key(keys.path()), &[]),
        last,
        every,
    );
    dir
}

#[test]
fn intact_journals_pass_with_how_far_they_are_covered() {
    let last = 2 * PER_SEGMENT + 70;
    let dir = journal(last, 100);
    let verified = assert_intact(dir.path());
    assert_eq!((verified.records, verified.last_seq), (last, last));
    assert_eq!((verified.covered_seq, verified.sealed), (last, 2));
    assert_eq!(
        (verified.notes, verified.cuts, verified.is_open),
        (12, 0, false)
    );

    let empty = journal(0, 100);
    assert_eq!(assert_intact(empty.path()).records, 0);

    let unsealed = fast_dir();
    let options = Options::new(Durability::Process).segment_bytes(64 << 10);
    make(unsealed.path(), &options, last, 100);
    let verified = assert_intact(unsealed.path());
    assert_eq!((verified.last_seq, verified.covered_seq), (last, 0));
    assert_eq!(verified.key, None);
}

#[test]
fn journal_of_a_killed_writer_passes() {
    let (dir, keys) = (fast_dir(), fast_dir());
    let options = sealed(&fixed_key(keys.path()), &[]);
    let (mut writer, mut steps) = open_sealed(dir.path(), &options);
    fill(&mut writer, &mut steps, PER_SEGMENT + 77, 50);
    drop((writer, steps));
    let verified = assert_intact(dir.path());
    assert_eq!(verified.last_seq, PER_SEGMENT + 77);
    assert_eq!(verified.covered_seq, 500);
    assert!(verified.is_open);
    let notes = dir.path().join("checkpoints");
    edit_len(&notes, |bytes| bytes.truncate(bytes.len() - 9));
    assert_eq!(assert_intact(dir.path()).covered_seq, 450);
}

fn edit_len(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Goal: a changed byte anywhere in the directory is found, in a journal that was closed. Method:
/// every file, a sample of its bytes; in the slow form all of the small ones, and more.
#[test]
fn byte_changed_anywhere_is_found_and_named() {
    let dir = journal(PER_SEGMENT + 70, 100);
    let mut random = Random(7);
    let mut changed = 0;
    let mut names: Vec<String> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in names {
        let path = dir.path().join(&name);
        let good = std::fs::read(&path).unwrap();
        let step = match (name.as_str(), is_slow()) {
            ("superblock", false) => 199,
            ("superblock" | "checkpoints" | "leaves" | "seal.pub", true) => 1,
            ("checkpoints" | "leaves" | "seal.pub", false) => 29,
            (_, true) => 13,
            (_, false) => 997,
        };
        let mut at = random.below(step) as usize;
        while at < good.len() {
            let flip = 1 << random.below(8);
            edit(&path, |bytes| bytes[at] ^= flip);
            let bad = first_bad(dir.path());
            let is_near = bad.path == path && bad.offset <= at as u64;
            assert!(is_near || bad.seqs.is_some(), "byte {at} of {name}: {bad}");
            edit(&path, |bytes| bytes[at] ^= flip);
            changed += 1;
            at += 1 + random.below(step) as usize;
        }
    }
    assert_intact(dir.path());
    println!("bytes changed: {changed}, all found");
    assert!(changed > 200);
}

#[test]
fn damaged_record_is_named_and_the_rest_is_looked_at() {
    let dir = journal(2 * PER_SEGMENT + 70, 100);
    for seq in [
        1,
        31,
        32,
        33,
        PER_SEGMENT,
        PER_SEGMENT + 1,
        2 * PER_SEGMENT + 69,
    ] {
        let copied = fast_dir();
        copy(dir.path(), copied.path());
        let id = u32::try_from((seq - 1) / PER_SEGMENT).unwrap();
        let path = segment(copied.path(), id);
        edit(&path, |bytes| bytes[offset_of(seq) + 99] ^= 4);
        let verified = look(copied.path());
        let bad = verified.first_bad().unwrap();
        assert_eq!((bad.seqs, &bad.path), (Some((seq, seq)), &path), "{bad}");
        assert_eq!(bad.offset, offset_of(seq) as u64);
        assert_eq!(verified.findings.len(), 1, "{:?}", verified.findings);
        assert_eq!(verified.last_seq, 2 * PER_SEGMENT + 70);
    }
}

/// What somebody does to a journal who can compute checksums and has not the key.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Change,
    Swap,
    Delete,
    Insert,
    CutEnd,
}

/// Does it, and says which records are not what they were.
fn tamper(dir: &Path, edit: Edit, last: u64, random: &mut Random) -> (u64, u64) {
    let seq = 1 + random.below(last - 1);
    let mut reader = Reader::open(dir).unwrap();
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    let put = |seq: u64, from: &model::record::Record| {
        use zerocopy::IntoBytes;
        reseal_record(dir, seq, |bytes| {
            bytes[4..8].copy_from_slice(&from.as_bytes()[4..8]);
            bytes[8..16].copy_from_slice(&seq.to_le_bytes());
            bytes[16..].copy_from_slice(&from.as_bytes()[16..]);
        });
    };
    let zero = |seq: u64| {
        let id = u32::try_from((seq - 1) / PER_SEGMENT).unwrap();
        crate::common::edit(&segment(dir, id), |bytes| {
            bytes[offset_of(seq)..offset_of(seq) + 128].fill(0);
        });
    };
    let index = seq as usize - 1;
    match edit {
        Edit::Change => {
            let at = 16 + random.below(112) as usize;
            let flip = 1 << random.below(8);
            reseal_record(dir, seq, |bytes| bytes[at] ^= flip);
            (seq, seq)
        }
        Edit::Swap => {
            put(seq, &records[index + 1]);
            put(seq + 1, &records[index]);
            (seq, seq + 1)
        }
        Edit::Delete => {
            for next in seq..last {
                put(next, &records[next as usize]);
            }
            zero(last);
            end_at(dir, last - 1);
            (seq, last)
        }
        Edit::Insert => {
            for next in seq + 1..=last {
                put(next, &records[next as usize - 2]);
            }
            (seq + 1, last)
        }
        Edit::CutEnd => {
            (seq + 1..=last).for_each(zero);
            end_at(dir, seq);
            (seq + 1, last)
        }
    }
}

/// Makes the superblock and the marks say that the log ends here.
fn end_at(dir: &Path, last: u64) {
    crate::common::edit_superblock(dir, |slot| {
        slot[56..64].copy_from_slice(&last.to_le_bytes())
    });
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("segment-")
        {
            edit(&path, |bytes| {
                bytes[1024..1048].fill(0);
                bytes[2048..2072].fill(0);
            });
        }
    }
}

/// Goal: whatever is done to history with right checksums, the checkpoints show it, and the place
/// that is named has it inside. With `leaves` left alone it is named to within 32 records.
fn edits_are_caught(count: u64, seed: u64) -> [u64; 5] {
    const LAST: u64 = 2 * PER_SEGMENT + 70;
    let dir = journal(LAST, 100);
    let mut random = Random(seed);
    let mut counts = [0; 5];
    for n in 0..count {
        let kinds = [
            Edit::Change,
            Edit::Swap,
            Edit::Delete,
            Edit::Insert,
            Edit::CutEnd,
        ];
        // Moving all records is slow; most edits are of one record.
        let kind = if n.is_multiple_of(25) {
            random.below(5)
        } else {
            random.below(2)
        } as usize;
        let touched = Touched::of(dir.path());
        let (from, to) = tamper(dir.path(), kinds[kind], LAST, &mut random);
        let is_narrow = random.below(2) == 0;
        let leaves = dir.path().join("leaves");
        if !is_narrow {
            std::fs::remove_file(&leaves).unwrap();
        }
        let verified = look(dir.path());
        let bad = verified
            .first_bad()
            .unwrap_or_else(|| panic!("{n}: {:?}", kinds[kind]));
        if let (Some((first, last)), false) = (bad.seqs, kind == 4) {
            assert!(first <= to && from <= last, "{from}..{to} is not in {bad}");
            assert!(last - first < 100, "{bad}");
            // The last group is not whole, so `leaves` does not have it.
            let is_narrow = is_narrow && to <= LAST / 32 * 32;
            assert!(!is_narrow || last - first < 32, "{bad}");
        } else {
            assert!(kind >= 2 || !is_narrow, "{from}..{to}: {bad}");
        }
        counts[kind] += 1;
        touched.restore(dir.path());
    }
    assert_intact(dir.path());
    counts
}

/// Files of a journal as they were.
struct Touched(Vec<(PathBuf, Vec<u8>)>);

impl Touched {
    fn of(dir: &Path) -> Self {
        let files = std::fs::read_dir(dir).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            (path, bytes)
        });
        Self(files.collect())
    }

    fn restore(self, _dir: &Path) {
        for (path, bytes) in self.0 {
            std::fs::write(path, bytes).unwrap();
        }
    }
}

#[test]
fn fault_45_edits_with_right_checksums_are_caught() {
    let count = if is_slow() { 10_000 } else { 500 };
    let seed = 45;
    let [change, swap, delete, insert, cut] = edits_are_caught(count, seed);
    println!(
        "fault 45: {count} edits with recomputed checksums ({change} changed, {swap} swapped, \
         {delete} deleted, {insert} inserted, {cut} cut), all caught, seed {seed}"
    );
}

/// Goal: without the private key a changed history cannot be signed again; and with another key in
/// `seal.pub` it is caught by whoever holds the right one.
#[test]
fn history_signed_with_another_key_is_caught_by_who_holds_the_key() {
    let (dir, keys) = (fast_dir(), fast_dir());
    let key = fixed_key(keys.path());
    make(dir.path(), &sealed(&key, &[]), 200, 50);
    let text = std::fs::read_to_string(dir.path().join("seal.pub")).unwrap();
    let held: PublicKey = text.trim_end().parse().unwrap();
    reseal_record(dir.path(), 30, |bytes| bytes[77] ^= 1);
    for name in ["checkpoints", "leaves", "seal.pub"] {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    make(dir.path(), &sealed(&Key::generate().unwrap(), &[]), 200, 50);
    assert_intact(dir.path());
    let options = VerifyOptions {
        key: Some(held),
        held: Vec::new(),
    };
    assert!(!verify(dir.path(), &options, |_| {}).unwrap().ok());
}

/// The last checkpoint of a journal, as somebody else would hold it.
fn last_note(dir: &Path) -> Note {
    let notes = std::fs::read_to_string(dir.join("checkpoints")).unwrap();
    let at = notes.rfind("\ncaracal.journal/").map_or(0, |at| at + 1);
    Note::parse(&notes[at..]).unwrap()
}

fn look_with(dir: &Path, note: &Note) -> Verified {
    let options = VerifyOptions {
        key: None,
        held: vec![(PathBuf::from("held"), note.clone())],
    };
    verify(dir, &options, |_| {}).unwrap()
}

/// Goal: an older copy put back, whole, is intact in itself and caught by a checkpoint that was
/// held elsewhere; so is a fork; and stale chunks of an older copy are caught anyway.
#[test]
fn fault_41_older_copies_and_stale_chunks_are_caught() {
    let (dir, keys) = (fast_dir(), fast_dir());
    let (older, fork) = (fast_dir(), fast_dir());
    let options = sealed(&fixed_key(keys.path()), &[]);
    let last = PER_SEGMENT + 300;
    make(dir.path(), &options, 300, 50);
    copy(dir.path(), older.path());
    copy(dir.path(), fork.path());
    make(dir.path(), &options, last, 50);
    let held = last_note(dir.path());
    let verified = look_with(dir.path(), &held);
    assert_eq!((verified.held, verified.findings), (1, vec![]));

    assert_intact(older.path());
    let bad = look_with(older.path(), &held).first_bad().unwrap().clone();
    assert!(bad.what.contains("older copy"), "{bad}");

    let (mut writer, _) = Writer::open(fork.path(), options).unwrap();
    for n in 301..=last {
        append(&mut writer, &record(n + 1_000));
    }
    writer.close().unwrap();
    assert_intact(fork.path());
    let bad = look_with(fork.path(), &held).first_bad().unwrap().clone();
    assert_eq!(bad.seqs, Some((bad.seqs.unwrap().0, last)), "{bad}");

    let (mut chunks, mut random) = (0, Random(41));
    let stale = std::fs::read(segment(older.path(), 0)).unwrap();
    let good = std::fs::read(segment(dir.path(), 0)).unwrap();
    for size in [512_usize, 4096, 16 << 10] {
        for _ in 0..20 {
            let at = random.below((good.len() / size) as u64) as usize * size;
            let mut bytes = good.clone();
            bytes[at..at + size].copy_from_slice(&stale[at..at + size]);
            // A durable mark has nothing but its own CRC: an older one is not known as such.
            if bytes[..512] == good[..512] && bytes[4096..] == good[4096..] {
                continue;
            }
            std::fs::write(segment(dir.path(), 0), bytes).unwrap();
            first_bad(dir.path());
            std::fs::write(segment(dir.path(), 0), &good).unwrap();
            chunks += 1;
        }
    }
    for name in ["superblock", "checkpoints", "leaves"] {
        let good = std::fs::read(dir.path().join(name)).unwrap();
        std::fs::copy(older.path().join(name), dir.path().join(name)).unwrap();
        // Older checkpoints alone only cover less; the rest does not fit the journal.
        let verified = look_with(dir.path(), &held);
        assert!(
            !verified.ok() || (name == "checkpoints" && verified.held == 1),
            "{name}"
        );
        std::fs::write(dir.path().join(name), good).unwrap();
        chunks += 1;
    }
    assert_intact(dir.path());
    println!("fault 41: 2 older journals, {chunks} stale chunks and files, all caught, seed 41");
}

#[test]
fn segments_swapped_or_gone_are_caught() {
    let dir = journal(3 * PER_SEGMENT + 10, 100);
    let (a, b) = (segment(dir.path(), 0), segment(dir.path(), 1));
    let swap = dir.path().join("swap");
    std::fs::rename(&a, &swap).unwrap();
    std::fs::rename(&b, &a).unwrap();
    std::fs::rename(&swap, &b).unwrap();
    assert!(
        first_bad(dir.path())
            .what
            .contains("not that of this segment")
    );
    std::fs::remove_file(&b).unwrap();
    assert!(!look(dir.path()).ok());
    let dir = journal(3 * PER_SEGMENT + 10, 100);
    for id in 3..6 {
        let _prepared = std::fs::remove_file(segment(dir.path(), id));
    }
    assert!(!look(dir.path()).ok());
    let dir = journal(10, 10);
    std::fs::write(dir.path().join("stranger"), "x").unwrap();
    assert!(first_bad(dir.path()).what.contains("nothing vouches"));
}

/// Goal: a journal that is being written is verified without a false alarm, again and again.
#[test]
fn live_journal_is_verified_without_false_alarm() {
    let (dir, keys) = (fast_dir(), fast_dir());
    let durability = Durability::Interval(std::time::Duration::from_millis(1));
    let options = crate::common::small(durability).seal(journal::seal::SealOptions {
        key: fixed_key(keys.path()),
        also: Vec::new(),
    });
    let (mut writer, _) = Writer::open(dir.path(), options).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let looks = std::thread::scope(|scope| {
        let looker = scope.spawn(|| {
            let mut last = 0;
            let mut looks = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let verified = assert_intact(dir.path());
                assert!(verified.last_seq >= last);
                last = verified.last_seq;
                looks += 1;
            }
            looks
        });
        let until = std::time::Instant::now() + std::time::Duration::from_millis(1_500);
        let mut n = 0;
        while std::time::Instant::now() < until && !looker.is_finished() {
            for _ in 0..20 {
                n += 1;
                append(&mut writer, &record(n));
            }
            std::thread::sleep(std::time::Duration::from_micros(500));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        looker.join().unwrap()
    });
    assert!(looks > 3, "{looks} looks");
    writer.close().unwrap();
    assert_intact(dir.path());
}
