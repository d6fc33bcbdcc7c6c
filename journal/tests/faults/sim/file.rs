//! A file of the simulated disk: cache, what the kernel believes, what the drive has.

use std::io;
use std::sync::Arc;

use journal::storage::{Mapping, Pages, StoredFile};

use super::{Inode, PAGE, PagesOf, Sim, rustix_errno};

impl Inode {
    /// A file that is wholly on the disk.
    pub(super) fn stable(bytes: Vec<u8>) -> Self {
        let pages = Pages::zeroed(bytes.len());
        pages.write(&bytes, 0);
        Self {
            cache: Arc::new(PagesOf(Arc::new(pages))),
            len: bytes.len(),
            clean: bytes.clone(),
            stable: bytes,
            pending: Vec::new(),
        }
    }

    /// The same content in memory of its own.
    pub(super) fn copy(&self) -> Self {
        let pages = Pages::zeroed(self.len);
        pages.write(&self.read_all(), 0);
        Self {
            cache: Arc::new(PagesOf(Arc::new(pages))),
            ..self.clone()
        }
    }

    pub(super) fn read_all(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.cache.0.read(&mut bytes, 0);
        bytes
    }

    /// Never of a mapped file, unless it stays as long.
    pub(super) fn resize(&mut self, len: usize) {
        if self.cache.0.size() < len {
            let pages = Pages::zeroed(len.max(self.cache.0.size() * 2));
            pages.write(&self.read_all(), 0);
            self.cache = Arc::new(PagesOf(Arc::new(pages)));
        } else if len < self.len {
            self.cache.0.write(&vec![0; self.len - len], len);
        }
        self.len = len;
        self.clean.resize(len, 0);
    }

    /// Pages that the kernel has to write, with their offsets.
    pub(super) fn dirty(&self, page: usize) -> Vec<(usize, Vec<u8>)> {
        let bytes = self.read_all();
        let pages = bytes.chunks(page).zip(self.clean.chunks(page)).enumerate();
        pages
            .filter(|(_, (cache, clean))| cache != clean)
            .map(|(index, (cache, _))| (index * page, cache.to_vec()))
            .collect()
    }

    /// All of it reaches the drive and is flushed.
    fn sync(&mut self) {
        self.stable.resize(self.len, 0);
        for (offset, bytes) in std::mem::take(&mut self.pending) {
            let end = (offset + bytes.len()).min(self.len);
            if offset < end {
                self.stable[offset..end].copy_from_slice(&bytes[..end - offset]);
            }
        }
        for (offset, bytes) in self.dirty(PAGE) {
            self.stable[offset..offset + bytes.len()].copy_from_slice(&bytes);
            self.clean[offset..offset + bytes.len()].copy_from_slice(&bytes);
        }
    }

    /// All of it is handed over and nothing flushed, whatever the drive says.
    fn sync_without_flush(&mut self) {
        for (offset, bytes) in self.dirty(PAGE) {
            self.clean[offset..offset + bytes.len()].copy_from_slice(&bytes);
            self.pending.push((offset, bytes));
        }
    }

    /// The sync failed: the pages are marked clean and never reach the disk, so that the next sync
    /// says that all is well.
    fn sync_fails(&mut self) {
        self.clean = self.read_all();
    }
}

pub(super) struct SimFile {
    pub(super) sim: Sim,
    pub(super) inode: usize,
    pub(super) writable: bool,
}

impl SimFile {
    fn with<T>(&self, work: impl FnOnce(&mut Inode) -> T) -> T {
        work(&mut self.sim.state().inodes[self.inode])
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.writable {
            Ok(())
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }

    fn sync(&self) -> io::Result<()> {
        let outcome = self.sim.call();
        let lies = self.sim.state().lies;
        let is_dead = self.sim.is_dead();
        self.with(|inode| match outcome {
            Ok(_) if lies => inode.sync_without_flush(),
            Ok(_) => inode.sync(),
            Err(_) if is_dead => {}
            Err(_) => inode.sync_fails(),
        });
        outcome.map(|_| ())
    }
}

fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

impl StoredFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        self.sim.call()?;
        Ok(self.with(|inode| inode.len as u64))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let is_short = self.sim.call()?;
        let end = offset + buffer.len() as u64;
        let state = self.sim.state();
        let hit = |(inode, range): &(usize, std::ops::Range<u64>)| {
            *inode == self.inode && range.start < end && offset < range.end
        };
        if state.bad.iter().any(hit) {
            return Err(io::Error::from_raw_os_error(rustix_errno::IO));
        }
        let inode = &state.inodes[self.inode];
        let offset = index(offset)?;
        let mut count = buffer.len().min(inode.len.saturating_sub(offset));
        if is_short && count > 1 {
            count /= 2;
        }
        Ok(inode.cache.0.read(&mut buffer[..count], offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.check_writable()?;
        let is_short = self.sim.call()?;
        let offset = index(offset)?;
        let bytes = if is_short && bytes.len() > 1 {
            &bytes[..bytes.len() / 2]
        } else {
            bytes
        };
        Ok(self.with(|inode| {
            if inode.len < offset + bytes.len() {
                inode.resize(offset + bytes.len());
            }
            inode.cache.0.write(bytes, offset)
        }))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        self.sim.call()?;
        let len = index(len)?;
        self.with(|inode| inode.resize(inode.len.max(len)));
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        self.sim.call()?;
        let len = index(len)?;
        self.with(|inode| inode.resize(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }

    fn map(&self, len: usize) -> io::Result<Mapping> {
        self.sim.call()?;
        let found = self.with(|inode| inode.len);
        if found != len {
            let message = format!("it is {found} bytes long instead of {len}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(self.with(|inode| Mapping::heap(Arc::clone(&inode.cache.0), len)))
    }
}
