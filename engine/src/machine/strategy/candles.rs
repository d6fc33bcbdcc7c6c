//! Candles of a strategy, made of the market's trades by machine time.
//!
//! An interval starts at a whole multiple of its length since the Unix epoch and is closed by the
//! first event behind its end, whatever event that is. An interval without a trade gives a flat
//! candle at the last price, so that candles have no holes. [`Candle::whole`] says whether every
//! trade of the interval can be in it.
//!
//! Hot path: yes. Allocates: no, after it was made.

use std::collections::VecDeque;

use model::ids::InstrumentId;
use model::num::{Lots, Ticks};
use serde::{Deserialize, Serialize};

use crate::machine::digest::{Digest, Sink};
use crate::machine::market::LastTrade;
use crate::machine::saved::{Unsound, require};

/// Most feeds of candles of one strategy.
pub const CANDLE_FEEDS_MAX: usize = 16;
/// Most closed candles that a feed keeps.
pub const CANDLES_KEPT_MAX: usize = 4_096;
/// Shortest interval, nanoseconds: 100 ms.
pub const CANDLE_INTERVAL_MIN_NS: u64 = 100_000_000;

/// Candles that a strategy wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandleFeed {
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Length of an interval, nanoseconds. At least [`CANDLE_INTERVAL_MIN_NS`].
    pub interval_ns: u64,
    /// Closed candles to keep. 1 to [`CANDLES_KEPT_MAX`].
    pub kept: usize,
}

impl CandleFeed {
    pub(super) const fn is_sound(&self) -> bool {
        self.interval_ns >= CANDLE_INTERVAL_MIN_NS
            && self.interval_ns <= i64::MAX.cast_unsigned()
            && self.kept >= 1
            && self.kept <= CANDLES_KEPT_MAX
    }
}

/// What was traded in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candle {
    /// Start of the interval, ns since the Unix epoch.
    pub start_ns: u64,
    /// First price.
    pub open: Ticks,
    /// Highest price.
    pub high: Ticks,
    /// Lowest price.
    pub low: Ticks,
    /// Last price.
    pub close: Ticks,
    /// Quantity traded.
    pub volume: Lots,
    /// The part of it in which the buyer took.
    pub bought: Lots,
    /// Trades.
    pub trades: u64,
    /// The market was followed without a break from its start to its end.
    pub whole: bool,
}

impl Candle {
    const fn flat(start_ns: u64, price: Ticks, whole: bool) -> Self {
        Self {
            start_ns,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Lots::ZERO,
            bought: Lots::ZERO,
            trades: 0,
            whole,
        }
    }

    fn take(&mut self, trade: &LastTrade) {
        if self.trades == 0 {
            self.open = trade.price;
            self.high = trade.price;
            self.low = trade.price;
        }
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        // A venue cannot trade more than a number holds; were it so, the count stays at its end.
        self.volume = Lots(self.volume.0.saturating_add(trade.qty.0));
        if trade.aggressor == model::body::Side::Buy {
            self.bought = Lots(self.bought.0.saturating_add(trade.qty.0));
        }
        self.trades = self.trades.saturating_add(1);
    }
}

/// The candles of one feed: those that are closed, newest last, and the one that grows.
#[derive(Debug, Clone)]
pub struct Candles {
    feed: CandleFeed,
    closed: VecDeque<Candle>,
    current: Option<Candle>,
    /// The market was followed without a break since the current interval's start.
    unbroken: bool,
}

/// As a snapshot holds them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedCandles {
    closed: Vec<Candle>,
    current: Option<Candle>,
    unbroken: bool,
}

impl Candles {
    pub(super) fn new(feed: CandleFeed) -> Self {
        Self {
            feed,
            closed: VecDeque::with_capacity(feed.kept),
            current: None,
            unbroken: false,
        }
    }

    /// What they are of.
    #[must_use]
    pub const fn feed(&self) -> &CandleFeed {
        &self.feed
    }

    /// A closed candle: 0 is the newest.
    #[must_use]
    pub fn closed(&self, back: usize) -> Option<&Candle> {
        let at = self.closed.len().checked_sub(back.checked_add(1)?)?;
        self.closed.get(at)
    }

