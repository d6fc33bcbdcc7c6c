//! Ratios of whole numbers by which amounts become values: what steps, multipliers and rates make
//! together, reckoned once, so that a price costs two multiplications and a division.
//!
//! Hot path: yes. Allocates: no.

use model::instrument::{InstrumentSpec, Perpetual};
use rust_decimal::Decimal;

/// Digits of a rate that count: more would leave no room for amounts.
const RATE_DIGITS: u32 = 15;

/// `num / den`, in lowest terms; both above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Factor {
    num: i128,
    den: i128,
}

impl Factor {
    /// `num / den * 10^tens`.
    fn new(num: i128, den: i128, tens: i32) -> Option<Self> {
        let power = 10_i128.checked_pow(tens.unsigned_abs())?;
        let (num, den) = if tens < 0 {
            (num, den.checked_mul(power)?)
        } else {
            (num.checked_mul(power)?, den)
        };
        if num <= 0 || den <= 0 {
            return None;
        }
        let (mut one, mut two) = (num, den);
        while two != 0 {
            (one, two) = (two, one % two);
        }
        Some(Self {
            num: num / one,
            den: den / one,
        })
    }

    /// From an amount times twice the price in ticks to its worth in quote, divided by `by`.
    pub(super) fn price(spec: &InstrumentSpec, by: i128) -> Option<Self> {
        let tick = spec.tick;
        let tens = -i32::from(tick.decimals());
        Self::new(i128::from(tick.mantissa()), by.checked_mul(2)?, tens)
    }

    /// From lots of a linear perpetual times twice the price in ticks to 1e-12 of quote.
    pub(super) fn linear(spec: &InstrumentSpec, terms: &Perpetual) -> Option<Self> {
        let (tick, lot, multiplier) = (spec.tick, spec.lot, terms.multiplier);
        let num = i128::from(tick.mantissa())
            .checked_mul(i128::from(lot.mantissa()))?
            .checked_mul(multiplier.mantissa())?;
        let scale = i32::try_from(multiplier.scale()).ok()?;
        let tens = 12 - i32::from(tick.decimals()) - i32::from(lot.decimals()) - scale;
        Self::new(num, 2, tens)
    }

    /// From lots of an inverse perpetual, divided by twice the price in ticks, to 1e-12 of base.
    pub(super) fn inverse(spec: &InstrumentSpec, terms: &Perpetual) -> Option<Self> {
        let (tick, lot, multiplier) = (spec.tick, spec.lot, terms.multiplier);
        let num = i128::from(lot.mantissa())
            .checked_mul(multiplier.mantissa())?
            .checked_mul(2)?;
        let scale = i32::try_from(multiplier.scale()).ok()?;
        let tens = 12 + i32::from(tick.decimals()) - i32::from(lot.decimals()) - scale;
        Self::new(num, i128::from(tick.mantissa()), tens)
    }

    /// From 1e-12 of an asset to 1e-8 of the reporting currency, by a rate's first 15 digits.
    pub(super) fn rate(rate: Decimal) -> Option<Self> {
        let rate = rate.round_sf(RATE_DIGITS)?;
        let tens = -4 - i32::try_from(rate.scale()).ok()?;
        Self::new(rate.mantissa(), 1, tens)
    }

    /// `value * num / den`, cut towards zero. `None` beyond the range.
    #[inline]
    pub(super) fn of(self, value: i128) -> Option<i128> {
        let value = value.checked_mul(self.num)?;
        Some(match (i64::try_from(value), i64::try_from(self.den)) {
            // A short division where it is enough.
            (Ok(value), Ok(den)) => i128::from(value / den),
            _ => value / self.den,
        })
    }

    /// `value * num / (den * by)`, cut towards zero. `None` beyond the range, or if `by` is 0.
    pub(super) fn over(self, value: i128, by: i64) -> Option<i128> {
        let by = self.den.checked_mul(i128::from(by))?;
        value.checked_mul(self.num)?.checked_div(by)
    }
}

/// A decimal in 1e-12, cut towards zero; `None` beyond the range.
pub(super) fn e12(value: Decimal) -> Option<i128> {
    let (mantissa, scale) = (value.mantissa(), value.scale());
    match scale.checked_sub(12) {
        None => mantissa.checked_mul(10_i128.checked_pow(12 - scale)?),
        Some(digits) => Some(mantissa / 10_i128.checked_pow(digits)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::market::tests::spec;

    #[test]
    fn factor_of_a_price_and_a_rate_is_exact_in_lowest_terms() {
        // Ticks of 0.01: twice 10,000.00 for 3 units is 30,000.
        let price = Factor::price(&spec(), 1).unwrap();
        assert_eq!(price.of(3 * 2_000_000), Some(30_000));
        assert_eq!(price.of(-1), Some(0), "cut towards zero");
        let rate = Factor::rate(Decimal::new(25, 1)).unwrap();
        assert_eq!(rate.of(4_000_000_000_000), Some(1_000_000_000));
        assert_eq!(Factor::rate(Decimal::ZERO), None);
        let three = Factor::rate(Decimal::from(3)).unwrap();
        assert_eq!(three.of(i128::MAX), None);
        assert_eq!(price.over(1, 0), None);
    }

    #[test]
    fn e12_cuts_towards_zero_and_is_none_beyond_the_range() {
        assert_eq!(e12(Decimal::new(-15, 13)), Some(-1));
        assert_eq!(e12(Decimal::new(15, 1)), Some(1_500_000_000_000));
        assert_eq!(e12(Decimal::MAX), None);
    }
}
