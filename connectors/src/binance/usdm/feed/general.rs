//! USD-M's market messages with any white space and any keys that we do not know: the scanner's
//! fallback, and the judge of what is an error. Allocates.

use model::body::{Level, Liquidation, Mark, OpenInterest, Quote, Side};
use model::num::{Lots, Ticks, parse_scaled};
use serde::Deserialize;

use crate::binance::wire::general::{Loose, number, present, required, side};
use crate::binance::wire::kline;
use crate::binance::wire::market;
use crate::feed::message::{Depth, Market};
use crate::feed::sync::Span;
use crate::wire::WireError;
use crate::wire::error::{from_json, from_raw, nanoseconds};
use crate::wire::symbols::{Entry, Step, Symbols};
use crate::wire::text::Text;

pub(super) use crate::binance::wire::general::decode_snapshot;

/// Every key that any of the messages uses; what it means is decided by the kind.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    data: Option<Box<Payload<'a>>>,
    #[serde(borrow, rename = "e")]
    kind: Option<Text<'a>>,
    #[serde(rename = "E")]
    event_time: Option<u64>,
    #[serde(borrow, default, rename = "T")]
    time: Loose<'a>,
    #[serde(borrow, default, rename = "s")]
    symbol: Loose<'a>,
    #[serde(borrow, default, rename = "U")]
    first_id: Loose<'a>,
    #[serde(borrow, default, rename = "u")]
    last_id: Loose<'a>,
    #[serde(borrow, default, rename = "pu")]
    before_id: Loose<'a>,
    #[serde(borrow, default, rename = "b")]
    bid: Loose<'a>,
    #[serde(borrow, default, rename = "B")]
    bid_qty: Loose<'a>,
    #[serde(borrow, default, rename = "a")]
    ask: Loose<'a>,
    #[serde(borrow, default, rename = "A")]
    ask_qty: Loose<'a>,
    #[serde(borrow, default, rename = "t")]
    trade_id: Loose<'a>,
    #[serde(borrow, default, rename = "p")]
    price: Loose<'a>,
    #[serde(borrow, default, rename = "q")]
    qty: Loose<'a>,
    #[serde(borrow, default, rename = "m")]
    buyer_made: Loose<'a>,
    #[serde(borrow, default, rename = "X")]
    trade_kind: Loose<'a>,
    #[serde(borrow, default, rename = "i")]
    index: Loose<'a>,
    #[serde(borrow, default, rename = "r")]
    rate: Loose<'a>,
    #[serde(borrow, default, rename = "o")]
    order: Loose<'a>,
    #[serde(borrow, default, rename = "k")]
    kline: Loose<'a>,
    #[serde(default, deserialize_with = "present")]
    id: bool,
    #[serde(default, deserialize_with = "present")]
    result: bool,
    #[serde(borrow, default)]
    code: Loose<'a>,
    #[serde(borrow, default)]
    error: Loose<'a>,
}

/// Kinds of stream messages that the documentation has and nobody here uses.
const UNUSED_KINDS: &[&str] = &[
    "24hrTicker",
    "24hrMiniTicker",
    "continuous_kline",
    "compositeIndex",
    "contractInfo",
    "assetIndexUpdate",
    "tradingSession",
];

pub(super) fn decode(
    bytes: &[u8],
    symbols: &Symbols,
    depth: &mut Depth,
) -> Result<Market, WireError> {
    let outer: Payload<'_> = from_json(bytes)?;
    let payload = match outer.data {
        Some(inner) => *inner,
        None => outer,
    };
    match payload.kind.as_ref().map(Text::as_str) {
        Some("depthUpdate") => payload.update(symbols, depth),
        Some("bookTicker") => payload.quote(symbols),
        Some("aggTrade") => payload.trade(symbols, payload.ask, "a"),
        Some("trade") => payload.trade(symbols, payload.trade_id, "t"),
        Some("markPriceUpdate") => payload.mark(symbols),
        Some("forceOrder") => payload.liquidation(symbols),
        Some("kline") => payload.candle(symbols),
        Some("serverShutdown") => Ok(Market::Shutdown),
        Some(kind) if UNUSED_KINDS.contains(&kind) => Ok(Market::Ignored),
        Some(_) => Err(WireError::UnknownKind),
        None => payload.answer(),
    }
}

