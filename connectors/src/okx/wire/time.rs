//! Time as the headers of REST requests have it. Hot path: as the fallback of orders. Allocates:
//! no.

use std::ops::Range;

/// Length of a time in a header.
const TIME_BYTES: usize = 24;

/// `2020-12-08T09:08:57.715Z` of milliseconds since the Unix epoch.
#[must_use]
pub fn iso_time(ms: u64) -> [u8; TIME_BYTES] {
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    // Days to a date by counting years from March, so that a leap day comes last.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |place: Range<usize>, mut value: u64| {
        for digit in text[place].iter_mut().rev() {
            *digit = b'0' + (value % 10) as u8;
            value /= 10;
        }
    };
    put(0..4, year);
    put(5..7, month);
    put(8..10, day);
    put(11..13, rest / 3_600_000);
    put(14..16, rest / 60_000 % 60);
    put(17..19, rest / 1_000 % 60);
    put(20..23, rest % 1_000);
    text
}
