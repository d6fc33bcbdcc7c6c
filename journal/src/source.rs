//! Where a reader's records come from: mapped memory, a buffer that is filled with `pread`, or a
//! whole segment in a buffer. All lend records without copying them once more.
//!
//! Mapped memory is the fast one. Its pages are made present in steps ahead of the reader, which
//! saves the faults, and tells of a bad disk by an error instead of a signal: such a segment is
//! read on with `pread`, which names the place. A page that goes bad or is thrown out of memory
//! after that still ends in SIGBUS; `Reader::open_unmapped` is for those who cannot bear it.
//!
//! Thread: its reader's. Hot path: no. Allocates: when it is made; a mapped one nothing else.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use model::record::Record;
use zerocopy::IntoBytes;

use crate::format::{Geometry, HEADER_BYTES};
use crate::mapping::{ReadView, Region, good_prefix, words};
use crate::scan::offset_of;
use crate::storage::StoredFile;

/// Records that a `pread` brings.
const CHUNK_RECORDS: usize = 2_048;
/// How much is made present ahead, bytes: little after a jump, more as reading goes on.
const STEP_MIN: usize = 64 << 10;
const STEP_MAX: usize = 4 << 20;

/// The records of one segment. Places count from 0.
pub(crate) struct Source {
    pub(crate) segment: u32,
    pub(crate) seed: u32,
    first_seq: u64,
    /// Places that there are.
    places: usize,
    kind: Kind,
}

enum Kind {
    Mapped {
        view: ReadView,
        file: Arc<dyn StoredFile>,
        ahead: Ahead,
    },
    Chunk(Chunk),
}

/// Bytes of a mapped file that were made present.
struct Ahead {
    present: Range<usize>,
    step: usize,
}

/// Records in a buffer of their own.
struct Chunk {
    /// Where more comes from; none if all is there.
    file: Option<Arc<dyn StoredFile>>,
    /// As many as a chunk may have.
    records: Vec<Record>,
    /// Place of the first one.
    first: usize,
    /// How many are filled.
    filled: usize,
}

impl Source {
    /// Reads through memory.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn mapped(
        segment: u32,
        geometry: Geometry,
        file: Arc<dyn StoredFile>,
    ) -> io::Result<Self> {
        let len = usize::try_from(geometry.segment_bytes)
            .map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let view = Region::readable(file.map(len)?);
        let kind = Kind::Mapped {
            view,
            file,
            ahead: Ahead {
                present: 0..0,
                step: STEP_MIN,
            },
        };
        Ok(Self::new(segment, geometry, kind))
    }

    /// Reads with `pread`.
    pub(crate) fn read(segment: u32, geometry: Geometry, file: Arc<dyn StoredFile>) -> Self {
        let kind = Kind::Chunk(Chunk::of(file));
        Self::new(segment, geometry, kind)
    }

    fn new(segment: u32, geometry: Geometry, kind: Kind) -> Self {
        Self {
            segment,
            seed: geometry.seed(segment),
            first_seq: geometry.first_seq(segment),
            places: usize::try_from(geometry.records_per_segment()).unwrap_or(usize::MAX),
            kind,
        }
    }

    /// Finds good records from place `at` on: how many, up to `max`. With those from `from` on,
    /// which were found before, they can be lent together; fewer than there are may be found, for
    /// the sake of that.
    ///
    /// # Errors
    ///
    /// What the system says about place `at`.
    #[inline]
    pub(crate) fn find(&mut self, from: usize, at: usize, max: usize) -> io::Result<usize> {
        let count = self.look(from, at, max)?;
        let records = self.lend(at, count);
        Ok(good_prefix(self.seed, self.first_seq + at as u64, records))
    }

    /// Places from `at` on that are published.
    fn look(&mut self, from: usize, at: usize, max: usize) -> io::Result<usize> {
        let max = max.min(self.places.saturating_sub(at));
        if max == 0 {
            return Ok(0);
        }
        let bytes = byte_of(at)..byte_of(at + max);
        if let Kind::Mapped { view, file, ahead } = &mut self.kind {
            if ahead.make_present(view, bytes.clone()).is_ok() {
                return Ok(view.look(bytes.start, max));
            }
            if from < at {
                return Ok(0);
            }
            // It would have been a signal. The chunk tells which place it is.
            self.kind = Kind::Chunk(Chunk::of(Arc::clone(file)));
        }
        match &mut self.kind {
            Kind::Chunk(chunk) => chunk.look(from, at, max, self.places),
            Kind::Mapped { .. } => Ok(0),
        }
    }

    /// The `count` records from place `at` on, which [`Self::find`] found last.
    #[inline]
    pub(crate) fn lend(&self, at: usize, count: usize) -> &[Record] {
        match &self.kind {
            _ if count == 0 => &[],
            Kind::Mapped { view, .. } => view.lend(byte_of(at), count),
            Kind::Chunk(chunk) => &chunk.records[at - chunk.first..][..count],
        }
    }

    /// Forgets what was copied out of the file, so that it is looked at again.
    pub(crate) fn forget(&mut self) {
        if let Kind::Chunk(chunk) = &mut self.kind
            && chunk.file.is_some()
        {
            chunk.filled = 0;
        }
    }

    /// The first word of place `at` as it is now; zero behind the last place.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn word(&self, at: usize) -> io::Result<u64> {
        if at >= self.places {
            return Ok(0);
        }
        match &self.kind {
            Kind::Mapped { view, .. } => Ok(view.word(byte_of(at))),
            Kind::Chunk(Chunk {
                file: Some(file), ..
            }) => {
                let mut word = [0; 8];
                file.read_exact_at(&mut word, offset_of(at as u64))?;
                Ok(u64::from_le_bytes(word))
            }
            Kind::Chunk(chunk) => Ok(chunk.records.get(at).map_or(0, |record| words(record)[0])),
        }
    }
}

