//! hftbacktest's arrays and our own Parquet: binary files with the records that they give.

use std::io::Write as _;

use model::record::Kind;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const EXCHANGE: u64 = 1 << 31;
const LOCAL: u64 = 1 << 30;
pub(super) const BUY: u64 = EXCHANGE | LOCAL | 1 << 29;
pub(super) const SELL: u64 = EXCHANGE | LOCAL | 1 << 28;
const DEPTH: u64 = 1;
pub(super) const TRADE: u64 = 2;
const CLEAR: u64 = 3;
const SNAPSHOT: u64 = 4;
const BEST: u64 = 5;
pub(super) const ADD: u64 = 10;
pub(super) const CANCEL: u64 = 11;
const MODIFY: u64 = 12;
pub(super) const FILL: u64 = 13;

pub(super) const TYPE: &str = "[('ev', '<u8'), ('exch_ts', '<i8'), ('local_ts', '<i8'), \
     ('px', '<f8'), ('qty', '<f8'), ('order_id', '<u8'), ('ival', '<i8'), ('fval', '<f8')]";

/// Flags and kind, exchange time, local time, price, quantity.
pub(super) type Row = (u64, i64, i64, f64, f64);

/// A NumPy file of these rows, as the library writes it.
fn npy(kind: &str, rows: &[Row]) -> Vec<u8> {
    let rows: Vec<(Row, u64)> = rows.iter().map(|row| (*row, 0)).collect();
    npy_of_orders(kind, &rows)
}

/// The same, each row with the id of an order.
pub(super) fn npy_of_orders(kind: &str, rows: &[(Row, u64)]) -> Vec<u8> {
    let count = rows.len();
    let mut header = format!("{{'descr': {kind}, 'fortran_order': False, 'shape': ({count},), }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    for ((ev, exchange, local, price, qty), order) in rows {
        bytes.extend(ev.to_le_bytes());
        bytes.extend(exchange.to_le_bytes());
        bytes.extend(local.to_le_bytes());
        bytes.extend(price.to_le_bytes());
        bytes.extend(qty.to_le_bytes());
        bytes.extend(order.to_le_bytes());
        bytes.extend([0; 16]);
    }
    bytes
}

pub(super) fn npz(bytes: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("data.npy", SimpleFileOptions::default())
        .unwrap();
    zip.write_all(bytes).unwrap();
    zip.finish().unwrap().into_inner()
}

/// Imports these rows as `.npz`; gives report and records.
fn run(rows: &[Row], more: &[&str]) -> (Value, Vec<String>) {
    run_array(&npy(TYPE, rows), more)
}

fn run_array(array: &[u8], more: &[&str]) -> (Value, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.npz"), npz(array)).unwrap();
    let arguments = [
        "hftbacktest",
        "a.npz",
        "--symbol",
        "ABCUSDT",
        "--out",
        "set",
    ];
    let report = imported(directory.path(), &[&arguments, more].concat());
    check_form(directory.path(), "set");
    (report, shorts(&directory.path().join("set")))
}

#[test]
fn events_become_messages_and_clears_take_what_stands_there() {
    let rows = [
        (BUY | CLEAR, 5, 10, 8.8, 0.0),
        (BUY | SNAPSHOT, 5, 10, 9.0, 1.0),
        (BUY | SNAPSHOT, 5, 10, 8.9, 2.0),
        (BUY | SNAPSHOT, 5, 10, 8.8, 3.0),
        (SELL | CLEAR, 5, 10, 9.2, 0.0),
        (SELL | SNAPSHOT, 5, 10, 9.1, 1.5),
        (SELL | SNAPSHOT, 5, 10, 9.2, 1.5),
        (BUY | DEPTH, 6, 11, 9.0, 0.5),
        (SELL | DEPTH, 6, 11, 9.1, 0.0),
        (SELL | TRADE, 6, 11, 9.0, 0.5),
        // The same event in the exchange's order only.
        (EXCHANGE | 1 << 28 | TRADE, 6, 12, 9.0, 0.5),
        // From the best bid down to 8.9, and all asks.
        (BUY | CLEAR, 7, 13, 8.9, 0.0),
        (SELL | CLEAR, 7, 13, f64::NAN, 0.0),
        (BUY | DEPTH, 7, 13, 8.9, 1.0),
        (BUY | CLEAR, 7, 13, 8.9, 0.0),
        (BUY | BEST, 8, 14, 8.8, 1.0),
        (SELL | BEST, 8, 14, 8.9, 2.0),
        (BUY | ADD, 8, 15, 8.8, 1.0),
        (LOCAL | TRADE, 8, 15, 8.8, 1.0),
        (BUY | TRADE, 8, -1, 8.8, 1.0),
    ];
    let (report, records) = run(&rows, &[]);
    let wanted = [
        "10 Up: data set begins",
        "10 0 reset 1",
        "10 0 levels 1 [Buy 90 x 10, Buy 89 x 20, Buy 88 x 30, Sell 91 x 15] @5 snapshot",
        "10 0 levels 1 [Sell 92 x 15] @5 snapshot last",
        "10 0 Up: book whole from update 1",
        "11 0 levels 2 [Buy 90 x 5, Sell 91 x 0] @6 last",
        "11 0 trade 0 Sell 90 x 5 @6",
        "13 0 levels 3 [Buy 90 x 0, Buy 89 x 0, Buy 89 x 10, Sell 92 x 0] @7 last",
        "13 0 levels 4 [Buy 89 x 0] @7 last",
        "14 0 quote 5 88 x 10 / 89 x 20 @8",
        "14 Down: data set ends",
    ];
    assert_eq!(records, wanted);
    assert_eq!(finding(&report, "unused_messages"), (2, Some(11)));
    assert_eq!(finding(&report, "no_trades"), (1, Some(19)));
    assert_eq!(finding(&report, "impossible_numbers"), (1, Some(20)));
    assert_eq!(finding(&report, "books_without_snapshot"), (0, None));
    assert_eq!(report["instruments"][0]["tick"], "0.1");
    assert_eq!(report["instruments"][0]["lot"], "0.1");
}

