//! Starts from real journals with snapshots beside them: good, bad, ahead, of another history.

use std::path::Path;

use engine::strategy::Registry;
use journal::snapshot::{self, Snapshot};
use journal::{AppendError, Durability, Folder, Options, Reader, SEGMENT_BYTES_MIN, Writer};
use model::record::Record;
use replay::{RecoverError, Recovered, Shadow, StartError, audit, recover};

use crate::log::{Random, SEED, log, report};

/// A journal with all of a log, and snapshots taken at some of its sequences.
struct Made {
    dir: tempfile::TempDir,
    journal_id: u64,
    last_seq: u64,
    end: [u8; 32],
}

impl Made {
    fn folder(&self) -> Folder {
        Folder::on_disk(self.dir.path())
    }

    fn recover(&self) -> Result<Recovered, RecoverError> {
        recover(&self.folder(), &Registry::standard(), |_| {})
    }

    /// Recovers and checks that it is the state of the whole log, from this snapshot.
    fn recovers_from(&self, snapshot_seq: Option<u64>, remarks: usize) -> Vec<String> {
        let found = self.recover().unwrap();
        assert_eq!(found.snapshot_seq, snapshot_seq);
        assert_eq!(found.last_seq, self.last_seq);
        assert_eq!(found.shadow.machine().state_hash(), self.end);
        assert_eq!(found.applied, self.last_seq - snapshot_seq.unwrap_or(0));
        assert_eq!(found.remarks.len(), remarks, "{:?}", found.remarks);
        found.remarks
    }

    fn snapshot_path(&self, seq: u64) -> std::path::PathBuf {
        self.dir.path().join(format!("snapshot-{seq:020}"))
    }
}

fn options() -> Options {
    Options::new(Durability::Process).segment_bytes(SEGMENT_BYTES_MIN)
}

fn append(writer: &mut Writer, records: &[Record]) {
    for record in records {
        while let Err(error) = writer.append(record) {
            assert_eq!(error, AppendError::SegmentNotReady);
            std::thread::yield_now();
        }
    }
}

/// Takes what the journal has up to `seq`.
fn shadow_at(dir: &Path, seq: u64) -> Shadow {
    let mut reader = Reader::open(dir).unwrap();
    let mut shadow = Shadow::new();
    while shadow.last_seq() < seq {
        let record = reader.next().unwrap().unwrap();
        assert_eq!(shadow.take(record).unwrap(), None);
    }
    shadow
}

