//! One side of the book: levels by price, each a queue of order ids in the order of arrival.
//!
//! Knows totals and queues, not orders: the engine owns those.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::practice::types::Side;

#[derive(Debug, Default)]
struct Level {
    total: i64,
    queue: VecDeque<u64>,
}

/// Levels of one side, best first.
#[derive(Debug)]
pub(crate) struct HalfBook {
    side: Side,
    /// Keyed by the price itself for asks and by its negative for bids, so that best is first.
    levels: BTreeMap<i64, Level>,
    /// Prices whose total changed since the last drain.
    changed: BTreeSet<i64>,
}

impl HalfBook {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            levels: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }

    const fn key(&self, price: i64) -> i64 {
        match self.side {
            Side::Buy => -price,
            Side::Sell => price,
        }
    }

    /// Best price and its total.
    pub(crate) fn best(&self) -> Option<(i64, i64)> {
        let (key, level) = self.levels.first_key_value()?;
        Some((self.key(*key), level.total))
    }

    /// Best price and the order that is first in its queue.
    pub(super) fn first(&self) -> Option<(i64, u64)> {
        let (key, level) = self.levels.first_key_value()?;
        Some((self.key(*key), *level.queue.front()?))
    }

    /// Prices and totals, best first.
    pub(crate) fn levels(&self) -> impl Iterator<Item = (i64, i64)> {
        self.levels
            .iter()
            .map(|(key, level)| (self.key(*key), level.total))
    }

    /// Prices and queues, best first.
    pub(super) fn queues(&self) -> impl Iterator<Item = (i64, &VecDeque<u64>)> {
        self.levels
            .iter()
            .map(|(key, level)| (self.key(*key), &level.queue))
    }

    /// Total at `price`, 0 if there is no level.
    pub(crate) fn total(&self, price: i64) -> i64 {
        self.levels
            .get(&self.key(price))
            .map_or(0, |level| level.total)
    }

    /// Number of levels.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.levels.len()
    }

    pub(super) fn add(&mut self, price: i64, id: u64, qty: i64) {
        let level = self.levels.entry(self.key(price)).or_default();
        level.total += qty;
        level.queue.push_back(id);
        self.changed.insert(price);
    }

    pub(super) fn remove(&mut self, price: i64, id: u64, qty: i64) {
        let key = self.key(price);
        let Some(level) = self.levels.get_mut(&key) else {
            return;
        };
        level.total -= qty;
        level.queue.retain(|queued| *queued != id);
        if level.queue.is_empty() {
            self.levels.remove(&key);
        }
        self.changed.insert(price);
    }

    /// Takes from a level's total; its queue stays.
    pub(super) fn shrink(&mut self, price: i64, qty: i64) {
        let key = self.key(price);
        if let Some(level) = self.levels.get_mut(&key) {
            level.total -= qty;
            self.changed.insert(price);
        }
    }

    pub(super) fn reduce_first(&mut self, price: i64, qty: i64, done: bool) {
        let key = self.key(price);
        let Some(level) = self.levels.get_mut(&key) else {
            return;
        };
        level.total -= qty;
        if done {
            level.queue.pop_front();
        }
        if level.queue.is_empty() {
            self.levels.remove(&key);
        }
        self.changed.insert(price);
    }

    /// Hands out the changed prices with their totals, best first.
    pub(super) fn drain_changes(&mut self, mut out: impl FnMut(i64, i64)) {
        let mut changed = std::mem::take(&mut self.changed);
        match self.side {
            Side::Buy => changed
                .iter()
                .rev()
                .for_each(|price| out(*price, self.total(*price))),
            Side::Sell => changed
                .iter()
                .for_each(|price| out(*price, self.total(*price))),
        }
        changed.clear();
        self.changed = changed;
    }
}
