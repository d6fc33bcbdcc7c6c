//! Monte Carlo over trade order: drawdowns that the same closed trades would have had in another
//! order, and whether the one that was seen was lucky.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

use crate::report::Drawdown;

/// Largest drawdowns over random orders of the same closed trades, in the profit's unit. They are
/// of profits at the closes: what a trade loses on its way is in none of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shuffled {
    /// The one in the order that was seen.
    pub seen: f64,
    /// Half of the orders have less.
    pub median: f64,
    /// 95 of 100 orders have less.
    pub p95: f64,
    /// 99 of 100 orders have less.
    pub p99: f64,
    /// Trades, or sums of neighbours where there are many; see [`super::Trades::profits`].
    pub trades: usize,
    /// Orders that were drawn.
    pub draws: u32,
    /// Seed of the draws.
    pub seed: u64,
}

fn largest(trades: &[f64]) -> f64 {
    let mut fall = Drawdown::default();
    let mut profit = 0.0;
    fall.add(0, profit);
    for (at, change) in (1..).zip(trades) {
        profit += change;
        fall.add(at, profit);
    }
    fall.largest
}

/// Of what one variant's closed trades brought. `None` without trades or draws.
#[must_use]
pub fn shuffled_drawdowns(trades: &[f64], draws: u32, seed: u64) -> Option<Shuffled> {
    if trades.is_empty() || draws == 0 {
        return None;
    }
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut order = trades.to_vec();
    let mut falls: Vec<f64> = (0..draws)
        .map(|_| {
            order.shuffle(&mut random);
            largest(&order)
        })
        .collect();
    falls.sort_by(f64::total_cmp);
    let rank = |part: f64| {
        let place = (falls.len() as f64 * part).ceil() as usize;
        falls[place.clamp(1, falls.len()) - 1]
    };
    Some(Shuffled {
        seen: largest(trades),
        median: rank(0.5),
        p95: rank(0.95),
        p99: rank(0.99),
        trades: trades.len(),
        draws,
        seed,
    })
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "small whole numbers are exact")]
mod tests {
    use super::*;

    #[test]
    fn shuffled_drawdowns_lie_between_the_least_and_the_most_that_an_order_can_have() {
        // Three gains and two losses of 1: from 1 (apart) to 2 (together). Seed 4.
        let changes = [1.0, -1.0, 1.0, -1.0, 1.0];
        let shuffled = shuffled_drawdowns(&changes, 500, 4).unwrap();
        assert_eq!(shuffled.seen, 1.0);
        assert_eq!((shuffled.median, shuffled.p99), (1.0, 2.0));
        let losses = shuffled_drawdowns(&[-1.0; 4], 10, 4).unwrap();
        assert_eq!((losses.seen, losses.median), (4.0, 4.0));
        assert_eq!(shuffled_drawdowns(&[], 10, 1), None);
    }
}
