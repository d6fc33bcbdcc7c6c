//! Captures of OKX: the recordings as an independent book has them, and one rule each.
//!
//! Method of the recordings: as in `recordings`, in lockstep with a naive book of exact decimals
//! that is read with a general JSON parser, compared whole behind every message.

use std::path::Path;

use model::event::{Event, event};
use model::instrument::Contract;
use rust_decimal::Decimal;
use serde_json::json;

use super::recordings::{Book, number, walk};
use super::*;

const REAL: &str = "depth_run_books_trades_tickers_recorded_real2022.json";
const CHAINED: &str = "SYNTHETIC_books_seqId_run_with_noop_and_reset.json";

/// Frames that the venue sent in a sample beside this checkout, with their times in nanoseconds;
/// a test that does not find it says so.
#[expect(clippy::print_stderr, reason = "a skipped test says that it is")]
fn sample(name: &str) -> Option<Vec<(u64, Value)>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/venues/okx");
    let path = Path::new(folder).join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no sample at {}", path.display());
        return None;
    };
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let one = |(number, entry): (usize, Value)| {
        let Some(seconds) = entry["t"].as_f64() else {
            return Some((number as u64 + 1, entry));
        };
        let ns = (seconds * 1e6) as u64 * 1_000;
        (entry["dir"] == "in").then(|| (ns, entry["msg"].clone()))
    };
    Some(all.into_iter().enumerate().filter_map(one).collect())
}

fn import_frames(directory: &Path, frames: &[(u64, Value)]) -> Value {
    let lines = frames.iter().map(|(ns, json)| format!("{ns} {json}"));
    let lines: Vec<String> = lines.collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    file(directory, "capture", &lines);
    let report = imported(directory, &["okx-capture", "capture", "--out", "set"]);
    check_form(directory, "set");
    report
}

/// What was compared: books whole, updates, trades.
type Compared = [u64; 3];

/// Walks the data set of frames of one instrument; updates without change are left out.
fn compare(directory: &Path, frames: &[(u64, Value)]) -> Compared {
    let mut walk = walk(directory);
    let (mut naive, mut last_trade, mut number_of_book) = (Book::default(), 0, 0);
    let mut compared = [0; 3];
    for (ns, json) in frames {
        let row = &json["data"][0];
        if row.is_null() || json["arg"]["channel"] == "tickers" {
            continue;
        }
        let venue_ns = row["ts"].as_str().unwrap().parse::<u64>().unwrap() * 1_000_000;
        if json["arg"]["channel"] == "trades" {
            let id: u64 = row["tradeId"].as_str().unwrap().parse().unwrap();
            if id <= last_trade {
                continue; // Subscribed twice: told twice.
            }
            last_trade = id;
            let record = walk.next();
            let Event::Trade(trade) = event(&record).unwrap() else {
                panic!("{record:?} where trade {row} belongs");
            };
            let side = format!("{:?}", trade.aggressor).to_lowercase();
            assert_eq!(side == "buy", row["side"] == "buy");
            let told = (record.stamp_ns, trade.trade_id, trade.venue_time_ns);
            assert_eq!(told, (*ns, id, venue_ns));
            assert_eq!(walk.price(trade.price), number(&row["px"]));
            assert_eq!(walk.qty(trade.qty), number(&row["sz"]));
            compared[2] += 1;
            continue;
        }
        let whole = json["action"] == "snapshot";
        if !whole && row["seqId"].is_i64() && row["seqId"] == row["prevSeqId"] {
            continue;
        }
        number_of_book += 1;
        let id = row["seqId"].as_u64().unwrap_or(number_of_book);
        if whole {
            let reset = walk.next();
            assert!(matches!(event(&reset).unwrap(), Event::BookReset(_)));
            (naive, walk.book) = (Book::default(), Book::default());
        }
        naive.apply_text(&row["bids"], &row["asks"]);
        walk.message(*ns, id, venue_ns, whole);
        assert_eq!(walk.book, naive, "behind {}", row["ts"]);
        compared[usize::from(!whole)] += 1;
        if whole {
            let up = walk.next();
            assert!(matches!(event(&up).unwrap(), Event::Connection(_)));
        }
    }
    let down = walk.next();
    assert!(matches!(event(&down).unwrap(), Event::Connection(_)));
    assert!(walk.records.next().is_none());
    compared
}

