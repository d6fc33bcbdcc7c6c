//! Durability from outside: what the real binary does with the journal's promises.

use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::rig::{DEFAULT_CONFIG, assert_success, caracal, finish, last_json};

const DEADLINE: Duration = Duration::from_secs(60);

/// Applies the journal again: no differences, and how it ended.
fn audit(directory: &Path) -> Value {
    let mut command = caracal(directory);
    command.args(["replay", "data/journal", "--json"]);
    let output = finish(command, DEADLINE);
    assert_success(&output);
    let audit = last_json(&output);
    assert_eq!(audit["differences"], 0, "{audit}");
    audit
}

fn records(directory: &Path, kind: &str) -> Vec<Value> {
    let mut command = caracal(directory);
    command.args(["journal", "cat", "data/journal", "--json", "--kind", kind]);
    let output = finish(command, DEADLINE);
    assert_success(&output);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Kills a run in the middle, and leaves half a record behind its last one, as a store that was
/// under way leaves it.
fn leave_a_torn_tail(directory: &Path) -> u64 {
    let mut command = caracal(directory);
    command.args(["run", "--config", DEFAULT_CONFIG]);
    let mut child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1_500));
    child.kill().unwrap();
    child.wait().unwrap();
    let last = audit(directory)["last_sequence"].as_u64().unwrap();
    assert!(last > 0, "the run wrote nothing");
    let journal = directory.join("data/journal");
    let first = journal.join("segment-0000000000");
    let places = (std::fs::metadata(&first).unwrap().len() - 8192) / 128;
    let segment = journal.join(format!("segment-{:010}", last / places));
    let file = std::fs::File::options().write(true).open(segment).unwrap();
    let offset = 4096 + 128 * (last % places) + 8;
    file.write_all_at(&[0xaa; 100], offset).unwrap();
    last
}

#[test]
fn torn_tail_is_cut_kept_beside_and_recorded_as_an_event() {
    let directory = tempfile::tempdir().unwrap();
    let last = leave_a_torn_tail(directory.path());
    let mut command = caracal(directory.path());
    command.args(["run", "--for", "1ms", "--config", DEFAULT_CONFIG]);
    let output = finish(command, DEADLINE);
    assert_success(&output);
    let cut = records(directory.path(), "Recovered");
    assert_eq!(cut.len(), 1, "{cut:?}");
    assert_eq!(cut[0]["from_seq"], last + 1);
    assert_eq!(cut[0]["whole_records"], 0);
    let kept: Vec<String> = std::fs::read_dir(directory.path().join("data/journal"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".broken"))
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(audit(directory.path())["ended_in_order"], true);
}
