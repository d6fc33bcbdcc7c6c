//! `caracal journal salvage`, `archive` and `prune`: what they do to a journal, and what they
//! refuse.

use std::fs;
use std::path::Path;

use journal::snapshot::{self, Snapshot};
use journal::{Durability, Folder, Options, Reader, Writer};
use serde_json::Value;

use crate::journal_rig::{complained, journal, make, printed};
use crate::rig::assert_success;
use crate::session::{assert_replays, run};

fn json_of(directory: &Path, arguments: &[&str]) -> Value {
    let text = printed(directory, arguments);
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn cat(directory: &Path, name: &str) -> String {
    printed(directory, &["cat", name, "--json"])
}

/// Changes a byte of the record `seq`.
fn damage(journal: &Path, seq: u64) {
    let path = journal.join(format!("segment-{:010}", (seq - 1) / 448));
    let mut bytes = fs::read(&path).unwrap();
    bytes[usize::try_from(4096 + (seq - 1) % 448 * 128 + 60).unwrap()] ^= 1;
    fs::write(&path, bytes).unwrap();
}

fn take_snapshot(journal: &Path, seq: u64) {
    let folder = Folder::on_disk(journal);
    let id = Reader::open(journal).unwrap().journal_id();
    let snapshot = Snapshot {
        seq,
        epoch: 1,
        time_ns: 1,
        layout: 1,
        state_hash: [0; 32],
        payload: vec![1; 10],
    };
    snapshot::write(&folder, id, &snapshot).unwrap();
}

fn image(journal: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(journal)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Goal: what is before the damage is a journal that can be written to, what is behind is in the
/// file beside it, and the source is as it was.
#[test]
fn salvage_keeps_all_that_is_intact_and_invents_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let last = make(&here.join("j"), 400);
    let whole = cat(here, "j");
    take_snapshot(&here.join("j"), 600);
    damage(&here.join("j"), 1_000);
    damage(&here.join("j"), 1_001);
    damage(&here.join("j"), 1_500);
    let before = image(&here.join("j"));
    let said = json_of(here, &["salvage", "j", "--to", "new", "--json"]);
    assert_eq!(image(&here.join("j")), before, "the source was changed");
    assert_eq!(said["last_sequence"], 999);
    assert_eq!(said["records"], 999);
    assert_eq!(said["snapshots"], 1);
    assert_eq!(
        said["lost"],
        serde_json::json!([[1_000, 1_001], [1_500, 1_500]])
    );
    assert_eq!(said["intact_behind_the_damage"], last - 1_002);
    let head: Vec<&str> = whole.lines().take(999).collect();
    assert_eq!(cat(here, "new").lines().collect::<Vec<_>>(), head);
    let behind = fs::read_to_string(here.join("new.behind.jsonl")).unwrap();
    let kept = whole.lines().enumerate().filter(|(index, _)| {
        let seq = index + 1;
        seq > 1_001 && seq != 1_500
    });
    for (line, (_, expected)) in behind.lines().zip(kept.clone()) {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let bytes = line.as_object_mut().unwrap().remove("record").unwrap();
        assert_eq!(bytes.as_str().unwrap().len(), 256);
        assert_eq!(line, serde_json::from_str::<Value>(expected).unwrap());
    }
    assert_eq!(behind.lines().count(), kept.count());
    let (writer, recovery) =
        Writer::open(&here.join("new"), Options::new(Durability::Process)).unwrap();
    assert!(recovery.clean && recovery.last_seq == 999);
    writer.close().unwrap();
}

/// Goal: an engine goes on with a salvaged journal, and the whole replays without a difference.
#[test]
fn salvage_of_a_run_replays_and_trades_on() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    run(here, &["--for", "4s"]);
    let mut reader = Reader::open(&here.join("data/journal")).unwrap();
    let last = reader.last_seq().unwrap();
    reader.seek(last / 2);
    let path = here.join("data/journal/segment-0000000000");
    let mut bytes = fs::read(&path).unwrap();
    bytes[usize::try_from(4096 + (last / 2 - 1) * 128 + 60).unwrap()] ^= 1;
    fs::write(&path, bytes).unwrap();
    let said = json_of(here, &["salvage", "data/journal", "--to", "new", "--json"]);
    assert_eq!(said["last_sequence"], last / 2 - 1);
    fs::rename(here.join("data/journal"), here.join("data/damaged")).unwrap();
    fs::rename(here.join("new"), here.join("data/journal")).unwrap();
    let again = run(here, &["--for", "3s"]);
    assert_replays(here, &again);
}

