//! Candles, which both markets of the venue send alike.
//!
//! Hot path: yes. Allocates: no, but for the general parser's escapes.

use model::body::{Candle, Flag};
use model::num::{Lots, NumberError, Ticks};
use serde::Deserialize;

use crate::feed::message::Market;
use crate::wire::error::{WireError, from_raw, nanoseconds};
use crate::wire::raw::Raw;
use crate::wire::scan::Cursor;
use crate::wire::symbols::{Entry, Symbols};
use crate::wire::text::Text;

/// Seconds of an interval; 0 for a calendar month, whose length differs.
fn seconds(interval: &[u8]) -> Option<u32> {
    Some(match interval {
        b"1s" => 1,
        b"1m" => 60,
        b"3m" => 180,
        b"5m" => 300,
        b"15m" => 900,
        b"30m" => 1_800,
        b"1h" => 3_600,
        b"2h" => 7_200,
        b"4h" => 14_400,
        b"6h" => 21_600,
        b"8h" => 28_800,
        b"12h" => 43_200,
        b"1d" => 86_400,
        b"3d" => 259_200,
        b"1w" => 604_800,
        b"1M" => 0,
        _ => return None,
    })
}

/// The message behind `{"e":"kline","E":`, in the venue's usual order.
pub(in crate::binance) fn usual(cursor: &mut Cursor<'_>, symbols: &Symbols) -> Option<Market> {
    let venue_time_ns = nanoseconds(cursor.whole()?, "E").ok()?;
    cursor.take(b",\"s\":\"")?;
    let entry = symbols.find(cursor.text()?)?;
    cursor.take(b",\"k\":{\"t\":")?;
    let open_time_ns = nanoseconds(cursor.whole()?, "t").ok()?;
    cursor.take(b",\"T\":")?;
    cursor.whole()?;
    cursor.take(b",\"s\":\"")?;
    cursor.text()?;
    cursor.take(b",\"i\":\"")?;
    let interval_s = seconds(cursor.text()?)?;
    for key in [b",\"f\":", b",\"L\":"] {
        cursor.take(key)?;
        // None yet is -1.
        if cursor.take(b"-1").is_none() {
            cursor.whole()?;
        }
    }
    let mut prices = [0; 4];
    for (price, key) in
        prices
            .iter_mut()
            .zip([b",\"o\":\"", b",\"c\":\"", b",\"h\":\"", b",\"l\":\""])
    {
        cursor.take(key)?;
        *price = cursor.cut_price(&entry.price)?;
    }
    cursor.take(b",\"v\":\"")?;
    let volume = cursor.qty(&entry.qty)?;
    cursor.take(b",\"n\":")?;
    let trades = cursor.whole()?;
    cursor.take(b",\"x\":")?;
    let closed = cursor.boolean()?;
    cursor.take(b",\"q\":\"")?;
    cursor.text()?;
    cursor.take(b",\"V\":\"")?;
    let bought = cursor.qty(&entry.qty)?;
    cursor.take(b",\"Q\":\"")?;
    cursor.text()?;
    cursor.take(b",\"B\":\"")?;
    cursor.text()?;
    cursor.take(b"}")?;
    let [open, close, high, low] = prices.map(Ticks);
    Some(Market::Candle {
        slot: entry.slot,
        candle: Candle {
            open_time_ns,
            venue_time_ns,
            open,
            high,
            low,
            close,
            volume: Lots(volume),
            taker_bought: Lots(bought),
            trades,
            interval_s,
            closed: Flag::from(closed),
            reserved: [0; 3],
        },
    })
}

#[derive(Deserialize)]
struct Kline<'a> {
    t: u64,
    #[serde(borrow)]
    i: Text<'a>,
    #[serde(borrow)]
    o: Text<'a>,
    #[serde(borrow)]
    c: Text<'a>,
    #[serde(borrow)]
    h: Text<'a>,
    #[serde(borrow)]
    l: Text<'a>,
    #[serde(borrow)]
    v: Text<'a>,
    n: u64,
    x: bool,
    #[serde(borrow, rename = "V")]
    bought: Text<'a>,
}

/// The value of `k` in any form; `event_ms` is the message's `E`.
pub(in crate::binance) fn general(
    raw: Raw<'_>,
    entry: &Entry,
    event_ms: u64,
) -> Result<Market, WireError> {
    let kline: Kline<'_> = from_raw(raw)?;
    let number = |field, error: NumberError| WireError::Number { field, error };
    let price = |text: &Text<'_>, field| {
        let ticks = entry.price.parse_down(text.as_bytes());
        ticks.map(Ticks).map_err(|error| number(field, error))
    };
    let qty = |text: &Text<'_>, field| {
        let lots = entry.qty.parse_down(text.as_bytes());
        lots.map(Lots).map_err(|error| number(field, error))
    };
    Ok(Market::Candle {
        slot: entry.slot,
        candle: Candle {
            open_time_ns: nanoseconds(kline.t, "t")?,
            venue_time_ns: nanoseconds(event_ms, "E")?,
            open: price(&kline.o, "o")?,
            high: price(&kline.h, "h")?,
            low: price(&kline.l, "l")?,
            close: price(&kline.c, "c")?,
            volume: qty(&kline.v, "v")?,
            taker_bought: qty(&kline.bought, "V")?,
            trades: kline.n,
            interval_s: seconds(kline.i.as_bytes()).ok_or(WireError::Value { field: "i" })?,
            closed: Flag::from(kline.x),
            reserved: [0; 3],
        },
    })
}
