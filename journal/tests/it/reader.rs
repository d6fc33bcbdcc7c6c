//! What a reader promises: batches are the same records, an end is where recovery would end, and
//! neither a new journal nor retention nor a bad disk surprises it.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use journal::storage::{Access, FileSystem, Held, Mapping, Memory, Storage, StoredFile};
use journal::{Folder, Options, ReadError, Reader, Writer};

use crate::common::{
    PER_SEGMENT, append_range, copy, dropped, edit, edit_superblock, fast_dir, offset_of, open,
    reboot, record, segment, small,
};

/// Reads all in batches of `max` and compares; the number of records.
fn read_in_batches(reader: &mut Reader, max: usize) -> u64 {
    let mut n = reader.next_seq() - 1;
    loop {
        let batch = reader.next_batch(max).unwrap();
        if batch.is_empty() {
            return n;
        }
        assert!(batch.len() <= max);
        for found in batch {
            n += 1;
            assert_eq!(found.seq, n);
            assert!(found.same_decision(&record(n)), "record {n}");
        }
        assert_eq!(reader.next_seq(), n + 1);
    }
}

/// Goal: batches of any size give what `next` gives, mapped or not, on disk or in memory.
#[test]
fn batch_of_any_size_gives_every_record_once() {
    let last = 2 * PER_SEGMENT + 300;
    let dir = fast_dir();
    dropped(dir.path(), last);
    let memory = Folder::new(Arc::new(Memory::new()), Path::new("journal"));
    let options = small(journal::Durability::Process);
    let (mut writer, _) = Writer::open_in(&memory, options).unwrap();
    append_range(&mut writer, 1..=last);
    for folder in [Folder::on_disk(dir.path()), memory] {
        for reader in [Reader::open_in(&folder), Reader::open_unmapped(&folder)] {
            let mut reader = reader.unwrap();
            for max in [1, 2, 7, 255, 256, 257, 448, 10_000, usize::MAX] {
                reader.seek(1);
                assert_eq!(read_in_batches(&mut reader, max), last, "batches of {max}");
            }
            assert!(reader.next_batch(0).unwrap().is_empty());
            // One at a time, with a batch in between: nothing is skipped or given twice.
            reader.seek(PER_SEGMENT - 70);
            let mut n = PER_SEGMENT - 70;
            while let Some(found) = reader.next().unwrap() {
                assert_eq!(found.seq, n);
                n += 1;
                for found in reader.next_batch(5).unwrap() {
                    assert_eq!(found.seq, n);
                    n += 1;
                }
            }
            assert_eq!(reader.next_seq(), last + 1);
        }
    }
}

/// Clears record `seq` or changes a byte of it.
fn damage(dir: &Path, seq: u64, clear: bool) {
    let id = u32::try_from((seq - 1) / PER_SEGMENT).unwrap();
    let at = offset_of(seq);
    edit(&segment(dir, id), |bytes| {
        if clear {
            bytes[at..at + 128].fill(0);
        } else {
            bytes[at + 60] ^= 1;
        }
    });
}

