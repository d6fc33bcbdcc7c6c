//! Bad input: one clear line that says what, where and what to do, and a non-zero exit code.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use crate::rig::{DEFAULT_CONFIG, caracal, finish, recording};

const DEADLINE: Duration = Duration::from_secs(30);

/// Runs and returns what it complained about; fails if it did not fail, or panicked.
fn complaint(directory: &Path, arguments: &[&str]) -> String {
    let mut command = caracal(directory);
    command.args(arguments);
    let Output { status, stderr, .. } = finish(command, DEADLINE);
    let text = String::from_utf8_lossy(&stderr).into_owned();
    assert!(!status.success(), "{arguments:?} succeeded: {text}");
    assert!(
        status.code().is_some(),
        "{arguments:?} died: {status}: {text}"
    );
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// The default configuration with one text replaced.
fn changed_config(directory: &Path, from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    assert!(text.contains(from), "{from} is not in config.toml");
    let path = directory.join("changed.toml");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn assert_mentions(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

#[test]
fn config_with_several_mistakes_reports_all_with_line_path_value_and_range() {
    let directory = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    let text = text
        .replacen("collar_bps = 50", "collar_bps = 0", 1)
        .replace("# durability = \"interval\"", "durability = \"sometimes\"")
        .replace("[risk]", "[risk]\ncollar = 3")
        .replace("lane_slots = 1024", "lane_slots = 1000");
    let path = directory.path().join("wrong.toml");
    std::fs::write(&path, text).unwrap();
    let text = complaint(directory.path(), &["run", "--config", "wrong.toml"]);
    let words = [
        "4 problems",
        "line ",
        "risk.instrument[0].collar_bps: 0 is not allowed",
        "from 1 to 10000",
        "journal.durability: \"sometimes\"",
        "\"process\", \"interval\"",
        "risk.collar: is not a key",
        "lane_slots",
        "1000",
    ];
    assert_mentions(&text, &words);
}

#[test]
fn limits_that_contradict_each_other_are_refused_with_their_lines() {
    let directory = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    let text = text
        .replace("qty_max = 0.01 ", "qty_max = 0.06 ")
        .replace("query_pause_max = \"30s\"", "query_pause_max = \"500ms\"")
        .replace("messages_reserved = 10 ", "messages_reserved = 50 ");
    std::fs::write(directory.path().join("wrong.toml"), &text).unwrap();
    let said = complaint(directory.path(), &["run", "--config", "wrong.toml"]);
    let line_of = |key: &str| {
        let at = text.lines().position(|line| line.starts_with(key));
        format!("line {}", at.unwrap() + 1)
    };
    let lines = ["qty_max", "query_pause_max"].map(line_of);
    assert_mentions(&said, &[&lines[0], &lines[1]]);
    let words = [
        "qty_max: 0.06 of one order is above position_max, 0.05",
        "query_pause_max: 500ms must be at least query_pause_min, 1s",
        "messages_reserved",
    ];
    assert_mentions(&said, &words);
}

#[test]
fn flatten_that_the_last_line_would_stop_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    let text = text.replace("flatten_on_kill = false", "flatten_on_kill = true");
    let blocked = text.replace("flatten_passes = true", "flatten_passes = false");
    std::fs::write(directory.path().join("wrong.toml"), &blocked).unwrap();
    let said = complaint(directory.path(), &["run", "--config", "wrong.toml"]);
    assert_mentions(&said, &["flatten_on_kill", "flatten_passes = true"]);
    let few = text.replace("orders_per_second = 100 ", "orders_per_second = 39 ");
    std::fs::write(directory.path().join("few.toml"), &few).unwrap();
    let said = complaint(directory.path(), &["run", "--config", "few.toml"]);
    assert_mentions(&said, &["orders_per_second", "40 or more"]);
}

#[test]
fn config_that_is_missing_or_not_toml_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let text = complaint(directory.path(), &["run", "--config", "nowhere.toml"]);
    assert_mentions(&text, &["nowhere.toml", "--config"]);
    std::fs::write(directory.path().join("broken.toml"), "[journal\n").unwrap();
    let text = complaint(directory.path(), &["run", "--config", "broken.toml"]);
    assert_mentions(&text, &["broken.toml", "line 1"]);
}

#[test]
fn quantity_that_is_no_whole_lot_is_refused_with_the_lot() {
    let directory = tempfile::tempdir().unwrap();
    let config = changed_config(directory.path(), "qty = 0.001 ", "qty = 0.0000001 ");
    let text = complaint(directory.path(), &["run", "--config", &config]);
    assert_mentions(&text, &["maker", "qty", "0.0000001", "0.00001"]);
}

#[test]
fn recording_that_is_missing_or_truncated_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let run = ["run", "--config", DEFAULT_CONFIG, "--recording"];
    let text = complaint(directory.path(), &[&run[..], &["nowhere.gz"]].concat());
    assert_mentions(&text, &["nowhere.gz", "no such file"]);
    let Some(recording) = recording() else {
        eprintln!("skipped: no recording in ../shared/data to truncate");
        return;
    };
    let whole = std::fs::read(recording).unwrap();
    std::fs::write(directory.path().join("short.gz"), &whole[..whole.len() / 2]).unwrap();
    let text = complaint(directory.path(), &[&run[..], &["short.gz"]].concat());
    assert_mentions(&text, &["short.gz"]);
}

