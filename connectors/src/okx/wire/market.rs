//! OKX's market messages by hand: the channel first, then the members in whatever order they come.
//!
//! A member that is not known here, comes twice, or holds another type ends the scan: the general
//! parser decides. So does a frame with more than one row.
//!
//! Hot path: yes. Allocates: no, but for the general parser and a `Depth` that has to grow.

use model::body::{Level, Quote, Side, Trade};
use model::num::{Lots, Ticks};

use super::general;
use crate::feed::message::{Depth, DepthPart, Market, Scratch};
use crate::feed::sync::Span;
use crate::wire::WireError;
use crate::wire::error::nanoseconds;
use crate::wire::scan::Cursor;
use crate::wire::symbols::{Entry, Symbols};

/// Reads one message of the public or the business connection. What a frame says behind its first
/// row is in `scratch.more`.
///
/// # Errors
///
/// [`WireError`]; the content of `scratch` is then of no meaning.
#[inline]
pub fn decode(bytes: &[u8], symbols: &Symbols, scratch: &mut Scratch) -> Result<Market, WireError> {
    match usual(bytes, symbols, &mut scratch.depth) {
        Some(message) => Ok(message),
        None => general::decode(bytes, symbols, scratch),
    }
}

#[inline]
fn usual(bytes: &[u8], symbols: &Symbols, depth: &mut Depth) -> Option<Market> {
    let mut cursor = Cursor::new(bytes);
    cursor.take(b"{\"arg\":{\"channel\":\"")?;
    let channel = cursor.text()?;
    cursor.take(b",\"instId\":\"")?;
    let entry = symbols.find(cursor.text()?)?;
    cursor.take(b"}")?;
    let message = match channel {
        b"books" => {
            cursor.take(b",\"action\":\"")?;
            let part = part_of(cursor.text()?)?;
            book(&mut cursor, entry, part, depth)?
        }
        b"bbo-tbt" => quote(&mut cursor, entry)?,
        b"trades" => trade(&mut cursor, entry)?,
        _ => return None,
    };
    cursor.take(b"]}")?;
    cursor.at_end().then_some(message)
}

pub(super) const fn part_of(action: &[u8]) -> Option<DepthPart> {
    match action {
        b"snapshot" => Some(DepthPart::Snapshot),
        b"update" => Some(DepthPart::Update),
        _ => None,
    }
}

/// Reads the members of the only row.
#[inline(always)]
fn members<'a>(
    cursor: &mut Cursor<'a>,
    mut read: impl FnMut(&'a [u8], &mut Cursor<'a>) -> Option<()>,
) -> Option<()> {
    cursor.take(b",\"data\":[{")?;
    loop {
        let key = cursor.key()?;
        read(key, cursor)?;
        if cursor.take(b"}").is_some() {
            return Some(());
        }
        cursor.take(b",")?;
    }
}

/// Keeps a member's value, which may come once.
#[inline(always)]
fn keep<T>(place: &mut Option<T>, value: T) -> Option<()> {
    match place.replace(value) {
        None => Some(()),
        Some(_) => None,
    }
}

/// A whole number in quotes.
#[inline(always)]
fn quoted(cursor: &mut Cursor<'_>) -> Option<u64> {
    cursor.take(b"\"")?;
    let value = cursor.whole()?;
    cursor.take(b"\"")?;
    Some(value)
}

/// A sequence id, which is -1 where there is none before it.
#[inline(always)]
fn sequence(cursor: &mut Cursor<'_>) -> Option<i64> {
    if cursor.take(b"-1").is_some() {
        return Some(-1);
    }
    i64::try_from(cursor.whole()?).ok()
}

/// A signed number of 32 bits.
#[inline(always)]
fn checksum(cursor: &mut Cursor<'_>) -> Option<i32> {
    if cursor.take(b"-").is_some() {
        let value = i64::try_from(cursor.whole()?).ok()?;
        return i32::try_from(-value).ok().filter(|value| *value != 0);
    }
    i32::try_from(cursor.whole()?).ok()
}

/// Both sides of a book; the venue names the asks first.
#[derive(Default)]
struct Sides {
    asks: Option<()>,
    bids: Option<()>,
}

#[inline]
fn book(
    cursor: &mut Cursor<'_>,
    entry: &Entry,
    part: DepthPart,
    depth: &mut Depth,
) -> Option<Market> {
    let (mut sides, mut time, mut sum) = (Sides::default(), None, None);
    let (mut id, mut before) = (None, None);
    depth.clear();
    members(cursor, |key, cursor| match key {
        b"asks" => {
            // Bids first: the general parser's.
            if sides.bids.is_some() {
                return None;
            }
            side(cursor, entry, depth)?;
            depth.end_of_bids();
            keep(&mut sides.asks, ())
        }
        b"bids" => {
            sides.asks?;
            side(cursor, entry, depth)?;
            keep(&mut sides.bids, ())
        }
        b"ts" => keep(&mut time, quoted(cursor)?),
        b"checksum" => keep(&mut sum, checksum(cursor)?),
        b"seqId" => keep(&mut id, sequence(cursor)?),
        b"prevSeqId" => keep(&mut before, sequence(cursor)?),
        _ => None,
    })?;
    sides.bids?;
    depth.asks_came_first();
    let span = span_of(part, id?, before?, nanoseconds(time?, "ts").ok()?)?;
    Some(depth_message(entry, part, span, sum))
}

