//! `caracal sweep` beyond a grid over all data: walking forward, and what goes wrong.

mod desk;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::Value;

use self::desk::{QTY, by_index, desk, part, pnls, results, sweep};
use crate::backtest::{ask, refused};
use crate::rig::{assert_success, finish, last_json};

#[test]
fn walking_forward_chooses_by_the_training_alone() {
    // Seeds 1 to 3: two quiet parts, in which larger orders earn more, then one more of these, or
    // one that runs away from its makers, in which they lose more.
    let quiet = [part(1, 0, 8), part(2, 0, 8)];
    let calm = desk(&[quiet[0], quiet[1], part(3, 0, 8)]);
    let wild = desk(&[quiet[0], quiet[1], part(3, 4, 8)]);
    let values = "0.0002,0.0006";
    let mut walked = Vec::new();
    for home in [&calm, &wild] {
        let more = ["--walk-forward", "58s/25s"];
        assert_success(&sweep(home.path(), values, "walk", &more));
        walked.push(results(home.path(), "walk"));
    }
    // The trainings are the same to the last digit, whatever comes behind them; so is the choice.
    let same = by_index(&walked[0]) == by_index(&walked[1]);
    assert!(same, "the trainings differ");
    let window = |results: &Value| results["walk_forward"]["windows"][0].clone();
    let (calm_window, wild_window) = (window(&walked[0]), window(&walked[1]));
    for one in [&calm_window, &wild_window] {
        assert_eq!(one["chosen"][QTY], "0.0006", "{one}");
        assert!(one["in_sample"].as_f64().unwrap() > 0.0);
    }
    assert_ne!(calm_window["pnl"], wild_window["pnl"]);
    // Had the test been seen, the other one would have been chosen.
    assert_success(&sweep(wild.path(), values, "whole", &[]));
    let whole = pnls(&by_index(&results(wild.path(), "whole")));
    assert!(whole[0] > whole[1], "{whole:?}");
    // The test is a backtest of its own over its time: it has nothing of the training's end.
    let [from, to] = ["test_from", "test_to"].map(|key| wild_window[key].to_string());
    let range = ["--from", &from, "--to", &to];
    assert_success(&sweep(wild.path(), "0.0006", "alone", &range));
    let alone = results(wild.path(), "alone");
    let test = std::fs::read_to_string(wild.path().join("walk/items/item-000002.json")).unwrap();
    let test: Value = serde_json::from_str(&test).unwrap();
    assert_eq!(alone["items"][0]["state_hash"], test["state_hash"]);
    assert_eq!(alone["items"][0]["pnl"], wild_window["pnl"]);
}

const fn item(index: &str) -> [&str; 5] {
    ["sweep", "--item", index, "--out", "items"]
}

#[test]
fn walking_forward_goes_on_item_by_item_and_joins_its_tests() {
    // Seeds 4 and 5.
    let home = desk(&[part(4, 0, 8), part(5, 1, 8)]);
    let path = home.path();
    let run = |out: &str, more: &[&str]| {
        let walk = ["--walk-forward", "20s/10s", "--metric", "sharpe"];
        sweep(path, "0.0002,0.0006", out, &[&walk, more].concat())
    };
    assert_success(&run("items", &["--plan"]));
    // Three windows of two variants, then their tests: none without its training.
    let said = refused(path, &item("8"));
    assert!(
        said.contains("item 4 is missing, and window 2 chooses among items 4 to 5"),
        "{said}"
    );
    for index in ["4", "5", "8"] {
        assert_success(&ask(path, &item(index)));
    }
    let output = run("items", &["--json"]);
    assert_success(&output);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("3 of 9 backtests are done already"), "{said}");
    assert_success(&run("once", &[]));
    assert_eq!(results(path, "items"), results(path, "once"));
    let forward = results(path, "once")["walk_forward"].clone();
    let windows = forward["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 3);
    let sum: f64 = pnls(windows).iter().sum();
    let joined: f64 = forward["pnl"].as_str().unwrap().parse().unwrap();
    assert!((sum - joined).abs() < 1e-9, "{sum} {joined}");
    let curve = forward["curve"].as_array().unwrap();
    assert!((curve.last().unwrap()[1].as_f64().unwrap() - joined).abs() < 1e-9);
    let times: Vec<u64> = curve.iter().map(|one| one[0].as_u64().unwrap()).collect();
    assert!(times.is_sorted() && times.len() > 30, "{times:?}");
    let ratio = |key: &str| {
        windows
            .iter()
            .filter_map(|one| one[key].as_f64())
            .sum::<f64>()
    };
    let efficiency = forward["efficiency"].as_f64();
    if ratio("in_sample") > 0.0 {
        let wanted = ratio("out_of_sample") / ratio("in_sample");
        assert!((efficiency.unwrap() - wanted).abs() < 1e-9);
    } else {
        assert_eq!(efficiency, None);
    }
    let page = std::fs::read_to_string(path.join("once/sweep.html")).unwrap();
    assert!(page.contains("walk_forward"));
    assert_success(&run("anchored", &["--anchored"]));
    let anchored = results(path, "anchored")["walk_forward"]["windows"].clone();
    assert_eq!(anchored[2]["train_from"], windows[0]["train_from"]);
    assert_eq!(anchored[2]["test_from"], windows[2]["test_from"]);
    let said = refused(
        path,
        &[
            "sweep",
            "--config",
            "maker.toml",
            "--data",
            "data",
            "--set",
            "strategy.maker.qty=1",
            "--out",
            "long",
            "--walk-forward",
            "1h/1m",
        ],
    );
    assert!(
        said.contains("the data spans 60.0 s and one window takes 3660.0 s"),
        "{said}"
    );
}

