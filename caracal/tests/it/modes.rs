//! Durability from outside: what the real binary does with the journal's promises.

use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

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
    let mut child = start(directory);
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

/// The default configuration with these lines in `[journal]`.
fn config(directory: &Path, lines: &str) -> String {
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    assert!(text.contains("[journal]\n"));
    let path = directory.join("modes.toml");
    std::fs::write(
        &path,
        text.replace("[journal]\n", &format!("[journal]\n{lines}\n")),
    )
    .unwrap();
    path.to_str().unwrap().to_owned()
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = caracal(directory);
    command.arg("run").args(arguments);
    finish(command, DEADLINE)
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A mode trades, says its sentence, and leaves a journal that replays without a difference; a
/// second run goes on from it.
fn check_mode(mode: &str, start: &str) {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), &format!("durability = \"{mode}\""));
    for run_for in ["2s", "1ms"] {
        let arguments = [
            "--json",
            "--allow-unsafe-fs",
            "--config",
            &config,
            "--for",
            run_for,
        ];
        let output = run(directory.path(), &arguments);
        assert_success(&output);
        let told = errors(&output);
        assert!(told.contains(&format!("durability {mode}")), "{told}");
        assert!(told.contains(start), "{told}");
        let report = last_json(&output);
        assert_eq!(report["durability"], mode);
        assert!(
            run_for == "1ms" || report["orders"].as_u64().unwrap() > 0,
            "{report}"
        );
        let audit = audit(directory.path());
        assert_eq!(audit["state_hash"], report["state_hash"], "{mode}");
        assert_eq!(audit["last_sequence"], report["last_sequence"], "{mode}");
    }
    let fillings = records(directory.path(), "DurableMark").len();
    assert_eq!(
        fillings > 0,
        matches!(mode, "group" | "sync"),
        "{mode}: {fillings}"
    );
}

#[test]
fn process_mode_runs_says_its_sentence_and_replays() {
    check_mode("process", "\"An accepted event survives death");
}

#[test]
fn interval_mode_runs_says_its_sentence_and_replays() {
    check_mode(
        "interval",
        "\"As `process`, and after power loss at most the last T + X",
    );
}

#[test]
fn group_mode_runs_says_its_sentence_and_replays() {
    check_mode("group", "\"As `process`, and outgoing orders");
}

#[test]
fn sync_mode_runs_says_its_sentence_and_replays() {
    check_mode(
        "sync",
        "\"Every accepted event is durable before any stage acts",
    );
}

#[test]
fn volatile_mode_trades_and_leaves_nothing_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "durability = \"volatile\"");
    let output = run(
        directory.path(),
        &["--for", "2s", "--json", "--config", &config],
    );
    assert_success(&output);
    assert!(errors(&output).contains("Events are kept in memory only."));
    let report = last_json(&output);
    assert!(report["orders"].as_u64().unwrap() > 0, "{report}");
    assert!(!directory.path().join("data").exists());
}

