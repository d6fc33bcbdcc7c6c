//! Reads a journal, in the writer's process or another one: history, and then the live tail.
//!
//! A reader maps one segment at a time, read-only, and takes no lock: it cannot disturb the writer.
//! Each record's checksum is verified. Where nothing is published, [`Reader::next`] says `None`,
//! and may be asked again.
//!
//! A record that fails its check is the end (a torn tail that no writer has cut yet), unless it was
//! promised or something whole stands behind it: then it is damage.
//!
//! Thread: any, one at a time. Hot path: no; but allocates only when it changes segments.

use std::path::Path;

use model::record::Record;

use crate::directory::Folder;
use crate::error::{Damage, OpenError, ReadError};
use crate::format::{Geometry, Place, Slot, record_is_good};
use crate::mapping::{ReadView, Region};
use crate::scan::Marks;
use crate::storage::Access;
use crate::{scan, superblock};

/// A segment that is open.
struct Open {
    segment: u32,
    view: ReadView,
    seed: u32,
}

/// Follows a journal from any place.
pub struct Reader {
    folder: Folder,
    slot: Slot,
    geometry: Geometry,
    /// The sequence that `next` gives.
    next_seq: u64,
    open: Option<Open>,
    /// Newest segment that is known to have a record; those behind it are only prepared.
    newest: u32,
    /// Highest sequence that a clean close or a durable mark vouched for at open: if it is not
    /// there, the journal was damaged and has not merely ended.
    promised: u64,
    /// A place that was found torn, with its first word: not searched again until it changes.
    torn: Option<(u64, u64)>,
    record: Record,
}

