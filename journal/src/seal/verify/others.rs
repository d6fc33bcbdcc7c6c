//! Every other file of the directory: by its hash, or by not being ours.

use std::path::Path;

use super::Verifier;
use crate::error::OpenError;
use crate::recovery::BROKEN_HASH_DIGITS;
use crate::snapshot::{self, SnapshotError};
use crate::storage::Access;

impl Verifier<'_> {
    /// Names of all files, sorted.
    pub(super) fn names(&self) -> Result<Vec<String>, OpenError> {
        let dir = self.folder.dir();
        let mut names = self
            .folder
            .storage()
            .list(dir)
            .map_err(OpenError::io("read directory", dir))?;
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn size_of_all(&self, names: &[String]) -> u64 {
        let size = |name: &String| {
            let path = self.folder.dir().join(name);
            let file = self.folder.storage().open(&path, Access::Read).ok()?;
            file.size().ok()
        };
        names.iter().filter_map(size).sum()
    }

    pub(super) fn check_others(
        &mut self,
        names: &[String],
        last_seq: u64,
    ) -> Result<(), OpenError> {
        for name in names {
            let path = self.folder.dir().join(name);
            match name.as_str() {
                // Looked at already.
                "superblock" | "checkpoints" | "leaves" | "seal.pub" => {}
                "lock" => {
                    if self
                        .read_other(&path)?
                        .is_some_and(|bytes| !bytes.is_empty())
                    {
                        self.bad(&path, 0, "the lock is not empty");
                    }
                }
                _ if name.ends_with(".new") => {
                    if !self.is_open {
                        let what = "an unfinished file in a journal that was closed in order";
                        self.bad(&path, 0, what);
                    }
                }
                _ if name.ends_with(".broken") => self.check_broken(name, &path)?,
                _ if name.starts_with("segment-") => {}
                _ => match number_of_snapshot(name) {
                    Some(seq) => self.check_snapshot(seq, &path, last_seq)?,
                    None => self.bad(&path, 0, "no file of a journal: nothing vouches for it"),
                },
            }
        }
        Ok(())
    }

    fn read_other(&self, path: &Path) -> Result<Option<Vec<u8>>, OpenError> {
        super::files::read_all(self.folder.storage(), path)
    }

    /// Bytes that recovery cut carry the beginning of their hash in the name.
    fn check_broken(&mut self, name: &str, path: &Path) -> Result<(), OpenError> {
        let Some(bytes) = self.read_other(path)? else {
            return Ok(());
        };
        let mut parts = name.trim_end_matches(".broken").rsplit('.');
        let hash = blake3::hash(&bytes).to_hex();
        match parts.next() {
            Some(digits) if digits == &hash[..BROKEN_HASH_DIGITS] => {}
            _ => {
                let what = "bytes that recovery cut, and not the ones that the name's hash is of";
                self.bad(path, 0, what);
            }
        }
        Ok(())
    }

    fn check_snapshot(&mut self, seq: u64, path: &Path, last_seq: u64) -> Result<(), OpenError> {
        match snapshot::read(self.folder, self.slot.journal_id, seq) {
            Ok(_) if seq > last_seq && !self.is_open => {
                let what = format!("a snapshot behind the log's end, which is {last_seq}");
                self.bad(path, 0, what);
            }
            Ok(_) => {}
            Err(SnapshotError::Io(error)) => {
                // The engine keeps three, and may have removed this one meanwhile.
                if self.folder.has(path)? {
                    return Err(error);
                }
            }
            Err(error) => self.bad(path, 0, error.to_string()),
        }
        Ok(())
    }
}

fn number_of_snapshot(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("snapshot-")?;
    let is_number = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}
