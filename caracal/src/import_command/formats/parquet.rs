//! Parquet as `caracal journal export` writes it: the market records of a journal, whole.
//!
//! Of each row the header's columns and the body are read; the instruments come from the
//! journal's own definitions, so an export must hold them (it does unless `--kind` or `--from`
//! left them out). A journal's lanes are not in the order of the local clock to the last
//! microsecond, so rows are sorted over a window.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::rc::Rc;

use model::blob::{self, Assembler, BlobKind};
use model::body::{BlobPart, BookLevels, Connection, Level, LinkState, Side};
use model::event::{Event, event};
use model::ids::InstrumentId;
use model::instrument::InstrumentSpec;
use model::record::{Record, flags};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::parser::parse_message_type;

use super::super::findings::Finding;
use super::super::input::{Broken, Progress};
use super::super::row::{Head, Rows, What};
use super::super::stream::{Context, Format};

/// What is read of each row, in the file's order.
const COLUMNS: &str = "message caracal_journal {
    REQUIRED INT64 time (TIMESTAMP(NANOS,true));
    OPTIONAL INT64 stamp (TIMESTAMP(NANOS,true));
    REQUIRED INT32 kind_code (INTEGER(8,false));
    REQUIRED INT32 source (INTEGER(8,false));
    REQUIRED INT32 flags (INTEGER(8,false));
    REQUIRED INT32 detail (INTEGER(8,false));
    OPTIONAL INT32 instrument (INTEGER(32,false));
    REQUIRED FIXED_LEN_BYTE_ARRAY(80) body;
}";

/// An instrument of the file.
#[derive(Debug)]
struct Known {
    slot: usize,
    venue: u8,
    /// The book message whose records are being read: is it a snapshot, its sides.
    message: Option<(bool, [Vec<Level>; 2])>,
    /// The venue's connection ended since its last row.
    was_lost: bool,
}

/// A file that is being read.
pub(super) struct Export {
    rows: RowIter<'static>,
    row: u64,
    count: u64,
    bytes: u64,
    progress: Progress,
    file: usize,
    lanes: BTreeMap<u8, Assembler>,
    known: BTreeMap<u32, Known>,
}

