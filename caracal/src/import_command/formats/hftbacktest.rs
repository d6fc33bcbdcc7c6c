//! hftbacktest's data: an array of 64-byte events in `.npz` (a zip) or `.npy`.
//!
//! Taken are the events with the local flag, in the order of the file; one with the exchange flag
//! only is the same event in the exchange's order. Depth events of one local time are one
//! message. A clear takes what stands from the best price up to its own, so it needs the book: it
//! is carried out behind the merge (`intake`). A book may begin without a snapshot there, and so
//! it does here.
//!
//! Single orders (added, changed, removed, filled) are taken where the array has them; a clear in a
//! book of orders removes them.
//!
//! Numbers are binary floats there. A price must be within a millionth of a tick of a whole one.

use std::io::{BufRead, ErrorKind, Read as _};
use std::path::Path;

use model::body::{BookChange, BookOrder, Level, Quote, Side, Trade};
use model::num::{Lots, NumberError, Ticks};
use zerocopy::little_endian::{F64, I64, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::super::args::{ImportArgs, MarketKind};
use super::super::catalog;
use super::super::findings::Finding;
use super::super::input::{self, Broken, Progress};
use super::super::row::{Clear, Head, Rows, What};
use super::super::stream::{Context, Format};
use super::numbers;

/// One event, as it lies in the array.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Event {
    ev: U64,
    exch_ts: I64,
    local_ts: I64,
    px: F64,
    qty: F64,
    order_id: U64,
    ival: I64,
    fval: F64,
}

const EVENT_BYTES: usize = 64;
const _: () = assert!(size_of::<Event>() == EVENT_BYTES);

const EXCHANGE: u64 = 1 << 31;
const LOCAL: u64 = 1 << 30;
const BUY: u64 = 1 << 29;
const SELL: u64 = 1 << 28;
const KIND: u64 = 0xff;
const DEPTH: u64 = 1;
const TRADE: u64 = 2;
const DEPTH_CLEAR: u64 = 3;
const DEPTH_SNAPSHOT: u64 = 4;
const BEST: u64 = 5;
const ADD_ORDER: u64 = 10;
const CANCEL_ORDER: u64 = 11;
const MODIFY_ORDER: u64 = 12;
const FILL: u64 = 13;

const MAGIC: &[u8] = b"\x93NUMPY";
/// The type of the array, without its white space.
const TYPE: &str = "'descr':[('ev','<u8'),('exch_ts','<i8'),('local_ts','<i8'),('px','<f8'),\
('qty','<f8'),('order_id','<u8'),('ival','<i8'),('fval','<f8')]";