/// Records that both kinds of reader give before the end, or the sequence of the damage.
fn read_to_end(dir: &Path) -> Result<u64, u64> {
    let folder = Folder::on_disk(dir);
    let read = |mut reader: Reader| {
        loop {
            match reader.next_batch(100) {
                Ok([]) => {
                    // It stays the end when it is asked again.
                    assert!(reader.next().unwrap().is_none());
                    return Ok(reader.next_seq() - 1);
                }
                Ok(_) => {}
                Err(ReadError::Damaged(damage)) => {
                    assert_eq!(reader.next_seq(), damage.seq);
                    assert!(
                        matches!(reader.next(), Err(ReadError::Damaged(again)) if again == damage)
                    );
                    return Err(damage.seq);
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    let outcome = read(Reader::open_in(&folder).unwrap());
    assert_eq!(outcome, read(Reader::open_unmapped(&folder).unwrap()));
    outcome
}

/// Goal: a reader and the recovery of a killed writer's journal say the same about every kind of
/// end (rows @A to @E): both end at the same record, or both refuse at the same record.
#[test]
fn reader_ends_where_recovery_ends() {
    let last = PER_SEGMENT + 40;
    let base = fast_dir();
    dropped(base.path(), last);
    let mut kinds = [0; 2];
    for seq in [
        1,
        2,
        PER_SEGMENT - 1,
        PER_SEGMENT,
        PER_SEGMENT + 1,
        last - 20,
        last - 1,
        last,
    ] {
        for (clear, rebooted) in [(true, true), (true, false), (false, true), (false, false)] {
            let dir = fast_dir();
            copy(base.path(), dir.path());
            damage(dir.path(), seq, clear);
            if rebooted {
                reboot(dir.path());
            }
            let read = read_to_end(dir.path());
            let options = small(journal::Durability::Process);
            let recovered = match Writer::open(dir.path(), options) {
                Ok((_, recovery)) => Ok(recovery.last_seq),
                Err(journal::OpenError::Damaged(damage)) => Err(damage.seq),
                Err(error) => panic!("{error}"),
            };
            let case = format!("record {seq}, cleared {clear}, rebooted {rebooted}");
            assert_eq!(read, recovered, "{case}");
            kinds[usize::from(read.is_err())] += 1;
        }
    }
    assert!(kinds.iter().all(|&count| count > 4), "{kinds:?}");
}

/// Goal: a record that appears behind a hole is damage to a reader that was following as well.
#[test]
fn reader_that_follows_meets_a_hole() {
    let dir = fast_dir();
    let (mut writer, _) = open(dir.path());
    append_range(&mut writer, 1..=10);
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(read_in_batches(&mut reader, 100), 10);
    assert!(reader.next().unwrap().is_none());
    append_range(&mut writer, 11..=12);
    let file = OpenOptions::new()
        .write(true)
        .open(segment(dir.path(), 0))
        .unwrap();
    file.write_all_at(&[0; 128], offset_of(11) as u64).unwrap();
    assert!(matches!(reader.next(), Err(ReadError::Damaged(damage)) if damage.seq == 11));
}

/// Goal: a writer that was killed before it made a segment leaves an empty journal, which a reader
/// that is there already follows; a journal that lost its first segment is no empty one.
#[test]
fn reader_of_a_journal_without_a_segment_waits_unless_one_is_lost() {
    let dir = fast_dir();
    drop(open(dir.path()));
    for id in 0..4 {
        let _ = std::fs::remove_file(segment(dir.path(), id));
    }
    let error = Reader::open(dir.path()).unwrap().next().err().unwrap();
    assert!(error.to_string().contains("is missing"), "{error}");
    // As it is between making the superblock and making the first segment.
    edit_superblock(dir.path(), |slot| {
        slot[12] = 2;
        slot[48..64].fill(0);
    });
    let mut reader = Reader::open(dir.path()).unwrap();
    assert!(reader.next().unwrap().is_none());
    assert_eq!((reader.last_seq().unwrap(), reader.first_seq()), (0, 1));
    let (mut writer, recovery) = open(dir.path());
    assert!(recovery.clean);
    assert!(reader.next().unwrap().is_none());
    append_range(&mut writer, 1..=PER_SEGMENT + 1);
    assert_eq!(read_in_batches(&mut reader, 1_000), PER_SEGMENT + 1);
}

/// Goal: a segment that is lost in the middle is an error and never an end.
#[test]
fn reader_misses_a_segment_that_others_follow() {
    let dir = fast_dir();
    dropped(dir.path(), 2 * PER_SEGMENT + 5);
    std::fs::remove_file(segment(dir.path(), 1)).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    let outcome: Vec<_> = reader.records().collect();
    assert_eq!(outcome.len() as u64, PER_SEGMENT + 1);
    assert!(matches!(outcome.last(), Some(Err(ReadError::Open(_)))));
    reader.seek(2 * PER_SEGMENT + 1);
    assert_eq!(reader.records().filter(Result::is_ok).count(), 5);
}

/// Removes segments as retention does: the superblock first.
fn prune(dir: &Path, first: u32) {
    edit_superblock(dir, |slot| {
        slot[64..68].copy_from_slice(&first.to_le_bytes())
    });
    for id in 0..first {
        let _ = std::fs::remove_file(segment(dir, id));
    }
}

/// Goal: retention under a reader: it finishes its segment, then is told where history starts, and
/// goes on from there. One that opens later starts there.
#[test]
fn reader_inside_a_pruned_segment_finishes_it() {
    let (dir, last) = (fast_dir(), 3 * PER_SEGMENT + 7);
    dropped(dir.path(), last);
    let folder = Folder::on_disk(dir.path());
    let readers = [Reader::open_in(&folder), Reader::open_unmapped(&folder)];
    let mut readers = readers.map(Result::unwrap);
    for reader in &mut readers {
        assert_eq!(reader.next().unwrap().unwrap().seq, 1);
    }
    prune(dir.path(), 3);
    let first_kept = 3 * PER_SEGMENT + 1;
    for reader in &mut readers {
        for n in 2..=PER_SEGMENT {
            assert_eq!(reader.next().unwrap().unwrap().seq, n);
        }
        for _ in 0..2 {
            let error = reader.next().err().unwrap();
            assert!(
                matches!(error, ReadError::Pruned { first_kept: at } if at == first_kept),
                "{error}"
            );
        }
        reader.seek(5);
        assert_eq!(reader.next_seq(), first_kept);
        assert_eq!(read_in_batches(reader, 100), last);
    }
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(
        (reader.first_seq(), reader.next_seq()),
        (first_kept, first_kept)
    );
    assert_eq!(read_in_batches(&mut reader, 100), last);
}

/// A storage on which the bytes from `from` on of one file cannot be read.
struct BadDisk {
    files: Memory,
    from: Arc<AtomicU64>,
}

struct BadFile {
    file: Arc<dyn StoredFile>,
    from: Arc<AtomicU64>,
}

impl Storage for BadDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.files.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.files.list(dir)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.files.exists(path)
    }
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StoredFile>> {
        let file = self.files.open(path, access)?;
        let from = Arc::clone(&self.from);
        Ok(if path.ends_with("segment-0000000000") {
            Arc::new(BadFile { file, from })
        } else {
            file
        })
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.files.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.files.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
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

impl StoredFile for BadFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset + buffer.len() as u64 > self.from.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.file.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }
    fn allocate(&self, len: u64) -> io::Result<()> {
        self.file.allocate(len)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
    fn map(&self, len: usize) -> io::Result<Mapping> {
        self.file.map(len)
    }
}

/// Goal (fault 25): a disk that cannot read is an error with the place, all before it is read, and
/// a reader may go on behind it.
#[test]
fn reader_unmapped_names_the_place_that_cannot_be_read() {
    let from = Arc::new(AtomicU64::new(u64::MAX));
    let storage = BadDisk {
        files: Memory::new(),
        from: Arc::clone(&from),
    };
    let folder = Folder::new(Arc::new(storage), Path::new("journal"));
    let options = small(journal::Durability::Process);
    let (mut writer, _) = Writer::open_in(&folder, options).unwrap();
    append_range(&mut writer, 1..=PER_SEGMENT + 5);
    drop(writer);
    for bad in [1, 2, 300, PER_SEGMENT] {
        let mut reader = Reader::open_unmapped(&folder).unwrap();
        from.store(offset_of(bad) as u64 + 100, Ordering::Relaxed);
        let outcome: Vec<_> = reader.records().collect();
        assert_eq!(outcome.len() as u64, bad);
        let error = outcome.into_iter().next_back().unwrap().err().unwrap();
        let ReadError::Unreadable { seq, offset, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!((*seq, *offset), (bad, offset_of(bad) as u64));
        assert!(error.to_string().contains("segment-0000000000"), "{error}");
        reader.seek(PER_SEGMENT + 1);
        from.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(read_in_batches(&mut reader, 9), PER_SEGMENT + 5);
    }
}

/// Goal (fault 26): a mapped file that loses its end is an error and not a signal, where the
/// reader had not got to yet.
#[test]
fn reader_mapped_of_a_cut_file_ends_in_an_error() {
    let dir = fast_dir();
    let options = Options::new(journal::Durability::Process).segment_bytes(1 << 20);
    let (mut writer, _) = Writer::open(dir.path(), options).unwrap();
    append_range(&mut writer, 1..=8_000);
    drop(writer);
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().seq, 1);
    let file = OpenOptions::new()
        .write(true)
        .open(segment(dir.path(), 0))
        .unwrap();
    file.set_len(128 << 10).unwrap();
    let kept = ((128 << 10) - 4096) / 128;
    let outcome: Vec<_> = reader.records().collect();
    assert_eq!(outcome.len(), kept);
    match outcome.last() {
        Some(Err(ReadError::Unreadable { seq, .. })) => assert_eq!(*seq, kept as u64 + 1),
        other => panic!("{other:?}"),
    }
}
