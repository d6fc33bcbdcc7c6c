//! Numbers of a backtest, each with its formula.
//!
//! Money is exact in the machine; these are ratios and estimates for people, so they are floats.
//! `P` is the profit of all strategies after fees and funding, reporting currency; `C` the capital:
//! the equity at the start. Returns are `(P[i] - P[i-1]) / C` between two points of the profit,
//! which stand at even intervals of `h` seconds.

use serde::Serialize;

/// Seconds in a year of 365 days: crypto venues do not close.
const YEAR_S: f64 = 365.0 * 86_400.0;

/// A span below which a number that is reckoned up to a year says nothing, seconds.
const SHORT_S: f64 = 30.0 * 86_400.0;

/// What a series of profits says. `None`: there are too few points, or no capital is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Performance {
    /// `P` at the end, reporting currency.
    pub profit: f64,
    /// `C`, reporting currency.
    pub capital: Option<f64>,
    /// `P / C`.
    pub total_return: Option<f64>,
    /// Mean of returns over their standard deviation, times `sqrt(YEAR / h)`; no interest.
    pub sharpe: Option<f64>,
    /// The same over the root of the mean square of the returns below 0.
    pub sortino: Option<f64>,
    /// Return reckoned up to a year, over the largest drawdown as part of `C`.
    pub calmar: Option<f64>,
    /// Largest fall of `P` from an earlier high, reporting currency.
    pub max_drawdown: f64,
    /// Longest time from a high until it is reached again, or the end, seconds.
    pub max_drawdown_s: f64,
    /// Loss that 5 % of the intervals exceed, reporting currency: the 5th percentile of the changes
    /// of `P`, its sign turned.
    pub value_at_risk_95: Option<f64>,
    /// The same of 1 %.
    pub value_at_risk_99: Option<f64>,
    /// `h`, seconds.
    pub interval_s: f64,
    /// Intervals.
    pub intervals: usize,
    /// Whether the span is below 30 days, so that what is reckoned up to a year says little.
    pub is_short: bool,
}

/// Reckons up a series of profits: nanoseconds and profit, rising in time. `end` is the last one,
/// if the series does not end with it.
#[must_use]
pub fn performance(
    points: &[(u64, f64)],
    end: Option<f64>,
    capital: Option<f64>,
    fall: Drawdown,
) -> Performance {
    let capital = capital.filter(|capital| *capital > 0.0);
    let changes: Vec<f64> = points.windows(2).map(|two| two[1].1 - two[0].1).collect();
    let last = points.last().map(|(_, profit)| *profit);
    let profit = end.or(last).unwrap_or(0.0);
    let span_s = match (points.first(), points.last()) {
        (Some(first), Some(last)) => (last.0 - first.0) as f64 / 1e9,
        _ => 0.0,
    };
    let count = changes.len() as f64;
    let interval_s = if changes.is_empty() {
        0.0
    } else {
        span_s / count
    };
    let yearly = (YEAR_S / interval_s).sqrt();
    let mean = changes.iter().sum::<f64>() / count;
    let enough = changes.len() >= 2 && interval_s > 0.0;
    let spread = |of: &dyn Fn(f64) -> f64, over: f64| {
        let square = changes
            .iter()
            .map(|change| of(*change).powi(2))
            .sum::<f64>()
            / over;
        Some(square.sqrt()).filter(|root| enough && *root > 0.0)
    };
    let deviation = spread(&|change| change - mean, count - 1.0);
    let downside = spread(&|change| change.min(0.0), count);
    let total_return = capital.map(|capital| profit / capital);
    let calmar = total_return.and_then(|total| {
        let fall = fall.largest / capital?;
        (fall > 0.0 && span_s > 0.0).then(|| total * YEAR_S / span_s / fall)
    });
    Performance {
        profit,
        capital,
        total_return,
        sharpe: deviation.map(|deviation| mean / deviation * yearly),
        sortino: downside.map(|downside| mean / downside * yearly),
        calmar,
        max_drawdown: fall.largest,
        max_drawdown_s: fall.longest_ns as f64 / 1e9,
        value_at_risk_95: at_risk(&changes, 0.05),
        value_at_risk_99: at_risk(&changes, 0.01),
        interval_s,
        intervals: changes.len(),
        is_short: span_s < SHORT_S,
    }
}

