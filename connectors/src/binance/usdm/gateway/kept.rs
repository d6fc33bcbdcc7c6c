//! Side and price of orders of ours: the venue wants both repeated when a quantity changes.
//!
//! The only memory of orders in a dialect, and no evidence of any: an order that is not here is not
//! amended, and one that has ended is refused by the venue. Bounded; the oldest are forgotten.
//!
//! Hot path: yes. Allocates: at construction only. The map's order is never looked at.

use std::collections::{HashMap, VecDeque};

use crate::binance::usdm::wire::request::Kept;

/// Orders that are remembered.
const REMEMBERED: usize = 8_192;

/// The memory, by raw client order id.
#[derive(Debug)]
pub(super) struct KeptOrders {
    orders: HashMap<u64, Kept>,
    oldest: VecDeque<u64>,
}

impl KeptOrders {
    pub(super) fn new() -> Self {
        // Twice the room: then the table is tidied up in place and never grows.
        Self {
            orders: HashMap::with_capacity(2 * REMEMBERED),
            oldest: VecDeque::with_capacity(REMEMBERED),
        }
    }

    /// Remembers an order, or what it is now.
    pub(super) fn learn(&mut self, client_id: u64, kept: Kept) {
        if self.orders.insert(client_id, kept).is_some() {
            return;
        }
        if self.oldest.len() == REMEMBERED
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.orders.remove(&oldest);
        }
        self.oldest.push_back(client_id);
    }

    /// What is remembered of an order.
    pub(super) fn of(&self, client_id: u64) -> Option<Kept> {
        self.orders.get(&client_id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::body::Side;
    use model::num::Ticks;

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let mut kept = KeptOrders::new();
        let at = |price| Kept {
            side: Side::Buy,
            price: Ticks(price),
        };
        for id in 0..=REMEMBERED as u64 {
            kept.learn(id, at(1));
        }
        assert_eq!(kept.of(0), None);
        assert_eq!(kept.of(1), Some(at(1)));
        kept.learn(1, at(2));
        assert_eq!(kept.of(1), Some(at(2)), "its price changed");
        assert_eq!(kept.oldest.len(), REMEMBERED);
    }
}
