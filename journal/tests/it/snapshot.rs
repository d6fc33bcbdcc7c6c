//! Snapshots: whole or not there, whatever stops the writer; a bad one falls back to an older one.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use journal::snapshot::{self, Found, SNAPSHOTS_KEPT, Snapshot, SnapshotError};
use journal::storage::{Access, FileSystem, Held, Mapping, Memory, Storage, StoredFile};
use journal::{Folder, OpenError};

use crate::common::fast_dir;

const ID: u64 = 0x1122_3344_5566_7788;
const SEED: u64 = 20_261_122;

/// For `cargo xtask faults`: what was tried for a row of the fault list.
#[expect(
    clippy::print_stdout,
    reason = "the table of faults is made of these lines"
)]
pub(crate) fn report(row: u32, counts: &str) {
    println!("fault {row}: {counts}, seed {SEED}");
}

fn next(random: &mut u64) -> u64 {
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *random >> 33
}

/// A snapshot whose content follows from its sequence.
pub(crate) fn of(seq: u64) -> Snapshot {
    let byte = |n: u64| u8::try_from((seq * 7 + n) % 251).unwrap();
    Snapshot {
        seq,
        epoch: 3,
        time_ns: 1_000 + seq,
        layout: 1,
        state_hash: std::array::from_fn(|n| byte(n as u64)),
        payload: (0..200 + seq % 50).map(byte).collect(),
    }
}

pub(crate) fn in_memory() -> (Memory, Folder) {
    let memory = Memory::new();
    let folder = Folder::new(Arc::new(memory.clone()), Path::new("/journal"));
    (memory, folder)
}

/// The newest good one, which must be as it was written, and how many were skipped.
fn newest(folder: &Folder, last_seq: u64) -> (Option<u64>, usize) {
    let found: Found<Snapshot> = snapshot::newest(folder, ID, last_seq, Ok).unwrap();
    let seq = found.taken.map(|(seq, taken)| {
        assert_eq!(taken, of(seq));
        seq
    });
    (seq, found.skipped.len())
}

fn path(folder: &Folder, seq: u64) -> std::path::PathBuf {
    folder.dir().join(format!("snapshot-{seq:020}"))
}

