//! The journal's directory: names of its files, the writer's lock, and syncing its entries.
//!
//! ```text
//! superblock               written twice, see `superblock`
//! lock                     empty; flock(2) exclusive while a writer lives
//! sync-failed-BOOT         empty; a sync failed in that boot, see `failed_sync`
//! segment-0000000000       see `segment`
//! segment-0000000001.new   being made; left by a crash, removed by the next writer
//! segment-0000000000.zst   archived, see `archive`
//! segment-0000000000.17.HASH.broken   bytes that recovery cut, from record 17 on, with their hash
//! checkpoints, leaves, seal.pub   signed notes, hashes, and the key that checks them, see `seal`
//! snapshot-00000000000000000017   the machine after record 17, see `snapshot`
//! ```
//!
//! Thread: any, cold. Hot path: no.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::OpenError;
use crate::failed_sync;
use crate::storage::{Access, Disk, Held, Storage, StoredFile};

/// A directory with its storage: where one journal lives. Clones are the same directory.
#[derive(Clone)]
pub struct Folder {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Folder").field(&self.dir).finish()
    }
}

impl Folder {
    /// The directory `dir` in `storage`.
    pub fn new(storage: Arc<dyn Storage>, dir: &Path) -> Self {
        let dir = dir.to_path_buf();
        Self { storage, dir }
    }

    /// The directory `dir` of the operating system.
    #[must_use]
    pub fn on_disk(dir: &Path) -> Self {
        Self::new(Arc::new(Disk), dir)
    }

    /// Its path.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where its files live.
    #[must_use]
    pub fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// The superblock's file.
    pub(crate) fn superblock_path(&self) -> PathBuf {
        self.dir.join("superblock")
    }

    /// A segment's file.
    pub(crate) fn segment_path(&self, segment: u32) -> PathBuf {
        self.dir.join(format!("segment-{segment:010}"))
    }

    /// Opens a file; `what` names the attempt in the error.
    pub(crate) fn open(
        &self,
        what: &'static str,
        path: &Path,
        access: Access,
    ) -> Result<Arc<dyn StoredFile>, OpenError> {
        let opened = self.storage.open(path, access);
        opened.map_err(OpenError::io(what, path))
    }

    /// Whether there is a file of this name.
    pub(crate) fn has(&self, path: &Path) -> Result<bool, OpenError> {
        let found = self.storage.exists(path);
        found.map_err(OpenError::io("look for", path))
    }

    /// Gives a file its final name, and makes that durable.
    pub(crate) fn publish(&self, new: &Path, path: &Path) -> Result<(), OpenError> {
        let renamed = self.storage.rename(new, path);
        renamed.map_err(OpenError::io("rename", new))?;
        self.sync()
    }

    /// Removes a file; durable with the next [`Self::sync`].
    pub(crate) fn remove(&self, path: &Path) -> Result<(), OpenError> {
        let removed = self.storage.remove(path);
        removed.map_err(OpenError::io("remove", path))
    }

    /// Makes the names in it durable: a new or renamed file is lost in a power failure without it.
    pub(crate) fn sync(&self) -> Result<(), OpenError> {
        let synced = self.storage.sync_dir(&self.dir);
        synced.map_err(OpenError::io("sync directory", &self.dir))
    }

    /// Makes it if it is not there, and its entry durable.
    pub(crate) fn create(&self) -> Result<(), OpenError> {
        let created = self.storage.create_dir(&self.dir);
        created.map_err(OpenError::io("create directory", &self.dir))
    }

    /// Takes the writer's lock, or says who stands in the way.
    pub(crate) fn lock(&self) -> Result<Held, OpenError> {
        let path = self.dir.join("lock");
        match self.storage.lock(&path) {
            Ok(Some(held)) => Ok(held),
            Ok(None) => Err(OpenError::Locked {
                path: self.dir.clone(),
            }),
            Err(error) => Err(OpenError::io("lock", &path)(error)),
        }
    }

    /// Reads the names in it.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`]; [`OpenError::SegmentWrong`] for a segment's file with a name that no
    /// segment has, as it may be a lost part of history.
    pub(crate) fn list(&self) -> Result<Listing, OpenError> {
        let mut listing = Listing::default();
        let names = self.storage.list(&self.dir);
        for name in names.map_err(OpenError::io("read directory", &self.dir))? {
            sort_in(&mut listing, self.dir.join(&name), &name)?;
        }
        listing.segments.sort_unstable();
        listing.archived.sort_unstable();
        listing.snapshots.sort_unstable();
        Ok(listing)
    }
}

/// A file of this name while it is made.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// What a directory holds, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) superblock: bool,
    /// Raw segments, sorted.
    pub(crate) segments: Vec<u32>,
    /// Archived segments, sorted. One may be there raw as well.
    pub(crate) archived: Vec<u32>,
    /// Sequences of snapshots, sorted.
    pub(crate) snapshots: Vec<u64>,
    /// Files that a crash left unfinished.
    pub(crate) unfinished: Vec<PathBuf>,
    /// First file that is none of ours.
    pub(crate) foreign: Option<String>,
}

impl Listing {
    /// What stands where a superblock is missed, in words.
    pub(crate) fn instead(&self) -> String {
        let found = match (self.segments.first(), &self.foreign) {
            (Some(_), _) => "segments".to_owned(),
            (None, Some(name)) => format!("a file {name:?}"),
            (None, None) => "no file".to_owned(),
        };
        format!("it has {found} and no superblock")
    }
}

impl Listing {
    /// The last segment that is there as an archive only: a raw one holds where there are both.
    pub(crate) fn last_archived(&self) -> Option<u32> {
        let is_raw = |id: &u32| self.segments.binary_search(id).is_ok();
        self.archived.iter().rev().copied().find(|id| !is_raw(id))
    }
}

/// First parts of the names of files that are made under a name with `.new` first.
const MADE_AS_NEW: [&str; 5] = [
    "segment-",
    "superblock",
    "snapshot-",
    "checkpoints",
    "seal.",
];

fn sort_in(listing: &mut Listing, path: PathBuf, name: &str) -> Result<(), OpenError> {
    if name.ends_with(".new") && MADE_AS_NEW.iter().any(|start| name.starts_with(start)) {
        listing.unfinished.push(path);
    } else if name == "superblock" {
        listing.superblock = true;
    } else if matches!(name, "lock" | "checkpoints" | "leaves" | "seal.pub")
        || name.ends_with(".broken")
        || name.starts_with(failed_sync::START)
    {
        // Nothing to learn from the name.
    } else if let Some(digits) = name.strip_prefix("segment-") {
        let (digits, list) = match digits.strip_suffix(".zst") {
            Some(digits) => (digits, &mut listing.archived),
            None => (digits, &mut listing.segments),
        };
        match number(digits, 10).and_then(|n| u32::try_from(n).ok()) {
            Some(segment) => list.push(segment),
            None => {
                let what = "has a name that no segment has".to_owned();
                return Err(OpenError::SegmentWrong { path, what });
            }
        }
    } else if let Some(seq) = name.strip_prefix("snapshot-").and_then(|d| number(d, 20)) {
        listing.snapshots.push(seq);
    } else if listing.foreign.is_none() {
        listing.foreign = Some(name.to_owned());
    }
    Ok(())
}

/// A number of exactly `width` digits.
fn number(digits: &str, width: usize) -> Option<u64> {
    let whole = digits.len() == width && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| whole)
}
