//! Latency tables: where the time of each order went, from socket to socket.
//!
//! Every `Sent` event carries an order's whole waterfall. The journal stage drops a copy into a
//! lock-free lane ([`Samples`]); the supervisor, or a reader of a log, records them into
//! histograms here. Nothing of this is on the hot path.
//!
//! Units: nanoseconds. Resolution: three significant digits.

use hdrhistogram::Histogram;
use model::body::Sent;

/// Longest latency that a table tells apart; anything longer counts as this: 60 s.
const LATENCY_MAX_NS: u64 = 60_000_000_000;
/// Places of the samples' lane: above a second of the highest message rate that a venue allows.
pub(crate) const SAMPLE_SLOTS: usize = 4_096;

/// A part of an order's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// Bytes read from the socket, until the event was on the inbound ring.
    Sequenced,
    /// Until the strategy raised the intent.
    Intended,
    /// Until risk approved it.
    Approved,
    /// Until the gateway took it; the journal lies between.
    Taken,
    /// Until its bytes were handed to the socket.
    Written,
    /// From the first to the last.
    Total,
}

impl Hop {
    /// Every hop, in the order of the way, and the total.
    pub const ALL: [Self; 6] = [
        Self::Sequenced,
        Self::Intended,
        Self::Approved,
        Self::Taken,
        Self::Written,
        Self::Total,
    ];

    /// Name for a table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sequenced => "received -> sequenced",
            Self::Intended => "sequenced -> intended",
            Self::Approved => "intended -> approved",
            Self::Taken => "approved -> taken",
            Self::Written => "taken -> written",
            Self::Total => "tick to order",
        }
    }

    /// Its share of `sent`. Stamps of two cores may differ by some ns: never below 0.
    const fn of(self, sent: &Sent) -> u64 {
        let (from_ns, to_ns) = match self {
            Self::Sequenced => (sent.received_ns, sent.sequenced_ns),
            Self::Intended => (sent.sequenced_ns, sent.intended_ns),
            Self::Approved => (sent.intended_ns, sent.approved_ns),
            Self::Taken => (sent.approved_ns, sent.taken_ns),
            Self::Written => (sent.taken_ns, sent.written_ns),
            Self::Total => (sent.received_ns, sent.written_ns),
        };
        to_ns.saturating_sub(from_ns)
    }
}

/// Supervisor's end of the samples' lane.
#[derive(Debug)]
pub struct Samples(pub(crate) rtrb::Consumer<Sent>);

impl Samples {
    /// Moves everything that waits into `recorder`.
    pub fn drain_into(&mut self, recorder: &mut LatencyRecorder) {
        while let Ok(sent) = self.0.pop() {
            recorder.record(&sent);
        }
    }
}

/// Histograms of all hops.
#[derive(Debug)]
pub struct LatencyRecorder {
    hops: [Histogram<u64>; Hop::ALL.len()],
    skipped: u64,
}

impl Default for LatencyRecorder {
    fn default() -> Self {
        Self::new()
    }
}

impl LatencyRecorder {
    /// Empty histograms.
    ///
    /// # Panics
    ///
    /// Never: the bounds are constants that the histogram accepts.
    #[must_use]
    #[expect(clippy::unwrap_used, reason = "constant bounds; a test makes one")]
    pub fn new() -> Self {
        Self {
            hops: Hop::ALL.map(|_| Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).unwrap()),
            skipped: 0,
        }
    }

    /// Counts one order in. A command without the whole way behind it (risk's own cancels and
    /// queries, or the answer to an event that no edge stamped) has no hops and is skipped.
    pub fn record(&mut self, sent: &Sent) {
        if sent.intended_ns == 0 || sent.received_ns == 0 {
            self.skipped += 1;
            return;
        }
        for (hop, histogram) in Hop::ALL.into_iter().zip(&mut self.hops) {
            histogram.saturating_record(hop.of(sent));
        }
    }

    /// The tables so far.
    #[must_use]
    pub fn report(&self) -> LatencyReport {
        LatencyReport {
            hops: Hop::ALL.map(|hop| HopLatency::of(hop, &self.hops[hop as usize])),
            skipped: self.skipped,
        }
    }
}

/// All hops of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencyReport {
    /// In the order of [`Hop::ALL`]; the last is the total.
    pub hops: [HopLatency; Hop::ALL.len()],
    /// Commands without the whole way behind them.
    pub skipped: u64,
}

impl LatencyReport {
    /// Tick to order.
    #[must_use]
    pub const fn total(&self) -> &HopLatency {
        &self.hops[Hop::Total as usize]
    }
}

/// Distribution of one hop, ns; all 0 if nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "percentiles, named as in every latency table")]
pub struct HopLatency {
    pub hop: Hop,
    pub count: u64,
    pub p50_ns: u64,
    pub p90_ns: u64,
    pub p99_ns: u64,
    pub p999_ns: u64,
    pub max_ns: u64,
}

impl HopLatency {
    fn of(hop: Hop, histogram: &Histogram<u64>) -> Self {
        Self {
            hop,
            count: histogram.len(),
            p50_ns: histogram.value_at_quantile(0.5),
            p90_ns: histogram.value_at_quantile(0.9),
            p99_ns: histogram.value_at_quantile(0.99),
            p999_ns: histogram.value_at_quantile(0.999),
            max_ns: histogram.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(received_ns: u64) -> Sent {
        Sent {
            command: 1,
            client_id: 1,
            received_ns,
            sequenced_ns: received_ns + 10,
            intended_ns: received_ns + 30,
            approved_ns: received_ns + 60,
            taken_ns: received_ns + 100,
            written_ns: received_ns + 150,
            reserved: [0; 16],
        }
    }

    #[test]
    fn report_of_samples_has_each_hop_and_the_total() {
        let mut recorder = LatencyRecorder::new();
        for received_ns in 1..=100 {
            recorder.record(&sent(received_ns));
        }
        let report = recorder.report();
        let medians = report.hops.map(|hop| hop.p50_ns);
        assert_eq!(medians, [10, 20, 30, 40, 50, 150]);
        assert_eq!((report.total().count, report.total().max_ns), (100, 150));
        assert!(
            report
                .hops
                .iter()
                .zip(Hop::ALL)
                .all(|(row, hop)| row.hop == hop)
        );
    }

    #[test]
    fn report_skips_what_no_market_event_caused_and_saturates() {
        let mut recorder = LatencyRecorder::new();
        recorder.record(&Sent {
            intended_ns: 0,
            ..sent(5)
        });
        recorder.record(&Sent {
            written_ns: u64::MAX,
            ..sent(5)
        });
        let report = recorder.report();
        assert_eq!((report.skipped, report.total().count), (1, 1));
        assert!(report.total().max_ns >= LATENCY_MAX_NS);
    }
}
