//! The report's directory: what may stand there, and how files get there whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use model::instrument::{Contract, InstrumentSpec};
use replay::backtest::Outcome;
use replay::report::{Collector, Report, Run, Units, page};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::args::BacktestArgs;
use super::tables::TABLES;
use crate::config::BacktestConfig;
use crate::output::{Failure, hex};
use crate::run::program_digest;

/// The numbers of a report.
const NUMBERS: &str = "report.json";
/// The page of a report.
const PAGE: &str = "report.html";
/// The numbers of a comparison with a live run.
pub(super) const COMPARISON: &str = "comparison.json";
/// The page of one.
pub(super) const COMPARISON_PAGE: &str = "comparison.html";
/// Files of a report; what an interrupted one leaves has a point before its name.
const FILES: [&str; 7] = [
    PAGE,
    NUMBERS,
    COMPARISON,
    COMPARISON_PAGE,
    TABLES[0],
    TABLES[1],
    TABLES[2],
];
/// The key of a report's form, which an import's `report.json` does not have.
const FORM_KEY: &str = "form";

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
        let name = name.to_string_lossy();
        if !FILES.contains(&name.strip_prefix('.').unwrap_or(&name)) {
            return Err(Failure::Message(format!(
                "--out {place}: holds {name}, which is no part of a report; name an empty or a \
                 new directory"
            )));
        }
    }
    another(&dir.join(NUMBERS), &place)
}

/// Refuses a `report.json` that a backtest did not write: an import has one too.
fn another(numbers: &Path, place: &str) -> Result<(), Failure> {
    let Ok(text) = fs::read_to_string(numbers) else {
        return Ok(());
    };
    let known = serde_json::from_str::<serde_json::Value>(&text);
    if known.is_ok_and(|report| report.get(FORM_KEY).is_some()) {
        return Ok(());
    }
    Err(Failure::Message(format!(
        "--out {place}: holds a {NUMBERS} that is no backtest's (an import writes one too); name \
         an empty or a new directory"
    )))
}

/// What collects for a report.
pub(crate) fn collector(config: &BacktestConfig, instruments: &[InstrumentSpec]) -> Collector {
    let step = |value: Option<Decimal>| value.and_then(|one| one.to_f64()).unwrap_or(1.0);
    let units = instruments.iter().map(|spec| Units {
        tick: step(spec.tick.decimal(1)),
        lot: step(spec.lot.decimal(1)),
        multiplier: match &spec.contract {
            Contract::Spot => 1.0,
            Contract::Linear(terms) | Contract::Inverse(terms) => step(Some(terms.multiplier)),
        },
        inverse: matches!(spec.contract, Contract::Inverse(_)),
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
        config_digest: hex(blake3::hash(text.as_bytes()).as_bytes()),
        seed: config.backtest.latencies.seed,
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
        let mut file = File::create(&draft)?;
        file.write_all(bytes.as_ref())?;
        publish(&file, dir, name)
    };
    write().map_err(|error| {
        // Its room is wanted for what is whole.
        let _gone_or_not = fs::remove_file(&draft);
        Failure::while_doing(&path.display().to_string(), error)
    })
}

/// Syncs a draft, which has a point before its name, and gives it its name; then the directory is
/// synced, so that the name too outlives a power failure.
pub(crate) fn publish(draft: &File, dir: &Path, name: &str) -> io::Result<()> {
    draft.sync_all()?;
    fs::rename(dir.join(format!(".{name}")), dir.join(name))?;
    File::open(dir)?.sync_all()
}
