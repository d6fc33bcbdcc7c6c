//! Recorded frames of OKX's public streams: what each row of a frame says, as text.
//!
//! As with [`crate::binance::capture`], numbers stay text: whoever knows the steps decides. What
//! belongs together is found by [`BookSync`] along the chain of sequence ids; recordings from
//! before those have checksums instead ([`levels_sum`]).
//!
//! Hot path: no. Allocates: a list of rows for each frame, and two of levels for each book.

#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::general::billionths;
use super::wire::rung::Rung;
use crate::wire::text::Text;

pub use super::feed::levels_sum;
pub use crate::feed::dialect::Chain;
pub use crate::feed::sync::{BookSync, Span};

/// Why a frame cannot be used. The text says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// Not JSON, or a field is missing or of another type.
    #[error("is not a message of OKX: {0}")]
    Json(String),
    /// A field that holds what cannot be.
    #[error("field {field} is {value:?}")]
    Value {
        /// The key.
        field: &'static str,
        /// What stands there.
        value: String,
    },
}

/// Price and quantity, as the venue wrote them.
pub type LevelText<'a> = [Text<'a>; 2];

/// One row of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// The instrument, as the venue wrote it; of an index price the pair, without `-SWAP`.
    pub symbol: Text<'a>,
    /// The venue's time, nanoseconds since the Unix epoch; 0 if it gave none.
    pub venue_time_ns: u64,
    /// What it says.
    pub what: What<'a>,
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What<'a> {
    /// The whole book, or new quantities of levels.
    Book {
        /// Whether it is the whole book.
        whole: bool,
        /// Its place in the chain; `None` in recordings from before sequence ids.
        span: Option<Span>,
        /// The venue's checksum of the book behind this message; `None` where it sends none.
        checksum: Option<i32>,
        /// Bids.
        bids: Vec<LevelText<'a>>,
        /// Asks.
        asks: Vec<LevelText<'a>>,
    },
    /// Best bid and ask; `None` for an empty side.
    Top {
        /// The book's sequence id that it stands for; 0 if not stated.
        id: u64,
        /// Best bid.
        bid: Option<LevelText<'a>>,
        /// Best ask.
        ask: Option<LevelText<'a>>,
    },
    /// A trade (`trades-all`), or all of one taker at one price (`trades`).
    Trade {
        /// The venue's id of the trade, or of the last of the aggregate.
        id: u64,
        /// Whether it may stand for several.
        aggregate: bool,
        /// Price and quantity.
        at: LevelText<'a>,
        /// Whether the taker bought.
        taker_bought: bool,
    },
    /// Mark price of a perpetual.
    Mark(Text<'a>),
    /// Index price of a pair.
    Index(Text<'a>),
    /// The next funding of a perpetual.
    Funding {
        /// Its rate in 1e-9; digits below are cut off.
        rate_e9: i64,
        /// Its time, nanoseconds since the Unix epoch.
        at_ns: u64,
    },
    /// The terms of an instrument, from the `instruments` channel or a REST answer.
    Terms {
        /// Value of one contract (`ctVal`), in the base asset for linear contracts.
        value: Text<'a>,
        /// What multiplies that value (`ctMult`).
        multiplier: Text<'a>,
    },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Option<Text<'a>>,
    #[serde(borrow)]
    arg: Option<Arg<'a>>,
    #[serde(borrow)]
    action: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Arg<'a> {
    #[serde(borrow)]
    channel: Text<'a>,
    #[serde(borrow, rename = "instId")]
    symbol: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct BookRow<'a> {
    #[serde(borrow)]
    asks: Vec<Rung<'a>>,
    #[serde(borrow)]
    bids: Vec<Rung<'a>>,
    #[serde(borrow)]
    ts: Text<'a>,
    checksum: Option<i32>,
    #[serde(rename = "seqId")]
    id: Option<i64>,
    #[serde(rename = "prevSeqId")]
    before: Option<i64>,
}

#[derive(Deserialize)]
struct TradeRow<'a> {
    #[serde(borrow, rename = "tradeId")]
    id: Text<'a>,
    #[serde(borrow)]
    px: Text<'a>,
    #[serde(borrow)]
    sz: Text<'a>,
    #[serde(borrow)]
    side: Text<'a>,
    #[serde(borrow)]
    ts: Text<'a>,
}

