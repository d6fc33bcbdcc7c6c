//! Append in `process` durability, through the real [`Writer`] with its helper threads.
//!
//! Steady: bursts of 64 records, one million records a second; ours and a bare copy of the record
//! into the same kind of mapping (a segment's file, all pages present, larger than the caches) take
//! turns of 100 ms. Every second burst is timed as a whole (the mean), the others in fours (the
//! percentiles; with one time stamp in each four): the counter of some machines moves in steps of
//! 10 ns, which is as long as one append.
//!
//! At once: as many records as a peer gets, as fast as it goes, waits for segments included.

use std::hint::black_box;
use std::time::{Duration, Instant};

use journal::{Tape, Writer};
use model::record::Record;

use crate::Plan;
use crate::common::{
    Progress, append_waiting, median, nanos, on_last_core, page_faults, place, record, spin_until,
};
use crate::peers;
use crate::table::{Better, Row, Target, Unit};

/// Name of this part.
pub(crate) const NAME: &str = "append";

/// Records of a burst.
const BURST: u64 = 64;
/// Time between the beginnings of two bursts: a million records a second.
const PACE: Duration = Duration::from_micros(64);
/// Time of a turn.
pub(crate) const TURN: Duration = Duration::from_millis(100);
/// Appends between two time stamps.
const FEW: u64 = 4;
/// Fours that take longer are not told apart, ns.
const FEW_MAX: usize = 16_383;

/// What was found, of all rounds.
#[derive(Default)]
pub(crate) struct Found {
    ours: Steady,
    copy: Steady,
    /// Time stamps with nothing between them.
    empty: Steady,
    page_faults: u64,
    waits: u64,
    at_once: AtOnce,
}

/// Of one who appends.
pub(crate) struct Steady {
    /// Mean of each turn, ns.
    means: Vec<f64>,
    records: u64,
    /// How many fours took this many nanoseconds; the last one stands for all above.
    fews: Vec<u64>,
}

impl Found {
    pub(crate) fn round(&mut self, plan: Plan, progress: &Progress) {
        progress.say("append, steady: ours and a bare copy");
        self.steady(plan);
        progress.say("append, at once: ours");
        self.at_once.round(plan);
    }

    fn steady(&mut self, plan: Plan) {
        let (ours, floor) = (place(), place());
        let (mut writer, _) = Writer::open(ours.path(), plan.options()).unwrap();
        let mut tape = Tape::new(floor.path(), plan.segment_bytes * 2).unwrap();
        let record = record();
        let clock = quanta::Clock::new();
        on_last_core(|| {
            let turn = TURN.min(plan.paced / 2);
            let mut waits = 0;
            let mut append = |record: &Record| waits += append_waiting(&mut writer, record);
            // What is used for the first time, here and in the helpers, is not the steady rate.
            Steady::default().turn(turn, &clock, &record, &mut append);
            if self.ours.records == 0 {
                self.ours.touch();
            }
            let end = Instant::now() + plan.paced;
            while Instant::now() < end {
                let before = page_faults();
                self.ours.turn(turn, &clock, &record, &mut append);
                self.page_faults += page_faults() - before;
                let copy = |record: &Record| tape.copy(record);
                self.copy.turn(turn, &clock, &record, copy);
            }
            self.waits += waits;
            self.empty.turn(turn / 10, &clock, &record, |_| {});
        });
    }

