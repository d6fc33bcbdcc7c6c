//! `caracal backtest` and `caracal sweep`, as a person runs them: from a capture to a report.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Row;
use serde_json::Value;

use crate::rig::{assert_success, caracal, finish, last_json};

const SECOND: u64 = 1_000_000_000;
pub(crate) const START_NS: u64 = 1_723_100_000 * SECOND;

pub(crate) fn ask(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = caracal(directory);
    command.args(arguments);
    finish(command, Duration::from_secs(120))
}

#[track_caller]
pub(crate) fn refused(directory: &Path, arguments: &[&str]) -> String {
    let output = ask(directory, arguments);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

pub(crate) fn example() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("examples/backtest-maker.toml")
}

/// A message of a stream as the recorder wrote it; quotes are written single here.
pub(crate) fn frame(here_ns: u64, stream: &str, data: &str) -> String {
    let data = data.replace('\'', "\"");
    format!("{here_ns} {{\"stream\":\"btcusdt@{stream}\",\"data\":{{{data}}}}}\n")
}

/// A capture of a market that walks for three minutes, from a fixed seed: a snapshot, updates and
/// trades, received some milliseconds behind the venue's own time.
fn capture(path: &Path) {
    let mut random = 20_261_123_u64;
    let mut roll = |bound: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let price = |ticks: u64| format!("'{}.{:02}'", ticks / 100, ticks % 100);
    let mut middle = 6_000_000_u64;
    let mut best = (middle - 1, middle + 1);
    let (bid, ask) = (price(best.0), price(best.1));
    let bids = format!("[[{bid},'2.00000'],['59990.00','5.00000']]");
    let asks = format!("[[{ask},'2.00000'],['60010.00','5.00000']]");
    let first = format!("{{'lastUpdateId':10,'bids':{bids},'asks':{asks}}}").replace('\'', "\"");
    let mut text = format!("{START_NS} {first}\n");
    for step in 0..6_000_u64 {
        let there_ms = START_NS / 1_000_000 + 30 * (step + 1);
        let here_ns = there_ms * 1_000_000 + 2_000_000 + roll(3_000_000);
        let id = 11 + step;
        if roll(3) == 0 {
            let sells = roll(2) == 0;
            let at = price(if sells { best.0 } else { best.1 });
            let what = format!("'t':{id},'p':{at},'q':'0.{:05}'", 1 + roll(400));
            let times = format!("'E':{there_ms},'s':'BTCUSDT',{what},'T':{there_ms}");
            let data = format!("'e':'trade',{times},'m':{sells},'M':true");
            text.push_str(&frame(here_ns, "trade", &data));
        }
        middle = middle + roll(5) - 2;
        let gone = best;
        best = (middle - 1, middle + 1);
        let mut level = |gone: u64, now: u64| {
            let (gone, now) = (price(gone), price(now));
            format!("[[{gone},'0.00000'],[{now},'0.{:05}']]", 1 + roll(90_000))
        };
        let (bids, asks) = (level(gone.0, best.0), level(gone.1, best.1));
        let ids = format!("'E':{there_ms},'s':'BTCUSDT','U':{id},'u':{id}");
        let data = format!("'e':'depthUpdate',{ids},'b':{bids},'a':{asks}");
        text.push_str(&frame(here_ns, "depth@100ms", &data));
    }
    std::fs::write(path, text).unwrap();
}

/// A folder with a data set in `data`.
pub(crate) fn desk() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    capture(&home.path().join("capture"));
    let arguments = ["import", "binance-capture", "capture", "--out", "data"];
    assert_success(&ask(home.path(), &arguments));
    std::fs::copy(example(), home.path().join("maker.toml")).unwrap();
    home
}

fn rows(path: &Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(Result::unwrap).collect()
}

/// A column's values as text.
fn column(rows: &[Row], name: &str) -> Vec<String> {
    let place = |row: &Row| row.get_column_iter().position(|(known, _)| known == name);
    let of = |row: &Row| {
        let (_, field) = row.get_column_iter().nth(place(row).unwrap()).unwrap();
        field.to_string()
    };
    rows.iter().map(of).collect()
}

fn sum(rows: &[Row], name: &str) -> f64 {
    let values = column(rows, name).into_iter();
    values.map(|value| value.parse::<f64>().unwrap()).sum()
}

fn sum_of_products(rows: &[Row], one: &str, other: &str) -> f64 {
    let value = |text: String| text.parse::<f64>().unwrap();
    let pairs = column(rows, one).into_iter().zip(column(rows, other));
    pairs.map(|(one, other)| value(one) * value(other)).sum()
}

