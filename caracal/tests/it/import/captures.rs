//! Captures made for one rule each: synchronisation, gaps, duplicates, days, several files.

use super::*;

/// Nanoseconds of 2024-08-08T23:59:59.
const LATE: u64 = 1_723_161_599_000_000_000;
const DAY_NS: u64 = 86_400_000_000_000;

/// Text of JSON that is written with single quotes.
fn json(text: &str) -> String {
    text.replace('\'', "\"")
}

fn depth(first: u64, last: u64, bids: &str, asks: &str) -> String {
    let data = format!(
        "{{'e':'depthUpdate','E':5,'s':'ABCUSDT','U':{first},'u':{last},'b':[{bids}],'a':[{asks}]}}"
    );
    json(&format!("{{'stream':'abcusdt@depth','data':{data}}}"))
}

fn chained(before: u64, first: u64, last: u64, bids: &str) -> String {
    let ids = format!("'U':{first},'u':{last},'pu':{before}");
    json(&format!(
        "{{'e':'depthUpdate','E':6,'T':5,'s':'ABCUSDT',{ids},'b':[{bids}],'a':[]}}"
    ))
}

fn snapshot(id: u64, bids: &str, asks: &str) -> String {
    json(&format!(
        "{{'lastUpdateId':{id},'bids':[{bids}],'asks':[{asks}]}}"
    ))
}

fn trade(symbol: &str, id: u64, price: &str, qty: &str) -> String {
    let what = format!("'s':'{symbol}','t':{id},'p':'{price}','q':'{qty}'");
    let data = format!("{{'e':'trade','E':7,{what},'T':6,'m':true,'M':true}}");
    json(&format!("{{'stream':'x@trade','data':{data}}}"))
}

fn quote(id: u64, bid: &str, ask: &str) -> String {
    json(&format!(
        "{{'u':{id},'s':'ABCUSDT','b':'{bid}','B':'1.0','a':'{ask}','A':'2.0'}}"
    ))
}

/// Imports lines that were received at 1, 2, 3 and so on, and gives report and records.
fn run(lines: &[String], more: &[&str]) -> (Value, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let stamped: Vec<String> = lines
        .iter()
        .zip(1..)
        .map(|(l, ns)| format!("{ns} {l}"))
        .collect();
    let stamped: Vec<&str> = stamped.iter().map(String::as_str).collect();
    file(directory.path(), "capture", &stamped);
    let arguments = ["binance-capture", "capture", "--out", "set"];
    let report = imported(directory.path(), &[&arguments, more].concat());
    check_form(directory.path(), "set");
    (report, shorts(&directory.path().join("set")))
}

#[test]
fn snapshot_joins_the_updates_that_follow_it() {
    let lines = [
        depth(8, 9, "['9.0','1.0']", ""),
        depth(10, 12, "['9.1','2.0']", "['9.5','0.5']"),
        snapshot(
            10,
            "['9.0','3.0'],['8.9','1.5'],['8.8','1.0']",
            "['9.4','1.0'],['9.5','1.0']",
        ),
        depth(13, 13, "", "['9.4','0.0']"),
    ];
    let (report, records) = run(&lines, &[]);
    let wanted = [
        "1 Up: data set begins",
        "3 0 reset 10",
        "3 0 levels 10 [Buy 90 x 30, Buy 89 x 15, Buy 88 x 10, Sell 94 x 10] @0 snapshot",
        "3 0 levels 10 [Sell 95 x 10] @0 snapshot last",
        "3 0 levels 12 [Buy 91 x 20, Sell 95 x 5] @5000000 last",
        "3 0 Up: book whole from update 12",
        "4 0 levels 13 [Sell 94 x 0] @5000000 last",
        "4 Down: data set ends",
    ];
    assert_eq!(records, wanted);
    assert_eq!(report["instruments"][0]["tick"], "0.1");
    assert_eq!(report["instruments"][0]["lot"], "0.1");
}