/// What rows of the other channels may hold.
#[derive(Deserialize)]
struct OtherRow<'a> {
    #[serde(borrow, rename = "instId")]
    symbol: Option<Text<'a>>,
    #[serde(borrow, rename = "markPx")]
    mark: Option<Text<'a>>,
    #[serde(borrow, rename = "idxPx")]
    index: Option<Text<'a>>,
    #[serde(borrow, rename = "fundingRate")]
    rate: Option<Text<'a>>,
    #[serde(borrow, rename = "fundingTime")]
    funding_time: Option<Text<'a>>,
    #[serde(borrow, rename = "ctVal")]
    value: Option<Text<'a>>,
    #[serde(borrow, rename = "ctMult")]
    multiplier: Option<Text<'a>>,
    #[serde(borrow)]
    ts: Option<Text<'a>>,
}

/// Reads a frame into its rows, in their order. No rows: an answer, a word about the connection,
/// or a channel that nobody here uses.
///
/// # Errors
///
/// [`CaptureError`].
pub fn read(json: &str) -> Result<Vec<Row<'_>>, CaptureError> {
    if json == "pong" || json == "ping" {
        return Ok(Vec::new());
    }
    let frame: Envelope<'_> = parse(json)?;
    let Some(data) = &frame.data else {
        return match frame.event {
            Some(_) => Ok(Vec::new()),
            None => Err(CaptureError::Json("neither event nor data".to_owned())),
        };
    };
    // A REST answer has no channel; of those only the list of instruments is of use.
    let channel = match &frame.arg {
        Some(arg) => arg.channel.as_str(),
        None => "instruments",
    };
    let symbol = frame.arg.as_ref().and_then(|arg| arg.symbol.as_ref());
    let mut rows = Vec::with_capacity(data.len());
    for raw in data {
        let text = raw.get();
        rows.extend(match channel {
            "books" | "books-l2-tbt" | "books50-l2-tbt" => {
                let action = frame.action.as_ref().ok_or_else(|| missing("action"))?;
                Some(book(named(symbol)?, action, text)?)
            }
            "bbo-tbt" => Some(top(named(symbol)?, text)?),
            "trades" => Some(trade(named(symbol)?, true, text)?),
            "trades-all" => Some(trade(named(symbol)?, false, text)?),
            "mark-price" | "index-tickers" | "funding-rate" | "instruments" => {
                other(channel, symbol, text)?
            }
            _ => None,
        });
    }
    Ok(rows)
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, CaptureError> {
    serde_json::from_str(text).map_err(|error| CaptureError::Json(error.to_string()))
}

fn missing(field: &str) -> CaptureError {
    CaptureError::Json(format!("missing field `{field}`"))
}

fn named<'a>(symbol: Option<&Text<'a>>) -> Result<Text<'a>, CaptureError> {
    symbol.cloned().ok_or_else(|| missing("instId"))
}

fn wrong(field: &'static str, value: impl ToString) -> CaptureError {
    CaptureError::Value {
        field,
        value: value.to_string(),
    }
}

fn whole(text: &Text<'_>, field: &'static str) -> Result<u64, CaptureError> {
    let value = text.as_str().parse();
    value.map_err(|_| wrong(field, text.as_str()))
}

fn nanoseconds(text: &Text<'_>, field: &'static str) -> Result<u64, CaptureError> {
    let ns = whole(text, field)?.checked_mul(1_000_000);
    ns.ok_or_else(|| wrong(field, text.as_str()))
}

