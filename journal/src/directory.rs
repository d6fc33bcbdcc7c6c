//! The journal's directory: names of its files, the writer's lock, and syncing its entries.
//!
//! ```text
//! superblock               written twice, see `superblock`
//! lock                     empty; flock(2) exclusive while a writer lives
//! segment-0000000000       see `segment`
//! segment-0000000001.new   being made; left by a crash, removed by the next writer
//! segment-0000000000.17.broken   bytes that recovery cut, from record 17 on
//! ```
//!
//! The lock is `flock`, not `fcntl`: like an OFD lock it belongs to the open file and not to the
//! process, so that a second open in one process is refused too and closing an unrelated handle
//! does not drop it; and it can be had without unsafe code. It ends with its holder, never by time.
//!
//! Thread: any, cold. Hot path: no.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::error::OpenError;

/// The superblock's file.
pub(crate) fn superblock_path(dir: &Path) -> PathBuf {
    dir.join("superblock")
}

/// A segment's file.
pub(crate) fn segment_path(dir: &Path, segment: u32) -> PathBuf {
    dir.join(format!("segment-{segment:010}"))
}

/// A file of this name while it is made.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// What a directory holds, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) superblock: bool,
    /// Sorted.
    pub(crate) segments: Vec<u32>,
    /// Files that a crash left unfinished.
    pub(crate) unfinished: Vec<PathBuf>,
    /// First file that is none of ours.
    pub(crate) foreign: Option<String>,
}

/// Reads the names in `dir`.
///
/// # Errors
///
/// [`OpenError::Io`]; [`OpenError::SegmentWrong`] for a segment's file with a name that no segment
/// has, as it may be a lost part of history.
pub(crate) fn list(dir: &Path) -> Result<Listing, OpenError> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(dir).map_err(OpenError::io("read directory", dir))? {
        let entry = entry.map_err(OpenError::io("read directory", dir))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        sort_in(&mut listing, entry.path(), &name)?;
    }
    listing.segments.sort_unstable();
    Ok(listing)
}

fn sort_in(listing: &mut Listing, path: PathBuf, name: &str) -> Result<(), OpenError> {
    if name.ends_with(".new") && (name.starts_with("segment-") || name == "superblock.new") {
        listing.unfinished.push(path);
    } else if name == "superblock" {
        listing.superblock = true;
    } else if name == "lock" || name.ends_with(".broken") {
        // Nothing to learn from these.
    } else if let Some(digits) = name.strip_prefix("segment-") {
        let number = digits.parse().ok();
        match number.filter(|_| digits.len() == 10 && digits.bytes().all(|b| b.is_ascii_digit())) {
            Some(segment) => listing.segments.push(segment),
            None => {
                let what = "has a name that no segment has".to_owned();
                return Err(OpenError::SegmentWrong { path, what });
            }
        }
    } else if listing.foreign.is_none() {
        listing.foreign = Some(name.to_owned());
    }
    Ok(())
}

/// Makes the names in `dir` durable: a new or renamed file is lost in a power failure without it.
///
/// # Errors
///
/// [`OpenError::Io`].
pub(crate) fn sync(dir: &Path) -> Result<(), OpenError> {
    File::open(dir)
        .and_then(|handle| handle.sync_all())
        .map_err(OpenError::io("sync directory", dir))
}

/// Makes `dir` if it is not there, and its entry durable.
///
/// # Errors
///
/// [`OpenError::Io`].
pub(crate) fn create(dir: &Path) -> Result<(), OpenError> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(OpenError::io("create directory", dir))?;
    match dir.canonicalize().ok().as_deref().and_then(Path::parent) {
        Some(parent) => sync(parent),
        None => Ok(()),
    }
}

/// The writer's lock; it ends when this is dropped, or with the process.
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Not by closing alone: a child between fork and exec holds the open file too. If this
        // fails, closing does it a moment later.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

impl Lock {
    /// Takes the lock, or says who stands in the way.
    ///
    /// # Errors
    ///
    /// [`OpenError::Locked`] at once if another writer has it; [`OpenError::Io`].
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(OpenError::io("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked {
                path: dir.to_path_buf(),
            }),
            Err(errno) => Err(OpenError::io("lock", &path)(errno.into())),
        }
    }
}
