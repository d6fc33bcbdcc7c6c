//! Walk-forward: windows over the data. In each every variant runs in the training part, the best
//! one is chosen, and it alone trades in the part behind it, in a world of its own that starts with
//! the configured balances and no position.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use journal::Reader;
use model::record::{Kind, Record};
use serde::{Deserialize, Serialize};

use super::item::Item;
use crate::config::parse_duration;
use crate::output::Failure;

/// Most windows of one sweep.
const WINDOWS_MAX: usize = 10_000;

/// How long the two parts of a window are, as the command line says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths {
    train_ns: u64,
    test_ns: u64,
}

impl FromStr for Lengths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let both = parts.and_then(|(train, test)| Some((length(train)?, length(test)?)));
        let (train_ns, test_ns) = both.ok_or_else(|| {
            format!("'{text}': write TRAIN/TEST, such as 7d/1d or 2m/30s, both above 0")
        })?;
        Ok(Self { train_ns, test_ns })
    }
}

fn length(text: &str) -> Option<u64> {
    let duration = match text.strip_suffix('d') {
        Some(days) => Duration::from_secs(days.parse::<u64>().ok()?.checked_mul(86_400)?),
        None => parse_duration(text)?,
    };
    u64::try_from(duration.as_nanos()).ok().filter(|ns| *ns > 0)
}

/// One window, nanoseconds since the Unix epoch; each end is the first time behind its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    /// Start of the training.
    pub(super) train_from: u64,
    /// End of the training and start of the test.
    pub(super) test_from: u64,
    /// End of the test.
    pub(super) test_to: u64,
}

/// All windows, and by what is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Walk {
    /// By what the best of a window is chosen.
    pub(super) metric: String,
    /// Whether every training begins with the data.
    pub(super) anchored: bool,
    /// The windows, by time; the tests follow each other without a gap.
    pub(super) windows: Vec<Window>,
}

impl Walk {
    /// The windows that lie within `span` in whole.
    ///
    /// # Errors
    ///
    /// [`Failure`]: not one does, or too many do.
    pub(super) fn over(
        span: (u64, u64),
        lengths: Lengths,
        anchored: bool,
        metric: &str,
    ) -> Result<Self, Failure> {
        let Lengths { train_ns, test_ns } = lengths;
        let mut windows = Vec::new();
        let mut test_from = span.0.saturating_add(train_ns);
        while test_from.saturating_add(test_ns) <= span.1 {
            if windows.len() == WINDOWS_MAX {
                return Err(Failure::Message(format!(
                    "--walk-forward: more than {WINDOWS_MAX} windows; make the tests longer"
                )));
            }
            windows.push(Window {
                train_from: if anchored {
                    span.0
                } else {
                    test_from - train_ns
                },
                test_from,
                test_to: test_from + test_ns,
            });
            test_from += test_ns;
        }
        if windows.is_empty() {
            let seconds = |ns: u64| ns as f64 / 1e9;
            return Err(Failure::Message(format!(
                "--walk-forward: the data spans {:.1} s and one window takes {:.1} s; make the \
                 parts shorter or take more data",
                seconds(span.1.saturating_sub(span.0)),
                seconds(train_ns.saturating_add(test_ns))
            )));
        }
        Ok(Self {
            metric: metric.to_owned(),
            anchored,
            windows,
        })
    }

    /// The best of a window's training, by its number among the variants: the highest metric, and
    /// of equals the first. `None` if none has the metric.
    pub(super) fn choose(&self, trained: &[Item]) -> Option<usize> {
        let known = trained
            .iter()
            .enumerate()
            .filter_map(|(variant, item)| Some((variant, item.metric(&self.metric)?)))
            .filter(|(_, metric)| !metric.is_nan());
        known
            .reduce(|best, one| if one.1 > best.1 { one } else { best })
            .map(|(variant, _)| variant)
    }
}

/// From when to when all data sets have a market, by our clock moved by `shift_ns`.
///
/// # Errors
///
/// [`Failure`]: data that cannot be read.
pub(super) fn span(data: &[PathBuf], shift_ns: i64) -> Result<(u64, u64), Failure> {
    let (mut from, mut to) = (0_u64, u64::MAX);
    for path in data {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::while_doing(&path.display().to_string(), error)
        };
        let mut reader = Reader::open(path).map_err(|error| failed(&error))?;
        let next = |reader: &mut Reader| {
            let record = reader.next().map_err(|error| failed(&error))?;
            Ok::<_, Failure>(record.copied())
        };
        while let Some(record) = next(&mut reader)? {
            if let Some(time_ns) = market_time(&record) {
                from = from.max(time_ns);
                break;
            }
        }
        // The last market record: behind it there may be anything, but seldom much.
        let end = reader.last_seq().map_err(|error| failed(&error))?;
        let mut back = 1_024;
        let last = loop {
            let start = end.saturating_sub(back);
            reader.seek(start);
            let mut last = None;
            while let Some(record) = next(&mut reader)?.filter(|record| record.seq <= end) {
                last = last.max(market_time(&record));
            }
            if last.is_some() || start == 0 {
                break last;
            }
            back = back.saturating_mul(8);
        };
        to = to.min(last.map_or(0, |time_ns| time_ns.saturating_add(1)));
    }
    let shifted = |time_ns: u64| time_ns.saturating_add_signed(shift_ns);
    Ok((shifted(from), shifted(to)))
}

fn market_time(record: &Record) -> Option<u64> {
    Kind::from_code(record.kind)?
        .is_market()
        .then_some(if record.stamp_ns > 0 {
            record.stamp_ns
        } else {
            record.time_ns
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(text: &str) -> Lengths {
        text.parse().unwrap()
    }

    #[test]
    fn lengths_are_two_durations() {
        let day = 86_400_000_000_000;
        assert_eq!(lengths("7d/1d").train_ns, 7 * day);
        assert_eq!(lengths("90s/500ms").test_ns, 500_000_000);
        for wrong in ["7d", "7d/", "/1d", "0s/1s", "1s/0d", "x/1d", "7d/1d/1d"] {
            assert!(wrong.parse::<Lengths>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn windows_follow_each_other_and_no_test_lies_in_its_training() {
        let walk = |anchored| Walk::over((100, 160), lengths("20us/10us"), anchored, "pnl");
        assert!(walk(false).is_err());
        let units = Lengths {
            train_ns: 20,
            test_ns: 10,
        };
        let walk = |anchored| Walk::over((100, 165), units, anchored, "pnl").unwrap();
        let rolling = walk(false).windows;
        assert_eq!(rolling.len(), 4);
        for two in rolling.windows(2) {
            assert_eq!(two[0].test_to, two[1].test_from);
        }
        for window in &rolling {
            assert_eq!(window.test_from - window.train_from, 20);
            assert_eq!(window.test_to - window.test_from, 10);
        }
        let anchored = walk(true).windows;
        assert!(anchored.iter().all(|window| window.train_from == 100));
        assert_eq!(anchored[3].test_from, rolling[3].test_from);
    }
}
