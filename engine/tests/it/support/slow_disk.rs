//! The real disk, except that syncs of a journal's live segments take as long as a test says, or
//! fail, and that it may be full. Everything else is as it is.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

use journal::storage::{Access, Disk, FileSystem, Held, Mapping, Storage, StoredFile};

/// Clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct SlowDisk {
    pub(crate) delay_ms: Arc<AtomicU64>,
    pub(crate) fails: Arc<AtomicBool>,
    /// What a failing sync says; 0: an input/output error.
    pub(crate) errno: Arc<AtomicI32>,
    pub(crate) is_full: Arc<AtomicBool>,
    pub(crate) syncs: Arc<AtomicU64>,
}

impl SlowDisk {
    pub(crate) fn delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap();
        self.delay_ms.store(millis, Ordering::SeqCst);
    }

    pub(crate) fn fail(&self) {
        self.fails.store(true, Ordering::SeqCst);
    }
}

struct SlowFile {
    file: Arc<dyn StoredFile>,
    disk: SlowDisk,
    /// Whether it is an existing file that is written to: a live segment, not one being made.
    is_live: bool,
}

impl StoredFile for SlowFile {
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
        if self.disk.is_full.load(Ordering::SeqCst) {
            // ENOSPC.
            return Err(io::Error::from_raw_os_error(28));
        }
        self.file.allocate(len)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        if !self.is_live {
            return self.file.sync_data();
        }
        self.disk.syncs.fetch_add(1, Ordering::SeqCst);
        let mut waited = 0;
        // In small steps, so that a test can end the stall.
        while waited < self.disk.delay_ms.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
            waited += 1;
        }
        if self.disk.fails.load(Ordering::SeqCst) {
            let errno = match self.disk.errno.load(Ordering::SeqCst) {
                0 => 5,
                errno => errno,
            };
            return Err(io::Error::from_raw_os_error(errno));
        }
        self.file.sync_data()
    }
    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
    fn forget(&self) {
        self.file.forget();
    }
    fn map(&self, len: usize) -> io::Result<Mapping> {
        self.file.map(len)
    }
}

impl Storage for SlowDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Disk.list(dir)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        Disk.exists(path)
    }
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StoredFile>> {
        Ok(Arc::new(SlowFile {
            file: Disk.open(path, access)?,
            disk: self.clone(),
            is_live: access == Access::Write,
        }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        Disk.lock(path)
    }
    fn file_system(&self, dir: &Path) -> io::Result<FileSystem> {
        Disk.file_system(dir)
    }
    fn boot_id(&self) -> [u8; 16] {
        Disk.boot_id()
    }
    fn now_ns(&self) -> u64 {
        Disk.now_ns()
    }
}