#[test]
fn single_orders_become_records_with_their_levels_and_nonsense_is_left_out() {
    let rows = [
        ((BUY | ADD, 5, 10, 9.0, 1.0), 1),
        ((BUY | ADD, 5, 11, 9.0, 2.0), 2),
        ((SELL | ADD, 5, 12, 9.1, 1.5), 3),
        // Less keeps the price, another price moves it.
        ((BUY | MODIFY, 6, 13, 9.0, 0.5), 1),
        ((BUY | MODIFY, 6, 14, 8.9, 0.5), 1),
        ((BUY | FILL, 7, 15, 9.0, 2.0), 2),
        ((SELL | TRADE, 7, 15, 9.0, 2.0), 0),
        ((BUY | CANCEL, 7, 16, 0.0, 0.0), 2),
        // What makes no sense: twice, unknown, beyond, levels among orders, no side.
        ((BUY | ADD, 8, 17, 9.0, 1.0), 1),
        ((BUY | CANCEL, 8, 17, 9.0, 1.0), 9),
        ((BUY | FILL, 8, 17, 8.9, 0.3), 1),
        ((BUY | FILL, 8, 17, 8.9, 0.3), 1),
        ((BUY | DEPTH, 8, 17, 8.8, 1.0), 0),
        ((EXCHANGE | LOCAL | ADD, 8, 17, 8.8, 1.0), 4),
        ((BUY | CLEAR, 9, 18, f64::NAN, 0.0), 0),
    ];
    let (report, records) = run_array(
        &npy_of_orders(TYPE, &rows),
        &["--tick", "0.1", "--lot", "0.1"],
    );
    let wanted = [
        "10 Up: data set begins",
        "10 0 reset 1",
        "10 0 Up: book whole from update 1",
        "10 0 order 1 Added Buy 90 x 10 @5",
        "10 0 levels 2 [Buy 90 x 10] @5 last",
        "11 0 order 2 Added Buy 90 x 20 @5",
        "11 0 levels 3 [Buy 90 x 30] @5 last",
        "12 0 order 3 Added Sell 91 x 15 @5",
        "12 0 levels 4 [Sell 91 x 15] @5 last",
        "13 0 order 1 Changed Buy 90 x 5 @6",
        "13 0 levels 5 [Buy 90 x 25] @6 last",
        "14 0 order 1 Changed Buy 89 x 5 @6",
        "14 0 levels 6 [Buy 90 x 20, Buy 89 x 5] @6 last",
        "15 0 order 2 Traded Buy 90 x 20 @7",
        "15 0 trade 0 Sell 90 x 20 @7",
        "16 0 order 2 Removed Buy 90 x 0 @7",
        "16 0 levels 7 [Buy 90 x 0] @7 last",
        "17 0 order 1 Traded Buy 89 x 3 @8",
        "18 0 order 1 Removed Buy 89 x 0 @9",
        "18 0 levels 8 [Buy 89 x 0] @9 last",
        "18 Down: data set ends",
    ];
    assert_eq!(records, wanted);
    assert_eq!(finding(&report, "orders_twice"), (1, Some(9)));
    assert_eq!(finding(&report, "unknown_orders"), (1, Some(10)));
    assert_eq!(finding(&report, "orders_beyond"), (1, Some(12)));
    assert_eq!(finding(&report, "unused_messages"), (1, Some(13)));
    assert_eq!(finding(&report, "impossible_numbers"), (1, Some(14)));
    assert_eq!(report["instruments"][0]["order_changes"], 9);
}