#[test]
fn recording_is_what_its_text_says_and_has_the_venues_checksums() {
    let Some(mut frames) = sample(REAL) else {
        return;
    };
    let all = tempfile::tempdir().unwrap();
    let report = import_frames(all.path(), &frames);
    // A future and an inverse perpetual: 98 + 92 updates, 2 books, 5 trades, beside 28 tickers and
    // the 18 answers.
    let unused = 98 + 92 + 2 + 5 + 28 + 18;
    assert_eq!(finding(&report, "unused_messages").0, unused);
    frames.retain(|(_, json)| json["arg"]["instId"] == "BTC-USDT");
    assert_eq!(compare(all.path(), &frames), [1, 97, 69]);
    for key in ["checksums", "gaps", "crossed_books", "unknown_messages"] {
        assert_eq!(finding(&report, key).0, 0, "{key}");
    }
    let instrument = &report["instruments"][0];
    assert_eq!(instrument["name"], "BTC-USDT.OKX");
    assert_eq!(instrument["market"], "spot");
    let steps = (&instrument["tick"], &instrument["lot"]);
    assert_eq!(steps, (&json!("0.1"), &json!("0.00000001")));
}

#[test]
fn update_that_is_missing_shows_in_the_checksum_and_the_book_is_stale() {
    let Some(mut frames) = sample(REAL) else {
        return;
    };
    frames.retain(|(_, json)| {
        json["arg"]["instId"] == "BTC-USDT" && json["arg"]["channel"] == "books"
    });
    frames.retain(|(_, json)| json["data"].is_array());
    // The first update changes the best levels.
    frames.remove(1);
    let directory = tempfile::tempdir().unwrap();
    let report = import_frames(directory.path(), &frames);
    assert_eq!(finding(&report, "checksums"), (1, Some(2)));
    assert_eq!(finding(&report, "updates_without_snapshot"), (95, Some(3)));
    let said = shorts(&directory.path().join("set")).join("\n");
    let stale = "0 Stale: checksum: the book is not the venue's";
    assert!(said.contains(stale), "{said}");
    // With lots that cut quantities the sum says nothing, and nothing is made of it.
    let arguments = ["okx-capture", "capture", "--lot", "0.001", "--out", "cut"];
    let report = imported(directory.path(), &arguments);
    assert_eq!(finding(&report, "checksums").0, 0);
    assert!(finding(&report, "cut_quantities").0 > 0);
}

#[test]
fn chain_of_ids_goes_on_through_a_pause_and_a_reset_and_shows_what_is_missing() {
    let Some(mut frames) = sample(CHAINED) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let report = import_frames(directory.path(), &frames);
    assert_eq!(compare(directory.path(), &frames), [1, 97, 0]);
    assert_eq!(finding(&report, "gaps").0, 0);
    assert_eq!(finding(&report, "old_updates").0, 1, "the pause");
    frames.remove(20);
    let directory = tempfile::tempdir().unwrap();
    let report = import_frames(directory.path(), &frames);
    assert_eq!(finding(&report, "gaps"), (1, Some(21)));
    assert_eq!(finding(&report, "updates_without_snapshot").0, 78);
}

/// A frame of a channel, of text with single quotes.
fn frame(channel: &str, symbol: &str, row: &str) -> String {
    let arg = format!("{{'channel':'{channel}','instId':'{symbol}'}}");
    let action = match row.split_once("'prevSeqId':") {
        None => "",
        Some((_, before)) if before.starts_with("-1") => "'action':'snapshot',",
        Some(_) => "'action':'update',",
    };
    format!("{{'arg':{arg},{action}'data':[{{{row}}}]}}").replace('\'', "\"")
}

fn book(symbol: &str, before: i64, id: i64, bid: &str, qty: &str) -> String {
    let levels = format!("'asks':[['9.5','2','0','1']],'bids':[['{bid}','{qty}','0','1']]");
    let ids = format!("'ts':'5','checksum':0,'prevSeqId':{before},'seqId':{id}");
    frame("books", symbol, &format!("{levels},{ids}"))
}

fn run(lines: &[String], more: &[&str]) -> (Value, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let stamped = lines.iter().zip(1..).map(|(l, ns)| format!("{ns} {l}"));
    let stamped: Vec<String> = stamped.collect();
    let stamped: Vec<&str> = stamped.iter().map(String::as_str).collect();
    file(directory.path(), "capture", &stamped);
    let arguments = ["okx-capture", "capture", "--out", "set"];
    let report = imported(directory.path(), &[&arguments, more].concat());
    check_form(directory.path(), "set");
    (report, shorts(&directory.path().join("set")))
}

