//! Exact numbers: ticks, lots, and the only conversions between them and decimal text.
//!
//! No float. A text is read digit by digit into an integer; a text that is not a whole number of
//! ticks or lots is an error, never rounded.
//!
//! Hot path: yes ([`parse_scaled`], [`Scale::parse`], [`Scale::write`]). Allocates: no.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::limits::DECIMALS_MAX;

macro_rules! whole_units {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default,
            Serialize, Deserialize, FromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// The sum, or `None` on overflow.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// The difference, or `None` on overflow.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(difference) => Some(Self(difference)),
                    None => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

whole_units!(
    /// A price in whole ticks of its instrument.
    Ticks
);
whole_units!(
    /// A quantity in whole lots of its instrument.
    Lots
);

/// Why a number's text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not a plain decimal: digits with at most one point, an optional leading minus sign.
    #[error("not a plain decimal number")]
    Syntax,
    /// Does not fit 64 bits at the wanted scale.
    #[error("number out of range")]
    OutOfRange,
    /// Has non-zero digits below the instrument's smallest step.
    #[error("not a whole number of ticks or lots")]
    OffStep,
}

const POWERS_OF_TEN: [i64; 19] = {
    let mut powers = [1_i64; 19];
    let mut index = 1;
    while index < 19 {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// Reads plain decimal text as an integer count of `10^-decimals`.
///
/// Exact: digits below the scale must be zero. `"61837.63000000"` at 2 decimals is 6183763.
///
/// # Errors
///
/// [`NumberError::Syntax`], [`NumberError::OutOfRange`], or [`NumberError::OffStep`] for non-zero
/// digits behind the scale.
#[inline]
pub fn parse_scaled(text: &[u8], decimals: u8) -> Result<i64, NumberError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut value: i64 = 0;
    let mut index = 0;
    while index < digits.len() && digits[index].is_ascii_digit() {
        value = push_digit(value, digits[index])?;
        index += 1;
    }
    let whole_digits = index;
    let mut fraction_digits: u8 = 0;
    if index < digits.len() {
        if digits[index] != b'.' {
            return Err(NumberError::Syntax);
        }
        index += 1;
        while index < digits.len() {
            let digit = digits[index];
            if !digit.is_ascii_digit() {
                return Err(NumberError::Syntax);
            }
            if fraction_digits < decimals {
                value = push_digit(value, digit)?;
                fraction_digits += 1;
            } else if digit != b'0' {
                return Err(NumberError::OffStep);
            }
            index += 1;
        }
        if index == whole_digits + 1 {
            return Err(NumberError::Syntax);
        }
    }
    if whole_digits == 0 {
        return Err(NumberError::Syntax);
    }
    let missing = usize::from(decimals - fraction_digits);
    let power = *POWERS_OF_TEN.get(missing).ok_or(NumberError::OutOfRange)?;
    let value = value.checked_mul(power).ok_or(NumberError::OutOfRange)?;
    Ok(if negative { -value } else { value })
}

#[inline]
fn push_digit(value: i64, digit: u8) -> Result<i64, NumberError> {
    value
        .checked_mul(10)
        .and_then(|tens| tens.checked_add(i64::from(digit - b'0')))
        .ok_or(NumberError::OutOfRange)
}

/// One step of a price or quantity: `mantissa * 10^-decimals`, for example 1 and 2 for 0.01.
///
/// All values of the instrument are whole multiples of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedScale")]
pub struct Scale {
    mantissa: i64,
    decimals: u8,
}

/// A step as bytes from outside claim it: a mantissa of zero would divide by zero later.
#[derive(Deserialize)]
struct UncheckedScale {
    mantissa: i64,
    decimals: u8,
}

impl TryFrom<UncheckedScale> for Scale {
    type Error = NumberError;

    fn try_from(raw: UncheckedScale) -> Result<Self, NumberError> {
        Self::new(raw.mantissa, raw.decimals).ok_or(NumberError::OutOfRange)
    }
}

impl Scale {
    /// A step of `mantissa * 10^-decimals`. `None` unless the mantissa is positive and the decimals
    /// at most [`DECIMALS_MAX`]. Trailing zeros are removed, so equal steps compare equal.
    #[must_use]
    pub const fn new(mut mantissa: i64, mut decimals: u8) -> Option<Self> {
        if mantissa <= 0 || decimals > DECIMALS_MAX {
            return None;
        }
        while decimals > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            decimals -= 1;
        }
        Some(Self { mantissa, decimals })
    }

    /// The step from its decimal text, for example `"0.01000000"`.
    ///
    /// # Errors
    ///
    /// [`NumberError`] as [`parse_scaled`]; [`NumberError::OutOfRange`] also for zero and below.
    pub fn from_text(text: &str) -> Result<Self, NumberError> {
        let decimals = text
            .split_once('.')
            .map_or(0, |(_, fraction)| fraction.len());
        let decimals = u8::try_from(decimals).map_err(|_| NumberError::OutOfRange)?;
        let mantissa = parse_scaled(text.as_bytes(), decimals)?;
        Self::new(mantissa, decimals).ok_or(NumberError::OutOfRange)
    }

    /// Integer part of the step.
    #[must_use]
    pub const fn mantissa(self) -> i64 {
        self.mantissa
    }

    /// Digits behind the decimal point.
    #[must_use]
    pub const fn decimals(self) -> u8 {
        self.decimals
    }

    /// Reads decimal text as a whole number of steps.
    ///
    /// # Errors
    ///
    /// [`NumberError`]; [`NumberError::OffStep`] if the text is not a whole number of steps.
    #[inline]
    pub fn parse(self, text: &[u8]) -> Result<i64, NumberError> {
        let scaled = parse_scaled(text, self.decimals)?;
        if self.mantissa == 1 {
            return Ok(scaled);
        }
        if scaled % self.mantissa != 0 {
            return Err(NumberError::OffStep);
        }
        Ok(scaled / self.mantissa)
    }

    /// Exact decimal value of `steps` steps. `None` beyond the range of a decimal.
    #[must_use]
    pub fn decimal(self, steps: i64) -> Option<Decimal> {
        let units = i128::from(steps).checked_mul(i128::from(self.mantissa))?;
        Decimal::try_from_i128_with_scale(units, u32::from(self.decimals)).ok()
    }

    /// A decimal as a whole number of steps.
    ///
    /// # Errors
    ///
    /// [`NumberError::OffStep`] or [`NumberError::OutOfRange`].
    pub fn steps(self, value: Decimal) -> Result<i64, NumberError> {
        let step = self.decimal(1).ok_or(NumberError::OutOfRange)?;
        let steps = value.checked_div(step).ok_or(NumberError::OutOfRange)?;
        if steps.trunc() != steps || step.checked_mul(steps) != Some(value) {
            return Err(NumberError::OffStep);
        }
        i64::try_from(steps.trunc().mantissa() / 10_i128.pow(steps.trunc().scale()))
            .map_err(|_| NumberError::OutOfRange)
    }

    /// Writes `steps` steps as plain decimal text with this scale's decimals and returns the
    /// length. 24 digits, a sign and a point always fit the 40 bytes.
    ///
    /// # Errors
    ///
    /// [`NumberError::OutOfRange`] if the value does not fit 64 bits at this scale.
    #[inline]
    pub fn write(self, steps: i64, out: &mut [u8; 40]) -> Result<usize, NumberError> {
        let scaled = steps
            .checked_mul(self.mantissa)
            .ok_or(NumberError::OutOfRange)?;
        let mut magnitude = scaled.unsigned_abs();
        let decimals = usize::from(self.decimals);
        let mut start = out.len();
        let mut written = 0;
        while magnitude > 0 || written <= decimals {
            if written == decimals && decimals > 0 {
                start -= 1;
                out[start] = b'.';
            }
            start -= 1;
            out[start] = b'0' + u8::try_from(magnitude % 10).unwrap_or(0);
            magnitude /= 10;
            written += 1;
        }
        if scaled < 0 {
            start -= 1;
            out[start] = b'-';
        }
        let length = out.len() - start;
        out.copy_within(start.., 0);
        Ok(length)
    }
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.decimal(1) {
            Some(step) => write!(f, "{step}"),
            None => write!(f, "{}e-{}", self.mantissa, self.decimals),
        }
    }
}