#[test]
fn port_in_use_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = complaint(directory.path(), &["practice", "--listen", &address]);
    assert_mentions(&text, &[&address, "choose another port"]);
}

#[test]
fn journal_locked_by_a_running_engine_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = caracal(directory.path())
        .args(["run", "--config", DEFAULT_CONFIG, "--for", "20s"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let superblock = directory.path().join("data/journal/superblock");
    while !superblock.is_file() {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(200));
    let text = complaint(directory.path(), &["run", "--config", DEFAULT_CONFIG]);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_mentions(&text, &["locked", "data/journal"]);
}

#[test]
fn replay_of_what_is_no_journal_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let text = complaint(directory.path(), &["replay", "nowhere"]);
    assert_mentions(&text, &["nowhere"]);
    let text = complaint(directory.path(), &["journal", "stat", "."]);
    assert_mentions(&text, &["not a journal"]);
}

#[test]
fn venue_that_is_not_there_ends_with_its_address() {
    let directory = tempfile::tempdir().unwrap();
    let venue = crate::rig::PracticeProcess::start(directory.path(), &[]);
    let config = venue.config(directory.path());
    let address = venue.address.clone();
    drop(venue);
    let config = config.to_str().unwrap();
    let text = complaint(directory.path(), &["run", "--config", config]);
    assert_mentions(&text, &[&address]);
}

#[test]
fn certificate_that_does_not_verify_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let venue = crate::rig::PracticeProcess::start(directory.path(), &[]);
    let stranger = crate::rig::PracticeProcess::start(other.path(), &[]);
    let config = venue.config(directory.path());
    std::fs::copy(stranger.keys.join("ca.pem"), venue.keys.join("ca.pem")).unwrap();
    let config = config.to_str().unwrap();
    let text = complaint(directory.path(), &["run", "--config", config]);
    assert_mentions(&text, &["certificate", &venue.address]);
}

#[test]
fn venues_and_accounts_that_contradict_each_other_are_refused_with_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let run = |from: &str, to: &str| {
        let config = changed_config(at, from, to);
        complaint(at, &["run", "--config", &config, "--for", "1s"])
    };
    let account = "[[account]]\nname = \"main\"\nvenue = \"BINANCE\"\n";
    let text = run(account, &format!("{account}{account}"));
    assert_mentions(
        &text,
        &["account[1].name", "is the name of an account already"],
    );
    let keyed = format!("{account}signature = \"hmac\"\napi_key_file = \"changed.toml\"\n");
    let text = run(account, &format!("{keyed}secret_file = \"changed.toml\"\n"));
    assert_mentions(&text, &["account[0].api_key_file", "makes its own keys"]);
    let text = run(
        "[\"BTCUSDT\", \"ETHUSDT\"]",
        "[\"BTCUSDT\", \"ETHUSDT\", \"BTCUSDT\"]",
    );
    assert_mentions(&text, &["venue[0].symbols", "\"BTCUSDT\" is there twice"]);
    let seed = "seed = 1 ";
    let text = run(seed, "start_prices = [\"BTCUSDT -1\"]\nseed = 1 ");
    assert_mentions(&text, &["start_prices", "\"SYMBOL PRICE\" is"]);
    let text = run(seed, "start_prices = [\"BTCUSDT 60000.001\"]\nseed = 1 ");
    assert_mentions(&text, &["start_prices \"BTCUSDT 60000.001\""]);
    let text = run(seed, "start_prices = [\"BNBUSDT 600\"]\nseed = 1 ");
    assert_mentions(&text, &["venue.symbols does not have BNBUSDT"]);
}
