//! Counters that the stages keep and anybody may read: progress, counts, cycle times.
//!
//! Each gauge has exactly one writing thread, named in its doc, and a cache line pair of its own,
//! so that counting never makes two cores fight. Writers store with Release and readers load with
//! Acquire: the orderly end relies on "who sees the number sees what was done before it"
//! (`sequencer::Sequencer::may_end`).
//!
//! Thread: one writer, any readers. Hot path: yes. Allocates: no (but at start). Locks: no.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::utils::CachePadded;

/// A number with one writer.
#[derive(Default)]
pub struct Gauge(CachePadded<AtomicU64>);

impl Gauge {
    pub(crate) fn starting_at(value: u64) -> Self {
        Self(CachePadded::new(AtomicU64::new(value)))
    }

    /// Its value.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        // Pairs with the Release store in `set`.
        self.0.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        // Pairs with the Acquire load in `get`.
        self.0.store(value, Ordering::Release);
    }

    /// Adds to it. Not atomic as a whole, and need not be: there is one writer.
    #[inline]
    pub(crate) fn add(&self, count: u64) {
        self.set(self.0.load(Ordering::Relaxed).wrapping_add(count));
    }

    #[inline]
    pub(crate) fn raise_to(&self, value: u64) {
        if self.0.load(Ordering::Relaxed) < value {
            self.set(value);
        }
    }
}

impl std::fmt::Debug for Gauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.get())
    }
}

/// Everything that is counted, by stage.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Number of the last event on the inbound ring. Writer: sequencer.
    pub sequenced: Gauge,
    /// Turns in which the sequencer found the inbound ring full. Writer: sequencer.
    pub inbound_full: Gauge,
    /// Number of the last event in the journal. Writer: journal.
    pub journaled: Gauge,
    /// Commands that this run journaled. Writer: journal.
    pub commands_journaled: Gauge,
    /// Log sequence of the last record. Writer: journal.
    pub journal_seq: Gauge,
    /// Log sequence up to which the journal is on stable storage. Writer: journal.
    pub durable_seq: Gauge,
    /// Appends that found the next segment not ready, and were tried again. Writer: journal.
    pub journal_stalls: Gauge,
    /// Latency samples that found the supervisor's lane full. Writer: journal.
    pub samples_dropped: Gauge,
    /// Number of the last event that risk has applied. Writer: risk.
    pub decided: Gauge,
    /// Commands that risk put on the command ring in this run. Writer: risk.
    pub commands: Gauge,
    /// Turns in which risk found the command ring full. Writer: risk.
    pub commands_full: Gauge,
    /// Intents that risk refused in this run. Writer: risk.
    pub refusals: Gauge,
    /// By strategy stage, in configured order: number of the last event. Writer: the stage.
    pub strategies: Vec<Gauge>,
    /// By lane, in ascending source order.
    pub lanes: Vec<LaneGauges>,
    /// By gateway, in configured order.
    pub gateways: Vec<GatewayGauges>,
    /// By worker, in configured order.
    pub workers: Vec<WorkerGauges>,
}

/// Counters of one lane into the sequencer.
#[derive(Debug)]
pub struct LaneGauges {
    /// Name of the source: `operator`, `timer`, `refusals`, `gateway.NAME`, `feed.NAME`.
    pub name: String,
    /// Events that came through it. Writer: sequencer.
    pub events: Gauge,
    /// Not 0 once the source has ended and will push nothing more. Writer: the source's stage.
    pub(crate) closed: Gauge,
}

/// Counters of one gateway stage.
#[derive(Debug)]
pub struct GatewayGauges {
    /// Its name.
    pub name: String,
    /// Commands taken from the ring, other gateways' included. Writer: the stage.
    pub seen: Gauge,
    /// Commands offered to the gateway. Writer: the stage.
    pub offered: Gauge,
    /// Most commands that ever waited for the disk (strict durability modes). Writer: the stage.
    pub held_max: Gauge,
    /// Most commands that ever waited for the gateway's capacity. Writer: the stage.
    pub waiting_max: Gauge,
    /// Not 0 while the stage has ended its connection and everything is answered. Writer: the
    /// stage.
    pub(crate) quiet: Gauge,
}

/// Counters of one worker thread.
#[derive(Debug)]
pub struct WorkerGauges {
    /// Role name of the thread.
    pub name: String,
    /// Turns over its stages. Writer: the worker.
    pub turns: Gauge,
    /// Turns in which a stage worked. Writer: the worker.
    pub busy_turns: Gauge,
    /// Longest turn, ns. Writer: the worker.
    pub longest_turn_ns: Gauge,
    /// Turns longer than [`super::LONG_TURN_NS`]. Writer: the worker.
    pub long_turns: Gauge,
}

impl LaneGauges {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            events: Gauge::default(),
            closed: Gauge::default(),
        }
    }
}

impl GatewayGauges {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            seen: Gauge::default(),
            offered: Gauge::default(),
            held_max: Gauge::default(),
            waiting_max: Gauge::default(),
            quiet: Gauge::default(),
        }
    }
}

impl WorkerGauges {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            turns: Gauge::default(),
            busy_turns: Gauge::default(),
            longest_turn_ns: Gauge::default(),
            long_turns: Gauge::default(),
        }
    }
}