#[test]
fn volatile_mode_with_a_venue_that_outlives_it_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let venue = crate::rig::PracticeProcess::start(directory.path(), &[]);
    let path = venue.config(directory.path());
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("[journal]\n", "[journal]\ndurability = \"volatile\"\n");
    std::fs::write(&path, text).unwrap();
    let output = run(directory.path(), &["--config", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = errors(&output);
    assert!(
        told.contains("journal.durability: \"volatile\" is not allowed"),
        "{told}"
    );
}

/// A directory on tmpfs, which forgets everything; `None` where there is none.
fn on_tmpfs() -> Option<tempfile::TempDir> {
    use journal::storage::{Disk, Storage as _};
    let shm = Path::new("/dev/shm");
    let is_tmpfs = Disk
        .file_system(shm)
        .is_ok_and(|found| found.name == "tmpfs");
    if is_tmpfs {
        tempfile::tempdir_in(shm).ok()
    } else {
        None
    }
}

#[test]
fn unsafe_file_system_is_refused_by_name_and_untouched_unless_it_is_allowed() {
    let Some(tmpfs) = on_tmpfs() else {
        println!("no tmpfs on this machine: nothing to refuse");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let journal = tmpfs.path().join("journal");
    let journal = journal.to_str().unwrap();
    for mode in ["interval", "group", "sync"] {
        let lines = format!("segment_size_mib = 1\ndurability = \"{mode}\"");
        let config = small_config(directory.path(), &lines);
        let arguments = [
            "--for",
            "1ms",
            "--json",
            "--config",
            &config,
            "--journal",
            journal,
        ];
        let output = run(directory.path(), &arguments);
        assert_eq!(output.status.code(), Some(1));
        let told = errors(&output);
        for word in [journal, "(tmpfs)", mode, "allow_unsafe_fs", "local disk"] {
            assert!(told.contains(word), "{word:?} is not in: {told}");
        }
        assert_eq!(std::fs::read_dir(tmpfs.path()).unwrap().count(), 0);
    }
    // Nothing configured: the promise that can be kept, and it says so.
    let config = small_config(directory.path(), "segment_size_mib = 1");
    let arguments = [
        "--for",
        "1ms",
        "--json",
        "--config",
        &config,
        "--journal",
        journal,
    ];
    let output = run(directory.path(), &arguments);
    assert_success(&output);
    let told = errors(&output);
    assert!(told.contains("on tmpfs: durability process"), "{told}");
    assert!(
        told.contains("tmpfs is not known to keep what is synced"),
        "{told}"
    );
    // Allowed: it runs, and says what that means.
    let lines = "segment_size_mib = 1\ndurability = \"group\"\nallow_unsafe_fs = true";
    let config = small_config(directory.path(), lines);
    let arguments = [
        "--for",
        "1ms",
        "--json",
        "--config",
        &config,
        "--journal",
        journal,
    ];
    let output = run(directory.path(), &arguments);
    assert_success(&output);
    let told = errors(&output);
    assert!(told.contains("on tmpfs: durability group"), "{told}");
    assert!(
        told.contains("what this says about power loss may not hold"),
        "{told}"
    );
}

/// As `config`, without the default's own size of segments and its `allow_unsafe_fs`.
fn small_config(directory: &Path, lines: &str) -> String {
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    let keep =
        |line: &&str| !line.starts_with("segment_size_mib") && !line.starts_with("allow_unsafe_fs");
    let kept: Vec<&str> = text.lines().filter(keep).collect();
    let text = kept
        .join("\n")
        .replace("[journal]", &format!("[journal]\n{lines}"));
    let path = directory.join("small.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Records that the journal holds by now; 0 while there is none.
fn records_in(journal: &Path) -> usize {
    let Ok(mut reader) = journal::Reader::open(journal) else {
        return 0;
    };
    let mut count = 0;
    while let Ok(Some(_)) = reader.next() {
        count += 1;
    }
    count
}

/// Starts a run and waits until it trades.
fn start(directory: &Path) -> std::process::Child {
    let mut command = caracal(directory);
    command.args(["run", "--config", DEFAULT_CONFIG]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let began = Instant::now();
    while records_in(&directory.join("data/journal")) < 200 {
        assert!(began.elapsed() < DEADLINE, "the run writes nothing");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn exit_code_within(child: &mut std::process::Child, deadline: Duration) -> Option<i32> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if deadline < began.elapsed() {
            child.kill().unwrap();
            panic!("no end within {deadline:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Row 26: a bus error ends the process with its own code, and the next start recovers.
#[test]
fn fault_26_bus_error_ends_with_its_own_code_and_the_next_start_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = start(directory.path());
    let killed = Command::new("kill")
        .args(["-s", "BUS", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    assert_eq!(exit_code_within(&mut child, DEADLINE), Some(74));
    let before = audit(directory.path());
    let output = run(
        directory.path(),
        &["--for", "1ms", "--json", "--config", DEFAULT_CONFIG],
    );
    assert_success(&output);
    let hash = before["state_hash"].as_str().unwrap();
    assert!(errors(&output).contains(hash), "{}", errors(&output));
    println!(
        "fault 26: exit code 74, {} records recovered, seed 1",
        before["last_sequence"]
    );
}

/// Row 26, the real thing: somebody cuts the file under the mapping. The process ends with the same
/// code, and the next start names the file.
#[test]
fn fault_26_segment_cut_under_the_mapping_ends_the_process_and_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = start(directory.path());
    let segment = directory.path().join("data/journal/segment-0000000000");
    let file = std::fs::File::options().write(true).open(segment).unwrap();
    file.set_len(0).unwrap();
    assert_eq!(exit_code_within(&mut child, DEADLINE), Some(74));
    let output = run(
        directory.path(),
        &["--for", "1ms", "--config", DEFAULT_CONFIG],
    );
    assert_eq!(output.status.code(), Some(1));
    let told = errors(&output);
    assert!(
        told.contains("segment-0000000000 is 0 bytes long"),
        "{told}"
    );
    println!("fault 26: segment cut to 0 bytes, exit code 74, next start refused, seed 1");
}

/// Row 28: a limit on the size of files is an error that is told, and not a signal.
#[test]
fn fault_28_limit_on_file_size_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let binary = env!("CARGO_BIN_EXE_caracal");
    let mut command = Command::new("sh");
    // In blocks of 512 bytes, or of 1024 in some shells: far below a segment either way.
    let script = format!("ulimit -f 4096; exec {binary} run --for 1s --config {DEFAULT_CONFIG}");
    command.args(["-c", &script]).current_dir(directory.path());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = finish(command, DEADLINE);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let told = errors(&output);
    assert!(told.contains("cannot reserve space for"), "{told}");
    assert!(told.contains("File too large"), "{told}");
    let output = run(
        directory.path(),
        &["--for", "1ms", "--json", "--config", DEFAULT_CONFIG],
    );
    assert_success(&output);
    println!("fault 28: refused with the reason, exit code 1, next start in order, seed 1");
}
