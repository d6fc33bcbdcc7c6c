//! The main job from outside: run, replay, recordings, a venue outside the process.

use std::time::Duration;

use serde_json::Value;

use crate::rig::{DEFAULT_CONFIG, PracticeProcess, assert_success, caracal, finish, last_json};

const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn run(directory: &std::path::Path, arguments: &[&str]) -> Value {
    let mut command = caracal(directory);
    command.args(["run", "--json"]).args(arguments);
    if !arguments.contains(&"--config") {
        command.args(["--config", DEFAULT_CONFIG]);
    }
    let output = finish(command, DEADLINE);
    assert_success(&output);
    last_json(&output)
}

fn replay(directory: &std::path::Path) -> Value {
    let mut command = caracal(directory);
    command.args(["replay", "data/journal", "--json"]);
    let output = finish(command, DEADLINE);
    assert_success(&output);
    last_json(&output)
}

pub(crate) fn assert_replays(directory: &std::path::Path, run: &Value) {
    let replay = replay(directory);
    assert_eq!(replay["differences"], 0);
    assert_eq!(replay["state_hash"], run["state_hash"]);
    assert_eq!(replay["last_sequence"], run["last_sequence"]);
    assert_eq!(replay["ended_in_order"], true);
}

#[test]
fn run_on_the_default_configuration_trades_and_replays_to_the_same_hash() {
    let directory = tempfile::tempdir().unwrap();
    let first = run(directory.path(), &["--for", "12s"]);
    assert!(first["orders"].as_u64().unwrap() > 0, "{first}");
    assert!(first["fills"].as_u64().unwrap() > 0, "{first}");
    assert!(
        first["tick_to_order_ns"]["p50"].as_u64().unwrap() > 0,
        "{first}"
    );
    assert_replays(directory.path(), &first);

    let second = run(directory.path(), &["--for", "2s"]);
    let sequence = |run: &Value| run["last_sequence"].as_u64().unwrap();
    assert!(sequence(&first) < sequence(&second), "the journal goes on");
    assert_replays(directory.path(), &second);
}

#[test]
fn run_against_a_venue_in_another_process_trades_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let venue = PracticeProcess::start(directory.path(), &[]);
    let config = venue.config(directory.path());
    let run = run(
        directory.path(),
        &["--config", config.to_str().unwrap(), "--for", "10s"],
    );
    assert!(run["fills"].as_u64().unwrap() > 0, "{run}");
    assert_eq!(
        venue
            .ask("/api/v3/openOrders", "")
            .as_array()
            .unwrap()
            .len(),
        0
    );
    assert_replays(directory.path(), &run);
}

/// Goal: what a venue does wrong is in the log, and the run ends in order all the same.
#[test]
fn run_against_a_venue_that_misbehaves_says_so_in_the_log_and_ends_clean() {
    let directory = tempfile::tempdir().unwrap();
    let faults = "faults = [\"drop@3s\", \"gap@5s\", \"unknown-message@6s\", \"out-of-range@7s\", \
                  \"timeout-done@4\", \"unknown-code@6\", \"duplicate@2\"]";
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    let path = directory.path().join("faults.toml");
    std::fs::write(&path, text.replace("faults = []", faults)).unwrap();
    let arguments = ["--config", path.to_str().unwrap(), "--for", "12s"];
    let run = run(directory.path(), &arguments);
    assert!(run["unknown"].as_u64().unwrap() > 0, "{run}");
    assert_replays(directory.path(), &run);

    let mut command = caracal(directory.path());
    command.args(["journal", "cat", "data/journal", "--kind", "Connection"]);
    let output = finish(command, DEADLINE);
    let text = String::from_utf8_lossy(&output.stdout);
    for words in [
        "closed the connection",
        "gap: updates",
        "no known kind",
        "unread message",
    ] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
}