/// Where place `at` starts in the file.
#[inline]
const fn byte_of(at: usize) -> usize {
    HEADER_BYTES as usize + at * size_of::<Record>()
}

impl Ahead {
    /// Makes `bytes` present, and some behind them.
    #[inline]
    fn make_present(&mut self, view: &ReadView, bytes: Range<usize>) -> io::Result<()> {
        if self.present.start <= bytes.start && bytes.end <= self.present.end {
            return Ok(());
        }
        self.extend(view, bytes)
    }

    #[cold]
    fn extend(&mut self, view: &ReadView, bytes: Range<usize>) -> io::Result<()> {
        let goes_on = (self.present.start..=self.present.end).contains(&bytes.start);
        self.step = if goes_on {
            (self.step * 4).min(STEP_MAX)
        } else {
            STEP_MIN
        };
        // A multiple of a page, whatever its size.
        let from = if goes_on {
            self.present.end
        } else {
            bytes.start / STEP_MIN * STEP_MIN
        };
        let to = bytes.end.max(from + self.step).next_multiple_of(STEP_MIN);
        view.populate(from, to - from)?;
        self.present = if goes_on {
            self.present.start..to
        } else {
            from..to
        };
        Ok(())
    }
}

impl Chunk {
    fn of(file: Arc<dyn StoredFile>) -> Self {
        Self {
            file: Some(file),
            records: vec![Record::ZERO; CHUNK_RECORDS],
            first: 0,
            filled: 0,
        }
    }

    fn look(&mut self, from: usize, at: usize, max: usize, places: usize) -> io::Result<usize> {
        let known = self.published(at, max);
        // What was found before must stay: the caller comes again.
        if known > 0 || from < at {
            return Ok(known);
        }
        self.fill(at, places)?;
        Ok(self.published(at, max))
    }

    fn published(&self, at: usize, max: usize) -> usize {
        let Some(skip) = at
            .checked_sub(self.first)
            .filter(|skip| *skip < self.filled)
        else {
            return 0;
        };
        let records = self.records[skip..self.filled].iter().take(max);
        let full = |record: &&Record| words(record)[0] != 0;
        records.take_while(full).count()
    }

    /// Reads from place `at` on; if that fails, that place alone, so that an error is about it.
    fn fill(&mut self, at: usize, places: usize) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        (self.first, self.filled) = (at, 0);
        let count = self.records.len().min(places - at);
        for count in [count, 1] {
            let buffer = self.records[..count].as_mut_bytes();
            match file.read_exact_at(buffer, offset_of(at as u64)) {
                Ok(()) => {
                    self.filled = count;
                    break;
                }
                Err(error) if count == 1 => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }
}
