//! Exact decimals as a Parquet file holds them: whole units of 10^-18, at most 38 digits.

use model::num::Scale;

/// Digits behind the point of every decimal column: the most that a step may have.
pub(crate) const DECIMALS: u32 = model::limits::DECIMALS_MAX as u32;

/// `steps` steps as whole units of 10^-18; `None` beyond 38 digits.
pub(crate) fn decimal(scale: Scale, steps: i64) -> Option<i128> {
    let units = i128::from(steps).checked_mul(i128::from(scale.mantissa()))?;
    widen(units, u32::from(scale.decimals()))
}

/// `units` of 10^-`decimals` as units of 10^-18, if that is exact and has at most 38 digits.
pub(crate) fn widen(units: i128, decimals: u32) -> Option<i128> {
    let wide = match DECIMALS.checked_sub(decimals) {
        Some(missing) => units.checked_mul(10_i128.checked_pow(missing)?)?,
        None => {
            let extra = 10_i128.checked_pow(decimals - DECIMALS)?;
            (units % extra == 0).then_some(units / extra)?
        }
    };
    (wide.unsigned_abs() < 10_u128.pow(38)).then_some(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_is_exact_or_not_there() {
        let tick = Scale::from_text("0.01").unwrap();
        assert_eq!(
            decimal(tick, 6_183_763),
            Some(61_837_630_000_000_000_000_000)
        );
        assert_eq!(decimal(tick, -1), Some(-10_000_000_000_000_000));
        assert_eq!(
            decimal(Scale::new(1, 18).unwrap(), i64::MIN),
            Some(i64::MIN.into())
        );
        assert_eq!(decimal(Scale::new(1, 0).unwrap(), i64::MAX), {
            Some(i128::from(i64::MAX) * 10_i128.pow(18))
        });
        assert_eq!(decimal(Scale::new(i64::MAX, 0).unwrap(), i64::MAX), None);
        assert_eq!(decimal(Scale::new(1_000, 0).unwrap(), i64::MAX), None);
        assert_eq!(widen(10, 19), Some(1));
        assert_eq!(widen(11, 19), None);
    }
}
