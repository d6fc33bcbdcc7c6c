//! What a journal's waterfalls say of the delays of its run: from the event to the socket, from
//! there to the venue, back from it, and of the feed.
//!
//! The way to the venue is measured by the venue's own time of what it did, seen through [`Clock`];
//! so neither way is ever below zero, and both together are what our own clock measured.

use std::path::Path;

use super::CompareError;
use super::clock::Clock;
use super::errors::rank;
use super::kept::{Asked, Kept, read};
use crate::backtest::{Delay, Latencies};

/// Delays of a run by what was delayed, nanoseconds, in the order of their time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waterfalls {
    /// From the bytes of the causing event to those of the command at the socket.
    pub decide: Vec<u64>,
    /// Of a new order from the socket to the venue.
    pub new: Vec<u64>,
    /// Of an amendment.
    pub amend: Vec<u64>,
    /// Of a cancel.
    pub cancel: Vec<u64>,
    /// From the venue to our socket: answers and fills.
    pub back: Vec<u64>,
    /// From the venue to our socket: the market. Thinned out where there are many.
    pub feed: Vec<u64>,
}

/// How one kind of delay was spread, nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Spans {
    /// How many there are.
    pub count: u64,
    /// Median.
    pub p50_ns: u64,
    /// Nine of ten are at most this long.
    pub p90_ns: u64,
    /// 99 of 100 are at most this long.
    pub p99_ns: u64,
}

/// A kind of delay over the part of the run that parameters are fitted to, and over the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct DelayRow {
    /// Its key in `[backtest.latency]`.
    pub name: &'static str,
    /// What is fitted to.
    pub first: Spans,
    /// What comes behind: whether it still held.
    pub rest: Spans,
}

/// The delays of the run whose journal is in `path`.
///
/// # Errors
///
/// [`CompareError`]; [`CompareError::NoDelays`] where no answer of a venue says when it had a
/// request.
pub fn waterfalls(path: &Path) -> Result<Waterfalls, CompareError> {
    let kept = read(path, |_| {})?;
    let clock = Clock::of(&kept);
    let falls = Waterfalls::of(&kept, &clock);
    if falls.new.is_empty() {
        let (path, records) = (path.to_owned(), kept.records);
        return Err(CompareError::NoDelays { path, records });
    }
    Ok(falls)
}

impl Waterfalls {
    pub(super) fn of(kept: &Kept, clock: &Clock) -> Self {
        let there = |asked: Asked| {
            let trips = kept.trips.iter();
            let own = trips.filter(|trip| trip.asked == asked && trip.sent_ns > 0);
            own.map(|trip| clock.ways(trip).there_ns).collect()
        };
        let back = |all: &[(u64, u64)]| {
            let ways = all.iter();
            ways.map(|&(there_ns, here_ns)| clock.way_back(there_ns, here_ns))
                .collect()
        };
        Self {
            decide: kept.decides.clone(),
            new: there(Asked::New),
            amend: there(Asked::Amend),
            cancel: there(Asked::Cancel),
            back: back(&kept.answers),
            feed: back(&kept.feed),
        }
    }

    /// Fills the laws that are to be drawn from a journal and have nothing to draw from yet. A kind
    /// that the run had none of is like a new order; a feed without times takes no time.
    pub fn fill(&self, latencies: &mut Latencies) {
        let or = |own: &[u64], other: &[u64]| {
            let rows = if own.is_empty() { other } else { own };
            if rows.is_empty() {
                Delay::Constant(0)
            } else {
                Delay::Drawn(rows.to_vec())
            }
        };
        let set = |delay: &mut Delay, own: &[u64], other: &[u64]| {
            if is_open(delay) {
                *delay = or(own, other);
            }
        };
        set(&mut latencies.decide, &self.decide, &[]);
        set(&mut latencies.new, &self.new, &[]);
        set(&mut latencies.amend, &self.amend, &self.new);
        set(&mut latencies.cancel, &self.cancel, &self.new);
        set(&mut latencies.back, &self.back, &self.new);
        if let Some(feed) = &mut latencies.feed {
            set(feed, &self.feed, &[]);
        }
    }

    /// Each kind that there is, over the first `percent` of the run's and over the rest.
    pub(super) fn rows(&self, percent: usize) -> Vec<DelayRow> {
        let all = [
            ("decide", &self.decide),
            ("new", &self.new),
            ("amend", &self.amend),
            ("cancel", &self.cancel),
            ("back", &self.back),
            ("feed", &self.feed),
        ];
        let row = |(name, delays): (&'static str, &Vec<u64>)| {
            let (first, rest) = delays.split_at(delays.len() * percent / 100);
            let (first, rest) = (Spans::of(first), Spans::of(rest));
            DelayRow { name, first, rest }
        };
        let there_is = all.into_iter().filter(|(_, delays)| !delays.is_empty());
        there_is.map(row).collect()
    }
}

impl Spans {
    fn of(delays: &[u64]) -> Self {
        let mut sorted = delays.to_vec();
        sorted.sort_unstable();
        Self {
            count: sorted.len() as u64,
            p50_ns: rank(&sorted, 50),
            p90_ns: rank(&sorted, 90),
            p99_ns: rank(&sorted, 99),
        }
    }
}

/// Whether a law waits for a journal to draw from.
#[must_use]
pub const fn is_open(delay: &Delay) -> bool {
    matches!(delay, Delay::Drawn(rows) if rows.is_empty())
}
