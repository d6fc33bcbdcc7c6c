//! USD-M's market messages by hand: the kind first, then the members in whatever order they come.
//!
//! The venue has changed the order more than once, and adds members (`ps`, `st`). A member that is
//! not known here, comes twice, or holds another type ends the scan: the general parser decides.
//! So does a number that stands before the symbol whose steps it needs.
//!
//! Hot path: yes. Allocates: no.

use model::body::{Liquidation, Mark, Side};
use model::num::{Lots, Ticks, parse_scaled};

use crate::binance::wire::kline;
use crate::binance::wire::market::{level, side};
use crate::feed::message::{Depth, Market};
use crate::feed::sync::Span;
use crate::wire::error::nanoseconds;
use crate::wire::scan::Cursor;
use crate::wire::symbols::{Entry, Symbols};

use super::general::{depth_message, quote_message, trade_message};

#[inline]
pub(super) fn decode(bytes: &[u8], symbols: &Symbols, depth: &mut Depth) -> Option<Market> {
    let mut cursor = Cursor::new(bytes);
    let enveloped = cursor.take(b"{\"stream\":\"").is_some();
    if enveloped {
        cursor.text()?;
        cursor.take(b",\"data\":")?;
    }
    cursor.take(b"{\"e\":\"")?;
    let message = match cursor.text()? {
        b"depthUpdate" => update(&mut cursor, symbols, depth)?,
        b"bookTicker" => quote(&mut cursor, symbols)?,
        b"aggTrade" => trade(&mut cursor, symbols, b"a")?,
        b"trade" => trade(&mut cursor, symbols, b"t")?,
        b"markPriceUpdate" => mark(&mut cursor, symbols)?,
        b"forceOrder" => liquidation(&mut cursor, symbols)?,
        b"kline" => {
            cursor.take(b",\"E\":")?;
            let candle = kline::usual(&mut cursor, symbols)?;
            cursor.take(b"}")?;
            candle
        }
        _ => return None,
    };
    if enveloped {
        cursor.take(b"}")?;
    }
    cursor.at_end().then_some(message)
}

