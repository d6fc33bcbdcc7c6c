//! The real files: the operating system's, as they are.
//!
//! The lock is `flock`, not `fcntl`: like an OFD lock it belongs to the open file and not to the
//! process, so that a second open in one process is refused too and closing an unrelated handle
//! does not drop it; and it can be had without unsafe code. It ends with its holder, never by time.
//!
//! Thread: any. Hot path: no.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Advice, FallocateFlags, FlockOperation, fadvise, fallocate, flock, statfs};

use super::{Access, FileSystem, Held, Mapping, Storage, StoredFile};

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

/// File systems by the number that `statfs` gives (`linux/magic.h`), and whether a successful sync
/// there is known to reach a disk of this machine.
const FILE_SYSTEMS: [(u32, &str, bool); 16] = [
    (0xEF53, "ext4", true),
    (0x5846_5342, "xfs", true),
    (0x9123_683E, "btrfs", true),
    (0x2FC1_2FC1, "zfs", true),
    (0xF2F5_2010, "f2fs", true),
    (0xCA45_1A4E, "bcachefs", true),
    (0x0102_1994, "tmpfs", false),
    (0x8584_58F6, "ramfs", false),
    (0x794C_7630, "overlay", false),
    (0x6573_5546, "fuse", false),
    (0x6969, "nfs", false),
    (0xFF53_4D42, "cifs", false),
    (0xFE53_4D42, "smb2", false),
    (0x0102_1997, "9p", false),
    (0x00C3_6400, "ceph", false),
    (0x0173_0303, "virtiofs", false),
];

impl Storage for Disk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(dir)?;
        match dir.canonicalize()?.parent() {
            Some(parent) => self.sync_dir(parent),
            None => Ok(()),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(dir)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StoredFile>> {
        let file = match access {
            Access::Read => File::open(path)?,
            Access::Write => OpenOptions::new().read(true).write(true).open(path)?,
            Access::Create => OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(path)?,
        };
        let writable = access != Access::Read;
        Ok(Arc::new(DiskFile { file, writable }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Box::new(Flock(file)))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    fn file_system(&self, dir: &Path) -> io::Result<FileSystem> {
        let magic = statfs(dir)?.f_type;
        let known = FILE_SYSTEMS
            .iter()
            .find(|(number, _, _)| i64::from(*number) == (magic & 0xFFFF_FFFF));
        Ok(match known {
            Some(&(_, name, safe)) => FileSystem { name, safe },
            None => FileSystem {
                name: "unknown",
                safe: false,
            },
        })
    }

    fn boot_id(&self) -> [u8; 16] {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let mut id = [0; 16];
        let digits: Vec<u8> = text
            .chars()
            .filter_map(|c| c.to_digit(16))
            .filter_map(|digit| u8::try_from(digit).ok())
            .collect();
        if digits.len() == 32 {
            for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
                *byte = pair[0] << 4 | pair[1];
            }
        }
        id
    }

    fn now_ns(&self) -> u64 {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
        elapsed.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// The lock; a child between fork and exec holds the open file too, so closing is not enough.
struct Flock(File);

impl Drop for Flock {
    fn drop(&mut self) {
        // If this fails, closing does it a moment later.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

struct DiskFile {
    file: File,
    writable: bool,
}

impl StoredFile for DiskFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    fn forget(&self) {
        // Advice: what is not followed costs time and nothing else.
        let _ = fadvise(&self.file, 0, None, Advice::DontNeed);
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        Ok(fallocate(&self.file, FallocateFlags::empty(), 0, len)?)
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
        Mapping::file(&self.file, len, self.writable)
    }
}
