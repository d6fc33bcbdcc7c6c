//! The matching engine of a synthetic market: price-time priority in whole ticks and lots.
//!
//! One instrument. It knows owners only as numbers (for self-trade prevention) and no money.
//!
//! Invariants
//! - M1: best bid < best ask after every call.
//! - M2: a level's total is the sum of its orders' remaining quantities, and never zero.
//! - M3: within a level, who came first fills first.
//! - M4: no quantity appears or vanishes: what an order brought is filled, resting, cancelled,
//!   expired or prevented.
//!
//! Thread: the practice server's. Hot path: no, but quick: no scan but of one level's queue.

mod book;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::types::{OrderKind, SelfTrade, Side, TimeInForce};
use book::HalfBook;

/// Owner number of the market's own flow, which has no account and may trade with itself.
pub(crate) const MARKET: u32 = 0;

/// An order on its way into the book.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming {
    pub(crate) id: u64,
    pub(crate) owner: u32,
    pub(crate) side: Side,
    pub(crate) kind: OrderKind,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) self_trade: SelfTrade,
    /// Ignored for a market order.
    pub(crate) price: i64,
    pub(crate) qty: i64,
}

impl Incoming {
    /// The worst price it may trade at.
    pub(crate) const fn limit(&self) -> i64 {
        match (self.kind, self.side) {
            (OrderKind::Market, Side::Buy) => i64::MAX,
            (OrderKind::Market, Side::Sell) => i64::MIN,
            (OrderKind::Limit | OrderKind::PostOnly, _) => self.price,
        }
    }

    pub(crate) const fn rests(&self) -> bool {
        match (self.kind, self.time_in_force) {
            (OrderKind::Market, _) => false,
            (OrderKind::PostOnly, _) | (OrderKind::Limit, TimeInForce::Gtc) => true,
            (OrderKind::Limit, TimeInForce::Ioc | TimeInForce::Fok) => false,
        }
    }
}

/// One match, at the resting order's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fill {
    /// Id of the resting order; 0 where it is a level of a recording.
    pub(crate) maker: u64,
    pub(crate) maker_owner: u32,
    pub(crate) price: i64,
    pub(crate) qty: i64,
}

/// What became of an incoming order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Matched {
    /// In the order they happened.
    pub(crate) fills: Vec<Fill>,
    /// Resting orders that self-trade prevention ended, with what was left of them.
    pub(crate) prevented_makers: Vec<(u64, i64)>,
    /// Quantity now resting.
    pub(crate) resting: i64,
    /// Quantity that ended unfilled.
    pub(crate) ended: i64,
    /// The unfilled quantity was ended by self-trade prevention, not by the time in force.
    pub(crate) prevented_taker: bool,
}

/// A post-only order that would take: the book is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WouldTake;

/// What a taker could get now, without taking it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) qty: i64,
    /// Sum of price times quantity, ticks times lots.
    pub(crate) cost: i128,
}

/// A resting order.
#[derive(Debug, Clone, Copy)]
struct Resting {
    side: Side,
    price: i64,
    owner: u32,
    left: i64,
}

/// The book of one instrument and the rules that match in it.
#[derive(Debug)]
pub(crate) struct MatchingEngine {
    bids: HalfBook,
    asks: HalfBook,
    orders: BTreeMap<u64, Resting>,
    update_id: u64,
}

impl MatchingEngine {
    /// An empty book whose next change is `update_id + 1`.
    pub(crate) fn new(update_id: u64) -> Self {
        Self {
            bids: HalfBook::new(Side::Buy),
            asks: HalfBook::new(Side::Sell),
            orders: BTreeMap::new(),
            update_id,
        }
    }

    /// Id of the last change of a level.
    pub(crate) const fn update_id(&self) -> u64 {
        self.update_id
    }

