//! The files of the seal beside the segments: `checkpoints`, `leaves` and `seal.pub`.
//!
//! `checkpoints` is signed notes, one behind the other, each synced when it is written: a crash
//! leaves at most the last one torn. `leaves` is the root of every group of 32 records, 32 bytes
//! each, by position; it names the place of a change, and stands in for records that are pruned.
//! It is synced before a footer covers it. `seal.pub` is the public key's vkey and a newline.
//!
//! Thread: any, cold. Hot path: no.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::SealError;
use super::key::PublicKey;
use super::note::{Checkpoint, Note, NoteError, split};
use super::tree::{HASH_BYTES, Hash};
use crate::directory::{Folder, unfinished};
use crate::error::OpenError;
use crate::storage::{Access, Storage, StoredFile};

/// What is read of the end of `checkpoints`: enough for many notes.
const TAIL_BYTES: u64 = 16 << 10;
const BASE: u64 = HASH_BYTES as u64;

pub(crate) fn checkpoints_path(folder: &Folder) -> PathBuf {
    folder.dir().join("checkpoints")
}

pub(crate) fn leaves_path(folder: &Folder) -> PathBuf {
    folder.dir().join("leaves")
}

pub(crate) fn public_key_path(folder: &Folder) -> PathBuf {
    folder.dir().join("seal.pub")
}

/// Numbers of all segments, raw or archived, rising.
pub(crate) fn segments(folder: &Folder) -> Result<Vec<u32>, OpenError> {
    let listing = folder.list()?;
    let mut all = listing.segments;
    all.extend(listing.archived);
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// All of a file; `None` if there is none.
pub(crate) fn read_all(storage: &dyn Storage, path: &Path) -> Result<Option<Vec<u8>>, OpenError> {
    read_from(storage, path, 0).map(|found| found.map(|(bytes, _)| bytes))
}

/// A file's last bytes, at most `limit` (0: all), and where they start.
fn read_from(
    storage: &dyn Storage,
    path: &Path,
    limit: u64,
) -> Result<Option<(Vec<u8>, u64)>, OpenError> {
    let file = match storage.open(path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpenError::io("open", path)(error)),
    };
    let read = || {
        let len = file.size()?;
        let start = if limit == 0 {
            0
        } else {
            len.saturating_sub(limit)
        };
        let mut bytes = vec![0; usize::try_from(len - start).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut bytes, start)?;
        Ok((bytes, start))
    };
    read().map(Some).map_err(OpenError::io("read", path))
}

/// The end of a file of notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tail {
    /// What the last whole note says; its signature is right.
    pub(crate) last: Option<Checkpoint>,
    /// Where the last whole note ends.
    pub(crate) whole: u64,
    /// Where the file ends: behind `whole`, if something stands there.
    pub(crate) len: u64,
}

/// Reads the end of the notes in `path`, and checks the last one.
///
/// # Errors
///
/// [`OpenError::Io`]; [`SealError::Note`] if the last whole one is not `key`'s.
pub(crate) fn tail(storage: &dyn Storage, path: &Path, key: &PublicKey) -> Result<Tail, OpenError> {
    let Some((bytes, start)) = read_from(storage, path, TAIL_BYTES)? else {
        return Ok(Tail::default());
    };
    let len = start + bytes.len() as u64;
    let from = if start == 0 {
        0
    } else {
        first_boundary(&bytes)
    };
    let (notes, rest) = split(&bytes[from..]);
    let whole = start + (from + rest.start) as u64;
    let Some(range) = notes.last() else {
        return Ok(Tail {
            last: None,
            whole,
            len,
        });
    };
    let offset = start + (from + range.start) as u64;
    let wrong = |why| {
        let path = path.to_path_buf();
        OpenError::Seal(SealError::Note { path, offset, why })
    };
    let last = plain(&bytes[from..][range.clone()], key).map_err(wrong)?;
    let last = Some(last);
    Ok(Tail { last, whole, len })
}

/// A note as this crate writes them: one signature, by `key`.
pub(crate) fn plain(bytes: &[u8], key: &PublicKey) -> Result<Checkpoint, NoteError> {
    let text = std::str::from_utf8(bytes).map_err(|_| NoteError::NotANote)?;
    let note = Note::parse(text)?;
    if !note.is_plain() {
        return Err(NoteError::NotANote);
    }
    note.verify(key)
}

