//! Own orders that may rest, by instrument and side, the best price first: a treap in arrays, so
//! that insertion, removal and the best one cost a few steps at any number of orders.
//!
//! What comes out depends on prices and ids only. Priorities are a hash of the id, so the shape
//! does not depend on the order of insertions either.
//!
//! Hot path: yes. Allocates: only at creation.

use model::body::Side;
use model::ids::{ClientOrderId, InstrumentId};
use model::limits::INSTRUMENTS_MAX;
use model::num::Ticks;

const NONE: u32 = u32::MAX;

/// The better price first, then the smaller id.
type Key = (i64, u64);

#[derive(Debug, Clone, Copy)]
struct Node {
    key: Key,
    left: u32,
    right: u32,
}

/// Where a link to a node stands.
#[derive(Debug, Clone, Copy)]
enum Link {
    Root(usize),
    Left(u32),
    Right(u32),
}

/// See the module's header.
#[derive(Debug, Clone)]
pub(super) struct Ladders {
    roots: Vec<u32>,
    nodes: Vec<Node>,
    /// The best slot of each ladder and the rank of its price: most questions end here.
    tops: Vec<(u32, i64)>,
}

fn root(instrument: InstrumentId, side: Side) -> usize {
    2 * instrument.index() + usize::from(side == Side::Sell)
}

/// Better bids are higher: the complement turns the order round without an overflow.
fn key(side: Side, price: Ticks, id: ClientOrderId) -> Key {
    let rank = match side {
        Side::Buy => !price.0,
        Side::Sell => price.0,
    };
    (rank, id.raw())
}

fn priority(key: Key) -> u64 {
    let mixed = (key.1 ^ key.1 >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 29).wrapping_mul(0x94d0_49bb_1331_11eb)
}

impl Ladders {
    /// With room for this many slots, on every instrument.
    pub(super) fn new(slots: usize) -> Self {
        Self {
            roots: vec![NONE; 2 * INSTRUMENTS_MAX],
            nodes: Vec::with_capacity(slots),
            tops: vec![(NONE, 0); 2 * INSTRUMENTS_MAX],
        }
    }

    /// One more slot, on no ladder.
    pub(super) fn grow(&mut self) {
        self.nodes.push(Node {
            key: (0, 0),
            left: NONE,
            right: NONE,
        });
    }

    fn follow(&self, link: Link) -> u32 {
        match link {
            Link::Root(root) => self.roots[root],
            Link::Left(node) => self.nodes[node as usize].left,
            Link::Right(node) => self.nodes[node as usize].right,
        }
    }

    fn set(&mut self, link: Link, to: u32) {
        match link {
            Link::Root(root) => self.roots[root] = to,
            Link::Left(node) => self.nodes[node as usize].left = to,
            Link::Right(node) => self.nodes[node as usize].right = to,
        }
    }

    fn key(&self, node: u32) -> Key {
        self.nodes[node as usize].key
    }

    /// Puts a slot that is on no ladder. An instrument beyond the most has none.
    pub(super) fn insert(
        &mut self,
        slot: u32,
        (instrument, side): (InstrumentId, Side),
        price: Ticks,
        id: ClientOrderId,
    ) {
        if instrument.index() >= INSTRUMENTS_MAX {
            return;
        }
        let own = key(side, price, id);
        self.nodes[slot as usize].key = own;
        let ladder = root(instrument, side);
        let top = self.tops[ladder].0;
        if top == NONE || own < self.key(top) {
            self.tops[ladder] = (slot, own.0);
        }
        let mut link = Link::Root(ladder);
        let mut node = self.follow(link);
        while node != NONE && priority(self.key(node)) > priority(own) {
            link = if own < self.key(node) {
                Link::Left(node)
            } else {
                Link::Right(node)
            };
            node = self.follow(link);
        }
        self.set(link, slot);
        self.split(node, slot);
    }

    /// Hangs what stood below `node` under `slot`, smaller keys left.
    fn split(&mut self, node: u32, slot: u32) {
        let own = self.key(slot);
        let (mut node, mut low, mut high) = (node, Link::Left(slot), Link::Right(slot));
        while node != NONE {
            if self.key(node) < own {
                self.set(low, node);
                low = Link::Right(node);
                node = self.follow(low);
            } else {
                self.set(high, node);
                high = Link::Left(node);
                node = self.follow(high);
            }
        }
        self.set(low, NONE);
        self.set(high, NONE);
    }

