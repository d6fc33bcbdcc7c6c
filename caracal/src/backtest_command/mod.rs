//! `caracal backtest`: the machine over recorded markets, and what came of it.

mod args;
mod compare;
mod out;
mod prepare;
mod told;

use std::time::Instant;

use engine::strategy::Registry;
use replay::backtest::Backtest;

pub(crate) use args::BacktestArgs;
pub(crate) use out::{collector, whole};
pub(crate) use prepare::{Prepared, Wanted, closed, found_shift, latencies, prepare};

use crate::config::BacktestConfig;
use crate::output::Failure;
use crate::replay_command::progress_bar;

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
    let mut collectors = [out::collector(&config, &prepared.specs)];
    let plans = vec![prepared.plan];
    let backtest =
        Backtest::new(prepared.feed, plans, registry, journal).map_err(Failure::because)?;
    let outcomes = backtest
        .run(&mut collectors, |records| bar.set_position(records))
        .map_err(Failure::because)?;
    bar.finish_and_clear();
    let took = began.elapsed();
    let Some(outcome) = outcomes.first() else {
        return Err(Failure::Message("nothing was run".to_owned()));
    };
    if let Some(dir) = &args.out {
        let report = out::report(args, &config, &prepared.specs, outcome, &collectors[0])?;
        out::write(dir, &report)?;
    }
    let performance = collectors[0].performance();
    told::print(args, &config, outcome, &performance, took)
}
