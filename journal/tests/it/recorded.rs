//! Heap files that remember what was synced, and what a failing disk may leave of them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use journal::storage::{Access, FileSystem, Held, Mapping, Memory, Storage, StoredFile};

pub(crate) const BLOCK: usize = 4096;
const SECTOR: usize = 512;
/// Where the journal is in it.
pub(crate) const DIR: &str = "/journal";

/// Marsaglia's xorshift.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

type Synced = Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>;

/// Heap files that remember their bytes at their last sync.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) memory: Memory,
    synced: Synced,
    boot: u8,
}

impl Recorded {
    pub(crate) fn new(boot: u8) -> Self {
        let (memory, synced) = (Memory::new(), Synced::default());
        Self {
            memory,
            synced,
            boot,
        }
    }

    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        let file = self.memory.open(path, Access::Read).unwrap();
        let mut bytes = vec![0; usize::try_from(file.size().unwrap()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    /// What a disk may hold when the power fails now.
    pub(crate) fn after_power_loss(&self, random: &mut Random) -> Self {
        let after = Self::new(self.boot + 1);
        let synced = self.synced.lock().unwrap().clone();
        for name in self.memory.list(Path::new(DIR)).unwrap() {
            let path = Path::new(DIR).join(name);
            let new = self.bytes(&path);
            let mut old = synced.get(&path).cloned().unwrap_or_default();
            old.resize(new.len(), 0);
            let mut found = old.clone();
            for start in (0..new.len()).step_by(BLOCK) {
                let end = new.len().min(start + BLOCK);
                // The header page is written sector by sector in every mode.
                let has_records = path.to_string_lossy().contains("segment-") && start > 0;
                tear(
                    &mut found[start..end],
                    &new[start..end],
                    has_records,
                    random,
                );
            }
            let file = after.memory.open(&path, Access::Create).unwrap();
            file.write_all_at(&found, 0).unwrap();
            after.synced.lock().unwrap().insert(path, found);
        }
        after
    }
}

/// Turns a block from `found`, its synced bytes, into what a torn write of `new` leaves.
fn tear(found: &mut [u8], new: &[u8], has_records: bool, random: &mut Random) {
    if found == new {
        return;
    }
    match random.below(if has_records { 4 } else { 3 }) {
        0 => {}
        1 => found.copy_from_slice(new),
        2 => {
            for (old, new) in found.chunks_mut(SECTOR).zip(new.chunks(SECTOR)) {
                if random.below(2) == 0 {
                    old.copy_from_slice(new);
                }
            }
        }
        _ => {
            for byte in found {
                *byte = u8::try_from(random.below(256)).unwrap();
            }
        }
    }
}

struct RecordedFile {
    path: PathBuf,
    file: Arc<dyn StoredFile>,
    synced: Synced,
}

impl StoredFile for RecordedFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
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
        let mut bytes = vec![0; usize::try_from(self.file.size()?).unwrap()];
        self.file.read_exact_at(&mut bytes, 0)?;
        self.synced.lock().unwrap().insert(self.path.clone(), bytes);
        Ok(())
    }
    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }
    fn map(&self, len: usize) -> io::Result<Mapping> {
        self.file.map(len)
    }
}

impl Storage for Recorded {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.memory.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.memory.list(dir)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.memory.exists(path)
    }
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StoredFile>> {
        Ok(Arc::new(RecordedFile {
            path: path.to_path_buf(),
            file: self.memory.open(path, access)?,
            synced: Arc::clone(&self.synced),
        }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.memory.rename(from, to)?;
        let mut synced = self.synced.lock().unwrap();
        if let Some(bytes) = synced.remove(from) {
            synced.insert(to.to_path_buf(), bytes);
        }
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.memory.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.memory.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        self.memory.lock(path)
    }
    fn file_system(&self, dir: &Path) -> io::Result<FileSystem> {
        self.memory.file_system(dir)
    }
    fn boot_id(&self) -> [u8; 16] {
        [self.boot; 16]
    }
    fn now_ns(&self) -> u64 {
        1
    }
}
