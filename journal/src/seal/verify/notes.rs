//! The checkpoints: each with a right signature and not a byte more; which of them are void; and
//! what a torn last one may look like.

use std::path::PathBuf;

use super::super::files;
use super::super::key::{PublicKey, name_of};
use super::super::note::{NoteError, split};
use super::log::Walk;
use super::{Claim, Verifier};
use crate::error::OpenError;

/// Most bytes of one signature line behind the name: 4 + 64 bytes in base64.
const BASE64_SIGNATURE: usize = 92;
const BASE64_ROOT: usize = 44;

/// Checkpoints with a right signature.
pub(super) struct Notes {
    /// Those in the journal, as they follow each other.
    pub(super) own: Vec<Claim>,
    /// Those held elsewhere.
    pub(super) held: Vec<Claim>,
}

impl Notes {
    /// All that must match the log: not the ones that a later `cut` voids.
    pub(super) fn binding(&self) -> Vec<&Claim> {
        let mut binding = Vec::new();
        let mut limit = u64::MAX;
        for claim in self.own.iter().rev() {
            if claim.said.size <= limit {
                binding.push(claim);
            }
            if claim.said.cut {
                limit = limit.min(claim.said.size);
            }
        }
        let cut_away = |held: &&Claim| {
            self.own.iter().any(|cut| {
                cut.said.cut
                    && cut.said.size < held.said.size
                    && cut.said.time_ns > held.said.time_ns
            })
        };
        binding.extend(self.held.iter().filter(|held| !cut_away(held)));
        binding.sort_by_key(|claim| claim.said.size);
        binding
    }
}

impl Verifier<'_> {
    /// Reads the checkpoints in the journal and checks the signatures of all.
    pub(super) fn read_notes(&mut self, key: Option<&PublicKey>) -> Result<Notes, OpenError> {
        let path = files::checkpoints_path(self.folder);
        let read = || Ok(files::read_all(self.folder.storage(), &path)?.unwrap_or_default());
        let is_whole = |bytes: &Vec<u8>| split(bytes).1.is_empty();
        let bytes = self.settle(read, is_whole)?;
        let (ranges, rest) = split(&bytes);
        let mut own: Vec<Claim> = Vec::new();
        for range in ranges {
            let offset = range.start as u64;
            let said = key
                .ok_or(NoteError::OtherKey)
                .and_then(|key| files::plain(&bytes[range], key));
            match said {
                Ok(said) => {
                    let last = own.last().map_or(0, |claim| claim.said.size);
                    if said.size < last && !said.cut {
                        self.bad(
                            &path,
                            offset,
                            "this note covers less than the one before it",
                        );
                    }
                    let path = path.clone();
                    own.push(Claim { said, path, offset });
                }
                Err(why) => self.bad(
                    &path,
                    offset,
                    format!("the note here cannot be trusted: {why}"),
                ),
            }
        }
        let is_torn = self.is_open && could_be_torn(&bytes[rest.clone()], self.slot.journal_id);
        if !rest.is_empty() && !is_torn {
            let what = "from here on stands what is no note";
            self.bad(&path, rest.start as u64, what);
        }
        let held = self.read_held(key);
        let has_some = !own.is_empty() || !held.is_empty();
        if self.options.key.is_some() && !has_some && self.findings.is_empty() {
            self.bad(&path, 0, "there is no checkpoint of the key given");
        }
        Ok(Notes { own, held })
    }

    fn read_held(&mut self, key: Option<&PublicKey>) -> Vec<Claim> {
        let mut held = Vec::new();
        let options = self.options;
        for (path, note) in &options.held {
            match key
                .ok_or(NoteError::OtherKey)
                .and_then(|key| note.verify(key))
            {
                Ok(said) => held.push(Claim {
                    said,
                    path: path.clone(),
                    offset: 0,
                }),
                Err(why) => {
                    let what = format!("this checkpoint cannot be used: {why}");
                    self.bad(path, 0, what);
                }
            }
        }
        held
    }

    /// Holds the log's end and the tree against every checkpoint.
    pub(super) fn check_notes(&mut self, notes: &Notes, walk: &Walk) {
        if let Some(mismatch) = &walk.mismatch {
            self.tell_mismatch(mismatch);
        }
        for claim in notes.binding() {
            let size = claim.said.size;
            if size > walk.last_seq {
                let what = format!(
                    "the checkpoint here covers records up to {size}, but the log ends at {}: \
                     its end was removed, or this is an older copy",
                    walk.last_seq
                );
                self.bad(&claim.path, claim.offset, what);
                return;
            }
        }
    }

    fn tell_mismatch(&mut self, mismatch: &Mismatch) {
        let (mut from, mut to) = (mismatch.agreed + 1, mismatch.size);
        if let Some(group) = mismatch.group
            && group.0 <= to
        {
            (from, to) = (group.0.max(from), group.1.min(to));
        }
        let what = format!(
            "changed, with its checksum made right: the signed checkpoint over {} records (byte \
             {} of {}) was made over other records",
            mismatch.size,
            mismatch.offset,
            mismatch.path.display()
        );
        self.bad_records(from, to, what);
    }
}

