//! Reads a journal, in the writer's process or another one: history, and then the live tail.
//!
//! A reader maps one segment at a time, read-only, and takes no lock: it cannot disturb the writer.
//! Records are verified, checksum and sequence, and lent straight from the mapping: one by
//! [`Reader::next`], many by [`Reader::next_batch`]. Where nothing is published there is none, and
//! the reader may ask again.
//!
//! A reader ends where recovery would end the journal, and sees damage where recovery would refuse
//! (`end`). Segments may be removed under it: the one it is in it reads to its end.
//!
//! Thread: any, one at a time. Hot path: no. Allocates: only when it changes segments.

mod end;
mod time;

use std::io::ErrorKind;
use std::path::Path;

use model::record::Record;

use crate::directory::Folder;
use crate::error::{OpenError, ReadError};
use crate::format::{Geometry, HEADER_BYTES, Place, RECORD, Slot};
use crate::scan::{self, Marks};
use crate::source::Source;
use crate::storage::Access;
use crate::superblock;

/// Records that [`Reader::next`] verifies at once; they stay in the first-level cache.
const AT_ONCE: usize = 64;
/// Records that are looked at and then summed at once. So few that the processor fetches the next
/// ones while it still sums these: with four times as many, it waits for memory and then for the
/// sums, which takes nearly twice as long.
const STRIDE: usize = 16;

/// How often names are read again when a file goes meanwhile.
const LOOKS_MAX: u32 = 10;

