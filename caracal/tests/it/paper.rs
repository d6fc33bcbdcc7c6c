//! Paper trading from outside: a live market, orders that go no further, a journal that replays.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::backtest::{ask, refused};
use crate::rig::{DEFAULT_CONFIG, PracticeProcess, assert_success, caracal, last_json};
use crate::session::{assert_replays, run};

const MODEL: &str = "
[backtest]
queue = \"power 3\"
fees = [\"0 2 4\"]
[backtest.latency]
new = \"2ms\"
cancel = \"2ms\"
back = \"1ms\"
";

/// The default configuration with paper orders, in a file in `directory`.
fn config(directory: &Path) -> PathBuf {
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    let paper = text.replace(
        "connect = \"practice\"",
        "orders = \"paper\"\nconnect = \"practice\"",
    );
    assert_ne!(paper, text);
    let path = directory.join("paper.toml");
    std::fs::write(&path, format!("{paper}{MODEL}")).unwrap();
    path
}

#[test]
fn paper_run_trades_replays_and_a_simulation_of_it_has_the_same_fills() {
    let home = tempfile::tempdir().unwrap();
    let config = config(home.path());
    let arguments = ["--config", config.to_str().unwrap(), "--for"];
    let first = run(home.path(), &[&arguments[..], &["10s"]].concat());
    assert!(first["fills"].as_u64().unwrap() > 0, "{first}");
    assert_eq!(first["unknown"], 0, "{first}");
    assert_replays(home.path(), &first);
    // The market does not show paper orders, so it is compared like a backtest's.
    let compare = [
        "backtest",
        "--from-journal",
        "data/journal",
        "--compare",
        "--simulated",
        "--json",
    ];
    let output = ask(home.path(), &compare);
    assert_success(&output);
    let said = last_json(&output);
    assert_eq!(said["compared"], first["orders"], "{said}");
    let count = |key: &str| said["errors"][key].as_u64().unwrap();
    // The paper venue hears the market late, and an order may meet what was not heard yet: one in
    // twenty at most.
    let wrong = count("only_predicted") + count("only_actual");
    assert!(20 * wrong <= count("orders"), "{said}");
    // The account goes on with what it has, and its ids behind those that were.
    let second = run(home.path(), &[&arguments[..], &["5s"]].concat());
    assert_replays(home.path(), &second);
}

#[test]
fn paper_orders_never_reach_the_venue_and_need_no_key() {
    let home = tempfile::tempdir().unwrap();
    let venue = PracticeProcess::start(home.path(), &[]);
    let text = std::fs::read_to_string(venue.config(home.path())).unwrap();
    let keys = ["signature = ", "api_key_file = ", "secret_file = "];
    let kept = text
        .lines()
        .filter(|line| !keys.iter().any(|key| line.starts_with(key)));
    let text = kept.collect::<Vec<&str>>().join("\n");
    let text = text.replace(
        "connect = \"external\"",
        "orders = \"paper\"\nconnect = \"external\"",
    );
    let without = format!("{text}\n{MODEL}");
    let path = home.path().join("paper.toml");
    let arguments = ["--config", path.to_str().unwrap()];
    std::fs::write(&path, &without).unwrap();
    let said = refused(home.path(), &[&["run"], &arguments[..]].concat());
    assert!(said.contains("account[0].balances: is missing"), "{said}");
    let account = "name = \"main\"\nvenue = \"BINANCE\"";
    assert!(without.contains(account), "{without}");
    let money = format!("{account}\nbalances = [\"BTC 1\", \"USDT 100000\"]");
    std::fs::write(&path, without.replace(account, &money)).unwrap();
    // Killed while orders rest, and started again.
    let mut command = caracal(home.path());
    command.arg("run").args(arguments);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(5));
    child.kill().unwrap();
    child.wait().unwrap();
    let second = run(home.path(), &[&arguments[..], &["--for", "6s"]].concat());
    assert!(second["orders"].as_u64().unwrap() > 0, "{second}");
    assert_eq!(second["unknown"], 0, "{second}");
    assert_replays(home.path(), &second);
    let at_venue = venue.ask("/api/v3/allOrders", "symbol=BTCUSDT");
    assert_eq!(at_venue.as_array().unwrap().len(), 0, "{at_venue}");
}

#[test]
fn paper_without_a_model_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = config(home.path());
    let text = std::fs::read_to_string(&path).unwrap();
    let said = |text: &str| {
        std::fs::write(&path, text).unwrap();
        refused(home.path(), &["run", "--config", path.to_str().unwrap()])
    };
    let text_said = said(&text.replace(MODEL, ""));
    assert!(text_said.contains("backtest: is missing"), "{text_said}");
    let text_said = said(&text.replace("new = \"2ms\"", "new = \"journal\""));
    assert!(text_said.contains("needs journal = \"DIR\""), "{text_said}");
    let text_said = said(&text.replace("orders = \"paper\"", "orders = \"chalk\""));
    assert!(text_said.contains("orders"), "{text_said}");
}