/// A message of the book whose events are being read.
#[derive(Debug)]
struct Message {
    head: Head,
    is_snapshot: bool,
    clears: Vec<Clear>,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// A file that is being read.
pub(super) struct Events {
    reader: Box<dyn BufRead>,
    /// Events that the header promises, and how many were read.
    count: u64,
    read: u64,
    file: usize,
    symbol: String,
    market: MarketKind,
    message: Option<Message>,
    best: [Option<Level>; 2],
    /// Whether the book is one of single orders, once one of its events says so. What is of the
    /// other kind then is left out: both at once would count twice.
    by_order: Option<bool>,
}

impl Events {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Broken`]: it cannot be read, is no such array, or the symbol was not given.
    pub(super) fn open(
        args: &ImportArgs,
        file: usize,
        path: &Path,
        progress: &Progress,
    ) -> Result<Self, Broken> {
        let symbol = args.symbol.clone();
        let symbol =
            symbol.ok_or_else(|| Broken::file("does not say its symbol: give --symbol"))?;
        let mut reader = input::open(path, ".npy", progress)?.reader;
        let count = header(&mut *reader)?;
        Ok(Self {
            reader,
            count,
            read: 0,
            file,
            symbol,
            market: args.market.unwrap_or(MarketKind::Usdm),
            message: None,
            best: [None; 2],
            by_order: None,
        })
    }
}

/// Reads the array's header and returns its length.
fn header(reader: &mut dyn BufRead) -> Result<u64, Broken> {
    let foreign = |what: &str| Broken::file(format!("is no array of hftbacktest: {what}"));
    let mut start = [0; 8];
    let read = reader.read_exact(&mut start);
    if read.is_err() || !start.starts_with(MAGIC) {
        return Err(foreign("it does not begin as a NumPy file"));
    }
    // Version 1 has two bytes for the length of the header, later ones have four.
    let mut length = [0; 4];
    let used = if start[6] == 1 { 2 } else { 4 };
    let short = |_| foreign("its header is cut off");
    reader.read_exact(&mut length[..used]).map_err(short)?;
    let mut text = Vec::new();
    let length = u64::from(u32::from_le_bytes(length));
    reader
        .take(length.min(1 << 16))
        .read_to_end(&mut text)
        .map_err(short)?;
    let text = String::from_utf8_lossy(&text);
    let text: String = text
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    if !text.contains(TYPE) {
        return Err(foreign(&format!(
            "its type is {text}, where {TYPE} belongs"
        )));
    }
    let shape = text
        .split_once("'shape':(")
        .and_then(|(_, rest)| rest.split_once(')'));
    let count = shape.and_then(|(shape, _)| shape.trim_end_matches(',').parse().ok());
    count.ok_or_else(|| foreign("it must have one dimension"))
}

impl Format for Events {
    fn read(&mut self, rows: &mut Rows, context: &mut Context<'_>) -> Result<bool, Broken> {
        if self.read == self.count {
            self.flush(rows);
            return Ok(false);
        }
        self.read += 1;
        let mut bytes = [0; EVENT_BYTES];
        self.reader.read_exact(&mut bytes).map_err(|error| Broken {
            line: self.read,
            reason: if error.kind() == ErrorKind::UnexpectedEof {
                format!(
                    "the file is cut off here; it should have {} rows",
                    self.count
                )
            } else {
                format!("the file is damaged here ({error})")
            },
        })?;
        let event: Event = zerocopy::transmute!(bytes);
        self.event(&event, rows, context)?;
        Ok(true)
    }
}

impl Events {
    fn event(
        &mut self,
        event: &Event,
        rows: &mut Rows,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let line = self.read;
        let broken = |reason: String| Broken { line, reason };
        let venue = catalog::binance(self.market);
        let slot = context
            .catalog
            .slot(venue, &self.symbol, self.market)
            .map_err(broken)?;
        let ev = event.ev.get();
        let mut head = Head {
            local_ns: 0,
            venue_ns: 0,
            slot,
            file: self.file,
            line,
        };
        if ev & LOCAL == 0 && ev & EXCHANGE != 0 {
            let text = || "an event in the exchange's order only".to_owned();
            context.findings.add(Finding::Unused, &head, text);
            return Ok(());
        }
        let time = |time: i64| u64::try_from(time).ok();
        let (Some(local_ns), Some(venue_ns)) =
            (time(event.local_ts.get()), time(event.exch_ts.get()))
        else {
            let text = || format!("time {} or {}", event.local_ts, event.exch_ts);
            context.findings.add(Finding::Impossible, &head, text);
            return Ok(());
        };
        (head.local_ns, head.venue_ns) = (local_ns, venue_ns);
        match ev & KIND {
            ADD_ORDER | CANCEL_ORDER | MODIFY_ORDER | FILL if self.by_order != Some(false) => {
                self.by_order = Some(true);
                order(&head, event, rows, context);
            }
            DEPTH_CLEAR if self.by_order == Some(true) => {
                rows.push(head, What::NoOrders(side(event)));
            }
            DEPTH_CLEAR => self.depth(head, event, rows, context),
            DEPTH | DEPTH_SNAPSHOT if self.by_order != Some(true) => {
                self.by_order = Some(false);
                self.depth(head, event, rows, context);
            }
            TRADE => {
                self.flush(rows);
                trade(&head, event, rows, context);
            }
            BEST => {
                self.flush(rows);
                self.best(&head, event, rows, context);
            }
            kind => {
                let text = || format!("an event of kind {kind}");
                context.findings.add(Finding::Unused, &head, text);
            }
        }
        Ok(())
    }

    fn depth(&mut self, head: Head, event: &Event, rows: &mut Rows, context: &mut Context<'_>) {
        let side = side(event);
        let is_clear = event.ev.get() & KIND == DEPTH_CLEAR;
        let belongs = |message: &Message| {
            // A clear behind levels of its side is of the next message.
            let is_late = is_clear
                && match side {
                    Some(Side::Buy) => !message.bids.is_empty(),
                    Some(Side::Sell) => !message.asks.is_empty(),
                    None => !message.bids.is_empty() || !message.asks.is_empty(),
                };
            message.head.local_ns == head.local_ns && !is_late
        };
        if !self.message.as_ref().is_some_and(belongs) {
            self.flush(rows);
        }
        let is_snapshot = event.ev.get() & KIND == DEPTH_SNAPSHOT;
        let message = self.message.get_or_insert_with(|| Message {
            head,
            is_snapshot,
            clears: Vec::new(),
            bids: Vec::new(),
            asks: Vec::new(),
        });
        message.is_snapshot |= is_snapshot;
        if is_clear {
            let upto = event.px.get();
            let upto = if upto.is_finite() && upto > 0.0 {
                price(&head, upto, context)
            } else {
                None
            };
            message.clears.push(Clear { side, upto });
            return;
        }
        match (side, level(&head, event, context)) {
            (Some(Side::Buy), Some(level)) => message.bids.push(level),
            (Some(Side::Sell), Some(level)) => message.asks.push(level),
            (None, Some(_)) => {
                let text = || "a depth event of no side".to_owned();
                context.findings.add(Finding::Impossible, &head, text);
            }
            (_, None) => {}
        }
    }

    /// The message of the book is whole.
    fn flush(&mut self, rows: &mut Rows) {
        if let Some(mut message) = self.message.take() {
            let bids = message.bids.len();
            message.bids.append(&mut message.asks);
            let what = What::Patch { begins: true };
            rows.push_patch(message.head, what, &message.clears, &message.bids, bids);
        }
    }

    /// Best price of one side; a quote as soon as both are known.
    fn best(&mut self, head: &Head, event: &Event, rows: &mut Rows, context: &mut Context<'_>) {
        let Some(level) = level(head, event, context) else {
            return;
        };
        match side(event) {
            Some(Side::Buy) => self.best[0] = Some(level),
            Some(Side::Sell) => self.best[1] = Some(level),
            None => {}
        }
        if let [Some(bid), Some(ask)] = self.best {
            let quote = Quote {
                update_id: 0,
                venue_time_ns: head.venue_ns,
                bid,
                ask,
                reserved: [0; 32],
            };
            rows.push(*head, What::Quote(quote));
        }
    }
}

/// One order's change. A removal has neither price nor quantity that counts.
fn order(head: &Head, event: &Event, rows: &mut Rows, context: &mut Context<'_>) {
    let change = match event.ev.get() & KIND {
        ADD_ORDER => BookChange::Added,
        MODIFY_ORDER => BookChange::Changed,
        CANCEL_ORDER => BookChange::Removed,
        _ => BookChange::Traded,
    };
    let level = if change == BookChange::Removed {
        Some(Level::UNUSED)
    } else {
        level(head, event, context)
    };
    let side = side(event);
    if side.is_none() && change == BookChange::Added {
        let text = || "an order of no side".to_owned();
        context.findings.add(Finding::Impossible, head, text);
        return;
    }
    let Some(level) = level else {
        return;
    };
    let order = BookOrder {
        order_id: event.order_id.get(),
        venue_time_ns: head.venue_ns,
        price: level.price,
        qty: level.qty,
        side: side.unwrap_or(Side::Buy),
        change,
        reserved: [0; 46],
    };
    rows.push(*head, What::Order(order));
}

fn trade(head: &Head, event: &Event, rows: &mut Rows, context: &mut Context<'_>) {
    let Some(Level { price, qty }) = level(head, event, context) else {
        return;
    };
    let side = side(event);
    if qty == Lots::ZERO || side.is_none() {
        let text = || format!("quantity {} of side {side:?}", event.qty);
        context.findings.add(Finding::NoTrade, head, text);
        return;
    }
    context.catalog.seen(head.slot).trades = true;
    let trade = Trade {
        trade_id: 0,
        venue_time_ns: head.venue_ns,
        price,
        qty,
        aggressor: side.unwrap_or(Side::Buy),
        reserved: [0; 47],
    };
    rows.push(*head, What::Trade(trade));
}

fn side(event: &Event) -> Option<Side> {
    match (event.ev.get() & BUY != 0, event.ev.get() & SELL != 0) {
        (true, false) => Some(Side::Buy),
        (false, true) => Some(Side::Sell),
        (true, true) | (false, false) => None,
    }
}

fn level(head: &Head, event: &Event, context: &mut Context<'_>) -> Option<Level> {
    let price = price(head, event.px.get(), context)?;
    let qty = event.qty.get();
    let lots = match context.catalog.float_qty(head.slot, qty) {
        Err(NumberError::OffStep) => {
            let lots = context.catalog.float_qty_down(head.slot, qty)?;
            let text = || format!("quantity {qty} is cut to {lots} lots");
            context.findings.add(Finding::CutQty, head, text);
            lots
        }
        read => numbers::check(head, "quantity", &qty.to_string(), 0, context, read)?,
    };
    Some(Level {
        price,
        qty: Lots(lots),
    })
}

fn price(head: &Head, value: f64, context: &mut Context<'_>) -> Option<Ticks> {
    let read = context.catalog.float_price(head.slot, value);
    numbers::check(head, "price", &value.to_string(), 1, context, read).map(Ticks)
}
