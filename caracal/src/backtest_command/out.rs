//! The report's directory: what may stand there, and how files get there whole.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use model::instrument::InstrumentSpec;
use replay::backtest::Outcome;
use replay::report::{Collector, Report, Run, Units, page};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::args::BacktestArgs;
use crate::config::BacktestConfig;
use crate::output::{Failure, hex};
use crate::run::program_digest;

/// The numbers of a report.
const NUMBERS: &str = "report.json";
/// The page of a report.
const PAGE: &str = "report.html";
/// The numbers of a comparison with a live run.
pub(super) const COMPARISON: &str = "comparison.json";
/// Files of a report, and what an interrupted one leaves.
const FILES: [&str; 6] = [
    PAGE,
    NUMBERS,
    COMPARISON,
    ".report.html",
    ".report.json",
    ".comparison.json",
];

/// Makes the directory, or finds that it holds nothing but an earlier report.
///
/// # Errors
///
/// [`Failure`]: something else is in it, or it cannot be made.
pub(crate) fn prepare(dir: &Path) -> Result<(), Failure> {
    let place = dir.display().to_string();
    fs::create_dir_all(dir).map_err(|error| Failure::while_doing(&place, error))?;
    let entries = fs::read_dir(dir).map_err(|error| Failure::while_doing(&place, error))?;
    for entry in entries {
        let name = entry
            .map_err(|error| Failure::while_doing(&place, error))?
            .file_name();
        if !FILES.iter().any(|file| name == *file) {
            return Err(Failure::Message(format!(
                "--out {place}: holds {}, which is no part of a report; name an empty or a new \
                 directory",
                name.display()
            )));
        }
    }
    Ok(())
}

/// What collects for a report.
pub(crate) fn collector(config: &BacktestConfig, instruments: &[InstrumentSpec]) -> Collector {
    let step = |value: Option<Decimal>| value.and_then(|one| one.to_f64()).unwrap_or(1.0);
    let units = instruments.iter().map(|spec| Units {
        tick: step(spec.tick.decimal(1)),
        lot: step(spec.lot.decimal(1)),
    });
    let reporting = &config.machine.reporting;
    let all = config.balances.iter().flatten();
    let own = all.filter(|(asset, _)| asset == reporting);
    let cash: Decimal = own.map(|(_, amount)| *amount).sum();
    Collector::new(units.collect(), cash.to_f64().unwrap_or(0.0))
}

/// The report of a run.
///
/// # Errors
///
/// [`Failure`]: the configuration cannot be read again.
pub(crate) fn report(
    args: &BacktestArgs,
    config: &BacktestConfig,
    instruments: &[InstrumentSpec],
    outcome: &Outcome,
    collector: &Collector,
) -> Result<Report, Failure> {
    let text = fs::read_to_string(args.config()).map_err(Failure::because)?;
    let command: Vec<String> = std::env::args().collect();
    let first = instruments.first();
    let run = Run {
        command: command.join(" "),
        config: text,
        data: args
            .data
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
        program: hex(&program_digest()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        strategies: config
            .machine
            .strategies
            .iter()
            .map(|strategy| strategy.name.clone())
            .collect(),
        instruments: instruments.iter().map(|spec| spec.name.clone()).collect(),
        base: first.map_or_else(String::new, |spec| spec.base.clone()),
        quote: first.map_or_else(String::new, |spec| spec.quote.clone()),
        reporting: config.machine.reporting.clone(),
    };
    Ok(Report::new(run, outcome, collector))
}

/// Writes the report's files.
///
/// # Errors
///
/// [`Failure`]: the disk.
pub(crate) fn write(dir: &Path, report: &Report) -> Result<(), Failure> {
    let numbers = serde_json::to_string_pretty(report).map_err(Failure::because)?;
    whole(dir, NUMBERS, &numbers)?;
    whole(dir, PAGE, &page(report).map_err(Failure::because)?)
}

/// Writes a file beside its place and moves it there, so that it is whole or as it was. It waits
/// for the disk: one over a network may say only then that it is full.
pub(crate) fn whole(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
    let (path, draft) = (dir.join(name), dir.join(format!(".{name}")));
    let write = || {
        let mut file = fs::File::create(&draft)?;
        file.write_all(bytes.as_ref())?;
        file.sync_all()?;
        fs::rename(&draft, &path)
    };
    write().map_err(|error| {
        // Its room is wanted for what is whole.
        let _gone_or_not = fs::remove_file(&draft);
        Failure::while_doing(&path.display().to_string(), error)
    })
}
