//! Hiccup control: what the machine does to a thread that only reads the clock.
//!
//! A spinning thread that is pinned to the measured core cannot see a gap unless something took
//! the core away: a timer interrupt, the hypervisor, another process. Nothing that runs there can
//! have a better tail than this, so every tail is read beside it.

use std::time::{Duration, Instant};

use crate::distribution::{Distribution, Percentiles};

/// Shorter gaps are the loop itself.
const GAP_NS_MIN: u64 = 1_000;
/// A gap of this length counts as long.
const LONG_GAP_NS: u64 = 10_000;

/// Gaps that one spinning thread saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hiccups {
    /// How long it looked.
    pub time: Duration,
    /// Gaps of a microsecond or more.
    pub gaps: Percentiles,
    /// Share of the time that they took, percent.
    pub lost_percent: f64,
    /// Gaps of 10 us and more, a second.
    pub long_per_second: f64,
}

/// Spins on `core` (or wherever the system puts it) for `time`.
///
/// The whole of it runs on a thread of its own, so that the caller's affinity stays as it is.
#[must_use]
pub fn watch(core: Option<usize>, time: Duration) -> Hiccups {
    std::thread::scope(|scope| {
        let spinner = scope.spawn(move || {
            if let Some(id) = core {
                // A refusal shows in the figures, and the facts say which cores there are.
                core_affinity::set_for_current(core_affinity::CoreId { id });
            }
            spin(time)
        });
        // A panic of the spinner would be a bug of ours; it then has seen nothing.
        spinner
            .join()
            .unwrap_or_else(|_| Hiccups::of(&Distribution::paced(0), 0, time))
    })
}

fn spin(time: Duration) -> Hiccups {
    let mut gaps = Distribution::paced(0);
    let mut lost_ns = 0;
    let begin = Instant::now();
    let mut last = begin;
    loop {
        let now = Instant::now();
        let gap_ns = nanos(now - last);
        if GAP_NS_MIN <= gap_ns {
            gaps.record(gap_ns);
            lost_ns += gap_ns;
            // The recording is not a hiccup.
            last = Instant::now();
        } else {
            last = now;
        }
        if time <= now - begin {
            return Hiccups::of(&gaps, lost_ns, now - begin);
        }
    }
}

impl Hiccups {
    #[expect(clippy::cast_precision_loss, reason = "shares for a person to read")]
    fn of(gaps: &Distribution, lost_ns: u64, time: Duration) -> Self {
        let time_ns = nanos(time).max(1);
        Self {
            time,
            gaps: gaps.plain(),
            lost_percent: lost_ns as f64 * 100.0 / time_ns as f64,
            long_per_second: gaps.count_from(LONG_GAP_NS) as f64 / (time_ns as f64 / 1e9),
        }
    }
}

/// As nanoseconds, saturating.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watch_ends_in_time_and_loses_no_more_than_all() {
        let time = Duration::from_millis(20);
        let seen = watch(None, time);
        assert!(time <= seen.time);
        assert!((0.0..=100.0).contains(&seen.lost_percent), "{seen:?}");
    }
}
