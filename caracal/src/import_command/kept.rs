//! What is known of an instrument's market at the end of the data set as far as it was written.
//!
//! Both sides whole, however many levels there are: a day begins with all of them.

use std::collections::BTreeMap;

use model::body::{BookOrder, Level, Mark, Quote, Side};
use model::ids::SourceId;
use model::num::{Lots, Ticks};

use super::row::Clear;

/// How much stands in the data set of an instrument.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) books: u64,
    pub(super) messages: u64,
    pub(super) trades: u64,
    pub(super) quotes: u64,
    pub(super) marks: u64,
    pub(super) orders: u64,
}

/// Whether an instrument's book is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Unknown,
    Whole,
    Stale,
}

/// What is known of an instrument's market.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) source: SourceId,
    pub(super) bids: BTreeMap<i64, i64>,
    pub(super) asks: BTreeMap<i64, i64>,
    pub(super) id: u64,
    pub(super) state: State,
    pub(super) quote: Option<Quote>,
    pub(super) mark: Option<Mark>,
    pub(super) counts: Counts,
    /// Orders that rest, by the venue's ids, each with its place: the smaller stands before.
    pub(super) orders: BTreeMap<u64, (u64, BookOrder)>,
    /// Lots of an order that traded since its last change.
    pub(super) traded: BTreeMap<u64, i64>,
    /// The next place.
    place: u64,
}

fn level((price, qty): (&i64, &i64)) -> Level {
    Level {
        price: Ticks(*price),
        qty: Lots(*qty),
    }
}

impl Kept {
    /// Nothing is known; records go through the lane `source`.
    pub(super) fn new(source: SourceId) -> Self {
        Self {
            source,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            id: 0,
            state: State::Unknown,
            quote: None,
            mark: None,
            counts: Counts::default(),
            orders: BTreeMap::new(),
            traded: BTreeMap::new(),
            place: 0,
        }
    }

    /// An order rests now as `order` says; what rested of it before, if it was there. It keeps its
    /// place with the same price and no larger quantity.
    pub(super) fn put_order(&mut self, order: &BookOrder) -> Option<BookOrder> {
        let before = self.orders.get(&order.order_id).copied();
        let keeps = |(_, before): &(u64, BookOrder)| {
            before.side == order.side && before.price == order.price && order.qty <= before.qty
        };
        let place = match before.filter(keeps) {
            Some((place, _)) => place,
            None => {
                self.place += 1;
                self.place
            }
        };
        self.orders.insert(order.order_id, (place, *order));
        self.traded.remove(&order.order_id);
        before.map(|(_, before)| before)
    }

    /// An order rests no more.
    pub(super) fn remove_order(&mut self, id: u64) {
        self.orders.remove(&id);
        self.traded.remove(&id);
    }

    /// What rests at a price.
    pub(super) fn at(&self, side: Side, price: Ticks) -> i64 {
        let levels = match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        };
        levels.get(&price.0).copied().unwrap_or(0)
    }

    /// Orders that rest, in the order of their places.
    pub(super) fn orders_by_place(&self) -> Vec<BookOrder> {
        let mut all: Vec<&(u64, BookOrder)> = self.orders.values().collect();
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, order)| *order).collect()
    }

    /// Takes new quantities; the first `bids` of `levels` are bids.
    pub(super) fn apply(&mut self, levels: &[Level], bids: usize) {
        for (index, level) in levels.iter().enumerate() {
            let side = if index < bids {
                &mut self.bids
            } else {
                &mut self.asks
            };
            if level.qty == Lots::ZERO {
                side.remove(&level.price.0);
            } else {
                side.insert(level.price.0, level.qty.0);
            }
        }
    }

    /// The id of a book message: the source's, or one more than the last where it has none.
    pub(super) fn next_id(&mut self, id: u64) -> u64 {
        let after_quote = self.quote.map_or(0, |quote| quote.update_id);
        self.id = if id > 0 {
            id
        } else {
            self.id.max(after_quote).saturating_add(1)
        };
        self.id
    }

    /// The same for a quote: the book's ids and the quotes' are of one sequence.
    pub(super) fn next_id_of_quote(&self, id: u64) -> u64 {
        let last = self.quote.map_or(0, |quote| quote.update_id);
        if id > 0 {
            id
        } else {
            self.id.max(last).saturating_add(1)
        }
    }

    /// Bids, the best first.
    pub(super) fn best_bids(&self) -> impl Iterator<Item = Level> {
        self.bids.iter().rev().map(level)
    }

    /// Asks, the best first.
    pub(super) fn best_asks(&self) -> impl Iterator<Item = Level> {
        self.asks.iter().map(level)
    }

    /// Writes the whole book into `levels`, best first, and returns how many are bids.
    pub(super) fn write_to(&self, levels: &mut Vec<Level>) -> usize {
        levels.clear();
        levels.extend(self.best_bids());
        let bids = levels.len();
        levels.extend(self.best_asks());
        bids
    }

    /// Best bid and best ask, if the bid is at or above the ask.
    pub(super) fn crossing(&self) -> Option<(i64, i64)> {
        let (bid, _) = self.bids.last_key_value()?;
        let (ask, _) = self.asks.first_key_value()?;
        (bid >= ask).then_some((*bid, *ask))
    }

    /// What has to be written so that `clear` is carried out: the levels of each side with no
    /// quantity, bids and asks.
    pub(super) fn cleared(&self, clear: &Clear, bids: &mut Vec<Level>, asks: &mut Vec<Level>) {
        let gone = |price: &i64| Level {
            price: Ticks(*price),
            qty: Lots::ZERO,
        };
        if clear.side != Some(Side::Sell) {
            let from = clear.upto.map_or(i64::MIN, |upto| upto.0);
            bids.extend(self.bids.range(from..).rev().map(|(price, _)| gone(price)));
        }
        if clear.side != Some(Side::Buy) {
            let upto = clear.upto.map_or(i64::MAX, |upto| upto.0);
            asks.extend(self.asks.range(..=upto).map(|(price, _)| gone(price)));
        }
    }
}
