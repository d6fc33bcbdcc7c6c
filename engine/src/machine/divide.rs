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
        }
    }
}
