//! Binance's public archives: zipped CSV of aggregate trades, trades, best prices or candles.
//!
//! What a file holds, and of which symbol, is in its name (`BTCUSDT-aggTrades-2024-08-08.zip`). It
//! has one time a row, the exchange's, in milliseconds or (spot, from 2025) microseconds; the local
//! time is taken to be the same.

use std::path::Path;

use model::body::{Level, Quote, Side, Trade};

use super::super::args::{ArchiveKind, ImportArgs, MarketKind};
use super::super::catalog;
use super::super::input::{self, Broken, Progress};
use super::super::row::{Head, Rows, What};
use super::super::stream::{Context, Format};
use super::candles::{Candle, Unfolder};
use super::numbers;
use super::table::Table;

/// An archive that is being read.
pub(super) struct Archive {
    table: Table,
    file: usize,
    kind: ArchiveKind,
    symbol: String,
    market: MarketKind,
    unfolder: Unfolder,
}

impl Archive {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Broken`]: it cannot be read, its kind or symbol cannot be told, or it has too few columns.
    pub(super) fn open(
        args: &ImportArgs,
        file: usize,
        path: &Path,
        progress: &Progress,
    ) -> Result<Self, Broken> {
        let opened = input::open(path, ".csv", progress)?;
        let own = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let told = told_by(&opened.name).or_else(|| told_by(&own));
        let table = Table::open(opened.reader)?;
        let kind = args
            .kind
            .or(told.as_ref().map(|(_, kind)| *kind))
            .or_else(|| by_header(&table));
        let kind = kind.ok_or_else(|| {
            Broken::file("neither its name nor a header says what it holds: give --kind")
        })?;
        let symbol = told
            .map(|(symbol, _)| symbol)
            .or_else(|| args.symbol.clone());
        let symbol = symbol
            .ok_or_else(|| Broken::file("its name does not begin with a symbol: give --symbol"))?;
        let columns = table.columns();
        let (least, market) = match kind {
            ArchiveKind::AggTrades => (7, market_if(columns >= 8)),
            ArchiveKind::Trades => (6, market_if(columns >= 7)),
            ArchiveKind::BookTicker => (7, MarketKind::Usdm),
            ArchiveKind::Klines => (7, MarketKind::Spot),
        };
        if columns < least {
            let reason = format!("has {columns} columns, where {} has {least}", kind.name());
            return Err(table.broken(reason));
        }
        Ok(Self {
            table,
            file,
            kind,
            symbol,
            market: args.market.unwrap_or(market),
            unfolder: Unfolder::default(),
        })
    }
}

const fn market_if(is_spot: bool) -> MarketKind {
    if is_spot {
        MarketKind::Spot
    } else {
        MarketKind::Usdm
    }
}

/// Symbol and kind that a name says: `SYMBOL-KIND-DATE`, where candles have their interval as kind.
fn told_by(name: &str) -> Option<(String, ArchiveKind)> {
    let (symbol, rest) = name.split_once('-')?;
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if symbol.is_empty() || !symbol.bytes().all(is_letter) {
        return None;
    }
    let kind = match rest.split_once('-')?.0 {
        "aggTrades" => ArchiveKind::AggTrades,
        "trades" => ArchiveKind::Trades,
        "bookTicker" => ArchiveKind::BookTicker,
        "1s" | "1m" | "3m" | "5m" | "15m" | "30m" | "1h" | "2h" | "4h" | "6h" | "8h" | "12h"
        | "1d" | "3d" | "1w" | "1mo" => ArchiveKind::Klines,
        _ => return None,
    };
    Some((symbol.to_owned(), kind))
}

fn by_header(table: &Table) -> Option<ArchiveKind> {
    let has = |name: &str| table.column(&[name]).is_some();
    let kinds = [
        ("agg_trade_id", ArchiveKind::AggTrades),
        ("quote_qty", ArchiveKind::Trades),
        ("best_bid_price", ArchiveKind::BookTicker),
        ("open_time", ArchiveKind::Klines),
    ];
    kinds
        .into_iter()
        .find(|(name, _)| has(name))
        .map(|(_, kind)| kind)
}

impl Format for Archive {
    fn read(&mut self, rows: &mut Rows, context: &mut Context<'_>) -> Result<bool, Broken> {
        if !self.table.next()? {
            return Ok(false);
        }
        let venue = catalog::binance(self.market);
        let slot = context.catalog.slot(venue, &self.symbol, self.market);
        let slot = slot.map_err(|reason| self.table.broken(reason))?;
        let mut head = Head {
            local_ns: 0,
            venue_ns: 0,
            slot,
            file: self.file,
            line: self.table.line(),
        };
        let table = &self.table;
        match self.kind {
            ArchiveKind::AggTrades => {
                head.local_ns = table.time(5)?;
                head.venue_ns = head.local_ns;
                if let Some(trade) = trade(table, &head, 6, context)? {
                    context.catalog.seen(slot).aggregates = true;
                    rows.push(head, What::Aggregate(trade));
                }
            }
            ArchiveKind::Trades => {
                head.local_ns = table.time(4)?;
                head.venue_ns = head.local_ns;
                if let Some(trade) = trade(table, &head, 5, context)? {
                    context.catalog.seen(slot).trades = true;
                    rows.push(head, What::Trade(trade));
                }
            }
            ArchiveKind::BookTicker => {
                head.local_ns = table.time(6)?;
                head.venue_ns = table.time(5)?;
                quote(table, &head, rows, context)?;
            }
            ArchiveKind::Klines => {
                let start_ns = table.time(0)?;
                let end_ns = table.time(6)?;
                let last = end_ns.checked_sub(start_ns).filter(|length| *length > 0);
                let last = last.ok_or_else(|| table.broken("a candle ends before it begins"))?;
                (head.local_ns, head.venue_ns) = (start_ns, start_ns);
                let candle = Candle {
                    start_ns,
                    length_ns: last.saturating_add(unit_of(last)),
                    texts: [1, 2, 3, 4, 5].map(|column| table.field(column)),
                };
                self.unfolder.unfold(&head, &candle, rows, context);
            }
        }
        Ok(true)
    }
}

/// The unit of a candle's times, which end one unit before the next candle begins.
const fn unit_of(length_ns: u64) -> u64 {
    if length_ns.is_multiple_of(1_000_000) {
        1_000_000
    } else {
        1_000
    }
}

/// A trade or an aggregate: id, price, quantity, and in a column of its own whether the buyer was
/// the maker.
fn trade(
    table: &Table,
    head: &Head,
    buyer_made: usize,
    context: &mut Context<'_>,
) -> Result<Option<Trade>, Broken> {
    let trade_id = table.whole(0)?;
    let is_sell = table.boolean(buyer_made)?;
    let level = numbers::trade(head, table.field(1), table.field(2), context);
    Ok(level.map(|Level { price, qty }| Trade {
        trade_id,
        venue_time_ns: head.venue_ns,
        price,
        qty,
        aggressor: if is_sell { Side::Sell } else { Side::Buy },
        reserved: [0; 47],
    }))
}

fn quote(
    table: &Table,
    head: &Head,
    rows: &mut Rows,
    context: &mut Context<'_>,
) -> Result<(), Broken> {
    let update_id = table.whole(0)?;
    let Some(bid) = numbers::level(head, table.field(1), table.field(2), context) else {
        return Ok(());
    };
    let Some(ask) = numbers::level(head, table.field(3), table.field(4), context) else {
        return Ok(());
    };
    let quote = Quote {
        update_id,
        venue_time_ns: head.venue_ns,
        bid,
        ask,
        reserved: [0; 32],
    };
    rows.push(*head, What::Quote(quote));
    Ok(())
}