    /// Takes a slot that stands on the ladder of this instrument and side out.
    pub(super) fn remove(&mut self, slot: u32, (instrument, side): (InstrumentId, Side)) {
        if instrument.index() >= INSTRUMENTS_MAX {
            return;
        }
        let own = self.key(slot);
        let mut link = Link::Root(root(instrument, side));
        let mut node = self.follow(link);
        while node != slot {
            if node == NONE {
                return;
            }
            link = if own < self.key(node) {
                Link::Left(node)
            } else {
                Link::Right(node)
            };
            node = self.follow(link);
        }
        let (mut left, mut right) = (
            self.follow(Link::Left(slot)),
            self.follow(Link::Right(slot)),
        );
        while left != NONE && right != NONE {
            if priority(self.key(left)) > priority(self.key(right)) {
                self.set(link, left);
                link = Link::Right(left);
                left = self.follow(link);
            } else {
                self.set(link, right);
                link = Link::Left(right);
                right = self.follow(link);
            }
        }
        self.set(link, if left == NONE { right } else { left });
        let ladder = root(instrument, side);
        if self.tops[ladder].0 == slot {
            let top = self.leftmost(ladder);
            self.tops[ladder] = (top, if top == NONE { 0 } else { self.key(top).0 });
        }
    }

    fn leftmost(&self, ladder: usize) -> u32 {
        let mut node = self.roots[ladder];
        while node != NONE && self.nodes[node as usize].left != NONE {
            node = self.nodes[node as usize].left;
        }
        node
    }

    /// The slot with the best price.
    #[inline]
    pub(super) fn best(&self, instrument: InstrumentId, side: Side) -> Option<u32> {
        let (slot, _) = *self.tops.get(root(instrument, side))?;
        (slot != NONE).then_some(slot)
    }

    /// The best price.
    #[inline]
    pub(super) fn best_price(&self, instrument: InstrumentId, side: Side) -> Option<Ticks> {
        let (slot, rank) = *self.tops.get(root(instrument, side))?;
        let price = match side {
            Side::Buy => !rank,
            Side::Sell => rank,
        };
        (slot != NONE).then_some(Ticks(price))
    }

    /// The slot behind this one, which stands on this ladder.
    pub(super) fn next(&self, slot: u32, instrument: InstrumentId, side: Side) -> Option<u32> {
        let own = self.key(slot);
        let mut node = *self.roots.get(root(instrument, side))?;
        let mut found = None;
        while node != NONE {
            if own < self.key(node) {
                found = Some(node);
                node = self.nodes[node as usize].left;
            } else {
                node = self.nodes[node as usize].right;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn ladder_agrees_with_a_sorted_map_over_random_changes() {
        let mut random = 13_u64;
        let mut next = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % bound
        };
        let at = (InstrumentId(3), Side::Buy);
        let mut ladders = Ladders::new(60);
        for _ in 0..60 {
            ladders.grow();
        }
        let mut held: BTreeMap<u32, Key> = BTreeMap::new();
        for _ in 0..30_000 {
            let slot = u32::try_from(next(60)).unwrap();
            let id = ClientOrderId::new(1, None, slot).unwrap();
            if held.remove(&slot).is_some() {
                ladders.remove(slot, at);
            } else {
                let price = Ticks(i64::try_from(next(20)).unwrap() - 10);
                ladders.insert(slot, at, price, id);
                held.insert(slot, key(at.1, price, id));
            }
            let mut want: Vec<(Key, u32)> = held.iter().map(|(&slot, &key)| (key, slot)).collect();
            want.sort_unstable();
            let mut got = Vec::new();
            let mut walk = ladders.best(at.0, at.1);
            while let Some(slot) = walk {
                got.push(slot);
                walk = ladders.next(slot, at.0, at.1);
            }
            let want: Vec<u32> = want.into_iter().map(|(_, slot)| slot).collect();
            assert_eq!(got, want);
            let best = held.values().min().map(|key| Ticks(!key.0));
            assert_eq!(ladders.best_price(at.0, at.1), best);
            assert_eq!(ladders.best(at.0, Side::Sell), None);
        }
    }
}
