//! The seal through the public interface: what a sealed journal has, and what opening one refuses.

use std::path::{Path, PathBuf};

use journal::seal::{Key, SealOptions};
use journal::{Durability, Folder, OpenError, Options, Steps, Writer};

use crate::common::{
    PER_SEGMENT, edit, fast_dir, image, offset_of, reboot, record, segment, small,
};

/// A key that is the same in every run.
pub(crate) fn fixed_key(dir: &Path) -> Key {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join("fixed.key");
    let text = "-----BEGIN PRIVATE KEY-----\n\
                MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                -----END PRIVATE KEY-----\n";
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let key = Key::load(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    key
}

pub(crate) fn sealed(key: &Key, also: &[PathBuf]) -> Options {
    small(Durability::Process).seal(SealOptions {
        key: key.clone(),
        also: also.to_vec(),
    })
}

pub(crate) fn open_sealed(dir: &Path, options: &Options) -> (Writer, Steps) {
    let folder = Folder::on_disk(dir);
    let (writer, mut steps, _) = Writer::open_stepped(&folder, options.clone()).unwrap();
    steps.prepare().unwrap();
    (writer, steps)
}

/// Appends up to `last`, with a checkpoint every `every` records.
pub(crate) fn fill(writer: &mut Writer, steps: &mut Steps, last: u64, every: u64) {
    while writer.last_seq() < last {
        let n = writer.last_seq() + 1;
        steps.prepare().unwrap();
        assert_eq!(writer.append(&record(n)), Ok(n));
        if n.is_multiple_of(every) {
            steps.sync();
            steps.seal();
        }
    }
}

/// A journal of `last` records, sealed and closed.
pub(crate) fn make(dir: &Path, options: &Options, last: u64, every: u64) {
    let (mut writer, mut steps) = open_sealed(dir, options);
    fill(&mut writer, &mut steps, last, every);
    assert_eq!(writer.watch().seal().stopped, None);
    steps.close(writer).unwrap();
}

fn refusal(dir: &Path, options: &Options) -> String {
    let before = image(dir);
    let error = Writer::open(dir, options.clone()).err().unwrap();
    assert!(matches!(error, OpenError::Seal(_)), "{error}");
    assert_eq!(image(dir), before, "a refusal changes nothing");
    error.to_string()
}

#[test]
fn sealed_journal_has_footers_notes_and_leaves() {
    let (dir, keys) = (fast_dir(), fast_dir());
    let options = sealed(&fixed_key(keys.path()), &[]);
    make(dir.path(), &options, 2 * PER_SEGMENT + 70, 100);
    for id in 0..2 {
        let bytes = std::fs::read(segment(dir.path(), id)).unwrap();
        assert_eq!(bytes[65_536 - 4096..][..8], *b"CARACALF");
    }
    let bytes = std::fs::read(segment(dir.path(), 2)).unwrap();
    assert!(bytes[65_536 - 4096..].iter().all(|&byte| byte == 0));
    let leaves = std::fs::read(dir.path().join("leaves")).unwrap();
    assert_eq!(leaves.len() as u64, (2 * PER_SEGMENT + 70) / 32 * 32);
    let notes = std::fs::read_to_string(dir.path().join("checkpoints")).unwrap();
    let sizes: Vec<u64> = notes
        .split("caracal.journal/")
        .filter_map(|part| part.lines().nth(1)?.parse().ok())
        .collect();
    assert_eq!(
        sizes,
        [100, 200, 300, 400, 448, 500, 600, 700, 800, 896, 900, 966]
    );
    let key = std::fs::read_to_string(dir.path().join("seal.pub")).unwrap();
    assert!(key.starts_with("caracal.journal/"));
}

/// Goal: it makes no difference to the evidence when the sealer worked, whether the journal was
/// closed in between, or whether it was sealed later.
#[test]
fn seal_is_the_same_however_it_came_about() {
    let keys = fast_dir();
    let options = sealed(&fixed_key(keys.path()), &[]);
    let last = 3 * PER_SEGMENT + 17;
    let unsealed = Options {
        seal: None,
        ..options.clone()
    };
    let whole = fast_dir();
    make(whole.path(), &unsealed, last, 64);
    let copy = |from: &Path| {
        let dir = fast_dir();
        crate::common::copy(from, dir.path());
        dir
    };
    let (at_once, twice) = (copy(whole.path()), copy(whole.path()));
    make(at_once.path(), &options, last, 64);
    let (writer, steps) = open_sealed(twice.path(), &options);
    drop((writer, steps));
    let (writer, mut steps) = open_sealed(twice.path(), &options);
    steps.seal();
    drop((writer, steps));
    std::fs::remove_file(twice.path().join("leaves")).unwrap();
    make(twice.path(), &options, last, 64);
    for name in [
        "segment-0000000000",
        "segment-0000000002",
        "leaves",
        "seal.pub",
    ] {
        let read = |dir: &Path| std::fs::read(dir.join(name)).unwrap();
        let (a, b) = (read(at_once.path()), read(twice.path()));
        let (a, b) = match name.strip_prefix("segment-") {
            Some(_) => (&a[4096..], &b[4096..]),
            None => (&a[..], &b[..]),
        };
        assert!(a == b, "{name}");
    }
}

#[test]
fn open_refuses_changed_history_with_the_place() {
    let keys = fast_dir();
    let options = sealed(&fixed_key(keys.path()), &[]);
    let last = PER_SEGMENT + 200;
    let dir = fast_dir();
    make(dir.path(), &options, last, 50);
    let changed = PER_SEGMENT + 100;
    reseal_record(dir.path(), changed, |record| record[60] ^= 1);
    let text = refusal(dir.path(), &options);
    let from = (changed - 1) / 32 * 32 + 1;
    assert!(
        text.contains(&format!("record {from} to record {}", from + 31)),
        "{text}"
    );
    std::fs::remove_file(dir.path().join("leaves")).unwrap();
    let text = refusal(dir.path(), &options);
    assert!(text.contains("history was changed"), "{text}");
}

/// Changes a record's bytes and makes its checksum right again.
pub(crate) fn reseal_record(dir: &Path, seq: u64, change: impl FnOnce(&mut [u8])) {
    let id = u32::try_from((seq - 1) / PER_SEGMENT).unwrap();
    edit(&segment(dir, id), |bytes| {
        let seed = crc32c::crc32c_append(crc32c::crc32c(&bytes[32..40]), &bytes[12..16]);
        let at = offset_of(seq);
        let record = &mut bytes[at..at + 128];
        change(record);
        let checksum = crc32c::crc32c_append(seed, &record[4..]);
        record[..4].copy_from_slice(&checksum.to_le_bytes());
    });
}

/// Goal: a log that ends before its last checkpoint is refused if no power failure explains it,
/// and is marked with a signed `cut` note if one may.
#[test]
fn log_shorter_than_its_checkpoint() {
    let keys = fast_dir();
    let options = sealed(&fixed_key(keys.path()), &[]);
    let dir = fast_dir();
    let (mut writer, mut steps) = open_sealed(dir.path(), &options);
    fill(&mut writer, &mut steps, 300, 50);
    drop((writer, steps));
    edit(&segment(dir.path(), 0), |bytes| {
        bytes[offset_of(271)..].fill(0)
    });
    let text = refusal(dir.path(), &options);
    assert!(text.contains("the log ends at record 270"), "{text}");
    assert!(text.contains("up to 300"), "{text}");
    reboot(dir.path());
    let (mut writer, mut steps) = open_sealed(dir.path(), &options);
    let notes = std::fs::read_to_string(dir.path().join("checkpoints")).unwrap();
    assert!(notes.contains("\n270\n") && notes.contains("\ncut\n"));
    fill(&mut writer, &mut steps, 310, 50);
    steps.close(writer).unwrap();
    make(dir.path(), &options, 320, 50);
}

#[test]
fn torn_last_note_is_cut_after_a_crash_and_refused_after_a_close() {
    let keys = fast_dir();
    let options = sealed(&fixed_key(keys.path()), &[]);
    let dir = fast_dir();
    let (mut writer, mut steps) = open_sealed(dir.path(), &options);
    fill(&mut writer, &mut steps, 300, 50);
    drop((writer, steps));
    let path = dir.path().join("checkpoints");
    let notes = std::fs::read(&path).unwrap();
    for torn in [&notes[..notes.len() - 1], &notes[..notes.len() - 200]] {
        std::fs::write(&path, torn).unwrap();
        let (writer, mut steps) = open_sealed(dir.path(), &options);
        steps.seal();
        assert_eq!(writer.watch().seal().covered_seq, 300);
        drop((writer, steps));
    }
    make(dir.path(), &options, 300, 50);
    let mut notes = std::fs::read(&path).unwrap();
    notes.pop();
    std::fs::write(&path, &notes).unwrap();
    assert!(refusal(dir.path(), &options).contains("no note"));
}

#[test]
fn another_key_is_refused() {
    let keys = fast_dir();
    let dir = fast_dir();
    make(dir.path(), &sealed(&fixed_key(keys.path()), &[]), 100, 50);
    let other = sealed(&Key::generate().unwrap(), &[]);
    assert!(refusal(dir.path(), &other).contains("give the key that it was sealed with"));
    std::fs::remove_file(dir.path().join("seal.pub")).unwrap();
    assert!(refusal(dir.path(), &other).contains("no signature of this key"));
}

/// Goal: an older copy of the whole journal is refused, because a copy of the checkpoints
/// elsewhere knows better; and such a copy is only ever appended to if it is one of ours.
#[test]
fn copy_elsewhere_tells_an_older_journal() {
    let keys = fast_dir();
    let also = keys.path().join("elsewhere");
    let options = sealed(&fixed_key(keys.path()), std::slice::from_ref(&also));
    let (dir, older) = (fast_dir(), fast_dir());
    make(dir.path(), &options, 100, 50);
    crate::common::copy(dir.path(), older.path());
    make(dir.path(), &options, 200, 50);
    let own = std::fs::read(dir.path().join("checkpoints")).unwrap();
    assert_eq!(std::fs::read(&also).unwrap(), own);
    assert!(refusal(older.path(), &options).contains("an older copy"));
    std::fs::write(&also, "something else\n").unwrap();
    let (mut writer, mut steps) = open_sealed(dir.path(), &options);
    fill(&mut writer, &mut steps, 250, 50);
    assert_eq!(writer.watch().seal().copies_failed, 1);
    assert_eq!(writer.watch().seal().covered_seq, 250);
    steps.close(writer).unwrap();
    assert_eq!(std::fs::read(&also).unwrap(), b"something else\n");
}

/// Goal: the helper thread does by itself what the steps do by hand.
#[test]
fn thread_seals_while_the_journal_is_written() {
    let keys = fast_dir();
    let options = sealed(&fixed_key(keys.path()), &[]);
    let dir = fast_dir();
    let (mut writer, _) = Writer::open(dir.path(), options.clone()).unwrap();
    crate::common::append_range(&mut writer, 1..=5 * PER_SEGMENT + 5);
    let watch = writer.watch();
    writer.close().unwrap();
    let status = watch.seal();
    assert_eq!(
        (status.covered_seq, status.stopped),
        (5 * PER_SEGMENT + 5, None)
    );
    assert!(status.notes >= 6);
    make(dir.path(), &options, 5 * PER_SEGMENT + 40, 10);
}

/// Goal: a copy elsewhere that hangs holds up nothing. Method: a pipe that nobody writes to, which
/// blocks whoever opens it for reading.
#[test]
fn copy_that_hangs_holds_up_nothing() {
    let (dir, keys) = (fast_dir(), fast_dir());
    let pipe = keys.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let options = sealed(&fixed_key(keys.path()), &[pipe]);
    let began = std::time::Instant::now();
    let (mut writer, _) = Writer::open(dir.path(), options).unwrap();
    crate::common::append_range(&mut writer, 1..=PER_SEGMENT + 5);
    let watch = writer.watch();
    writer.close().unwrap();
    assert_eq!(watch.seal().covered_seq, PER_SEGMENT + 5);
    assert!(began.elapsed() < std::time::Duration::from_secs(10));
}
