//! `caracal backtest --from-journal J --compare`: a live run's orders against the simulated venue.

use serde_json::Value;

use crate::backtest::{ask, desk, refused};
use crate::rig::{assert_success, last_json};
use crate::session::run;

fn compared(said: &Value) -> u64 {
    let errors = &said["errors"];
    let cells = ["both", "only_predicted", "only_actual", "neither"];
    let cells = cells.map(|cell| errors[cell].as_u64().unwrap());
    assert_eq!(cells.iter().sum::<u64>(), said["compared"], "{said}");
    cells.iter().sum()
}

#[test]
fn model_that_made_the_fills_predicts_each_of_them() {
    let home = desk();
    let path = home.path();
    let backtest = [
        "backtest",
        "--config",
        "maker.toml",
        "--data",
        "data",
        "--journal",
        "journal",
        "--json",
    ];
    let made = last_json(&ask(path, &backtest));
    let compare = [
        "backtest",
        "--from-journal",
        "journal",
        "--compare",
        "--simulated",
        "--out",
        "comparison",
        "--json",
    ];
    let output = ask(path, &compare);
    assert_success(&output);
    let said = last_json(&output);
    assert_eq!(made["orders"], compared(&said), "{said}");
    assert!(said["errors"]["both"].as_u64().unwrap() > 20, "{said}");
    // The same market, the same arrivals, the same model: no error at all.
    for key in ["only_predicted", "only_actual"] {
        assert_eq!(said["errors"][key], 0, "{said}");
    }
    for (key, of) in [("time_ns", "p90"), ("qty", "mean"), ("price", "p90")] {
        assert_eq!(said["errors"][key][of], 0.0, "{key}: {said}");
    }
    assert_eq!(said["errors"]["same_end"], said["compared"]);
    let text = std::fs::read_to_string(path.join("comparison/comparison.json")).unwrap();
    let written: Value = serde_json::from_str(&text).unwrap();
    let orders = written["orders"].as_array().unwrap();
    assert_eq!(orders.len() as u64, compared(&said));
    for order in orders {
        assert_eq!(
            order["actual"]["filled_lots"],
            order["predicted"]["filled_lots"]
        );
        assert_eq!(order["strategy"], "maker");
    }
    // Without the queue the model is another one, and it shows.
    let config = std::fs::read_to_string(path.join("maker.toml")).unwrap();
    let other = config.replace("queue = \"power 3\"", "queue = \"pro-rata\"");
    std::fs::write(path.join("other.toml"), other).unwrap();
    let with = [&compare[..], &["--config", "other.toml"]].concat();
    let worse = last_json(&ask(path, &with));
    let score = |said: &Value| said["errors"]["score"].as_f64().unwrap();
    assert!(score(&worse) > score(&said), "{worse}");
}

#[test]
fn live_run_is_compared_order_by_order() {
    let home = tempfile::tempdir().unwrap();
    let ran = run(home.path(), &["--for", "8s"]);
    let compare = [
        "backtest",
        "--from-journal",
        "data/journal",
        "--compare",
        "--json",
    ];
    let output = ask(home.path(), &compare);
    assert_success(&output);
    let said = last_json(&output);
    assert_eq!(ran["orders"], compared(&said), "{ran} {said}");
    assert!(said["errors"]["both"].as_u64().unwrap() > 0, "{said}");
    let lots = |place: usize| said["errors"]["lots"][place].as_i64().unwrap();
    assert!(lots(0) > 0 && lots(1) > 0, "{said}");
    let plain = ask(home.path(), &compare[..compare.len() - 1]);
    assert_success(&plain);
    let text = String::from_utf8(plain.stdout).unwrap();
    assert!(text.contains("predicted to trade"), "{text}");
}

#[test]
fn what_cannot_be_compared_says_why_in_one_line() {
    let home = desk();
    let path = home.path();
    let compare = |journal: &str, more: &[&str]| {
        let arguments = ["backtest", "--from-journal", journal, "--compare"];
        let text = refused(path, &[&arguments, more].concat());
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    };
    let text = compare("nowhere", &[]);
    assert!(text.contains("nowhere: "), "{text}");
    // A data set has a market and no orders.
    let text = compare("data", &[]);
    assert!(text.contains("not one order left us in"), "{text}");
    let text = compare("data", &["--config", "missing.toml"]);
    assert!(text.contains("missing.toml"), "{text}");
    std::fs::create_dir(path.join("empty")).unwrap();
    let text = compare("empty", &[]);
    assert!(text.contains("empty"), "{text}");
    // The command line says what belongs together.
    let output = ask(path, &["backtest", "--from-journal", "data"]);
    assert_eq!(output.status.code(), Some(2));
    let output = ask(path, &["backtest", "--data", "data"]);
    assert_eq!(output.status.code(), Some(2));
}
