//! Tardis's CSV files: incremental book, trades, quotes, book snapshots; told by their headers.
//!
//! Rows of one `local_timestamp` are one message. A snapshot's rows void the book; updates before
//! an instrument's first snapshot are left out, as Tardis says to. A snapshot of the best levels
//! (5 or 25) is the book, and the next ones are written as what changed.

use std::path::Path;

use model::body::{Level, Quote, Side, Trade};
use model::num::{Lots, Ticks};

use super::super::args::{ImportArgs, MarketKind};
use super::super::findings::Finding;
use super::super::input::{self, Broken, Progress};
use super::super::row::{Head, Rows, What};
use super::super::stream::{Context, Format};
use super::numbers;
use super::table::Table;

/// What a file holds, with the columns of it.
#[derive(Debug)]
enum Kind {
    /// Is it a snapshot, side, price, amount.
    Book([usize; 4]),
    /// Id, side, price, amount.
    Trades([usize; 4]),
    /// Bid and its amount, ask and its amount.
    Quotes([usize; 4]),
    /// Price and amount of each bid and of each ask, best first.
    Tops {
        bids: Vec<[usize; 2]>,
        asks: Vec<[usize; 2]>,
    },
}

/// What is known of an instrument from the rows before.
#[derive(Debug, Default)]
struct Known {
    /// The last message was of a snapshot.
    in_snapshot: bool,
    last_price: i64,
    /// The best levels of the last row, bids and asks.
    tops: [Vec<Level>; 2],
}

