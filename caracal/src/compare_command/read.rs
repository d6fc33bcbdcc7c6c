//! Reading reports, and what was not the same in the runs that made them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::output::Failure;

/// A report as it was read.
pub(super) struct Loaded {
    /// The directory's last part, or all of its path where two would have one name.
    pub(super) name: String,
    /// Where it stands.
    pub(super) dir: PathBuf,
    /// `report.json`.
    pub(super) report: Value,
}

/// Reads the reports.
///
/// # Errors
///
/// [`Failure`]: the first directory that has none, or one that this program does not read.
pub(super) fn load(dirs: &[PathBuf]) -> Result<Vec<Loaded>, Failure> {
    let last = |dir: &Path| {
        let name = dir.file_name().map(|name| name.to_string_lossy());
        name.map_or_else(|| dir.display().to_string(), |name| name.into_owned())
    };
    let mut runs = Vec::new();
    for dir in dirs {
        let short = last(dir);
        let twins = dirs.iter().filter(|other| last(other) == short).count();
        let name = if twins > 1 {
            dir.display().to_string()
        } else {
            short
        };
        let report = read(dir)?;
        runs.push(Loaded {
            name,
            dir: dir.clone(),
            report,
        });
    }
    Ok(runs)
}

fn read(dir: &Path) -> Result<Value, Failure> {
    let path = dir.join("report.json");
    let place = path.display();
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::Message(format!(
            "{}: no report of a backtest: {place}: {error}; name a directory that `caracal \
             backtest --out` wrote",
            dir.display()
        ))
    })?;
    let report: Value = serde_json::from_str(&text).map_err(|error| {
        Failure::Message(format!("{place}: is no whole JSON: {error}; run it again"))
    })?;
    let known = replay::report::FORM;
    match report.get("form").and_then(Value::as_u64) {
        Some(form) if form == u64::from(known) => whole(report, &path),
        Some(form) => Err(Failure::Message(format!(
            "{place}: is of form {form}, this program reads form {known}; run the backtest again"
        ))),
        None => Err(Failure::Message(format!(
            "{place}: is no report of a backtest (an import writes a report.json too); name a \
             directory that `caracal backtest --out` wrote"
        ))),
    }
}

/// Refuses a report that has not got its parts.
fn whole(report: Value, path: &Path) -> Result<Value, Failure> {
    let columns = ["time_ms", "profit", "drawdown"].map(|key| &report["plot"][key]);
    let lengths = columns.map(|column| column.as_array().map(Vec::len));
    let parts = ["run", "counted", "performance", "trading"];
    let lost = parts.into_iter().find(|part| !report[part].is_object());
    let lost = lost.or((lengths[0].is_none() || lengths != [lengths[0]; 3]).then_some("plot"));
    match lost {
        None => Ok(report),
        Some(part) => Err(Failure::Message(format!(
            "{}: {part} is missing or torn; run the backtest again",
            path.display()
        ))),
    }
}

/// What of program, data and configuration is not the same in all runs, with each one's value
/// (null: it has none), by name.
pub(super) fn differing(runs: &[Loaded]) -> Vec<(String, Vec<Value>)> {
    let of: Vec<BTreeMap<String, Value>> = runs.iter().map(|run| facts(&run.report)).collect();
    let mut names: Vec<&String> = of.iter().flat_map(BTreeMap::keys).collect();
    names.sort();
    names.dedup();
    let rows = names.into_iter().map(|name| {
        let values = of.iter().map(|facts| facts.get(name).cloned());
        let values: Vec<Value> = values.map(Option::unwrap_or_default).collect();
        (name.clone(), values)
    });
    rows.filter(|(_, values)| values.iter().any(|value| *value != values[0]))
        .collect()
}

/// What a run was made of, flat. A configuration that is no TOML is one fact, its text.
fn facts(report: &Value) -> BTreeMap<String, Value> {
    let mut facts = BTreeMap::new();
    let (run, counted) = (&report["run"], &report["counted"]);
    for key in ["version", "program", "data"] {
        facts.insert(key.to_owned(), run[key].clone());
    }
    facts.insert("data digests".to_owned(), counted["data"].clone());
    for key in ["from_ns", "to_ns", "market_records"] {
        facts.insert(format!("data.{key}"), counted[key].clone());
    }
    let text = run["config"].as_str().unwrap_or_default();
    match toml::from_str::<Value>(text) {
        Ok(config) => flat("config", &config, &mut facts),
        Err(_) => {
            facts.insert("config".to_owned(), text.into());
        }
    }
    facts
}

fn flat(path: &str, value: &Value, facts: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                flat(&format!("{path}.{key}"), value, facts);
            }
        }
        Value::Array(values) if values.iter().any(Value::is_object) => {
            for (index, value) in values.iter().enumerate() {
                flat(&format!("{path}[{index}]"), value, facts);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            facts.insert(path.to_owned(), value.clone());
        }
    }
}
