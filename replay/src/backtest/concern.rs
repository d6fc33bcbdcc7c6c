//! What of the market can concern our orders: a few prices, so that most of its events are passed
//! over without a look at the orders themselves.
//!
//! Hot path: yes, of a backtest. Allocates: no.

use model::body::Side;

use super::own::{Edges, Own};
use super::shown::{Happened, Seen};

/// Prices from a lowest to a highest one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    low: i64,
    high: i64,
}

impl Span {
    pub(super) const EMPTY: Self = Self {
        low: i64::MAX,
        high: i64::MIN,
    };

    #[inline]
    pub(super) fn add(&mut self, price: i64) {
        self.low = self.low.min(price);
        self.high = self.high.max(price);
    }

    #[inline]
    const fn meets(&self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    /// Of orders, the best or the worst first.
    fn of(orders: &[Own]) -> Self {
        let mut span = Self::EMPTY;
        for own in [orders.first(), orders.last()].into_iter().flatten() {
            span.add(own.price);
        }
        span
    }
}

/// See the module's header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Concern {
    /// Everything that is shown anew: we took something of what is there.
    all: bool,
    /// Our resting orders.
    bids: Span,
    asks: Span,
}

impl Concern {
    pub(super) const NOTHING: Self = Self {
        all: false,
        bids: Span::EMPTY,
        asks: Span::EMPTY,
    };

    /// Of orders in the order of their prices, and whether we took anything of what is shown.
    pub(super) fn of(bids: &[Own], asks: &[Own], took: bool) -> Self {
        Self {
            all: took,
            bids: Span::of(bids),
            asks: Span::of(asks),
        }
    }

    /// Whether what happened can do anything to what this is of. Without, the market's reaction to
    /// it is nothing.
    #[inline]
    pub(super) fn is_met(&self, seen: &Seen) -> bool {
        if self.all || seen.marked.is_some() {
            return true;
        }
        match &seen.happened {
            Happened::Levels { whole } => {
                self.bids.meets(seen.bids)
                    || self.asks.meets(seen.asks)
                    || *whole && self.crosses(&seen.edges)
            }
            Happened::Quote(edges) => self.crosses(edges),
            Happened::Trade(trade) => match trade.aggressor {
                Side::Sell => self.bids.high >= trade.price.0,
                Side::Buy => self.asks.low <= trade.price.0,
            },
            Happened::Hit(_) => true,
            Happened::Reset | Happened::Nothing => false,
        }
    }

    #[inline]
    const fn crosses(&self, edges: &Edges) -> bool {
        edges.ask.qty > 0 && self.bids.high >= edges.ask.price
            || edges.bid.qty > 0 && self.asks.low <= edges.bid.price
    }
}
