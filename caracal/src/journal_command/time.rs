//! Times on the command line: RFC 3339, a date, or nanoseconds since the Unix epoch.

/// Reads `2026-11-22T10:00:00Z`, with up to nine digits of a second's fraction and any offset from
/// UTC, `2026-11-22` (midnight UTC), or a plain number: nanoseconds since the Unix epoch.
///
/// # Errors
///
/// A text for the person who typed it.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let nanoseconds = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        rfc3339(text)
    };
    nanoseconds.ok_or_else(|| {
        format!(
            "'{text}' is no time; write 2026-11-22T10:00:00Z, 2026-11-22T12:00:00.5+02:00, \
             2026-11-22, or nanoseconds since 1970"
        )
    })
}

/// `None` for what is no such time, or before 1970, or beyond 64 bits of nanoseconds (2554).
fn rfc3339(text: &str) -> Option<u64> {
    let (date, clock) = match text.split_once(['T', 't', ' ']) {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (
        digits(parts.next()?, 4)?,
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
    );
    if parts.next().is_some() || !(1..=12).contains(&month) {
        return None;
    }
    if day < 1 || day > days_in(year, month) {
        return None;
    }
    let seconds = days_since_1970(year, month, day).checked_mul(86_400)?;
    let (second_of_day, nanos) = match clock {
        Some(clock) => time_of_day(clock)?,
        None => (0, 0),
    };
    let nanoseconds = i128::from(seconds.checked_add(second_of_day)?) * 1_000_000_000;
    u64::try_from(nanoseconds + i128::from(nanos)).ok()
}

/// Seconds since midnight UTC (outside of the day if the offset says so), and nanoseconds.
fn time_of_day(clock: &str) -> Option<(i64, i64)> {
    let split = clock.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = clock.split_at(split);
    let (clock, nanos) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, nanos(fraction)?),
        None => (clock, 0),
    };
    let mut parts = clock.split(':');
    let (hour, minute, second) = (
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
    );
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = hour * 3_600 + minute * 60 + second;
    Some((seconds - offset(zone)?, nanos))
}

fn nanos(fraction: &str) -> Option<i64> {
    let width = fraction.len();
    let value = (1..=9)
        .contains(&width)
        .then(|| digits(fraction, width))??;
    let missing = u32::try_from(9 - width).ok()?;
    Some(value * 10_i64.pow(missing))
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// A number of exactly `width` decimal digits.
fn digits(text: &str, width: usize) -> Option<i64> {
    let whole = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| whole)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a Gregorian date, counting years from March so that the leap day is
/// the last day of a year.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_known_instants() {
        for (text, nanoseconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01", 0),
            ("17", 17),
            ("2000-02-29T00:00:00.000000001Z", 951_782_400_000_000_001),
            ("2024-08-08T23:54:13.937085768Z", 1_723_161_253_937_085_768),
            (
                "2024-08-09 01:54:13.937085768+02:00",
                1_723_161_253_937_085_768,
            ),
            (
                "2024-08-08t18:24:13.937085768-05:30",
                1_723_161_253_937_085_768,
            ),
            ("2026-11-22T10:00:00.5z", 1_795_341_600_500_000_000),
        ] {
            assert_eq!(parse(text), Ok(nanoseconds), "{text}");
        }
    }

    #[test]
    fn parse_refuses_what_is_no_time() {
        for text in [
            "",
            "yesterday",
            "2026-11-22T10:00:00",
            "2026-11-22T10:00Z",
            "2026-13-01",
            "2026-02-29",
            "2026-11-31",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:60:00Z",
            "2026-11-22T10:00:60Z",
            "2026-11-22T10:00:00.Z",
            "2026-11-22T10:00:00.1234567890Z",
            "2026-11-22T10:00:00+0200",
            "2026-11-22T10:00:00+24:00",
            "26-11-22",
            "2026-11-22-01",
            "+026-11-22",
            "1969-12-31T23:59:59Z",
            "2600-01-01",
            "99999999999999999999",
            "2026-11-22T10:00:00Zx",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    /// Every day from 1970 to 2400 follows the one before it.
    #[test]
    fn days_rise_by_one_from_date_to_date() {
        let mut expected = 0;
        for year in 1970..2400 {
            for month in 1..=12 {
                for day in 1..=days_in(year, month) {
                    assert_eq!(days_since_1970(year, month, day), expected);
                    expected += 1;
                }
            }
        }
    }
}
