//! Backtest: the machine that trades, fed by a simulated venue instead of a socket.
//!
//! A [`Backtest`] reads data sets once ([`DataSet`]), turns each record into two moments (at the
//! venue, and where we hear of it: `timeline`), and leads one or many worlds through them. A world
//! is one machine with its simulated venues (`venue`, `market`, `queue`) and what is on its way
//! between them (`mail`, `latency`). Whoever wants to see what happens gives an [`Observer`].
//!
//! Invariants
//! - K1: the same data, plan and seed give the same events, fills and state hash.
//! - K2: no strategy hears of anything before its time: a world gets a record only when our clock
//!   has reached the time of its receipt, so a look ahead has no door to come through.
//! - K3: memory does not grow with the length of the data.

mod common;
mod concern;
mod data;
mod days;
mod latency;
mod mail;
mod market;
mod money;
mod orders_shown;
mod ours;
mod own;
mod paper;
mod played;
mod queue;
mod rules;
mod shown;
mod tape;
mod timeline;
mod venue;
mod words;
mod world;

#[cfg(test)]
mod tests;

use std::path::Path;

use engine::machine::{ApplyError, BOOK_WINDOW_MIN, Following};
use engine::strategy::Registry;
use journal::{AppendError, CloseError, Durability, OpenError, Options, Writer};
use model::instrument::InstrumentSpec;
use rust_decimal::Decimal;

pub use data::{DataError, DataSet};
pub use latency::{Burst, Delay, Latencies, Recorded};
pub use money::{FeeTier, Overflow};
pub(crate) use ours::{Ours, Spot};
pub use paper::{PaperFeed, PaperGateway, PaperPlan, Rested, paper};
pub use played::Fate;
pub(crate) use played::{Request, Script, Stage, ended, play};
pub use queue::{Fifo, ProRata, Probable, QueueModel, RiskAverse, Share, Standing};
pub use rules::{Beyond, Leftover, Rules, Through};
pub use tape::{FillRow, Observer, OrderEnd, OrderRow, Sample, Unobserved};
pub use timeline::Shift;
pub use venue::{Outage, QueueChoice, VenuePlan};
pub use world::{Counts, Plan};

use common::Common;
use mail::Place;
use model::record::Kind;
use timeline::{Side, Timeline};
use world::World;