/// Follows a journal from any place.
pub struct Reader {
    folder: Folder,
    /// The superblock when this was opened, and when it was last looked at.
    opened: Slot,
    slot: Slot,
    geometry: Geometry,
    /// Whether files are mapped, or read with `pread`.
    mapped: bool,
    /// The sequence that `next` gives.
    next_seq: u64,
    /// The records from `next_seq` up to here, not included, were verified and can be lent.
    ready_seq: u64,
    /// Where the first of these stands in its segment, as a count of places.
    at: usize,
    source: Option<Source>,
    /// Newest segment that is known to have a record; those behind it are only prepared.
    newest: Option<u32>,
    /// Highest sequence that a clean close or a durable mark vouched for: if it is not there, the
    /// journal was damaged and has not merely ended.
    promised: u64,
    /// The end that was judged last: its sequence, and the first words there and behind it.
    judged: Option<(u64, [u64; 2])>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("dir", &self.dir())
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens the journal in `dir` for reading, at its first record. Constant time: a segment is
    /// looked at when it is read.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if it is no journal of this version, or its superblock or the header of one
    /// of its last segments is damaged.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_in(&Folder::on_disk(dir))
    }

    /// As [`Self::open`], in any storage.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_in(folder: &Folder) -> Result<Self, OpenError> {
        Self::open_as(folder, true)
    }

    /// As [`Self::open_in`], but reads with `pread` instead of mapping files: slower, and a disk
    /// that cannot read a record is [`ReadError::Unreadable`] and never a signal.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_unmapped(folder: &Folder) -> Result<Self, OpenError> {
        Self::open_as(folder, false)
    }

    fn open_as(folder: &Folder, mapped: bool) -> Result<Self, OpenError> {
        if !folder.has(&folder.superblock_path())? {
            return Err(not_a_journal(folder)?);
        }
        // Before the names: what is pruned in between is missed by neither.
        let slot = superblock::read(folder)?;
        let geometry = slot.geometry();
        let next_seq = geometry.first_seq(slot.first_segment);
        let mut reader = Self {
            folder: folder.clone(),
            opened: slot,
            slot,
            geometry,
            mapped,
            next_seq,
            ready_seq: next_seq,
            at: 0,
            source: None,
            newest: None,
            promised: slot.clean_seq().unwrap_or(0),
            judged: None,
        };
        again_if_missing(|| reader.look_around())?;
        Ok(reader)
    }

    /// Learns which segment is the newest in use, and what is promised. Only the last segments can
    /// say: those behind the newest are prepared, two as a rule, and its mark is the highest.
    fn look_around(&mut self) -> Result<(), OpenError> {
        let listing = self.folder.list()?;
        if let Some(archived) = listing.last_archived() {
            // Only what is full and on stable storage is archived.
            self.newest = Some(archived);
            self.promised = self.promised.max(self.geometry.last_seq(archived));
        }
        let mut marked = false;
        for &segment in listing.segments.iter().rev() {
            let file = scan::open(&self.folder, self.geometry, segment, Access::Read)?;
            let path = self.folder.segment_path(segment);
            let is_used = scan::word(&*file, 0).map_err(OpenError::io("read", &path))? != 0;
            if is_used {
                self.newest = self.newest.max(Some(segment));
            }
            let seed = self.geometry.seed(segment);
            match scan::marks(&*file, seed).map_err(OpenError::io("read", &path))? {
                Marks::Valid(mark) => {
                    self.promised = self.promised.max(mark.durable_seq);
                    marked = true;
                }
                // A reader shows what is there; recovery refuses to go on without the mark.
                Marks::None | Marks::Bad => {}
            }
            if marked && self.newest.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// The next record, or `None` as long as there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`] and [`ReadError::Unreadable`] with the sequence,
    /// [`ReadError::Pruned`], [`ReadError::Open`]; it stays there until [`Reader::seek`].
    #[expect(
        clippy::should_implement_trait,
        reason = "lends the record, which an iterator cannot; `records` gives copies"
    )]
    #[inline]
    pub fn next(&mut self) -> Result<Option<&Record>, ReadError> {
        Ok(self.take(1, AT_ONCE)?.first())
    }

    /// Consecutive records from the next one on, verified, at most `max`: as many as there are up
    /// to the end of a segment or the present end. None if there is none yet. Faster than
    /// [`Self::next`]; a few thousand at a time are still in the processor's cache when they are
    /// handed out.
    ///
    /// # Errors
    ///
    /// As [`Self::next`]; records before the one in error are lent first.
    #[inline]
    pub fn next_batch(&mut self, max: usize) -> Result<&[Record], ReadError> {
        self.take(max, max)
    }

    /// Lends up to `max` records; verifies up to `ahead` if none is ready.
    #[inline]
    fn take(&mut self, max: usize, ahead: usize) -> Result<&[Record], ReadError> {
        if self.next_seq >= self.ready_seq {
            self.fill(ahead)?;
        }
        let ready = usize::try_from(self.ready_seq - self.next_seq).unwrap_or(usize::MAX);
        let count = ready.min(max);
        let at = self.at;
        self.at += count;
        self.next_seq += count as u64;
        Ok(match &self.source {
            Some(source) => source.lend(at, count),
            None => &[],
        })
    }

    /// Copies of the records from here to the present end.
    pub fn records(&mut self) -> Records<'_> {
        Records {
            reader: self,
            failed: false,
        }
    }

    /// Makes `seq` the next one; it may be one that is not there yet. One below
    /// [`Self::first_seq`] is taken for that.
    pub fn seek(&mut self, seq: u64) {
        self.next_seq = seq.max(self.first_seq());
        self.ready_seq = self.next_seq;
        self.judged = None;
    }

    /// The sequence that `next` gives next.
    #[must_use]
    pub const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// First sequence that is kept, as this reader saw it last: at open, or when it last met
    /// [`ReadError::Pruned`] or an end. There may be no record yet.
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
        Ok(again_if_missing(|| self.find_last())?)
    }

    fn find_last(&self) -> Result<u64, OpenError> {
        let listing = self.folder.list()?;
        let archived = listing.last_archived();
        for &segment in listing.segments.iter().rev() {
            let file = scan::open(&self.folder, self.geometry, segment, Access::Read)?;
            let path = self.folder.segment_path(segment);
            let (mut low, mut high) = (0, self.geometry.records_per_segment());
            while low < high {
                let middle = low + (high - low) / 2;
                if scan::word(&*file, middle).map_err(OpenError::io("read", &path))? != 0 {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            if low > 0 {
                return Ok(self.geometry.first_seq(segment) + low - 1);
            }
        }
        Ok(archived.map_or(self.first_seq() - 1, |id| self.geometry.last_seq(id)))
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
        self.opened.epoch
    }

    /// Whether the last writer had closed the journal in order when this reader was opened.
    #[must_use]
    pub const fn was_closed(&self) -> bool {
        self.opened.clean_seq().is_some()
    }

    /// Makes records ready from `next_seq` on, up to `max`.
    fn fill(&mut self, max: usize) -> Result<(), ReadError> {
        self.ready_seq = self.next_seq;
        let Some(place) = self.geometry.place(self.next_seq) else {
            return Ok(());
        };
        if max == 0 || !self.is_open(place.segment) && !self.open_segment(place.segment)? {
            return Ok(());
        }
        if !self.find(place, max)? {
            self.end_at(place, max)?;
        }
        Ok(())
    }

    /// Whether there are good records at `place`; if so, they are ready.
    fn find(&mut self, place: Place, max: usize) -> Result<bool, ReadError> {
        let Some(source) = &mut self.source else {
            return Ok(false);
        };
        let from = index_of(place);
        let mut found = 0;
        while found < max {
            let want = STRIDE.min(max - found);
            let good = source.find(from, from + found, want).map_err(|source| {
                let path = self.folder.segment_path(place.segment);
                ReadError::Unreadable {
                    path,
                    seq: self.next_seq,
                    offset: place.offset,
                    source,
                }
            })?;
            found += good;
            if good < want {
                break;
            }
        }
        if found > 0 {
            self.ready_seq = self.next_seq + found as u64;
            self.at = from;
            self.newest = self.newest.max(Some(place.segment));
        }
        Ok(found > 0)
    }

    fn is_open(&self, segment: u32) -> bool {
        let source = self.source.as_ref();
        source.is_some_and(|source| source.segment == segment)
    }

    /// Opens the segment that `next` needs; false if it is not there yet.
    #[cold]
    fn open_segment(&mut self, segment: u32) -> Result<bool, ReadError> {
        match self.source_of(segment) {
            Ok(source) => {
                self.source = Some(source);
                Ok(true)
            }
            Err(OpenError::SegmentMissing { path }) => self.missing(segment, path),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a segment.
    fn source_of(&self, segment: u32) -> Result<Source, OpenError> {
        let file = scan::open(&self.folder, self.geometry, segment, Access::Read)?;
        // Recovery would refuse it. A live writer has one whole copy at any moment.
        let marks = scan::marks(&*file, self.geometry.seed(segment));
        let path = self.folder.segment_path(segment);
        if marks.map_err(OpenError::io("read", &path))? == Marks::Bad {
            return Err(OpenError::bad_mark(path));
        }
        if !self.mapped {
            return Ok(Source::read(segment, self.geometry, file));
        }
        Source::mapped(segment, self.geometry, file).map_err(OpenError::io("map", &path))
    }
}

/// Looks again, at new names, when a segment is missing that was there when the names were read: it
/// may have been archived or pruned in between.
fn again_if_missing<T>(mut look: impl FnMut() -> Result<T, OpenError>) -> Result<T, OpenError> {
    for _ in 0..LOOKS_MAX {
        let found = look();
        if !matches!(found, Err(OpenError::SegmentMissing { .. })) {
            return found;
        }
    }
    look()
}

/// A place as a count of places from the segment's first one.
#[inline]
fn index_of(place: Place) -> usize {
    usize::try_from((place.offset - HEADER_BYTES) / RECORD).unwrap_or(usize::MAX)
}

/// What to say about a directory without a superblock, or about none.
pub(crate) fn not_a_journal(folder: &Folder) -> Result<OpenError, OpenError> {
    let path = folder.dir().to_path_buf();
    let found = match folder.list() {
        Ok(listing) => listing.instead(),
        Err(OpenError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            "there is no such directory".to_owned()
        }
        Err(error) => return Err(error),
    };
    Ok(OpenError::NotAJournal { path, found })
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
