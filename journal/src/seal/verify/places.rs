//! Places of records, one by one: what stands where the log ends or is damaged, and behind.

use std::path::Path;

use super::super::records::is_good;
use super::Verifier;
use super::pages::first_set;
use crate::error::OpenError;
use crate::format::RECORD;
use crate::scan::offset_of;
use crate::storage::{Access, StoredFile};

/// Places that are read at once behind the end.
const CHUNK_PLACES: u64 = 8192;

/// What stands at a place that was not good at the first look.
pub(super) enum At {
    Record,
    /// Nothing whole stands behind it.
    End,
    /// Records stand behind it, from this place on.
    Damage(u64),
}

impl Verifier<'_> {
    /// What stands at a place that was not good, and behind it.
    pub(super) fn look_at(
        &self,
        file: &dyn StoredFile,
        path: &Path,
        id: u32,
        place: u64,
    ) -> Result<At, OpenError> {
        let next = self.folder.segment_path(id.saturating_add(1));
        let look = || {
            let behind = match self.record_behind(file, id, place) {
                Ok(None) if self.folder.has(&next)? => {
                    let file = self.folder.open("open", &next, Access::Read)?;
                    let found = self.record_at(&*file, id.saturating_add(1), 0);
                    let is_there = found.map_err(OpenError::io("read", &next))?;
                    is_there.then(|| self.geometry.records_per_segment())
                }
                found => found.map_err(OpenError::io("read", path))?,
            };
            Ok(match (self.is_record(file, path, id, place)?, behind) {
                (true, _) => At::Record,
                (false, Some(next)) => At::Damage(next),
                (false, None) => At::End,
            })
        };
        self.settle(look, |at| !matches!(at, At::Damage(_)))
    }

    fn record_at(&self, file: &dyn StoredFile, id: u32, place: u64) -> std::io::Result<bool> {
        let mut record = [0; RECORD as usize];
        file.read_exact_at(&mut record, offset_of(place))?;
        let seq = self.geometry.first_seq(id) + place;
        Ok(is_good(self.geometry.seed(id), seq, &record))
    }

    /// Whether this record is there now.
    pub(super) fn has_record(&self, seq: u64) -> bool {
        let there = || {
            let place = self.geometry.place(seq)?;
            let path = self.folder.segment_path(place.segment);
            let file = self.folder.storage().open(&path, Access::Read).ok()?;
            let index = seq - self.geometry.first_seq(place.segment);
            self.record_at(&*file, place.segment, index).ok()
        };
        there().unwrap_or(false)
    }

    pub(super) fn is_record(
        &self,
        file: &dyn StoredFile,
        path: &Path,
        id: u32,
        place: u64,
    ) -> Result<bool, OpenError> {
        let found = self.record_at(file, id, place);
        found.map_err(OpenError::io("read", path))
    }

    /// The first record behind a place, in its segment.
    fn record_behind(
        &self,
        file: &dyn StoredFile,
        id: u32,
        place: u64,
    ) -> std::io::Result<Option<u64>> {
        let (seed, first) = (self.geometry.seed(id), self.geometry.first_seq(id));
        let mut found = None;
        self.each_set(file, place + 1, |at, bytes| {
            if found.is_none() && is_good(seed, first + at, bytes) {
                found = Some(at);
            }
            Ok(found.is_none())
        })?;
        Ok(found)
    }

    /// Shows every place from `from` on that is not zero, until `show` says no.
    fn each_set(
        &self,
        file: &dyn StoredFile,
        from: u64,
        mut show: impl FnMut(u64, &[u8]) -> std::io::Result<bool>,
    ) -> std::io::Result<()> {
        let places = self.geometry.records_per_segment();
        let mut buffer = Vec::new();
        let mut at = from;
        while at < places {
            let some = CHUNK_PLACES.min(places - at);
            buffer.resize(usize::try_from(some * RECORD).unwrap_or(0), 0);
            file.read_exact_at(&mut buffer, offset_of(at))?;
            if first_set(&buffer).is_some() {
                for (place, bytes) in (at..).zip(buffer.chunks_exact(RECORD as usize)) {
                    if first_set(bytes).is_some() && !show(place, bytes)? {
                        return Ok(());
                    }
                }
            }
            at += some;
        }
        Ok(())
    }

    /// Everything from place `from` on must be zero, or what a live writer has appended since.
    pub(super) fn check_behind(
        &mut self,
        file: &dyn StoredFile,
        path: &Path,
        id: u32,
        from: u64,
    ) -> Result<(), OpenError> {
        let look = || {
            self.wrong_behind(file, id, from)
                .map_err(OpenError::io("read", path))
        };
        let Some((place, is_record)) = self.settle(look, Option::is_none)? else {
            return Ok(());
        };
        let seq = self.geometry.first_seq(id) + place;
        if is_record {
            let end = self.geometry.first_seq(id) + from;
            let what = "is missing or damaged, and there are records behind it";
            self.bad_records(end, seq - 1, what);
        } else if place == from {
            self.bad_records(
                seq,
                seq,
                "damaged, or never finished: its checksum is wrong",
            );
        } else {
            self.bad_records(
                seq,
                seq,
                "bytes that are no record stand behind the log's end",
            );
        }
        Ok(())
    }

    /// The first place behind `from` that is neither zero nor a record that follows without a gap,
    /// and whether there is a record. Only a live writer may have put records there.
    fn wrong_behind(
        &self,
        file: &dyn StoredFile,
        id: u32,
        from: u64,
    ) -> std::io::Result<Option<(u64, bool)>> {
        let (seed, first) = (self.geometry.seed(id), self.geometry.first_seq(id));
        let mut wrong = None;
        // The end when this look began; a writer moves it while we look.
        let mut next = from;
        self.each_set(file, from, |place, bytes| {
            let is_record = is_good(seed, first + place, bytes);
            if !is_record || !self.is_open {
                wrong = Some((place, is_record && place > from));
                return Ok(false);
            }
            // All between must be records by now.
            while next < place {
                if !self.record_at(file, id, next)? {
                    wrong = Some((place, true));
                    return Ok(false);
                }
                next += 1;
            }
            next = place + 1;
            Ok(true)
        })?;
        Ok(wrong)
    }
}