/// Why a backtest cannot go on. What was written until then is kept.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The machine refuses an event.
    #[error("at {now_ns} ns: {source}")]
    Apply {
        /// Our time, nanoseconds since the Unix epoch.
        now_ns: u64,
        /// Why.
        source: ApplyError,
    },
    /// A sum at the simulated venue.
    #[error("the simulated venue: {0}; are prices, quantities and balances as they should be?")]
    Overflow(#[from] Overflow),
    /// The configuration does not fit into records.
    #[error(transparent)]
    Blob(#[from] model::blob::BlobError),
    /// The backtest's own journal cannot be made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The backtest's own journal takes no more.
    #[error("the backtest's journal: {0}")]
    Append(#[from] AppendError),
    /// The backtest's own journal cannot be closed.
    #[error("the backtest's journal: {0}")]
    Close(#[from] CloseError),
}

/// The data of a backtest: what to read, between which times, and by which clock.
#[derive(Debug)]
pub struct Feed {
    /// The data sets.
    pub sets: Vec<DataSet>,
    /// The instruments that take part, in the order of their ids.
    pub instruments: Vec<Source>,
    /// How the recorder's clock is corrected.
    pub shift: Shift,
    /// How late a record may be, against another one that left the venue later, nanoseconds.
    pub late_max_ns: u64,
    /// First time, for the day that is read from; 0: from the start.
    pub from_ns: u64,
    /// First time that is not read any more, by our clock.
    pub to_ns: u64,
}

/// Where an instrument's market comes from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Index of the data set.
    pub set: usize,
    /// Index among that set's instruments.
    pub place: usize,
    /// The instrument in the backtest.
    pub spec: InstrumentSpec,
}

/// What became of one variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Counts.
    pub counts: Counts,
    /// Market records that were read.
    pub market_records: u64,
    /// Of these, such as came later than `late_max_ns` allows for.
    pub late: u64,
    /// Market records that made no sense and were left out.
    pub malformed: u64,
    /// Digest of what was read of each data set, in their order.
    pub data: Vec<u64>,
    /// First and last instant, nanoseconds since the Unix epoch.
    pub span_ns: (u64, u64),
    /// Profit of all strategies after fees and funding, reporting currency; `None` without a rate.
    pub profit: Option<Decimal>,
    /// Fees, reporting currency.
    pub fees: Decimal,
    /// Positions that a venue closed by force.
    pub liquidations: u64,
    /// The machine's state behind the last event.
    pub state_hash: [u8; 32],
}

/// See the module's header.
#[derive(Debug)]
pub struct Backtest {
    timeline: Timeline,
    worlds: Vec<World>,
    common: Common,
    first_ns: Option<u64>,
    last_ns: u64,
}

/// Size of a segment of the backtest's own journal.
const SEGMENT_BYTES: u64 = 64 << 20;

/// Moments between two words of progress.
const PROGRESS_EVERY: u64 = 65_536;

impl Backtest {
    /// A backtest of each plan over the same data, in one pass. The feed's delay is the first
    /// plan's. With `journal` the first plan's events and commands are written there.
    ///
    /// # Errors
    ///
    /// [`BacktestError`].
    pub fn new(
        feed: Feed,
        plans: Vec<Plan>,
        registry: &Registry,
        journal: Option<&Path>,
    ) -> Result<Self, BacktestError> {
        let Feed {
            mut sets,
            instruments,
            shift,
            late_max_ns,
            from_ns,
            to_ns,
        } = feed;
        for source in &instruments {
            if let Some(set) = sets.get_mut(source.set) {
                set.number(source.place, source.spec.id);
            }
        }
        let specs: Vec<InstrumentSpec> = instruments.into_iter().map(|one| one.spec).collect();
        let mut writer = match journal {
            Some(dir) => Some(
                Writer::open(
                    dir,
                    Options::new(Durability::Process).segment_bytes(SEGMENT_BYTES),
                )?
                .0,
            ),
            None => None,
        };
        let first = plans.first().map(|plan| plan.latencies.clone());
        let latencies = first.unwrap_or_else(Latencies::none);
        let window = plans.first().map(|plan| plan.machine.book_window_ticks);
        let common = Common::new(&specs, window.unwrap_or(BOOK_WINDOW_MIN));
        let range = (from_ns, to_ns);
        let timeline = Timeline::new(sets, &latencies, shift, late_max_ns, range)?;
        let worlds = plans
            .into_iter()
            .map(|plan| World::new(plan, &specs, registry, writer.take()))
            .collect();
        Ok(Self {
            timeline,
            worlds,
            common,
            first_ns: None,
            last_ns: 0,
        })
    }

    /// Runs to the end of the data. `observers` are as many as there are plans; `progress` hears
    /// now and then how many market records were read.
    ///
    /// # Errors
    ///
    /// [`BacktestError`]: of the data, or the first of a plan.
    pub fn run<O: Observer>(
        self,
        observers: &mut [O],
        progress: impl FnMut(u64),
    ) -> Result<Vec<Outcome>, BacktestError> {
        self.run_each(observers, progress)?.into_iter().collect()
    }

    /// As [`Self::run`], but a plan that errs is taken out and the others go on; the pass ends when
    /// none is left.
    ///
    /// # Errors
    ///
    /// [`BacktestError`] of the data, which is every plan's.
    pub fn run_each<O: Observer>(
        mut self,
        observers: &mut [O],
        mut progress: impl FnMut(u64),
    ) -> Result<Vec<Result<Outcome, BacktestError>>, BacktestError> {
        let mut moments = 0_u64;
        while self.turn(observers)? {
            moments += 1;
            if moments.is_multiple_of(PROGRESS_EVERY) {
                progress(self.timeline.taken());
            }
        }
        progress(self.timeline.taken());
        let (last_ns, common) = (self.last_ns, &mut self.common);
        for (world, observer) in self.worlds.iter_mut().zip(observers.iter_mut()) {
            world.go(|world| world.end(last_ns, common, observer));
        }
        let failed = self.worlds.iter_mut().map(|world| world.failed.take());
        let failed: Vec<_> = failed.collect();
        let results = self.worlds.iter().zip(failed);
        Ok(results
            .map(|(world, error)| error.map_or_else(|| Ok(self.outcome(world)), Err))
            .collect())
    }

    /// The market's next moment: each world comes to it, it happens once, and each world reacts.
    /// False behind the last one, or if every world has erred.
    #[inline]
    fn turn<O: Observer>(&mut self, observers: &mut [O]) -> Result<bool, BacktestError> {
        if !self.timeline.next()? {
            return Ok(false);
        }
        let at_ns = self.timeline.at_ns();
        self.first_ns.get_or_insert(at_ns);
        self.last_ns = at_ns;
        let (worlds, common) = (&mut self.worlds, &mut self.common);
        let place = match self.timeline.side() {
            Side::Here => Place::MarketHere,
            Side::There => Place::MarketThere,
        };
        for (world, observer) in worlds.iter_mut().zip(observers.iter_mut()) {
            world.go(|world| world.reach(at_ns, place, common, observer));
        }
        let Some(mut moment) = self.timeline.moment() else {
            return Ok(false);
        };
        if place == Place::MarketThere {
            if common.happens(moment.record) {
                for world in worlds {
                    world.go(|world| world.market_there(at_ns, common));
                }
            }
            return Ok(true);
        }
        if moment.record.kind == Kind::BlobPart.code() {
            part(worlds, common);
        }
        let moved = common.heard(moment.record);
        let can_wait = Following::can_wait(moment.record);
        let mut waits = false;
        for (world, observer) in worlds.iter_mut().zip(observers.iter_mut()) {
            if can_wait && world.is_quiet(at_ns) {
                waits = true;
                continue;
            }
            world.go(|world| world.hear_market(&mut moment, moved, common, observer));
            world.has_passed(common.waiting.len() + 1);
        }
        if waits {
            common.wait(&moment, moved);
        }
        if !waits || common.is_full() {
            forget(worlds, common);
        }
        Ok(worlds.iter().any(|world| world.failed.is_none()))
    }

    fn outcome(&self, world: &World) -> Outcome {
        let portfolio = world.machine().portfolio();
        let strategies = world.machine().strategies().iter();
        let profit = strategies
            .map(|strategy| portfolio.strategy_pnl(strategy.id()))
            .try_fold(Decimal::ZERO, |sum, profit| sum.checked_add(profit?));
        Outcome {
            counts: world.counts,
            market_records: self.timeline.taken(),
            late: self.timeline.late(),
            malformed: self.timeline.malformed(),
            data: self.timeline.digests(),
            span_ns: (self.first_ns.unwrap_or(0), world.now_ns()),
            profit,
            fees: world.books.fees,
            liquidations: world.liquidations(),
            state_hash: world.machine().state_hash(),
        }
    }
}

/// Each world takes in what waits for it, and nothing waits any more.
fn forget(worlds: &mut [World], common: &mut Common) {
    for world in worlds {
        world.go(|world| world.catch_up(common));
        world.has_passed(0);
    }
    common.waiting.clear();
}

/// An instrument changes: from here on each machine may make something else of its books.
fn part(worlds: &mut [World], common: &mut Common) {
    for world in worlds {
        world.go(|world| world.leave(common));
    }
    common.forget();
}
