//! Our orders in a recorded market: the recording goes its way, and our fills are what it allows.
//!
//! The rules
//! - An order that takes gets the recorded levels. What it took stays taken until a message of the
//!   recording names the level again.
//! - An order that rests stands behind the whole recorded quantity of its level, and moves up as
//!   recorded trades at its price eat the queue, or as the level shrinks below its place. Trades
//!   through its price fill it, and so does a recorded book that crosses it.
//! - Orders of our own accounts also meet each other; at one price the recording comes first.
//!
//! Recorded quantities are kept in hundred-millionths ("grains"), because a real book has
//! quantities finer than today's lot (remnants of orders from before a change). Our own orders are
//! whole lots: what they can get of a level is its whole lots, and a queue counts as whole lots
//! rounded up.
//!
//! The best level is taken from the newest message, which may be newer than the depth book.
//!
//! Thread: the practice server's.

mod frames;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::matching::{Fill, Incoming, MARKET, Matched, Reach, WouldTake, within};
use super::types::{OrderKind, SelfTrade, Side, TimeInForce};

/// Digits behind the point of a recorded quantity.
pub(crate) const GRAIN_DECIMALS: u8 = 8;

/// A message of the recording, in ticks and grains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Changed levels; quantity 0 deletes.
    Depth {
        first_id: u64,
        last_id: u64,
        bids: Vec<(i64, i64)>,
        asks: Vec<(i64, i64)>,
    },
    /// Best bid and ask.
    Top {
        id: u64,
        bid: (i64, i64),
        ask: (i64, i64),
    },
    /// A trade of others.
    Trade {
        id: u64,
        price: i64,
        qty: i64,
        buyer_is_maker: bool,
        time_ms: i64,
    },
    /// The whole book.
    Snapshot {
        id: u64,
        bids: Vec<(i64, i64)>,
        asks: Vec<(i64, i64)>,
    },
    /// Something that changes no book.
    Other,
}

/// A fill of a resting order of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MakerFill {
    pub(crate) order: u64,
    pub(crate) price: i64,
    pub(crate) qty: i64,
}

#[derive(Debug, Clone, Copy)]
struct Resting {
    id: u64,
    owner: u32,
    side: Side,
    price: i64,
    left: i64,
    /// Recorded lots that fill first.
    ahead: i64,
}

#[derive(Debug, Clone, Copy)]
struct Top {
    bid: (i64, i64),
    ask: (i64, i64),
}

/// What a taker can get: a recorded level, or an order of ours.
#[derive(Debug, Clone, Copy)]
struct Offer {
    price: i64,
    qty: i64,
    /// Id and owner, if it is an order of ours.
    own: Option<(u64, u32)>,
}

/// The recorded book and our orders in it.
#[derive(Debug)]
pub(crate) struct RecordedMarket {
    grains_per_lot: i64,
    /// Grains by price.
    bids: BTreeMap<Reverse<i64>, i64>,
    asks: BTreeMap<i64, i64>,
    update_id: u64,
    /// Newer than the book, if there is one.
    top: Option<Top>,
    /// Lots of a level that our takers took.
    taken: BTreeMap<(Side, i64), i64>,
    /// In the order of arrival.
    resting: Vec<Resting>,
}

impl RecordedMarket {
    /// An empty book; a snapshot comes first.
    pub(crate) fn new(grains_per_lot: i64) -> Self {
        Self {
            grains_per_lot: grains_per_lot.max(1),
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            update_id: 0,
            top: None,
            taken: BTreeMap::new(),
            resting: Vec::new(),
        }
    }

    /// Id of the last change of the depth book.
    pub(crate) const fn update_id(&self) -> u64 {
        self.update_id
    }

