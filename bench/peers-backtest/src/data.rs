//! A data set of ours, as the events that hftbacktest reads, and copies of it: without quotes, and
//! repeated with later times. One thread; not measured.

use std::error::Error;
use std::path::Path;

use hftbacktest::types::{
    BUY_EVENT, DEPTH_CLEAR_EVENT, DEPTH_EVENT, DEPTH_SNAPSHOT_EVENT, EXCH_EVENT, Event,
    LOCAL_EVENT, SELL_EVENT, TRADE_EVENT,
};
use journal::{AppendError, Durability, Options, Reader, Writer};
use model::blob::{self, BlobKind};
use model::body::{BookLevels, Side};
use model::event::{self, Event as Ours, View};
use model::instrument::InstrumentSpec;
use model::record::{Kind, Record, flags};
use replay::backtest::{DataSet, Shift};

pub(crate) type Failure = Box<dyn Error>;

/// Records of a batch of reading.
const BATCH: usize = 4_096;

/// A data set without quotes.
pub(crate) struct Market {
    pub(crate) spec: InstrumentSpec,
    /// As our backtest is told.
    pub(crate) shift: Shift,
    /// Depth and trades as recorded.
    records: Vec<Record>,
}

impl Market {
    /// Reads `dir`, whose first instrument is what is traded.
    pub(crate) fn read(dir: &Path) -> Result<Self, Failure> {
        let spec = DataSet::open(dir)?.instruments()[0].clone();
        let least = DataSet::open(dir)?.least_delay_ns()?.unwrap_or(0);
        let shift = if least < 0 {
            Shift::By(-least)
        } else {
            Shift::None
        };
        let mut reader = Reader::open(dir)?;
        let mut records = Vec::new();
        loop {
            let batch = reader.next_batch(BATCH)?;
            if batch.is_empty() {
                break;
            }
            let wanted = |record: &&Record| {
                record.instrument() == Some(spec.id)
                    && [Kind::BookReset, Kind::BookLevels, Kind::Trade]
                        .iter()
                        .any(|kind| record.kind == kind.code())
            };
            records.extend(batch.iter().filter(wanted));
        }
        if records.is_empty() {
            return Err(format!("{}: no depth and no trades", dir.display()).into());
        }
        Ok(Self {
            spec,
            shift,
            records,
        })
    }

    /// A market of these records, in the order of their stamps.
    pub(crate) const fn of(spec: InstrumentSpec, records: Vec<Record>) -> Self {
        Self {
            spec,
            shift: Shift::None,
            records,
        }
    }

    /// The market `times` in a row, each later than the one before by what it lasts.
    pub(crate) fn repeated(&self, times: u64) -> Result<Self, Failure> {
        let first = self.records.first().map_or(0, |record| record.stamp_ns);
        let last = self.records.last().map_or(0, |record| record.stamp_ns);
        // A second and more between two turns, so that both clocks are past the one before.
        let turn_ns = last.saturating_sub(first) + 5_000_000_000;
        let mut most = 0;
        for record in &self.records {
            most = most.max(update_id(record)?);
        }
        let mut records = Vec::new();
        for turn in 0..times {
            for record in &self.records {
                records.push(moved(record, turn * turn_ns, turn * (most + 1))?);
            }
        }
        Ok(Self {
            spec: self.spec.clone(),
            shift: self.shift,
            records,
        })
    }