#[test]
fn salvage_refuses_a_target_that_is_not_new() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    make(&here.join("j"), 3);
    let before = image(&here.join("j"));
    for target in ["j", "j/new", "./j/a/b"] {
        let text = complained(here, &["salvage", "j", "--to", target]);
        assert!(text.contains("or inside of it"), "{text}");
    }
    fs::create_dir(here.join("used")).unwrap();
    fs::write(here.join("used/file"), "mine").unwrap();
    let text = complained(here, &["salvage", "j", "--to", "used"]);
    assert!(text.contains("used is not empty"), "{text}");
    fs::write(here.join("a.behind.jsonl"), "mine").unwrap();
    let text = complained(here, &["salvage", "j", "--to", "a"]);
    assert!(text.contains("a.behind.jsonl is there already"), "{text}");
    let text = complained(here, &["salvage", "nowhere", "--to", "b"]);
    assert!(text.contains("nowhere"), "{text}");
    let text = complained(here, &["salvage", "used", "--to", "c"]);
    assert!(
        text.contains("no superblock and no segment header"),
        "{text}"
    );
    assert_eq!(image(&here.join("j")), before);
    assert_success(&journal(here, &["salvage", "j", "--to", "d"]));
}

#[test]
fn archive_packs_old_segments_and_everything_reads_as_before() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    make(&here.join("j"), 700);
    let whole = cat(here, "j");
    let stat = json_of(here, &["stat", "j", "--json"]);
    let full = stat["records"].as_u64().unwrap() / 448;
    let said = json_of(here, &["archive", "j", "--json"]);
    assert_eq!(said["segments"].as_array().unwrap().len() as u64, full - 2);
    assert!(said["archived_bytes"].as_u64() < said["raw_bytes"].as_u64());
    assert_eq!(cat(here, "j"), whole);
    let stat = json_of(here, &["stat", "j", "--json"]);
    assert_eq!(stat["segments_archived"], full - 2);
    let more = json_of(here, &["archive", "j", "--keep-last", "1", "--json"]);
    assert_eq!(more["segments"], serde_json::json!([full - 2]));
    let text = printed(here, &["archive", "j", "--keep-last", "1"]);
    assert!(text.contains("nothing to archive"), "{text}");
    assert_eq!(cat(here, "j"), whole);
    let (writer, _) = Writer::open(&here.join("j"), Options::new(Durability::Process)).unwrap();
    let archived = json_of(here, &["archive", "j", "--keep-last", "1", "--json"]);
    assert_eq!(archived["while_written"], true);
    writer.close().unwrap();
}

#[test]
fn archive_refuses_damage_and_levels_that_there_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    make(&here.join("j"), 700);
    damage(&here.join("j"), 500);
    let before = image(&here.join("j"));
    let text = complained(here, &["archive", "j", "--level", "99"]);
    assert!(text.contains("99 is not from"), "{text}");
    let text = complained(here, &["archive", "j"]);
    assert!(text.contains("record 500"), "{text}");
    // The segment before was packed; the damaged one is as it was.
    let after = image(&here.join("j"));
    assert!(
        before[4..]
            .iter()
            .all(|file| after.contains(file) || file.0.ends_with("0000"))
    );
    assert!(!here.join("j/segment-0000000001.zst.new").exists());
    let text = complained(here, &["archive", "nowhere"]);
    assert!(text.contains("nowhere"), "{text}");
}

#[test]
fn prune_removes_what_no_snapshot_needs_and_not_more() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let last = make(&here.join("j"), 700);
    let prune = ["prune", "j", "--keep-bytes", "0", "--json"];
    let said = json_of(here, &prune);
    assert_eq!(said["segments"], serde_json::json!([]));
    assert!(said["held"].as_str().unwrap().contains("no good snapshot"));
    take_snapshot(&here.join("j"), 1_000);
    let whole = cat(here, "j");
    let before = image(&here.join("j"));
    let said = json_of(here, &[&prune[..], &["--dry-run"]].concat());
    assert_eq!(said["segments"], serde_json::json!([0, 1]));
    assert_eq!(
        image(&here.join("j")),
        before,
        "a dry run changed something"
    );
    let said = json_of(here, &prune);
    assert_eq!(said["segments"], serde_json::json!([0, 1]));
    assert_eq!(said["first_sequence"], 897);
    assert!(said["held"].as_str().unwrap().contains("sequence 1000"));
    let tail: Vec<&str> = whole.lines().skip(896).collect();
    assert_eq!(cat(here, "j").lines().collect::<Vec<_>>(), tail);
    let (writer, recovery) =
        Writer::open(&here.join("j"), Options::new(Durability::Process)).unwrap();
    assert_eq!(recovery.last_seq, last);
    let text = complained(here, &prune);
    let pid = std::process::id();
    assert!(text.contains(&format!("(process {pid}, ")), "{text}");
    writer.close().unwrap();
}