#[test]
fn snapshot_before_the_first_update_is_used_when_that_fits() {
    let lines = [
        snapshot(1, "", ""),
        depth(1, 2, "", "['9.5','1.0']"),
        snapshot(10, "['9.0','3.0']", ""),
        depth(14, 15, "", ""),
        snapshot(13, "['9.1','3.0']", ""),
    ];
    let (report, records) = run(&lines, &[]);
    let text = records.join("\n");
    let begin = "1 Up: data set begins\n2 0 reset 1\n2 0 levels 2 [Sell 95 x 1] @5000000 last";
    assert!(text.starts_with(begin), "{text}");
    assert!(
        text.contains("4 0 Stale: gap: updates before 14 were lost"),
        "{text}"
    );
    assert!(
        text.ends_with(
            "5 0 reset 13\n5 0 levels 13 [Buy 91 x 3] @0 snapshot last\n\
         5 0 Up: book whole from update 15\n5 Down: data set ends"
        ),
        "{text}"
    );
    assert_eq!(finding(&report, "gaps"), (1, Some(4)));
    assert_eq!(finding(&report, "spare_snapshots"), (1, Some(3)));
}

#[test]
fn gap_makes_the_book_stale_until_the_next_snapshot() {
    let lines = [
        depth(1, 2, "", ""),
        snapshot(2, "['9.0','1.0']", "['9.4','1.0']"),
        depth(3, 3, "['9.0','2.0']", ""),
        depth(5, 6, "['9.0','3.0']", ""),
        depth(7, 7, "['9.0','4.0']", ""),
        depth(3, 3, "['9.0','9.0']", ""),
    ];
    let (report, records) = run(&lines, &[]);
    let wanted = [
        "1 Up: data set begins",
        "2 0 reset 2",
        "2 0 levels 2 [Buy 90 x 1, Sell 94 x 1] @0 snapshot last",
        "2 0 Up: book whole from update 2",
        "3 0 levels 3 [Buy 90 x 2] @5000000 last",
        "4 0 Stale: gap: updates before 5 were lost",
        "6 Down: data set ends",
    ];
    assert_eq!(records, wanted);
    assert_eq!(finding(&report, "gaps"), (1, Some(4)));
    assert_eq!(finding(&report, "updates_without_snapshot"), (3, Some(4)));
}