    /// The depth book as recorded, in grains: what a snapshot shows.
    pub(crate) fn levels(&self, side: Side) -> Box<dyn Iterator<Item = (i64, i64)> + '_> {
        match side {
            Side::Buy => Box::new(self.bids.iter().map(|(price, qty)| (price.0, *qty))),
            Side::Sell => Box::new(self.asks.iter().map(|(price, qty)| (*price, *qty))),
        }
    }

    /// Best recorded level by the newest message, in grains.
    pub(crate) fn top(&self, side: Side) -> Option<(i64, i64)> {
        match (&self.top, side) {
            (Some(top), Side::Buy) => Some(top.bid),
            (Some(top), Side::Sell) => Some(top.ask),
            (None, _) => self.levels(side).next(),
        }
    }

    /// Best price that an order of ours could meet, ours among them, and the lots there.
    pub(crate) fn best(&self, side: Side) -> Option<(i64, i64)> {
        let own = self.resting.iter().filter(|order| order.side == side);
        let own = own.map(|order| (order.price, order.left));
        let recorded = self.current(side).find(|(_, qty)| *qty > 0);
        let better = |(price, _): &(i64, i64)| match side {
            Side::Buy => *price,
            Side::Sell => -*price,
        };
        own.chain(recorded).max_by_key(better)
    }

    /// Recorded whole lots by the newest messages, less what our takers took.
    fn current(&self, side: Side) -> impl Iterator<Item = (i64, i64)> {
        let top = self.top.map(|top| match side {
            Side::Buy => top.bid,
            Side::Sell => top.ask,
        });
        let behind = move |price: i64| match (top, side) {
            (None, _) => true,
            (Some((best, _)), Side::Buy) => price < best,
            (Some((best, _)), Side::Sell) => price > best,
        };
        let book = self.levels(side).filter(move |(price, _)| behind(*price));
        top.into_iter().chain(book).map(move |(price, qty)| {
            let taken = self.taken.get(&(side, price)).copied().unwrap_or(0);
            (price, (qty / self.grains_per_lot - taken).max(0))
        })
    }

    /// What an order could trade with, best first, enough for `qty`.
    fn offers(&self, order: &Incoming, qty: i64) -> Vec<Offer> {
        let side = order.side.opposite();
        let limit = order.limit();
        let mut offers = Vec::new();
        let mut found = 0;
        for (price, available) in self.current(side) {
            if found >= qty || !within(order.side, price, limit) {
                break;
            }
            if available > 0 {
                found += available;
                offers.push(Offer {
                    price,
                    qty: available,
                    own: None,
                });
            }
        }
        for own in self.resting.iter().filter(|own| own.side == side) {
            if within(order.side, own.price, limit) {
                let id = Some((own.id, own.owner));
                offers.push(Offer {
                    price: own.price,
                    qty: own.left,
                    own: id,
                });
            }
        }
        offers.sort_by_key(|offer| match side {
            Side::Buy => (-offer.price, offer.own.is_some()),
            Side::Sell => (offer.price, offer.own.is_some()),
        });
        offers
    }

    /// What `order` could take now, up to `qty`.
    pub(crate) fn reach(&self, order: &Incoming, qty: i64) -> Reach {
        let mut reach = Reach::default();
        for offer in self.offers(order, qty) {
            if offer.own.is_some_and(|(_, owner)| owner == order.owner) {
                match order.self_trade {
                    SelfTrade::Allow => {}
                    SelfTrade::ExpireMaker => continue,
                    SelfTrade::ExpireTaker | SelfTrade::ExpireBoth => break,
                }
            }
            let traded = offer.qty.min(qty - reach.qty);
            reach.qty += traded;
            reach.cost += i128::from(offer.price) * i128::from(traded);
            if reach.qty == qty {
                break;
            }
        }
        reach
    }

    /// Matches an order and rests what is left if its type says so.
    ///
    /// # Errors
    ///
    /// [`WouldTake`] for a post-only order that crosses.
    pub(crate) fn submit(&mut self, order: &Incoming) -> Result<Matched, WouldTake> {
        if order.kind == OrderKind::PostOnly && !self.offers(order, 1).is_empty() {
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

    fn take(&mut self, order: &Incoming, matched: &mut Matched) -> i64 {
        let mut left = order.qty;
        let side = order.side.opposite();
        for offer in self.offers(order, order.qty) {
            if left == 0 {
                break;
            }
            if let Some((id, owner)) = offer.own
                && owner == order.owner
                && order.self_trade != SelfTrade::Allow
            {
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
            let qty = offer.qty.min(left);
            left -= qty;
            let (maker, maker_owner) = offer.own.unwrap_or((0, MARKET));
            match offer.own {
                Some((id, _)) => self.reduce(id, qty),
                None => *self.taken.entry((side, offer.price)).or_default() += qty,
            }
            matched.fills.push(Fill {
                maker,
                maker_owner,
                price: offer.price,
                qty,
            });
        }
        left
    }

    fn reduce(&mut self, id: u64, qty: i64) {
        if let Some(order) = self.resting.iter_mut().find(|order| order.id == id) {
            order.left -= qty;
        }
        self.resting.retain(|order| order.left > 0);
    }

    /// Makes an order smaller where it stands; false if it is not that large.
    pub(crate) fn shrink(&mut self, id: u64, qty: i64) -> bool {
        let large = |order: &Resting| order.id == id && order.left > qty;
        let found = self.resting.iter().any(large);
        if found {
            self.reduce(id, qty);
        }
        found
    }

    fn rest(&mut self, order: &Incoming, left: i64) {
        let ahead = self.lots_up(self.recorded_grains(order.side, order.price));
        self.resting.push(Resting {
            id: order.id,
            owner: order.owner,
            side: order.side,
            price: order.price,
            left,
            ahead,
        });
    }

    /// Whole lots in so many grains.
    pub(crate) const fn whole_lots(&self, grains: i64) -> i64 {
        grains / self.grains_per_lot
    }

    const fn lots_up(&self, grains: i64) -> i64 {
        (grains + self.grains_per_lot - 1) / self.grains_per_lot
    }

    /// Recorded quantity at a price by the newest message.
    fn recorded_grains(&self, side: Side, price: i64) -> i64 {
        if let Some((best, qty)) = self.top(side) {
            if best == price {
                return qty;
            }
            let better = match side {
                Side::Buy => price > best,
                Side::Sell => price < best,
            };
            if better {
                // Inside the spread; the depth book may be older and still show what has gone.
                return 0;
            }
        }
        match side {
            Side::Buy => self.bids.get(&Reverse(price)).copied().unwrap_or(0),
            Side::Sell => self.asks.get(&price).copied().unwrap_or(0),
        }
    }

    /// Puts an order back where it rested before a restart, at the end of its level's queue.
    ///
    /// # Errors
    ///
    /// [`WouldTake`] if it crosses.
    pub(crate) fn restore(&mut self, order: &Incoming) -> Result<(), WouldTake> {
        if !self.offers(order, 1).is_empty() {
            return Err(WouldTake);
        }
        self.rest(order, order.qty);
        Ok(())
    }

    /// Takes an order out; its remaining lots.
    pub(crate) fn cancel(&mut self, id: u64) -> Option<i64> {
        let index = self.resting.iter().position(|order| order.id == id)?;
        Some(self.resting.remove(index).left)
    }
}