/// Reads members up to the end of the object; the first one follows `before`.
#[inline(always)]
fn members<'a>(
    cursor: &mut Cursor<'a>,
    before: &[u8],
    mut read: impl FnMut(&'a [u8], &mut Cursor<'a>) -> Option<()>,
) -> Option<()> {
    cursor.take(before)?;
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

#[inline(always)]
fn symbol<'s>(cursor: &mut Cursor<'_>, symbols: &'s Symbols) -> Option<&'s Entry> {
    cursor.take(b"\"")?;
    symbols.find(cursor.text()?)
}

/// Text that nobody needs.
#[inline(always)]
fn skip_text(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.take(b"\"")?;
    cursor.text().map(|_| ())
}

#[inline]
fn update(cursor: &mut Cursor<'_>, symbols: &Symbols, depth: &mut Depth) -> Option<Market> {
    let (mut event, mut time, mut entry) = (None, None, None);
    let (mut first, mut last, mut before) = (None, None, None);
    let (mut bids, mut asks) = (None, None);
    depth.clear();
    members(cursor, b",", |key, cursor| match key {
        b"E" => keep(&mut event, cursor.whole()?),
        b"T" => keep(&mut time, cursor.whole()?),
        b"s" => keep(&mut entry, symbol(cursor, symbols)?),
        b"U" => keep(&mut first, cursor.whole()?),
        b"u" => keep(&mut last, cursor.whole()?),
        b"pu" => keep(&mut before, cursor.whole()?),
        b"b" => {
            side(cursor, entry?, depth)?;
            depth.end_of_bids();
            keep(&mut bids, ())
        }
        b"a" => {
            bids?;
            side(cursor, entry?, depth)?;
            keep(&mut asks, ())
        }
        b"st" => cursor.whole().map(|_| ()),
        b"ps" => skip_text(cursor),
        _ => None,
    })?;
    asks?;
    let span = Span {
        first_id: first?,
        last_id: last?,
        before_id: Some(before?),
        venue_time_ns: nanoseconds(time.unwrap_or(event?), "T").ok()?,
    };
    event?;
    Some(depth_message(entry?, span))
}

#[inline]
fn quote(cursor: &mut Cursor<'_>, symbols: &Symbols) -> Option<Market> {
    let (mut id, mut time, mut event, mut entry) = (None, None, None, None);
    let (mut bid, mut bid_qty, mut ask, mut ask_qty) = (None, None, None, None);
    members(cursor, b",", |key, cursor| {
        let quoted = |cursor: &mut Cursor<'_>| cursor.take(b"\"");
        match key {
            b"u" => keep(&mut id, cursor.whole()?),
            b"E" => keep(&mut event, cursor.whole()?),
            b"T" => keep(&mut time, cursor.whole()?),
            b"s" => keep(&mut entry, symbol(cursor, symbols)?),
            b"b" => {
                quoted(cursor)?;
                keep(&mut bid, cursor.price(&entry?.price)?)
            }
            b"B" => {
                quoted(cursor)?;
                keep(&mut bid_qty, cursor.qty(&entry?.qty)?)
            }
            b"a" => {
                quoted(cursor)?;
                keep(&mut ask, cursor.price(&entry?.price)?)
            }
            b"A" => {
                quoted(cursor)?;
                keep(&mut ask_qty, cursor.qty(&entry?.qty)?)
            }
            b"st" => cursor.whole().map(|_| ()),
            b"ps" => skip_text(cursor),
            _ => None,
        }
    })?;
    let time_ns = nanoseconds(time.or(event).unwrap_or(0), "T").ok()?;
    let (bid, ask) = (level(bid?, bid_qty?), level(ask?, ask_qty?));
    Some(quote_message(entry?, id?, time_ns, bid, ask))
}

/// `id_key`: the member that holds the id, of the aggregate or of the trade.
#[inline]
fn trade(cursor: &mut Cursor<'_>, symbols: &Symbols, id_key: &[u8]) -> Option<Market> {
    let (mut id, mut time, mut event, mut entry) = (None, None, None, None);
    let (mut price, mut qty, mut buyer_made, mut kind) = (None, None, None, None);
    members(cursor, b",", |key, cursor| match key {
        b"E" => keep(&mut event, cursor.whole()?),
        b"T" => keep(&mut time, cursor.whole()?),
        b"s" => keep(&mut entry, symbol(cursor, symbols)?),
        b"p" => {
            cursor.take(b"\"")?;
            keep(&mut price, cursor.price(&entry?.price)?)
        }
        b"q" => {
            cursor.take(b"\"")?;
            keep(&mut qty, cursor.qty(&entry?.qty)?)
        }
        b"m" => keep(&mut buyer_made, cursor.boolean()?),
        b"X" => {
            cursor.take(b"\"")?;
            keep(&mut kind, cursor.text()?)
        }
        _ if key == id_key => keep(&mut id, cursor.whole()?),
        b"f" | b"l" | b"st" => cursor.whole().map(|_| ()),
        b"nq" | b"ps" => skip_text(cursor),
        _ => None,
    })?;
    let time_ns = nanoseconds(time?, "T").ok()?;
    let at = level(price?, qty?);
    let of_the_book = kind.is_none_or(|kind| kind == b"MARKET");
    Some(trade_message(
        entry?,
        id?,
        time_ns,
        at,
        buyer_made?,
        of_the_book,
    ))
}

fn mark(cursor: &mut Cursor<'_>, symbols: &Symbols) -> Option<Market> {
    let (mut event, mut next, mut entry) = (None, None, None);
    let (mut price, mut index, mut rate) = (None, None, None);
    members(cursor, b",", |key, cursor| match key {
        b"E" => keep(&mut event, cursor.whole()?),
        b"T" => keep(&mut next, cursor.whole()?),
        b"s" => keep(&mut entry, symbol(cursor, symbols)?),
        b"p" => {
            cursor.take(b"\"")?;
            keep(&mut price, cursor.cut_price(&entry?.price)?)
        }
        b"i" => {
            cursor.take(b"\"")?;
            keep(&mut index, cursor.cut_price(&entry?.price)?)
        }
        b"r" => {
            cursor.take(b"\"")?;
            keep(&mut rate, parse_scaled(cursor.text()?, 9).ok()?)
        }
        b"P" | b"ps" => skip_text(cursor),
        b"st" => cursor.whole().map(|_| ()),
        _ => None,
    })?;
    Some(Market::Mark {
        slot: entry?.slot,
        mark: Mark {
            mark: Ticks(price?),
            index: Ticks(index?),
            funding_rate_e9: rate?,
            next_funding_ns: nanoseconds(next?, "T").ok()?,
            venue_time_ns: nanoseconds(event?, "E").ok()?,
            reserved: [0; 40],
        },
    })
}

/// `{"e":"forceOrder","E":..,"o":{..}}`; newer messages have `st` and `ps` outside.
fn liquidation(cursor: &mut Cursor<'_>, symbols: &Symbols) -> Option<Market> {
    let (mut event, mut order) = (None, None);
    members(cursor, b",", |key, cursor| match key {
        b"E" => keep(&mut event, cursor.whole()?),
        b"o" => keep(&mut order, forced(cursor, symbols)?),
        b"st" => cursor.whole().map(|_| ()),
        b"ps" => skip_text(cursor),
        _ => None,
    })?;
    order
}

fn forced(cursor: &mut Cursor<'_>, symbols: &Symbols) -> Option<Market> {
    let (mut entry, mut sold, mut time) = (None, None, None);
    let (mut price, mut average, mut qty, mut filled) = (None, None, None, None);
    members(cursor, b"{", |key, cursor| match key {
        b"s" => keep(&mut entry, symbol(cursor, symbols)?),
        b"S" => {
            cursor.take(b"\"")?;
            let sells = match cursor.text()? {
                b"SELL" => Side::Sell,
                b"BUY" => Side::Buy,
                _ => return None,
            };
            keep(&mut sold, sells)
        }
        b"p" => {
            cursor.take(b"\"")?;
            keep(&mut price, cursor.cut_price(&entry?.price)?)
        }
        b"ap" => {
            cursor.take(b"\"")?;
            keep(&mut average, cursor.cut_price(&entry?.price)?)
        }
        b"q" => {
            cursor.take(b"\"")?;
            keep(&mut qty, cursor.qty(&entry?.qty)?)
        }
        b"z" => {
            cursor.take(b"\"")?;
            keep(&mut filled, cursor.qty(&entry?.qty)?)
        }
        b"T" => keep(&mut time, cursor.whole()?),
        b"o" | b"f" | b"X" | b"l" => skip_text(cursor),
        _ => None,
    })?;
    Some(Market::Liquidation {
        slot: entry?.slot,
        order: Liquidation {
            venue_time_ns: nanoseconds(time?, "T").ok()?,
            price: Ticks(price?),
            average: Ticks(average?),
            qty: Lots(qty?),
            filled: Lots(filled?),
            side: sold?,
            reserved: [0; 39],
        },
    })
}

/// `{"lastUpdateId":..,"E":..,"T":..,"bids":[..],"asks":[..]}`.
pub(super) fn decode_snapshot(bytes: &[u8], entry: &Entry, depth: &mut Depth) -> Option<u64> {
    let mut cursor = Cursor::new(bytes);
    cursor.take(b"{\"lastUpdateId\":")?;
    let update_id = cursor.whole()?;
    cursor.take(b",\"E\":")?;
    cursor.whole()?;
    cursor.take(b",\"T\":")?;
    cursor.whole()?;
    cursor.take(b",\"bids\":")?;
    depth.clear();
    side(&mut cursor, entry, depth)?;
    depth.end_of_bids();
    cursor.take(b",\"asks\":")?;
    side(&mut cursor, entry, depth)?;
    cursor.take(b"}")?;
    cursor.at_end().then_some(update_id)
}
