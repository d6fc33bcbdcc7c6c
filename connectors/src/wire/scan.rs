//! A cursor over the bytes of one message that knows the venue's usual form.
//!
//! Every step returns `None` for whatever it does not expect, right or wrong; the caller then asks
//! the general parser, which alone decides what is an error. So nothing here needs to be complete,
//! only never to accept what the general parser would refuse or read otherwise.
//!
//! Hot path: yes. Allocates: no.

use crate::wire::symbols::Step;

/// What is left to read.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes `text` if it comes next.
    #[inline(always)]
    pub(crate) fn take(&mut self, text: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// Whether everything is read.
    #[inline]
    pub(crate) const fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// A whole number without sign, as JSON writes it: no leading zero. Times and ids have more
    /// than eight digits, so that eight are tried at once.
    #[inline]
    pub(crate) fn whole(&mut self) -> Option<u64> {
        let (mut value, mut length) = match self.rest.first_chunk().copied().and_then(eight_digits)
        {
            Some(value) => (value, 8),
            None => (0, 0),
        };
        while let Some(digit) = self.rest.get(length).map(|byte| byte.wrapping_sub(b'0')) {
            if digit > 9 {
                break;
            }
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            length += 1;
        }
        // 19 digits always fit 64 bits; what is longer is the general parser's.
        if length == 0 || length > 19 || (length > 1 && self.rest[0] == b'0') {
            return None;
        }
        self.rest = &self.rest[length..];
        Some(value)
    }

    /// `true` or `false`.
    #[inline]
    pub(crate) fn boolean(&mut self) -> Option<bool> {
        if self.take(b"true").is_some() {
            return Some(true);
        }
        self.take(b"false").map(|()| false)
    }

    /// The text up to the next quote, which is taken too. ASCII without escapes.
    #[inline]
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let mut length = 0;
        loop {
            match *self.rest.get(length)? {
                b'"' => break,
                b'\\' | 0..=0x1f | 0x7f..=0xff => return None,
                _ => length += 1,
            }
        }
        let text = &self.rest[..length];
        self.rest = &self.rest[length + 1..];
        Some(text)
    }

    /// A quoted price, the opening quote being taken already; only if it is on the step.
    #[inline]
    pub(crate) fn price(&mut self, step: &Step) -> Option<i64> {
        match self.steps(step)? {
            (steps, true) => Some(steps),
            (_, false) => None,
        }
    }

    /// A quoted quantity; what is below one step is cut off.
    #[inline]
    pub(crate) fn qty(&mut self, step: &Step) -> Option<i64> {
        self.steps(step).map(|(steps, _)| steps)
    }

    /// A quoted price of which what is below one step is cut off: marks and averages.
    #[inline]
    pub(crate) fn cut_price(&mut self, step: &Step) -> Option<i64> {
        self.qty(step)
    }

    /// Up to eight digits behind the point, whatever their number, are read at once.
    #[inline]
    fn steps(&mut self, step: &Step) -> Option<(i64, bool)> {
        let mut whole: u64 = 0;
        let mut length = 0;
        loop {
            let byte = *self.rest.get(length)?;
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            whole = whole.wrapping_mul(10).wrapping_add(u64::from(digit));
            length += 1;
        }
        // Ten digits and eight more stay below 2^63.
        if length == 0 || length > 10 {
            return None;
        }
        if self.rest[length] == b'"' {
            let steps = step.of_hundred_millionths(whole * 100_000_000)?;
            self.rest = &self.rest[length + 1..];
            return Some(steps);
        }
        if self.rest[length] == b'.'
            && let Some(digits) = self.rest[length + 1..].first_chunk()
        {
            let (low, count) = leading_digits(*digits);
            let end = length + 1 + count;
            if count > 0 && self.rest.get(end) == Some(&b'"') {
                let steps = step.of_hundred_millionths(whole * 100_000_000 + low)?;
                self.rest = &self.rest[end + 1..];
                return Some(steps);
            }
        }
        self.steps_of_any_length(step)
    }

    /// A key and its colon, the comma or bracket before it being taken.
    #[inline(always)]
    pub(crate) fn key(&mut self) -> Option<&'a [u8]> {
        self.take(b"\"")?;
        let key = self.text()?;
        self.take(b":")?;
        Some(key)
    }

    #[cold]
    fn steps_of_any_length(&mut self, step: &Step) -> Option<(i64, bool)> {
        let text = self.text()?;
        step.parse(text).ok().map(|steps| (steps, true))
    }
}

