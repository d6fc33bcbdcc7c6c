//! Division of wide numbers that are narrow almost always: a product of two 64-bit numbers needs
//! 128 bits in principle, and a division of 128 bits costs ten times that of 64.
//!
//! Hot path: yes. Allocates: no.

/// Rounded down; the divisor must be above 0.
#[inline]
pub(crate) fn div_floor(value: i128, by: i128) -> i128 {
    match (i64::try_from(value), i64::try_from(by)) {
        (Ok(value), Ok(by @ 1..)) => i128::from(value.div_euclid(by)),
        _ => value.div_euclid(by),
    }
}

/// Rounded up; the divisor must be above 0.
#[inline]
pub(crate) fn div_ceil(value: i128, by: i128) -> i128 {
    -div_floor(-value, by)
}

/// A share of a value in 1/10_000, rounded up: by three short divisions by a constant, which are
/// multiplications, for what has at most 96 bits.
#[inline]
pub(crate) fn div_ceil_10_000(value: i128) -> i128 {
    const BY: u64 = 10_000;
    match u128::try_from(value) {
        Ok(wide) if wide < 1 << 96 => {
            let (high, low) = ((wide >> 64) as u64, wide as u64);
            let next = (high % BY) << 32 | low >> 32;
            let last = (next % BY) << 32 | low & u64::from(u32::MAX);
            let down =
                i128::from(high / BY) << 64 | i128::from(next / BY) << 32 | i128::from(last / BY);
            down + i128::from(!last.is_multiple_of(BY))
        }
        Ok(_) | Err(_) => div_ceil(value, i128::from(BY)),
    }
}

/// Rounded towards 0; the divisor must be above 0.
#[inline]
pub(crate) fn div_trunc(value: i128, by: i128) -> i128 {
    match (i64::try_from(value), i64::try_from(by)) {
        (Ok(value), Ok(by @ 1..)) => i128::from(value / by),
        _ => value / by,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_divisions_are_those_of_128_bits(
            value in prop_oneof![
                any::<i64>().prop_map(i128::from),
                -(1_i128 << 100)..1_i128 << 100,
            ],
            by in prop_oneof![1_i128..1_000, 1_i128..1_i128 << 80],
        ) {
            let rest = i128::from(value.rem_euclid(by) != 0);
            prop_assert_eq!(div_floor(value, by), value.div_euclid(by));
            prop_assert_eq!(div_ceil(value, by), value.div_euclid(by) + rest);
            prop_assert_eq!(div_trunc(value, by), value / by);
            for value in [value, value / (1 << 4), 10_000 * (value / 10_000)] {
                prop_assert_eq!(div_ceil_10_000(value), div_ceil(value, 10_000));
            }
        }
    }
}