fn made(log: &[Record], snapshots: &[u64]) -> Made {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), options()).unwrap();
    append(&mut writer, log);
    writer.close().unwrap();
    let journal_id = Reader::open(dir.path()).unwrap().journal_id();
    let last_seq = log.len() as u64;
    let folder = Folder::on_disk(dir.path());
    for &seq in snapshots {
        let taken = shadow_at(dir.path(), seq).freeze(1).unwrap();
        snapshot::write(&folder, journal_id, &taken).unwrap();
    }
    let end = shadow_at(dir.path(), last_seq).machine().state_hash();
    Made {
        dir,
        journal_id,
        last_seq,
        end,
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn recover_goes_on_from_the_newest_snapshot() {
    let log = log(SEED, 100);
    let last = log.len() as u64;
    made(&log, &[]).recovers_from(None, 0);
    made(&log, &[200]).recovers_from(Some(200), 0);
    made(&log, &[200, 500, 700]).recovers_from(Some(700), 0);
    made(&log, &[last]).recovers_from(Some(last), 0);
}

#[test]
fn recover_then_follow_is_the_same_from_a_snapshot() {
    let log = log(SEED, 100);
    let (head, tail) = log.split_at(600);
    let from_snapshot = made(head, &[450]);
    let from_start = made(head, &[]);
    let mut ends = Vec::new();
    for journal in [&from_snapshot, &from_start] {
        let mut found = journal.recover().unwrap();
        let (mut writer, _) = Writer::open(journal.dir.path(), options()).unwrap();
        append(&mut writer, tail);
        while let Some(record) = found.reader.next().unwrap() {
            assert_eq!(found.shadow.take(record).unwrap(), None);
        }
        // The records' checksums are each journal's own; the machine must be the same.
        ends.push((
            found.shadow.machine().state_hash(),
            found.shadow.commands_seen(),
            found.shadow.last_seq(),
        ));
    }
    assert_eq!(ends[0], ends[1]);
    assert_eq!(ends[0].2, log.len() as u64);
}

#[test]
fn fault_43_corrupt_snapshot_falls_back_to_the_older_one_then_to_the_whole_log() {
    let log = log(SEED, 100);
    let journal = made(&log, &[200, 500, 700]);
    let bytes = std::fs::read(journal.snapshot_path(700)).unwrap();
    let mut random = Random(SEED);
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let (tries, mut done) = (if slow { 2_000 } else { 60 }, 0);
    for _ in 0..tries {
        flip(&journal.snapshot_path(700), random.below(bytes.len()));
        let remarks = journal.recovers_from(Some(500), 1);
        assert!(remarks[0].contains("snapshot-00000000000000000700"));
        std::fs::write(journal.snapshot_path(700), &bytes).unwrap();
        done += 1;
    }
    journal.recovers_from(Some(700), 0);
    flip(&journal.snapshot_path(700), 130);
    flip(&journal.snapshot_path(500), 130);
    journal.recovers_from(Some(200), 2);
    flip(&journal.snapshot_path(200), 130);
    journal.recovers_from(None, 3);
    report(
        43,
        &format!("{done} bytes of a snapshot changed: older one; all three: whole log"),
    );
}

#[test]
fn fault_43_whole_frame_around_another_state_is_passed_over() {
    let journal = made(&log(SEED, 100), &[200]);
    let taken = shadow_at(journal.dir.path(), 500).freeze(1).unwrap();
    let rewritten = |change: &dyn Fn(&mut Snapshot)| {
        let mut changed = taken.clone();
        change(&mut changed);
        snapshot::write(&journal.folder(), journal.journal_id, &changed).unwrap();
        journal.recovers_from(Some(200), 1).remove(0)
    };
    let layout = rewritten(&|snapshot| snapshot.layout ^= 1);
    assert!(layout.contains("layout"), "{layout}");
    let hash = rewritten(&|snapshot| snapshot.state_hash[0] ^= 1);
    assert!(hash.contains("state hash"), "{hash}");
    let empty = rewritten(&|snapshot| snapshot.payload.clear());
    assert!(empty.contains("cannot be read"), "{empty}");
    let other = shadow_at(journal.dir.path(), 499).freeze(1).unwrap();
    let seq = rewritten(&|snapshot| snapshot.payload.clone_from(&other.payload));
    assert!(seq.contains("sequence"), "{seq}");
    // Another journal's: the directory next door.
    snapshot::write(&journal.folder(), journal.journal_id ^ 1, &taken).unwrap();
    let remarks = journal.recovers_from(Some(200), 1);
    assert!(remarks[0].contains("another journal"), "{remarks:?}");
}

#[test]
fn fault_44_snapshot_ahead_of_the_journal_is_refused_and_nothing_is_touched() {
    let log = log(SEED, 100);
    let mut tried = 0;
    for last in [1_usize, 449, 699] {
        let whole = made(&log, &[700]);
        let cut = made(&log[..last], &[]);
        // The same journal, with an older copy of its segments.
        for entry in std::fs::read_dir(cut.dir.path()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let (mut writer, _) = Writer::open(cut.dir.path(), options()).unwrap();
        append(&mut writer, &log[..last]);
        writer.close().unwrap();
        let id = Reader::open(cut.dir.path()).unwrap().journal_id();
        let taken = snapshot::read(&whole.folder(), whole.journal_id, 700).unwrap();
        snapshot::write(&cut.folder(), id, &taken).unwrap();
        let before = image(cut.dir.path());
        let refused = cut.recover().map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains("sequence 700,"), "{refused}");
        assert!(refused.contains(&format!("sequence {last}:")), "{refused}");
        assert!(before == image(cut.dir.path()), "files were changed");
        tried += 1;
    }
    report(
        44,
        &format!("{tried} journals shorter than their snapshot, all refused"),
    );
}

fn image(dir: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name(), std::fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn recover_snapshot_of_another_history_is_refused() {
    let log = log(SEED, 100);
    let other = made(&crate::log::log(SEED + 1, 100), &[]);
    let taken = made(&log, &[700]);
    let taken = snapshot::read(&taken.folder(), taken.journal_id, 700).unwrap();
    snapshot::write(&other.folder(), other.journal_id, &taken).unwrap();
    let refused = other.recover().map(|_| ()).unwrap_err();
    let RecoverError::Start(StartError::OtherHistory { seq }) = refused else {
        panic!("{refused}");
    };
    assert_eq!(seq, 700);
}

/// A snapshot as a machine of other sources takes it: its build is the payload's first text.
fn of_another_build(mut taken: Snapshot) -> Snapshot {
    let text = &taken.payload[8..24];
    assert!(text.iter().all(u8::is_ascii_hexdigit), "{text:?}");
    taken.payload[8..24].copy_from_slice(b"0123456789abcdef");
    taken
}

#[test]
fn recover_snapshot_of_another_build_is_used_only_where_the_log_has_no_start() {
    let journal = made(&log(SEED, 100), &[]);
    let taken = shadow_at(journal.dir.path(), 500).freeze(1).unwrap();
    let foreign = of_another_build(taken);
    snapshot::write(&journal.folder(), journal.journal_id, &foreign).unwrap();
    let remarks = journal.recovers_from(None, 1);
    assert!(remarks[0].starts_with("passed over: "), "{remarks:?}");
    assert!(remarks[0].contains("another build"), "{remarks:?}");
    prune_first_segment(journal.dir.path());
    let remarks = journal.recovers_from(Some(500), 1);
    assert!(remarks[0].contains("it is gone on from"), "{remarks:?}");
}

/// A strategy that does nothing.
#[derive(Debug)]
struct Idle;

impl engine::strategy::Strategy for Idle {
    const KIND: &'static str = "idle";
    type State = ();

    fn new(_: &engine::strategy::Setup<'_>) -> Result<Self, engine::strategy::SetupError> {
        Ok(Self)
    }

    fn on_event(
        &self,
        (): &mut (),
        _: engine::strategy::Cause,
        _: &engine::strategy::View<'_>,
        _: &mut engine::strategy::Asks<'_>,
    ) {
    }
}

#[test]
fn recover_snapshot_of_a_program_with_other_strategies_is_passed_over() {
    let journal = made(&log(SEED, 100), &[]);
    let taken = shadow_at(journal.dir.path(), 500).freeze(1).unwrap();
    snapshot::write(&journal.folder(), journal.journal_id, &taken).unwrap();
    let other = Registry::standard().with::<Idle>().unwrap();
    let found = recover(&journal.folder(), &other, |_| {}).unwrap();
    assert_eq!(found.snapshot_seq, None);
    assert!(found.remarks[0].contains("idle 1"), "{:?}", found.remarks);
    journal.recovers_from(Some(500), 0);
}

/// Takes the first segment away, as a prune does.
fn prune_first_segment(dir: &Path) {
    std::fs::remove_file(dir.join("segment-0000000000")).unwrap();
    let path = dir.join("superblock");
    let mut bytes = std::fs::read(&path).unwrap();
    for slot in [0, 4096] {
        let slot = &mut bytes[slot..slot + 512];
        slot[64..68].copy_from_slice(&1_u32.to_le_bytes());
        let checksum = crc32c::crc32c(&slot[..508]);
        slot[508..].copy_from_slice(&checksum.to_le_bytes());
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn audit_of_pruned_history_starts_from_the_oldest_snapshot_that_covers_it() {
    let log = log(SEED, 100);
    let journal = made(&log, &[300, 500, 700]);
    let whole = audit(journal.dir.path(), &Registry::standard(), 0, None, |_| {}).unwrap();
    assert_eq!(whole.snapshot_seq, None);
    prune_first_segment(journal.dir.path());
    let tail = audit(journal.dir.path(), &Registry::standard(), 0, None, |_| {}).unwrap();
    // 448 records to a segment: 300 is before the first one kept.
    assert_eq!(tail.snapshot_seq, Some(500));
    assert_eq!((tail.differences, tail.state_hash), (0, journal.end));
    assert_eq!((tail.events, tail.commands), (whole.events, whole.commands));
    journal.recovers_from(Some(700), 0);
    for seq in [500, 700] {
        std::fs::remove_file(journal.snapshot_path(seq)).unwrap();
    }
    let refused = journal.recover().map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("starts at sequence 449"), "{refused}");
    let refused = audit(journal.dir.path(), &Registry::standard(), 0, None, |_| {})
        .unwrap_err()
        .to_string();
    assert!(refused.contains("starts at sequence 449"), "{refused}");
}
