//! `caracal import`: what becomes a data set is what stood in the files, and nothing else.

mod archives;
mod arrays;
mod bad_files;
mod by_order;
mod captures;
mod okx;
mod recordings;
mod tardis;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use journal::Reader;
use model::blob::{self, Assembler};
use model::body::{BookLevels, Connection, LinkState};
use model::event::{Event, event};
use model::instrument::InstrumentSpec;
use model::record::{Record, flags};
use serde_json::Value;

use crate::rig::{assert_success, caracal, finish, last_json};

/// Runs `caracal import` in `directory`.
fn import(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = caracal(directory);
    command.arg("import").args(arguments);
    finish(command, Duration::from_secs(60))
}

/// The report of an import that must succeed.
#[track_caller]
fn imported(directory: &Path, arguments: &[&str]) -> Value {
    let output = import(directory, &[arguments, &["--json"]].concat());
    assert_success(&output);
    last_json(&output)
}

/// The one line of an import that must fail.
#[track_caller]
fn refused(directory: &Path, arguments: &[&str]) -> String {
    let output = import(directory, arguments);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

/// Every record of a data set.
fn records(data_set: &Path) -> Vec<Record> {
    let mut reader = Reader::open(data_set).unwrap();
    let mut all = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        all.push(*record);
    }
    all
}

/// The instruments of a data set.
fn instruments(records: &[Record]) -> Vec<InstrumentSpec> {
    let mut assembler = Assembler::default();
    let mut specs = Vec::new();
    for record in records {
        if let Event::BlobPart(part) = event(record).unwrap()
            && let Some((_, bytes)) = assembler.push(part).unwrap()
        {
            specs.push(blob::value(&bytes).unwrap());
        }
    }
    specs
}

/// A record in one line of words, for tables of what is wanted; blob parts are `None`.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "no other kind belongs into a data set"
)]
fn short(record: &Record) -> Option<String> {
    let number = record
        .instrument()
        .map_or(String::new(), |id| format!("{id} "));
    let text = match event(record).unwrap() {
        Event::BlobPart(_) => return None,
        Event::Connection(Connection { state, text, .. }) => match state {
            LinkState::Up | LinkState::Down | LinkState::Stale => format!("{state:?}: {text}"),
            other => panic!("a data set has no {other:?}"),
        },
        Event::BookReset(reset) => format!("reset {}", reset.update_id),
        Event::BookLevels(levels) => levels_in_short(record, levels),
        Event::BookOrder(order) => format!(
            "order {} {:?} {:?} {} x {} @{}{}",
            order.order_id,
            order.change,
            order.side,
            order.price,
            order.qty,
            order.venue_time_ns,
            if record.has(flags::SNAPSHOT) {
                " snapshot"
            } else {
                ""
            },
        ),
        Event::Trade(trade) => format!(
            "trade {} {:?} {} x {} @{}",
            trade.trade_id, trade.aggressor, trade.price, trade.qty, trade.venue_time_ns
        ),
        Event::Quote(quote) => format!(
            "quote {} {} x {} / {} x {} @{}",
            quote.update_id,
            quote.bid.price,
            quote.bid.qty,
            quote.ask.price,
            quote.ask.qty,
            quote.venue_time_ns
        ),
        Event::Mark(mark) => format!(
            "mark {} {} {} {} @{}",
            mark.mark, mark.index, mark.funding_rate_e9, mark.next_funding_ns, mark.venue_time_ns
        ),
        other => panic!("a data set has no {other:?}"),
    };
    Some(format!("{} {number}{text}", record.stamp_ns))
}

fn levels_in_short(record: &Record, levels: &BookLevels) -> String {
    let list: Vec<String> = levels
        .iter(record.detail)
        .map(|(side, level)| format!("{side:?} {} x {}", level.price, level.qty))
        .collect();
    let snapshot = if record.has(flags::SNAPSHOT) {
        " snapshot"
    } else {
        ""
    };
    let last = if record.has(flags::LAST_OF_MESSAGE) {
        " last"
    } else {
        ""
    };
    let (id, time) = (levels.update_id, levels.venue_time_ns);
    format!("levels {id} [{}] @{time}{snapshot}{last}", list.join(", "))
}

/// All records but the blobs, in short.
fn shorts(data_set: &Path) -> Vec<String> {
    records(data_set).iter().filter_map(short).collect()
}

/// Writes a file of these lines.
fn file(directory: &Path, name: &str, lines: &[&str]) -> PathBuf {
    let path = directory.join(name);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&path, text).unwrap();
    path
}

/// Count and first line of a finding in a report.
fn finding(report: &Value, key: &str) -> (u64, Option<u64>) {
    let found = &report["findings"][key];
    (
        found["count"].as_u64().unwrap(),
        found["first"]["line"].as_u64(),
    )
}

/// Checks what holds of every data set: sequence, event and time, and what `stat` and `verify` say.
fn check_form(directory: &Path, data_set: &str) {
    let path = directory.join(data_set);
    let all = records(&path);
    let mut last_ns = 0;
    for (index, record) in all.iter().enumerate() {
        let number = index as u64 + 1;
        assert_eq!((record.seq, record.event), (number, number));
        assert_eq!(
            record.time_ns,
            record.stamp_ns.max(last_ns),
            "record {number}"
        );
        last_ns = record.time_ns;
    }
    let mut command = caracal(directory);
    command.args(["verify", data_set]);
    assert_success(&finish(command, Duration::from_secs(60)));
    let mut command = caracal(directory);
    command.args(["journal", "stat", data_set, "--json"]);
    let stat = finish(command, Duration::from_secs(60));
    assert_success(&stat);
    let stat = last_json(&stat);
    assert_eq!(stat["records"], all.len());
    assert_eq!(stat["closed_in_order"], true);
    let days = std::fs::read_to_string(path.join("days.json")).unwrap();
    let days: Value = serde_json::from_str(&days).unwrap();
    assert_eq!(days["records"], all.len());
    let sum: u64 = days["days"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["records"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, all.len() as u64);
    let report = std::fs::read_to_string(path.join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["records"], all.len());
}
