//! Binance's public archives and candles: a tiny file of each kind, with the records that it gives.

use std::io::Write as _;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// Bytes of a zip with this file in it.
fn zipped(name: &str, text: &str, method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    zip.start_file(name, options).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

/// Imports an archive of this name and these rows; gives report and records.
fn run(name: &str, rows: &[&str], more: &[&str]) -> (Value, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let bytes = zipped(&format!("{name}.csv"), &text, CompressionMethod::Deflated);
    let path = format!("{name}.zip");
    std::fs::write(directory.path().join(&path), bytes).unwrap();
    let arguments = ["binance-archive", &path, "--out", "set"];
    let report = imported(directory.path(), &[&arguments, more].concat());
    check_form(directory.path(), "set");
    (report, shorts(&directory.path().join("set")))
}

const MS: u64 = 1_723_161_599_123;

#[test]
fn agg_trades_with_and_without_a_header() {
    let header =
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker";
    let row = format!("10,61800.20,0.006,1,3,{MS},true");
    let next = format!("11,61800.3,0.5,4,4,{MS},false");
    let ns = MS * 1_000_000;
    let wanted = [
        format!("{ns} Up: data set begins"),
        format!("{ns} 0 trade 10 Sell 618002 x 6 @{ns}"),
        format!("{ns} 0 trade 11 Buy 618003 x 500 @{ns}"),
        format!("{ns} Down: data set ends"),
    ];
    let name = "BTCUSDT-aggTrades-2024-08-08";
    for rows in [&[header, &row, &next][..], &[&row, &next]] {
        let (report, records) = run(name, rows, &[]);
        assert_eq!(records, wanted);
        assert_eq!(report["instruments"][0]["market"], "usdm");
        assert_eq!(report["instruments"][0]["symbol"], "BTCUSDT");
    }
    // Spot has one column more, and microseconds from 2025 on.
    let row = format!("10,61800.20,0.006,1,3,{MS}000,True,True");
    let (report, records) = run(name, &[&row], &[]);
    assert_eq!(records[1], format!("{ns} 0 trade 10 Sell 618002 x 6 @{ns}"));
    assert_eq!(report["instruments"][0]["market"], "spot");
}

#[test]
fn trades_and_their_aggregates_are_not_both_taken() {
    let directory = tempfile::tempdir().unwrap();
    let trades = format!("7,5.5,2.0,11.0,{MS},true,true\n8,5.6,1,5.6,{MS},false,true\n");
    let aggregates = format!("1,5.5,3,7,8,{MS},true,true\n");
    file(
        directory.path(),
        "ABCUSDT-trades-2024-08.csv",
        &[trades.trim_end()],
    );
    file(
        directory.path(),
        "ABCUSDT-aggTrades-2024-08.csv",
        &[aggregates.trim_end()],
    );
    let files = [
        "ABCUSDT-aggTrades-2024-08.csv",
        "ABCUSDT-trades-2024-08.csv",
    ];
    let arguments = [&["binance-archive", "--out", "set"], &files[..]].concat();
    let report = imported(directory.path(), &arguments);
    let records = shorts(&directory.path().join("set"));
    let ns = MS * 1_000_000;
    assert_eq!(records[1], format!("{ns} 0 trade 7 Sell 55 x 2 @{ns}"));
    assert_eq!(records[2], format!("{ns} 0 trade 8 Buy 56 x 1 @{ns}"));
    assert_eq!(finding(&report, "aggregates_beside_trades"), (1, Some(1)));
    assert_eq!(report["instruments"][0]["name"], "ABC-USDT.BINANCE");
}

#[test]
fn book_ticker_has_two_times() {
    let rows = [
        "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,\
         transaction_time,event_time",
        "5,9.1,10,9.2,20,1723161599100,1723161599103",
        "6,9.0,10,9.2,20,1723161599101,1723161599104",
    ];
    let (report, records) = run("ABCUSDT-bookTicker-2024-08-08", &rows, &[]);
    let at = |ms: u64| ms * 1_000_000;
    let (local, venue) = (at(1_723_161_599_103), at(1_723_161_599_100));
    assert_eq!(
        records[1],
        format!("{local} 0 quote 5 91 x 10 / 92 x 20 @{venue}")
    );
    assert_eq!(report["local_minus_exchange_ns"]["max"], 3_000_000);
    assert_eq!(report["instruments"][0]["quotes"], 2);
}

#[test]
fn klines_and_candles_become_four_trades_and_quotes() {
    // Up: open, low, high, close; a quarter each, the rest at the close.
    let up = "1723161540000,5,5.4,4.90,5.2,10.3,1723161599999,1,1,1,1,0";
    let down = "1723161600000,5.2,5.3,5.0,5.1,0.2,1723161659999,1,1,1,1,0";
    let (_, records) = run("ABCUSDT-1m-2024-08-08", &[up, down], &[]);
    let words: Vec<&str> = records
        .iter()
        .map(|r| r.split_once(' ').unwrap().1)
        .collect();
    let s = 1_723_161_540_000_000_000_u64;
    let t = s + 60_000_000_000;
    let (third, last) = (20_000_000_000, 59_999_999_999);
    let wanted = [
        "Up: data set begins".to_owned(),
        format!("0 quote 1 49 x 25 / 51 x 25 @{s}"),
        format!("0 trade 0 Buy 50 x 25 @{s}"),
        format!("0 quote 2 48 x 25 / 50 x 25 @{}", s + third),
        format!("0 trade 0 Sell 49 x 25 @{}", s + third),
        format!("0 quote 3 53 x 25 / 55 x 25 @{}", s + 2 * third),
        format!("0 trade 0 Buy 54 x 25 @{}", s + 2 * third),
        format!("0 quote 4 51 x 28 / 53 x 28 @{}", s + last),
        format!("0 trade 0 Sell 52 x 28 @{}", s + last),
        "Up: day begins".to_owned(),
        format!("0 quote 4 51 x 28 / 53 x 28 @{}", s + last),
        // Down: open, high, low, close; a volume of two lots is at the close.
        format!("0 quote 5 51 x 1 / 53 x 1 @{t}"),
        format!("0 quote 6 52 x 1 / 54 x 1 @{}", t + third),
        format!("0 quote 7 49 x 1 / 51 x 1 @{}", t + 2 * third),
        format!("0 quote 8 50 x 2 / 52 x 2 @{}", t + last),
        format!("0 trade 0 Buy 51 x 2 @{}", t + last),
        "Down: data set ends".to_owned(),
    ];
    assert_eq!(words, wanted);
    // A high below the close is no candle.
    let odd = "1723161660000,5.2,5.3,5.0,5.4,0.2,1723161719999,1,1,1,1,0";
    let (report, _) = run("ABCUSDT-1m-2024-08-08", &[up, odd], &[]);
    assert_eq!(finding(&report, "impossible_numbers"), (1, Some(2)));
    // The same as a CSV of candles, by a header in another order or without one.
    let directory = tempfile::tempdir().unwrap();
    let by_name = [
        "volume,Close,low,high,open,date",
        "10.3,5.2,4.9,5.4,5,2024-08-08 23:59:00",
        "0.2,5.1,5.0,5.3,5.2,2024-08-09T00:00:00Z",
    ];
    let in_order = [
        "1723161540,5.0,5.4,4.9,5.2,10.3",
        "1723161600,5.2,5.3,5.0,5.1,0.2",
    ];
    for (name, rows) in [("named", &by_name[..]), ("plain", &in_order)] {
        file(directory.path(), name, rows);
        let arguments = [
            "candles",
            name,
            "--symbol",
            "ABCUSDT",
            "--interval",
            "1m",
            "--out",
        ];
        let out = format!("set-{name}");
        imported(directory.path(), &[&arguments[..], &[&out]].concat());
        assert_eq!(shorts(&directory.path().join(&out)), records);
    }
}

const TRADES: &str = "ABCUSDT-trades-2024-08-08";

/// Many trades, as rows of an archive.
fn many_trades() -> String {
    (1..2_000)
        .map(|id| format!("{id},5.5,2,11,{MS},true,true\n"))
        .collect()
}

#[test]
fn archives_that_cannot_be_read_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path();
    let write = |name: &str, bytes: &[u8]| std::fs::write(there.join(name), bytes).unwrap();
    let deflated = CompressionMethod::Deflated;
    let whole = zipped(&format!("{TRADES}.csv"), &many_trades(), deflated);
    write("cut.zip", &whole[..whole.len() / 2]);
    let mut two = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["a.csv", "b.csv"] {
        two.start_file(name, SimpleFileOptions::default()).unwrap();
    }
    write("two.zip", &two.finish().unwrap().into_inner());
    file(there, "noname", &["1,5.5,2,11,1723161599123,true"]);
    file(there, "ABCUSDT-trades-x-y", &["1,5.5,2"]);
    file(
        there,
        "ABCUSDT-trades-1-1",
        &["1,5.5,2,11,1723161599123,maybe,true"],
    );
    file(there, "ABCUSDT-trades-1-2", &["1,5.5,2,11,x,true,true"]);
    let archive = ["binance-archive", "--out", "set"];
    let cases: &[(&[&str], &str)] = &[
        (&["cut.zip"], "cut.zip: the zip file is damaged or cut off"),
        (
            &["two.zip"],
            "two.zip: must hold one file *.csv, and it has: a.csv, b.csv",
        ),
        (
            &["noname"],
            "noname: neither its name nor a header says what it holds: give --kind",
        ),
        (
            &["noname", "--kind", "trades"],
            "does not begin with a symbol: give --symbol",
        ),
        (
            &["ABCUSDT-trades-x-y"],
            "line 1: has 3 columns, where trades has 6",
        ),
        (
            &["ABCUSDT-trades-1-1"],
            "line 1: column 6 is \"maybe\", which is not true or false",
        ),
        (
            &["ABCUSDT-trades-1-2"],
            "line 1: column 5 is \"x\", which is not a time",
        ),
    ];
    for (arguments, wanted) in cases {
        let said = refused(there, &[&archive, *arguments].concat());
        assert!(said.contains(wanted), "{arguments:?}: {said}");
        assert!(!there.join("set").exists(), "{arguments:?}");
    }
}

