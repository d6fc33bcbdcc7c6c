//! Recorded frames of the market streams, spot and USD-M futures: what a frame says, as text.
//!
//! The live feed's decoder rounds what is off an instrument's steps, because it must go on. A
//! reader of recordings must not: numbers stay text here, and whoever knows the steps decides. What
//! belongs together is found by [`BookSync`], by the same rules as live.
//!
//! Hot path: no. Allocates: two lists for each depth message.

#[cfg(test)]
mod tests;

use model::num::parse_scaled;
use serde::Deserialize;
use serde_json::value::RawValue;

pub use crate::feed::sync::{BookSync, Fit, Replayed, Span, Verdict};

/// Which market of the venue a frame is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Market {
    /// Spot.
    Spot,
    /// USD-margined futures.
    UsdM,
}

/// Why a frame cannot be used. The text says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// Not JSON, or a field is missing or of another type.
    #[error("is not a message of Binance: {0}")]
    Json(String),
    /// A kind of event that we do not know.
    #[error("is an event of unknown kind {0:?}")]
    UnknownKind(String),
    /// A time or a rate that cannot be.
    #[error("field {field} is {value:?}")]
    Number {
        /// The key.
        field: &'static str,
        /// What stands there.
        value: String,
    },
}

/// Price and quantity, as the venue wrote them.
pub type LevelText<'a> = [&'a str; 2];

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The market that its fields are of.
    pub market: Market,
    /// The symbol, as the venue wrote it; `None` for a snapshot, which does not say unless we
    /// recorded it.
    pub symbol: Option<&'a str>,
    /// The venue's time of the event (of the match where it is given, else of the message),
    /// nanoseconds since the Unix epoch; 0 if it gave none.
    pub venue_time_ns: u64,
    /// What it says.
    pub what: What<'a>,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What<'a> {
    /// New quantities of levels.
    Depth {
        /// Its place among the updates.
        span: Span,
        /// Bids.
        bids: Vec<LevelText<'a>>,
        /// Asks.
        asks: Vec<LevelText<'a>>,
    },
    /// The whole book, from the venue's REST interface.
    Snapshot {
        /// Last update in it.
        id: u64,
        /// Bids.
        bids: Vec<LevelText<'a>>,
        /// Asks.
        asks: Vec<LevelText<'a>>,
    },
    /// Best bid and ask.
    Top {
        /// The book update that it stands for.
        id: u64,
        /// Best bid.
        bid: LevelText<'a>,
        /// Best ask.
        ask: LevelText<'a>,
    },
    /// A trade, or several of one taker at one price.
    Trade {
        /// The venue's id of the trade, or of the aggregate.
        id: u64,
        /// Whether it is an aggregate.
        aggregate: bool,
        /// Price and quantity.
        at: LevelText<'a>,
        /// Whether the buyer was the maker.
        buyer_made: bool,
        /// `false` for what is published as a trade and is none (`"X":"NA"`).
        of_the_book: bool,
    },
    /// Mark price and funding of a perpetual.
    Mark {
        /// Mark price.
        mark: &'a str,
        /// Index price; empty if not stated.
        index: &'a str,
        /// Rate of the next funding, in 1e-9; 0 if not stated.
        funding_rate_e9: i64,
        /// Time of the next funding, nanoseconds since the Unix epoch; 0 if not stated.
        next_funding_ns: u64,
    },
    /// A message that the documentation knows and we do not use.
    Ignored,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    stream: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Head<'a> {
    e: Option<&'a str>,
    #[serde(borrow, rename = "lastUpdateId")]
    last_update_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "B")]
    bid_qty: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Depth<'a> {
    s: &'a str,
    #[serde(rename = "E")]
    event_ms: u64,
    #[serde(rename = "T")]
    match_ms: Option<u64>,
    #[serde(rename = "U")]
    first_id: u64,
    u: u64,
    pu: Option<u64>,
    #[serde(borrow)]
    b: Vec<LevelText<'a>>,
    #[serde(borrow)]
    a: Vec<LevelText<'a>>,
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    #[serde(rename = "lastUpdateId")]
    id: u64,
    #[serde(rename = "E")]
    event_ms: Option<u64>,
    #[serde(rename = "T")]
    match_ms: Option<u64>,
    #[serde(borrow)]
    bids: Vec<LevelText<'a>>,
    #[serde(borrow)]
    asks: Vec<LevelText<'a>>,
}