impl Export {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Broken`]: it cannot be read, or is no export of a journal.
    pub(super) fn open(file: usize, path: &Path, progress: &Progress) -> Result<Self, Broken> {
        let failed = |error: std::io::Error| Broken::file(format!("cannot be read: {error}"));
        let opened = File::open(path).map_err(failed)?;
        let bytes = opened.metadata().map_err(failed)?.len();
        let foreign = |error: ParquetError| {
            Broken::file(format!(
                "is no Parquet of `caracal journal export`: {error}"
            ))
        };
        let reader = SerializedFileReader::new(opened).map_err(foreign)?;
        let count = reader.metadata().file_metadata().num_rows();
        let columns = parse_message_type(COLUMNS).map_err(foreign)?;
        let rows = RowIter::from_file_into(Box::new(reader));
        Ok(Self {
            rows: rows.project(Some(columns)).map_err(foreign)?,
            row: 0,
            count: u64::try_from(count).unwrap_or(0).max(1),
            bytes,
            progress: Rc::clone(progress),
            file,
            lanes: BTreeMap::new(),
            known: BTreeMap::new(),
        })
    }

    fn broken(&self, reason: impl Into<String>) -> Broken {
        Broken {
            line: self.row,
            reason: reason.into(),
        }
    }

    /// The library does not say how far it is: as many bytes as rows, in parts of the whole.
    fn advance(&mut self) {
        let at = |row: u64| u128::from(self.bytes) * u128::from(row) / u128::from(self.count);
        let step = at(self.row + 1).saturating_sub(at(self.row));
        let step = u64::try_from(step).unwrap_or(0);
        self.progress.set(self.progress.get().saturating_add(step));
        self.row += 1;
    }
}

impl Format for Export {
    fn read(&mut self, rows: &mut Rows, context: &mut Context<'_>) -> Result<bool, Broken> {
        let Some(row) = self.rows.next() else {
            return Ok(false);
        };
        self.advance();
        let row = row.map_err(|error| self.broken(format!("the file is damaged: {error}")))?;
        let record = record(&row).ok_or_else(|| self.broken("is no record of a journal"))?;
        self.take(&record, rows, context)?;
        Ok(true)
    }
}

/// The record of a row, as far as a data set needs it.
fn record(row: &Row) -> Option<Record> {
    let mut record = Record::ZERO;
    let mut fields = row.get_column_iter().map(|(_, field)| field);
    record.time_ns = whole(fields.next()?)?;
    let stamp = fields.next()?;
    let has_stamp = *stamp != Field::Null;
    record.stamp_ns = if has_stamp {
        whole(stamp)?
    } else {
        record.time_ns
    };
    let mut byte = || u8::try_from(whole(fields.next()?)?).ok();
    record.kind = byte()?;
    record.source = byte()?;
    record.flags = byte()?;
    record.detail = byte()?;
    let number = fields.next()?;
    if *number != Field::Null {
        let id = u32::try_from(whole(number)?).ok()?;
        record = record.on_instrument(InstrumentId(id));
    }
    let Field::Bytes(body) = fields.next()? else {
        return None;
    };
    if body.len() != record.body.len() {
        return None;
    }
    record.body.copy_from_slice(body.data());
    Some(record)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has many types of columns"
)]
fn whole(field: &Field) -> Option<u64> {
    match field {
        Field::UByte(value) => Some(u64::from(*value)),
        Field::UInt(value) => Some(u64::from(*value)),
        Field::ULong(value) => Some(*value),
        Field::Int(value) => u64::try_from(*value).ok(),
        Field::Long(value) | Field::TimestampMicros(value) => u64::try_from(*value).ok(),
        _ => None,
    }
}

impl Export {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a data set has few kinds of a journal's"
    )]
    fn take(
        &mut self,
        record: &Record,
        rows: &mut Rows,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let Ok(event) = event(record) else {
            // A command, a filling, or a kind of a later version: none of the market's.
            return Ok(());
        };
        match event {
            Event::RunStarted(_) => {
                self.lanes.clear();
                self.known
                    .values_mut()
                    .for_each(|known| known.was_lost = true);
                Ok(())
            }
            Event::BlobPart(part) => self.define(record.source, part, context),
            Event::Connection(link) => self.link(record, link, rows),
            Event::BookReset(reset) => {
                let head = self.head(record, 0)?;
                let Some(known) = self.known_mut(record) else {
                    return Ok(());
                };
                known.was_lost = false;
                known.message = Some((true, [Vec::new(), Vec::new()]));
                if reset.level_records == 0 {
                    known.message = None;
                    rows.push(
                        head,
                        What::Book {
                            id: reset.update_id,
                        },
                    );
                }
                Ok(())
            }
            Event::BookLevels(levels) => self.levels(record, levels, rows),
            Event::BookOrder(order) => {
                // The levels say the same of the book, and both at once would count twice.
                let head = self.head(record, order.venue_time_ns)?;
                let text = || format!("order {} of the venue's book", order.order_id);
                context.findings.add(Finding::Unused, &head, text);
                Ok(())
            }
            Event::Trade(trade) => {
                let head = self.head(record, trade.venue_time_ns)?;
                self.not_current(&head, record, rows);
                context.catalog.seen(head.slot).trades = true;
                rows.push(head, What::Trade(*trade));
                Ok(())
            }
            Event::Quote(quote) => {
                let head = self.head(record, quote.venue_time_ns)?;
                self.not_current(&head, record, rows);
                rows.push(head, What::Quote(*quote));
                Ok(())
            }
            Event::Mark(mark) => {
                let head = self.head(record, mark.venue_time_ns)?;
                rows.push(head, What::Mark(*mark));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn known_mut(&mut self, record: &Record) -> Option<&mut Known> {
        self.known.get_mut(&record.instrument()?.0)
    }

    fn head(&self, record: &Record, venue_ns: u64) -> Result<Head, Broken> {
        let id = record.instrument().map_or(u32::MAX, |id| id.0);
        let Some(known) = self.known.get(&id) else {
            return Err(self.broken(format!(
                "is of instrument {id}, which the file does not define: export the journal \
                 without --kind and from its start"
            )));
        };
        Ok(Head {
            local_ns: record.stamp_ns,
            venue_ns,
            slot: known.slot,
            file: self.file,
            line: self.row,
        })
    }

    /// Parts of an instrument's definition.
    fn define(
        &mut self,
        lane: u8,
        part: &BlobPart,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let whole = self.lanes.entry(lane).or_default().push(part);
        let Ok(Some((BlobKind::Instrument, bytes))) = whole else {
            return Ok(());
        };
        let spec: InstrumentSpec = blob::value(&bytes)
            .map_err(|error| self.broken(format!("defines an instrument unreadably: {error}")))?;
        let slot = context.catalog.define(&spec);
        let slot = slot.map_err(|reason| self.broken(reason))?;
        let venue = spec.venue.0;
        self.known.entry(spec.id.0).or_insert(Known {
            slot,
            venue,
            message: None,
            was_lost: false,
        });
        Ok(())
    }

    fn link(&mut self, record: &Record, link: &Connection, rows: &mut Rows) -> Result<(), Broken> {
        let is_lost = match link.state {
            LinkState::Up | LinkState::Notice => false,
            LinkState::Down | LinkState::Syncing | LinkState::Stale | LinkState::Failed => true,
        };
        if !is_lost || link.channel != model::body::Channel::Market {
            return Ok(());
        }
        if record.instrument().is_some() {
            let head = self.head(record, 0)?;
            rows.push(head, What::Stale);
            return Ok(());
        }
        // Told with the next row, so that the end of a journal is no gap.
        for known in self
            .known
            .values_mut()
            .filter(|known| known.venue == link.venue)
        {
            known.was_lost = true;
        }
        Ok(())
    }

    fn not_current(&mut self, head: &Head, record: &Record, rows: &mut Rows) {
        if let Some(known) = self.known_mut(record)
            && std::mem::take(&mut known.was_lost)
        {
            rows.push(*head, What::Stale);
        }
    }

    fn levels(
        &mut self,
        record: &Record,
        levels: &BookLevels,
        rows: &mut Rows,
    ) -> Result<(), Broken> {
        let head = self.head(record, levels.venue_time_ns)?;
        let is_snapshot = record.has(flags::SNAPSHOT);
        if !is_snapshot {
            self.not_current(&head, record, rows);
        }
        let Some(known) = self.known_mut(record) else {
            return Ok(());
        };
        let new = || (is_snapshot, [Vec::new(), Vec::new()]);
        let (whole, sides) = known.message.get_or_insert_with(new);
        for (side, level) in levels.iter(record.detail) {
            sides[usize::from(side == Side::Sell)].push(level);
        }
        if !record.has(flags::LAST_OF_MESSAGE) {
            return Ok(());
        }
        let id = levels.update_id;
        let what = if *whole {
            What::Book { id }
        } else {
            What::Levels { id }
        };
        let [bids, asks] = sides;
        let bids_len = bids.len();
        bids.append(asks);
        rows.push_levels(head, what, bids, bids_len);
        known.message = None;
        Ok(())
    }
}
