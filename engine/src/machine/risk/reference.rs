//! What an order's price is measured against: the middle of the book, the last trade and the
//! venue's mark, each only while it is young enough.
//!
//! Of three the median counts, so that one that is wrong moves nothing. Of two, neither outvotes
//! the other: the price must be near both. The middle alone counts where there is nothing else, and
//! for what reduces the position, which a last trade from before a jump is not to stop.
//!
//! Hot path: yes. Allocates: no.

use model::num::Ticks;

use crate::machine::divide::{div_ceil, div_floor};
use crate::machine::market::Top;

/// The references that count, lowest and highest, in quarters of a tick: the mean of two halves
/// is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference {
    low: i128,
    high: i128,
}

/// Quarters of a tick in a tick, times the 1/10_000 of a distance.
const UNIT: i128 = 40_000;

impl Reference {
    /// The middle of a book alone.
    pub(super) fn middle(top: &Top) -> Self {
        let x4 = 2 * (i128::from(top.bid.price.0) + i128::from(top.ask.price.0));
        Self { low: x4, high: x4 }
    }

    /// One price alone.
    pub(super) fn at(price: Ticks) -> Self {
        let x4 = 4 * i128::from(price.0);
        Self { low: x4, high: x4 }
    }

    /// With what else is known and young enough.
    pub(super) fn of(top: &Top, last: Option<Ticks>, mark: Option<Ticks>) -> Self {
        let middle = Self::middle(top);
        let other = |price: Ticks| 4 * i128::from(price.0);
        match (last.map(other), mark.map(other)) {
            (None, None) => middle,
            (Some(one), None) | (None, Some(one)) => Self {
                low: middle.low.min(one),
                high: middle.high.max(one),
            },
            (Some(last), Some(mark)) => {
                let median = middle.low.clamp(last.min(mark), last.max(mark));
                Self {
                    low: median,
                    high: median,
                }
            }
        }
    }

    /// Lowest and highest price within so many 1/10_000 of every one, rounded inwards. `None`
    /// beyond the range of a price. The first is above the second where they are too far apart.
    pub(super) fn bounds(self, bps: i64) -> Option<(Ticks, Ticks)> {
        let bps = i128::from(bps);
        let low = div_ceil(self.high * (10_000 - bps), UNIT);
        let high = div_floor(self.low * (10_000 + bps), UNIT);
        Some((
            Ticks(i64::try_from(low).ok()?),
            Ticks(i64::try_from(high).ok()?),
        ))
    }

    /// How far a price is from the farther one, in 1/10_000 of that, rounded up.
    pub(super) fn distance_bps(self, price: Ticks) -> i64 {
        let from = |reference: i128| {
            let off = (4 * i128::from(price.0) - reference).abs() * 10_000;
            i64::try_from(div_ceil(off, reference.max(1))).unwrap_or(i64::MAX)
        };
        if self.low == self.high {
            from(self.low)
        } else {
            from(self.low).max(from(self.high))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::body::Level;
    use model::num::Lots;

    fn top(bid: i64, ask: i64) -> Top {
        let level = |price| Level {
            price: Ticks(price),
            qty: Lots(1),
        };
        Top {
            bid: level(bid),
            ask: level(ask),
        }
    }

    fn reference(last: Option<i64>, mark: Option<i64>) -> Reference {
        Reference::of(&top(9_999, 10_002), last.map(Ticks), mark.map(Ticks))
    }

    #[test]
    fn reference_of_three_is_their_median_so_one_wrong_price_moves_nothing() {
        // The middle is 10,000.5.
        let bounds = |last, mark| reference(Some(last), Some(mark)).bounds(100).unwrap();
        let alone = reference(None, None).bounds(100).unwrap();
        assert_eq!(alone, (Ticks(9_901), Ticks(10_100)));
        assert_eq!(bounds(1, 20_000), alone);
        assert_eq!(bounds(20_000, 1), alone);
        assert_eq!(bounds(11_000, 12_000), (Ticks(10_890), Ticks(11_110)));
        assert_eq!(bounds(8_000, 9_000), (Ticks(8_910), Ticks(9_090)));
    }

    #[test]
    fn reference_of_two_asks_for_both() {
        for (last, mark) in [(Some(10_100), None), (None, Some(10_100))] {
            let both = reference(last, mark);
            assert_eq!(both.bounds(100), Some((Ticks(9_999), Ticks(10_100))));
            assert_eq!(both.distance_bps(Ticks(10_100)), 100);
            assert_eq!(both.distance_bps(Ticks(10_101)), 101);
            assert_eq!(both.distance_bps(Ticks(9_998)), 101);
        }
        let apart = reference(Some(20_000), None).bounds(100).unwrap();
        assert!(apart.0 > apart.1, "no price is near both: {apart:?}");
    }

    #[test]
    fn reference_bounds_and_distance_agree_at_every_price() {
        for (last, mark) in [
            (None, None),
            (Some(10_037), None),
            (Some(9_950), Some(9_987)),
        ] {
            let one = reference(last, mark);
            let (low, high) = one.bounds(77).unwrap();
            for price in 9_800..10_200 {
                let within = low.0 <= price && price <= high.0;
                assert_eq!(one.distance_bps(Ticks(price)) <= 77, within, "{price}");
            }
        }
    }
}
