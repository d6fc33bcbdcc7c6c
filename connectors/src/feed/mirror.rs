//! The feed's own copy of a book's best levels, to find that it cannot be: crossed, or not what
//! the venue's checksum says.
//!
//! What is deeper than [`LEVELS_MAX`] is forgotten: nothing down there can cross. Hot path: yes,
//! behind the events where that is safe ([`Mirror::stays_apart`]). Allocates: at construction only.

use model::body::Level;
use model::num::{Lots, Ticks};

/// Levels a side that are kept.
const LEVELS_MAX: usize = 2_048;

/// Price, below zero for an ask, and quantity: the best stands last.
type Entry = (i64, i64);

/// The best levels of both sides.
#[derive(Debug)]
pub struct Mirror {
    bids: Vec<Entry>,
    asks: Vec<Entry>,
}

impl Mirror {
    /// An empty book.
    pub(super) fn new() -> Self {
        Self {
            bids: Vec::with_capacity(LEVELS_MAX + 1),
            asks: Vec::with_capacity(LEVELS_MAX + 1),
        }
    }

    pub(super) fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Sets the levels of one message, bids first.
    #[inline]
    pub(super) fn apply(&mut self, levels: &[Level], bids: usize) {
        let (bids, asks) = levels.split_at(bids.min(levels.len()));
        for level in bids {
            set(&mut self.bids, level.price.0, level.qty.0);
        }
        for level in asks {
            set(&mut self.asks, -level.price.0, level.qty.0);
        }
    }

    /// Whether the book is certainly not crossed with these levels, without setting them: no new
    /// bid reaches any ask there was or will be, and no new ask any bid.
    #[inline]
    pub(super) fn stays_apart(&self, levels: &[Level], bids: usize) -> bool {
        let (bids, asks) = levels.split_at(bids.min(levels.len()));
        let mut bid = self.bids.last().map_or(i64::MIN, |best| best.0);
        for level in bids {
            if level.qty.0 > 0 {
                bid = bid.max(level.price.0);
            }
        }
        let mut ask = self.asks.last().map_or(i64::MAX, |best| -best.0);
        for level in asks {
            if level.qty.0 > 0 {
                ask = ask.min(level.price.0);
            }
        }
        bid < ask
    }

    /// Best bid and best ask if they cross.
    #[inline]
    pub(super) fn crossed(&self) -> Option<(Ticks, Ticks)> {
        let (bid, ask) = (self.bids.last()?.0, -self.asks.last()?.0);
        (bid >= ask).then_some((Ticks(bid), Ticks(ask)))
    }

    /// The bids, best first.
    pub fn bids(&self) -> impl Iterator<Item = Level> + '_ {
        let level = |entry: &Entry| Level {
            price: Ticks(entry.0),
            qty: Lots(entry.1),
        };
        self.bids.iter().rev().map(level)
    }

    /// The asks, best first.
    pub fn asks(&self) -> impl Iterator<Item = Level> + '_ {
        let level = |entry: &Entry| Level {
            price: Ticks(-entry.0),
            qty: Lots(entry.1),
        };
        self.asks.iter().rev().map(level)
    }
}

fn set(side: &mut Vec<Entry>, key: i64, qty: i64) {
    // Most changes are near the top: the first few are looked at one by one.
    let near = side.len().saturating_sub(8);
    let at = match side.get(near) {
        Some(entry) if entry.0 < key => {
            near + side[near..]
                .iter()
                .take_while(|entry| entry.0 < key)
                .count()
        }
        _ => side[..near.min(side.len())].partition_point(|entry| entry.0 < key),
    };
    let is_there = side.get(at).is_some_and(|entry| entry.0 == key);
    match (is_there, qty > 0) {
        (true, true) => side[at].1 = qty,
        (true, false) => {
            side.remove(at);
        }
        (false, true) => {
            side.insert(at, (key, qty));
            if side.len() > LEVELS_MAX {
                side.remove(0);
            }
        }
        (false, false) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn level(price: i64, qty: i64) -> Level {
        Level {
            price: Ticks(price),
            qty: Lots(qty),
        }
    }

    #[test]
    fn book_that_meets_is_crossed() {
        let mut mirror = Mirror::new();
        mirror.apply(&[level(99, 1), level(101, 1)], 1);
        assert_eq!(mirror.crossed(), None);
        assert!(mirror.stays_apart(&[level(100, 1)], 1));
        assert!(!mirror.stays_apart(&[level(101, 1)], 1));
        let through = [level(101, 1), level(101, 0), level(102, 1)];
        assert!(!mirror.stays_apart(&through, 1), "it may");
        mirror.apply(&through, 1);
        assert_eq!(mirror.crossed(), None, "and does not");
        mirror.apply(&[level(101, 2)], 0);
        assert_eq!(mirror.crossed(), Some((Ticks(101), Ticks(101))));
    }

    #[test]
    fn only_the_best_levels_are_kept() {
        let mut mirror = Mirror::new();
        for price in 1..=3_000 {
            mirror.apply(&[level(price, 1), level(6_000 - price, 1)], 1);
        }
        assert_eq!(mirror.bids().count(), LEVELS_MAX);
        assert_eq!(mirror.bids().next(), Some(level(3_000, 1)));
        assert_eq!(mirror.asks().last(), Some(level(3_000 + 2_047, 1)));
    }

    proptest! {
        #[test]
        fn prop_mirror_is_a_sorted_map(
            changes in proptest::collection::vec((any::<bool>(), 1_i64..60, 0_i64..3), 0..300),
        ) {
            let pair = |level: Level| (level.price.0, level.qty.0);
            let mut mirror = Mirror::new();
            let mut maps = [BTreeMap::new(), BTreeMap::new()];
            for (is_bid, price, qty) in changes {
                let one = [level(price, qty)];
                let apart = mirror.stays_apart(&one, usize::from(is_bid));
                mirror.apply(&one, usize::from(is_bid));
                if apart {
                    prop_assert_eq!(mirror.crossed(), None);
                }
                let map = &mut maps[usize::from(!is_bid)];
                if qty == 0 {
                    map.remove(&price);
                } else {
                    map.insert(price, qty);
                }
                let bids: Vec<_> = mirror.bids().map(pair).collect();
                let asks: Vec<_> = mirror.asks().map(pair).collect();
                let want: Vec<_> = maps[0].iter().rev().map(|(p, q)| (*p, *q)).collect();
                prop_assert_eq!(bids, want);
                let want: Vec<_> = maps[1].iter().map(|(p, q)| (*p, *q)).collect();
                prop_assert_eq!(asks, want);
            }
        }
    }
}
