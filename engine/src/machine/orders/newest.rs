//! The largest order id of each strategy that the table has seen: ids rise, so almost every new
//! one is above it, and needs no look into a table that no cache holds.
//!
//! Ids of the engine's own orders are far above a strategy's and are not counted. It follows from
//! the orders, so a snapshot does not hold it.
//!
//! Hot path: yes. Allocates: no.

use model::ids::ClientOrderId;
use model::limits::STRATEGIES_MAX;

use crate::machine::risk::ENGINE_NUMBERS_FROM;

/// See the module's header.
#[derive(Debug, Clone)]
pub(super) struct Newest([u64; STRATEGIES_MAX]);

impl Newest {
    pub(super) const fn new() -> Self {
        Self([0; STRATEGIES_MAX])
    }

    /// Whether the id is above every one that came of its strategy. An id of the engine's own, or
    /// of no strategy, never is.
    #[inline]
    pub(super) fn is_before(&self, id: ClientOrderId) -> bool {
        self.place(id).is_some_and(|place| self.0[place] < id.raw())
    }

    /// An order of this id came.
    #[inline]
    pub(super) fn learn(&mut self, id: ClientOrderId) {
        if let Some(place) = self.place(id) {
            self.0[place] = self.0[place].max(id.raw());
        }
    }

    fn place(&self, id: ClientOrderId) -> Option<usize> {
        let place = id.strategy()?.index();
        (place < self.0.len() && id.counter() < ENGINE_NUMBERS_FROM).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ids::StrategyId;

    #[test]
    fn newest_knows_what_cannot_have_come() {
        let id = |epoch, strategy, counter| {
            ClientOrderId::new(epoch, Some(StrategyId(strategy)), counter).unwrap()
        };
        let mut newest = Newest::new();
        assert!(newest.is_before(id(1, 3, 1)));
        newest.learn(id(1, 3, 7));
        newest.learn(id(1, 3, 5));
        newest.learn(id(1, 3, ENGINE_NUMBERS_FROM));
        assert!(!newest.is_before(id(1, 3, 7)) && !newest.is_before(id(1, 3, 6)));
        assert!(
            newest.is_before(id(1, 3, 8)),
            "the engine's own do not count"
        );
        assert!(newest.is_before(id(2, 3, 1)), "a later run");
        assert!(newest.is_before(id(1, 2, 1)), "another strategy");
        assert!(!newest.is_before(id(1, 4, ENGINE_NUMBERS_FROM)));
        assert!(!newest.is_before(ClientOrderId::new(9, None, 9).unwrap()));
    }
}