fn levels(rungs: Vec<Rung<'_>>) -> Vec<LevelText<'_>> {
    let rungs = rungs.into_iter();
    rungs.map(|rung| [rung.price, rung.qty]).collect()
}

fn book<'a>(symbol: Text<'a>, action: &Text<'_>, text: &'a str) -> Result<Row<'a>, CaptureError> {
    let whole = match action.as_str() {
        "snapshot" => true,
        "update" => false,
        action => return Err(wrong("action", action)),
    };
    let row: BookRow<'a> = parse(text)?;
    let venue_time_ns = nanoseconds(&row.ts, "ts")?;
    let id = |value: i64, field| u64::try_from(value).map_err(|_| wrong(field, value));
    let span = match (row.id, row.before) {
        (None, _) => None,
        (Some(_), None) if !whole => return Err(missing("prevSeqId")),
        (Some(last), before) => {
            let last_id = id(last, "seqId")?;
            let before = before.filter(|_| !whole);
            let before_id = before.map(|before| id(before, "prevSeqId")).transpose()?;
            Some(Span {
                first_id: last_id,
                last_id,
                before_id,
                venue_time_ns,
            })
        }
    };
    Ok(Row {
        symbol,
        venue_time_ns,
        what: What::Book {
            whole,
            span,
            checksum: row.checksum.filter(|sum| *sum != 0),
            bids: levels(row.bids),
            asks: levels(row.asks),
        },
    })
}

fn top<'a>(symbol: Text<'a>, text: &'a str) -> Result<Row<'a>, CaptureError> {
    let row: BookRow<'a> = parse(text)?;
    let best = |rungs: Vec<Rung<'a>>| levels(rungs).into_iter().next();
    let id = row.id.unwrap_or(0);
    Ok(Row {
        symbol,
        venue_time_ns: nanoseconds(&row.ts, "ts")?,
        what: What::Top {
            id: u64::try_from(id).map_err(|_| wrong("seqId", id))?,
            bid: best(row.bids),
            ask: best(row.asks),
        },
    })
}

fn trade<'a>(symbol: Text<'a>, aggregate: bool, text: &'a str) -> Result<Row<'a>, CaptureError> {
    let row: TradeRow<'a> = parse(text)?;
    let taker_bought = match row.side.as_str() {
        "buy" => true,
        "sell" => false,
        side => return Err(wrong("side", side)),
    };
    Ok(Row {
        symbol,
        venue_time_ns: nanoseconds(&row.ts, "ts")?,
        what: What::Trade {
            id: whole(&row.id, "tradeId")?,
            aggregate,
            at: [row.px, row.sz],
            taker_bought,
        },
    })
}

/// Marks, fundings and terms; `None` for the terms of what is no contract.
fn other<'a>(
    channel: &str,
    symbol: Option<&Text<'a>>,
    text: &'a str,
) -> Result<Option<Row<'a>>, CaptureError> {
    let row: OtherRow<'a> = parse(text)?;
    let what = match channel {
        "mark-price" => What::Mark(row.mark.ok_or_else(|| missing("markPx"))?),
        "index-tickers" => What::Index(row.index.ok_or_else(|| missing("idxPx"))?),
        "funding-rate" => {
            let rate = row.rate.ok_or_else(|| missing("fundingRate"))?;
            let time = row.funding_time.ok_or_else(|| missing("fundingTime"))?;
            let rate_e9 = billionths(rate.as_str());
            What::Funding {
                rate_e9: rate_e9.map_err(|_| wrong("fundingRate", rate.as_str()))?,
                at_ns: nanoseconds(&time, "fundingTime")?,
            }
        }
        _ => {
            // Spot has the keys, and nothing in them; another REST answer has none.
            let stated = |text: Option<Text<'a>>| text.filter(|text| !text.as_str().is_empty());
            match (stated(row.value), stated(row.multiplier)) {
                (Some(value), Some(multiplier)) => What::Terms { value, multiplier },
                _ => return Ok(None),
            }
        }
    };
    let venue_time_ns = match &row.ts {
        Some(ts) => nanoseconds(ts, "ts")?,
        None => 0,
    };
    Ok(Some(Row {
        symbol: named(row.symbol.as_ref().or(symbol))?,
        venue_time_ns,
        what,
    }))
}
