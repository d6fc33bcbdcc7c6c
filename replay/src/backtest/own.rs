//! Orders of ours in a simulated market, what they get, and the market's best prices.

use model::body::{Level, Liquidity, Side};
use model::ids::{AccountId, StrategyId};

use super::orders_shown::Place;
use super::queue::Standing;

/// An order of ours that rests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Own {
    pub(super) client_id: u64,
    pub(super) venue_order_id: u64,
    pub(super) account: AccountId,
    pub(super) strategy: Option<StrategyId>,
    pub(super) side: Side,
    pub(super) price: i64,
    pub(super) qty: i64,
    pub(super) filled: i64,
    /// Whether it takes what it gets and never rests.
    pub(super) market: bool,
    pub(super) standing: Standing,
    /// Its place among the venue's own orders, where it shows each.
    pub(super) place: Place,
}

impl Own {
    pub(super) const fn left(&self) -> i64 {
        self.qty - self.filled
    }
}

/// Part of an order that traded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Execution {
    /// The order behind this fill.
    pub(super) order: Own,
    pub(super) price: i64,
    pub(super) qty: i64,
    pub(super) liquidity: Liquidity,
}

/// The best prices that the venue had last, from whichever stream is newer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Edges {
    pub(super) update_id: u64,
    pub(super) bid: Edge,
    pub(super) ask: Edge,
}

/// A best price and what is there; 0 lots for none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Edge {
    pub(super) price: i64,
    pub(super) qty: i64,
}

impl From<Level> for Edge {
    fn from(level: Level) -> Self {
        Self {
            price: level.price.0,
            qty: level.qty.0,
        }
    }
}

/// Whether `price` is `limit` or better for somebody who trades on `side`: a buyer pays no more, a
/// seller gets no less.
pub(super) const fn within(side: Side, price: i64, limit: i64) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}

pub(super) fn fill_taker(order: &mut Own, price: i64, qty: i64, out: &mut Vec<Execution>) {
    order.filled += qty;
    out.push(Execution {
        order: *order,
        price,
        qty,
        liquidity: Liquidity::Taker,
    });
}
