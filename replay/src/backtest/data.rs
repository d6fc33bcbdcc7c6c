//! Data sets: journals of which a backtest takes the market's records.
//!
//! A production journal is a data set as it is, and so is what `caracal import` writes. Records of
//! anything but markets are passed over. Each data set numbers its instruments in its own way; here
//! they get the numbers of the backtest.

use std::path::{Path, PathBuf};

use journal::{OpenError, ReadError, Reader};
use model::blob::{self, Assembler, BlobKind};
use model::body::{BlobPart, BookLevels, BookOrder, Mark, Quote, Trade};
use model::event::{self, Event, View};
use model::ids::InstrumentId;
use model::instrument::InstrumentSpec;
use model::record::{Kind, Record};

/// Records that are asked of a journal at once.
const BATCH: usize = 64;

/// Market records of an instrument among which one is of an order, if its data shows them.
const ORDERS_LOOKED_FOR: usize = 10_000;

/// Odd, so that a multiplication by it can be undone.
const DIGEST_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It is no journal, or cannot be opened.
    #[error("{path}: {source}; name a directory that `caracal import` or a run wrote")]
    Open {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// It cannot be read any further.
    #[error("{path}: {source}")]
    Read {
        /// Its directory.
        path: PathBuf,
        /// Where and why.
        source: ReadError,
    },
    /// A part of an instrument's definition is missing or unreadable.
    #[error("{path}: sequence {seq}: {source}")]
    Instrument {
        /// Its directory.
        path: PathBuf,
        /// Log sequence.
        seq: u64,
        /// What is wrong.
        source: blob::BlobError,
    },
    /// There is no market in it.
    #[error("{path}: no market data: not one book, quote or trade in {records} records")]
    Empty {
        /// Its directory.
        path: PathBuf,
        /// Records that it has.
        records: u64,
    },
}

/// A data set that was opened.
#[derive(Debug)]
pub struct DataSet {
    path: PathBuf,
    reader: Reader,
    assembler: Assembler,
    /// Instruments as it numbers them.
    specs: Vec<InstrumentSpec>,
    /// For each of its numbers the backtest's, if it takes part.
    numbers: Vec<Option<InstrumentId>>,
    here_ns: u64,
    batch: Vec<Record>,
    next: usize,
    read: u64,
    digest: u64,
    malformed: u64,
}

/// The next record of a data set: what its two clocks said. The record itself is
/// [`DataSet::record`].
#[derive(Debug)]
pub(super) struct Head {
    /// The venue's time; 0 if it gave none.
    pub(super) there_ns: u64,
    /// Our time of receipt, as recorded; never falling.
    pub(super) here_ns: u64,
    /// Set where the record stands for a changed instrument.
    pub(super) changed: Option<Box<InstrumentSpec>>,
}

impl DataSet {
    /// Opens the journal in `path` and reads up to its first market record, so that its
    /// instruments are known.
    ///
    /// # Errors
    ///
    /// [`DataError`].
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let reader = Reader::open(path).map_err(|source| DataError::Open {
            path: path.to_owned(),
            source,
        })?;
        let mut set = Self {
            path: path.to_owned(),
            reader,
            assembler: Assembler::default(),
            specs: Vec::new(),
            numbers: Vec::new(),
            here_ns: 0,
            batch: Vec::with_capacity(BATCH),
            next: 0,
            read: 0,
            digest: 0,
            malformed: 0,
        };
        set.find_market()?;
        Ok(set)
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its instruments, numbered as in the data set.
    #[must_use]
    pub fn instruments(&self) -> &[InstrumentSpec] {
        &self.specs
    }

    /// Market records that made no sense and were left out.
    #[must_use]
    pub const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Digest of what was read of it: of its records' checksums in their order. It finds another
    /// file or another range, not an attacker.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// Records in it, of any kind.
    ///
    /// # Errors
    ///
    /// [`DataError::Read`].
    pub fn records(&self) -> Result<u64, DataError> {
        self.reader.last_seq().map_err(|source| self.unread(source))
    }

    /// The shortest time that a record took from the venue to us by the two clocks as recorded,
    /// nanoseconds: below 0 where ours was behind. `None` if the venue gave no times. Reads all of
    /// the data; open it anew to use it.
    ///
    /// # Errors
    ///
    /// [`DataError`].
    pub fn least_delay_ns(mut self) -> Result<Option<i64>, DataError> {
        let mut least: Option<i64> = None;
        for place in 0..self.specs.len() {
            self.number(place, InstrumentId(0));
        }
        while let Some(head) = self.next()? {
            if head.there_ns > 0 {
                let delay = head.here_ns.wrapping_sub(head.there_ns).cast_signed();
                least = Some(least.map_or(delay, |least| least.min(delay)));
            }
        }
        Ok(least)
    }

