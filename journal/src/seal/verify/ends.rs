//! What stands around the records: the segments' seals, the log's end, the file `leaves`.

use std::path::Path;

use super::super::files;
use super::super::footer::{Footer, Found};
use super::super::open::footer_bytes;
use super::super::tree::{Frontier, GROUP, Hash};
use super::Verifier;
use super::log::Walk;
use crate::error::OpenError;
use crate::format::BLOCK_BYTES;
use crate::storage::StoredFile;

impl Verifier<'_> {
    /// The footer page: zero, or byte for byte the seal that follows from the records. `sealed` is
    /// the header and the tree before the segment, if the segment is full and they are known.
    pub(super) fn check_footer(
        &mut self,
        walk: &mut Walk,
        file: &dyn StoredFile,
        path: &Path,
        id: u32,
        sealed: Option<Option<([u8; BLOCK_BYTES], Frontier)>>,
    ) -> Result<(), OpenError> {
        let geometry = self.geometry;
        let look = || footer_bytes(file, geometry).map_err(OpenError::io("read", path));
        let decode = |bytes: &_| Footer::decode(bytes, geometry, id);
        let bytes = self.settle(look, |bytes| decode(bytes) != Found::Bad)?;
        let place = geometry.records_end();
        let is_full = sealed.is_some();
        match decode(&bytes) {
            Found::Unsealed => {
                if is_full {
                    // Not sealed yet, or later: the chain cannot be followed from here.
                    walk.chain = None;
                    walk.has_unsealed = true;
                }
            }
            Found::Bad => self.bad(path, place, "the seal of this segment is damaged"),
            // A writer may have filled and sealed it meanwhile.
            Found::Sealed(_) if !is_full && self.is_open => {}
            Found::Sealed(_) if !is_full => {
                self.bad(path, place, "the segment is sealed, but it is not full");
            }
            Found::Sealed(found) => {
                walk.sealed += 1;
                if walk.has_unsealed && !self.is_open {
                    self.bad(
                        path,
                        place,
                        "this segment is sealed, but one before it is not",
                    );
                }
                if walk.tree.is_none() && self.findings.is_empty() {
                    // After pruning, without `leaves`: the seal is where the tree begins.
                    walk.tree = Some(found.end.clone());
                }
                if let (Some(Some((header, start))), Some(end)) = (sealed, &walk.tree) {
                    let previous = walk.chain.unwrap_or(found.previous);
                    let made = Footer::new(id, previous, &header, start, end.clone());
                    let made = made.encode(geometry);
                    let differs = made.iter().zip(bytes.iter()).position(|(a, b)| a != b);
                    if let Some(at) = differs {
                        let what = "the seal does not fit the segment's header and records";
                        let seqs = (geometry.first_seq(id), geometry.last_seq(id));
                        self.bad(path, place + at as u64, what);
                        if walk.mismatch.is_none() && at >= 128 {
                            self.bad_records(seqs.0, seqs.1, "not the records that were sealed");
                        }
                    }
                }
                walk.chain = Some(found.chain);
            }
        }
        Ok(())
    }

    /// Whether the log ends where it must.
    pub(super) fn check_ends(&mut self, walk: &Walk) {
        if let Some(last_seq) = self.slot.clean_seq()
            && last_seq != walk.last_seq
        {
            let what = format!(
                "closed in order at record {last_seq}, but this is the first that is not there"
            );
            self.bad_records(walk.last_seq + 1, walk.last_seq + 1, what);
        }
        let Some((promised, mut bad)) = self.promised.take() else {
            return;
        };
        // A writer may have gone on since the walk came to the end.
        let went_on = || self.has_record(walk.last_seq + 1) && self.has_record(promised);
        if self.is_open && promised > walk.last_seq && went_on() {
            return;
        }
        let is_stale = !self.is_open && promised > 0 && promised < walk.last_seq;
        if promised > walk.last_seq || is_stale {
            bad.what = format!("{}, but the log ends at record {}", bad.what, walk.last_seq);
            self.finding(bad);
        }
    }

    /// Hashes in `leaves` that are not those of the records, if the checkpoints say that it is not
    /// the records; and what stands in the file beyond.
    pub(super) fn check_leaves(&mut self, leaves: &[Hash], walk: &Walk) -> Result<(), OpenError> {
        let path = files::leaves_path(self.folder);
        let has_notes = walk.covered > 0;
        if leaves.is_empty() && has_notes && walk.covered >= GROUP && !self.is_open {
            self.bad(
                &path,
                0,
                "it is missing or empty, though there are checkpoints",
            );
        }
        if let (Some(group), None) = (walk.group, &walk.mismatch) {
            let (from, to) = (group * GROUP + 1, (group + 1) * GROUP);
            let offset = group * size_of::<Hash>() as u64;
            if to <= walk.covered {
                self.bad(
                    &path,
                    offset,
                    "this hash is not that of the records, which are right",
                );
            } else {
                let what = format!(
                    "changed, with its checksum made right, or the hash at byte {offset} of {} \
                     was: no checkpoint covers this yet, so it cannot be told which",
                    path.display()
                );
                self.bad_records(from, to, what);
            }
        }
        if self.is_open {
            return Ok(());
        }
        let len = files::read_all(self.folder.storage(), &path)?.map_or(0, |bytes| bytes.len());
        let most = walk.last_seq / GROUP * size_of::<Hash>() as u64;
        let whole = size_of_val(leaves);
        if len as u64 > most || len != whole {
            let at = most.min(whole as u64);
            self.bad(
                &path,
                at,
                "here stands more than one hash for every 32 records",
            );
        } else if let Some(group) = leaves.iter().position(|hash| *hash == [0; 32])
            && group as u64 * GROUP >= self.geometry.first_seq(self.slot.first_segment) - 1
        {
            let at = (group * size_of::<Hash>()) as u64;
            self.bad(&path, at, "here a hash is missing");
        } else if has_notes && whole as u64 / 32 < walk.covered / GROUP {
            self.bad(
                &path,
                whole as u64,
                "hashes of records under a checkpoint are missing",
            );
        }
        Ok(())
    }
}
