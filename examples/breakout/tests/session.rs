//! The whole program with the strategy in it: it trades on the embedded practice venue, and its
//! journal replays.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_breakout");
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml");

fn program(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(dir).output().unwrap()
}

/// Seed of the market: the one of `config.toml`. How much of it a second shows depends on the
/// machine, so the number of trades is not looked at; `rehearsal.rs` does that.
#[test]
fn program_runs_its_strategy_and_replays_it() {
    let dir = tempfile::tempdir().unwrap();
    let run = program(
        dir.path(),
        &[
            "run",
            "--config",
            CONFIG,
            "--for",
            "5s",
            "--allow-unsafe-fs",
        ],
    );
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let replay = program(dir.path(), &["replay", "data/journal"]);
    assert!(replay.status.success(), "{replay:?}");
    let listed = program(dir.path(), &["strategies"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    for kind in ["breakout", "market-maker", "moving-average"] {
        assert!(listed.contains(&format!("kind = \"{kind}\"")), "{listed}");
    }
}

#[test]
fn program_names_what_is_wrong_with_its_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let config = std::fs::read_to_string(CONFIG).unwrap();
    let bad = config
        .replace("lookback = 2", "lookback = 0")
        .replace("hold = \"5s\"", "held = \"5s\"");
    let file = dir.path().join("bad.toml");
    std::fs::write(&file, bad).unwrap();
    let run = program(dir.path(), &["run", "--config", "bad.toml", "--for", "1s"]);
    assert!(!run.status.success());
    let told = String::from_utf8(run.stderr).unwrap();
    assert!(told.contains("lookback"), "{told}");
    assert!(told.contains("held"), "{told}");
    assert!(!dir.path().join("data").exists(), "nothing was started");
}