    /// The closed candles that are kept, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Candle> {
        self.closed.iter().rev()
    }

    /// How many closed candles there are to see.
    #[must_use]
    pub fn len(&self) -> usize {
        self.closed.len()
    }

    /// Whether no candle is closed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.closed.is_empty()
    }

    /// The candle that grows; none before the first trade.
    #[must_use]
    pub const fn current(&self) -> Option<&Candle> {
        self.current.as_ref()
    }

    /// End of the current interval; `u64::MAX` before the first trade.
    pub(super) fn ends_ns(&self) -> u64 {
        self.current.map_or(u64::MAX, |candle| {
            candle.start_ns.saturating_add(self.feed.interval_ns)
        })
    }

    /// Time has come this far: closes what ended. True if anything was closed.
    pub(super) fn pass(&mut self, now_ns: u64) -> bool {
        let Some(mut candle) = self.current else {
            return false;
        };
        let interval = self.feed.interval_ns;
        let over = now_ns.saturating_sub(candle.start_ns) / interval;
        if over == 0 {
            return false;
        }
        candle.whole &= self.unbroken;
        self.keep(candle);
        // Intervals without any trade; those that would be forgotten at once are left out.
        let kept = self.feed.kept as u64;
        for step in (1..over).skip(usize::try_from(over.saturating_sub(1 + kept)).unwrap_or(0)) {
            let start_ns = candle
                .start_ns
                .saturating_add(step.saturating_mul(interval));
            self.keep(Candle::flat(start_ns, candle.close, self.unbroken));
        }
        let start_ns = candle
            .start_ns
            .saturating_add(over.saturating_mul(interval));
        self.current = Some(Candle::flat(start_ns, candle.close, true));
        self.unbroken = true;
        true
    }

    fn keep(&mut self, candle: Candle) {
        if self.closed.len() == self.feed.kept {
            self.closed.pop_front();
        }
        self.closed.push_back(candle);
    }

    /// A trade of the instrument, behind [`Self::pass`].
    pub(super) fn take(&mut self, trade: &LastTrade, now_ns: u64) {
        let start_ns = now_ns - now_ns % self.feed.interval_ns;
        let candle = self
            .current
            .get_or_insert(Candle::flat(start_ns, trade.price, false));
        candle.take(trade);
    }

    /// Trades may be missing from here on.
    pub(super) const fn interrupt(&mut self) {
        self.unbroken = false;
    }

    /// Prices mean something else now.
    pub(super) fn forget(&mut self) {
        self.closed.clear();
        self.current = None;
        self.unbroken = false;
    }

    pub(super) fn save(&self) -> SavedCandles {
        let Self {
            feed: _,
            closed,
            current,
            unbroken,
        } = self;
        SavedCandles {
            closed: closed.iter().copied().collect(),
            current: *current,
            unbroken: *unbroken,
        }
    }

    pub(super) fn restore(feed: CandleFeed, saved: SavedCandles) -> Result<Self, Unsound> {
        require(saved.closed.len() <= feed.kept, "candles of a strategy")?;
        let mut candles = Self::new(feed);
        candles.closed.extend(saved.closed);
        candles.current = saved.current;
        candles.unbroken = saved.unbroken;
        Ok(candles)
    }
}

impl Digest for Candle {
    fn digest(&self, sink: &mut Sink) {
        for price in [self.open, self.high, self.low, self.close] {
            sink.ticks(price);
        }
        sink.lots(self.volume);
        sink.lots(self.bought);
        sink.number(self.start_ns);
        sink.number(self.trades);
        sink.number(self.whole);
    }
}

impl Digest for Candles {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.closed.len() as u64);
        for candle in &self.closed {
            candle.digest(sink);
        }
        sink.number(self.current.is_some());
        if let Some(candle) = &self.current {
            candle.digest(sink);
        }
        sink.number(self.unbroken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::body::Side;

    const SECOND: u64 = 1_000_000_000;

    fn candles(kept: usize) -> Candles {
        Candles::new(CandleFeed {
            instrument: InstrumentId(0),
            interval_ns: SECOND,
            kept,
        })
    }

    fn trade(candles: &mut Candles, at_ns: u64, price: i64, qty: i64, aggressor: Side) -> bool {
        let closed = candles.pass(at_ns);
        let trade = LastTrade {
            trade_id: at_ns,
            price: Ticks(price),
            qty: Lots(qty),
            aggressor,
            time_ns: at_ns,
        };
        candles.take(&trade, at_ns);
        closed
    }

    #[test]
    fn candles_hold_what_was_traded_and_fill_empty_intervals() {
        let mut candles = candles(8);
        assert!(!trade(&mut candles, 10 * SECOND + 5, 100, 3, Side::Buy));
        assert!(!trade(&mut candles, 10 * SECOND + 9, 90, 2, Side::Sell));
        assert!(!trade(&mut candles, 11 * SECOND - 1, 95, 1, Side::Buy));
        assert!(trade(&mut candles, 13 * SECOND, 97, 5, Side::Sell));
        assert_eq!(candles.len(), 3);
        let first = candles.closed(2).unwrap();
        assert_eq!((first.open, first.close), (Ticks(100), Ticks(95)));
        assert_eq!((first.high, first.low), (Ticks(100), Ticks(90)));
        assert_eq!((first.volume, first.bought), (Lots(6), Lots(4)));
        assert_eq!((first.start_ns, first.trades), (10 * SECOND, 3));
        assert!(!first.whole, "the first one began in its midst");
        for (back, start) in [(1, 11), (0, 12)] {
            let flat = candles.closed(back).unwrap();
            assert_eq!((flat.start_ns, flat.trades), (start * SECOND, 0));
            assert_eq!((flat.open, flat.high), (Ticks(95), Ticks(95)));
        }
        let current = candles.current().unwrap();
        assert_eq!((current.open, current.low), (Ticks(97), Ticks(97)));
        assert_eq!(candles.closed(3), None);
    }

    #[test]
    fn candles_after_a_break_are_not_whole_until_the_next_interval() {
        let mut candles = candles(8);
        trade(&mut candles, SECOND, 100, 1, Side::Buy);
        trade(&mut candles, 2 * SECOND, 100, 1, Side::Buy);
        candles.interrupt();
        candles.pass(3 * SECOND);
        candles.pass(4 * SECOND);
        let whole: Vec<bool> = candles.iter().map(|candle| candle.whole).collect();
        assert_eq!(whole, [true, false, false]);
    }

    #[test]
    fn candles_over_a_long_silence_keep_only_what_they_keep() {
        let mut candles = candles(3);
        trade(&mut candles, SECOND, 100, 1, Side::Buy);
        assert!(candles.pass(1_000_000 * SECOND));
        let starts: Vec<u64> = candles
            .iter()
            .map(|candle| candle.start_ns / SECOND)
            .collect();
        assert_eq!(starts, [999_999, 999_998, 999_997]);
        assert_eq!(candles.ends_ns(), 1_000_001 * SECOND);
    }
}
