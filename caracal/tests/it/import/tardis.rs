//! Tardis's CSV files: messages of rows, snapshots, and what an exchange leaves open.

use super::*;

const HEAD: &str = "exchange,symbol,timestamp,local_timestamp";

/// Imports a file of this header and these rows; gives report and records.
fn run(header: &str, rows: &[&str], more: &[&str]) -> (Value, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let header = format!("{HEAD},{header}");
    let lines: Vec<&str> = [&[header.as_str()], rows].concat();
    file(directory.path(), "file.csv", &lines);
    let arguments = ["tardis", "file.csv", "--out", "set"];
    let report = imported(directory.path(), &[&arguments, more].concat());
    check_form(directory.path(), "set");
    (report, shorts(&directory.path().join("set")))
}

#[test]
fn rows_of_one_local_time_are_one_message() {
    let rows = [
        // Before the first snapshot: left out.
        "binance-futures,ABCUSDT,9,10,false,bid,9.1,1",
        "binance-futures,ABCUSDT,10,11,true,bid,9.0,1",
        "binance-futures,ABCUSDT,10,11,true,ask,9.2,1.5",
        "binance-futures,ABCUSDT,10,11,true,bid,8.9,0",
        // The same snapshot in a second message.
        "binance-futures,ABCUSDT,10,12,true,bid,8.8,2",
        "binance-futures,ABCUSDT,12,13,false,ask,9.2,0",
        "binance-futures,ABCUSDT,12,13,false,bid,9.1,4",
        "binance-futures,ABCUSDT,12,13,false,ask,9.3,1e-1",
        // A new snapshot voids the book.
        "binance-futures,ABCUSDT,13,14,true,bid,7.0,1",
    ];
    let (report, records) = run("is_snapshot,side,price,amount", &rows, &[]);
    let wanted = [
        "10000 Up: data set begins",
        "11000 0 reset 1",
        "11000 0 levels 1 [Buy 90 x 10, Sell 92 x 15] @10000 snapshot last",
        "11000 0 Up: book whole from update 1",
        "12000 0 levels 2 [Buy 88 x 20] @10000 last",
        "13000 0 levels 3 [Buy 91 x 40, Sell 92 x 0, Sell 93 x 1] @12000 last",
        "14000 0 reset 4",
        "14000 0 levels 4 [Buy 70 x 10] @13000 snapshot last",
        "14000 0 Up: book whole from update 4",
        "14000 Down: data set ends",
    ];
    assert_eq!(records, wanted);
    assert_eq!(finding(&report, "updates_without_snapshot"), (1, Some(2)));
    assert_eq!(report["instruments"][0]["name"], "ABC-USDT-PERP.BINANCE");
    assert_eq!(report["instruments"][0]["lot"], "0.1");
}

#[test]
fn trades_without_a_side_follow_the_price() {
    let rows = [
        "deribit,BTC-PERPETUAL,9,10,1001,buy,9.5,10",
        "deribit,BTC-PERPETUAL,9,10,x-1,unknown,9.0,10",
        "deribit,BTC-PERPETUAL,9,11,,unknown,9.0,20",
        "deribit,BTC-PERPETUAL,9,11,1002,sell,9.0,0",
    ];
    let base = ["--base", "BTC", "--quote", "USD"];
    let (report, records) = run("id,side,price,amount", &rows, &base);
    let wanted = [
        "10000 Up: data set begins",
        "10000 0 trade 1001 Buy 95 x 10 @9000",
        "10000 0 trade 0 Sell 90 x 10 @9000",
        "11000 0 trade 0 Buy 90 x 20 @9000",
        "11000 Down: data set ends",
    ];
    assert_eq!(records, wanted);
    assert_eq!(finding(&report, "trades_without_side"), (2, Some(3)));
    assert_eq!(finding(&report, "no_trades"), (1, Some(5)));
    assert_eq!(report["instruments"][0]["name"], "BTC-USD-PERP.DERIBIT");
}

#[test]
fn quotes_may_have_an_empty_side() {
    let rows = [
        "binance,ABCUSDT,9,10,2,9.2,9.1,1",
        "binance,ABCUSDT,9,11,,,9.1,1",
        "binance,ABCUSDT,9,11,2,9.2,9.3,1",
    ];
    let (report, records) = run("ask_amount,ask_price,bid_price,bid_amount", &rows, &[]);
    let wanted = [
        "10000 Up: data set begins",
        "10000 0 quote 1 91 x 1 / 92 x 2 @9000",
        "11000 0 quote 2 91 x 1 / 0 x 0 @9000",
        "11000 0 quote 3 93 x 1 / 92 x 2 @9000",
        "11000 Down: data set ends",
    ];
    assert_eq!(records, wanted);
    assert_eq!(finding(&report, "crossed_quotes"), (1, Some(4)));
    assert_eq!(report["instruments"][0]["market"], "spot");
}

#[test]
fn book_snapshots_are_written_as_what_changed() {
    let columns: Vec<String> = (0..2)
        .flat_map(|level| {
            ["asks", "bids"].map(|side| format!("{side}[{level}].price,{side}[{level}].amount"))
        })
        .collect();
    let rows = [
        "binance,ABCUSDT,9,10,9.2,1,9.1,2,9.3,1,9.0,2",
        "binance,ABCUSDT,9,11,9.2,1,9.1,2,9.3,1,9.0,2",
        "binance,ABCUSDT,9,12,9.3,1,9.1,5,9.4,1,9.0,2",
        "binance,ABCUSDT,9,13,9.3,1,9.1,5,,,9.0,2",
    ];
    let (report, records) = run(&columns.join(","), &rows, &[]);
    let wanted = [
        "10000 Up: data set begins",
        "10000 0 reset 1",
        "10000 0 levels 1 [Buy 91 x 2, Buy 90 x 2, Sell 92 x 1, Sell 93 x 1] @9000 snapshot last",
        "10000 0 Up: book whole from update 1",
        "12000 0 levels 2 [Buy 91 x 5, Sell 92 x 0, Sell 94 x 1] @9000 last",
        "13000 0 levels 3 [Sell 94 x 0] @9000 last",
        "13000 Down: data set ends",
    ];
    assert_eq!(records, wanted);
    assert_eq!(report["rows"], 3);
}

#[test]
fn files_of_other_kinds_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path();
    file(there, "a", &["open,high,low,close"]);
    file(there, "b", &[&format!("{HEAD},funding_rate"), "a,b,1,1,2"]);
    file(
        there,
        "c",
        &[
            &format!("{HEAD},id,side,price,amount"),
            "a,bUSDT,1,-1,2,buy,1,1",
        ],
    );
    for (name, wanted) in [
        ("a", "a line 1: has no column exchange"),
        (
            "b",
            "b line 1: is the header of none of incremental_book_L2",
        ),
        (
            "c",
            "c line 2: column 4 is \"-1\", which is not a whole number",
        ),
    ] {
        let said = refused(there, &["tardis", name, "--out", "set"]);
        assert!(said.contains(wanted), "{said}");
        assert!(!there.join("set").exists());
    }
}
