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
    let page = std::fs::read_to_string(path.join("comparison/comparison.html")).unwrap();
    assert!(page.contains("\"queue_model\":\"power 3\""));
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
fn queue_model_that_made_the_fills_is_found_and_helps_out_of_sample() {
    let home = desk();
    let path = home.path();
    let config = std::fs::read_to_string(path.join("maker.toml")).unwrap();
    let other = config.replace("queue = \"power 3\"", "queue = \"pro-rata\"");
    std::fs::write(path.join("other.toml"), other).unwrap();
    let backtest = [
        "backtest",
        "--config",
        "other.toml",
        "--data",
        "data",
        "--journal",
        "journal",
    ];
    assert_success(&ask(path, &backtest));
    let compare = [
        "backtest",
        "--from-journal",
        "journal",
        "--compare",
        "--simulated",
    ];
    let output = ask(path, &[&compare[..], &["--json"]].concat());
    assert_success(&output);
    let said = last_json(&output);
    let queue = &said["queue"];
    assert_eq!(queue["asked"], "power 3");
    assert_eq!(queue["chosen"], "pro-rata");
    assert_eq!(queue["gain_on_the_rest"], 1.0);
    let models = queue["models"].as_array().unwrap();
    let of = |name: &str| models.iter().find(|model| model["name"] == name).unwrap();
    assert_eq!(of("pro-rata")["rest"]["score"], 0.0);
    assert!(of("power 3")["rest"]["score"].as_f64().unwrap() > 0.0);
    let plain = ask(path, &compare);
    let text = String::from_utf8(plain.stdout).unwrap();
    let wanted = "queue = \"pro-rata\" would have taken away 100 % of the error on the rest";
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn delays_of_a_journal_are_drawn_in_another_backtest() {
    let home = desk();
    let path = home.path();
    let config = std::fs::read_to_string(path.join("maker.toml")).unwrap();
    let write = |name: &str, new: &str| {
        let text = config.replace("new = \"lognormal 3ms 0.3\"", new);
        assert_ne!(text, config);
        std::fs::write(path.join(name), text).unwrap();
    };
    write("slow.toml", "new = \"40ms\"");
    write("drawn.toml", "new = \"journal\"\njournal = \"journal\"");
    write("open.toml", "new = \"journal\"");
    write("data.toml", "new = \"journal\"\njournal = \"data\"");
    let backtest = |config: &str, more: &[&str]| {
        let arguments = ["backtest", "--config", config, "--data", "data", "--json"];
        ask(path, &[&arguments, more].concat())
    };
    assert_success(&backtest("slow.toml", &["--journal", "journal"]));
    assert_success(&backtest("drawn.toml", &["--journal", "again"]));
    let compare = [
        "backtest",
        "--from-journal",
        "again",
        "--compare",
        "--simulated",
        "--json",
    ];
    let said = last_json(&ask(path, &compare));
    let delays = said["delays"].as_array().unwrap();
    let new = delays.iter().find(|row| row["name"] == "new").unwrap();
    let ms = new["first"]["p50_ns"].as_u64().unwrap() / 1_000_000;
    assert_eq!(ms, 40, "{new}");
    let text = refused(
        path,
        &["backtest", "--config", "open.toml", "--data", "data"],
    );
    assert!(
        text.contains("backtest.latency.new = \"journal\" needs journal"),
        "{text}"
    );
    let text = refused(
        path,
        &["backtest", "--config", "data.toml", "--data", "data"],
    );
    assert!(text.contains("no delays to learn from"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
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
    // What was written to stable storage and is damaged now is named, with its place.
    let backtest = [
        "backtest",
        "--config",
        "maker.toml",
        "--data",
        "data",
        "--journal",
        "journal",
    ];
    assert_success(&ask(path, &backtest));
    let segment = path.join("journal/segment-0000000000");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[128 * 5_000 + 60] ^= 0xff;
    std::fs::write(&segment, bytes).unwrap();
    let text = compare("journal", &["--simulated"]);
    assert!(text.contains("segment-0000000000"), "{text}");
    // The command line says what belongs together.
    let output = ask(path, &["backtest", "--from-journal", "data"]);
    assert_eq!(output.status.code(), Some(2));
    let output = ask(path, &["backtest", "--data", "data"]);
    assert_eq!(output.status.code(), Some(2));
}
