//! The UTC days of a data set, as `days.json` tells them.

use serde_json::{Value, json};

/// A day, nanoseconds.
pub(super) const DAY_NS: u64 = 86_400 * 1_000_000_000;

/// One UTC day of the data set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day {
    pub(super) number: u64,
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    pub(super) first_ns: u64,
    pub(super) last_ns: u64,
}

impl Day {
    /// As it stands in the list.
    pub(super) fn as_json(&self) -> Value {
        json!({
            "day": date(self.number),
            "begins_ns": self.number.saturating_mul(DAY_NS),
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "first_time_ns": self.first_ns,
            "last_time_ns": self.last_ns,
            "records": self.last_seq - self.first_seq + 1,
        })
    }
}

/// The date of a day that is counted from 1970-01-01.
fn date(day: u64) -> String {
    // Years from March, so that the leap day is a year's last.
    let days = day + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_of_days_around_the_leaps() {
        for (day, text) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (11_015, "2000-02-28"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (19_943, "2024-08-08"),
            (20_088, "2024-12-31"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(date(day), text);
        }
    }
}
