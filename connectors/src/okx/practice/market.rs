//! What everybody sees of one instrument: its shown book, trades, candles, as the venue writes
//! them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use model::num::Scale;
use serde_json::{Value, json};

use super::text;
use crate::practice::Side;
use crate::practice::exchange::{Listing, PublicTrade};

/// Levels a side of the channel `books`.
pub(super) const LEVELS: usize = 400;
/// Candles that stay queryable.
const CANDLES_MAX: usize = 1_440;
const MINUTE_MS: i64 = 60_000;

/// Best bid and ask with quantities.
pub(super) type Top = ((i64, i64), (i64, i64));

/// A minute of trades; prices in ticks, volume in lots.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candle {
    pub(super) open_ms: i64,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    lots: i64,
}

/// What was last sent of one instrument.
#[derive(Debug, Default)]
pub(super) struct Tape {
    pub(super) top: Option<Top>,
    /// Levels of the channel `books` as they were shown, by side and price.
    shown: BTreeMap<(Side, i64), i64>,
    /// Number of the book that is shown.
    pub(super) sequence: u64,
    /// Minutes, oldest first; the last is open.
    pub(super) candles: VecDeque<Candle>,
    /// A candle changed since the last push.
    pub(super) candle_is_new: bool,
}

/// The shown levels of a book.
fn levels(listing: &Listing) -> BTreeMap<(Side, i64), i64> {
    let half = |side| {
        let levels = listing.liquidity.levels(side).take(LEVELS);
        levels.map(move |(price, qty)| ((side, price), qty))
    };
    half(Side::Buy).chain(half(Side::Sell)).collect()
}

/// Levels, best first: `[price, quantity, "0", orders]`.
fn push_side(out: &mut String, listing: &Listing, side: Side, levels: &BTreeMap<(Side, i64), i64>) {
    let mut push = |(price, qty): (i64, i64)| {
        let orders = i64::from(qty > 0);
        let _ = write!(
            out,
            "[\"{}\",\"{}\",\"0\",\"{orders}\"],",
            text::steps(listing.spec.tick, price),
            text::steps(listing.shown_step(), qty)
        );
    };
    let of_side = levels.range((side, i64::MIN)..=(side, i64::MAX));
    let of_side = of_side.map(|((_, price), qty)| (*price, *qty));
    match side {
        Side::Buy => of_side.rev().for_each(&mut push),
        Side::Sell => of_side.for_each(&mut push),
    }
    if out.ends_with(',') {
        out.pop();
    }
}

fn book(listing: &Listing, levels: &BTreeMap<(Side, i64), i64>, now_ms: i64) -> String {
    let mut out = String::with_capacity(64 + 48 * levels.len());
    out.push_str("\"asks\":[");
    push_side(&mut out, listing, Side::Sell, levels);
    out.push_str("],\"bids\":[");
    push_side(&mut out, listing, Side::Buy, levels);
    let _ = write!(out, "],\"ts\":\"{now_ms}\",\"checksum\":0");
    out
}

/// The whole shown book, without its place in the chain.
pub(super) fn whole_book(listing: &Listing, now_ms: i64) -> String {
    book(listing, &levels(listing), now_ms)
}

/// The best levels of `books5` and of REST.
pub(super) fn part_of_book(listing: &Listing, count: usize, now_ms: i64) -> Value {
    let half = |side| -> Value {
        let rows = listing.liquidity.levels(side).take(count);
        let row = |(price, qty)| {
            json!([
                text::steps(listing.spec.tick, price),
                text::steps(listing.shown_step(), qty),
                "0",
                "1"
            ])
        };
        rows.map(row).collect()
    };
    json!({
        "asks": half(Side::Sell), "bids": half(Side::Buy), "ts": now_ms.to_string(),
        "seqId": listing.liquidity.update_id(),
    })
}

