//! A sweep's results in columns: `results.parquet`, one row a backtest.
//!
//! A setting's column is `set_` and its path, with `_` for what is neither letter nor digit; it is
//! a number where all of its values are. `caracal.settings` in the file's metadata has the paths,
//! and `caracal.units` each column's unit, both as JSON. A backtest that failed has an error and no
//! numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use super::item::Item;
use super::plan::Plan;

/// Form of the file, `caracal.schema`.
const SCHEMA: &str = "1";
/// Effort of the compression: Zstandard's own default.
const ZSTD_LEVEL: i32 = 3;

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

/// The file's bytes. `currency` is the reporting one.
///
/// # Errors
///
/// What the Parquet writer says.
pub(super) fn columns(plan: &Plan, items: &[Item], currency: &str) -> Result<Vec<u8>> {
    let columns = table(plan, items, currency);
    let paths: Vec<&str> = plan.settings.iter().map(|one| one.path.as_str()).collect();
    let units: BTreeMap<&str, &str> = columns
        .iter()
        .map(|column| (column.name.as_str(), column.unit.as_str()))
        .collect();
    let told = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_created_by(format!("caracal {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(vec![
            told("caracal.schema", SCHEMA.to_owned()),
            told("caracal.settings", serde_json::json!(paths).to_string()),
            told("caracal.units", serde_json::json!(units).to_string()),
        ]))
        .build();
    let mut fields = Vec::new();
    for column in &columns {
        fields.push(Arc::new(column.field()?));
    }
    let schema = Type::group_type_builder("caracal_sweep")
        .with_fields(fields)
        .build()?;
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for column in columns {
        match column.values {
            Values::Whole(all) => put::<Int64Type>(&mut group, all)?,
            Values::Float(all) => put::<DoubleType>(&mut group, all)?,
            Values::Text(all) => {
                let bytes = |text: String| ByteArray::from(text.into_bytes());
                let all = all.into_iter().map(|one| one.map(bytes)).collect();
                put::<ByteArrayType>(&mut group, all)?;
            }
        }
    }
    group.close()?;
    writer.into_inner()
}

impl Column {
    fn field(&self) -> Result<Type> {
        let (physical, logical) = match self.values {
            Values::Whole(_) => (Physical::INT64, None),
            Values::Float(_) => (Physical::DOUBLE, None),
            Values::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        Type::primitive_type_builder(&self.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
    }
}

/// Writes the next column.
fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    all: Vec<Option<T::T>>,
) -> Result<()> {
    let present: Vec<i16> = all.iter().map(|one| i16::from(one.is_some())).collect();
    let values: Vec<T::T> = all.into_iter().flatten().collect();
    if let Some(mut column) = group.next_column()? {
        let typed = column.typed::<T>();
        typed.write_batch(&values, Some(&present), None)?;
        column.close()?;
    }
    Ok(())
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