#[derive(Deserialize)]
struct Top<'a> {
    s: &'a str,
    u: u64,
    b: &'a str,
    #[serde(rename = "B")]
    b_qty: &'a str,
    a: &'a str,
    #[serde(rename = "A")]
    a_qty: &'a str,
    #[serde(rename = "E")]
    event_ms: Option<u64>,
    #[serde(rename = "T")]
    match_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    s: &'a str,
    t: Option<u64>,
    #[serde(rename = "a")]
    aggregate_id: Option<u64>,
    p: &'a str,
    q: &'a str,
    m: bool,
    #[serde(rename = "M")]
    best_match: Option<bool>,
    #[serde(rename = "T")]
    match_ms: u64,
    #[serde(rename = "X")]
    kind: Option<&'a str>,
}

#[derive(Deserialize)]
struct MarkPrice<'a> {
    s: &'a str,
    #[serde(rename = "E")]
    event_ms: u64,
    p: &'a str,
    i: Option<&'a str>,
    r: Option<&'a str>,
    #[serde(rename = "T")]
    next_funding_ms: Option<u64>,
}

/// Kinds of stream messages that the documentation has and nobody here uses.
const UNUSED: &[&str] = &[
    "kline",
    "continuous_kline",
    "24hrTicker",
    "24hrMiniTicker",
    "1hTicker",
    "4hTicker",
    "1dTicker",
    "avgPrice",
    "forceOrder",
    "compositeIndex",
    "contractInfo",
    "assetIndexUpdate",
    "serverShutdown",
];

/// Reads a frame: bare, in its `{"stream":..,"data":..}` envelope, or a REST snapshot.
///
/// # Errors
///
/// [`CaptureError`].
pub fn read(json: &str) -> Result<Frame<'_>, CaptureError> {
    let (stream, text) = payload(json)?;
    if is_partial_book(stream) {
        return Ok(ignored());
    }
    let kind = match quick_kind(text) {
        Some(kind) => kind,
        None => {
            let head: Head<'_> = parse(text)?;
            match head.e {
                Some(kind) => kind,
                None if head.last_update_id.is_some() => {
                    let mut frame = snapshot(text)?;
                    // Only our own recordings say whose it is.
                    frame.symbol = stream.strip_suffix("@snapshot");
                    return Ok(frame);
                }
                None if head.bid_qty.is_some() => "bookTicker",
                None if head.result.is_some() || head.id.is_some() => return Ok(ignored()),
                None => return Err(CaptureError::UnknownKind(String::new())),
            }
        }
    };
    match kind {
        "depthUpdate" => depth(text),
        "bookTicker" => top(text),
        "trade" | "aggTrade" => trade(text),
        "markPriceUpdate" => mark(text),
        kind if UNUSED.contains(&kind) => Ok(ignored()),
        kind => Err(CaptureError::UnknownKind(kind.to_owned())),
    }
}