impl Tape {
    /// The change of the shown book since the last call, without its place in the chain; `None` if
    /// there is none.
    pub(super) fn change(&mut self, listing: &Listing, now_ms: i64) -> Option<String> {
        let sequence = listing.liquidity.update_id();
        if sequence == self.sequence {
            return None;
        }
        self.sequence = sequence;
        let now = levels(listing);
        let mut changed: BTreeMap<(Side, i64), i64> = BTreeMap::new();
        for (level, qty) in &now {
            if self.shown.get(level) != Some(qty) {
                changed.insert(*level, *qty);
            }
        }
        let gone = self.shown.keys().filter(|level| !now.contains_key(*level));
        changed.extend(gone.map(|level| (*level, 0)));
        self.shown = now;
        Some(book(listing, &changed, now_ms))
    }

    /// Counts a trade into its minute.
    pub(super) fn count(&mut self, trade: &PublicTrade) {
        let open_ms = trade.time_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
        let (price, lots) = (trade.price.0, trade.qty.0);
        self.candle_is_new = true;
        match self.candles.back_mut() {
            Some(candle) if candle.open_ms >= open_ms => {
                candle.high = candle.high.max(price);
                candle.low = candle.low.min(price);
                candle.close = price;
                candle.lots = candle.lots.saturating_add(lots);
            }
            Some(_) | None => {
                if self.candles.len() == CANDLES_MAX {
                    self.candles.pop_front();
                }
                self.candles.push_back(Candle {
                    open_ms,
                    open: price,
                    high: price,
                    low: price,
                    close: price,
                    lots,
                });
            }
        }
    }
}

impl Candle {
    /// The same, of a longer time that begins then.
    pub(super) const fn from(&self, open_ms: i64) -> Self {
        Self { open_ms, ..*self }
    }

    /// This one and the next as one.
    pub(super) fn join(&mut self, next: &Self) {
        self.high = self.high.max(next.high);
        self.low = self.low.min(next.low);
        self.close = next.close;
        self.lots = self.lots.saturating_add(next.lots);
    }

    /// `[ts, open, high, low, close, volume, in currency, in quote, complete]`.
    pub(super) fn row(&self, (tick, lot): (Scale, Scale), complete: bool) -> Value {
        let price = |ticks| text::steps(tick, ticks);
        let lots = text::steps(lot, self.lots);
        json!([
            self.open_ms.to_string(),
            price(self.open),
            price(self.high),
            price(self.low),
            price(self.close),
            lots,
            lots,
            "0",
            if complete { "1" } else { "0" }
        ])
    }
}

/// Best bid and ask, if there are both.
pub(super) fn top(listing: &Listing) -> Option<Top> {
    Some((
        listing.liquidity.top(Side::Buy)?,
        listing.liquidity.top(Side::Sell)?,
    ))
}

/// A row of `bbo-tbt`.
pub(super) fn best(listing: &Listing, top: &Top, now_ms: i64) -> String {
    let level = |(price, qty): (i64, i64)| {
        format!(
            "[[\"{}\",\"{}\",\"0\",\"1\"]]",
            text::steps(listing.spec.tick, price),
            text::steps(listing.shown_step(), qty)
        )
    };
    format!(
        "{{\"asks\":{},\"bids\":{},\"ts\":\"{now_ms}\",\"seqId\":{}}}",
        level(top.1),
        level(top.0),
        listing.liquidity.update_id()
    )
}

/// A row of `trades`; over REST without what only the channel says.
pub(super) fn trade(listing: &Listing, trade: &PublicTrade) -> String {
    let side = if trade.buyer_is_maker { "sell" } else { "buy" };
    format!(
        "{{\"instId\":\"{}\",\"tradeId\":\"{}\",\"px\":\"{}\",\"sz\":\"{}\",\"side\":\"{side}\",\
         \"ts\":\"{}\",\"count\":\"1\",\"source\":\"0\",\"seqId\":{}}}",
        listing.spec.symbol,
        trade.id,
        text::steps(listing.spec.tick, trade.price.0),
        text::steps(listing.spec.lot, trade.qty.0),
        trade.time_ms,
        listing.liquidity.update_id()
    )
}
