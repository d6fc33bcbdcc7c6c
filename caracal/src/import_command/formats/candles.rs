//! Candles: each becomes four trades and a quote about each, in an order that is the same always.
//!
//! A candle does not say in which order its prices were. Taken is: open, then low before high if
//! it closed at or above its open, else high before low, then close; at the candle's start, a
//! third and two thirds into it, and its last nanosecond. A quarter of the volume is at each of
//! the first three, the rest at the close; a part of no whole lot is no trade. The taker sells
//! where the price fell since the last one, else it buys. A quote one tick below and one above
//! comes before each.

use std::path::Path;

use model::body::{Level, Quote, Side, Trade};
use model::num::{Lots, Ticks};

use super::super::args::{ImportArgs, MarketKind};
use super::super::catalog;
use super::super::findings::Finding;
use super::super::input::{self, Broken, Progress};
use super::super::row::{Head, Rows, What};
use super::super::stream::{Context, Format};
use super::numbers;
use super::table::Table;

/// One candle, as text and times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candle<'a> {
    /// Its start, nanoseconds since the Unix epoch.
    pub(super) start_ns: u64,
    /// Its length, nanoseconds.
    pub(super) length_ns: u64,
    /// Open, high, low, close, volume.
    pub(super) texts: [&'a str; 5],
}

/// What is kept from one candle to the next.
#[derive(Debug, Default)]
pub(super) struct Unfolder {
    last_price: i64,
}

impl Unfolder {
    /// Makes rows of a candle.
    pub(super) fn unfold(
        &mut self,
        head: &Head,
        candle: &Candle<'_>,
        rows: &mut Rows,
        context: &mut Context<'_>,
    ) {
        let mut prices = [0; 4];
        for (price, text) in prices.iter_mut().zip(candle.texts) {
            // Each price with the volume: both are checked, and the volume's step is learned.
            let Some(level) = numbers::level(head, text, candle.texts[4], context) else {
                return;
            };
            *price = level.price.0;
        }
        let volume = context
            .catalog
            .qty_down(head.slot, candle.texts[4])
            .unwrap_or(0);
        let [open, high, low, close] = prices;
        let is_possible = high >= open.max(close).max(low) && low <= open.min(close);
        if !is_possible && !context.catalog.is_learning() {
            let text = || {
                let [open, high, low, close, _] = candle.texts;
                format!("a candle with open {open}, high {high}, low {low}, close {close}")
            };
            context.findings.add(Finding::Impossible, head, text);
            return;
        }
        let (first, second) = if close >= open {
            (low, high)
        } else {
            (high, low)
        };
        let third = candle.length_ns / 3;
        let steps = [
            (open, 0),
            (first, third),
            (second, 2 * third),
            (close, candle.length_ns.saturating_sub(1)),
        ];
        let quarter = volume / 4;
        for (index, (price, after_ns)) in steps.into_iter().enumerate() {
            let qty = if index == 3 {
                volume - 3 * quarter
            } else {
                quarter
            };
            let at_ns = candle.start_ns.saturating_add(after_ns);
            let head = Head {
                local_ns: at_ns,
                venue_ns: at_ns,
                ..*head
            };
            self.step(&head, price, qty, rows);
        }
    }

    fn step(&mut self, head: &Head, price: i64, qty: i64, rows: &mut Rows) {
        let about = |price: i64| match price {
            ..=0 => Level::UNUSED,
            price => Level {
                price: Ticks(price),
                qty: Lots(qty.max(1)),
            },
        };
        let quote = Quote {
            update_id: 0,
            venue_time_ns: head.venue_ns,
            bid: about(price - 1),
            ask: about(price.saturating_add(1)),
            reserved: [0; 32],
        };
        rows.push(*head, What::Quote(quote));
        if qty > 0 {
            let fell = price < self.last_price;
            let trade = Trade {
                trade_id: 0,
                venue_time_ns: head.venue_ns,
                price: Ticks(price),
                qty: Lots(qty),
                aggressor: if fell { Side::Sell } else { Side::Buy },
                reserved: [0; 47],
            };
            rows.push(*head, What::Trade(trade));
        }
        self.last_price = price;
    }
}

/// A CSV of candles: `time, open, high, low, close, volume`, by a header or in this order.
pub(super) struct Candles {
    table: Table,
    file: usize,
    symbol: String,
    market: MarketKind,
    length_ns: u64,
    columns: [usize; 6],
    unfolder: Unfolder,
}

impl Candles {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Broken`]: it cannot be read, a column is missing, or symbol or interval were not given.
    pub(super) fn open(
        args: &ImportArgs,
        file: usize,
        path: &Path,
        progress: &Progress,
    ) -> Result<Self, Broken> {
        let table = Table::open(input::open(path, ".csv", progress)?.reader)?;
        let needs = |what: &str| Broken::file(format!("candles do not say {what}"));
        let symbol = args.symbol.clone();
        let symbol = symbol.ok_or_else(|| needs("their symbol: give --symbol"))?;
        let length = args.interval;
        let length = length.ok_or_else(|| needs("their length: give --interval, as 1m or 1d"))?;
        Ok(Self {
            columns: columns(&table)?,
            table,
            file,
            symbol,
            market: args.market.unwrap_or(MarketKind::Spot),
            length_ns: u64::try_from(length.as_nanos()).unwrap_or(u64::MAX),
            unfolder: Unfolder::default(),
        })
    }
}

fn columns(table: &Table) -> Result<[usize; 6], Broken> {
    const TIMES: &[&str] = &[
        "time",
        "timestamp",
        "open_time",
        "open time",
        "date",
        "datetime",
    ];
    const NAMES: [&[&str]; 6] = [
        TIMES,
        &["open"],
        &["high"],
        &["low"],
        &["close"],
        &["volume", "vol"],
    ];
    if !table.has_header() {
        if table.columns() < 6 {
            let reason = "is no candle: time, open, high, low, close, volume belong there";
            return Err(table.broken(reason));
        }
        return Ok([0, 1, 2, 3, 4, 5]);
    }
    let mut places = [0; 6];
    for (place, names) in places.iter_mut().zip(NAMES) {
        let found = table.column(names);
        *place = found.ok_or_else(|| table.broken(format!("has no column {}", names[0])))?;
    }
    Ok(places)
}

impl Format for Candles {
    fn read(&mut self, rows: &mut Rows, context: &mut Context<'_>) -> Result<bool, Broken> {
        if !self.table.next()? {
            return Ok(false);
        }
        let table = &self.table;
        let venue = catalog::binance(self.market);
        let slot = context.catalog.slot(venue, &self.symbol, self.market);
        let slot = slot.map_err(|reason| table.broken(reason))?;
        let [time, prices @ ..] = self.columns;
        let start_ns = table.time(time)?;
        let head = Head {
            local_ns: start_ns,
            venue_ns: start_ns,
            slot,
            file: self.file,
            line: table.line(),
        };
        let candle = Candle {
            start_ns,
            length_ns: self.length_ns,
            texts: prices.map(|column| table.field(column)),
        };
        self.unfolder.unfold(&head, &candle, rows, context);
        Ok(true)
    }
}