#[test]
fn day_begins_with_the_orders_that_rest_in_their_places() {
    let day = 86_400_000_000_000_i64;
    let rows = [
        ((BUY | ADD, 5, 10, 9.0, 1.0), 5),
        ((BUY | ADD, 5, 11, 9.0, 2.0), 2),
        ((BUY | MODIFY, 6, 12, 9.0, 3.0), 5),
        ((SELL | ADD, day, day + 1, 9.1, 1.5), 3),
    ];
    let (_, records) = run_array(
        &npy_of_orders(TYPE, &rows),
        &["--tick", "0.1", "--lot", "0.1"],
    );
    let begins = records.iter().position(|one| one.contains("day begins"));
    let second: Vec<&String> = records[begins.unwrap()..].iter().skip(1).take(4).collect();
    let at = day + 1;
    assert_eq!(
        second,
        [
            &format!("{at} 0 reset 4"),
            &format!("{at} 0 order 2 Added Buy 90 x 20 @5 snapshot"),
            &format!("{at} 0 order 5 Added Buy 90 x 30 @6 snapshot"),
            &format!("{at} 0 levels 4 [Buy 90 x 50] @0 snapshot last"),
        ]
    );
}

#[test]
fn floats_are_ticks_within_a_millionth_or_off_the_grid() {
    let rows = [
        (BUY | DEPTH, 5, 10, 9.000_000_04, 1.0),
        (BUY | DEPTH, 5, 11, 9.01, 1.0),
        (BUY | DEPTH, 5, 12, 8.9, 1.25),
    ];
    let (report, records) = run(&rows, &["--tick", "0.1", "--lot", "0.1"]);
    assert_eq!(records[2], "10 0 levels 1 [Buy 90 x 10] @5 snapshot last");
    assert_eq!(records[4], "12 0 levels 3 [Buy 89 x 12] @5 last");
    assert_eq!(finding(&report, "off_grid"), (1, Some(2)));
    assert_eq!(finding(&report, "cut_quantities"), (1, Some(3)));
    assert_eq!(finding(&report, "books_without_snapshot"), (1, Some(1)));
}

#[test]
fn arrays_that_are_none_or_cut_off_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path();
    let rows: Vec<Row> = (1..100).map(|ns| (BUY | TRADE, ns, ns, 9.0, 1.0)).collect();
    let whole = npy(TYPE, &rows);
    let write = |name: &str, bytes: &[u8]| std::fs::write(there.join(name), bytes).unwrap();
    write("cut.npy", &whole[..whole.len() - 64 * 10 - 5]);
    write("other.npy", &npy("'<f8'", &[]));
    write("text.npz", b"text");
    let hft = |name: &str| {
        refused(
            there,
            &["hftbacktest", name, "--symbol", "ABCUSDT", "--out", "set"],
        )
    };
    assert!(hft("other.npy").contains("other.npy: is no array of hftbacktest: its type is"));
    assert!(hft("text.npz").contains("text.npz: is no array of hftbacktest"));
    let said = refused(there, &["hftbacktest", "cut.npy", "--out", "set"]);
    assert!(
        said.contains("does not say its symbol: give --symbol"),
        "{said}"
    );
    let said = hft("cut.npy");
    assert!(
        said.contains("cut.npy line 89: the file is cut off here; it should have 99"),
        "{said}"
    );
    check_form(there, "set");
}

#[test]
fn parquet_of_a_data_set_gives_the_same_data_set() {
    let Some(recording) = crate::rig::recording() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path();
    let recording = recording.to_str().unwrap();
    imported(there, &["binance-capture", recording, "--out", "first"]);
    let mut export = caracal(there);
    export.args([
        "journal",
        "export",
        "first",
        "--format",
        "parquet",
        "--out",
        "set.parquet",
    ]);
    assert_success(&finish(export, Duration::from_secs(60)));
    let report = imported(there, &["parquet", "set.parquet", "--out", "second"]);
    check_form(there, "second");
    let market = |name: &str| -> Vec<Record> {
        let kinds = [Kind::BookReset, Kind::BookLevels, Kind::Trade, Kind::Quote];
        let mut all = records(&there.join(name));
        all.retain(|record| record.kind().is_some_and(|kind| kinds.contains(&kind)));
        // How many connection events stand before it is all that may differ.
        for record in &mut all {
            (record.seq, record.event, record.checksum) = (0, 0, 0);
        }
        all
    };
    assert!(market("first") == market("second"));
    assert_eq!(market("first").len(), 70_630);
    let specs = |name: &str| instruments(&records(&there.join(name)));
    assert_eq!(specs("first"), specs("second"));
    for (name, found) in report["findings"].as_object().unwrap() {
        assert_eq!(found["count"], 0, "{name}: {found}");
    }
    let mut export = caracal(there);
    export.args([
        "journal",
        "export",
        "first",
        "--format",
        "parquet",
        "--out",
        "trades.parquet",
    ]);
    export.args(["--kind", "Trade"]);
    assert_success(&finish(export, Duration::from_secs(60)));
    let said = refused(there, &["parquet", "trades.parquet", "--out", "third"]);
    assert!(
        said.contains("which the file does not define: export the journal"),
        "{said}"
    );
    std::fs::write(there.join("text"), "text, and no Parquet").unwrap();
    let said = refused(there, &["parquet", "text", "--out", "third"]);
    assert!(
        said.contains("text: is no Parquet of `caracal journal export`"),
        "{said}"
    );
}