const fn ignored<'a>() -> Frame<'a> {
    Frame {
        market: Market::Spot,
        symbol: None,
        venue_time_ns: 0,
        what: What::Ignored,
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, CaptureError> {
    serde_json::from_str(text).map_err(|error| CaptureError::Json(error.to_string()))
}

/// The stream's name, empty if there is none, and what stands in the envelope; in the usual form
/// found without reading it all.
fn payload(json: &str) -> Result<(&str, &str), CaptureError> {
    const DATA: &str = "\",\"data\":";
    if let Some(rest) = json.strip_prefix("{\"stream\":\"")
        && let Some((stream, inner)) = rest.split_once(DATA)
        && let Some(inner) = inner.strip_suffix('}')
    {
        return Ok((stream, inner));
    }
    if quick_kind(json).is_some() {
        return Ok(("", json));
    }
    let envelope: Envelope<'_> = parse(json)?;
    let stream = envelope.stream.unwrap_or("");
    Ok((stream, envelope.data.map_or(json, RawValue::get)))
}

/// Whether a stream is of the best few levels (`btcusdt@depth20@100ms`): its messages look as
/// updates or snapshots do, and are neither.
fn is_partial_book(stream: &str) -> bool {
    let behind = stream.split_once("@depth").map_or("", |(_, rest)| rest);
    behind.starts_with(|c: char| c.is_ascii_digit())
}

/// The kind of an event whose first key says it, as all but spot's best prices do.
fn quick_kind(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("{\"e\":\"")?;
    rest.split_once('"').map(|(kind, _)| kind)
}

fn depth(text: &str) -> Result<Frame<'_>, CaptureError> {
    let depth: Depth<'_> = parse(text)?;
    let is_chained = depth.pu.is_some();
    let venue_time_ns = nanoseconds(depth.match_ms.unwrap_or(depth.event_ms), "E")?;
    Ok(Frame {
        market: if is_chained {
            Market::UsdM
        } else {
            Market::Spot
        },
        symbol: Some(depth.s),
        venue_time_ns,
        what: What::Depth {
            span: Span {
                first_id: depth.first_id,
                last_id: depth.u,
                before_id: depth.pu,
                venue_time_ns,
            },
            bids: depth.b,
            asks: depth.a,
        },
    })
}

fn snapshot(text: &str) -> Result<Frame<'_>, CaptureError> {
    let snapshot: Snapshot<'_> = parse(text)?;
    let time_ms = snapshot.match_ms.or(snapshot.event_ms);
    Ok(Frame {
        market: if time_ms.is_some() {
            Market::UsdM
        } else {
            Market::Spot
        },
        symbol: None,
        venue_time_ns: nanoseconds(time_ms.unwrap_or(0), "T")?,
        what: What::Snapshot {
            id: snapshot.id,
            bids: snapshot.bids,
            asks: snapshot.asks,
        },
    })
}

fn top(text: &str) -> Result<Frame<'_>, CaptureError> {
    let top: Top<'_> = parse(text)?;
    let time_ms = top.match_ms.or(top.event_ms);
    Ok(Frame {
        market: if time_ms.is_some() {
            Market::UsdM
        } else {
            Market::Spot
        },
        symbol: Some(top.s),
        venue_time_ns: nanoseconds(time_ms.unwrap_or(0), "T")?,
        what: What::Top {
            id: top.u,
            bid: [top.b, top.b_qty],
            ask: [top.a, top.a_qty],
        },
    })
}

fn trade(text: &str) -> Result<Frame<'_>, CaptureError> {
    let trade: Trade<'_> = parse(text)?;
    let (id, aggregate) = match (trade.t, trade.aggregate_id) {
        (_, Some(id)) if trade.t.is_none() => (id, true),
        (Some(id), _) => (id, false),
        (None, _) => return Err(CaptureError::Json("a trade without an id".to_owned())),
    };
    let is_spot = trade.best_match.is_some();
    Ok(Frame {
        market: if is_spot { Market::Spot } else { Market::UsdM },
        symbol: Some(trade.s),
        venue_time_ns: nanoseconds(trade.match_ms, "T")?,
        what: What::Trade {
            id,
            aggregate,
            at: [trade.p, trade.q],
            buyer_made: trade.m,
            of_the_book: trade.kind != Some("NA"),
        },
    })
}

fn mark(text: &str) -> Result<Frame<'_>, CaptureError> {
    let mark: MarkPrice<'_> = parse(text)?;
    let rate = mark.r.filter(|rate| !rate.is_empty()).unwrap_or("0");
    let funding_rate_e9 = parse_scaled(rate.as_bytes(), 9);
    let funding_rate_e9 = funding_rate_e9.map_err(|_| CaptureError::Number {
        field: "r",
        value: rate.to_owned(),
    })?;
    Ok(Frame {
        market: Market::UsdM,
        symbol: Some(mark.s),
        venue_time_ns: nanoseconds(mark.event_ms, "E")?,
        what: What::Mark {
            mark: mark.p,
            index: mark.i.unwrap_or(""),
            funding_rate_e9,
            next_funding_ns: nanoseconds(mark.next_funding_ms.unwrap_or(0), "T")?,
        },
    })
}

fn nanoseconds(ms: u64, field: &'static str) -> Result<u64, CaptureError> {
    ms.checked_mul(1_000_000)
        .ok_or_else(|| CaptureError::Number {
            field,
            value: ms.to_string(),
        })
}