#[test]
fn variant_that_errs_leaves_the_others_their_results() {
    // Seed 6. A tenth of a lot cannot be ordered, which shows when the data is opened.
    let home = desk(&[part(6, 0, 8)]);
    let path = home.path();
    let output = sweep(path, "0.0002,0.000001,0.0006", "some", &[]);
    assert_success(&output);
    let some = by_index(&results(path, "some"));
    let error = some[1]["error"].as_str().unwrap();
    assert!(error.contains("qty"), "{error}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("failed: item 1: "), "{said}");
    assert_success(&sweep(path, "0.0002,0.0006", "good", &[]));
    let good = by_index(&results(path, "good"));
    for (one, other) in [(&some[0], &good[0]), (&some[2], &good[1])] {
        assert_eq!(one["state_hash"], other["state_hash"]);
        assert_eq!(one["profits"], other["profits"]);
    }
    // An item whose result is its error, and a sweep without any other, have an exit code of their
    // own: trying again is in vain.
    let output = ask(path, &["sweep", "--item", "1", "--out", "some"]);
    assert_eq!(output.status.code(), Some(3));
    let output = sweep(path, "0.000001", "none", &[]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("not one variant ran; the first: "), "{said}");
}

#[test]
fn best_variant_is_checked_for_a_look_ahead() {
    // Seeds 7 and 8 of the market, 3 of the cuts.
    let home = desk(&[part(7, 0, 8), part(8, 1, 8)]);
    let path = home.path();
    let more = ["--check-lookahead", "4", "--seed", "3"];
    let output = sweep(path, "0.0002,0.0006", "sweep", &more);
    assert_success(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        said.matches("orders before it, all the same").count(),
        4,
        "{said}"
    );
    assert!(
        said.contains("look-ahead     none at 4 cuts (seed 3)"),
        "{said}"
    );
    let again = sweep(
        path,
        "0.0002,0.0006",
        "sweep",
        &[&more[..], &["--json"]].concat(),
    );
    let cuts = last_json(&again)["lookahead"]["cuts"].clone();
    let orders = cuts
        .as_array()
        .unwrap()
        .iter()
        .map(|cut| cut["same"].as_u64().unwrap());
    assert!(orders.max() > Some(100), "{cuts}");
    for cut in cuts.as_array().unwrap() {
        assert!(said.contains(&cut["at_ns"].to_string()), "{said}");
    }
    assert_eq!(results(path, "sweep")["lookahead"]["cuts"], cuts);
    let more = ["--walk-forward", "30s/15s", "--check-lookahead", "1"];
    assert_success(&sweep(path, "0.0002,0.0006", "walk", &more));
}

/// The same command with files of at most so many blocks of 512 bytes, as on a disk that fills.
fn sweep_with_little_room(home: &Path, blocks: u32, values: &str, more: &[&str]) -> Output {
    let binary = env!("CARGO_BIN_EXE_caracal");
    let rest = more.join(" ");
    let script = format!(
        "ulimit -f {blocks}; exec {binary} sweep --config maker.toml --data data \
         --set {QTY}={values} --out sweep --jobs 1 {rest}"
    );
    let mut command = Command::new("sh");
    command.current_dir(home).args(["-c", &script]);
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command, Duration::from_secs(60))
}