/// A decimal as sixteen plain bytes: the form of money inside a record.
///
/// Normalised at creation (no trailing zeros), so equal values have equal bytes.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Money([u8; 16]);

impl Money {
    /// The bytes of `value`.
    #[must_use]
    pub fn new(value: Decimal) -> Self {
        Self(value.normalize().serialize())
    }

    /// The value.
    #[must_use]
    pub fn get(self) -> Decimal {
        Decimal::deserialize(self.0)
    }
}

impl std::fmt::Debug for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Money({})", self.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scale_from_bytes_out_of_range_is_refused() {
        let bytes = |mantissa: i64, decimals: u8| crate::codec::encode(&(mantissa, decimals));
        let scale = |mantissa, decimals| {
            crate::codec::decode::<Scale>(&bytes(mantissa, decimals).unwrap()).ok()
        };
        assert_eq!(scale(0, 2), None);
        assert_eq!(scale(-1, 2), None);
        assert_eq!(scale(1, DECIMALS_MAX + 1), None);
        assert_eq!(scale(5, 2), Scale::new(5, 2));
    }

    #[test]
    fn parse_scaled_examples() {
        assert_eq!(parse_scaled(b"61837.63000000", 2), Ok(6_183_763));
        assert_eq!(parse_scaled(b"0.00000001", 8), Ok(1));
        assert_eq!(parse_scaled(b"-1.5", 1), Ok(-15));
        assert_eq!(parse_scaled(b"7", 3), Ok(7_000));
        assert_eq!(parse_scaled(b"1.001", 2), Err(NumberError::OffStep));
        for bad in [
            &b""[..],
            b".",
            b"1.",
            b".5",
            b"1e5",
            b"+1",
            b"1.2.3",
            b"--1",
            b"1,0",
        ] {
            assert_eq!(parse_scaled(bad, 8), Err(NumberError::Syntax), "{bad:?}");
        }
        assert_eq!(
            parse_scaled(b"99999999999999999999", 0),
            Err(NumberError::OutOfRange)
        );
        assert_eq!(
            parse_scaled(b"9223372036854775807", 1),
            Err(NumberError::OutOfRange)
        );
    }

    #[test]
    fn scale_with_a_mantissa_refuses_what_is_off_the_step() {
        let quarter = Scale::from_text("0.25").unwrap();
        assert_eq!(quarter.parse(b"1.50"), Ok(6));
        assert_eq!(quarter.parse(b"1.51"), Err(NumberError::OffStep));
        assert_eq!(quarter.decimal(6).unwrap().to_string(), "1.50");
        assert_eq!(quarter.steps(Decimal::new(150, 2)), Ok(6));
        assert_eq!(
            quarter.steps(Decimal::new(151, 2)),
            Err(NumberError::OffStep)
        );
        assert_eq!(
            Scale::from_text("0.01000000"),
            Ok(Scale::new(1, 2).unwrap())
        );
        assert!(Scale::from_text("0.00").is_err());
    }

    proptest! {
        #[test]
        fn prop_write_then_parse_is_the_identity(
            steps in -1_000_000_000_000_i64..1_000_000_000_000,
            mantissa in 1_i64..1000,
            decimals in 0_u8..12,
        ) {
            let scale = Scale::new(mantissa, decimals).unwrap();
            let mut text = [0; 40];
            let length = scale.write(steps, &mut text).unwrap();
            prop_assert_eq!(scale.parse(&text[..length]), Ok(steps));
            let decimal = scale.decimal(steps).unwrap();
            prop_assert_eq!(scale.steps(decimal), Ok(steps));
            let shown = std::str::from_utf8(&text[..length]).unwrap();
            prop_assert_eq!(shown.parse::<Decimal>().unwrap(), decimal);
        }

        #[test]
        fn prop_money_bytes_give_the_value_back(mantissa in any::<i64>(), scale in 0_u32..19) {
            let value = Decimal::new(mantissa, scale);
            prop_assert_eq!(Money::new(value).get(), value);
        }

        #[test]
        fn prop_parse_never_panics(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse_scaled(&text, 8);
        }
    }
}
