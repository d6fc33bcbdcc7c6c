//! The deflated Sharpe ratio: how likely the best variant's ratio is above what the best of as many
//! variants without any skill would show.
//!
//! Bailey and Lopez de Prado, "The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest
//! Overfitting and Non-Normality", Journal of Portfolio Management 40(5), 2014.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF as _, Normal};

/// Euler and Mascheroni's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// See the module's header. Ratios are of one interval, not of a year.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Deflated {
    /// Ratio of the best variant.
    pub sharpe: f64,
    /// Ratio that the best of as many variants without skill is expected to show.
    pub by_chance: f64,
    /// Probability that the best variant's true ratio is above that.
    pub probability: f64,
    /// Variants.
    pub trials: usize,
}

/// Moments of a series of changes.
struct Moments {
    sharpe: f64,
    skew: f64,
    kurtosis: f64,
    count: f64,
}

impl Moments {
    /// `None` of fewer than three changes, or of none that differs.
    fn of(changes: &[f64]) -> Option<Self> {
        let count = changes.len() as f64;
        let mean = changes.iter().sum::<f64>() / count;
        let moment = |power: i32| {
            let sum: f64 = changes.iter().map(|one| (one - mean).powi(power)).sum();
            sum / count
        };
        let deviation = moment(2).sqrt();
        (changes.len() > 2 && deviation > 0.0).then(|| Self {
            sharpe: mean / deviation,
            skew: moment(3) / deviation.powi(3),
            kurtosis: moment(4) / deviation.powi(4),
            count,
        })
    }
}

/// Of the changes of each variant's profit at the same even intervals. `None` for fewer than two
/// variants whose profit moves.
#[must_use]
pub fn deflated_sharpe(variants: &[Vec<f64>]) -> Option<Deflated> {
    let all: Vec<Moments> = variants.iter().filter_map(|one| Moments::of(one)).collect();
    let best = all
        .iter()
        .max_by(|one, other| one.sharpe.total_cmp(&other.sharpe))?;
    if all.len() < 2 {
        return None;
    }
    let count = all.len() as f64;
    let mean = all.iter().map(|one| one.sharpe).sum::<f64>() / count;
    let spread = all
        .iter()
        .map(|one| (one.sharpe - mean).powi(2))
        .sum::<f64>()
        / (count - 1.0);
    let by_chance = expected_best(spread, all.len())?;
    Some(Deflated {
        sharpe: best.sharpe,
        by_chance,
        probability: probability(best, by_chance)?,
        trials: all.len(),
    })
}

/// The ratio that the best of `trials` without skill is expected to show, if their ratios have this
/// variance.
fn expected_best(variance: f64, trials: usize) -> Option<f64> {
    let normal = Normal::standard();
    let trials = trials as f64;
    let one = normal.inverse_cdf(1.0 - 1.0 / trials);
    let other = normal.inverse_cdf(1.0 - 1.0 / (trials * std::f64::consts::E));
    let best = variance.sqrt() * ((1.0 - EULER) * one + EULER * other);
    best.is_finite().then_some(best)
}

/// Probability that the true ratio is above `least`, given the seen one and its moments.
fn probability(seen: &Moments, least: f64) -> Option<f64> {
    let ratio = seen.sharpe;
    let width = 1.0 - seen.skew * ratio + (seen.kurtosis - 1.0) / 4.0 * ratio * ratio;
    let score = (ratio - least) * (seen.count - 1.0).sqrt() / width.sqrt();
    score.is_finite().then(|| Normal::standard().cdf(score))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deflated_ratio_is_that_of_the_paper() {
        // The paper's example: 100 trials over 1,250 days, their yearly ratios with a variance of
        // 1/2; the best has 2.5 a year, skew -3 and kurtosis 10: 0.1132 a day by chance, 0.9004.
        let by_chance = expected_best(0.5 / 250.0, 100).unwrap();
        assert!((by_chance - 0.1132).abs() < 5e-5, "{by_chance}");
        let best = Moments {
            sharpe: 2.5 / 250.0_f64.sqrt(),
            skew: -3.0,
            kurtosis: 10.0,
            count: 1_250.0,
        };
        let probability = probability(&best, by_chance).unwrap();
        assert!((probability - 0.9004).abs() < 5e-4, "{probability}");
    }

    #[test]
    fn deflated_ratio_of_nothing_is_none() {
        assert_eq!(deflated_sharpe(&[]), None);
        assert_eq!(deflated_sharpe(&[vec![1.0, 2.0, 1.5]]), None);
        assert_eq!(deflated_sharpe(&[vec![1.0; 9], vec![2.0; 9]]), None);
    }
}
