//! Market data messages: trades, best bid and ask, depth updates and snapshots.
//!
//! [`decode`] reads a message in the venue's usual key order by hand and gives anything else to the
//! general parser (`general`); both give the same result. Levels go to the caller's
//! [`Depth`], because a message is either whole or an error, and records are built after that.
//!
//! Numbers that are off the instrument's steps occur in real books: orders that rest from before a
//! change of the rules. A quantity is cut to whole lots. A level at such a price is left out; a
//! best price is rounded away from the middle, so that it is never better than the real one.
//!
//! Hot path: yes. Allocates: no, but for the general parser and a `Depth` that has to grow.

use model::body::{Level, Quote, Side, Trade};
use model::num::{Lots, Ticks};

use super::{general, kline};
pub use crate::feed::message::{Depth, DepthPart, Market};
use crate::feed::sync::Span;
use crate::wire::error::{WireError, nanoseconds};
use crate::wire::scan::Cursor;
use crate::wire::symbols::{Entry, Symbols};

/// Reads one message of the market streams, bare or in its `{"stream":..,"data":..}` envelope.
///
/// # Errors
///
/// [`WireError`]; the content of `depth` is then of no meaning.
#[inline]
pub fn decode(bytes: &[u8], symbols: &Symbols, depth: &mut Depth) -> Result<Market, WireError> {
    match usual(bytes, symbols, depth) {
        Some(message) => Ok(message),
        None => general::decode(bytes, symbols, depth),
    }
}

/// Reads an answer of `/api/v3/depth` into `depth` and returns its update id.
///
/// # Errors
///
/// [`WireError`]; the content of `depth` is then of no meaning.
pub fn decode_snapshot(bytes: &[u8], entry: &Entry, depth: &mut Depth) -> Result<u64, WireError> {
    match usual_snapshot(bytes, entry, depth) {
        Some(update_id) => Ok(update_id),
        None => general::decode_snapshot(bytes, entry, depth),
    }
}

#[inline]
fn usual(bytes: &[u8], symbols: &Symbols, depth: &mut Depth) -> Option<Market> {
    let mut cursor = Cursor::new(bytes);
    let enveloped = cursor.take(b"{\"stream\":\"").is_some();
    if enveloped {
        cursor.text()?;
        cursor.take(b",\"data\":")?;
    }
    let message = if cursor.take(b"{\"u\":").is_some() {
        quote(&mut cursor, symbols)?
    } else {
        cursor.take(b"{\"e\":\"")?;
        if cursor.take(b"depthUpdate\",\"E\":").is_some() {
            update(&mut cursor, symbols, depth)?
        } else if cursor.take(b"trade\",\"E\":").is_some() {
            trade(&mut cursor, symbols)?
        } else {
            cursor.take(b"kline\",\"E\":")?;
            let candle = kline::usual(&mut cursor, symbols)?;
            cursor.take(b"}")?;
            candle
        }
    };
    if enveloped {
        cursor.take(b"}")?;
    }
    cursor.at_end().then_some(message)
}

#[inline]
fn quote(cursor: &mut Cursor<'_>, symbols: &Symbols) -> Option<Market> {
    let update_id = cursor.whole()?;
    cursor.take(b",\"s\":\"")?;
    let entry = symbols.find(cursor.text()?)?;
    cursor.take(b",\"b\":\"")?;
    let bid = cursor.price(&entry.price)?;
    cursor.take(b",\"B\":\"")?;
    let bid_qty = cursor.qty(&entry.qty)?;
    cursor.take(b",\"a\":\"")?;
    let ask = cursor.price(&entry.price)?;
    cursor.take(b",\"A\":\"")?;
    let ask_qty = cursor.qty(&entry.qty)?;
    cursor.take(b"}")?;
    Some(Market::Quote {
        slot: entry.slot,
        quote: quote_body(update_id, level(bid, bid_qty), level(ask, ask_qty)),
    })
}

