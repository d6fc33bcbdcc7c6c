//! Goal: a restart from a snapshot is a restart from the whole log, only sooner.
//!
//! Method: the real binary, with snapshots each second; killed, its snapshots damaged or ahead.
//! `caracal replay` applies the whole log, whatever snapshots there are, and is the oracle.
//! Seed: 5 for the moments of the kills.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::rig::{DEFAULT_CONFIG, assert_success, caracal, finish, last_json};

const DEADLINE: Duration = Duration::from_secs(60);
const SEED: u64 = 5;

/// For `cargo xtask faults`: what was tried for a row of the fault list.
#[expect(
    clippy::print_stdout,
    reason = "the table of faults is made of these lines"
)]
fn report(row: u32, counts: &str) {
    println!("fault {row}: {counts}, seed {SEED}");
}

/// The default configuration with a snapshot each second.
fn config(directory: &Path) -> PathBuf {
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    let often = text.replace("snapshot_every = \"60s\"", "snapshot_every = \"1s\"");
    assert_ne!(text, often);
    let path = directory.join("often.toml");
    std::fs::write(&path, often).unwrap();
    path
}

fn run_and_kill(directory: &Path, config: &Path, moment: Duration) {
    let mut command = caracal(directory);
    command.args(["run", "--config"]).arg(config);
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn audit(directory: &Path) -> Value {
    let mut command = caracal(directory);
    command.args(["replay", "data/journal", "--json"]);
    let output = finish(command, DEADLINE);
    assert_success(&output);
    let audit = last_json(&output);
    assert_eq!(audit["differences"], 0, "{audit}");
    assert_eq!(audit["from_snapshot"], Value::Null, "{audit}");
    audit
}

/// Runs and ends in order; what it remarked. It must have started from the state of `before`.
fn run_on(directory: &Path, config: &Path, before: &Value) -> String {
    let mut command = caracal(directory);
    command
        .args(["run", "--for", "1ms", "--config"])
        .arg(config);
    let output = finish(command, DEADLINE);
    assert_success(&output);
    let remarks = String::from_utf8_lossy(&output.stderr).into_owned();
    let hash = before["state_hash"].as_str().unwrap();
    assert!(
        remarks.contains(hash),
        "another state than {hash}: {remarks}"
    );
    remarks
}

/// Files of the snapshots, oldest first.
fn snapshots(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory.join("data/journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("snapshot-") && !name.ends_with(".new")
        })
        .collect();
    paths.sort();
    paths
}

fn sequence_of(snapshot: &Path) -> u64 {
    let name = snapshot.file_name().unwrap().to_str().unwrap();
    name.trim_start_matches("snapshot-").parse().unwrap()
}

#[test]
fn fault_05_kill_of_the_engine_around_its_snapshots_gives_the_state_of_the_whole_log() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let (kills, mut from_snapshot) = (if slow { 100 } else { 3 }, 0);
    let mut random = SEED;
    for kill in 0..kills {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        // The first snapshots of a run come one and two seconds behind its start.
        let moment = Duration::from_micros(900_000 + (random >> 33) % 1_600_000);
        run_and_kill(directory.path(), &config, moment);
        let before = audit(directory.path());
        let last = before["last_sequence"].as_u64().unwrap();
        let remarks = run_on(directory.path(), &config, &before);
        assert!(!remarks.contains("passed over"), "kill {kill}: {remarks}");
        if let Some(rest) = remarks.split("recovered from snapshot at sequence ").nth(1) {
            let seq: u64 = rest.split(',').next().unwrap().parse().unwrap();
            let applied = format!("{} records applied", last - seq);
            assert!(rest.contains(&applied), "kill {kill}: {remarks}");
            from_snapshot += 1;
        }
        let kept = snapshots(directory.path());
        assert!((1..=3).contains(&kept.len()), "{kept:?}");
        let end = audit(directory.path());
        assert_eq!(end["ended_in_order"], true);
        // The orderly end's own snapshot: the next start applies nothing.
        assert_eq!(end["last_sequence"], sequence_of(kept.last().unwrap()));
    }
    assert!(from_snapshot > 0, "no run started from a snapshot");
    report(
        5,
        &format!("{kills} kills of the engine, {from_snapshot} restarts from a snapshot"),
    );
}

#[test]
fn fault_43_restart_with_damaged_snapshots_applies_more_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    run_and_kill(directory.path(), &config, Duration::from_millis(1_500));
    let mut before = audit(directory.path());
    for _ in 0..2 {
        run_on(directory.path(), &config, &before);
        before = audit(directory.path());
    }
    let mut damaged = 0;
    for path in snapshots(directory.path()).iter().rev() {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
        damaged += 1;
        let older = snapshots(directory.path()).len() - damaged;
        let copy = tempfile::tempdir().unwrap();
        copy_journal(directory.path(), copy.path());
        let remarks = run_on(copy.path(), &config, &before);
        assert_eq!(
            remarks.matches("passed over: ").count(),
            damaged,
            "{remarks}"
        );
        assert_eq!(
            remarks.contains("recovered from snapshot"),
            older > 0,
            "{remarks}"
        );
    }
    assert!(damaged >= 2, "{damaged} snapshots");
    report(
        43,
        &format!("{damaged} snapshots damaged one after the other"),
    );
}

/// With the key that it is sealed with.
fn copy_journal(from: &Path, to: &Path) {
    let (from, to) = (from.join("data"), to.join("data"));
    std::fs::create_dir_all(to.join("journal")).unwrap();
    std::fs::copy(from.join("journal.key"), to.join("journal.key")).unwrap();
    let (from, to) = (from.join("journal"), to.join("journal"));
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn fault_44_restart_on_an_older_journal_with_a_newer_snapshot_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    run_and_kill(directory.path(), &config, Duration::from_millis(800));
    let before = audit(directory.path());
    let older = tempfile::tempdir().unwrap();
    copy_journal(directory.path(), older.path());
    run_on(directory.path(), &config, &before);
    let newest = snapshots(directory.path()).pop().unwrap();
    let name = newest.file_name().unwrap();
    std::fs::copy(&newest, older.path().join("data/journal").join(name)).unwrap();
    let mut command = caracal(older.path());
    command
        .args(["run", "--for", "1ms", "--config"])
        .arg(&config);
    let output = finish(command, DEADLINE);
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    let (ahead, last) = (
        sequence_of(&newest),
        before["last_sequence"].as_u64().unwrap(),
    );
    assert!(error.contains(&format!("sequence {ahead},")), "{error}");
    assert!(error.contains(&format!("sequence {last}:")), "{error}");
    assert!(error.contains("lost its end"), "{error}");
    // Nothing was written behind the old end: the log is what it was.
    let after = audit(older.path());
    assert_eq!(after["last_sequence"], before["last_sequence"]);
    assert_eq!(after["state_hash"], before["state_hash"]);
    report(44, "1 engine start refused");
}
