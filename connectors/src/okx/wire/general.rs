//! OKX's market messages with any white space and any keys that we do not know: the scanner's
//! fallback, the reader of the rarer channels, and the judge of what is an error. Allocates.

use model::body::{Candle, Flag, Level, Liquidation, Mark, OpenInterest, Side};
use model::num::{Lots, NumberError, Ticks, parse_scaled};
use serde::Deserialize;

use super::market::{
    depth_message, level, part_of, quote_message, side_of, span_of, trade_message,
};
use super::rung::Rung;
use crate::feed::message::{DepthPart, Market, Scratch};
use crate::wire::WireError;
use crate::wire::error::{from_json, from_raw, nanoseconds};
use crate::wire::loose::{Loose, number, required};
use crate::wire::raw::Raw;
use crate::wire::symbols::{Entry, Step, Symbols};
use crate::wire::text::Text;

/// Behind the pair of an index stands this where its perpetual is meant.
const SWAP: &str = "-SWAP";
/// Seconds of the candles that we ask for.
const CANDLE: (&str, u32) = ("candle1m", 60);
/// "The connection will soon be closed for a service upgrade."
const UPGRADE: &str = "64008";

/// A frame of a connection.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    event: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow)]
    arg: Option<Arg<'a>>,
    #[serde(borrow)]
    action: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Vec<Raw<'a>>>,
}

/// What a message is about.
#[derive(Deserialize)]
struct Arg<'a> {
    #[serde(borrow)]
    channel: Text<'a>,
    #[serde(borrow, rename = "instId")]
    symbol: Option<Text<'a>>,
}

/// Every key of a row that we look at.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow, default, rename = "instId")]
    symbol: Option<Text<'a>>,
    #[serde(borrow, default)]
    asks: Option<Vec<Rung<'a>>>,
    #[serde(borrow, default)]
    bids: Option<Vec<Rung<'a>>>,
    #[serde(borrow, default)]
    ts: Loose<'a>,
    #[serde(borrow, default)]
    checksum: Loose<'a>,
    #[serde(borrow, default, rename = "seqId")]
    id: Loose<'a>,
    #[serde(borrow, default, rename = "prevSeqId")]
    before: Loose<'a>,
    #[serde(borrow, default, rename = "tradeId")]
    trade_id: Loose<'a>,
    #[serde(borrow, default)]
    px: Loose<'a>,
    #[serde(borrow, default)]
    sz: Loose<'a>,
    #[serde(borrow, default)]
    side: Loose<'a>,
    #[serde(borrow, default, rename = "markPx")]
    mark: Loose<'a>,
    #[serde(borrow, default, rename = "idxPx")]
    index: Loose<'a>,
    #[serde(borrow, default, rename = "fundingRate")]
    rate: Loose<'a>,
    #[serde(borrow, default, rename = "fundingTime")]
    funding_time: Loose<'a>,
    #[serde(borrow, default, rename = "oi")]
    interest: Loose<'a>,
    #[serde(borrow, default)]
    details: Option<Vec<Forced<'a>>>,
}

/// A liquidation.
#[derive(Deserialize)]
struct Forced<'a> {
    #[serde(borrow, default, rename = "bkPx")]
    price: Loose<'a>,
    #[serde(borrow, default)]
    sz: Loose<'a>,
    #[serde(borrow, default)]
    side: Loose<'a>,
    #[serde(borrow, default)]
    ts: Loose<'a>,
}

pub(super) fn decode(
    bytes: &[u8],
    symbols: &Symbols,
    scratch: &mut Scratch,
) -> Result<Market, WireError> {
    if bytes == b"pong" {
        return Ok(Market::Pong);
    }
    let frame: Frame<'_> = from_json(bytes)?;
    if frame.event.is_some() {
        return frame.answer(symbols);
    }
    let arg = frame.arg.as_ref().ok_or(WireError::UnknownKind)?;
    let rows = frame
        .data
        .as_ref()
        .ok_or(WireError::Missing { field: "data" })?;
    let place = Place {
        channel: arg.channel.as_str(),
        symbol: arg.symbol.as_ref().map(Text::as_str),
        symbols,
    };
    if place.channel == "books" {
        let action = frame
            .action
            .as_ref()
            .ok_or(WireError::Missing { field: "action" })?;
        let part = part_of(action.as_bytes()).ok_or(WireError::Value { field: "action" })?;
        let [row] = rows[..] else {
            return Err(WireError::Value { field: "data" });
        };
        return place.book(&from_raw(row)?, part, scratch);
    }
    scratch.more.clear();
    for row in rows {
        place.row(*row, scratch)?;
    }
    // The first is the answer, the others stand behind it in their order.
    if scratch.more.is_empty() {
        return Ok(Market::Ignored);
    }
    Ok(scratch.more.remove(0))
}

