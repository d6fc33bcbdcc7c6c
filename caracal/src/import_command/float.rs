//! Binary floats of a source as whole steps: exact enough, or an error.

use model::num::{NumberError, Scale};

/// How far from a whole number of steps a float may be, in steps.
const TOLERANCE: f64 = 1e-6;
/// Beyond this a float cannot tell whole steps from parts of them.
const STEPS_MAX: f64 = 1e14;
/// Digits behind the point that are looked for.
const DECIMALS_MAX: u8 = 12;

/// The fewest digits behind the point with which `value` is a whole number.
///
/// # Errors
///
/// [`NumberError`]: it has more of them, or is not finite.
pub(super) fn decimals(value: f64) -> Result<u8, NumberError> {
    if !value.is_finite() {
        return Err(NumberError::Syntax);
    }
    let is_whole = |decimals: &u8| {
        let scaled = value.abs() * 10_f64.powi(i32::from(*decimals));
        scaled < STEPS_MAX && is_whole_number(scaled)
    };
    (0..=DECIMALS_MAX)
        .find(is_whole)
        .ok_or(NumberError::OffStep)
}

/// `value` as a whole number of steps.
///
/// # Errors
///
/// [`NumberError::OffStep`] if it is further from one than a millionth of a step, and
/// [`NumberError::OutOfRange`] if a float of that size cannot tell.
pub(super) fn steps(scale: Scale, value: f64) -> Result<i64, NumberError> {
    let steps = of(scale, value);
    if !steps.is_finite() {
        return Err(NumberError::Syntax);
    }
    let whole = steps.round();
    if whole.abs() > STEPS_MAX {
        return Err(NumberError::OutOfRange);
    }
    if !is_whole_number(steps) {
        return Err(NumberError::OffStep);
    }
    Ok(whole as i64)
}

/// A large number's own grain may be wider than the tolerance.
fn is_whole_number(value: f64) -> bool {
    let grain = value.abs() * f64::EPSILON * 2.0;
    (value - value.round()).abs() <= TOLERANCE.max(grain)
}

/// `value` in whole steps, cut; `None` below zero, out of range or not finite.
pub(super) fn floor(scale: Scale, value: f64) -> Option<i64> {
    let steps = of(scale, value).floor();
    (0.0..9e15).contains(&steps).then_some(steps as i64)
}

fn of(scale: Scale, value: f64) -> f64 {
    let mantissa = scale.mantissa() as f64;
    value * 10_f64.powi(i32::from(scale.decimals())) / mantissa
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_whole_steps_or_off() {
        let cent = Scale::from_text("0.01").unwrap();
        assert_eq!(steps(cent, 61_837.63), Ok(6_183_763));
        assert_eq!(steps(cent, 61_837.630_000_005), Ok(6_183_763));
        assert_eq!(steps(cent, 61_837.635), Err(NumberError::OffStep));
        assert_eq!(steps(cent, f64::NAN), Err(NumberError::Syntax));
        assert_eq!(steps(cent, 1e300), Err(NumberError::OutOfRange));
        let quarter = Scale::from_text("0.25").unwrap();
        assert_eq!(steps(quarter, 1.5), Ok(6));
        assert_eq!(steps(quarter, 1.3), Err(NumberError::OffStep));
        assert_eq!(floor(quarter, 1.3), Some(5));
        assert_eq!(floor(quarter, -1.0), None);
    }

    #[test]
    fn decimals_are_the_fewest() {
        for (value, wanted) in [(5.0, 0), (0.5, 1), (61_837.63, 2), (0.000_12, 5), (-0.1, 1)] {
            assert_eq!(decimals(value), Ok(wanted), "{value}");
        }
        assert!(decimals(f64::INFINITY).is_err());
        assert_eq!(decimals(61_837.123_456_789_1), Err(NumberError::OffStep));
    }

    #[test]
    fn every_price_of_two_decimals_is_found_exactly() {
        let cent = Scale::from_text("0.01").unwrap();
        for ticks in (1..50_000_000_i64).step_by(7_919) {
            let value = ticks as f64 * 0.01;
            assert_eq!(steps(cent, value), Ok(ticks));
            assert!(decimals(value).unwrap() <= 2, "{value}");
        }
    }
}
