//! Market data in any order of keys, with any white space and any keys that we do not know.
//!
//! The scanner's fallback, and the judge of what is an error. Allocates.

use model::num::NumberError;
use serde::Deserialize;

use super::kline;
use super::market::{Depth, Market, level, quote_body, trade_message, update_message};
use crate::feed::sync::Span;
use crate::wire::error::{WireError, from_json, nanoseconds};
pub(in crate::binance) use crate::wire::loose::{Loose, number, present, required};
use crate::wire::symbols::{Entry, Symbols};
use crate::wire::text::Text;

/// Every key that any of the messages uses. Spot's events share letters with other meanings, so
/// what a key means is decided by the kind, after parsing.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    data: Option<Box<Payload<'a>>>,
    #[serde(borrow, rename = "e")]
    kind: Option<Text<'a>>,
    #[serde(rename = "E")]
    event_time: Option<u64>,
    #[serde(borrow, rename = "s")]
    symbol: Option<Text<'a>>,
    #[serde(borrow, default, rename = "t")]
    trade_id: Loose<'a>,
    #[serde(borrow, default, rename = "p")]
    price: Loose<'a>,
    #[serde(borrow, default, rename = "q")]
    qty: Loose<'a>,
    #[serde(borrow, default, rename = "T")]
    trade_time: Loose<'a>,
    #[serde(borrow, default, rename = "m")]
    buyer_made: Loose<'a>,
    #[serde(borrow, default, rename = "U")]
    first_id: Loose<'a>,
    #[serde(borrow, default, rename = "u")]
    last_id: Loose<'a>,
    #[serde(borrow, default, rename = "b")]
    bid: Loose<'a>,
    #[serde(borrow, default, rename = "B")]
    bid_qty: Loose<'a>,
    #[serde(borrow, default, rename = "a")]
    ask: Loose<'a>,
    #[serde(borrow, default, rename = "A")]
    ask_qty: Loose<'a>,
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
    "aggTrade",
    "24hrTicker",
    "24hrMiniTicker",
    "1hTicker",
    "4hTicker",
    "1dTicker",
    "avgPrice",
    "referencePrice",
    "blockTrade",
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
        Some("trade") => payload.trade(symbols),
        Some("bookTicker") => payload.quote(symbols),
        Some("kline") => payload.candle(symbols),
        Some("serverShutdown") => Ok(Market::Shutdown),
        Some(kind) if UNUSED_KINDS.contains(&kind) => Ok(Market::Ignored),
        Some(_) => Err(WireError::UnknownKind),
        None if payload.bid_qty.is_some() && payload.ask_qty.is_some() => payload.quote(symbols),
        None => payload.answer(),
    }
}

impl<'a> Payload<'a> {
    fn update(&self, symbols: &Symbols, depth: &mut Depth) -> Result<Market, WireError> {
        let entry = self.entry(symbols)?;
        let time = self.event_time.ok_or(WireError::Missing { field: "E" })?;
        depth.clear();
        side(self.bid, "b", entry, depth)?;
        depth.end_of_bids();
        side(self.ask, "a", entry, depth)?;
        let span = Span {
            first_id: required(self.first_id, "U")?,
            last_id: required(self.last_id, "u")?,
            before_id: None,
            venue_time_ns: nanoseconds(time, "E")?,
        };
        Ok(update_message(entry.slot, span))
    }

    fn trade(&self, symbols: &Symbols) -> Result<Market, WireError> {
        let entry = self.entry(symbols)?;
        let price = number(self.price, "p", |text| entry.price.parse_down(text))?;
        let qty = number(self.qty, "q", |text| entry.qty.parse_down(text))?;
        Ok(trade_message(
            entry.slot,
            required(self.trade_id, "t")?,
            nanoseconds(required(self.trade_time, "T")?, "T")?,
            level(price, qty),
            required(self.buyer_made, "m")?,
        ))
    }

    fn quote(&self, symbols: &Symbols) -> Result<Market, WireError> {
        let entry = self.entry(symbols)?;
        let qty = |text: &[u8]| entry.qty.parse_down(text);
        let bid = level(
            number(self.bid, "b", |text| entry.price.parse_down(text))?,
            number(self.bid_qty, "B", qty)?,
        );
        let ask = level(
            number(self.ask, "a", |text| entry.price.parse_up(text))?,
            number(self.ask_qty, "A", qty)?,
        );
        Ok(Market::Quote {
            slot: entry.slot,
            quote: quote_body(required(self.last_id, "u")?, bid, ask),
        })
    }

    fn candle(&self, symbols: &Symbols) -> Result<Market, WireError> {
        let entry = self.entry(symbols)?;
        let raw = self.kline.ok_or(WireError::Missing { field: "k" })?;
        let time = self.event_time.ok_or(WireError::Missing { field: "E" })?;
        kline::general(raw, entry, time)
    }

    /// `{"result":null,"id":1}`, or an error in either of the two forms seen.
    fn answer(&self) -> Result<Market, WireError> {
        let code = match self.error {
            Some(error) => crate::wire::error::from_raw::<ErrorBody>(error)?.code,
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

    fn entry<'s>(&self, symbols: &'s Symbols) -> Result<&'s Entry, WireError> {
        let symbol = self
            .symbol
            .as_ref()
            .ok_or(WireError::Missing { field: "s" })?;
        symbols
            .find(symbol.as_bytes())
            .ok_or(WireError::UnknownSymbol)
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    code: Option<i32>,
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    #[serde(rename = "lastUpdateId")]
    last_update_id: Option<u64>,
    #[serde(borrow, default)]
    bids: Loose<'a>,
    #[serde(borrow, default)]
    asks: Loose<'a>,
}

pub(in crate::binance) fn decode_snapshot(
    bytes: &[u8],
    entry: &Entry,
    depth: &mut Depth,
) -> Result<u64, WireError> {
    let snapshot: Snapshot<'_> = from_json(bytes)?;
    depth.clear();
    side(snapshot.bids, "bids", entry, depth)?;
    depth.end_of_bids();
    side(snapshot.asks, "asks", entry, depth)?;
    snapshot.last_update_id.ok_or(WireError::Missing {
        field: "lastUpdateId",
    })
}

pub(in crate::binance) fn side(
    raw: Loose<'_>,
    field: &'static str,
    entry: &Entry,
    depth: &mut Depth,
) -> Result<(), WireError> {
    let levels: Vec<(Text<'_>, Text<'_>)> = required(raw, field)?;
    let wrong = |error| WireError::Number { field, error };
    for (price, qty) in &levels {
        let qty = entry.qty.parse_down(qty.as_bytes()).map_err(wrong)?;
        match entry.price.parse(price.as_bytes()) {
            Ok(price) => depth.push(level(price, qty)),
            Err(NumberError::OffStep) => {}
            Err(error) => return Err(wrong(error)),
        }
    }
    Ok(())
}