impl Frame<'_> {
    /// An answer to a subscription, or a word about the connection.
    fn answer(&self, symbols: &Symbols) -> Result<Market, WireError> {
        let event = self.event.as_ref().map_or("", Text::as_str);
        match event {
            "subscribe" | "login" => Ok(Market::Answer { error: None }),
            "unsubscribe" => {
                let arg = self
                    .arg
                    .as_ref()
                    .filter(|arg| arg.channel.as_str() == "books");
                let symbol = arg.and_then(|arg| arg.symbol.as_ref());
                match symbol.and_then(|symbol| symbols.find(symbol.as_bytes())) {
                    Some(entry) => Ok(Market::Left { slot: entry.slot }),
                    None => Ok(Market::Answer { error: None }),
                }
            }
            "error" => {
                let code = self
                    .code
                    .as_ref()
                    .ok_or(WireError::Missing { field: "code" })?;
                let code = code.as_str().parse();
                let code = code.map_err(|_| WireError::Value { field: "code" })?;
                Ok(Market::Answer { error: Some(code) })
            }
            "notice"
                if self
                    .code
                    .as_ref()
                    .is_some_and(|code| code.as_str() == UPGRADE) =>
            {
                Ok(Market::Shutdown)
            }
            "notice" | "channel-conn-count" | "channel-conn-count-error" => Ok(Market::Ignored),
            _ => Err(WireError::UnknownKind),
        }
    }
}

/// Where a row stands.
struct Place<'p> {
    channel: &'p str,
    symbol: Option<&'p str>,
    symbols: &'p Symbols,
}