#[test]
fn usdm_chain_goes_by_the_id_before() {
    let first =
        |id: u64| format!(r#"{{"lastUpdateId":{id},"E":9,"T":8,"bids":[["9.0","1"]],"asks":[]}}"#);
    let lines = [
        chained(90, 95, 100, ""),
        chained(100, 130, 140, "['9.0','2']"),
        first(120),
        chained(140, 170, 180, "['9.0','3']"),
        chained(181, 182, 190, "['9.0','4']"),
        first(200),
        chained(190, 201, 210, "['9.0','5']"),
        first(205),
        chained(211, 215, 220, ""),
    ];
    let (report, records) = run(&lines, &[]);
    let wanted = [
        "1 Up: data set begins",
        "3 0 reset 120",
        "3 0 levels 120 [Buy 9 x 1] @8000000 snapshot last",
        "3 0 levels 140 [Buy 9 x 2] @5000000 last",
        "3 0 Up: book whole from update 140",
        "4 0 levels 180 [Buy 9 x 3] @5000000 last",
        "5 0 Stale: gap: updates before 182 were lost",
        "6 0 reset 200",
        "6 0 levels 200 [Buy 9 x 1] @8000000 snapshot last",
        "6 0 Up: book whole from update 200",
        "7 0 levels 210 [Buy 9 x 5] @5000000 last",
        "9 0 Stale: gap: updates before 215 were lost",
        "9 Down: data set ends",
    ];
    assert_eq!(records, wanted);
    assert_eq!(finding(&report, "gaps"), (2, Some(5)));
    assert_eq!(finding(&report, "spare_snapshots"), (1, Some(8)));
    assert_eq!(report["instruments"][0]["market"], "usdm");
}

#[test]
fn trades_that_are_none_twice_or_off_the_grid_are_counted_and_left_out() {
    let na = r#"{"e":"trade","E":7,"T":6,"s":"ABCUSDT","t":9,"p":"0","q":"0","X":"NA","m":true}"#;
    let lines = [
        trade("ABCUSDT", 1, "9.0", "0.5"),
        trade("ABCUSDT", 1, "9.0", "0.5"),
        trade("ABCUSDT", 2, "9.05", "0.5"),
        trade("ABCUSDT", 3, "9.1", "0.00"),
        "{\"e\":\"kline\",\"s\":\"ABCUSDT\"}".to_owned(),
        "{\"e\":\"news\",\"s\":\"ABCUSDT\"}".to_owned(),
        "{\"e\":".to_owned(),
        "{\"result\":null,\"id\":1}".to_owned(),
        trade("ABCUSDT", 4, "-9.1", "1"),
        trade("ABCUSDT", 5, "9.2", "0.25"),
        na.to_owned(),
    ];
    let (report, records) = run(
        &lines,
        &["--tick", "0.1", "--lot", "0.1", "--market", "spot"],
    );
    let wanted = [
        "1 Up: data set begins",
        "1 0 trade 1 Sell 90 x 5 @6000000",
        "10 0 trade 5 Sell 92 x 2 @6000000",
        "11 Down: data set ends",
    ];
    assert_eq!(records, wanted);
    for (key, count, line) in [
        ("duplicates", 1, 2),
        ("trade_gaps", 0, 0),
        ("off_grid", 1, 3),
        ("no_trades", 2, 4),
        ("unused_messages", 2, 5),
        ("unknown_messages", 2, 6),
        ("impossible_numbers", 1, 9),
        ("cut_quantities", 1, 10),
    ] {
        let line = (count > 0).then_some(line);
        assert_eq!(finding(&report, key), (count, line), "{key}");
    }
}

#[test]
fn holes_in_the_ids_of_trades_are_counted() {
    let lines = [3, 4, 7, 8, 20].map(|id| trade("ABCUSDT", id, "9.0", "0.5"));
    let (report, records) = run(&lines, &[]);
    assert_eq!(records.len(), 7);
    assert_eq!(finding(&report, "trade_gaps"), (2, Some(3)));
    assert_eq!(
        report["findings"]["trade_gaps"]["first"]["what"],
        "trades 5 to 6"
    );
}

#[test]
fn aggregates_are_used_where_there_are_no_trades() {
    let aggregate = |id: u64| {
        let what = format!("'s':'ABCUSDT','a':{id},'p':'9.0','q':'1','f':1,'l':2");
        json(&format!(
            "{{'e':'aggTrade','E':7,{what},'T':6,'m':false,'M':true}}"
        ))
    };
    let (report, records) = run(&[aggregate(1), aggregate(2)], &[]);
    assert_eq!(records[1], "1 0 trade 1 Buy 9 x 1 @6000000");
    assert_eq!(report["instruments"][0]["trades"], 2);
    let lines = [aggregate(1), trade("ABCUSDT", 1, "9", "1"), aggregate(2)];
    let (report, _) = run(&lines, &[]);
    assert_eq!(report["instruments"][0]["trades"], 1);
    assert_eq!(finding(&report, "aggregates_beside_trades"), (2, Some(1)));
}

#[test]
fn crossings_and_clocks_are_counted_and_kept() {
    let lines = [
        depth(1, 2, "", ""),
        snapshot(2, "['9.0','1.0']", "['9.4','1.0']"),
        depth(3, 3, "['9.4','1.0']", ""),
        depth(4, 4, "['9.4','0.0']", "").replace("\"E\":5", "\"E\":4"),
        quote(5, "9.1", "9.2"),
        quote(6, "9.2", "9.2"),
        quote(6, "9.2", "9.3"),
        json(
            "{'e':'markPriceUpdate','E':7,'s':'ABCUSDT','p':'9.14900000','i':'9.16',\
             'r':'-0.00010000','T':8}",
        ),
    ];
    let (report, records) = run(&lines, &["--market", "usdm"]);
    assert_eq!(finding(&report, "crossed_books"), (1, Some(3)));
    assert_eq!(finding(&report, "exchange_clock_backwards"), (1, Some(4)));
    assert_eq!(finding(&report, "crossed_quotes"), (1, Some(6)));
    assert_eq!(finding(&report, "duplicates"), (1, Some(7)));
    let wanted = [
        "5 0 quote 5 91 x 1 / 92 x 2 @0",
        "6 0 quote 6 92 x 1 / 92 x 2 @0",
        "8 0 mark 91 92 -100000 8000000 @7000000",
        "8 Down: data set ends",
    ];
    assert_eq!(records[records.len() - 4..], wanted);
    let clock = &report["local_minus_exchange_ns"];
    assert_eq!(clock["rows"], 4, "{clock}");
    assert_eq!(clock["min"], 8_i64 - 7_000_000, "{clock}");
    assert_eq!(clock["max"], 4_i64 - 4_000_000, "{clock}");
}

#[test]
fn day_begins_with_what_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let at = |second: u64, line: String| format!("{} {line}", LATE + second * 1_000_000_000);
    let lines = [
        at(0, depth(1, 2, "", "")),
        at(
            0,
            snapshot(2, "['9.0','1.0'],['8.9','1.0']", "['9.4','1.0']"),
        ),
        at(0, depth(3, 3, "['9.0','0.0']", "")),
        at(0, quote(4, "8.9", "9.3")),
        at(2, trade("ABCUSDT", 1, "9.3", "1.0")),
        at(2 + 86_400, depth(9, 9, "", "")),
        at(2 + 2 * 86_400, trade("ABCUSDT", 2, "9.3", "1.0")),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    file(directory.path(), "capture", &lines);
    imported(
        directory.path(),
        &["binance-capture", "capture", "--out", "set"],
    );
    check_form(directory.path(), "set");
    let set = directory.path().join("set");
    let days = std::fs::read_to_string(set.join("days.json")).unwrap();
    let days: Value = serde_json::from_str(&days).unwrap();
    let names: Vec<&str> = days["days"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["day"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["2024-08-08", "2024-08-09", "2024-08-10", "2024-08-11"]
    );
    let all = records(&set);
    let day = |index: usize| -> Vec<String> {
        let day = &days["days"][index];
        let bound = |key: &str| usize::try_from(day[key].as_u64().unwrap()).unwrap();
        let range = &all[bound("first_seq") - 1..bound("last_seq")];
        assert_eq!(day["first_time_ns"], range[0].time_ns);
        let midnight = LATE + 1_000_000_000 - DAY_NS + DAY_NS * index as u64;
        assert_eq!(day["begins_ns"], midnight);
        assert_eq!(day["last_time_ns"], range[range.len() - 1].time_ns);
        let text = range.iter().filter_map(short);
        text.map(|line| line.split_once(' ').unwrap().1.to_owned())
            .collect()
    };
    let again = [
        "Up: day begins",
        "0 reset 3",
        "0 levels 3 [Buy 89 x 1, Sell 94 x 1] @0 snapshot last",
        "0 Up: day begins: book whole",
        "0 quote 4 89 x 1 / 93 x 2 @0",
    ];
    assert_eq!(
        day(1),
        [&again[..], &["0 trade 1 Sell 93 x 1 @6000000"]].concat()
    );
    assert_eq!(
        day(2),
        [&again[..], &["0 Stale: gap: updates before 9 were lost"]].concat()
    );
    let stale = [
        "Up: day begins",
        "0 Stale: day begins",
        "0 quote 4 89 x 1 / 93 x 2 @0",
        "0 trade 2 Sell 93 x 1 @6000000",
        "Down: data set ends",
    ];
    assert_eq!(day(3), stale);
}

#[test]
fn files_are_merged_by_time_and_instruments_kept_apart() {
    let directory = tempfile::tempdir().unwrap();
    let usdm = json(
        "{'e':'trade','E':7,'T':6,'s':'ABCUSDT','t':9,'p':'9.25','q':'3','X':'MARKET','m':false}",
    );
    let one = [
        format!("1 {}", trade("ABCUSDT", 1, "9.3", "1.0")),
        format!("5 {}", trade("XYZUSDT", 1, "1.001", "10")),
    ];
    let two = [
        format!("1 {usdm}"),
        format!("3 {}", trade("ABCUSDT", 2, "9.4", "1.0")),
    ];
    for (name, lines) in [("one", one), ("two", two)] {
        file(
            directory.path(),
            name,
            &lines.each_ref().map(String::as_str),
        );
    }
    let arguments = ["binance-capture", "one", "two", "--out", "set"];
    let report = imported(directory.path(), &arguments);
    check_form(directory.path(), "set");
    let set = directory.path().join("set");
    let wanted = [
        "1 Up: data set begins",
        "1 Up: data set begins",
        "1 0 trade 1 Sell 93 x 1 @6000000",
        "1 2 trade 9 Buy 925 x 3 @6000000",
        "3 0 trade 2 Sell 94 x 1 @6000000",
        "5 1 trade 1 Sell 1001 x 1 @6000000",
        "5 Down: data set ends",
        "5 Down: data set ends",
    ];
    // A quantity of 10 has no digits behind the point, so the lot is 1.
    let found: Vec<String> = shorts(&set)
        .iter()
        .map(|line| line.replace("x 10 @", "x 1 @"))
        .collect();
    assert_eq!(found, wanted);
    let names: Vec<&str> = report["instruments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|instrument| instrument["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "ABC-USDT.BINANCE",
            "XYZ-USDT.BINANCE",
            "ABC-USDT-PERP.BINANCE"
        ]
    );
    let specs = instruments(&records(&set));
    assert_eq!(
        specs.iter().map(|spec| spec.venue.0).collect::<Vec<_>>(),
        [0, 0, 1]
    );
}