/// Whether these bytes are the beginning of a note of this journal, perhaps with zeros behind: what
/// a crash leaves of the last one.
fn could_be_torn(rest: &[u8], journal_id: u64) -> bool {
    let written = rest
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |at| at + 1);
    let text = match std::str::from_utf8(&rest[..written]) {
        Ok(text) => text,
        // The dash has three bytes, and may be torn inside.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let name = name_of(journal_id);
    let is_base64 = |text: &str, len: usize| {
        let digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        text.len() <= len && text.bytes().all(digit)
    };
    let is_number = |text: &str| text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit());
    let signature = format!("\u{2014} {name} ");
    let lines: Vec<&str> = text.split('\n').collect();
    let last = lines.len() - 1;
    let mut behind_blank = false;
    lines.iter().enumerate().all(|(i, line)| {
        let whole = i < last;
        let begins = |expected: &str| {
            if whole {
                *line == expected
            } else {
                expected.starts_with(line)
            }
        };
        match i {
            0 => begins(&name),
            1 => is_number(line) && !(whole && line.is_empty()),
            2 => is_base64(line, BASE64_ROOT) && !(whole && line.len() < BASE64_ROOT),
            3 => begins("time ") || line.strip_prefix("time ").is_some_and(is_number),
            4 if !line.is_empty() => begins("cut"),
            4 | 5 if line.is_empty() => {
                behind_blank |= whole;
                true
            }
            5 | 6 if behind_blank && !whole => {
                signature.starts_with(line)
                    || line
                        .strip_prefix(&signature)
                        .is_some_and(|rest| is_base64(rest, BASE64_SIGNATURE))
            }
            _ => false,
        }
    })
}

/// Where a note and the log do not fit.
pub(super) struct Mismatch {
    pub(super) size: u64,
    pub(super) path: PathBuf,
    pub(super) offset: u64,
    /// Records that the largest checkpoint below covers, which fits.
    pub(super) agreed: u64,
    /// The first group that is not as `leaves` has it.
    pub(super) group: Option<(u64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::super::super::key::Key;
    use super::super::super::note::Checkpoint;
    use super::*;

    /// Goal: every beginning of a note may be torn, with zeros behind it or not; a whole one, one
    /// with a changed byte before its signature, and anything else may not.
    #[test]
    fn torn_note_is_known_by_its_form() {
        for cut in [false, true] {
            let said = Checkpoint {
                journal_id: 77,
                size: 1234,
                root: [9; 32],
                time_ns: 1_763_841_600_000_000_000,
                cut,
            };
            let note = said.sign(&Key::fixed(1)).unwrap().into_bytes();
            for len in 0..note.len() {
                assert!(could_be_torn(&note[..len], 77), "{len} of {}", note.len());
                let mut zeros = note[..len].to_vec();
                zeros.resize(note.len() + 100, 0);
                assert!(could_be_torn(&zeros, 77), "{len} and zeros");
            }
            assert!(!could_be_torn(&note, 77));
            let mut last = note.clone();
            last[note.len() - 1] = b'x';
            assert!(!could_be_torn(&last, 77));
            let text = said.to_string().len();
            for at in (0..50).chain(text..text + 20) {
                let mut other = note.clone();
                other[at] ^= 0x80;
                assert!(!could_be_torn(&other[..note.len() - 5], 77), "byte {at}");
            }
        }
        assert!(!could_be_torn(b"hello", 77));
    }
}