#[inline]
pub(super) const fn depth_message(entry: &Entry, span: Span) -> Market {
    market::update_message(entry.slot, span)
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

/// What is not a trade in the book (`"X":"NA"`, the insurance fund's) is none.
#[inline]
pub(super) const fn trade_message(
    entry: &Entry,
    id: u64,
    venue_time_ns: u64,
    at: Level,
    buyer_made: bool,
    of_the_book: bool,
) -> Market {
    if !of_the_book {
        return Market::Ignored;
    }
    market::trade_message(entry.slot, id, venue_time_ns, at, buyer_made)
}

/// A price of which what is below one tick is cut off.
fn cut(raw: Loose<'_>, field: &'static str, step: &Step) -> Result<i64, WireError> {
    number(raw, field, |text| step.parse_down(text))
}

fn entry<'s>(raw: Loose<'_>, symbols: &'s Symbols) -> Result<&'s Entry, WireError> {
    let symbol: Text<'_> = required(raw, "s")?;
    symbols
        .find(symbol.as_bytes())
        .ok_or(WireError::UnknownSymbol)
}

impl<'a> Payload<'a> {
    fn time(&self, raw: Loose<'a>, field: &'static str) -> Result<u64, WireError> {
        nanoseconds(required(raw, field)?, field)
    }

    fn event_ms(&self) -> Result<u64, WireError> {
        self.event_time.ok_or(WireError::Missing { field: "E" })
    }

    /// The time of the match, or that of the message.
    fn match_ns(&self, event_ms: u64) -> Result<u64, WireError> {
        match self.time {
            Some(_) => self.time(self.time, "T"),
            None => nanoseconds(event_ms, "E"),
        }
    }

    fn update(&self, symbols: &Symbols, depth: &mut Depth) -> Result<Market, WireError> {
        let entry = entry(self.symbol, symbols)?;
        depth.clear();
        side(self.bid, "b", entry, depth)?;
        depth.end_of_bids();
        side(self.ask, "a", entry, depth)?;
        let span = Span {
            first_id: required(self.first_id, "U")?,
            last_id: required(self.last_id, "u")?,
            before_id: Some(required(self.before_id, "pu")?),
            venue_time_ns: self.match_ns(self.event_ms()?)?,
        };
        Ok(depth_message(entry, span))
    }

    fn quote(&self, symbols: &Symbols) -> Result<Market, WireError> {
        let entry = entry(self.symbol, symbols)?;
        let qty = |text: &[u8]| entry.qty.parse_down(text);
        let bid = market::level(
            cut(self.bid, "b", &entry.price)?,
            number(self.bid_qty, "B", qty)?,
        );
        let ask = market::level(
            number(self.ask, "a", |text| entry.price.parse_up(text))?,
            number(self.ask_qty, "A", qty)?,
        );
        let time_ns = self.match_ns(self.event_time.unwrap_or(0))?;
        let id = required(self.last_id, "u")?;
        Ok(quote_message(entry, id, time_ns, bid, ask))
    }

    fn trade(
        &self,
        symbols: &Symbols,
        id: Loose<'a>,
        field: &'static str,
    ) -> Result<Market, WireError> {
        let entry = entry(self.symbol, symbols)?;
        let at = market::level(
            cut(self.price, "p", &entry.price)?,
            cut(self.qty, "q", &entry.qty)?,
        );
        let of_the_book = match self.trade_kind {
            Some(_) => required::<Text<'_>>(self.trade_kind, "X")?.as_str() == "MARKET",
            None => true,
        };
        Ok(trade_message(
            entry,
            required(id, field)?,
            self.time(self.time, "T")?,
            at,
            required(self.buyer_made, "m")?,
            of_the_book,
        ))
    }

    /// A contract that ends has no funding: its rate is empty.
    fn mark(&self, symbols: &Symbols) -> Result<Market, WireError> {
        let entry = entry(self.symbol, symbols)?;
        let rate: Text<'_> = required(self.rate, "r")?;
        let funding_rate_e9 = match rate.as_bytes() {
            b"" => 0,
            text => {
                parse_scaled(text, 9).map_err(|error| WireError::Number { field: "r", error })?
            }
        };
        Ok(Market::Mark {
            slot: entry.slot,
            mark: Mark {
                mark: Ticks(cut(self.price, "p", &entry.price)?),
                index: Ticks(cut(self.index, "i", &entry.price)?),
                funding_rate_e9,
                next_funding_ns: self.time(self.time, "T")?,
                venue_time_ns: nanoseconds(self.event_ms()?, "E")?,
                reserved: [0; 40],
            },
        })
    }

    fn liquidation(&self, symbols: &Symbols) -> Result<Market, WireError> {
        let raw = self.order.ok_or(WireError::Missing { field: "o" })?;
        let order: Forced<'_> = from_raw(raw)?;
        let entry = entry(order.symbol, symbols)?;
        let side = match required::<Text<'_>>(order.side, "S")?.as_str() {
            "SELL" => Side::Sell,
            "BUY" => Side::Buy,
            _ => return Err(WireError::Value { field: "S" }),
        };
        Ok(Market::Liquidation {
            slot: entry.slot,
            order: Liquidation {
                venue_time_ns: self.time(order.time, "T")?,
                price: Ticks(cut(order.price, "p", &entry.price)?),
                average: Ticks(cut(order.average, "ap", &entry.price)?),
                qty: Lots(cut(order.qty, "q", &entry.qty)?),
                filled: Lots(cut(order.filled, "z", &entry.qty)?),
                side,
                reserved: [0; 39],
            },
        })
    }

    fn candle(&self, symbols: &Symbols) -> Result<Market, WireError> {
        let entry = entry(self.symbol, symbols)?;
        let raw = self.kline.ok_or(WireError::Missing { field: "k" })?;
        kline::general(raw, entry, self.event_ms()?)
    }

    /// `{"result":null,"id":1}`, or an error in either of the two forms seen.
    fn answer(&self) -> Result<Market, WireError> {
        let code = match self.error {
            Some(error) => from_raw::<ErrorBody>(error)?.code,
            None => match self.code {
                Some(_) => Some(required(self.code, "code")?),
                None => None,
            },
        };
        if code.is_none() && !(self.id || self.result) {
            return Err(WireError::UnknownKind);
        }
        Ok(Market::Answer { error: code })
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    code: Option<i32>,
}

#[derive(Deserialize)]
struct Forced<'a> {
    #[serde(borrow, default, rename = "s")]
    symbol: Loose<'a>,
    #[serde(borrow, default, rename = "S")]
    side: Loose<'a>,
    #[serde(borrow, default, rename = "p")]
    price: Loose<'a>,
    #[serde(borrow, default, rename = "ap")]
    average: Loose<'a>,
    #[serde(borrow, default, rename = "q")]
    qty: Loose<'a>,
    #[serde(borrow, default, rename = "z")]
    filled: Loose<'a>,
    #[serde(borrow, default, rename = "T")]
    time: Loose<'a>,
}

#[derive(Deserialize)]
struct Interest<'a> {
    #[serde(borrow, default, rename = "openInterest")]
    qty: Loose<'a>,
    #[serde(borrow, default)]
    symbol: Loose<'a>,
    time: Option<u64>,
}

/// `{"openInterest":"10659.509","symbol":"BTCUSDT","time":1589437530011}`.
pub(super) fn open_interest(bytes: &[u8], expected: &Entry) -> Result<Market, WireError> {
    let interest: Interest<'_> = from_json(bytes)?;
    let symbol: Text<'_> = required(interest.symbol, "symbol")?;
    if symbol.as_str() != expected.symbol() {
        return Err(WireError::UnknownSymbol);
    }
    let time = interest.time.ok_or(WireError::Missing { field: "time" })?;
    Ok(Market::OpenInterest {
        slot: expected.slot,
        interest: OpenInterest {
            qty: Lots(cut(interest.qty, "openInterest", &expected.qty)?),
            venue_time_ns: nanoseconds(time, "time")?,
            reserved: [0; 64],
        },
    })
}
