//! `caracal backtest`: the machine over recorded markets, and what came of it.

mod args;
mod compare;
mod out;
mod prepare;
mod tables;
mod told;

use std::time::Instant;

use engine::strategy::Registry;
use replay::backtest::{Backtest, FillRow, Observer, OrderRow, Sample};
use replay::report::Collector;

pub(crate) use args::BacktestArgs;
pub(crate) use out::{collector, publish, whole};
pub(crate) use prepare::{Prepared, Wanted, closed, found_shift, latencies, prepare};

use crate::config::BacktestConfig;
use crate::output::Failure;
use crate::replay_command::progress_bar;
use tables::Tables;

/// Shows a run to the report's collector and to its tables.
struct Watch {
    collector: Collector,
    tables: Option<Tables>,
}

impl Observer for Watch {
    fn order(&mut self, row: &OrderRow) {
        self.collector.order(row);
        if let Some(tables) = &mut self.tables {
            tables.order(row);
        }
    }

    fn fill(&mut self, row: &FillRow) {
        self.collector.fill(row);
        if let Some(tables) = &mut self.tables {
            tables.fill(row);
        }
    }

    fn sample(&mut self, sample: &Sample) {
        self.collector.sample(sample);
        if let Some(tables) = &mut self.tables {
            tables.sample(sample);
        }
    }
}

/// Runs the command.
///
/// # Errors
///
/// [`Failure`]: what, where, and what to do.
pub(crate) fn run(args: &BacktestArgs, registry: &Registry) -> Result<(), Failure> {
    if let Some(journal) = &args.from_journal {
        return compare::run(args, journal, registry);
    }
    let config = BacktestConfig::load(args.config(), registry).map_err(Failure::because)?;
    if let Some(dir) = &args.out {
        out::prepare(dir)?;
    }
    let began = Instant::now();
    let prepared = prepare(args.wanted(), &config)?;
    let bar = progress_bar("backtest", prepared.records);
    let journal = args.journal.as_deref();
    let tables = match &args.out {
        Some(dir) => Some(Tables::new(dir, &config, &prepared.specs)?),
        None => None,
    };
    let mut watch = [Watch {
        collector: out::collector(&config, &prepared.specs),
        tables,
    }];
    let plans = vec![prepared.plan];
    let backtest =
        Backtest::new(prepared.feed, plans, registry, journal).map_err(Failure::because)?;
    let outcomes = backtest
        .run(&mut watch, |records| bar.set_position(records))
        .map_err(Failure::because)?;
    bar.finish_and_clear();
    let took = began.elapsed();
    let Some(outcome) = outcomes.first() else {
        return Err(Failure::Message("nothing was run".to_owned()));
    };
    let [Watch { collector, tables }] = watch;
    if let Some(dir) = &args.out {
        let report = out::report(args, &config, &prepared.specs, outcome, &collector)?;
        out::write(dir, &report)?;
    }
    if let Some(tables) = tables {
        tables.finish()?;
    }
    told::print(args, &config, outcome, &collector, took)
}
