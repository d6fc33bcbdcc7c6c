//! Where a journal's files live: the seam between the journal and the operating system.
//!
//! Everything that the crate asks of files goes through [`Storage`], mapped memory included, so
//! that a test can put a simulated disk below it, fail every n-th call, and make the image that a
//! crash would leave. [`Disk`] is the real one, [`Memory`] keeps files on the heap.
//!
//! All of it is for cold paths: the hot path stores into memory that was mapped before.
//!
//! Thread: any. Hot path: no. Allocates and calls the kernel: yes.

mod disk;
mod memory;
mod pages;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub use disk::Disk;
pub use memory::Memory;
pub use pages::Pages;

pub use crate::mapping::Mapping;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// An existing file, to be read.
    Read,
    /// An existing file, to be read and written.
    Write,
    /// A file to be read and written: made if it is not there, emptied if it is.
    Create,
}

/// What kind of file system a directory is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    /// Name as in `/proc/filesystems`, or `unknown`.
    pub name: &'static str,
    /// Whether it is one on which a successful sync is known to survive a power failure.
    pub safe: bool,
}

/// A lock, held until it is dropped.
pub type Held = Box<dyn Send + Sync>;

/// A set of files. Paths are whole paths; errors are the system's own.
pub trait Storage: Send + Sync {
    /// Makes `dir` and what is missing above it, and their entries durable. There may be one.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Names of the files in `dir`, in any order.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Whether there is a file or directory of this name.
    ///
    /// # Errors
    ///
    /// What the system says; a missing file is none.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StoredFile>>;

    /// Gives a file another name, replacing what has that name. Durable after [`Self::sync_dir`].
    ///
    /// # Errors
    ///
    /// What the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable after [`Self::sync_dir`].
    ///
    /// # Errors
    ///
    /// What the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in `dir` durable.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the exclusive lock on `path`, made if it is not there; `None` if somebody has it. It
    /// ends when it is dropped or its process ends, never by time.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn lock(&self, path: &Path) -> io::Result<Option<Held>>;

    /// What kind of file system `dir` is on.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn file_system(&self, dir: &Path) -> io::Result<FileSystem>;

    /// The kernel's boot id; zero where there is none, which no boot id equals.
    fn boot_id(&self) -> [u8; 16];

    /// Nanoseconds since the Unix epoch; for headers, which nobody decides by.
    fn now_ns(&self) -> u64;
}

/// An open file.
pub trait StoredFile: Send + Sync {
    /// Length in bytes.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn size(&self) -> io::Result<u64>;

    /// Reads at `offset`; may read less, zero only at the end.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at `offset`; may write less.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Reserves space for `len` bytes and makes the file that long.
    ///
    /// # Errors
    ///
    /// What the system says; a full disk here, and not when memory is stored to.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Cuts or extends the file. Never one that is mapped.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Puts the file's bytes, what was stored through mappings included, on stable storage.
    ///
    /// # Errors
    ///
    /// What the system says. After the first one the bytes may be lost, and a second call may say
    /// that all is well: it must not be made.
    fn sync_data(&self) -> io::Result<()>;

    /// As [`Self::sync_data`], with all of the file's properties.
    ///
    /// # Errors
    ///
    /// As [`Self::sync_data`].
    fn sync_all(&self) -> io::Result<()>;

    /// Maps the first `len` bytes, which must be all of the file, for reading, and for writing too
    /// if the file was opened so.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn map(&self, len: usize) -> io::Result<Mapping>;

    /// Lets go of what the system holds of the file in memory, as far as that is on stable storage.
    /// A hint; by default nothing.
    fn forget(&self) {}

    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    ///
    /// What the system says; [`io::ErrorKind::UnexpectedEof`] if the file ends before.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    buffer = &mut buffer[count..];
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    bytes = &bytes[count..];
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