/// Goal: the same orders, fills and money in all files, and each decimal is its steps' worth.
fn tables_say_what_the_report_says(dir: &Path, report: &Value) {
    let table = |name: &str| rows(&dir.join(name));
    let (orders, fills) = (table("orders.parquet"), table("fills.parquet"));
    let trading = &report["trading"];
    assert_eq!(Some(orders.len() as u64), trading["orders"].as_u64());
    assert_eq!(Some(fills.len() as u64), trading["fills"].as_u64());
    let (ordered, filled) = (sum(&orders, "qty_lots"), sum(&orders, "filled_lots"));
    assert!((filled - sum(&fills, "qty_lots")).abs() < 1e-9);
    // Each at the order's own price.
    let worth = |qty: &str| sum_of_products(&orders, "price", qty);
    let ratio = worth("filled") / worth("qty");
    assert!((ratio - trading["fill_ratio"].as_f64().unwrap()).abs() < 1e-9);
    assert!((sum(&orders, "qty") - ordered * 0.00001).abs() < 1e-9);
    let turnover = column(&fills, "price")
        .into_iter()
        .zip(column(&fills, "qty"));
    let value = |text: String| text.parse::<f64>().unwrap();
    let turnover: f64 = turnover.map(|(price, qty)| value(price) * value(qty)).sum();
    assert!((turnover - trading["turnover"].as_f64().unwrap()).abs() < 1e-6);
    assert!((sum(&fills, "fee") - trading["fees"].as_f64().unwrap()).abs() < 1e-6);
    let ends = trading["ends"].as_array().unwrap();
    for end in ends {
        let quoted = format!("\"{}\"", end[0].as_str().unwrap());
        let of = column(&orders, "end");
        let of = of.into_iter().filter(|one| *one == quoted);
        assert_eq!(Some(of.count() as u64), end[1].as_u64(), "{end}");
    }
    let samples = table("samples.parquet");
    let profit = column(&samples, "profit_0").pop().unwrap();
    let told = report["counted"]["pnl"].as_str().unwrap();
    assert!(
        (value(profit) - value(told.to_owned())).abs() < 1e-6,
        "{told}"
    );
}

