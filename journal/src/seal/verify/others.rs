//! Every other file of the directory: by its hash, or by not being ours.

use std::path::Path;

use super::Verifier;
use crate::error::OpenError;
use crate::recovery::BROKEN_HASH_DIGITS;
use crate::snapshot::{self, SnapshotError};
use crate::storage::Access;

/// Hashes of the files that an import puts beside the segments, one `<hash>  <name>` a line.
const DATA_SET: &str = "data-set.b3";
/// The files that it may name.
const OF_DATA_SET: [&str; 2] = ["days.json", "report.json"];

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
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
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
                DATA_SET => self.check_hashes(&path, names)?,
                other if OF_DATA_SET.contains(&other) && has(DATA_SET) => {}
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

    /// What an import wrote beside the segments: each file must have its hash in the list.
    fn check_hashes(&mut self, list: &Path, names: &[String]) -> Result<(), OpenError> {
        let hashes = self.read_other(list)?.unwrap_or_default();
        let hashes = String::from_utf8_lossy(&hashes);
        let listed: Vec<_> = hashes
            .lines()
            .filter_map(|line| line.split_once("  "))
            .collect();
        if listed.len() != hashes.lines().count() {
            self.bad(list, 0, "a line is not `<hash>  <name>`");
        }
        for name in OF_DATA_SET
            .iter()
            .filter(|name| names.iter().any(|there| there == *name))
        {
            let path = self.folder.dir().join(name);
            let bytes = self.read_other(&path)?.unwrap_or_default();
            let hash = blake3::hash(&bytes).to_hex();
            if !listed.contains(&(hash.as_str(), *name)) {
                self.bad(&path, 0, format!("its hash is not the one in {DATA_SET}"));
            }
        }
        for (_, name) in listed
            .iter()
            .filter(|(_, name)| !names.iter().any(|n| n == name))
        {
            self.bad(list, 0, format!("names {name}, which is not there"));
        }
        Ok(())
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