#[test]
fn sweep_whose_disk_fills_keeps_what_was_done_and_goes_on() {
    // Seed 9. Trainings from the start are longer from window to window, and so are their results.
    let home = desk(&[part(9, 0, 8), part(10, 0, 8)]);
    let path = home.path();
    let config = std::fs::read_to_string(path.join("maker.toml")).unwrap();
    let fine = config.replace("sample = \"1s\"", "sample = \"100ms\"");
    assert_ne!(fine, config);
    std::fs::write(path.join("maker.toml"), fine).unwrap();
    let walk = ["--walk-forward", "10s/10s", "--anchored"];
    let values = "0.0002,0.0006";
    let run = |blocks: u32| sweep_with_little_room(path, blocks, values, &walk);
    // No room for the plan: nothing is there, and nothing in the way of the next try.
    std::fs::create_dir(path.join("sweep")).unwrap();
    std::fs::write(path.join("sweep/.sweep.json"), "{ of a kill").unwrap();
    let output = run(1);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("sweep/sweep.json: File too large"), "{said}");
    assert_success(&sweep(
        path,
        values,
        "sweep",
        &[&walk[..], &["--plan"]].concat(),
    ));
    // Room for the results of the first windows.
    let output = run(9);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let kept = "the sweep stopped; what was done is kept, and the same command goes on: ";
    assert!(
        said.contains(kept) && said.contains("File too large"),
        "{said}"
    );
    let there = std::fs::read_dir(path.join("sweep/items")).unwrap().count();
    assert!((2..10).contains(&there), "{there}");
    // Room for all but the report, then for that.
    let output = run(60);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains(&format!("{there} of 12 backtests are done already")),
        "{said}"
    );
    assert!(
        said.contains("every result is kept, but not the report"),
        "{said}"
    );
    let output = sweep(path, values, "sweep", &walk);
    assert_success(&output);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("12 of 12 backtests are done already"),
        "{said}"
    );
    assert_success(&sweep(path, values, "once", &walk));
    assert_eq!(results(path, "sweep"), results(path, "once"));
}

/// Rows of `results.parquet` by column, and its metadata's value of a key.
fn columns(path: &Path, key: &str) -> (Vec<BTreeMap<String, Field>>, Value) {
    let file = std::fs::File::open(path.join("results.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    let told = metadata.unwrap().iter().find(|one| one.key == key);
    let told = told.unwrap().value.clone().unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let row = |row: Row| -> BTreeMap<String, Field> {
        let columns = row.get_column_iter();
        columns
            .map(|(name, field)| (name.clone(), field.clone()))
            .collect()
    };
    let rows = rows.map(|one| row(one.unwrap())).collect();
    (rows, serde_json::from_str(&told).unwrap())
}

#[test]
fn results_in_columns_say_what_the_report_says() {
    // Seed 11.
    let home = desk(&[part(11, 0, 8)]);
    let path = home.path();
    // The second is no whole lot.
    assert_success(&sweep(path, "0.0002,0.000001,0.0006", "sweep", &[]));
    let (rows, units) = columns(&path.join("sweep"), "caracal.units");
    let items = by_index(&results(path, "sweep"));
    assert_eq!(rows.len(), 3);
    for (row, item) in rows.iter().zip(&items) {
        assert_eq!(row["item"], Field::Long(item["index"].as_i64().unwrap()));
        let qty = item["settings"][QTY].as_str().unwrap().parse().unwrap();
        assert_eq!(row["set_strategy_maker_qty"], Field::Double(qty));
        for name in row.keys() {
            assert!(units[name].is_string(), "{name}");
        }
        let text = |value: &Value| {
            value
                .as_str()
                .map_or(Field::Null, |text| Field::Str(text.to_owned()))
        };
        let number = |value: &Value| value.as_f64().map_or(Field::Null, Field::Double);
        assert_eq!(row["pnl_exact"], text(&item["pnl"]));
        assert_eq!(row["error"], text(&item["error"]));
        let mut compared = 0;
        for name in [
            "sharpe",
            "max_drawdown",
            "turnover",
            "orders",
            "maker_share",
            "edge_bps",
        ] {
            assert_eq!(row[name], number(&item["statistics"][name]), "{name}");
            compared += i32::from(row[name] != Field::Null);
        }
        assert_eq!(compared, if item["error"].is_null() { 6 } else { 0 });
    }
    assert_eq!(units["pnl"], "USDT");
    assert_eq!(units["max_drawdown_s"], "s");
    // What a backtest by itself reports is what stands in its row.
    let range = [
        "backtest",
        "--config",
        "maker.toml",
        "--data",
        "data",
        "--json",
    ];
    let text = std::fs::read_to_string(path.join("maker.toml")).unwrap();
    let larger = text.replace("qty = 0.001 ", "qty = 0.0006 ");
    assert_ne!(larger, text);
    std::fs::write(path.join("maker.toml"), larger).unwrap();
    let alone = last_json(&ask(path, &range));
    assert_eq!(
        rows[2]["sharpe"],
        Field::Double(alone["sharpe"].as_f64().unwrap())
    );
    assert_eq!(
        rows[2]["fills"],
        Field::Double(alone["fills"].as_f64().unwrap())
    );

    let more = ["--walk-forward", "10s/5s"];
    assert_success(&sweep(path, "0.0002,0.0006", "walk", &more));
    let (rows, paths) = columns(&path.join("walk"), "caracal.settings");
    assert_eq!(paths, serde_json::json!([QTY]));
    let tests: Vec<&Field> = rows
        .iter()
        .filter(|row| row["part"] == Field::Str("test".into()))
        .map(|row| &row["window"])
        .collect();
    assert_eq!(tests, [&Field::Long(0), &Field::Long(1), &Field::Long(2)]);
    assert_eq!(rows.len(), 9);
}
