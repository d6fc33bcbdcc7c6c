//! `caracal explain`: an approved order, a refused one, one of the engine's own, and what cannot
//! be explained.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use crate::journal_rig::printed;
use crate::rig::{DEFAULT_CONFIG, assert_success, caracal, finish};
use crate::session::run;

fn explain(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = caracal(directory);
    command.arg("explain").args(arguments);
    finish(command, Duration::from_secs(60))
}

fn explained(directory: &Path, order: &str) -> Value {
    let output = explain(directory, &["data/journal", order, "--json"]);
    assert_success(&output);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Records of a kind, as the journal has them.
fn records(directory: &Path, kind: &str) -> Vec<Value> {
    let text = printed(
        directory,
        &["cat", "data/journal", "--json", "--kind", kind],
    );
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn explain_shows_an_order_from_its_cause_to_its_end_by_either_name() {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), &["--for", "6s"]);
    let placed = records(directory.path(), "NewOrder");
    let fills = records(directory.path(), "OrderFilled");
    let fill = fills.first().expect("a fill in six seconds");
    let name = fill["order"].as_str().unwrap();
    let order = placed.iter().find(|record| record["order"] == *name);

    let life = explained(directory.path(), name);
    assert_eq!(life["order"], *name);
    if let Some(order) = order {
        assert_eq!(
            life["cause"]["event"], order["event"],
            "the command names its cause"
        );
        assert!(life["cause"]["seq"].as_u64() < order["seq"].as_u64());
        assert_eq!(life["verdict"]["approved"], true);
        let checks = life["checks"].as_array().unwrap();
        assert!(checks.len() > 5, "{checks:?}");
        assert!(
            checks.iter().all(|check| check["passed"] == true),
            "{checks:?}"
        );
        let value = checks
            .iter()
            .find(|check| check["control"] == "value_max")
            .unwrap();
        assert_eq!(value["hard"], 200_000_000_000_i64);
        let notional = order["price"].as_i64().unwrap() * order["qty"].as_i64().unwrap() * 10;
        assert_eq!(value["value"], notional, "ticks of 0.01, lots of 0.00001");
    }
    let kinds: Vec<&str> = life["life"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|record| record["kind"].as_str())
        .collect();
    for kind in ["Sent", "OrderAcked", "OrderFilled"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let its = fills.iter().filter(|other| other["order"] == *name);
    let lots: i64 = its.map(|fill| fill["qty"].as_i64().unwrap()).sum();
    assert_eq!(life["filled"], lots);

    // The same by the venue's id, and as text.
    let venue_id = life["venue_order_ids"][0].as_u64().unwrap().to_string();
    assert_eq!(explained(directory.path(), &venue_id), life);
    let output = explain(directory.path(), &["data/journal", name]);
    assert_success(&output);
    let text = String::from_utf8(output.stdout).unwrap();
    for word in [
        name,
        "BTC-USDT.BINANCE",
        "cause",
        "approved as command",
        "OrderFilled",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn explain_has_the_verdict_on_an_order_of_the_engines_own() {
    let directory = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    // Positions of the maker, which trades at once, are closed when they are half a second old: by
    // orders that no strategy asked for.
    let exits = text.split("[strategy.exits]").nth(1).unwrap();
    let exits = exits.split("\n\n").next().unwrap();
    let exits = exits.replace("time_stop = \"20s\"", "time_stop = \"500ms\"");
    assert!(exits.contains("500ms"), "the key is there");
    let second = text.rfind("[[strategy]]").unwrap();
    let (before, after) = text.split_at(second);
    let short = format!("{before}[strategy.exits]{exits}\n\n{after}");
    let config = directory.path().join("short.toml");
    std::fs::write(&config, short).unwrap();
    run(
        directory.path(),
        &["--config", config.to_str().unwrap(), "--for", "6s"],
    );
    let placed = records(directory.path(), "NewOrder");
    let is_exit = |record: &&Value| {
        let counter = record["order"].as_str().unwrap().rsplit('-').next();
        counter.unwrap().parse::<u32>().unwrap() >= 1 << 31
    };
    let exit = placed.iter().find(is_exit).expect("an exit in six seconds");
    let life = explained(directory.path(), exit["order"].as_str().unwrap());
    assert_eq!(life["cause"]["event"], exit["event"]);
    assert_eq!(life["verdict"]["approved"], true);
    let checks = life["checks"].as_array().unwrap();
    let of = |control: &str| checks.iter().find(|check| check["control"] == control);
    assert!(checks.iter().all(|check| check["passed"] == true));
    let reduce_only = of("reduce_only").expect("every check is there");
    assert_eq!(reduce_only["value"], exit["qty"]);
    let value = of("value_max").unwrap();
    let notional = exit["price"].as_i64().unwrap() * exit["qty"].as_i64().unwrap() * 10;
    assert_eq!(value["value"], notional, "ticks of 0.01, lots of 0.00001");
}

#[test]
fn explain_names_the_check_that_refused_an_order() {
    let directory = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    let tight: String = text
        .lines()
        .map(|line| {
            let is_limit = line.trim_start().starts_with("value_max");
            let line = if is_limit { "value_max = 6" } else { line };
            format!("{line}\n")
        })
        .collect();
    assert_ne!(tight, text, "the key is there");
    let config = directory.path().join("tight.toml");
    std::fs::write(&config, tight).unwrap();
    run(
        directory.path(),
        &["--config", config.to_str().unwrap(), "--for", "3s"],
    );
    let refusals = records(directory.path(), "RiskRefused");
    let refusal = refusals.first().expect("a refusal");
    let name = refusal["order"].as_str().unwrap();
    let number = refusal["number"].as_u64().unwrap();

    let by_order = explained(directory.path(), name);
    assert_eq!(by_order["verdict"]["approved"], false);
    assert_eq!(by_order["verdict"]["refusal"], number);
    assert_eq!(by_order["verdict"]["reason"], "MaxValue");
    assert_eq!(by_order["verdict"]["limit"], 600_000_000);
    assert_eq!(by_order["cause"]["event"], refusal["cause"]);
    assert_eq!(by_order["state"], "refused by risk, never sent");
    let checks = by_order["checks"].as_array().unwrap();
    let (last, before) = checks.split_last().unwrap();
    assert!(
        before.iter().all(|check| check["passed"] == true),
        "{checks:?}"
    );
    assert_eq!(last["control"], "value_max");
    assert_eq!(
        (&last["passed"], &last["hard"]),
        (&Value::Bool(false), &600_000_000.into())
    );
    assert_eq!(last["value"], refusal["value"]);
    let by_number = explained(directory.path(), &format!("refusal-{number}"));
    assert_eq!(by_number, by_order);
}

#[test]
fn explain_of_what_is_not_there_is_one_line_and_exit_code_1() {
    let directory = tempfile::tempdir().unwrap();
    crate::journal_rig::make(&directory.path().join("j"), 3);
    for (arguments, word) in [
        (["j", "1-1-99"], "nothing about order 1-1-99"),
        (["j", "4711"], "the venue calls 4711"),
        (["j", "refusal-7"], "nothing about refusal 7"),
        (["j", "order"], "write a client order id as 1-0-17"),
        (["nowhere", "1-1-1"], "nowhere"),
    ] {
        let output = explain(directory.path(), &arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        assert!(text.contains(word) && !text.contains("panicked"), "{text}");
    }
}