impl Reader {
    /// Opens the journal in `dir` for reading, at its first record.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if it is no journal of this version, or its superblock or a segment's header
    /// is damaged.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_in(&Folder::on_disk(dir))
    }

    /// As [`Self::open`], in any storage.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_in(folder: &Folder) -> Result<Self, OpenError> {
        let listing = folder.list()?;
        if !listing.superblock {
            let found = match (listing.segments.first(), listing.foreign) {
                (Some(_), _) => "segments".to_owned(),
                (None, Some(name)) => format!("a file {name:?}"),
                (None, None) => "nothing".to_owned(),
            };
            let path = folder.dir().to_path_buf();
            return Err(OpenError::NotAJournal { path, found });
        }
        let slot = superblock::read(folder)?;
        let geometry = slot.geometry();
        let mut reader = Self {
            folder: folder.clone(),
            slot,
            geometry,
            next_seq: geometry.first_seq(slot.first_segment),
            open: None,
            newest: slot.first_segment,
            promised: slot.clean_seq().unwrap_or(0),
            torn: None,
            record: Record::ZERO,
        };
        for &segment in &listing.segments {
            reader.look_at(segment)?;
        }
        Ok(reader)
    }

    /// Learns from a segment whether it is in use, and what its durable mark vouches for.
    fn look_at(&mut self, segment: u32) -> Result<(), OpenError> {
        let open = self.map_segment(segment)?;
        if open.view.word(index(scan::offset_of(0))) != 0 {
            self.newest = self.newest.max(segment);
        }
        let file = scan::open(&self.folder, self.geometry, segment, Access::Read)?;
        let path = self.folder.segment_path(segment);
        match scan::marks(&*file, open.seed).map_err(OpenError::io("read", &path))? {
            Marks::Valid(mark) => self.promised = self.promised.max(mark.durable_seq),
            // A reader shows what is there; recovery refuses to go on without the mark.
            Marks::None | Marks::Bad => {}
        }
        Ok(())
    }

    /// The next record, or `None` as long as there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`] with the sequence; it stays there until [`Reader::seek`].
    #[expect(
        clippy::should_implement_trait,
        reason = "lends the record, which an iterator cannot; `records` gives copies"
    )]
    #[inline]
    pub fn next(&mut self) -> Result<Option<&Record>, ReadError> {
        let Some(place) = self.geometry.place(self.next_seq) else {
            return Ok(None);
        };
        if self
            .open
            .as_ref()
            .is_none_or(|open| open.segment != place.segment)
            && !self.open_segment(place.segment)?
        {
            return Ok(None);
        }
        let Some(open) = &self.open else {
            return Ok(None);
        };
        if !open.view.load(index(place.offset), &mut self.record) {
            return self.nothing_at(place);
        }
        if !record_is_good(open.seed, self.next_seq, &self.record) {
            return self.not_good_at(place);
        }
        self.next_seq += 1;
        self.newest = self.newest.max(place.segment);
        Ok(Some(&self.record))
    }

    /// Copies of the records from here to the present end.
    pub fn records(&mut self) -> Records<'_> {
        Records {
            reader: self,
            failed: false,
        }
    }

    /// Makes `seq` the next one; it may be one that is not there yet.
    pub fn seek(&mut self, seq: u64) {
        self.next_seq = seq.max(self.first_seq());
        self.torn = None;
    }

    /// The sequence that `next` gives next.
    #[must_use]
    pub const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// First sequence that is kept. There may be no record yet.
    #[must_use]
    pub const fn first_seq(&self) -> u64 {
        self.geometry.first_seq(self.slot.first_segment)
    }

    /// Last sequence that is published now; one less than [`Self::first_seq`] if there is none.
    /// Found by bisection; the records are not verified.
    ///
    /// # Errors
    ///
    /// [`ReadError::Open`] if a segment cannot be opened.
    pub fn last_seq(&self) -> Result<u64, ReadError> {
        let listing = self.folder.list()?;
        for &segment in listing.segments.iter().rev() {
            let open = self.map_segment(segment)?;
            let published = |record: u64| open.view.word(index(scan::offset_of(record))) != 0;
            let (mut low, mut high) = (0, self.geometry.records_per_segment());
            while low < high {
                let middle = low + (high - low) / 2;
                if published(middle) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            if low > 0 {
                return Ok(self.geometry.first_seq(segment) + low - 1);
            }
        }
        Ok(self.first_seq() - 1)
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.folder.dir()
    }

    /// Tells this journal from others.
    #[must_use]
    pub const fn journal_id(&self) -> u64 {
        self.geometry.journal_id
    }

    /// Size of a segment, bytes.
    #[must_use]
    pub const fn segment_bytes(&self) -> u64 {
        self.geometry.segment_bytes
    }

    /// How often a writer had opened the journal when this reader was opened.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.slot.epoch
    }

    /// Whether the last writer had closed the journal in order when this reader was opened.
    #[must_use]
    pub const fn was_closed(&self) -> bool {
        self.slot.clean_seq().is_some()
    }

    /// Nothing is published at `place`: the frontier, unless a later segment is in use.
    #[cold]
    fn nothing_at(&mut self, place: Place) -> Result<Option<&Record>, ReadError> {
        if self.next_seq <= self.promised {
            return Err(self.damaged(place, "was on stable storage and is now missing"));
        }
        if place.segment < self.newest && self.is_behind(place)? {
            return Err(self.damaged(place, "is missing, and there are records behind it"));
        }
        Ok(None)
    }

    /// What is published at `place` is not the record that belongs there.
    #[cold]
    fn not_good_at(&mut self, place: Place) -> Result<Option<&Record>, ReadError> {
        // A second look, as a recovery may have cleared the place under the first one.
        if let Some(open) = &self.open
            && open.view.load(index(place.offset), &mut self.record)
            && record_is_good(open.seed, self.next_seq, &self.record)
        {
            self.next_seq += 1;
            return Ok(Some(&self.record));
        }
        if self.next_seq <= self.promised {
            return Err(self.damaged(place, "was on stable storage and is now damaged"));
        }
        let word = match &self.open {
            Some(open) => open.view.word(index(place.offset)),
            None => 0,
        };
        if self.torn == Some((self.next_seq, word)) {
            return Ok(None);
        }
        if self.is_behind(place)? {
            return Err(self.damaged(place, "is damaged, and there are records behind it"));
        }
        self.torn = Some((self.next_seq, word));
        Ok(None)
    }

    /// Whether a whole record stands anywhere behind `place`.
    fn is_behind(&self, place: Place) -> Result<bool, ReadError> {
        let mut from = place.offset + crate::format::RECORD;
        for segment in place.segment..=self.newest {
            let open = self.map_segment(segment)?;
            let mut record = Record::ZERO;
            let mut seq = self.geometry.first_seq(segment)
                + (from - crate::format::HEADER_BYTES) / crate::format::RECORD;
            while from < self.geometry.records_end() {
                if open.view.load(index(from), &mut record)
                    && record_is_good(open.seed, seq, &record)
                {
                    return Ok(true);
                }
                from += crate::format::RECORD;
                seq += 1;
            }
            from = crate::format::HEADER_BYTES;
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

    /// Opens the segment that `next` needs; false if it is not there yet.
    #[cold]
    fn open_segment(&mut self, segment: u32) -> Result<bool, ReadError> {
        match self.map_segment(segment) {
            Ok(open) => {
                self.open = Some(open);
                Ok(true)
            }
            Err(OpenError::SegmentMissing { .. })
                if segment > self.newest && self.next_seq > self.promised =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn map_segment(&self, segment: u32) -> Result<Open, OpenError> {
        let file = scan::open(&self.folder, self.geometry, segment, Access::Read)?;
        let path = self.folder.segment_path(segment);
        let mapping = file.map(index(self.geometry.segment_bytes));
        let view = Region::readable(mapping.map_err(OpenError::io("map", &path))?);
        Ok(Open {
            segment,
            view,
            seed: self.geometry.seed(segment),
        })
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// Iterator over copies of records; ends at the frontier, or after the first error.
pub struct Records<'a> {
    reader: &'a mut Reader,
    failed: bool,
}

impl Iterator for Records<'_> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match self.reader.next() {
            Ok(record) => record.copied().map(Ok),
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}