/// End of the first signature line in the middle of notes.
fn first_boundary(bytes: &[u8]) -> usize {
    let mark = "\n\n\u{2014} ".as_bytes();
    let find = |from: usize, what: &[u8]| {
        let found = bytes[from..].windows(what.len()).position(|w| w == what);
        found.map(|at| from + at + what.len())
    };
    find(0, mark)
        .and_then(|at| find(at, b"\n"))
        .unwrap_or(bytes.len())
}

/// Appends notes to one file.
pub(crate) struct Notes {
    file: Arc<dyn StoredFile>,
    len: u64,
}

impl Notes {
    /// Opens the notes at `path`, or makes the file, and cuts what stands behind byte `whole`.
    pub(crate) fn open(storage: &dyn Storage, path: &Path, whole: u64) -> io::Result<Self> {
        let exists = storage.exists(path)?;
        let access = if exists {
            Access::Write
        } else {
            Access::Create
        };
        let file = storage.open(path, access)?;
        if file.size()? != whole {
            file.set_len(whole)?;
            file.sync_all()?;
        }
        if !exists && let Some(dir) = path.parent() {
            storage.sync_dir(dir)?;
        }
        Ok(Self { file, len: whole })
    }

    /// Appends one note and syncs it. After an error the next call writes over what is torn.
    pub(crate) fn append(&mut self, note: &str) -> io::Result<()> {
        self.file.write_all_at(note.as_bytes(), self.len)?;
        self.file.sync_data()?;
        self.len += note.len() as u64;
        Ok(())
    }
}

/// Writes and reads the file `leaves`.
pub(crate) struct Leaves {
    file: Arc<dyn StoredFile>,
}

impl Leaves {
    /// Opens the file, or makes it. What stands behind the first `groups` hashes is cut.
    pub(crate) fn open(folder: &Folder, groups: u64) -> Result<Self, OpenError> {
        let path = leaves_path(folder);
        let exists = folder.has(&path)?;
        let access = if exists {
            Access::Write
        } else {
            Access::Create
        };
        let file = folder.open("open", &path, access)?;
        let cut = || {
            if file.size()? > groups * BASE {
                file.set_len(groups * BASE)?;
            }
            Ok(())
        };
        cut().map_err(OpenError::io("cut", &path))?;
        if !exists {
            folder.sync()?;
        }
        Ok(Self { file })
    }

    /// Stores the hashes of groups from `first` on.
    pub(crate) fn write(&self, first: u64, hashes: &[Hash]) -> io::Result<()> {
        self.file.write_all_at(hashes.as_flattened(), first * BASE)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Hashes that the file `leaves` has; none if there is no file. Zeros stand for unknown ones.
pub(crate) fn read_leaves(folder: &Folder) -> Result<Vec<Hash>, OpenError> {
    let bytes = read_all(folder.storage(), &leaves_path(folder))?.unwrap_or_default();
    let whole = bytes.chunks_exact(HASH_BYTES);
    Ok(whole.filter_map(|hash| hash.try_into().ok()).collect())
}

/// How many whole hashes the file `leaves` has.
pub(crate) fn count_leaves(folder: &Folder) -> Result<u64, OpenError> {
    let path = leaves_path(folder);
    if !folder.has(&path)? {
        return Ok(0);
    }
    let file = folder.open("open", &path, Access::Read)?;
    let len = file.size().map_err(OpenError::io("read", &path))?;
    Ok(len / BASE)
}

/// The text of `seal.pub`.
pub(crate) fn public_key_text(key: &PublicKey) -> String {
    format!("{key}\n")
}

/// Whether `seal.pub` is there and names this key.
///
/// # Errors
///
/// [`SealError::OtherKey`]; [`OpenError::Io`].
pub(crate) fn has_public_key(folder: &Folder, key: &PublicKey) -> Result<bool, OpenError> {
    let path = public_key_path(folder);
    let Some(found) = read_all(folder.storage(), &path)? else {
        return Ok(false);
    };
    if found == public_key_text(key).as_bytes() {
        return Ok(true);
    }
    let found = String::from_utf8_lossy(&found);
    Err(OpenError::Seal(SealError::OtherKey {
        path,
        found: found.trim_end().chars().take(120).collect(),
        ours: *key,
    }))
}

/// Writes `seal.pub`, whole or not at all.
pub(crate) fn write_public_key(folder: &Folder, key: &PublicKey) -> Result<(), OpenError> {
    let path = public_key_path(folder);
    let new = unfinished(&path);
    let file = folder.open("make", &new, Access::Create)?;
    file.write_all_at(public_key_text(key).as_bytes(), 0)
        .and_then(|()| file.sync_all())
        .map_err(OpenError::io("write", &new))?;
    folder.publish(&new, &path)
}