#[test]
fn gap_makes_the_book_stale_until_the_next_snapshot() {
    let lines = [
        book("A-B", 1, 2, "9.0", "7"),
        book("A-B", -1, 10, "9.0", "1"),
        book("A-B", 10, 14, "9.1", "2"),
        book("A-B", 15, 17, "9.2", "3"),
        book("A-B", 17, 18, "9.2", "4"),
        book("A-B", -1, 5, "9.0", "5"),
        book("A-B", 5, 3, "9.0", "6"),
    ];
    let (report, records) = run(&lines, &["--base", "A", "--quote", "B"]);
    let wanted = [
        "1 Up: data set begins",
        "2 0 reset 10",
        "2 0 levels 10 [Buy 90 x 1, Sell 95 x 2] @5000000 snapshot last",
        "2 0 Up: book whole from update 10",
        "3 0 levels 14 [Buy 91 x 2, Sell 95 x 2] @5000000 last",
        "4 0 Stale: gap: updates before 17 were lost",
        "6 0 reset 5",
        "6 0 levels 5 [Buy 90 x 5, Sell 95 x 2] @5000000 snapshot last",
        "6 0 Up: book whole from update 5",
        "7 0 levels 3 [Buy 90 x 6, Sell 95 x 2] @5000000 last",
        "7 Down: data set ends",
    ];
    assert_eq!(records, wanted);
    assert_eq!(finding(&report, "gaps"), (1, Some(4)));
    assert_eq!(finding(&report, "updates_without_snapshot"), (3, Some(1)));
}

const SWAP: &str = "ABC-USDT-SWAP";

fn perpetual() -> Vec<String> {
    let mark = |price: &str, ts: &str| {
        frame(
            "mark-price",
            SWAP,
            &format!("'markPx':'{price}','ts':'{ts}'"),
        )
    };
    let trade = "'tradeId':'4','px':'9.1','sz':'3','side':'sell','ts':'6'";
    let funding = "'fundingRate':'0.0001','fundingTime':'8','ts':'7'";
    let top = "'asks':[],'bids':[['9.0','1','0','1']],'ts':'6'";
    vec![
        book(SWAP, -1, 10, "9.0", "1"),
        frame("index-tickers", "ABC-USDT", "'idxPx':'9.2','ts':'4'"),
        mark("9.149", "5"),
        frame("funding-rate", SWAP, funding),
        mark("9.3", "6"),
        frame("trades", SWAP, trade),
        frame("bbo-tbt", SWAP, &format!("{top},'seqId':12")),
        frame("bbo-tbt", SWAP, &format!("{top},'seqId':12")),
        frame("bbo-tbt", SWAP, &format!("{top},'seqId':2")),
    ]
}

#[test]
fn perpetuals_have_marks_from_all_their_parts() {
    let (report, records) = run(&perpetual(), &["--multiplier", "0.01"]);
    let wanted = [
        "3 0 mark 91 92 0 0 @5000000",
        "4 0 mark 91 92 100000 8000000 @7000000",
        "5 0 mark 93 92 100000 8000000 @7000000",
        "6 0 trade 4 Sell 91 x 3 @6000000",
        "7 0 quote 12 90 x 1 / 0 x 0 @6000000",
        "9 0 quote 2 90 x 1 / 0 x 0 @6000000",
        "9 Down: data set ends",
    ];
    assert_eq!(records[4..], wanted);
    assert_eq!(finding(&report, "duplicates"), (1, Some(8)));
    let instrument = &report["instruments"][0];
    assert_eq!(instrument["name"], "ABC-USDT-PERP.OKX");
    assert_eq!(instrument["market"], "usdm");
}