    /// Writes it as a data set of its own.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), Failure> {
        let options = Options::new(Durability::Process).segment_bytes(64 << 20);
        let (mut writer, _) = Writer::open(dir, options)?;
        let first = self.records.first().map_or(0, |record| record.stamp_ns);
        let parts = blob::records(BlobKind::Instrument, &self.spec)?;
        let parts = parts.iter().map(|part| part.stamped(first));
        let mut now_ns = 0;
        for (index, record) in parts.chain(self.records.iter().copied()).enumerate() {
            now_ns = record.stamp_ns.max(now_ns);
            let mut record = record;
            record.event = index as u64 + 1;
            record.time_ns = now_ns;
            while let Err(error) = writer.append(&record) {
                if !matches!(error, AppendError::SegmentNotReady) {
                    return Err(error.into());
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        writer.close()?;
        Ok(())
    }

    /// Levels and trades: what both are counted in.
    pub(crate) fn rows(&self) -> Result<u64, Failure> {
        let mut rows = 0;
        for record in &self.records {
            rows += match view(record)? {
                Ours::BookLevels(levels) => levels.iter(record.detail).count() as u64,
                _ => 1,
            };
        }
        Ok(rows)
    }

    /// The same for hftbacktest: one row a level and trade, with the two times that our backtest
    /// takes, in an order that is right by both clocks.
    pub(crate) fn events(&self) -> Result<Vec<Event>, Failure> {
        let (tick, lot) = units(&self.spec)?;
        let mut rows = Vec::new();
        let mut here_ns = 0;
        for record in &self.records {
            let recorded_ns = match self.shift {
                Shift::None => record.stamp_ns,
                Shift::By(ns) => record.stamp_ns.saturating_add_signed(ns),
            };
            here_ns = recorded_ns.max(here_ns);
            let row = |ev: u64, there_ns: u64, px: f64, qty: f64| {
                let there_ns = if there_ns > 0 { there_ns } else { here_ns };
                Event {
                    ev,
                    exch_ts: there_ns.cast_signed(),
                    local_ts: here_ns.cast_signed(),
                    px,
                    qty,
                    order_id: 0,
                    ival: 0,
                    fval: 0.0,
                }
            };
            match view(record)? {
                Ours::BookReset(_) => rows.push(row(DEPTH_CLEAR_EVENT, 0, 0.0, 0.0)),
                Ours::BookLevels(levels) => {
                    let kind = if record.has(flags::SNAPSHOT) {
                        DEPTH_SNAPSHOT_EVENT
                    } else {
                        DEPTH_EVENT
                    };
                    for (side, level) in levels.iter(record.detail) {
                        let px = level.price.0 as f64 * tick;
                        let qty = level.qty.0 as f64 * lot;
                        rows.push(row(kind | flag(side), levels.venue_time_ns, px, qty));
                    }
                }
                Ours::Trade(trade) => {
                    let px = trade.price.0 as f64 * tick;
                    let qty = trade.qty.0 as f64 * lot;
                    let kind = TRADE_EVENT | flag(trade.aggressor);
                    rows.push(row(kind, trade.venue_time_ns, px, qty));
                }
                _ => {}
            }
        }
        keep_books_in_order(&mut rows);
        Ok(in_both_orders(&rows))
    }

    /// Trades alone.
    pub(crate) fn trades(&self) -> impl Iterator<Item = &Record> {
        let records = self.records.iter();
        records.filter(|record| record.kind == Kind::Trade.code())
    }

    /// Levels alone, each with whether it ends its message.
    pub(crate) fn messages(&self) -> Result<Vec<(Event, bool)>, Failure> {
        let (tick, lot) = units(&self.spec)?;
        let mut rows = Vec::new();
        for record in self.depth() {
            let Ours::BookLevels(levels) = view(record)? else {
                continue;
            };
            for (side, level) in levels.iter(record.detail) {
                let row = Event {
                    ev: DEPTH_EVENT | flag(side),
                    exch_ts: 0,
                    local_ts: 0,
                    px: level.price.0 as f64 * tick,
                    qty: level.qty.0 as f64 * lot,
                    order_id: 0,
                    ival: 0,
                    fval: 0.0,
                };
                rows.push((row, false));
            }
            if let Some((_, last)) = rows.last_mut() {
                *last = record.has(flags::LAST_OF_MESSAGE);
            }
        }
        Ok(rows)
    }

    /// Each depth record alone, for the books.
    pub(crate) fn depth(&self) -> impl Iterator<Item = &Record> {
        let levels = self.records.iter();
        levels.filter(|record| record.kind != Kind::Trade.code())
    }
}

/// Base units of a tick and of a lot.
pub(crate) fn units(spec: &InstrumentSpec) -> Result<(f64, f64), Failure> {
    let tick: Option<f64> = spec.tick.decimal(1).and_then(|one| one.try_into().ok());
    let lot: Option<f64> = spec.lot.decimal(1).and_then(|one| one.try_into().ok());
    tick.zip(lot)
        .ok_or_else(|| "a tick or lot is no number".into())
}

pub(crate) fn view(record: &Record) -> Result<Ours<'_>, Failure> {
    match event::view(record) {
        Ok(View::Event(event)) => Ok(event),
        Ok(_) => Err("a command in a data set".into()),
        Err(error) => Err(format!("record {}: {error}", record.seq).into()),
    }
}

fn flag(side: Side) -> u64 {
    match side {
        Side::Buy => BUY_EVENT,
        Side::Sell => SELL_EVENT,
    }
}

fn update_id(record: &Record) -> Result<u64, Failure> {
    Ok(match view(record)? {
        Ours::BookReset(reset) => reset.update_id,
        Ours::BookLevels(levels) => levels.update_id,
        _ => 0,
    })
}

/// The record so much later, with so much larger numbers of updates.
fn moved(record: &Record, ns: u64, ids: u64) -> Result<Record, Failure> {
    let later = |at_ns: u64| if at_ns == 0 { 0 } else { at_ns + ns };
    let mut new = match view(record)? {
        Ours::BookReset(reset) => {
            let mut body = *reset;
            body.update_id += ids;
            Record::new(Kind::BookReset, &body)
        }
        Ours::BookLevels(levels) => {
            let body = BookLevels {
                update_id: levels.update_id + ids,
                venue_time_ns: later(levels.venue_time_ns),
                ..*levels
            };
            Record::new(Kind::BookLevels, &body)
        }
        Ours::Trade(trade) => {
            let mut body = *trade;
            body.trade_id += ids;
            body.venue_time_ns = later(trade.venue_time_ns);
            Record::new(Kind::Trade, &body)
        }
        _ => return Err("neither depth nor trade".into()),
    };
    new.detail = record.detail;
    new = new.with_flags(record.flags).from_source(record.source());
    if let Some(instrument) = record.instrument() {
        new = new.on_instrument(instrument);
    }
    Ok(new.stamped(record.stamp_ns + ns))
}

/// A snapshot happens no later than the change that follows it, as in our backtest.
fn keep_books_in_order(rows: &mut [Event]) {
    let mut next_ns = i64::MAX;
    for row in rows.iter_mut().rev() {
        match row.ev & 0xff {
            DEPTH_EVENT => next_ns = row.exch_ts,
            DEPTH_CLEAR_EVENT | DEPTH_SNAPSHOT_EVENT => row.exch_ts = row.exch_ts.min(next_ns),
            _ => {}
        }
    }
}

/// Rows in such an order that those of the exchange never go back by its time, nor ours by ours. A
/// row that would is told twice, once for each side.
fn in_both_orders(rows: &[Event]) -> Vec<Event> {
    let mut there: Vec<usize> = (0..rows.len()).collect();
    there.sort_by_key(|&index| rows[index].exch_ts);
    let mut out = Vec::with_capacity(rows.len());
    let (mut i, mut j) = (0, 0);
    let flagged = |index: usize, flags: u64| {
        let mut row = rows[index].clone();
        row.ev |= flags;
        row
    };
    // Local times rise with the index: all before `j` were told to us.
    while i < there.len() || j < rows.len() {
        match there.get(i) {
            Some(&next) if next == j => {
                out.push(flagged(j, EXCH_EVENT | LOCAL_EVENT));
                i += 1;
                j += 1;
            }
            Some(&next) if next < j || j == rows.len() || rows[next].exch_ts < rows[j].exch_ts => {
                out.push(flagged(next, EXCH_EVENT));
                i += 1;
            }
            Some(_) | None => {
                out.push(flagged(j, LOCAL_EVENT));
                j += 1;
            }
        }
    }
    out
}