#[test]
fn backtest_of_a_capture_has_a_report_and_a_journal_that_replays() {
    let home = desk();
    let arguments = [
        "backtest",
        "--config",
        "maker.toml",
        "--data",
        "data",
        "--out",
        "report",
        "--journal",
        "journal",
        "--json",
    ];
    let output = ask(home.path(), &arguments);
    assert_success(&output);
    let said = last_json(&output);
    let number = |key: &str| said[key].as_u64().unwrap();
    assert!(number("orders") > 100 && number("fills") > 20, "{said}");
    assert!(number("market_records") > 6_000 && number("events_per_second") > 0);
    assert_eq!(number("late") + number("malformed"), 0);
    for key in ["pnl", "fees", "state_hash", "report"] {
        assert!(said[key].is_string(), "{key}: {said}");
    }
    assert!(said["sharpe"].is_f64() && said["max_drawdown"].is_f64());
    let text = std::fs::read_to_string(home.path().join("report/report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["counted"]["state_hash"], said["state_hash"]);
    assert_eq!(report["trading"]["fills"], said["fills"]);
    tables_say_what_the_report_says(&home.path().join("report"), &report);
    let page = std::fs::read_to_string(home.path().join("report/report.html")).unwrap();
    assert!(page.contains(said["state_hash"].as_str().unwrap()));
    let replayed = ask(home.path(), &["replay", "journal", "--json"]);
    assert_success(&replayed);
    let replayed = last_json(&replayed);
    assert_eq!(replayed["differences"], 0);
    assert_eq!(replayed["state_hash"], said["state_hash"]);
    // The same again: the same. The report may be written over.
    let arguments = [
        "backtest",
        "--config",
        "maker.toml",
        "--data",
        "data",
        "--out",
        "report",
        "--json",
    ];
    let again = last_json(&ask(home.path(), &arguments));
    assert_eq!(again["state_hash"], said["state_hash"]);
}

#[test]
fn backtest_of_what_cannot_be_says_what_and_where() {
    let home = desk();
    let path = home.path();
    let run = |config: &str, data: &str, more: &[&str]| {
        let arguments = ["backtest", "--config", config, "--data", data];
        refused(path, &[&arguments, more].concat())
    };
    assert!(run("maker.toml", "nowhere", &[]).contains("nowhere"));
    let text = std::fs::read_to_string(path.join("maker.toml")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();
    let cut = text.split("# The simulated venue.").next().unwrap();
    write("live.toml", cut);
    assert!(run("live.toml", "data", &[]).contains("backtest: is missing"));
    write("other.toml", &text.replace("BTCUSDT\"", "ETHUSDT\""));
    let said = run("other.toml", "data", &[]);
    assert!(
        said.contains("symbol ETHUSDT: no data set has it; they have:"),
        "{said}"
    );
    write(
        "wrong.toml",
        &text.replace("queue = \"power 3\"", "queue = \"luck\""),
    );
    let said = run("wrong.toml", "data", &[]);
    assert!(
        said.contains("backtest.queue: \"luck\" is not allowed"),
        "{said}"
    );
    std::fs::create_dir(path.join("full")).unwrap();
    write("full/letter", "dear");
    let said = run("maker.toml", "data", &["--out", "full"]);
    assert!(
        said.contains("holds letter, which is no part of a report"),
        "{said}"
    );
    let said = run("maker.toml", "full", &[]);
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn sweep_runs_every_variant_once_and_goes_on_where_it_was() {
    let home = desk();
    let path = home.path();
    let sweep = |values: &str, more: &[&str]| {
        let values = format!("strategy.maker.spread={values}");
        let arguments = [
            "sweep",
            "--config",
            "maker.toml",
            "--data",
            "data",
            "--set",
            &values,
            "--out",
            "sweep",
        ];
        ask(path, &[&arguments, more].concat())
    };
    assert_success(&sweep("2,4,8", &["--plan"]));
    let one = ask(path, &["sweep", "--item", "1", "--out", "sweep"]);
    assert_success(&one);
    let item: Value = last_json(&one);
    assert_eq!(item["settings"]["strategy.maker.spread"], "4");
    let output = sweep("2,4,8", &["--json"]);
    assert_success(&output);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("1 of 3 variants are done already"), "{said}");
    assert_eq!(last_json(&output)["variants"], 3);
    let text = std::fs::read_to_string(path.join("sweep/results.json")).unwrap();
    let results: Value = serde_json::from_str(&text).unwrap();
    let items = results["items"].as_array().unwrap();
    let hashes: std::collections::BTreeSet<&str> = items
        .iter()
        .map(|item| item["state_hash"].as_str().unwrap())
        .collect();
    assert_eq!(hashes.len(), 3);
    // In one pass with others or alone: the same.
    let four = items.iter().find(|one| one["index"] == 1).unwrap();
    assert_eq!(four, &item);
    let alone = [
        "backtest",
        "--config",
        "maker.toml",
        "--data",
        "data",
        "--json",
    ];
    let alone = last_json(&ask(path, &alone));
    assert_eq!(alone["fills"], four["fills"]);
    assert!(path.join("sweep/sweep.html").exists());
    // A plan of another program is not gone on with.
    let planned = std::fs::read_to_string(path.join("sweep/sweep.json")).unwrap();
    let value: Value = serde_json::from_str(&planned).unwrap();
    let program = value["program"].as_str().unwrap();
    let other = planned.replace(program, &"0".repeat(64));
    std::fs::write(path.join("sweep/sweep.json"), other).unwrap();
    let said = refused(path, &["sweep", "--item", "2", "--out", "sweep"]);
    assert!(said.contains("the plan is of the program 0000"), "{said}");
    std::fs::write(path.join("sweep/sweep.json"), planned).unwrap();
    let output = sweep("2,4,9", &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("holds another sweep"), "{said}");
    let output = sweep("2,x", &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("with strategy.maker.spread=x"), "{said}");
}

#[test]
fn backtest_does_not_write_over_an_import() {
    let home = desk();
    std::fs::create_dir(home.path().join("out")).unwrap();
    let numbers = home.path().join("out/report.json");
    std::fs::copy(home.path().join("data/report.json"), &numbers).unwrap();
    let before = std::fs::read(&numbers).unwrap();
    let arguments = [
        "backtest",
        "--config",
        "maker.toml",
        "--data",
        "data",
        "--out",
        "out",
    ];
    let said = refused(home.path(), &arguments);
    assert!(said.contains("is no backtest's"), "{said}");
    assert_eq!(std::fs::read(&numbers).unwrap(), before);
}