#[inline]
fn trade(cursor: &mut Cursor<'_>, symbols: &Symbols) -> Option<Market> {
    cursor.whole()?;
    cursor.take(b",\"s\":\"")?;
    let entry = symbols.find(cursor.text()?)?;
    cursor.take(b",\"t\":")?;
    let trade_id = cursor.whole()?;
    cursor.take(b",\"p\":\"")?;
    let price = cursor.price(&entry.price)?;
    cursor.take(b",\"q\":\"")?;
    let qty = cursor.qty(&entry.qty)?;
    cursor.take(b",\"T\":")?;
    let venue_time_ns = nanoseconds(cursor.whole()?, "T").ok()?;
    cursor.take(b",\"m\":")?;
    let buyer_made = cursor.boolean()?;
    cursor.take(b",\"M\":")?;
    cursor.boolean()?;
    cursor.take(b"}")?;
    Some(trade_message(
        entry.slot,
        trade_id,
        venue_time_ns,
        level(price, qty),
        buyer_made,
    ))
}

#[inline]
fn update(cursor: &mut Cursor<'_>, symbols: &Symbols, depth: &mut Depth) -> Option<Market> {
    let venue_time_ns = nanoseconds(cursor.whole()?, "E").ok()?;
    cursor.take(b",\"s\":\"")?;
    let entry = symbols.find(cursor.text()?)?;
    cursor.take(b",\"U\":")?;
    let first_id = cursor.whole()?;
    cursor.take(b",\"u\":")?;
    let last_id = cursor.whole()?;
    cursor.take(b",\"b\":")?;
    depth.clear();
    side(cursor, entry, depth)?;
    depth.end_of_bids();
    cursor.take(b",\"a\":")?;
    side(cursor, entry, depth)?;
    cursor.take(b"}")?;
    let span = Span {
        first_id,
        last_id,
        before_id: None,
        venue_time_ns,
    };
    Some(update_message(entry.slot, span))
}

fn usual_snapshot(bytes: &[u8], entry: &Entry, depth: &mut Depth) -> Option<u64> {
    let mut cursor = Cursor::new(bytes);
    cursor.take(b"{\"lastUpdateId\":")?;
    let update_id = cursor.whole()?;
    cursor.take(b",\"bids\":")?;
    depth.clear();
    side(&mut cursor, entry, depth)?;
    depth.end_of_bids();
    cursor.take(b",\"asks\":")?;
    side(&mut cursor, entry, depth)?;
    cursor.take(b"}")?;
    cursor.at_end().then_some(update_id)
}

#[inline]
pub(in crate::binance) fn side(
    cursor: &mut Cursor<'_>,
    entry: &Entry,
    depth: &mut Depth,
) -> Option<()> {
    if cursor.take(b"[]").is_some() {
        return Some(());
    }
    cursor.take(b"[[\"")?;
    loop {
        let price = cursor.price(&entry.price)?;
        cursor.take(b",\"")?;
        let qty = cursor.qty(&entry.qty)?;
        depth.push(level(price, qty));
        if cursor.take(b"],[\"").is_some() {
            continue;
        }
        return cursor.take(b"]]");
    }
}

#[inline]
pub(in crate::binance) const fn update_message(slot: usize, span: Span) -> Market {
    Market::Depth {
        slot,
        part: DepthPart::Update,
        span,
        checksum: None,
    }
}

#[inline]
pub(in crate::binance) const fn level(price: i64, qty: i64) -> Level {
    Level {
        price: Ticks(price),
        qty: Lots(qty),
    }
}

#[inline]
pub(in crate::binance) const fn quote_body(update_id: u64, bid: Level, ask: Level) -> Quote {
    Quote {
        update_id,
        venue_time_ns: 0,
        bid,
        ask,
        reserved: [0; 32],
    }
}

/// A trade without a price or a quantity is none: other markets of the venue send such.
#[inline]
pub(in crate::binance) const fn trade_message(
    slot: usize,
    trade_id: u64,
    venue_time_ns: u64,
    at: Level,
    buyer_made: bool,
) -> Market {
    if at.price.0 == 0 || at.qty.0 == 0 {
        return Market::Ignored;
    }
    Market::Trade {
        slot,
        trade: Trade {
            trade_id,
            venue_time_ns,
            price: at.price,
            qty: at.qty,
            aggressor: if buyer_made { Side::Sell } else { Side::Buy },
            reserved: [0; 47],
        },
    }
}
