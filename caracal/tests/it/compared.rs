//! `caracal compare`: reports side by side, and what is none.

use std::path::Path;

use serde_json::Value;

use crate::backtest::{ask, desk, refused};
use crate::rig::{assert_success, last_json};

fn backtest(home: &Path, config: &str, out: &str) -> Value {
    let arguments = [
        "backtest", "--config", config, "--data", "data", "--out", out, "--json",
    ];
    let output = ask(home, &arguments);
    assert_success(&output);
    last_json(&output)
}

fn figure<'a>(said: &'a Value, name: &str) -> &'a Value {
    let figures = said["figures"].as_array().unwrap();
    figures.iter().find(|one| one["name"] == name).unwrap()
}

/// Goal: each figure is the run's own, differences are against the first, the one setting that was
/// changed is the one that is named, and the page holds the curves.
#[test]
fn compare_shows_figures_differences_and_what_was_changed() {
    let home = desk();
    let text = std::fs::read_to_string(home.path().join("maker.toml")).unwrap();
    let wide = text.replace("seed = 1", "seed = 2");
    assert_ne!(text, wide);
    std::fs::write(home.path().join("wide.toml"), wide).unwrap();
    let one = backtest(home.path(), "maker.toml", "one");
    let other = backtest(home.path(), "wide.toml", "other");
    let arguments = ["compare", "one", "other", "--out", "page.html", "--json"];
    let output = ask(home.path(), &arguments);
    assert_success(&output);
    let said = last_json(&output);
    let fills = figure(&said, "fills");
    for (index, run) in [&one, &other].into_iter().enumerate() {
        assert_eq!(fills["values"][index].as_f64(), run["fills"].as_f64());
        let profit: f64 = run["pnl"].as_str().unwrap().parse().unwrap();
        let shown = figure(&said, "profit")["values"][index].as_f64().unwrap();
        assert!((shown - profit).abs() < 1e-9);
    }
    let more = other["fills"].as_f64().unwrap() - one["fills"].as_f64().unwrap();
    assert_eq!(fills["differences"][1].as_f64(), Some(more));
    let differing = said["differing"].as_array().unwrap();
    assert_eq!(differing.len(), 1, "{differing:?}");
    assert_eq!(differing[0]["what"], "config.backtest.latency.seed");
    assert_eq!(differing[0]["values"], serde_json::json!([1, 2]));
    let page = std::fs::read_to_string(home.path().join("page.html")).unwrap();
    assert!(page.contains("\"curves\":[{") && !page.contains("/*COMPARISON*/"));
    let table = ask(home.path(), &["compare", "one", "one", "other"]);
    assert_success(&table);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("Sharpe, a year"), "{table}");
    assert!(
        table.contains("config.backtest.latency.seed: 1 | 1 | 2"),
        "{table}"
    );
}

#[test]
fn compare_says_which_directory_is_no_report() {
    let home = desk();
    backtest(home.path(), "maker.toml", "one");
    std::fs::create_dir(home.path().join("empty")).unwrap();
    let said = refused(home.path(), &["compare", "one", "empty"]);
    assert!(said.contains("empty: no report of a backtest"), "{said}");
    // An import's report.
    let said = refused(home.path(), &["compare", "one", "data"]);
    assert!(
        said.contains("data/report.json: is no report of a backtest"),
        "{said}"
    );
    let path = home.path().join("one/report.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let save = |text: &str| std::fs::write(&path, text).unwrap();
    save(&text.replacen("\"form\": 1", "\"form\": 2", 1));
    let said = refused(home.path(), &["compare", "one", "one"]);
    assert!(
        said.contains("is of form 2, this program reads form 1"),
        "{said}"
    );
    save(&text[..text.len() / 2]);
    let said = refused(home.path(), &["compare", "one", "one"]);
    assert!(said.contains("no whole JSON"), "{said}");
    save(&text.replacen("\"plot\"", "\"plat\"", 1));
    let said = refused(home.path(), &["compare", "one", "one"]);
    assert!(said.contains("plot is missing or torn"), "{said}");
}