    /// Whether it shows each order of the venue's of an instrument, numbered as in the data set:
    /// whether one of its first records is of an order. Reads it; open it anew to use it.
    ///
    /// # Errors
    ///
    /// [`DataError`].
    pub fn shows_orders(mut self, own: usize) -> Result<bool, DataError> {
        self.number(own, InstrumentId(0));
        for _ in 0..ORDERS_LOOKED_FOR {
            if self.next()?.is_none() {
                return Ok(false);
            }
            if self.record().kind == Kind::BookOrder.code() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives an instrument of it the backtest's number.
    pub(super) fn number(&mut self, own: usize, id: InstrumentId) {
        if let Some(place) = self.numbers.get_mut(own) {
            *place = Some(id);
        }
    }

    fn unread(&self, source: ReadError) -> DataError {
        let path = self.path.clone();
        DataError::Read { path, source }
    }

    fn find_market(&mut self) -> Result<(), DataError> {
        loop {
            if !self.fill()? {
                let (path, records) = (self.path.clone(), self.read);
                return Err(DataError::Empty { path, records });
            }
            while let Some(record) = self.batch.get(self.next).copied() {
                if is_market(&record) {
                    return Ok(());
                }
                self.next += 1;
                self.learn(&record)?;
            }
        }
    }

    /// Reads the next records; false at the end.
    fn fill(&mut self) -> Result<bool, DataError> {
        self.batch.clear();
        self.next = 0;
        match self.reader.next_batch(BATCH) {
            Ok(records) => self.batch.extend_from_slice(records),
            Err(source) => {
                let path = self.path.clone();
                return Err(DataError::Read { path, source });
            }
        }
        self.read += self.batch.len() as u64;
        for record in &self.batch {
            // A bijection at each step: one other checksum always gives another digest.
            self.digest = (self.digest ^ u64::from(record.checksum))
                .wrapping_mul(DIGEST_FACTOR)
                .rotate_left(29);
        }
        Ok(!self.batch.is_empty())
    }

    /// Takes in an instrument's definition; the record that stands for it in the backtest if it
    /// changed one that takes part.
    fn learn(&mut self, record: &Record) -> Result<Option<InstrumentSpec>, DataError> {
        let Ok(View::Event(Event::BlobPart(part))) = event::view(record) else {
            return Ok(None);
        };
        match self.spec_of(part) {
            Ok(Some(spec)) => Ok(self.list(spec)),
            Ok(None) => Ok(None),
            Err(source) => Err(DataError::Instrument {
                path: self.path.clone(),
                seq: record.seq,
                source,
            }),
        }
    }

    fn spec_of(&mut self, part: &BlobPart) -> Result<Option<InstrumentSpec>, blob::BlobError> {
        match self.assembler.push(part)? {
            Some((BlobKind::Instrument, bytes)) => blob::value(&bytes).map(Some),
            Some((BlobKind::MachineConfig, _)) | None => Ok(None),
        }
    }

    fn list(&mut self, spec: InstrumentSpec) -> Option<InstrumentSpec> {
        let Some(place) = self.specs.iter().position(|known| known.id == spec.id) else {
            self.specs.push(spec);
            self.numbers.push(None);
            return None;
        };
        if self.specs[place] == spec {
            return None;
        }
        self.specs[place] = spec.clone();
        let id = self.numbers[place]?;
        Some(InstrumentSpec { id, ..spec })
    }

    /// Goes to the first record of `from_ns`'s day, if the importer left an index of days, so that
    /// its book is built from that day's snapshot.
    ///
    /// # Errors
    ///
    /// [`DataError`].
    pub(super) fn seek_day(&mut self, from_ns: u64) -> Result<(), DataError> {
        let Some(seq) = super::days::start_of(&self.path, from_ns) else {
            return Ok(());
        };
        self.reader.seek(seq);
        self.batch.clear();
        self.next = 0;
        Ok(())
    }

    /// Goes to the next market record of an instrument that takes part, or to a changed one.
    ///
    /// # Errors
    ///
    /// [`DataError`].
    pub(super) fn next(&mut self) -> Result<Option<Head>, DataError> {
        loop {
            if self.next == self.batch.len() && !self.fill()? {
                return Ok(None);
            }
            let at = self.next;
            self.next += 1;
            let record = &self.batch[at];
            if is_market(record) {
                if let Some(head) = self.head(at) {
                    return Ok(Some(head));
                }
            } else if record.kind == Kind::BlobPart.code() {
                let record = *record;
                if let Some(spec) = self.learn(&record)? {
                    return Ok(Some(Head {
                        there_ns: 0,
                        here_ns: self.here_ns.max(record.time_ns),
                        changed: Some(Box::new(spec)),
                    }));
                }
            }
        }
    }

    /// The record that [`Self::next`] went to, with the backtest's number of its instrument.
    #[inline]
    pub(super) fn record(&self) -> &Record {
        &self.batch[self.next - 1]
    }

    #[inline]
    fn head(&mut self, at: usize) -> Option<Head> {
        let record = &mut self.batch[at];
        let own = record.instrument()?;
        // Most data sets number from 0 on, each in its place.
        let place = match self.specs.get(own.index()) {
            Some(spec) if spec.id == own => own.index(),
            Some(_) | None => self.specs.iter().position(|spec| spec.id == own)?,
        };
        let id = self.numbers[place]?;
        let Some(there_ns) = venue_time(record) else {
            self.malformed += 1;
            return None;
        };
        let stamp = if record.stamp_ns > 0 {
            record.stamp_ns
        } else {
            record.time_ns
        };
        self.here_ns = self.here_ns.max(stamp);
        // Mostly it has that number already, and a copy behind a store waits for it.
        if id != own {
            *record = record.on_instrument(id);
        }
        Some(Head {
            there_ns,
            here_ns: self.here_ns,
            changed: None,
        })
    }
}

#[inline]
fn is_market(record: &Record) -> bool {
    Kind::from_code(record.kind).is_some_and(Kind::is_market)
}

/// The venue's time of a market record, 0 if it gave none; `None` if its bytes make no sense.
#[inline]
fn venue_time(record: &Record) -> Option<u64> {
    let Ok(View::Event(event)) = event::view(record) else {
        return None;
    };
    if let Event::BookLevels(BookLevels { venue_time_ns, .. })
    | Event::BookOrder(BookOrder { venue_time_ns, .. })
    | Event::Trade(Trade { venue_time_ns, .. })
    | Event::Quote(Quote { venue_time_ns, .. })
    | Event::Mark(Mark { venue_time_ns, .. }) = event
    {
        return Some(*venue_time_ns);
    }
    Some(0)
}
