//! Live against simulated: the orders of a live run's journal, played into the simulated venue
//! over the same journal's market, and each one's fate set beside what really became of it.
//!
//! The strategy is not run again: one order that fares otherwise would change all that it asks for
//! next, and no two orders could be compared any more. What was asked is taken as it was asked, at
//! the time at which it left us; what the venue would have done with it is predicted. So an error
//! is the model's alone: of the delays, the queue, the fills.
//!
//! Invariants
//! - R1: our own lots and takes are no part of the market that the orders are played into
//!   (`Ours`), where the market was recorded with them.
//! - R2: what an order really got is read from its fills, each counted once.

mod clock;
mod delays;
mod errors;
mod kept;
mod queues;
mod table;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use engine::machine::MachineConfig;
use journal::{OpenError, ReadError};
use model::blob;
use model::instrument::InstrumentSpec;

pub use clock::Clock;
pub use delays::{DelayRow, Spans, Waterfalls, is_open, waterfalls};
pub use errors::{Errors, Spread};
pub use kept::{Asked, Order};
pub use queues::{QueueFit, QueueRow};

use self::table::Table;
use crate::backtest::{BacktestError, DataError, Fate, Latencies, QueueChoice, Stage, VenuePlan};

/// Why a journal cannot be compared. Each is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// It is no journal, or cannot be opened.
    #[error("{path}: {source}; name the journal directory of a run")]
    Open {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// It cannot be read to its end.
    #[error("{path}: {source}; `caracal journal salvage` copies what is intact")]
    Read {
        /// Its directory.
        path: PathBuf,
        /// Where and why.
        source: ReadError,
    },
    /// A configuration or an instrument in it is unreadable.
    #[error("{path}: sequence {seq}: {source}; was it written by another version?")]
    Blob {
        /// Its directory.
        path: PathBuf,
        /// Log sequence.
        seq: u64,
        /// What is wrong.
        source: blob::BlobError,
    },
    /// There is nothing to compare.
    #[error("{path}: not one order left us in {records} records: nothing to compare")]
    NoOrders {
        /// Its directory.
        path: PathBuf,
        /// Records that it has.
        records: u64,
    },
    /// It says of no request when the venue had it.
    #[error(
        "{path}: not one answer with the venue's time in {records} records: no delays to learn \
         from; name the journal of a run that traded"
    )]
    NoDelays {
        /// Its directory.
        path: PathBuf,
        /// Records that it has.
        records: u64,
    },
    /// The orders' instruments are not in it.
    #[error(
        "{path}: {orders} orders, but no definition of their instruments, or no market of theirs; \
         was its beginning pruned?"
    )]
    NoMarket {
        /// Its directory.
        path: PathBuf,
        /// Orders that left us.
        orders: u64,
    },
    /// The market's times are not of the orders' clock.
    #[error(
        "{path}: the market's times are {seconds} s before those of the orders: a recording was \
         played; its orders cannot be placed in it"
    )]
    AnotherTime {
        /// Its directory.
        path: PathBuf,
        /// How far apart the two are.
        seconds: u64,
    },
    /// The market.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The simulated venue.
    #[error(transparent)]
    Play(#[from] BacktestError),
}

/// How a journal's orders are to be played.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The simulated venue. Of its limits, outages and fees nothing is played.
    pub venue: VenuePlan,
    /// The delays. `None`: each request arrives when the venue said that it did; where it did not
    /// say, after a delay such as the others had. Laws that are to be drawn from a journal and have
    /// nothing to draw from are drawn from this one.
    pub latencies: Option<Latencies>,
    /// Name of the venue's queue model.
    pub queue: String,
    /// Other models to try, by name.
    pub others: Vec<(String, QueueChoice)>,
    /// Whether the market was recorded with our own orders in it, as a venue's is; a backtest's
    /// own journal has them not.
    pub shows_us: bool,
    /// How late a market record may be, nanoseconds.
    pub late_max_ns: u64,
}

/// One order: what became of it, and what was predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The order.
    pub order: Order,
    /// What became of it.
    pub actual: Fate,
    /// What the simulated venue did with it.
    pub predicted: Fate,
}

/// Orders that are not compared, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Never left us, or the journal ends before it says so.
    pub not_sent: u64,
    /// Refused by the venue for what no model of fills knows: balance, rate, permission.
    pub refused: u64,
    /// Of an instrument without a market in the journal.
    pub no_market: u64,
}

/// What a comparison found.
#[derive(Debug)]
pub struct Comparison {
    /// The machine's configuration as the journal has it last, if it has one.
    pub machine: Option<MachineConfig>,
    /// Instruments, as the journal numbers them.
    pub instruments: Vec<InstrumentSpec>,
    /// Records of the journal, of any kind.
    pub records: u64,
    /// The two clocks.
    pub clock: Clock,
    /// Orders that were left out.
    pub skipped: Skipped,
    /// Each order compared, in the order of their leaving.
    pub pairs: Vec<Pair>,
    /// How well they were predicted.
    pub errors: Errors,
    /// The delays of the run.
    pub delays: Vec<DelayRow>,
    /// What our own fills say of the queue; `None` of too few orders.
    pub queues: Option<QueueFit>,
}

/// A feed is never this slow: the market's times are of another time, nanoseconds.
const ANOTHER_TIME_NS: i64 = 10_000_000_000;

/// Compares the orders of the journal at `path` with what the simulated venue makes of them.
/// `progress` hears how many records were read, of twice as many as the journal has.
///
/// # Errors
///
/// [`CompareError`].
pub fn compare(
    path: &Path,
    wanted: &Wanted,
    mut progress: impl FnMut(u64),
) -> Result<Comparison, CompareError> {
    let kept = kept::read(path, &mut progress)?;
    let table = Table::set(path, kept, wanted)?;
    let queues = std::iter::once(&wanted.venue.queues);
    let queues = queues.chain(wanted.others.iter().map(|(_, queue)| queue));
    let stages: Vec<Stage> = queues.map(|queue| table.stage(wanted, queue)).collect();
    let records = table.kept.records;
    let fates = table.play(path, wanted, &stages, |read| {
        progress(records.saturating_add(read));
    })?;
    let others = wanted.others.iter().map(|(name, _)| name.clone());
    let names = std::iter::once(wanted.queue.clone()).chain(others);
    let mut models: Vec<(String, Vec<Pair>)> = names
        .zip(&fates)
        .map(|(name, fates)| (name, table.pairs(fates)))
        .collect();
    let queues = QueueFit::of(&models);
    let falls = Waterfalls::of(&table.kept, &table.clock);
    let pairs = std::mem::take(&mut models[0].1);
    let errors = Errors::of(pairs.iter());
    Ok(Comparison {
        machine: table.kept.machine,
        instruments: table.kept.instruments,
        records,
        clock: table.clock,
        skipped: table.skipped,
        pairs,
        errors,
        delays: falls.rows(queues::FIRST_PERCENT),
        queues,
    })
}
