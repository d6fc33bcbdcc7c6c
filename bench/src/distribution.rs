//! Distributions of latencies, with and without correction for coordinated omission.
//!
//! A harness that waits for a slow answer before it asks again leaves out the questions that it
//! would have asked meanwhile. The corrected histogram adds them: for each value above the pace,
//! one value less by the pace, and so on.
//!
//! Units: nanoseconds. Resolution: three significant digits. Allocates: only when made.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Longest latency that is told apart; anything longer counts as this: 60 s.
const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// Latencies of one kind.
#[derive(Debug, Clone)]
pub struct Distribution {
    plain: Histogram<u64>,
    corrected: Histogram<u64>,
    /// Time between two samples as planned; 0 if there is no plan.
    pace_ns: u64,
}

/// What is printed of a distribution, nanoseconds; all 0 if nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "percentiles, named as in every latency table")]
pub struct Percentiles {
    pub count: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

impl Distribution {
    /// An empty distribution of samples that are taken every `pace_ns`; 0 if unpaced.
    #[must_use]
    pub fn paced(pace_ns: u64) -> Self {
        Self {
            plain: histogram(),
            corrected: histogram(),
            pace_ns,
        }
    }

    /// Counts one sample.
    pub fn record(&mut self, latency_ns: u64) {
        self.plain.saturating_record(latency_ns);
        let latency_ns = latency_ns.min(LATENCY_MAX_NS);
        if self.pace_ns == 0 {
            self.corrected.saturating_record(latency_ns);
        } else {
            // Within the bounds, as cut off above: cannot fail.
            let _ = self.corrected.record_correct(latency_ns, self.pace_ns);
        }
    }

    /// Takes in the samples of another one.
    pub fn add(&mut self, other: &Self) {
        // Same bounds: cannot fail.
        let _ = self.plain.add(&other.plain);
        let _ = self.corrected.add(&other.corrected);
    }

    /// Samples as taken.
    #[must_use]
    pub fn plain(&self) -> Percentiles {
        percentiles(&self.plain)
    }

    /// Samples with those that a stall kept from being taken.
    #[must_use]
    pub fn corrected(&self) -> Percentiles {
        percentiles(&self.corrected)
    }

    /// How many samples are at or above `latency_ns`.
    #[must_use]
    pub fn count_from(&self, latency_ns: u64) -> u64 {
        self.plain.count_between(latency_ns, LATENCY_MAX_NS)
    }
}

impl Percentiles {
    /// As an object of the `--json` line.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "p50": self.p50, "p90": self.p90, "p99": self.p99, "p999": self.p999, "max": self.max
        })
    }
}

#[expect(clippy::unwrap_used, reason = "constant bounds; a test makes one")]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).unwrap()
}

fn percentiles(histogram: &Histogram<u64>) -> Percentiles {
    Percentiles {
        count: histogram.len(),
        p50: histogram.value_at_quantile(0.5),
        p90: histogram.value_at_quantile(0.9),
        p99: histogram.value_at_quantile(0.99),
        p999: histogram.value_at_quantile(0.999),
        max: histogram.max(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distribution_with_a_stall_is_corrected_for_what_was_not_asked() {
        let mut stalled = Distribution::paced(100);
        for _ in 0..90 {
            stalled.record(10);
        }
        stalled.record(1_000);
        assert_eq!((stalled.plain().count, stalled.plain().p90), (91, 10));
        let corrected = stalled.corrected();
        assert_eq!((corrected.count, corrected.max), (100, 1_000));
        assert!(corrected.p99 > 800, "{corrected:?}");
        assert_eq!(stalled.count_from(500), 1);
    }

    #[test]
    fn distribution_of_nothing_is_all_zero() {
        assert_eq!(Distribution::paced(0).corrected(), Percentiles::default());
    }

    #[test]
    fn distribution_saturates_above_its_range() {
        let mut long = Distribution::paced(1_000_000_000);
        long.record(u64::MAX);
        assert_eq!(long.plain().count, 1);
        assert_eq!(long.corrected().count, 60);
    }
}