    pub(crate) fn rows(&self, others: &peers::Found) -> Vec<Row> {
        let mean = Row::new("append 128 B, steady, mean", Unit::Ns, Better::Lower)
            .ours(self.ours.mean())
            .floor("bare copy", self.copy.mean())
            .target(Target::AtMost(20.0))
            .target(Target::AtMostOfFloor(1.5));
        let p50 = Row::new("append, steady, p50 of fours", Unit::Ns, Better::Lower)
            .ours(self.ours.few(0.5))
            .floor("bare copy", self.copy.few(0.5))
            .note(format!(
                "a quarter of a stamp: {:.1} ns",
                self.empty.few(0.5).unwrap_or(0.0)
            ));
        let p99 = Row::new("append, steady, p99 of fours", Unit::Ns, Better::Lower)
            .ours(self.ours.few(0.99))
            .floor("our p50", self.ours.few(0.5))
            .target(Target::AtMostOfFloor(3.0))
            .note(format!(
                "bare copy: p99 {:.1} ns",
                self.copy.few(0.99).unwrap_or(0.0)
            ));
        let faults = Row::new(
            "append, steady, page faults of the writing thread",
            Unit::Count,
            Better::Lower,
        )
        .ours(Some(self.page_faults as f64))
        .target(Target::AtMost(0.0))
        .note(format!(
            "in {} records, {} waits for a segment",
            self.ours.records * 2,
            self.waits
        ));
        let at_once = Row::new("append 128 B, at once, a record", Unit::Ns, Better::Lower)
            .ours(median(&self.at_once.ours))
            .floor("bare copy", median(&self.at_once.copy))
            .peers(others.append_ns())
            .target(Target::AtMost(20.0))
            .target(Target::AtMostOfFloor(1.5))
            .target(Target::TimesBestPeer(8.0))
            .note(format!(
                "{} page faults in {} records",
                self.at_once.page_faults, self.at_once.records
            ));
        vec![mean, p50, p99, faults, at_once]
    }
}

impl Default for Steady {
    fn default() -> Self {
        Self {
            means: Vec::with_capacity(1_000),
            records: 0,
            fews: vec![0; FEW_MAX + 1],
        }
    }
}

impl Steady {
    /// Appends for `time`.
    pub(crate) fn turn(
        &mut self,
        time: Duration,
        clock: &quanta::Clock,
        record: &Record,
        mut append: impl FnMut(&Record),
    ) {
        let begin = Instant::now();
        let mut next = begin;
        let (mut ns, mut records) = (0.0, 0);
        while next < begin + time {
            spin_until(next);
            let from = Instant::now();
            for _ in 0..BURST {
                append(black_box(record));
            }
            ns += nanos(from.elapsed());
            records += BURST;
            next += PACE;
            spin_until(next);
            let mut last = clock.raw();
            for _ in 0..BURST / FEW {
                for _ in 0..FEW {
                    append(black_box(record));
                }
                let now = clock.raw();
                let ns = clock.delta_as_nanos(last, now) as usize;
                self.fews[ns.min(FEW_MAX)] += 1;
                last = clock.raw();
            }
            next += PACE;
        }
        self.means.push(ns / records as f64);
        self.records += records;
    }

    /// Makes its memory present, so that no page fault is its own.
    fn touch(&mut self) {
        black_box(&mut self.fews).fill(0);
    }

    /// Of an append, as a quarter of four with one time stamp in them, ns.
    fn few(&self, share: f64) -> Option<f64> {
        let count: u64 = self.fews.iter().sum();
        let rank = (share * count as f64).ceil() as u64;
        let mut below = 0;
        let ns = self.fews.iter().position(|count| {
            below += count;
            below >= rank.max(1)
        })?;
        Some(ns as f64 / FEW as f64)
    }

    /// The middle one of the turns' means: a turn that lost the core for long is none.
    pub(crate) fn mean(&self) -> Option<f64> {
        median(&self.means)
    }
}

/// Nanoseconds a record, as fast as it goes.
#[derive(Default)]
struct AtOnce {
    ours: Vec<f64>,
    copy: Vec<f64>,
    page_faults: u64,
    records: u64,
}

impl AtOnce {
    fn round(&mut self, plan: Plan) {
        let (ours, floor) = (place(), place());
        let (mut writer, _) = Writer::open(ours.path(), plan.options()).unwrap();
        let mut tape = Tape::new(floor.path(), plan.segment_bytes).unwrap();
        let record = record();
        on_last_core(|| {
            let before = page_faults();
            let begin = Instant::now();
            for _ in 0..plan.records {
                append_waiting(&mut writer, black_box(&record));
            }
            let a_record = |time: Duration| nanos(time) / plan.records as f64;
            self.ours.push(a_record(begin.elapsed()));
            self.page_faults += page_faults() - before;
            self.records += plan.records;
            let begin = Instant::now();
            for _ in 0..plan.records {
                tape.copy(black_box(&record));
            }
            self.copy.push(a_record(begin.elapsed()));
        });
    }
}
