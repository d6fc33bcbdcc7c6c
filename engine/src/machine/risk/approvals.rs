//! The last approved orders of each strategy, to find one that comes again.
//!
//! Each strategy has a ring of its own, so that nobody else's orders push out what it asked for.
//!
//! Hot path: yes. Allocates: at configuration.

use std::collections::VecDeque;

use model::body::{OrderType, Side};
use model::ids::{InstrumentId, StrategyId};
use model::limits::STRATEGIES_MAX;
use serde::{Deserialize, Serialize};

use crate::machine::intent::Place;

/// Approved orders of a strategy that are remembered.
const REMEMBERED: usize = 64;

/// What makes two intents of a strategy the same, and when it was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    at_ns: u64,
    instrument: InstrumentId,
    side: Side,
    order_type: OrderType,
    price: i64,
    qty: i64,
}

impl Asked {
    const fn new(at_ns: u64, instrument: InstrumentId, place: &Place) -> Self {
        Self {
            at_ns,
            instrument,
            side: place.side,
            order_type: place.order_type,
            price: place.price.0,
            qty: place.qty.0,
        }
    }

    /// All but the time. What differs most often comes first.
    #[inline]
    fn is_same(&self, other: &Self) -> bool {
        self.price == other.price
            && self.qty == other.qty
            && self.instrument == other.instrument
            && self.side == other.side
            && self.order_type == other.order_type
    }
}

/// By strategy id; of each the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Approvals(Vec<VecDeque<Asked>>);

impl Approvals {
    /// Makes room for this many strategies. What is remembered stays.
    pub(super) fn open(&mut self, strategies: usize) {
        let strategies = strategies.min(STRATEGIES_MAX).max(self.0.len());
        self.0.resize_with(strategies, VecDeque::new);
        for ring in &mut self.0 {
            ring.reserve_exact(REMEMBERED.saturating_sub(ring.len()));
        }
    }

    /// Whether a snapshot's can be: no more strategies and orders than fit, in sequence of time.
    pub(super) fn is_sound(&self) -> bool {
        let sorted = |ring: &VecDeque<Asked>| {
            let next = ring.iter().skip(1);
            ring.iter()
                .zip(next)
                .all(|(old, new)| old.at_ns <= new.at_ns)
        };
        self.0.len() <= STRATEGIES_MAX
            && self
                .0
                .iter()
                .all(|ring| ring.len() <= REMEMBERED && sorted(ring))
    }

    /// An order of a configured strategy was approved.
    pub(super) fn add(
        &mut self,
        now_ns: u64,
        (strategy, instrument): (StrategyId, InstrumentId),
        place: &Place,
    ) {
        let Some(ring) = self.0.get_mut(strategy.index()) else {
            return;
        };
        if ring.len() == REMEMBERED {
            ring.pop_front();
        }
        ring.push_back(Asked::new(now_ns, instrument, place));
    }

    /// How long ago the same order of the strategy was approved last, if that is remembered.
    pub(super) fn same_ago_ns(
        &self,
        now_ns: u64,
        (strategy, instrument): (StrategyId, InstrumentId),
        place: &Place,
    ) -> Option<u64> {
        let wanted = Asked::new(now_ns, instrument, place);
        let ring = self.0.get(strategy.index())?;
        let same = ring.iter().rev().find(|known| known.is_same(&wanted))?;
        Some(now_ns.saturating_sub(same.at_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::held::Size;
    use model::body::TimeInForce;
    use model::ids::ClientOrderId;
    use model::num::{Lots, Ticks};

    const INSTRUMENT: InstrumentId = InstrumentId(3);

    fn place(qty: i64) -> Place {
        Place {
            client_id: ClientOrderId::new(1, None, 1).unwrap(),
            instrument: INSTRUMENT,
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            price: Ticks(100),
            qty: Lots(qty),
            tag: 0,
            reduce_only: false,
            trigger: None,
            good_till_ns: None,
            link: None,
            size: Size::Exact,
            acknowledges: None,
        }
    }

    #[test]
    fn approvals_of_others_push_nothing_out_and_own_ones_the_oldest() {
        let mut approvals = Approvals::default();
        approvals.open(2);
        let (own, other) = ((StrategyId(0), INSTRUMENT), (StrategyId(1), INSTRUMENT));
        approvals.add(10, own, &place(1));
        for qty in 0..1_000 {
            approvals.add(20, other, &place(qty));
        }
        assert_eq!(approvals.same_ago_ns(50, own, &place(1)), Some(40));
        assert_eq!(approvals.same_ago_ns(50, other, &place(999)), Some(30));
        assert_eq!(
            approvals.same_ago_ns(50, other, &place(935)),
            None,
            "its own 64"
        );
        assert_eq!(approvals.same_ago_ns(50, other, &place(936)), Some(30));
        let elsewhere = (StrategyId(0), InstrumentId(4));
        assert_eq!(approvals.same_ago_ns(50, elsewhere, &place(1)), None);
        for qty in 0..63 {
            approvals.add(20, own, &place(100 + qty));
        }
        assert_eq!(approvals.same_ago_ns(50, own, &place(1)), Some(40));
        approvals.add(20, own, &place(163));
        assert_eq!(approvals.same_ago_ns(50, own, &place(1)), None);
        assert!(approvals.is_sound());
    }

    #[test]
    fn approvals_of_a_snapshot_fit_and_stand_in_sequence() {
        let mut approvals = Approvals::default();
        approvals.open(1);
        approvals.add(20, (StrategyId(0), INSTRUMENT), &place(1));
        approvals.add(20, (StrategyId(0), INSTRUMENT), &place(2));
        assert!(approvals.is_sound());
        approvals.add(19, (StrategyId(0), INSTRUMENT), &place(3));
        assert!(!approvals.is_sound(), "back in time");
        let asked = Asked::new(1, INSTRUMENT, &place(1));
        let ring = |orders| VecDeque::from(vec![asked; orders]);
        assert!(Approvals(vec![ring(REMEMBERED)]).is_sound());
        assert!(!Approvals(vec![ring(REMEMBERED + 1)]).is_sound());
        assert!(!Approvals(vec![ring(1); STRATEGIES_MAX + 1]).is_sound());
    }
}