impl<'p> Place<'p> {
    /// The instrument: named by the channel or by the row; if by both, alike.
    fn entry(&self, row: &Row<'_>) -> Result<&'p Entry, WireError> {
        let own = row.symbol.as_ref().map(Text::as_str);
        let symbol = match (self.symbol, own) {
            (Some(symbol), Some(own)) if symbol != own => {
                return Err(WireError::Value { field: "instId" });
            }
            (Some(symbol), _) | (None, Some(symbol)) => symbol,
            (None, None) => return Err(WireError::Missing { field: "instId" }),
        };
        let found = self.symbols.find(symbol.as_bytes());
        found.ok_or(WireError::UnknownSymbol)
    }

    fn row(&self, raw: Raw<'_>, scratch: &mut Scratch) -> Result<(), WireError> {
        if self.channel == CANDLE.0 {
            scratch.more.push(self.candle(raw)?);
            return Ok(());
        }
        let known = matches!(
            self.channel,
            "trades"
                | "bbo-tbt"
                | "mark-price"
                | "index-tickers"
                | "funding-rate"
                | "open-interest"
                | "liquidation-orders"
        );
        if !known {
            // A channel of the documentation's that nobody here uses, or one of tomorrow.
            return Ok(());
        }
        let row: Row<'_> = from_raw(raw)?;
        scratch.more.push(match self.channel {
            "trades" => self.trade(&row)?,
            "bbo-tbt" => self.quote(&row)?,
            "mark-price" => self.mark(&row)?,
            "index-tickers" => self.index(&row)?,
            "funding-rate" => self.funding(&row)?,
            "open-interest" => self.interest(&row)?,
            _ => return self.liquidations(&row, scratch),
        });
        Ok(())
    }

    fn book(
        &self,
        row: &Row<'_>,
        part: DepthPart,
        scratch: &mut Scratch,
    ) -> Result<Market, WireError> {
        let entry = self.entry(row)?;
        let depth = &mut scratch.depth;
        depth.clear();
        for (rungs, field) in [(&row.bids, "bids"), (&row.asks, "asks")] {
            let rungs = rungs.as_ref().ok_or(WireError::Missing { field })?;
            let wrong = |error| WireError::Number { field, error };
            for rung in rungs {
                let qty = entry.qty.parse_down(rung.qty.as_bytes()).map_err(wrong)?;
                match entry.price.parse(rung.price.as_bytes()) {
                    Ok(price) => depth.push(level(price, qty)),
                    Err(NumberError::OffStep) => {}
                    Err(error) => return Err(wrong(error)),
                }
            }
            if field == "bids" {
                depth.end_of_bids();
            }
        }
        let checksum = row
            .checksum
            .map(|raw| required::<i32>(Some(raw), "checksum"))
            .transpose()?;
        let id: i64 = required(row.id, "seqId")?;
        let before: i64 = required(row.before, "prevSeqId")?;
        let span = span_of(part, id, before, time(row.ts)?);
        let span = span.ok_or(WireError::Value { field: "seqId" })?;
        Ok(depth_message(entry, part, span, checksum))
    }

    fn quote(&self, row: &Row<'_>) -> Result<Market, WireError> {
        let entry = self.entry(row)?;
        let id: i64 = required(row.id, "seqId")?;
        let id = u64::try_from(id).map_err(|_| WireError::Value { field: "seqId" })?;
        let bid = best(row.bids.as_deref(), "bids", entry, Step::parse_down)?;
        let ask = best(row.asks.as_deref(), "asks", entry, Step::parse_up)?;
        Ok(quote_message(entry, id, time(row.ts)?, bid, ask))
    }

    fn trade(&self, row: &Row<'_>) -> Result<Market, WireError> {
        let entry = self.entry(row)?;
        let price = cut(row.px, "px", &entry.price)?;
        let qty = cut(row.sz, "sz", &entry.qty)?;
        let id = whole(row.trade_id, "tradeId")?;
        let side = side(row.side)?;
        Ok(trade_message(
            entry,
            id,
            time(row.ts)?,
            level(price, qty),
            side,
        ))
    }

    fn mark(&self, row: &Row<'_>) -> Result<Market, WireError> {
        let entry = self.entry(row)?;
        Ok(Market::Mark {
            slot: entry.slot,
            mark: Mark {
                mark: Ticks(cut(row.mark, "markPx", &entry.price)?),
                ..unstated(time(row.ts)?)
            },
        })
    }

    /// An index has a pair's name; it is our perpetual's of that pair.
    fn index(&self, row: &Row<'_>) -> Result<Market, WireError> {
        let pair = match (self.symbol, &row.symbol) {
            (Some(pair), _) => pair,
            (None, Some(pair)) => pair.as_str(),
            (None, None) => return Err(WireError::Missing { field: "instId" }),
        };
        let found = self.symbols.iter().find(|entry| {
            let of = entry.symbol().strip_suffix(SWAP);
            of == Some(pair)
        });
        let entry = found.ok_or(WireError::UnknownSymbol)?;
        Ok(Market::Mark {
            slot: entry.slot,
            mark: Mark {
                index: Ticks(cut(row.index, "idxPx", &entry.price)?),
                ..unstated(time(row.ts)?)
            },
        })
    }

    /// `fundingTime` is when `fundingRate` is settled; what is called next comes after that.
    fn funding(&self, row: &Row<'_>) -> Result<Market, WireError> {
        let entry = self.entry(row)?;
        let text: Text<'_> = required(row.rate, "fundingRate")?;
        let field = "fundingRate";
        // The venue writes more digits than the model has: what is below 1e-9 is cut off.
        let rate = billionths(text.as_str()).map_err(|error| WireError::Number { field, error })?;
        let funding = whole(row.funding_time, "fundingTime")?;
        // Documented since 2023; older messages have none.
        let said = match row.ts {
            Some(_) => time(row.ts)?,
            None => 0,
        };
        Ok(Market::Mark {
            slot: entry.slot,
            mark: Mark {
                funding_rate_e9: rate,
                next_funding_ns: nanoseconds(funding, "fundingTime")?,
                ..unstated(said)
            },
        })
    }

    fn interest(&self, row: &Row<'_>) -> Result<Market, WireError> {
        let entry = self.entry(row)?;
        Ok(Market::OpenInterest {
            slot: entry.slot,
            interest: OpenInterest {
                qty: Lots(cut(row.interest, "oi", &entry.qty)?),
                venue_time_ns: time(row.ts)?,
                reserved: [0; 64],
            },
        })
    }

    /// The channel has all instruments: those that are not ours are passed over.
    fn liquidations(&self, row: &Row<'_>, scratch: &mut Scratch) -> Result<(), WireError> {
        let entry = match self.entry(row) {
            Ok(entry) => entry,
            Err(WireError::UnknownSymbol) => return Ok(()),
            Err(error) => return Err(error),
        };
        let details = row.details.as_ref();
        for order in details.ok_or(WireError::Missing { field: "details" })? {
            scratch.more.push(Market::Liquidation {
                slot: entry.slot,
                order: Liquidation {
                    venue_time_ns: time(order.ts)?,
                    price: Ticks(cut(order.price, "bkPx", &entry.price)?),
                    average: Ticks(0),
                    qty: Lots(cut(order.sz, "sz", &entry.qty)?),
                    filled: Lots(0),
                    side: side(order.side)?,
                    reserved: [0; 39],
                },
            });
        }
        Ok(())
    }

    /// `[ts, open, high, low, close, quantity, .., "1" if it is complete]`.
    fn candle(&self, raw: Raw<'_>) -> Result<Market, WireError> {
        let symbol = self.symbol.ok_or(WireError::Missing { field: "instId" })?;
        let found = self.symbols.find(symbol.as_bytes());
        let entry = found.ok_or(WireError::UnknownSymbol)?;
        let values: Vec<Text<'_>> = from_raw(raw)?;
        let at = |place: usize, field: &'static str| {
            let text = values.get(place).ok_or(WireError::Missing { field })?;
            Ok::<_, WireError>(text.as_bytes())
        };
        let price = |place, field| {
            let wrong = |error| WireError::Number { field, error };
            entry
                .price
                .parse_down(at(place, field)?)
                .map(Ticks)
                .map_err(wrong)
        };
        let field = "vol";
        let volume = entry.qty.parse_down(at(5, field)?);
        let closed = match at(8, "confirm")? {
            b"1" => Flag::Yes,
            b"0" => Flag::No,
            _ => return Err(WireError::Value { field: "confirm" }),
        };
        Ok(Market::Candle {
            slot: entry.slot,
            candle: Candle {
                open_time_ns: nanoseconds(digits(at(0, "ts")?, "ts")?, "ts")?,
                venue_time_ns: 0,
                open: price(1, "o")?,
                high: price(2, "h")?,
                low: price(3, "l")?,
                close: price(4, "c")?,
                volume: Lots(volume.map_err(|error| WireError::Number { field, error })?),
                taker_bought: Lots(0),
                trades: 0,
                interval_s: CANDLE.1,
                closed,
                reserved: [0; 3],
            },
        })
    }
}