    /// One side of the book.
    pub(crate) const fn half(&self, side: Side) -> &HalfBook {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn half_mut(&mut self, side: Side) -> &mut HalfBook {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Best price and its total.
    pub(crate) fn best(&self, side: Side) -> Option<(i64, i64)> {
        self.half(side).best()
    }

    /// Remaining quantity of a resting order.
    #[cfg(test)]
    pub(crate) fn resting(&self, id: u64) -> Option<i64> {
        self.orders.get(&id).map(|order| order.left)
    }

    /// Matches `order` and rests what is left if its type says so.
    ///
    /// # Errors
    ///
    /// [`WouldTake`] for a post-only order that crosses.
    pub(crate) fn submit(&mut self, order: &Incoming) -> Result<Matched, WouldTake> {
        let crosses = self
            .best(order.side.opposite())
            .is_some_and(|(price, _)| within(order.side, price, order.limit()));
        if order.kind == OrderKind::PostOnly && crosses {
            return Err(WouldTake);
        }
        let mut matched = Matched::default();
        let mut left = order.qty;
        let whole = order.time_in_force == TimeInForce::Fok && order.kind == OrderKind::Limit;
        if !(whole && self.reach(order, order.qty).qty < order.qty) {
            left = self.take(order, &mut matched);
        }
        if left > 0 && order.rests() && !matched.prevented_taker {
            self.rest(order, left);
            matched.resting = left;
        } else {
            matched.ended = left;
        }
        Ok(matched)
    }

    /// Puts an order into the book as it stands, without matching: for orders restored at start.
    ///
    /// # Errors
    ///
    /// [`WouldTake`] if it crosses; it is then not in the book.
    pub(crate) fn restore(&mut self, order: &Incoming) -> Result<(), WouldTake> {
        let crosses = self
            .best(order.side.opposite())
            .is_some_and(|(price, _)| within(order.side, price, order.price));
        if crosses {
            return Err(WouldTake);
        }
        self.rest(order, order.qty);
        Ok(())
    }

    /// Takes an order out. Its remaining quantity, or `None` if it does not rest here.
    pub(crate) fn cancel(&mut self, id: u64) -> Option<i64> {
        let order = self.orders.remove(&id)?;
        self.half_mut(order.side)
            .remove(order.price, id, order.left);
        self.update_id += 1;
        Some(order.left)
    }

    /// Makes a resting order smaller; it keeps its place. False if it is not that large.
    pub(crate) fn shrink(&mut self, id: u64, qty: i64) -> bool {
        let Some(order) = self.orders.get_mut(&id).filter(|order| order.left > qty) else {
            return false;
        };
        order.left -= qty;
        let (side, price) = (order.side, order.price);
        self.half_mut(side).shrink(price, qty);
        self.update_id += 1;
        true
    }

    /// What `order` could take now, up to `qty` lots, by its own self-trade rule.
    pub(crate) fn reach(&self, order: &Incoming, qty: i64) -> Reach {
        let mut reach = Reach::default();
        let limit = order.limit();
        for (price, queue) in self.half(order.side.opposite()).queues() {
            if !within(order.side, price, limit) {
                break;
            }
            for id in queue {
                let maker = &self.orders[id];
                if is_self(order, maker.owner) {
                    match order.self_trade {
                        SelfTrade::Allow => {}
                        SelfTrade::ExpireMaker => continue,
                        SelfTrade::ExpireTaker | SelfTrade::ExpireBoth => return reach,
                    }
                }
                let traded = maker.left.min(qty - reach.qty);
                reach.qty += traded;
                reach.cost += i128::from(price) * i128::from(traded);
                if reach.qty == qty {
                    return reach;
                }
            }
        }
        reach
    }

    /// Trades until nothing is left or nothing is in reach; returns what is left.
    fn take(&mut self, order: &Incoming, matched: &mut Matched) -> i64 {
        let mut left = order.qty;
        let limit = order.limit();
        let other = order.side.opposite();
        while left > 0 {
            let Some((price, id)) = self.half(other).first() else {
                break;
            };
            if !within(order.side, price, limit) {
                break;
            }
            let owner = self.orders[&id].owner;
            if is_self(order, owner) && order.self_trade != SelfTrade::Allow {
                if order.self_trade != SelfTrade::ExpireTaker {
                    let remaining = self.cancel(id).unwrap_or(0);
                    matched.prevented_makers.push((id, remaining));
                }
                if order.self_trade != SelfTrade::ExpireMaker {
                    matched.prevented_taker = true;
                    break;
                }
                continue;
            }
            let qty = self.fill_first(other, price, id, left);
            left -= qty;
            matched.fills.push(Fill {
                maker: id,
                maker_owner: owner,
                price,
                qty,
            });
        }
        left
    }

    /// Fills the first order of a level with up to `want`; returns how much.
    fn fill_first(&mut self, side: Side, price: i64, id: u64, want: i64) -> i64 {
        let Some(maker) = self.orders.get_mut(&id) else {
            return 0;
        };
        let qty = maker.left.min(want);
        maker.left -= qty;
        let done = maker.left == 0;
        if done {
            self.orders.remove(&id);
        }
        self.half_mut(side).reduce_first(price, qty, done);
        self.update_id += 1;
        qty
    }

    fn rest(&mut self, order: &Incoming, left: i64) {
        let resting = Resting {
            side: order.side,
            price: order.price,
            owner: order.owner,
            left,
        };
        self.orders.insert(order.id, resting);
        self.half_mut(order.side).add(order.price, order.id, left);
        self.update_id += 1;
    }

    /// Hands out each level that changed since the last call, with its total (0 if gone).
    pub(crate) fn drain_changes(&mut self, mut out: impl FnMut(Side, i64, i64)) {
        self.bids
            .drain_changes(|price, total| out(Side::Buy, price, total));
        self.asks
            .drain_changes(|price, total| out(Side::Sell, price, total));
    }
}

/// Whether `price` is no worse than `limit` for a taker of `side`.
pub(crate) fn within(side: Side, price: i64, limit: i64) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}

fn is_self(order: &Incoming, owner: u32) -> bool {
    owner == order.owner && owner != MARKET
}