/// The loss that the part `tail` of the changes exceeds; the nearest rank, upwards. `None` of fewer
/// than 1 / tail changes.
fn at_risk(changes: &[f64], tail: f64) -> Option<f64> {
    let mut sorted = changes.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * tail).floor() as usize;
    let rank = rank.checked_sub(1)?;
    sorted.get(rank).map(|change| -change)
}

/// Falls of a profit from its highs, sample by sample.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Drawdown {
    /// Largest one, in the profit's unit.
    pub largest: f64,
    /// Longest time below a high, nanoseconds.
    pub longest_ns: u64,
    high: f64,
    high_ns: Option<u64>,
}

impl Drawdown {
    /// The next sample.
    pub fn add(&mut self, time_ns: u64, profit: f64) {
        let high_ns = *self.high_ns.get_or_insert_with(|| {
            self.high = profit;
            time_ns
        });
        if profit >= self.high {
            self.high = profit;
            self.high_ns = Some(time_ns);
        } else {
            self.largest = self.largest.max(self.high - profit);
            self.longest_ns = self.longest_ns.max(time_ns.saturating_sub(high_ns));
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "small whole numbers are exact")]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn of(profits: &[f64], capital: Option<f64>) -> Performance {
        let mut fall = Drawdown::default();
        let points: Vec<(u64, f64)> = (0..)
            .map(|at| at * 10 * SECOND)
            .zip(profits.iter().copied())
            .collect();
        points
            .iter()
            .for_each(|(at, profit)| fall.add(*at, *profit));
        performance(&points, None, capital, fall)
    }

    #[test]
    fn drawdown_is_the_largest_fall_and_the_longest_wait_for_a_high() {
        // From 5 to 1, and 20 s below the high of 5 until 6 is reached.
        let performance = of(&[0.0, 5.0, 1.0, 4.0, 6.0, 5.0], Some(100.0));
        assert_eq!(performance.max_drawdown, 4.0);
        assert_eq!(performance.max_drawdown_s, 20.0);
        assert_eq!(performance.profit, 5.0);
        assert_eq!(performance.total_return, Some(0.05));
        assert!(performance.is_short);
    }

    #[test]
    fn ratios_are_what_their_formulas_say() {
        // Changes 1, -1, 1, 1 in 10 s each: mean 0.5, deviation 1, downside 0.5.
        let performance = of(&[0.0, 1.0, 0.0, 1.0, 2.0], Some(10.0));
        let yearly = (365.0_f64 * 8_640.0).sqrt();
        assert_eq!(performance.interval_s, 10.0);
        assert!((performance.sharpe.unwrap() - 0.5 * yearly).abs() < 1e-9);
        assert!((performance.sortino.unwrap() - yearly).abs() < 1e-9);
        // 20 % in 40 s, over a drawdown of 10 %.
        let calmar = 0.2 * 365.0 * 2_160.0 / 0.1;
        assert!((performance.calmar.unwrap() - calmar).abs() < 1e-6);
    }

    #[test]
    fn ratios_of_nothing_are_none() {
        for profits in [&[][..], &[1.0], &[1.0, 2.0], &[3.0, 3.0, 3.0]] {
            let performance = of(profits, Some(10.0));
            assert_eq!(performance.sharpe, None, "{profits:?}");
            assert_eq!(performance.value_at_risk_95, None);
        }
        assert_eq!(of(&[0.0, 1.0, 0.5], None).total_return, None);
    }

    #[test]
    fn value_at_risk_is_the_loss_at_its_rank() {
        let changes: Vec<f64> = (1..=100).map(|loss| -f64::from(loss)).collect();
        assert_eq!(at_risk(&changes, 0.05), Some(96.0));
        assert_eq!(at_risk(&changes, 0.01), Some(100.0));
        assert_eq!(at_risk(&changes[..99], 0.01), None);
    }
}