/// A message of the book whose rows are being read.
#[derive(Debug)]
struct Message {
    head: Head,
    is_snapshot: bool,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// A file that is being read.
pub(super) struct Tardis {
    table: Table,
    file: usize,
    market: Option<MarketKind>,
    /// Exchange, symbol, timestamp, local timestamp.
    columns: [usize; 4],
    kind: Kind,
    known: Vec<Known>,
    message: Option<Message>,
}

impl Tardis {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Broken`]: it cannot be read, or its header is of no kind that is known.
    pub(super) fn open(
        args: &ImportArgs,
        file: usize,
        path: &Path,
        progress: &Progress,
    ) -> Result<Self, Broken> {
        let table = Table::open(input::open(path, ".csv", progress)?.reader)?;
        let columns = table.require(["exchange", "symbol", "timestamp", "local_timestamp"])?;
        Ok(Self {
            kind: kind(&table)?,
            table,
            file,
            market: args.market,
            columns,
            known: Vec::new(),
            message: None,
        })
    }
}

fn kind(table: &Table) -> Result<Kind, Broken> {
    let has = |name: &str| table.column(&[name]).is_some();
    if has("is_snapshot") {
        return Ok(Kind::Book(table.require([
            "is_snapshot",
            "side",
            "price",
            "amount",
        ])?));
    }
    if has("asks[0].price") {
        let side = |side: &str| -> Vec<[usize; 2]> {
            let level = |index: usize| {
                let price = table.column(&[&format!("{side}[{index}].price")])?;
                Some([price, table.column(&[&format!("{side}[{index}].amount")])?])
            };
            (0..).map_while(level).collect()
        };
        let (bids, asks) = (side("bids"), side("asks"));
        return Ok(Kind::Tops { bids, asks });
    }
    if has("bid_price") {
        let names = ["bid_price", "bid_amount", "ask_price", "ask_amount"];
        return Ok(Kind::Quotes(table.require(names)?));
    }
    if has("side") && has("amount") {
        return Ok(Kind::Trades(
            table.require(["id", "side", "price", "amount"])?,
        ));
    }
    Err(Broken {
        line: 1,
        reason: "is the header of none of incremental_book_L2, trades, quotes and book_snapshot"
            .to_owned(),
    })
}

impl Format for Tardis {
    fn read(&mut self, rows: &mut Rows, context: &mut Context<'_>) -> Result<bool, Broken> {
        if !self.table.next()? {
            self.flush(rows);
            return Ok(false);
        }
        let head = self.head(context)?;
        if self.known.len() <= head.slot {
            self.known.resize_with(head.slot + 1, Known::default);
        }
        match self.kind {
            Kind::Book(columns) => self.level(head, columns, rows, context),
            Kind::Trades(columns) => self.trade(&head, columns, rows, context),
            Kind::Quotes(columns) => self.quote(&head, columns, rows, context),
            Kind::Tops { .. } => self.tops(&head, rows, context),
        }
        Ok(true)
    }
}

impl Tardis {
    fn head(&self, context: &mut Context<'_>) -> Result<Head, Broken> {
        let table = &self.table;
        let [exchange, symbol, timestamp, local_timestamp] = self.columns;
        let (venue, symbol) = (table.field(exchange), table.field(symbol));
        let market = self.market.unwrap_or_else(|| told_by(venue, symbol));
        let slot = context.catalog.slot(venue, symbol, market);
        let slot = slot.map_err(|reason| table.broken(reason))?;
        let microseconds = |column| {
            let time = table.whole(column)?.checked_mul(1_000);
            time.ok_or_else(|| table.broken("a time is out of range"))
        };
        Ok(Head {
            local_ns: microseconds(local_timestamp)?,
            venue_ns: microseconds(timestamp)?,
            slot,
            file: self.file,
            line: table.line(),
        })
    }

    /// A row of the incremental book.
    fn level(
        &mut self,
        head: Head,
        [snapshot, side, price, amount]: [usize; 4],
        rows: &mut Rows,
        context: &mut Context<'_>,
    ) {
        let is_snapshot = self.table.field(snapshot) == "true";
        let belongs = |message: &Message| {
            let there = &message.head;
            (there.local_ns, there.slot, message.is_snapshot)
                == (head.local_ns, head.slot, is_snapshot)
        };
        if !self.message.as_ref().is_some_and(belongs) {
            self.flush(rows);
        }
        let (price, amount) = (self.table.field(price), self.table.field(amount));
        let level = numbers::level(&head, price, amount, context);
        let is_bid = self.table.field(side) == "bid";
        let message = self.message.get_or_insert_with(|| Message {
            head,
            is_snapshot,
            bids: Vec::new(),
            asks: Vec::new(),
        });
        let list = if is_bid {
            &mut message.bids
        } else {
            &mut message.asks
        };
        list.extend(level.filter(|level| !is_snapshot || level.qty > Lots::ZERO));
    }

    /// The message of the book is whole.
    fn flush(&mut self, rows: &mut Rows) {
        let Some(mut message) = self.message.take() else {
            return;
        };
        let known = &mut self.known[message.head.slot];
        let begins = message.is_snapshot && !known.in_snapshot;
        known.in_snapshot = message.is_snapshot;
        let what = if begins {
            What::Book { id: 0 }
        } else {
            What::Levels { id: 0 }
        };
        let bids = message.bids.len();
        message.bids.append(&mut message.asks);
        rows.push_levels(message.head, what, &message.bids, bids);
    }

    fn trade(
        &mut self,
        head: &Head,
        [id, side, price, amount]: [usize; 4],
        rows: &mut Rows,
        context: &mut Context<'_>,
    ) {
        let table = &self.table;
        let level = numbers::trade(head, table.field(price), table.field(amount), context);
        let Some(Level { price, qty }) = level else {
            return;
        };
        let known = &mut self.known[head.slot];
        let aggressor = match table.field(side) {
            "buy" => Side::Buy,
            "sell" => Side::Sell,
            other => {
                let text = || format!("side {other:?}");
                context.findings.add(Finding::NoSide, head, text);
                if price.0 < known.last_price {
                    Side::Sell
                } else {
                    Side::Buy
                }
            }
        };
        known.last_price = price.0;
        context.catalog.seen(head.slot).trades = true;
        let trade = Trade {
            // Some exchanges have no numbers as ids.
            trade_id: table.field(id).parse().unwrap_or(0),
            venue_time_ns: head.venue_ns,
            price,
            qty,
            aggressor,
            reserved: [0; 47],
        };
        rows.push(*head, What::Trade(trade));
    }

    fn quote(
        &self,
        head: &Head,
        [bid, bid_amount, ask, ask_amount]: [usize; 4],
        rows: &mut Rows,
        context: &mut Context<'_>,
    ) {
        let mut side = |price: usize, amount: usize| {
            let (price, amount) = (self.table.field(price), self.table.field(amount));
            if price.is_empty() || amount.is_empty() {
                return Some(Level::UNUSED);
            }
            numbers::level(head, price, amount, context)
        };
        let (Some(bid), Some(ask)) = (side(bid, bid_amount), side(ask, ask_amount)) else {
            return;
        };
        let quote = Quote {
            update_id: 0,
            venue_time_ns: head.venue_ns,
            bid,
            ask,
            reserved: [0; 32],
        };
        rows.push(*head, What::Quote(quote));
    }

    /// A row of the best levels of both sides.
    fn tops(&mut self, head: &Head, rows: &mut Rows, context: &mut Context<'_>) {
        let Kind::Tops { bids, asks } = &self.kind else {
            return;
        };
        let table = &self.table;
        let known = &mut self.known[head.slot];
        let is_first = known.tops.iter().all(Vec::is_empty);
        let mut levels = Vec::new();
        let mut bids_len = 0;
        for (index, columns) in [bids, asks].into_iter().enumerate() {
            let mut new: Vec<Level> = Vec::with_capacity(columns.len());
            for [price, amount] in columns {
                let (price, amount) = (table.field(*price), table.field(*amount));
                if !price.is_empty() {
                    let level = numbers::level(head, price, amount, context);
                    new.extend(level.filter(|level| level.qty > Lots::ZERO));
                }
            }
            changes(&known.tops[index], &new, &mut levels);
            known.tops[index] = new;
            if index == 0 {
                bids_len = levels.len();
            }
        }
        let what = if is_first {
            What::Book { id: 0 }
        } else {
            What::Levels { id: 0 }
        };
        if is_first || !levels.is_empty() {
            rows.push_levels(*head, what, &levels, bids_len);
        }
    }
}

/// What leads from `old` to `new`: removed levels with no quantity, then changed ones.
fn changes(old: &[Level], new: &[Level], out: &mut Vec<Level>) {
    let is_there = |level: &Level| new.iter().any(|other| other.price == level.price);
    out.extend(
        old.iter()
            .filter(|level| !is_there(level))
            .map(|level| Level {
                price: Ticks(level.price.0),
                qty: Lots::ZERO,
            }),
    );
    out.extend(new.iter().filter(|level| !old.contains(level)).copied());
}

/// Spot, unless exchange or symbol are named as those of futures are.
fn told_by(exchange: &str, symbol: &str) -> MarketKind {
    let futures = [
        "futures",
        "swap",
        "perp",
        "delivery",
        "derivatives",
        "deribit",
        "bitmex",
    ];
    let names = [exchange.to_lowercase(), symbol.to_lowercase()];
    let is_future = |name: &String| futures.iter().any(|part| name.contains(part));
    if names.iter().any(is_future) {
        MarketKind::Usdm
    } else {
        MarketKind::Spot
    }
}