pub(crate) fn bytes_of(folder: &Folder, seq: u64) -> Vec<u8> {
    let file = folder
        .storage()
        .open(&path(folder, seq), Access::Read)
        .unwrap();
    let mut bytes = vec![0; usize::try_from(file.size().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

pub(crate) fn put(folder: &Folder, seq: u64, bytes: &[u8]) {
    let file = folder
        .storage()
        .open(&path(folder, seq), Access::Create)
        .unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

#[test]
fn snapshot_the_last_three_are_kept_and_read_back() {
    let (_, folder) = in_memory();
    assert_eq!(newest(&folder, 0), (None, 0));
    assert_eq!(snapshot::oldest_needed(&folder, ID).unwrap(), None);
    for seq in [10, 20, 30, 40, 50] {
        snapshot::write(&folder, ID, &of(seq)).unwrap();
        assert_eq!(newest(&folder, 50), (Some(seq), 0));
    }
    assert_eq!(snapshot::list(&folder).unwrap(), [30, 40, 50]);
    assert_eq!(snapshot::oldest_needed(&folder, ID).unwrap(), Some(30));
    // The same place again: as good as one.
    snapshot::write(&folder, ID, &of(50)).unwrap();
    assert_eq!(snapshot::list(&folder).unwrap(), [30, 40, 50]);
}

#[test]
fn snapshot_bad_ones_do_not_push_out_good_ones() {
    let (_, folder) = in_memory();
    for seq in [10, 20, 30] {
        snapshot::write(&folder, ID, &of(seq)).unwrap();
    }
    put(&folder, 20, b"junk");
    put(&folder, 30, b"");
    snapshot::write(&folder, ID, &of(40)).unwrap();
    assert_eq!(snapshot::list(&folder).unwrap(), [10, 20, 30, 40]);
    snapshot::write(&folder, ID, &of(50)).unwrap();
    assert_eq!(snapshot::list(&folder).unwrap(), [10, 20, 30, 40, 50]);
    snapshot::write(&folder, ID, &of(60)).unwrap();
    assert_eq!(snapshot::list(&folder).unwrap(), [40, 50, 60]);
    assert_eq!(SNAPSHOTS_KEPT, 3);
}

#[test]
fn snapshot_oldest_is_the_first_that_covers_what_is_kept() {
    let (_, folder) = in_memory();
    for seq in [10, 20, 30] {
        snapshot::write(&folder, ID, &of(seq)).unwrap();
    }
    for (first_seq, want) in [(1, Some(10)), (11, Some(10)), (12, Some(20)), (32, None)] {
        let found = snapshot::oldest(&folder, ID, first_seq, Ok).unwrap();
        assert_eq!(found.taken.map(|(seq, _)| seq), want, "from {first_seq}");
    }
}

#[test]
fn fault_43_every_bit_of_a_snapshot_flipped_falls_back_to_the_older_one() {
    let (_, folder) = in_memory();
    snapshot::write(&folder, ID, &of(10)).unwrap();
    snapshot::write(&folder, ID, &of(20)).unwrap();
    let good = bytes_of(&folder, 20);
    let (mut flips, mut lengths) = (0, 0);
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        put(&folder, 20, &bytes);
        assert_eq!(newest(&folder, 20), (Some(10), 1), "bit {bit}");
        flips += 1;
    }
    for length in (0..good.len()).chain([good.len() + 1, 2 * good.len()]) {
        let mut bytes = good.clone();
        bytes.resize(length, 0);
        put(&folder, 20, &bytes);
        assert_eq!(newest(&folder, 20), (Some(10), 1), "length {length}");
        lengths += 1;
    }
    put(&folder, 20, &good);
    assert_eq!(newest(&folder, 20), (Some(20), 0));
    report(
        43,
        &format!("{flips} bits flipped, {lengths} lengths, all fell back"),
    );
}

#[test]
fn fault_43_all_snapshots_bad_leaves_the_log() {
    let (_, folder) = in_memory();
    for seq in [10, 20, 30] {
        snapshot::write(&folder, ID, &of(seq)).unwrap();
        let mut bytes = bytes_of(&folder, seq);
        *bytes.last_mut().unwrap() ^= 0x80;
        put(&folder, seq, &bytes);
    }
    assert_eq!(newest(&folder, 30), (None, 3));
    assert_eq!(snapshot::oldest_needed(&folder, ID).unwrap(), None);
}

#[test]
fn fault_44_snapshot_ahead_of_the_log_is_refused_with_both_sequences() {
    let (_, folder) = in_memory();
    for seq in [10, 20] {
        snapshot::write(&folder, ID, &of(seq)).unwrap();
    }
    let mut tried = 0;
    for last_seq in 10..20 {
        let refused = snapshot::newest(&folder, ID, last_seq, Ok);
        let Err(error @ SnapshotError::Io(OpenError::SnapshotAhead { seq, .. })) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(seq, 20);
        let text = error.to_string();
        assert!(text.contains("sequence 20,"), "{text}");
        assert!(text.contains(&format!("sequence {last_seq}:")), "{text}");
        tried += 1;
    }
    // A damaged one proves nothing about the log.
    let mut bytes = bytes_of(&folder, 20);
    bytes[40] ^= 1;
    put(&folder, 20, &bytes);
    assert_eq!(newest(&folder, 19), (Some(10), 1));
    report(44, &format!("{tried} ends before a snapshot, all refused"));
}

/// With its hash made right again.
fn with_hash(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..96]).update(&bytes[128..]);
    bytes[96..128].copy_from_slice(hasher.finalize().as_bytes());
    bytes
}

#[test]
fn snapshot_of_others_is_refused_by_name() {
    let (_, folder) = in_memory();
    snapshot::write(&folder, ID, &of(10)).unwrap();
    let good = bytes_of(&folder, 10);
    assert_eq!(with_hash(good.clone()), good);
    let cases: [(&str, usize, &[u8]); 5] = [
        ("its first bytes are not ours", 0, b"X"),
        ("has version 2, and not 1", 8, &[2]),
        ("is of another journal", 16, &[0]),
        ("holds the state at sequence 11", 32, &[11]),
        ("says that its payload has", 48, &[0xff; 8]),
    ];
    for (what, at, bytes) in cases {
        let mut changed = good.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        put(&folder, 10, &with_hash(changed));
        let error = snapshot::read(&folder, ID, 10).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert!(error.contains("snapshot-00000000000000000010"), "{error}");
    }
    // A length within the limit that the file does not have costs no memory.
    let mut changed = good;
    changed[48..56].copy_from_slice(&(1_u64 << 30).to_le_bytes());
    put(&folder, 10, &changed);
    let began = Instant::now();
    assert!(snapshot::read(&folder, ID, 10).is_err());
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn snapshot_refused_by_the_caller_falls_back_with_its_reason() {
    let (_, folder) = in_memory();
    for seq in [10, 20] {
        snapshot::write(&folder, ID, &of(seq)).unwrap();
    }
    let found = snapshot::newest(&folder, ID, 20, |snapshot| match snapshot.seq {
        20 => Err("has layout 7".to_owned()),
        seq => Ok(seq),
    });
    let found = found.unwrap();
    assert_eq!(found.taken, Some((10, 10)));
    let reason = found.skipped[0].to_string();
    assert!(reason.ends_with("has layout 7"), "{reason}");
}

/// A storage whose process dies at a call: that one is done half or not at all, and none after it.
struct Dying {
    files: Memory,
    calls: Arc<AtomicU64>,
    dies_at: u64,
}

impl Dying {
    fn call(calls: &AtomicU64, dies_at: u64) -> io::Result<()> {
        // One thread: any order is right.
        let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call < dies_at {
            Ok(())
        } else {
            Err(io::Error::other("dead"))
        }
    }

    fn step(&self) -> io::Result<()> {
        Self::call(&self.calls, self.dies_at)
    }
}

impl Storage for Dying {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.step()?;
        self.files.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.step()?;
        self.files.list(dir)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.step()?;
        self.files.exists(path)
    }
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StoredFile>> {
        self.step()?;
        Ok(Arc::new(DyingFile {
            file: self.files.open(path, access)?,
            calls: Arc::clone(&self.calls),
            dies_at: self.dies_at,
        }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        self.files.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.files.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.step()?;
        self.files.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        self.step()?;
        self.files.lock(path)
    }
    fn file_system(&self, dir: &Path) -> io::Result<FileSystem> {
        self.files.file_system(dir)
    }
    fn boot_id(&self) -> [u8; 16] {
        self.files.boot_id()
    }
    fn now_ns(&self) -> u64 {
        self.files.now_ns()
    }
}

struct DyingFile {
    file: Arc<dyn StoredFile>,
    calls: Arc<AtomicU64>,
    dies_at: u64,
}

impl DyingFile {
    fn step(&self) -> io::Result<()> {
        Dying::call(&self.calls, self.dies_at)
    }
}

impl StoredFile for DyingFile {
    fn size(&self) -> io::Result<u64> {
        self.step()?;
        self.file.size()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.step()?;
        self.file.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let step = self.step();
        // At most 64 bytes a call: so that it can die in the middle of the frame, too.
        let half = bytes.len().min(if step.is_ok() { 64 } else { 32 });
        let written = self.file.write_at(&bytes[..half], offset);
        step.and(written)
    }
    fn allocate(&self, len: u64) -> io::Result<()> {
        self.step()?;
        self.file.allocate(len)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step()?;
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.step()?;
        self.file.sync_data()
    }
    fn sync_all(&self) -> io::Result<()> {
        self.step()?;
        self.file.sync_all()
    }
    fn map(&self, len: usize) -> io::Result<Mapping> {
        self.step()?;
        self.file.map(len)
    }
}

#[test]
fn fault_05_death_at_each_call_of_a_snapshot_leaves_the_old_or_the_new_one() {
    let (mut steps, mut old, mut new) = (0, 0, 0);
    for dies_at in 1.. {
        let (memory, folder) = in_memory();
        for seq in [10, 20, 30] {
            snapshot::write(&folder, ID, &of(seq)).unwrap();
        }
        let calls = Arc::new(AtomicU64::new(0));
        let dying = Dying {
            files: memory,
            calls: Arc::clone(&calls),
            dies_at,
        };
        let outcome = snapshot::write(&Folder::new(Arc::new(dying), folder.dir()), ID, &of(40));
        let (seq, skipped) = newest(&folder, 40);
        assert_eq!(skipped, 0, "a half one after call {dies_at}");
        match seq {
            Some(30) => old += 1,
            Some(40) => new += 1,
            other => panic!("{other:?} after call {dies_at}"),
        }
        assert!(outcome.is_err() || seq == Some(40));
        steps += 1;
        // What it left lying about does not stand in the way of the next one.
        snapshot::write(&folder, ID, &of(50)).unwrap();
        assert_eq!(newest(&folder, 50), (Some(50), 0));
        if calls.load(Ordering::Relaxed) < dies_at {
            break;
        }
    }
    assert!(old > 8 && new > 10, "{old} old, {new} new");
    report(
        5,
        &format!("{steps} steps: {old} times the old one, {new} times the new one"),
    );
}

const CHILD: &str = "JOURNAL_SNAPSHOT_CHILD";

/// Not a test of its own: without the variable it has nothing to do.
#[test]
fn child_writes_snapshots_forever() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let folder = Folder::on_disk(Path::new(&dir));
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut seq = snapshot::list(&folder)
        .unwrap()
        .last()
        .copied()
        .unwrap_or(0);
    while Instant::now() < deadline {
        seq += 1;
        snapshot::write(&folder, ID, &of(seq)).unwrap();
    }
}

#[test]
fn fault_05_sigkill_while_snapshots_are_written_leaves_whole_ones() {
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let rounds = if slow { 300 } else { 15 };
    let dir = fast_dir();
    let folder = Folder::on_disk(dir.path());
    let (mut random, mut last, mut unfinished) = (SEED, 0, 0);
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "snapshot::child_writes_snapshots_forever"])
            .env(CHILD, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while newest(&folder, u64::MAX).0.unwrap_or(0) == last {
            assert!(Instant::now() < deadline, "the child did not start");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(next(&mut random) % 5_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let names = folder.storage().list(dir.path()).unwrap();
        unfinished += names.iter().filter(|name| name.ends_with(".new")).count();
        let (seq, skipped) = newest(&folder, u64::MAX);
        assert_eq!(skipped, 0, "a half snapshot in round {round}");
        assert!(seq.unwrap() > last);
        last = seq.unwrap();
        // The next writer's open removes these.
        for name in names.iter().filter(|name| name.ends_with(".new")) {
            std::fs::remove_file(dir.path().join(name)).unwrap();
        }
    }
    report(
        5,
        &format!("{rounds} kills over {last} snapshots, {unfinished} unfinished, none half"),
    );
}

/// Bytes of version 1 that must never change.
#[test]
fn snapshot_golden_bytes() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1-snapshot");
    let dir = Folder::on_disk(&golden);
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        snapshot::write(&dir, ID, &of(17)).unwrap();
    }
    assert_eq!(snapshot::read(&dir, ID, 17).unwrap(), of(17));
    let (_, folder) = in_memory();
    snapshot::write(&folder, ID, &of(17)).unwrap();
    let bytes = bytes_of(&folder, 17);
    assert_eq!(bytes, bytes_of(&dir, 17));
    assert_eq!(bytes[..8], *b"CARACALN");
    assert_eq!(bytes[8..16], [1, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(bytes[16..24], ID.to_le_bytes());
    assert_eq!(bytes[24..32], 3_u64.to_le_bytes());
    assert_eq!(bytes[32..40], 17_u64.to_le_bytes());
    assert_eq!(bytes[40..48], 1_017_u64.to_le_bytes());
    assert_eq!(bytes[48..56], (bytes.len() as u64 - 128).to_le_bytes());
    assert_eq!(bytes[56..88], of(17).state_hash);
    assert_eq!(bytes[88..96], [0; 8]);
    assert_eq!(bytes[128..], of(17).payload);
}