/// The place of a book's message in the chain; `None` for ids that cannot be.
pub(super) fn span_of(part: DepthPart, id: i64, before: i64, venue_time_ns: u64) -> Option<Span> {
    let id = u64::try_from(id).ok()?;
    let before_id = match part {
        DepthPart::Snapshot => None,
        DepthPart::Update => Some(u64::try_from(before).ok()?),
    };
    Some(Span {
        first_id: id,
        last_id: id,
        before_id,
        venue_time_ns,
    })
}

/// A checksum of 0 is none: the venue sends nothing else since 2026-06-23.
pub(super) fn depth_message(
    entry: &Entry,
    part: DepthPart,
    span: Span,
    checksum: Option<i32>,
) -> Market {
    Market::Depth {
        slot: entry.slot,
        part,
        span,
        checksum: checksum.filter(|sum| *sum != 0),
    }
}

/// Price, quantity, a number of no use, and how many orders.
#[inline(always)]
fn row(cursor: &mut Cursor<'_>, entry: &Entry) -> Option<Level> {
    let price = cursor.price(&entry.price)?;
    cursor.take(b",\"")?;
    let qty = cursor.qty(&entry.qty)?;
    cursor.take(b",\"")?;
    cursor.text()?;
    cursor.take(b",\"")?;
    cursor.text()?;
    Some(level(price, qty))
}

#[inline]
fn side(cursor: &mut Cursor<'_>, entry: &Entry, depth: &mut Depth) -> Option<()> {
    if cursor.take(b"[]").is_some() {
        return Some(());
    }
    cursor.take(b"[[\"")?;
    loop {
        depth.push(row(cursor, entry)?);
        if cursor.take(b"],[\"").is_some() {
            continue;
        }
        return cursor.take(b"]]");
    }
}

/// The best level of a side, or none.
#[inline(always)]
fn best(cursor: &mut Cursor<'_>, entry: &Entry) -> Option<Level> {
    if cursor.take(b"[]").is_some() {
        return Some(level(0, 0));
    }
    cursor.take(b"[[\"")?;
    let best = row(cursor, entry)?;
    cursor.take(b"]]")?;
    Some(best)
}

#[inline]
fn quote(cursor: &mut Cursor<'_>, entry: &Entry) -> Option<Market> {
    let (mut ask, mut bid, mut time, mut id) = (None, None, None, None);
    members(cursor, |key, cursor| match key {
        b"asks" => keep(&mut ask, best(cursor, entry)?),
        b"bids" => keep(&mut bid, best(cursor, entry)?),
        b"ts" => keep(&mut time, quoted(cursor)?),
        b"seqId" => keep(&mut id, sequence(cursor)?),
        _ => None,
    })?;
    let id = u64::try_from(id?).ok()?;
    let time_ns = nanoseconds(time?, "ts").ok()?;
    Some(quote_message(entry, id, time_ns, bid?, ask?))
}

#[inline]
pub(super) const fn quote_message(
    entry: &Entry,
    update_id: u64,
    venue_time_ns: u64,
    bid: Level,
    ask: Level,
) -> Market {
    Market::Quote {
        slot: entry.slot,
        quote: Quote {
            update_id,
            venue_time_ns,
            bid,
            ask,
            reserved: [0; 32],
        },
    }
}

#[inline]
fn trade(cursor: &mut Cursor<'_>, entry: &Entry) -> Option<Market> {
    let (mut symbol, mut id, mut price, mut qty) = (None, None, None, None);
    let (mut side, mut time) = (None, None);
    members(cursor, |key, cursor| match key {
        b"instId" => {
            cursor.take(b"\"")?;
            keep(&mut symbol, cursor.text()?)
        }
        b"tradeId" => keep(&mut id, quoted(cursor)?),
        b"px" => {
            cursor.take(b"\"")?;
            keep(&mut price, cursor.price(&entry.price)?)
        }
        b"sz" => {
            cursor.take(b"\"")?;
            keep(&mut qty, cursor.qty(&entry.qty)?)
        }
        b"side" => {
            cursor.take(b"\"")?;
            keep(&mut side, side_of(cursor.text()?)?)
        }
        b"ts" => keep(&mut time, quoted(cursor)?),
        b"count" | b"source" => {
            cursor.take(b"\"")?;
            cursor.text().map(|_| ())
        }
        b"seqId" => sequence(cursor).map(|_| ()),
        _ => None,
    })?;
    if symbol.is_some_and(|symbol| symbol != entry.symbol().as_bytes()) {
        return None;
    }
    let time_ns = nanoseconds(time?, "ts").ok()?;
    Some(trade_message(
        entry,
        id?,
        time_ns,
        level(price?, qty?),
        side?,
    ))
}

pub(super) const fn side_of(word: &[u8]) -> Option<Side> {
    match word {
        b"buy" => Some(Side::Buy),
        b"sell" => Some(Side::Sell),
        _ => None,
    }
}

/// A trade of less than one lot is none that a record can hold.
#[inline]
pub(super) const fn trade_message(
    entry: &Entry,
    trade_id: u64,
    venue_time_ns: u64,
    at: Level,
    aggressor: Side,
) -> Market {
    if at.price.0 == 0 || at.qty.0 == 0 {
        return Market::Ignored;
    }
    Market::Trade {
        slot: entry.slot,
        trade: Trade {
            trade_id,
            venue_time_ns,
            price: at.price,
            qty: at.qty,
            aggressor,
            reserved: [0; 47],
        },
    }
}

#[inline]
pub(super) const fn level(price: i64, qty: i64) -> Level {
    Level {
        price: Ticks(price),
        qty: Lots(qty),
    }
}
