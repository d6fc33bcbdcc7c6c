//! A sweep's results in columns: `results.parquet`, one row a backtest.
//!
//! A setting's column is `set_` and its path, with `_` for what is neither letter nor digit; it is
//! a number where all of its values are. `caracal.settings` in the file's metadata has the paths,
//! and `caracal.units` each column's unit, both as JSON. A backtest that failed has an error and no
//! numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;

use serde_json::json;

use super::item::Item;
use super::plan::Plan;
use crate::backtest_command::publish;
use crate::output::Failure;
use crate::parquet_table::{Cell, Table};

/// The file.
const FILE: &str = "results.parquet";
/// Its form, `caracal.schema`.
const SCHEMA: &str = "1";

/// The values of a column, one a row.
enum Values {
    Whole(Vec<Option<i64>>),
    Float(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
}

struct Column {
    name: String,
    unit: String,
    values: Values,
}

/// Writes the file into `dir`, whole or not at all. `currency` is the reporting one.
///
/// # Errors
///
/// [`Failure`]: the disk.
pub(super) fn write(
    plan: &Plan,
    items: &[Item],
    currency: &str,
    dir: &Path,
) -> Result<(), Failure> {
    let draft = dir.join(format!(".{FILE}"));
    let columns = table(plan, items, currency);
    let written = File::create(&draft)
        .map_err(Failure::because)
        .and_then(|file| fill(file, plan, &columns, items.len()).map_err(Failure::because))
        .and_then(|file| publish(&file, dir, FILE).map_err(Failure::because));
    written.map_err(|error| {
        // Its room is wanted for what is whole.
        let _gone_or_not = fs::remove_file(&draft);
        Failure::while_doing(&dir.join(FILE).display().to_string(), error)
    })
}

fn fill(file: File, plan: &Plan, columns: &[Column], rows: usize) -> parquet::errors::Result<File> {
    let paths: Vec<&str> = plan.settings.iter().map(|one| one.path.as_str()).collect();
    let units: BTreeMap<&str, &str> = columns
        .iter()
        .map(|column| (column.name.as_str(), column.unit.as_str()))
        .collect();
    let told = [
        ("caracal.schema", SCHEMA.to_owned()),
        ("caracal.settings", json!(paths).to_string()),
        ("caracal.units", json!(units).to_string()),
    ];
    let fields: Vec<String> = columns.iter().map(Column::field).collect();
    let schema = format!("message caracal_sweep {{ {} }}", fields.join(" "));
    let mut table = Table::new(file, &schema, &told)?;
    for row in 0..rows {
        table.push(columns.iter().map(|column| column.cell(row)))?;
    }
    table.finish()
}

impl Column {
    fn field(&self) -> String {
        let (physical, logical) = match self.values {
            Values::Whole(_) => ("INT64", ""),
            Values::Float(_) => ("DOUBLE", ""),
            Values::Text(_) => ("BYTE_ARRAY", " (STRING)"),
        };
        format!("OPTIONAL {physical} {}{logical};", self.name)
    }

    fn cell(&self, row: usize) -> Cell {
        match &self.values {
            Values::Whole(all) => Cell::of(all[row], Cell::Whole),
            Values::Float(all) => Cell::of(all[row], Cell::Float),
            Values::Text(all) => Cell::of(all[row].clone(), Cell::Text),
        }
    }
}

fn table(plan: &Plan, items: &[Item], currency: &str) -> Vec<Column> {
    let column = |name: &str, unit: &str, values| Column {
        name: name.to_owned(),
        unit: unit.to_owned(),
        values,
    };
    let whole = |of: &dyn Fn(&Item) -> Option<u64>| {
        let all = items.iter();
        Values::Whole(
            all.map(|item| of(item).and_then(|value| value.try_into().ok()))
                .collect(),
        )
    };
    let text = |of: &dyn Fn(&Item) -> Option<String>| Values::Text(items.iter().map(of).collect());
    let mut columns = vec![column(
        "item",
        "number",
        whole(&|item| Some(item.index as u64)),
    )];
    if plan.walk.is_some() {
        let place = |item: &Item| plan.place(item.index);
        let part = |item: &Item| if place(item).1 { "test" } else { "training" }.to_owned();
        columns.push(column(
            "window",
            "number",
            whole(&|item| Some(place(item).0 as u64)),
        ));
        columns.push(column("part", "name", text(&|item| Some(part(item)))));
    }
    for (name, path) in names(plan) {
        let value = |item: &Item| item.settings.get(path).cloned();
        columns.push(column(
            &name,
            "as configured",
            numbers_or_texts(text(&value)),
        ));
    }
    columns.push(column("error", "text", text(&|item| item.error.clone())));
    columns.push(column(
        "pnl_exact",
        currency,
        text(&|item| item.pnl.clone()),
    ));
    let ran = |item: &Item| item.error.is_none();
    let fees = |item: &Item| ran(item).then(|| item.fees.clone());
    columns.push(column("fees_exact", currency, text(&fees)));
    let pnl = items.iter().map(|item| item.metric("pnl")).collect();
    columns.push(column("pnl", currency, Values::Float(pnl)));
    let statistics: BTreeSet<&String> = items
        .iter()
        .flat_map(|item| item.statistics.keys())
        .collect();
    for name in statistics {
        let all = items.iter().map(|item| item.statistics.get(name).copied());
        columns.push(column(
            name,
            unit(name, currency),
            Values::Float(all.collect()),
        ));
    }
    let trips = |item: &Item| ran(item).then_some(item.round_trips);
    columns.push(column("round_trips", "number", whole(&trips)));
    let hash = |item: &Item| ran(item).then(|| item.state_hash.clone());
    columns.push(column("state_hash", "BLAKE3", text(&hash)));
    columns
}

/// Each setting's column and path; where two would have one name, their place is behind it.
fn names(plan: &Plan) -> Vec<(String, &str)> {
    let mut names: Vec<(String, &str)> = Vec::new();
    for setting in &plan.settings {
        let letter = |one: char| {
            if one.is_ascii_alphanumeric() {
                one
            } else {
                '_'
            }
        };
        let plain: String = setting.path.chars().map(letter).collect();
        let mut name = format!("set_{plain}");
        while names.iter().any(|(known, _)| *known == name) {
            name = format!("{name}_{}", names.len());
        }
        names.push((name, &setting.path));
    }
    names
}

fn numbers_or_texts(values: Values) -> Values {
    let Values::Text(texts) = values else {
        return values;
    };
    let number = |text: &String| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let all_are = texts.iter().flatten().all(|text| number(text).is_some());
    if !all_are {
        return Values::Text(texts);
    }
    let numbers = texts.iter().map(|text| text.as_ref().and_then(number));
    Values::Float(numbers.collect())
}

/// The unit of a statistic; see `replay::report` for what each is.
fn unit<'a>(name: &str, currency: &'a str) -> &'a str {
    match name {
        "profit" | "capital" | "max_drawdown" | "value_at_risk_95" | "value_at_risk_99"
        | "turnover" | "fees" => currency,
        "total_return" | "fill_ratio" | "maker_share" | "time_in_position" | "is_short" => "1",
        "sharpe" | "sortino" | "calmar" => "1, of a year",
        "seconds_to_fill" => "s",
        _ if name.ends_with("_s") => "s",
        _ if name.ends_with("_bps") => "0.01 % of the price",
        _ => "number",
    }
}