/// A decimal in billionths, cut off behind the ninth digit.
pub(in crate::okx) fn billionths(text: &str) -> Result<i64, NumberError> {
    let end = text.find('.').map_or(text.len(), |point| point + 10);
    match text.get(end..) {
        Some(rest) if !rest.bytes().all(|byte| byte.is_ascii_digit()) => Err(NumberError::Syntax),
        _ => parse_scaled(text.get(..end).unwrap_or(text).as_bytes(), 9),
    }
}

/// A mark of which nothing is said yet but its time.
const fn unstated(venue_time_ns: u64) -> Mark {
    Mark {
        mark: Ticks(0),
        index: Ticks(0),
        funding_rate_e9: 0,
        next_funding_ns: 0,
        venue_time_ns,
        reserved: [0; 40],
    }
}

/// The best level of a side; of nothing where it is empty.
fn best(
    rungs: Option<&[Rung<'_>]>,
    field: &'static str,
    entry: &Entry,
    price: impl Fn(&Step, &[u8]) -> Result<i64, NumberError>,
) -> Result<Level, WireError> {
    let wrong = |error| WireError::Number { field, error };
    match rungs.ok_or(WireError::Missing { field })? {
        [] => Ok(level(0, 0)),
        [rung] => Ok(level(
            price(&entry.price, rung.price.as_bytes()).map_err(wrong)?,
            entry.qty.parse_down(rung.qty.as_bytes()).map_err(wrong)?,
        )),
        _ => Err(WireError::Value { field }),
    }
}

fn side(raw: Loose<'_>) -> Result<Side, WireError> {
    let word: Text<'_> = required(raw, "side")?;
    side_of(word.as_bytes()).ok_or(WireError::Value { field: "side" })
}

/// A number of which what is below one step is cut off.
fn cut(raw: Loose<'_>, field: &'static str, step: &Step) -> Result<i64, WireError> {
    number(raw, field, |text| step.parse_down(text))
}

/// A whole number in quotes.
fn whole(raw: Loose<'_>, field: &'static str) -> Result<u64, WireError> {
    let text: Text<'_> = required(raw, field)?;
    digits(text.as_bytes(), field)
}

fn digits(text: &[u8], field: &'static str) -> Result<u64, WireError> {
    let text = std::str::from_utf8(text).map_err(|_| WireError::Value { field })?;
    text.parse().map_err(|_| WireError::Value { field })
}

fn time(raw: Loose<'_>) -> Result<u64, WireError> {
    nanoseconds(whole(raw, "ts")?, "ts")
}
