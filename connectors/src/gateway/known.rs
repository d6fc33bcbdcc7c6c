//! What the gateway remembers of orders and trades: whose an order is, which fills were reported.
//!
//! Both memories are bounded and forget the oldest. A forgotten order is asked for again; a
//! forgotten fill is reported again, and the machine applies it once.
//!
//! Hot path: yes. Allocates: at construction only. The maps' order is never looked at.

use std::collections::{HashMap, HashSet, VecDeque};

/// Orders and fills that are remembered.
const REMEMBERED: usize = 8_192;

/// Whose an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Ours, by its raw client order id.
    Ours(u64),
    /// Somebody else's on the same account.
    Foreign,
}

/// A fill: instrument, the venue's trade id and order id. In a trade with ourselves one trade id
/// has two orders.
pub(super) type FillKey = (usize, u64, u64);

/// Whether a trade id counts up with the instrument's trades. OKX has ids below zero for trades
/// that it forced: they say nothing about where a list of trades has been read to.
pub(crate) const fn is_counted(trade_id: u64) -> bool {
    trade_id.cast_signed() >= 0
}

/// The memory.
#[derive(Debug)]
pub(super) struct Known {
    owners: HashMap<(usize, u64), Owner>,
    orders: VecDeque<(usize, u64)>,
    fills: HashSet<FillKey>,
    order_of_fills: VecDeque<FillKey>,
}

impl Known {
    pub(super) fn new() -> Self {
        // Twice the room: then a table is tidied up in place and never grows.
        Self {
            owners: HashMap::with_capacity(2 * REMEMBERED),
            orders: VecDeque::with_capacity(REMEMBERED),
            fills: HashSet::with_capacity(2 * REMEMBERED),
            order_of_fills: VecDeque::with_capacity(REMEMBERED),
        }
    }

    /// Remembers whose an order is. Order ids are unique within an instrument.
    pub(super) fn learn(&mut self, slot: usize, order_id: u64, owner: Owner) {
        if self.owners.insert((slot, order_id), owner).is_some() {
            return;
        }
        if self.orders.len() == REMEMBERED
            && let Some(oldest) = self.orders.pop_front()
        {
            self.owners.remove(&oldest);
        }
        self.orders.push_back((slot, order_id));
    }

    /// Whose an order is, if that is known.
    pub(super) fn owner(&self, slot: usize, order_id: u64) -> Option<Owner> {
        self.owners.get(&(slot, order_id)).copied()
    }

    /// Remembers a fill; whether it is new.
    pub(super) fn fill(&mut self, key: FillKey) -> bool {
        if !self.fills.insert(key) {
            return false;
        }
        if self.order_of_fills.len() == REMEMBERED
            && let Some(oldest) = self.order_of_fills.pop_front()
        {
            self.fills.remove(&oldest);
        }
        self.order_of_fills.push_back(key);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let mut known = Known::new();
        let last = REMEMBERED as u64;
        for id in 0..=last {
            known.learn(0, id, Owner::Ours(id));
            assert!(known.fill((0, id, id)));
        }
        assert_eq!(known.owner(0, 0), None);
        assert_eq!(known.owner(0, last), Some(Owner::Ours(last)));
        assert_eq!(known.owner(1, last), None);
        assert!(!known.fill((0, last, last)));
        assert!(known.fill((0, 0, 0)), "forgotten, so new again");
        assert!(known.owners.len() <= REMEMBERED && known.fills.len() <= REMEMBERED);
    }
}
