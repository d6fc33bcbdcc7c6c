//! Files on the heap of this process: they end with it.
//!
//! Durable in no sense; every sync succeeds because there is nothing to sync to. Used where a
//! journal is wanted and a disk is not.
//!
//! Thread: any. Hot path: no.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Access, Disk, FileSystem, Held, Mapping, Pages, Storage, StoredFile};

/// A set of files in memory. Clones are the same files.
#[derive(Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, Arc<File>>,
    locked: Vec<PathBuf>,
}

impl Memory {
    /// No files yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Storage for Memory {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let inside = state.files.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.state().files.contains_key(path))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StoredFile>> {
        let mut state = self.state();
        let file = match (state.files.get(path), access) {
            (Some(file), Access::Read | Access::Write) => Arc::clone(file),
            (None, Access::Read | Access::Write) => return Err(missing()),
            (_, Access::Create) => {
                let file = Arc::new(File::default());
                state.files.insert(path.to_path_buf(), Arc::clone(&file));
                file
            }
        };
        Ok(Arc::new(Handle {
            file,
            writable: access != Access::Read,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let file = state.files.remove(from).ok_or_else(missing)?;
        state.files.insert(to.to_path_buf(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = self.state().files.remove(path);
        removed.map(|_| ()).ok_or_else(missing)
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        let mut state = self.state();
        if state.locked.iter().any(|locked| locked == path) {
            return Ok(None);
        }
        state.locked.push(path.to_path_buf());
        state.files.entry(path.to_path_buf()).or_default();
        Ok(Some(Box::new(Locked {
            memory: self.clone(),
            path: path.to_path_buf(),
        })))
    }

    fn file_system(&self, _dir: &Path) -> io::Result<FileSystem> {
        Ok(FileSystem {
            name: "memory",
            safe: false,
        })
    }

    fn boot_id(&self) -> [u8; 16] {
        Disk.boot_id()
    }

    fn now_ns(&self) -> u64 {
        Disk.now_ns()
    }
}

struct Locked {
    memory: Memory,
    path: PathBuf,
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.memory.state().locked.retain(|path| *path != self.path);
    }
}

/// Bytes of a file. They are replaced when the file grows, which no mapped file does.
#[derive(Default)]
struct File {
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    pages: Option<Arc<Pages>>,
    len: usize,
}

impl Content {
    /// Makes the file `len` bytes long; what is new is zero.
    fn resize(&mut self, len: usize) {
        let room = self.pages.as_ref().map_or(0, |pages| pages.size());
        if room < len {
            // Twice as much, so that a file that is appended to is not copied each time.
            let pages = Pages::zeroed(len.max(room * 2));
            if let Some(old) = &self.pages {
                let mut bytes = vec![0; self.len];
                old.read(&mut bytes, 0);
                pages.write(&bytes, 0);
            }
            self.pages = Some(Arc::new(pages));
        } else if let Some(pages) = self.pages.as_ref().filter(|_| len < self.len) {
            pages.write(&vec![0; self.len - len], len);
        }
        self.len = len;
    }
}

impl File {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Handle {
    file: Arc<File>,
    writable: bool,
}

impl Handle {
    fn for_writing(&self) -> io::Result<MutexGuard<'_, Content>> {
        if self.writable {
            Ok(self.file.content())
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
}

fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

impl StoredFile for Handle {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.content().len as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = self.file.content();
        let offset = index(offset)?;
        let count = buffer.len().min(content.len.saturating_sub(offset));
        Ok(match &content.pages {
            Some(pages) => pages.read(&mut buffer[..count], offset),
            None => 0,
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut content = self.for_writing()?;
        let offset = index(offset)?;
        let end = offset.checked_add(bytes.len());
        let end = end.ok_or(io::ErrorKind::FileTooLarge)?;
        if content.len < end {
            content.resize(end);
        }
        Ok(match &content.pages {
            Some(pages) => pages.write(bytes, offset),
            None => 0,
        })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut content = self.for_writing()?;
        let len = index(len)?.max(content.len);
        content.resize(len);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = index(len)?;
        self.for_writing()?.resize(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }

    fn map(&self, len: usize) -> io::Result<Mapping> {
        let content = self.file.content();
        match &content.pages {
            Some(pages) if content.len == len => Ok(Mapping::heap(Arc::clone(pages), len)),
            Some(_) | None => Err(crate::mapping::wrong_len(content.len as u64, len)),
        }
    }
}
