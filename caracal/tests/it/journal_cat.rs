//! `caracal journal cat` and `stat`: filters, following, and refusals.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use journal::{Durability, Options, Writer};
use model::body::Tick;
use model::record::{Kind, Record};
use serde_json::Value;

use crate::journal_rig::{START_NS, STEP_NS, complained, make, printed};
use crate::rig::caracal;

fn objects(directory: &Path, arguments: &[&str]) -> Vec<Value> {
    let all = [&["cat", "j", "--json"], arguments].concat();
    let text = printed(directory, &all);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn cat_filters_let_through_what_they_say_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let last = make(&directory.path().join("j"), 300);
    let all = objects(directory.path(), &[]);
    assert_eq!(all.len() as u64, last);
    let number = |value: &Value, name: &str| value[name].as_u64().unwrap();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or("").to_owned();
    let time = START_NS + 700 * STEP_NS;
    let time_text = time.to_string();
    type Test<'a> = &'a dyn Fn(&Value) -> bool;
    let cases: &[(&[&str], Test<'_>)] = &[
        (&["--from", "900"], &|r| number(r, "seq") >= 900),
        (&["--to", "900"], &|r| number(r, "seq") <= 900),
        (&["--from", "440", "--to", "460"], &|r| {
            (440..=460).contains(&number(r, "seq"))
        }),
        (&["--kind", "tick", "--kind", "Trade"], &|r| {
            ["Tick", "Trade"].contains(&text(r, "kind").as_str())
        }),
        (&["--instrument", "0"], &|r| r["instrument"] == 0),
        (&["--instrument", "ethusdt"], &|r| r["instrument"] == 1),
        (&["--instrument", "BTCUSDT.TEST"], &|r| r["instrument"] == 0),
        (&["--order", "1-1-17"], &|r| r["order"] == "1-1-17"),
        (&["--strategy", "1"], &|r| r["strategy"] == 1),
        (&["--account", "0"], &|r| r["account"] == 0),
        (&["--since", &time_text], &|r| number(r, "time_ns") >= time),
        (&["--until", &time_text], &|r| number(r, "time_ns") <= time),
        (
            &["--since", "2026-11-22T10:00:00.7Z", "--kind", "NewOrder"],
            &|r| number(r, "time_ns") >= time && r["kind"] == "NewOrder",
        ),
    ];
    for (arguments, test) in cases {
        let expected: Vec<&Value> = all.iter().filter(|record| test(record)).collect();
        let found = objects(directory.path(), arguments);
        assert!(
            !expected.is_empty() && expected.len() < all.len(),
            "{arguments:?}"
        );
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{arguments:?}");
    }
}

#[test]
fn cat_refuses_filters_that_cannot_be() {
    let directory = tempfile::tempdir().unwrap();
    make(&directory.path().join("j"), 3);
    for (arguments, word) in [
        (["--kind", "Fill"], "OrderFilled"),
        (["--instrument", "DOGE"], "BTCUSDT.TEST"),
        (["--order", "17"], "1-0-17"),
    ] {
        let all = [&["cat", "j"], &arguments[..]].concat();
        let text = complained(directory.path(), &all);
        assert!(text.contains(word) && text.contains(arguments[1]), "{text}");
    }
    let text = complained(directory.path(), &["cat", "j", "--from", "9", "--to", "8"]);
    assert!(text.contains("--to is before --from"), "{text}");
}

#[test]
fn cat_whose_reader_goes_away_ends_quietly() {
    let directory = tempfile::tempdir().unwrap();
    make(&directory.path().join("j"), 5_000);
    let mut command = caracal(directory.path());
    let mut child = command.args(["journal", "cat", "j"]).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert!(line.contains("RunStarted"), "{line}");
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn cat_follow_shows_what_is_appended_later() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().join("j");
    let last = make(&dir, 3);
    let (first, until) = (last.to_string(), (last + 600).to_string());
    let mut child = caracal(directory.path())
        .args([
            "journal", "cat", "j", "--json", "--follow", "--from", &first,
        ])
        .args(["--to", &until])
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["seq"], last);
    let options = Options::new(Durability::Process);
    let (mut writer, _) = Writer::open(&dir, options).unwrap();
    for count in 0..601 {
        let tick = Tick {
            count,
            reserved: [0; 72],
        };
        while writer.append(&Record::new(Kind::Tick, &tick)).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    for seq in last + 1..=last + 600 {
        assert_eq!(next()["seq"], seq);
    }
    assert!(child.wait().unwrap().success());
}

/// Goal: `cat --follow | head -1` ends with `head`, though nothing more is appended.
#[test]
fn cat_follow_whose_reader_goes_away_ends_quietly() {
    let directory = tempfile::tempdir().unwrap();
    make(&directory.path().join("j"), 3);
    let mut child = caracal(directory.path())
        .args(["journal", "cat", "j", "--follow"])
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    drop(out);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if deadline < std::time::Instant::now() {
            child.kill().unwrap();
            panic!("it goes on without a reader");
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn stat_counts_segments_kinds_and_times() {
    let directory = tempfile::tempdir().unwrap();
    let last = make(&directory.path().join("j"), 300);
    let text = printed(directory.path(), &["stat", "j", "--json"]);
    let stat: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(stat["records"], last);
    assert_eq!(stat["first_sequence"], 1);
    assert_eq!(stat["last_sequence"], last);
    assert_eq!(stat["durable_mark"], last);
    assert_eq!(stat["segments_raw"], last.div_ceil(448));
    assert_eq!(stat["segments_archived"], 0);
    assert_eq!(stat["kinds"]["OrderFilled"], 300);
    assert_eq!(stat["unknown_kinds"], 0);
    assert_eq!(stat["first_time_ns"], START_NS + STEP_NS);
    let disk: u64 = std::fs::read_dir(directory.path().join("j"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!(stat["disk_bytes"], disk);
    let text = printed(directory.path(), &["stat", "j"]);
    assert!(text.contains("OrderFilled"), "{text}");
}

#[test]
fn cat_and_stat_of_what_is_no_journal_are_refused_with_the_path() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("other")).unwrap();
    std::fs::write(directory.path().join("other/file"), "text").unwrap();
    for command in ["cat", "stat"] {
        let text = complained(directory.path(), &[command, "nowhere"]);
        assert!(text.contains("nowhere"), "{text}");
        let text = complained(directory.path(), &[command, "other"]);
        assert!(text.contains("other is not a journal"), "{text}");
    }
}
