//! White's reality check: could the best of all variants have come about if none was better than
//! doing nothing?
//!
//! White, "A Reality Check for Data Snooping", Econometrica 68(5), 2000, with the stationary
//! bootstrap of Politis and Romano (1994): blocks of geometric length keep what follows on what.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

/// See the module's header.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RealityCheck {
    /// Part of the draws in which the best of variants that earn nothing did as well.
    pub p_value: f64,
    /// Draws.
    pub draws: u32,
    /// Mean length of a block, intervals.
    pub block: f64,
    /// Seed of the draws.
    pub seed: u64,
}

/// Of the changes of each variant's profit at the same even intervals. `None` without variants or
/// with fewer than ten intervals; what the shortest has is used.
#[must_use]
pub fn reality_check(variants: &[Vec<f64>], draws: u32, seed: u64) -> Option<RealityCheck> {
    let count = variants
        .iter()
        .map(Vec::len)
        .min()
        .filter(|count| *count >= 10)?;
    let means: Vec<f64> = variants
        .iter()
        .map(|changes| changes[..count].iter().sum::<f64>() / count as f64)
        .collect();
    let best = means.iter().copied().fold(f64::MIN, f64::max);
    let block = (count as f64).cbrt().max(1.0);
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut as_good = 0;
    let mut sums = vec![0.0; variants.len()];
    for _ in 0..draws {
        sums.fill(0.0);
        let mut at = 0;
        for step in 0..count {
            if step == 0 || random.random_bool(1.0 / block) {
                at = random.random_range(0..count);
            } else {
                at = (at + 1) % count;
            }
            for (sum, changes) in sums.iter_mut().zip(variants) {
                *sum += changes[at];
            }
        }
        let drawn = sums.iter().zip(&means);
        let luck = drawn.map(|(sum, mean)| sum / count as f64 - mean);
        as_good += u32::from(luck.fold(f64::MIN, f64::max) >= best);
    }
    Some(RealityCheck {
        p_value: f64::from(as_good) / f64::from(draws.max(1)),
        draws,
        block,
        seed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variants of noise, seed said; the first one earns `extra` in each interval.
    fn noise(seed: u64, extra: f64) -> Vec<Vec<f64>> {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut one = |mean: f64| -> Vec<f64> {
            let change = |_| mean + random.random_range(-1.0..1.0);
            (0..400).map(change).collect()
        };
        let mut all = vec![one(extra)];
        all.extend((0..19).map(|_| one(0.0)));
        all
    }

    #[test]
    fn reality_check_tells_skill_from_the_luck_of_many() {
        // Seeds 1 to 20: of variants without skill about one in ten is below 0.1, and of one with
        // skill all are.
        let p = |seed, extra| {
            reality_check(&noise(seed, extra), 300, seed)
                .unwrap()
                .p_value
        };
        let lucky = (1..=20).filter(|seed| p(*seed, 0.0) < 0.1).count();
        assert!(lucky <= 5, "{lucky}");
        assert!((1..=20).all(|seed| p(seed, 0.2) < 0.05));
        assert_eq!(p(3, 0.0).to_bits(), p(3, 0.0).to_bits());
    }

    #[test]
    fn reality_check_of_too_little_is_none() {
        assert_eq!(reality_check(&[], 10, 1), None);
        assert_eq!(reality_check(&[vec![1.0; 9]], 10, 1), None);
    }
}
