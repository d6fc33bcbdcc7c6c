//! Sums of money that are exact or nothing, and money out of records.
//!
//! A decimal that runs out of its 96 bits drops digits without a word. Books cannot have that: a
//! sum that would be rounded is treated like one that overflows.
//!
//! Hot path: yes. Allocates: no.

use model::num::Money;
use rust_decimal::Decimal;

/// Digits to which a quotient is rounded, half to even. Every caller says what becomes of the
/// rest.
pub(super) const DIGITS: u32 = 12;

/// The exact sum; `None` if it does not fit.
pub(super) fn add(left: Decimal, right: Decimal) -> Option<Decimal> {
    let sum = left.checked_add(right)?;
    let exact = sum.scale() >= left.scale().max(right.scale())
        || (sum.checked_sub(left)? == right && sum.checked_sub(right)? == left);
    exact.then_some(sum)
}

/// The exact difference; `None` if it does not fit.
pub(super) fn sub(left: Decimal, right: Decimal) -> Option<Decimal> {
    add(left, -right)
}

/// `value * part / whole`, rounded to [`DIGITS`] half to even.
pub(super) fn share(value: Decimal, part: i64, whole: i64) -> Option<Decimal> {
    value
        .checked_mul(Decimal::from(part))?
        .checked_div(Decimal::from(whole))
        .map(|share| share.round_dp(DIGITS))
}

/// The value of money out of a record; `None` if its bytes are no decimal, which no writer of ours
/// makes.
pub(super) fn sound(money: Money) -> Option<Decimal> {
    let value = money.get();
    (value.scale() <= Decimal::MAX_SCALE).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_that_would_drop_digits_is_none() {
        let small = Decimal::new(1, 20);
        assert_eq!(add(Decimal::from(1_i64 << 60), small), None);
        assert_eq!(add(Decimal::ONE, small), Some(Decimal::ONE + small));
        assert_eq!(add(Decimal::MAX, Decimal::ONE), None);
        assert_eq!(sub(small, small), Some(Decimal::ZERO));
    }
}