#[test]
fn prune_by_age_and_by_size() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let last = make(&here.join("j"), 700);
    take_snapshot(&here.join("j"), last);
    let said = json_of(here, &["prune", "j", "--keep-age", "99999d", "--json"]);
    assert_eq!(said["segments"], serde_json::json!([]));
    assert_eq!(said["held"], Value::Null);
    // Two prepared, the last in use, and two full ones.
    let size = (320_u64 * 1024).to_string();
    let said = json_of(here, &["prune", "j", "--keep-bytes", &size, "--json"]);
    assert!(said["kept_bytes"].as_u64().unwrap() <= 320 * 1024, "{said}");
    assert_eq!(said["held"], Value::Null);
    let output = journal(here, &["prune", "j"]);
    assert_eq!(
        output.status.code(),
        Some(2),
        "one of the limits must be given"
    );
    let output = journal(here, &["prune", "j", "--keep-bytes", "ten"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("10GiB"));
}

/// Goal: a running engine prunes its own journal; the tail replays from the oldest snapshot.
#[test]
fn run_with_keep_bytes_prunes_while_it_trades() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let text = fs::read_to_string(crate::rig::DEFAULT_CONFIG).unwrap();
    let text = text
        .replace("segment_size_mib = 64 ", "segment_size_mib = 1 ")
        .replace("snapshot_every = \"60s\"", "snapshot_every = \"1s\"")
        .replace("events_per_second = 300 ", "events_per_second = 20000 ")
        .replace("# keep_bytes = \"10GiB\"", "keep_bytes = \"1MiB\"");
    assert!(
        text.contains("\nkeep_bytes") && text.contains("= 20000 "),
        "{text}"
    );
    fs::write(here.join("small.toml"), text).unwrap();
    let ran = run(here, &["--config", "small.toml", "--for", "12s"]);
    let stat = json_of(here, &["stat", "data/journal", "--json"]);
    let first = stat["first_sequence"].as_u64().unwrap();
    assert!(first > 1, "nothing was pruned: {stat}");
    assert_replays(here, &ran);
    let again = run(here, &["--config", "small.toml", "--for", "2s"]);
    assert_replays(here, &again);
}

#[test]
fn every_command_refuses_newer_and_half_copied_journals() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    make(&here.join("j"), 700);
    let commands: [&[&str]; 6] = [
        &["cat"],
        &["stat"],
        &["export", "--format", "jsonl", "--out", "x"],
        &["archive"],
        &["prune", "--keep-bytes", "0"],
        &["salvage", "--to", "new"],
    ];
    let ask = |command: &[&str], name: &str| {
        let (first, rest) = command.split_first().unwrap();
        complained(here, &[&[*first, name], rest].concat())
    };
    copy(&here.join("j"), &here.join("newer"));
    let mut superblock = fs::read(here.join("j/superblock")).unwrap();
    superblock[8] = 9;
    superblock[4096 + 8] = 9;
    fs::write(here.join("newer/superblock"), superblock).unwrap();
    for command in commands {
        let text = ask(command, "newer");
        assert!(text.contains("version 9"), "{command:?}: {text}");
    }
    // As a copy that was interrupted: a middle segment is missing, the next is cut short.
    copy(&here.join("j"), &here.join("half"));
    fs::remove_file(here.join("half/segment-0000000002")).unwrap();
    for command in &commands[..3] {
        let text = ask(command, "half");
        assert!(text.contains("segment-0000000002"), "{command:?}: {text}");
    }
    let said = json_of(here, &["salvage", "half", "--to", "saved", "--json"]);
    assert_eq!(said["last_sequence"], 896);
    assert_eq!(said["lost"], serde_json::json!([[897, 1_344]]));
    assert!(!here.join("x").exists() && !here.join("x.new").exists());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for (name, bytes) in image(from) {
        fs::write(to.join(name), bytes).unwrap();
    }
}
