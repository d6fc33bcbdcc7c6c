//! What is compared undivided is compared as what is shown would be, at every boundary.

use model::body::{NoticeLevel, RefusalReason};
use model::control::{Control, Scope};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;

/// The rule as it is written for people: the value rounded up to 1e-8, and then compared.
fn plain(units: i128, bound: Bound, allowed: bool) -> Measure {
    let at = (Scope::Overall, bound);
    let reason = RefusalReason::MaxValue;
    Measure::at_most(Control::MaxValue, e8_up(units), at, allowed, reason)
}

fn lazy(units: i128, bound: Bound, allowed: bool) -> Measure {
    let at = (Scope::Overall, bound);
    let reason = RefusalReason::MaxValue;
    Measure::money(Control::MaxValue, units, at, allowed, reason)
}

fn check_same(units: i128, bound: Bound, allowed: bool) {
    let (lazy, plain) = (lazy(units, bound, allowed), plain(units, bound, allowed));
    let about = (units, bound, allowed);
    assert_eq!(lazy.verdict(), plain.verdict(), "{about:?}");
    assert_eq!(lazy.result(), plain.result(), "{about:?}");
    assert_eq!(lazy.overrode(), plain.overrode(), "{about:?}");
}

const LIMITS: [i64; 9] = [
    i64::MIN,
    i64::MIN + 1,
    -1,
    0,
    1,
    100_000_000,
    i64::MAX - 2,
    i64::MAX - 1,
    i64::MAX,
];

#[test]
fn measure_of_money_is_that_of_the_shown_value_at_every_boundary() {
    for soft in LIMITS {
        for hard in LIMITS {
            let bound = Bound { soft, hard };
            for limit in [soft, hard] {
                for beside in [-2 * E8, -E8, 0, E8, 2 * E8] {
                    for off in -2..=2 {
                        let units = i128::from(limit) * E8 + beside + off;
                        check_same(units, bound, false);
                        check_same(units, bound, true);
                    }
                }
            }
            for units in [i128::MIN / 2, -(1 << 100), 1 << 100, i128::MAX / 2] {
                check_same(units, bound, false);
            }
        }
    }
}

#[test]
fn measure_passes_at_its_limit_and_not_one_unit_beyond() {
    let bound = Bound { soft: 7, hard: 9 };
    let level = |units| lazy(units, bound, false).result().map_err(|no| no.level);
    assert_eq!(level(7 * E8), Ok(()));
    assert_eq!(level(7 * E8 + 1), Err(NoticeLevel::Soft));
    assert_eq!(level(9 * E8), Err(NoticeLevel::Soft));
    assert_eq!(level(9 * E8 + 1), Err(NoticeLevel::Hard));
    let refused = lazy(9 * E8 + 1, bound, true).result().unwrap_err();
    assert_eq!((refused.value, refused.threshold), (10, 9));
    let passed = lazy(7 * E8 + 1, bound, true).overrode().unwrap();
    assert_eq!((passed.value, passed.soft), (8, 7));
}

#[test]
fn funds_are_compared_to_the_last_unit_and_shown_rounded() {
    let of = |needed, free| Measure::covered(Control::Funds, (needed, free), RefusalReason::Funds);
    assert_eq!(of(E8 + 1, E8 + 1).result(), Ok(()));
    let refused = of(E8 + 2, E8 + 1).result().unwrap_err();
    assert_eq!((refused.value, refused.threshold), (2, 1));
    let none = of(1, -1).result().unwrap_err();
    assert_eq!((none.value, none.threshold), (1, -1));
    let shown = of(0, i128::MAX / 2).verdict();
    assert_eq!((shown.value, shown.hard), (0, i64::MAX - 1));
}

proptest! {
    #[test]
    fn prop_measure_of_money_is_the_comparison_of_exact_decimals(
        limit in prop_oneof![any::<i32>().prop_map(i64::from), any::<i64>()],
        near in prop_oneof![-3_i128..4, -3 * E8..3 * E8],
        soft in any::<bool>(),
        allowed in any::<bool>(),
    ) {
        // A value near the limit; as decimals: 18 digits behind the point, and 8.
        let limit = limit / 2;
        let units = i128::from(limit) * E8 + near;
        let exact = Decimal::try_from_i128_with_scale(units, 18).unwrap();
        let above = exact > Decimal::new(limit, 8);
        let bound = if soft {
            Bound { soft: limit, hard: i64::MAX }
        } else {
            Bound::hard(limit)
        };
        let measure = lazy(units, bound, allowed);
        prop_assert_eq!(measure.result().is_ok(), !above || (soft && allowed));
        prop_assert_eq!(measure.overrode().is_some(), above && soft && allowed);
        check_same(units, bound, allowed);
    }

    #[test]
    fn prop_measure_of_any_money_is_that_of_the_shown_value(
        units in any::<i128>().prop_map(|units| units / 4),
        soft in any::<i64>(),
        hard in any::<i64>(),
        allowed in any::<bool>(),
    ) {
        check_same(units, Bound { soft, hard }, allowed);
    }

    #[test]
    fn prop_message_is_free_where_at_least_one_is_shown(
        (rate, burst, reserved) in (1_u32..2_000_000_000, 0_u32..9, 0_u32..9),
        taken in 0_u32..12,
        passed in 0_u64..3_000_000_000,
    ) {
        use super::super::bucket::{MessageBucket, Urgency};
        let mut bucket = MessageBucket::default();
        bucket.limit_to((rate, burst, reserved));
        (0..taken).for_each(|_| bucket.take());
        bucket.refill(passed);
        for urgency in [Urgency::Ordinary, Urgency::Reducing, Urgency::Urgent] {
            let credit = bucket.above_floor(urgency);
            prop_assert_eq!(credit.has_message(), credit.messages() >= 1);
        }
    }
}
