//! Reports of backtests: what is collected while one runs, what it says in numbers, and the page
//! that shows it.
//!
//! `report.json` and the page hold the same: [`Report`] is both. Everything here is for people;
//! nothing flows back into a machine.

mod collect;
mod page;
mod series;
mod statistics;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::backtest::Outcome;

pub use collect::{Collector, FillMark, Part, Point, Trading, Units};
pub use page::page;
pub use series::Series;
pub use statistics::{Drawdown, Performance, performance};

/// What was run: enough to run it again.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Run {
    /// Command line.
    pub command: String,
    /// The configuration's text.
    pub config: String,
    /// Data sets.
    pub data: Vec<String>,
    /// BLAKE3 of the configuration's text, hexadecimal.
    pub config_digest: String,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// BLAKE3 of the program's file, hexadecimal.
    pub program: String,
    /// The program's version.
    pub version: String,
    /// Names of the strategies.
    pub strategies: Vec<String>,
    /// Names of the instruments.
    pub instruments: Vec<String>,
    /// Base asset of the first instrument.
    pub base: String,
    /// Quote asset of the first instrument.
    pub quote: String,
    /// Currency of profit and fees.
    pub reporting: String,
}

/// Counts of the data and the machine.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Counted {
    /// Market records read.
    pub market_records: u64,
    /// Records later than the configuration allows for.
    pub late: u64,
    /// Records that made no sense.
    pub malformed: u64,
    /// Digest of what was read of each data set, hexadecimal.
    pub data: Vec<String>,
    /// First instant, nanoseconds since the Unix epoch.
    pub from_ns: u64,
    /// Last instant.
    pub to_ns: u64,
    /// Events of the machine.
    pub events: u64,
    /// Its commands.
    pub commands: u64,
    /// Orders that the venue refused.
    pub rejects: u64,
    /// Wishes that risk refused.
    pub refusals: u64,
    /// Positions that a venue closed by force.
    pub liquidations: u64,
    /// Profit, exact, reporting currency; `None` without a rate.
    pub pnl: Option<String>,
    /// Fees, exact, reporting currency.
    pub fees: String,
    /// State hash behind the last event, hexadecimal.
    pub state_hash: String,
}

/// A series of the plots: points of equal index belong together.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Plot {
    /// Milliseconds since the Unix epoch.
    pub time_ms: Vec<u64>,
    /// Profit, reporting currency.
    pub profit: Vec<f64>,
    /// Fall from the highest profit so far.
    pub drawdown: Vec<f64>,
    /// Position of the first instrument, base.
    pub position: Vec<f64>,
    /// Middle of the first instrument, quote.
    pub price: Vec<Option<f64>>,
}

/// Everything that a report holds: `report.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Version of this form.
    pub form: u32,
    /// What was run.
    pub run: Run,
    /// Counts.
    pub counted: Counted,
    /// Ratios of the profit.
    pub performance: Performance,
    /// Orders and fills.
    pub trading: Trading,
    /// Profit by hour of the day, UTC.
    pub hours: Vec<Part>,
    /// Profit in quiet, middling and wild thirds of the samples.
    pub regimes: Vec<Part>,
    /// Orders by time to the venue and by time of the answer: upper end in microseconds, counts.
    pub latencies: Vec<(Option<u64>, u64, u64)>,
    /// Fills by markout after a second: lower end in 0.01 %, count.
    pub markouts: Vec<(Option<f64>, u64)>,
    /// Series.
    pub plot: Plot,
    /// Fills of the first instrument, the last 5,000.
    pub marks: Vec<FillMark>,
}

/// Form of `report.json`.
pub const FORM: u32 = 1;

impl Report {
    /// The report of a run that ended.
    #[must_use]
    pub fn new(run: Run, outcome: &Outcome, collector: &Collector) -> Self {
        let mut plot = Plot::default();
        for (time_ns, point) in collector.points() {
            plot.time_ms.push(time_ns / 1_000_000);
            plot.profit.push(point.profit);
            plot.drawdown.push(point.drawdown);
            plot.position.push(point.position);
            plot.price.push(point.price);
        }
        Self {
            form: FORM,
            run,
            counted: counted(outcome),
            performance: collector.performance(),
            trading: collector.trading(),
            hours: collector.hours().to_vec(),
            regimes: collector.regimes().to_vec(),
            latencies: collector.latencies(),
            markouts: collector.markouts(),
            plot,
            marks: collector.marks().copied().collect(),
        }
    }
}

fn counted(outcome: &Outcome) -> Counted {
    let hex = outcome.state_hash.iter();
    Counted {
        market_records: outcome.market_records,
        late: outcome.late,
        malformed: outcome.malformed,
        data: outcome
            .data
            .iter()
            .map(|one| format!("{one:016x}"))
            .collect(),
        from_ns: outcome.span_ns.0,
        to_ns: outcome.span_ns.1,
        events: outcome.counts.events,
        commands: outcome.counts.commands,
        rejects: outcome.counts.rejects,
        refusals: outcome.counts.refusals,
        liquidations: outcome.liquidations,
        pnl: outcome.profit.map(|profit| profit.to_string()),
        fees: outcome.fees.to_string(),
        state_hash: hex.map(|byte| format!("{byte:02x}")).collect(),
    }
}
