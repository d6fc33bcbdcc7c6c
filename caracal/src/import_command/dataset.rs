//! The data set that is being written: rows become records of a journal, as a live feed makes them.
//!
//! Of each record: the stamp is the local time of receipt; machine time is the same, made never
//! falling; the event number is dense from 1. At each UTC day's first record the state of the
//! market is written again, so that a range that starts there can be read alone.

use std::path::Path;
use std::time::Duration;

use engine::pipeline::{SOURCE_FIRST_PORT, SOURCE_OPERATOR};
use journal::{AppendError, Durability, Options, Writer};
use model::blob::{self, BlobKind};
use model::body::{Body, Trade};
use model::body::{
    BookChange, BookLevels, BookOrder, BookReset, Channel, Connection, Level, LinkState, Mark,
    Quote, Text,
};
use model::ids::SourceId;
use model::instrument::InstrumentSpec;
use model::limits::LEVELS_PER_RECORD;
use model::num::Scale;
use model::record::{Kind, Record, flags};
use serde_json::{Value, json};

use super::days::{DAY_NS, Day};
use super::kept::{Counts, Kept, State};
use super::row::Head;
use crate::output::Failure;

/// How long to wait for the next segment, which a helper thread makes.
const SEGMENT_WAIT: Duration = Duration::from_micros(100);
/// Size of a segment: that of the input, within these bounds.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;
/// Segments are mapped: this is what an import holds of the journal's pages, times a few.
const SEGMENT_BYTES_MAX: u64 = 32 << 20;

/// A data set that is being written.
pub(super) struct DataSet {
    writer: Writer,
    specs: Vec<InstrumentSpec>,
    kept: Vec<Kept>,
    venues: u8,
    time_ns: u64,
    first_ns: u64,
    days: Vec<Day>,
    levels: Vec<Level>,
}

impl DataSet {
    /// Makes the data set in `dir`, for about `input_bytes` of input.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the directory cannot be made or written.
    pub(super) fn create(
        dir: &Path,
        specs: Vec<InstrumentSpec>,
        input_bytes: u64,
    ) -> Result<Self, Failure> {
        let most = SEGMENT_BYTES_MAX;
        let size = input_bytes
            .clamp(SEGMENT_BYTES_MIN, most)
            .next_power_of_two();
        let options = Options::new(Durability::Process).segment_bytes(size.min(most));
        let (writer, _) = Writer::open(dir, options).map_err(|error| {
            let place = dir.display();
            Failure::Message(format!(
                "{error}; nothing was written: remove {place} before the next try"
            ))
        })?;
        let kept = |spec: &InstrumentSpec| Kept::new(source_of(spec.venue.0));
        let venues = specs.iter().map(|spec| spec.venue.0 + 1).max();
        Ok(Self {
            kept: specs.iter().map(kept).collect(),
            venues: venues.unwrap_or(0),
            specs,
            writer,
            time_ns: 0,
            first_ns: 0,
            days: Vec::new(),
            levels: Vec::new(),
        })
    }

    /// Records written so far.
    pub(super) const fn records(&self) -> u64 {
        self.writer.last_seq()
    }

    /// Machine time of the first and of the last record.
    pub(super) const fn span(&self) -> (u64, u64) {
        (self.first_ns, self.time_ns)
    }

    /// UTC days that it has.
    pub(super) const fn days(&self) -> usize {
        self.days.len()
    }