#[test]
fn archives_with_damage_behind_their_start_keep_what_was_read() {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path();
    let stored = CompressionMethod::Stored;
    let mut changed = zipped(&format!("{TRADES}.csv"), &many_trades(), stored);
    let place = changed.windows(7).position(|bytes| bytes == b"1500,5.");
    changed[place.unwrap() + 5] = b'6';
    std::fs::write(there.join("changed.zip"), changed).unwrap();
    let ragged = ["1,5.5,2,11,1723161599123,true,true", "2,5.5,2,11"];
    file(there, "ABCUSDT-trades-1-3", &ragged);
    for (path, wanted, rows) in [
        (
            "changed.zip",
            "its length or checksum is not what the zip says",
            1_999,
        ),
        (
            "ABCUSDT-trades-1-3",
            "line 2: has 4 fields where 7 belong",
            1,
        ),
    ] {
        let said = refused(there, &["binance-archive", path, "--out", "set"]);
        assert!(said.contains(wanted), "{said}");
        assert!(said.contains("are kept in set"), "{said}");
        check_form(there, "set");
        let report = std::fs::read_to_string(there.join("set/report.json")).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["rows"], rows);
        std::fs::remove_dir_all(there.join("set")).unwrap();
    }
}

#[test]
fn candles_that_lack_something_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path();
    file(there, "candles", &["time,open,high,low,close", "1,2,3,4,5"]);
    let candles = ["candles", "candles", "--out", "set"];
    for (more, wanted) in [
        (&[][..], "candles do not say their symbol: give --symbol"),
        (
            &["--symbol", "A"],
            "candles do not say their length: give --interval, as 1m or 1d",
        ),
        (
            &["--symbol", "A", "--interval", "1m"],
            "candles line 1: has no column volume",
        ),
    ] {
        let said = refused(there, &[&candles[..], more].concat());
        assert!(said.contains(wanted), "{said}");
    }
}