/// The digits that the bytes begin with, as eight digits with zeros behind them, and their count.
#[inline]
fn leading_digits(bytes: [u8; 8]) -> (u64, usize) {
    let word = u64::from_le_bytes(bytes) ^ 0x3030_3030_3030_3030;
    // Sets a high bit in the first byte that is no digit; carries touch only those behind it.
    let others = (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080;
    let count = others.trailing_zeros() / 8;
    let kept = 1_u64
        .checked_shl(8 * count)
        .map_or(word, |end| word & (end - 1));
    (joined(kept), count as usize)
}

/// Eight ASCII digits as a number, all at once; `None` if one is not a digit.
#[inline]
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(digits);
    let low = word.wrapping_sub(0x3030_3030_3030_3030);
    // A byte below '0' borrows and one above '9' carries into a high bit.
    let high = word.wrapping_add(0x4646_4646_4646_4646);
    if (low | high) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    Some(joined(low))
}

/// Eight digits, one a byte, as a number.
#[inline]
const fn joined(digits: u64) -> u64 {
    // Pairs, then fours, then all eight.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_number_forms() {
        let read = |text: &str| {
            let mut cursor = Cursor::new(text.as_bytes());
            (cursor.whole(), cursor.rest.len())
        };
        assert_eq!(read("12,"), (Some(12), 1));
        assert_eq!(read("0}"), (Some(0), 1));
        assert_eq!(read("01}").0, None);
        assert_eq!(read("-1}").0, None);
        assert_eq!(read("12345678"), (Some(12_345_678), 0));
        assert_eq!(read("1723161255208,"), (Some(1_723_161_255_208), 1));
        assert_eq!(read("00000000,").0, None);
        assert_eq!(read("1234567,890").0, Some(1_234_567));
        assert_eq!(
            read("9999999999999999999}"),
            (Some(9_999_999_999_999_999_999), 1)
        );
        assert_eq!(read("18446744073709551616").0, None);
    }

    proptest! {
        #[test]
        fn prop_eight_digits_read_as_the_number(value in 0_u64..100_000_000) {
            let text = format!("{value:08}");
            prop_assert_eq!(eight_digits(text.as_bytes().try_into().unwrap()), Some(value));
        }

        #[test]
        fn prop_leading_digits_are_those_before_the_first_other_byte(bytes in any::<[u8; 8]>()) {
            let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let digits = std::str::from_utf8(&bytes[..count]).unwrap();
            let value: u64 = format!("{digits:0<8}").parse().unwrap();
            prop_assert_eq!(leading_digits(bytes), (value, count));
        }

        #[test]
        fn prop_leading_digits_of_decimals(value in 0_u64..100_000_000, count in 0_usize..8) {
            let text = format!("{value:08}");
            let mut bytes: [u8; 8] = text.as_bytes().try_into().unwrap();
            bytes[count] = b'"';
            let kept: u64 = format!("{:0<8}", &text[..count]).parse().unwrap();
            prop_assert_eq!(leading_digits(bytes), (kept, count));
        }

        #[test]
        fn prop_eight_bytes_with_another_byte_are_refused(
            value in 0_u64..100_000_000, at in 0_usize..8, byte in any::<u8>(),
        ) {
            prop_assume!(!byte.is_ascii_digit());
            let mut text: [u8; 8] = format!("{value:08}").as_bytes().try_into().unwrap();
            text[at] = byte;
            prop_assert_eq!(eight_digits(text), None);
        }
    }
}
