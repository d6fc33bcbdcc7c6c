//! `caracal journal export`: what is written reads back as what the journal holds.

use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::Value;

use crate::journal_rig::{complained, make, printed};

fn rows(path: &Path) -> Vec<Row> {
    let file = std::fs::File::open(path).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(Result::unwrap).collect()
}

fn field<'a>(row: &'a Row, name: &str) -> &'a Field {
    let mut columns = row.get_column_iter();
    columns.find(|(column, _)| *column == name).unwrap().1
}

/// A field as `cat --json` would show it.
fn shown(field: &Field) -> Value {
    if let Field::Str(text) = field {
        return text.as_str().into();
    }
    // Numbers and null look the same in JSON.
    serde_json::from_str(&field.to_string()).unwrap()
}

/// Goal: the file says the same as `cat --json`, row by row, over more than one row group.
#[test]
fn export_parquet_reads_back_as_the_records() {
    let directory = tempfile::tempdir().unwrap();
    let last = make(&directory.path().join("j"), 27_000);
    let arguments = [
        "export",
        "j",
        "--format",
        "parquet",
        "--out",
        "x.parquet",
        "--json",
    ];
    let text = printed(directory.path(), &arguments);
    let said: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(said["records"], last);
    let path = directory.path().join("x.parquet");
    assert_eq!(said["bytes"], path.metadata().unwrap().len());
    assert!(last > 1 << 17, "more than one row group");
    let rows = rows(&path);
    let cat = printed(directory.path(), &["cat", "j", "--json"]);
    assert_eq!(rows.len() as u64, last);
    for (row, line) in rows.iter().zip(cat.lines()) {
        let object: Value = serde_json::from_str(line).unwrap();
        for (column, name) in [
            ("seq", "seq"),
            ("event", "event"),
            ("kind", "kind"),
            ("instrument", "instrument"),
            ("account", "account"),
            ("strategy", "strategy"),
            ("client_order_id", "order"),
            ("price_ticks", "price"),
            ("qty_lots", "qty"),
            ("trade_id", "trade_id"),
            ("command", "command"),
            ("fee_asset", "fee_asset"),
        ] {
            assert_eq!(shown(field(row, column)), object[name], "{column}: {line}");
        }
    }
    let fill = rows
        .iter()
        .find(|row| shown(field(row, "kind")) == "OrderFilled");
    let fill = fill.unwrap();
    assert_eq!(field(fill, "price").to_string(), "60000.010000000000000000");
    assert_eq!(field(fill, "qty").to_string(), "0.001000000000000000");
    assert_eq!(field(fill, "symbol").to_string(), "\"BTCUSDT\"");
    let Field::Decimal(fee) = field(fill, "fee") else {
        panic!("{fill}");
    };
    let fee = i128::from_be_bytes(fee.data().try_into().unwrap());
    assert_eq!(fee, -120_000_000_000_000, "-0.00012 in units of 10^-18");
    let book = rows
        .iter()
        .find(|row| shown(field(row, "kind")) == "BookLevels");
    let levels = shown(field(book.unwrap(), "levels"));
    assert_eq!(levels, "[[\"Sell\",6000001,100]]");
}

#[test]
fn export_from_the_middle_knows_the_steps_that_stand_before() {
    let directory = tempfile::tempdir().unwrap();
    make(&directory.path().join("j"), 300);
    let arguments = [
        "export", "j", "--format", "parquet", "--out", "x", "--from", "1000", "--kind", "Trade",
    ];
    printed(directory.path(), &arguments);
    let rows = rows(&directory.path().join("x"));
    assert!(rows.len() > 50);
    for row in &rows {
        assert_eq!(shown(field(row, "symbol")), "ETHUSDT");
        assert_ne!(*field(row, "price"), Field::Null);
    }
}

#[test]
fn export_jsonl_is_what_cat_prints() {
    let directory = tempfile::tempdir().unwrap();
    make(&directory.path().join("j"), 300);
    let filters = ["--kind", "OrderFilled", "--kind", "Tick", "--from", "700"];
    let export = [
        &["export", "j", "--format", "jsonl", "--out", "x.jsonl"],
        &filters[..],
    ]
    .concat();
    printed(directory.path(), &export);
    let cat = [&["cat", "j", "--json"], &filters[..]].concat();
    let written = std::fs::read_to_string(directory.path().join("x.jsonl")).unwrap();
    assert!(!written.is_empty());
    assert_eq!(written, printed(directory.path(), &cat));
}

#[test]
fn export_over_a_file_is_refused_without_force_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    make(&here.join("j"), 3);
    std::fs::write(here.join("x"), "mine").unwrap();
    let export = ["export", "j", "--format", "parquet", "--out"];
    let text = complained(here, &[&export[..], &["x"]].concat());
    assert!(text.contains("--force"), "{text}");
    assert_eq!(std::fs::read(here.join("x")).unwrap(), b"mine");
    let text = complained(here, &[&export[..], &["j"]].concat());
    assert!(text.contains("is a directory"), "{text}");
    let text = complained(here, &[&export[..], &["nowhere/x"]].concat());
    assert!(text.contains("nowhere/x"), "{text}");
    printed(here, &[&export[..], &["x", "--force"]].concat());
    assert_eq!(
        rows(&here.join("x")).len() as u64,
        5 * 3 + opening_records(here)
    );
    let mut names: Vec<_> = std::fs::read_dir(here)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["j", "x"]);
}

fn opening_records(directory: &Path) -> u64 {
    let text = printed(directory, &["stat", "j", "--json"]);
    let stat: Value = serde_json::from_str(text.trim()).unwrap();
    stat["kinds"]["BlobPart"].as_u64().unwrap() + 1
}