#[test]
fn what_a_contract_is_worth_is_told_or_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let worth = |name: &str, more: &[&str]| {
        let arguments = ["okx-capture", "capture", "--out", name];
        imported(directory.path(), &[&arguments, more].concat());
        let specs = instruments(&records(&directory.path().join(name)));
        match &specs[0].contract {
            Contract::Linear(terms) => (terms.multiplier, terms.settle.clone()),
            other @ (Contract::Spot | Contract::Inverse(_)) => panic!("{other:?}"),
        }
    };
    let write = |lines: &[String]| {
        let lines: Vec<String> = lines.iter().map(|line| format!("1 {line}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        file(directory.path(), "capture", &lines);
    };
    write(&perpetual());
    let said = refused(
        directory.path(),
        &["okx-capture", "capture", "--out", "none"],
    );
    let wanted = "what a contract of ABC-USDT-SWAP is worth is in no file: give --multiplier";
    assert!(said.contains(wanted), "{said}");
    let usdt = |value: &str| (value.parse::<Decimal>().unwrap(), "USDT".to_owned());
    assert_eq!(worth("told", &["--multiplier", "0.1"]), usdt("0.1"));
    // The answer to a question about the venue's instruments has many, and ours among them.
    let row = |symbol: &str, value: &str| {
        format!("{{'instId':'{symbol}','instType':'SWAP','ctVal':'{value}','ctMult':'10'}}")
    };
    let rows = [row("X-USD-SWAP", "100"), row("Y-Z", ""), row(SWAP, "0.010")].join(",");
    let list = format!("{{'code':'0','msg':'','data':[{rows}]}}").replace('\'', "\"");
    write(&[&perpetual()[..], &[list]].concat());
    assert_eq!(worth("listed", &[]), usdt("0.1"));
    let said = refused(
        directory.path(),
        &[
            "okx-capture",
            "capture",
            "--market",
            "usdm",
            "--out",
            "none",
        ],
    );
    assert!(said.contains("leave --market out"), "{said}");
}

#[test]
fn aggregates_are_used_where_the_single_trades_are_not_there() {
    let trade = |channel: &str, id: u64| {
        let row = format!("'tradeId':'{id}','px':'9.1','sz':'3','side':'buy','ts':'6'");
        frame(channel, "ABC-USDT", &row)
    };
    let aggregates = [trade("trades", 3), trade("trades", 9)];
    let (report, records) = run(&aggregates, &[]);
    assert_eq!(
        records[1..3],
        [
            "1 0 trade 3 Buy 91 x 3 @6000000",
            "2 0 trade 9 Buy 91 x 3 @6000000"
        ]
    );
    assert_eq!(
        finding(&report, "trade_gaps").0,
        0,
        "ids of aggregates have holes"
    );
    let both = [
        trade("trades-all", 2),
        trade("trades", 3),
        trade("trades-all", 3),
    ];
    let (report, _) = run(&both, &[]);
    assert_eq!(report["instruments"][0]["trades"], 2);
    assert_eq!(finding(&report, "aggregates_beside_trades"), (1, Some(2)));
}

/// Records of the market without what only their journal says: sequence, event, time, lane.
fn market(records: &[Record]) -> Vec<(u8, u8, u8, u64, Vec<u8>)> {
    let of_market = |record: &&Record| {
        matches!(
            event(record), // What the engine decided is no event.
            Ok(Event::Trade(_) | Event::Quote(_) | Event::BookLevels(_) | Event::Mark(_))
        )
    };
    let told = |record: &Record| {
        let Record {
            kind,
            flags,
            detail,
            stamp_ns,
            ..
        } = *record;
        (kind, flags, detail, stamp_ns, record.body.to_vec())
    };
    records.iter().filter(of_market).map(told).collect()
}

#[test]
fn frames_that_a_run_recorded_give_the_market_that_it_heard() {
    let directory = tempfile::tempdir().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/okx-swap.toml");
    let example = std::fs::read_to_string(example).unwrap();
    let connect = "connect = \"practice\"";
    assert!(example.contains(connect));
    let config = example.replacen(connect, &format!("record_frames = true\n{connect}"), 1);
    std::fs::write(directory.path().join("run.toml"), config).unwrap();
    let mut command = caracal(directory.path());
    command.args(["run", "--config", "run.toml", "--for", "1s"]);
    assert_success(&finish(command, Duration::from_secs(60)));
    let journal = directory.path().join("data/journal-okx-swap");
    let frames = std::fs::read_dir(journal.with_extension("frames")).unwrap();
    let frames = frames.map(|entry| entry.unwrap().path().display().to_string());
    let frames: Vec<String> = frames.collect();
    let [frames] = &frames[..] else {
        panic!("{frames:?}");
    };
    // Steps and the contract as the venue has them.
    let steps = ["--tick", "0.1", "--lot", "0.01", "--multiplier", "0.01"];
    let arguments = ["okx-capture", frames, "--out", "set"];
    let report = imported(directory.path(), &[&arguments[..], &steps].concat());
    let (heard, read) = (
        market(&records(&journal)),
        market(&records(&directory.path().join("set"))),
    );
    assert!(heard.len() > 100, "{}", heard.len());
    // The last frames may have come when the engine had stopped.
    let same = heard
        .iter()
        .zip(&read)
        .take_while(|(heard, read)| heard == read);
    assert_eq!(same.count(), heard.len(), "of {}", read.len());
    assert!(read.len() - heard.len() < 20, "{}", read.len());
    assert_eq!(finding(&report, "gaps").0, 0);
}