    /// The instruments, with what stands of each.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&InstrumentSpec, Counts)> {
        let counts = self.kept.iter().map(|kept| kept.counts);
        self.specs.iter().zip(counts)
    }

    /// Goes on to the time of a row: writes the beginning of the data set, or of a day.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the journal refuses a record; so for all that write.
    pub(super) fn advance(&mut self, head: &Head) -> Result<(), Failure> {
        self.time_ns = self.time_ns.max(head.local_ns);
        let number = self.time_ns / DAY_NS;
        let last = self.days.last().map(|day| day.number);
        if last == Some(number) {
            return Ok(());
        }
        let first_seq = self.writer.last_seq() + 1;
        self.days.push(Day {
            number,
            first_seq,
            last_seq: first_seq,
            first_ns: self.time_ns,
            last_ns: self.time_ns,
        });
        if last.is_none() {
            self.first_ns = self.time_ns;
            self.begin(head.local_ns)
        } else {
            self.begin_day(head.local_ns)
        }
    }

    fn begin(&mut self, stamp_ns: u64) -> Result<(), Failure> {
        for index in 0..self.specs.len() {
            let parts = blob::records(BlobKind::Instrument, &self.specs[index]);
            for part in parts.map_err(Failure::because)? {
                self.append(part.from_source(SOURCE_OPERATOR).stamped(stamp_ns))?;
            }
        }
        for venue in 0..self.venues {
            self.say_venue(venue, LinkState::Up, "data set begins", stamp_ns)?;
        }
        Ok(())
    }

    /// Writes again what is known, for a reader that starts here.
    fn begin_day(&mut self, stamp_ns: u64) -> Result<(), Failure> {
        for venue in 0..self.venues {
            self.say_venue(venue, LinkState::Up, "day begins", stamp_ns)?;
        }
        for slot in 0..self.kept.len() {
            match self.kept[slot].state {
                State::Unknown => {}
                State::Whole => self.write_book_again(slot, stamp_ns)?,
                State::Stale => self.say(slot, LinkState::Stale, "day begins", stamp_ns)?,
            }
            if let Some(quote) = self.kept[slot].quote {
                self.write(slot, Kind::Quote, &quote, stamp_ns)?;
            }
            if let Some(mark) = self.kept[slot].mark {
                self.write(slot, Kind::Mark, &mark, stamp_ns)?;
            }
        }
        Ok(())
    }

    fn write_book_again(&mut self, slot: usize, stamp_ns: u64) -> Result<(), Failure> {
        let mut levels = std::mem::take(&mut self.levels);
        let id = self.kept[slot].id;
        let bids = self.kept[slot].write_to(&mut levels);
        let written = self.write_book(slot, id, 0, &levels, bids, stamp_ns);
        self.levels = levels;
        written?;
        self.say(slot, LinkState::Up, "day begins: book whole", stamp_ns)
    }

    /// The whole book, new.
    pub(super) fn book(
        &mut self,
        head: &Head,
        id: u64,
        levels: &[Level],
        bids: usize,
    ) -> Result<(), Failure> {
        let kept = &mut self.kept[head.slot];
        let id = kept.next_id(id);
        kept.bids.clear();
        kept.asks.clear();
        kept.apply(levels, bids);
        kept.state = State::Whole;
        kept.counts.books += 1;
        self.write_book(head.slot, id, head.venue_ns, levels, bids, head.local_ns)
    }

    /// Says that the book is whole, behind its snapshot and what had to follow at once.
    pub(super) fn book_is_whole(&mut self, head: &Head) -> Result<(), Failure> {
        let words = format!("book whole from update {}", self.kept[head.slot].id);
        self.say(head.slot, LinkState::Up, &words, head.local_ns)
    }

    /// New quantities of levels.
    pub(super) fn levels(
        &mut self,
        head: &Head,
        id: u64,
        levels: &[Level],
        bids: usize,
    ) -> Result<(), Failure> {
        let kept = &mut self.kept[head.slot];
        let id = kept.next_id(id);
        kept.apply(levels, bids);
        kept.counts.messages += 1;
        self.write_levels(
            head.slot,
            id,
            head.venue_ns,
            (levels, bids),
            0,
            head.local_ns,
        )
    }

    /// One order's change; its levels follow.
    pub(super) fn order(&mut self, head: &Head, order: &BookOrder) -> Result<(), Failure> {
        self.kept[head.slot].counts.orders += 1;
        self.write(head.slot, Kind::BookOrder, order, head.local_ns)
    }

    /// What is known of an instrument, to be changed with what is written.
    pub(super) fn kept_mut(&mut self, slot: usize) -> &mut Kept {
        &mut self.kept[slot]
    }

    /// An instrument's steps of price and quantity.
    pub(super) fn steps(&self, slot: usize) -> (Scale, Scale) {
        (self.specs[slot].tick, self.specs[slot].lot)
    }

    /// What is known of an instrument.
    pub(super) fn kept(&self, slot: usize) -> &Kept {
        &self.kept[slot]
    }

    /// The book is not current any more.
    pub(super) fn stale(&mut self, head: &Head, words: &str) -> Result<(), Failure> {
        self.kept[head.slot].state = State::Stale;
        self.say(head.slot, LinkState::Stale, words, head.local_ns)
    }

    /// A trade.
    pub(super) fn trade(&mut self, head: &Head, trade: &Trade) -> Result<(), Failure> {
        self.kept[head.slot].counts.trades += 1;
        self.write(head.slot, Kind::Trade, trade, head.local_ns)
    }

    /// Best bid and ask.
    pub(super) fn quote(&mut self, head: &Head, mut quote: Quote) -> Result<(), Failure> {
        let kept = &mut self.kept[head.slot];
        quote.update_id = kept.next_id_of_quote(quote.update_id);
        kept.quote = Some(quote);
        kept.counts.quotes += 1;
        self.write(head.slot, Kind::Quote, &quote, head.local_ns)
    }

    /// Mark price and funding.
    pub(super) fn mark(&mut self, head: &Head, mark: &Mark) -> Result<(), Failure> {
        self.kept[head.slot].mark = Some(*mark);
        self.kept[head.slot].counts.marks += 1;
        self.write(head.slot, Kind::Mark, mark, head.local_ns)
    }

    /// Writes the last records: nothing is current behind the end.
    ///
    /// # Errors
    ///
    /// As [`Self::advance`].
    pub(super) fn end(&mut self, words: &str) -> Result<(), Failure> {
        if !self.days.is_empty() {
            for venue in 0..self.venues {
                self.say_venue(venue, LinkState::Down, words, self.time_ns)?;
            }
        }
        Ok(())
    }

    /// Closes the journal in order and returns its days, as they stand in `days.json`.
    ///
    /// # Errors
    ///
    /// [`Failure`]: what was written is not on stable storage.
    pub(super) fn close(self) -> Result<Value, Failure> {
        let days: Vec<Value> = self.days.iter().map(Day::as_json).collect();
        let records = self.records();
        self.writer.close().map_err(Failure::because)?;
        Ok(json!({ "version": 1, "records": records, "days": days }))
    }

    fn write_book(
        &mut self,
        slot: usize,
        id: u64,
        venue_ns: u64,
        levels: &[Level],
        bids: usize,
        stamp_ns: u64,
    ) -> Result<(), Failure> {
        let reset = BookReset {
            update_id: id,
            level_records: levels.len().div_ceil(LEVELS_PER_RECORD) as u64,
            reserved: [0; 64],
        };
        self.write(slot, Kind::BookReset, &reset, stamp_ns)?;
        for order in self.kept[slot].orders_by_place() {
            let order = BookOrder {
                change: BookChange::Added,
                ..order
            };
            let record = self.about(slot, Record::new(Kind::BookOrder, &order), stamp_ns);
            self.append(record.with_flags(flags::SNAPSHOT))?;
        }
        self.write_levels(
            slot,
            id,
            venue_ns,
            (levels, bids),
            flags::SNAPSHOT,
            stamp_ns,
        )
    }

    fn write_levels(
        &mut self,
        slot: usize,
        id: u64,
        venue_ns: u64,
        (levels, bids): (&[Level], usize),
        common_flags: u8,
        stamp_ns: u64,
    ) -> Result<(), Failure> {
        let bodies = BookLevels::cut(id, venue_ns, levels, bids);
        let mut left = bodies.len();
        for (body, detail) in bodies {
            left -= 1;
            let last = if left == 0 { flags::LAST_OF_MESSAGE } else { 0 };
            let mut record = self.about(slot, Record::new(Kind::BookLevels, &body), stamp_ns);
            record = record.with_flags(common_flags | last);
            record.detail = detail;
            self.append(record)?;
        }
        Ok(())
    }

    fn write<B: Body>(
        &mut self,
        slot: usize,
        kind: Kind,
        body: &B,
        stamp_ns: u64,
    ) -> Result<(), Failure> {
        let record = self.about(slot, Record::new(kind, body), stamp_ns);
        self.append(record)
    }

    fn about(&self, slot: usize, record: Record, stamp_ns: u64) -> Record {
        record
            .from_source(self.kept[slot].source)
            .on_instrument(self.specs[slot].id)
            .stamped(stamp_ns)
    }

    fn say(
        &mut self,
        slot: usize,
        state: LinkState,
        words: &str,
        stamp_ns: u64,
    ) -> Result<(), Failure> {
        let body = connection(self.specs[slot].venue.0, state, words);
        self.write(slot, Kind::Connection, &body, stamp_ns)
    }

    fn say_venue(
        &mut self,
        venue: u8,
        state: LinkState,
        words: &str,
        stamp_ns: u64,
    ) -> Result<(), Failure> {
        let record = Record::new(Kind::Connection, &connection(venue, state, words));
        self.append(record.from_source(source_of(venue)).stamped(stamp_ns))
    }

    fn append(&mut self, mut record: Record) -> Result<(), Failure> {
        record.time_ns = self.time_ns;
        record.event = self.writer.last_seq() + 1;
        loop {
            match self.writer.append(&record) {
                Ok(seq) => {
                    if let Some(day) = self.days.last_mut() {
                        day.last_seq = seq;
                        day.last_ns = self.time_ns;
                    }
                    return Ok(());
                }
                Err(AppendError::SegmentNotReady) => std::thread::sleep(SEGMENT_WAIT),
                Err(error) => return Err(Failure::because(error)),
            }
        }
    }
}

/// The lane of a venue's feed, as a run of the engine would number them.
const fn source_of(venue: u8) -> SourceId {
    SourceId(SOURCE_FIRST_PORT.0.saturating_add(venue))
}

fn connection(venue: u8, state: LinkState, words: &str) -> Connection {
    Connection {
        venue,
        channel: Channel::Market,
        state,
        reserved: 0,
        code: 0,
        text: Text::cut(words),
    }
}
