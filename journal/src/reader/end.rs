//! Where a reader's records end: not yet, never, or damaged.
//!
//! One rule: a reader ends where recovery would end the journal, and sees damage where recovery
//! would refuse it (the rows @A to @E of `recovery`). So a place that does not verify is
//!
//! - damage if it was promised: a clean close or a durable mark is at or past it (@E);
//! - damage if a whole record stands anywhere behind it and the machine has been running since the
//!   last writer opened the journal, for a killed process cannot leave that (@D);
//! - else the end: a torn tail (@B), a hole that a power failure may leave (@C), or nothing (@A).
//!
//! Looking for a record behind the end means reading all there is. It is done once after an open or
//! a seek; a reader that follows a live writer from there only looks at the next place as well, for
//! while its writer lives, a hole cannot come into being without somebody changing the files.
//!
//! Thread: the reader's. Hot path: no.

use std::cmp::Ordering;
use std::path::PathBuf;

use super::{Reader, index_of};
use crate::error::{Damage, OpenError, ReadError};
use crate::format::Place;
use crate::storage::Access;
use crate::{scan, superblock};

impl Reader {
    /// No good record is at `place`: says what that means. It may have come meanwhile, and is ready
    /// then.
    #[cold]
    pub(super) fn end_at(&mut self, place: Place, max: usize) -> Result<(), ReadError> {
        let words = self.words_at(place)?;
        if self.next_seq > self.promised && self.is_judged(words) {
            return Ok(());
        }
        // The writer may have closed the journal or opened it again, a recovery may have cleared
        // the place under the first look, and a `pread` may have met a store.
        self.refresh()?;
        if self.find_again(place, max)? {
            return Ok(());
        }
        let is_empty = self.words_at(place)?[0] == 0;
        if self.next_seq <= self.promised {
            return Err(self.damaged(
                place,
                if is_empty {
                    "was on stable storage and is now missing"
                } else {
                    "was on stable storage and is now damaged"
                },
            ));
        }
        // After a close in order the end is known, as it is to recovery: nothing behind it is read.
        let is_clean_end = self.slot.clean_seq() == Some(self.next_seq - 1);
        if !is_empty && is_clean_end {
            return Err(self.damaged(place, "is behind the last one of a clean close"));
        }
        if !is_clean_end && self.is_damage(place)? {
            // Unless the writer has gone on in between.
            if self.find_again(place, max)? {
                return Ok(());
            }
            return Err(self.damaged(
                place,
                if is_empty {
                    "is missing, and there are records behind it"
                } else {
                    "is damaged, and there are records behind it"
                },
            ));
        }
        self.judged = Some((self.next_seq, words));
        Ok(())
    }

    /// Whether what these words say is known: as judged before, or the empty end of a reader that
    /// follows.
    fn is_judged(&self, words: [u64; 2]) -> bool {
        self.judged
            .is_some_and(|judged| judged == (self.next_seq, words) || words == [0; 2])
    }

    /// The first words of a place and of the one behind it in its segment.
    fn words_at(&self, place: Place) -> Result<[u64; 2], ReadError> {
        let Some(source) = &self.source else {
            return Ok([0; 2]);
        };
        let at = index_of(place);
        let word = |at| {
            let path = self.folder.segment_path(place.segment);
            source.word(at).map_err(OpenError::io("read", &path))
        };
        Ok([word(at)?, word(at + 1)?])
    }

    fn find_again(&mut self, place: Place, max: usize) -> Result<bool, ReadError> {
        if let Some(source) = &mut self.source {
            source.forget();
        }
        self.find(place, max)
    }

    /// Looks at the superblock again.
    fn refresh(&mut self) -> Result<(), OpenError> {
        self.slot = superblock::read(&self.folder)?;
        self.promised = self.promised.max(self.slot.clean_seq().unwrap_or(0));
        Ok(())
    }

    /// Whether something stands behind `place` that no crash leaves: a durable mark at or past it,
    /// or in the boot of the last writer any whole record.
    fn is_damage(&self, place: Place) -> Result<bool, ReadError> {
        let listing = self.folder.list()?;
        if listing.last_archived() > Some(place.segment) {
            // Only what is on stable storage is archived.
            return Ok(true);
        }
        let is_same_boot = self.slot.is_of_boot(self.folder.storage().boot_id());
        for &segment in &listing.segments {
            let from = match segment.cmp(&place.segment) {
                Ordering::Less => continue,
                Ordering::Equal => index_of(place) as u64 + 1,
                Ordering::Greater => 0,
            };
            let file = match scan::open(&self.folder, self.geometry, segment, Access::Read) {
                // Archived and pruned since its name was read: there is more history now.
                Err(OpenError::SegmentMissing { .. }) => return Ok(true),
                file => file?,
            };
            let path = self.folder.segment_path(segment);
            let newest_mark = scan::good_from(&*file, self.geometry, segment, from)
                .map_err(OpenError::io("read", &path))?;
            if newest_mark.is_some_and(|mark| is_same_boot || mark >= self.next_seq) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn damaged(&self, place: Place, what: &'static str) -> ReadError {
        ReadError::Damaged(Damage {
            path: self.folder.segment_path(place.segment),
            seq: self.next_seq,
            offset: place.offset,
            what,
        })
    }

    /// The segment that would be read next is not there: pruned, not made yet, or lost.
    pub(super) fn missing(&mut self, segment: u32, path: PathBuf) -> Result<bool, ReadError> {
        self.refuse_pruned(segment)?;
        let listing = self.folder.list()?;
        let later = listing.segments.iter().chain(&listing.archived).max();
        let is_behind = later.max(self.newest.as_ref()) > Some(&segment);
        // A journal's first segment is made before its superblock says that it was opened.
        let is_first = segment == self.slot.first_segment && self.slot.epoch > 0;
        if self.next_seq > self.promised && !is_behind && !is_first {
            return Ok(false);
        }
        // Segments are made in order and replaced by their archives, so one that was not there a
        // moment ago may be there now.
        match self.source_of(segment) {
            Ok(source) => {
                self.source = Some(source);
                Ok(true)
            }
            Err(OpenError::SegmentMissing { .. }) => {
                // Or it was pruned a moment ago.
                self.refuse_pruned(segment)?;
                Err(OpenError::SegmentMissing { path }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The superblock says where history starts before a file is removed.
    fn refuse_pruned(&mut self, segment: u32) -> Result<(), ReadError> {
        self.refresh()?;
        if segment < self.slot.first_segment {
            let first_kept = self.first_seq();
            return Err(ReadError::Pruned { first_kept });
        }
        Ok(())
    }
}
