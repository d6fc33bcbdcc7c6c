//! Book synchronisation on recorded and invented runs, without sockets.

use super::SpotStreams;
use crate::feed::bench::{Bench, play_recording, play_run, spec};
use crate::feed::frames::{SnapshotResult, Wish};
use crate::link::lane::Lane;
use model::body::LinkState;

type Spot = Bench<SpotStreams>;

/// An update of BTCUSDT.
fn depth(bench: &mut Spot, first: u64, last: u64, bid: &str) {
    bench.text(&format!(
        r#"{{"e":"depthUpdate","E":5,"s":"BTCUSDT","U":{first},"u":{last},"b":[{bid}],"a":[]}}"#
    ));
}

fn btcusdt() -> Spot {
    Bench::new(vec![spec(0, "BTCUSDT", "0.01", "0.00001")])
}

const SNAPSHOT_10: &str = r#"{"lastUpdateId":10,"bids":[["1.00","1"],["0.99","1"],["0.98","1"],
    ["0.97","1"]],"asks":[["2.00","1"]]}"#;
const BID: &str = r#"["1.00000000","2.00000000"]"#;

#[test]
fn snapshot_that_is_straddled_makes_the_book_live() {
    let mut bench = btcusdt();
    assert!(!bench.core.wants_snapshot(0), "not before the first update");
    depth(&mut bench, 7, 9, BID);
    depth(&mut bench, 10, 12, BID);
    depth(&mut bench, 13, 13, BID);
    assert!(bench.core.wants_snapshot(0));
    assert_eq!(bench.taken(), ["Up"], "the connection's first message");
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::Taken);
    let want = [
        "reset 10",
        "levels 10..",
        "levels 10",
        "levels 12",
        "levels 13",
        "Up",
    ];
    assert_eq!(bench.taken(), want);
    depth(&mut bench, 14, 20, BID);
    assert_eq!(bench.taken(), ["levels 20"]);
    depth(&mut bench, 15, 20, BID);
    assert_eq!(bench.taken(), [""; 0], "older than the book");
}

#[test]
fn snapshot_whose_next_update_is_the_first_held_fits() {
    let mut bench = btcusdt();
    depth(&mut bench, 11, 12, BID);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::Taken);
}

#[test]
fn snapshot_older_than_the_held_updates_is_asked_for_again() {
    let mut bench = btcusdt();
    depth(&mut bench, 12, 12, BID);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::AskAgain);
    assert!(bench.core.wants_snapshot(0));
    assert_eq!(bench.taken(), ["Up"]);
}

#[test]
fn snapshot_newer_than_all_held_updates_waits_for_the_next() {
    let mut bench = btcusdt();
    depth(&mut bench, 5, 6, BID);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::Taken);
    bench.taken();
    depth(&mut bench, 7, 11, BID);
    assert_eq!(bench.taken(), ["levels 11"]);
}

#[test]
fn gap_says_stale_before_anything_else_and_heals() {
    let mut bench = btcusdt();
    depth(&mut bench, 9, 10, BID);
    bench.snapshot(0, SNAPSHOT_10);
    bench.taken();
    depth(&mut bench, 12, 14, BID);
    assert_eq!(bench.taken(), ["Stale"], "and no level of the update");
    assert!(!bench.core.is_live());
    depth(&mut bench, 15, 15, BID);
    assert_eq!(bench.taken(), [""; 0]);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::AskAgain);
    let newer = SNAPSHOT_10.replace("10,", "14,");
    assert_eq!(bench.snapshot(0, &newer), SnapshotResult::Taken);
    let want = ["reset 14", "levels 14..", "levels 14", "levels 15", "Up"];
    assert_eq!(bench.taken(), want);
}

#[test]
fn gap_among_held_updates_keeps_only_what_follows() {
    let mut bench = btcusdt();
    depth(&mut bench, 5, 6, BID);
    depth(&mut bench, 9, 11, BID);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::Taken);
    let want = [
        "Up",
        "reset 10",
        "levels 10..",
        "levels 10",
        "levels 11",
        "Up",
    ];
    assert_eq!(bench.taken(), want);
}

#[test]
fn update_that_ends_before_it_begins_is_a_gap() {
    let mut bench = btcusdt();
    depth(&mut bench, 9, 10, BID);
    bench.snapshot(0, SNAPSHOT_10);
    bench.taken();
    depth(&mut bench, 11, 3, BID);
    assert_eq!(bench.taken(), ["Stale"]);
    assert!(!bench.core.wants_snapshot(0), "nothing of use is held");
}

#[test]
fn lost_connection_makes_live_books_stale_first() {
    let mut bench = btcusdt();
    depth(&mut bench, 9, 10, BID);
    bench.snapshot(0, SNAPSHOT_10);
    bench.taken();
    let mut lane = Lane::new(&mut bench.log, &mut bench.backlog);
    bench.core.lost(0, LinkState::Down, "test", 3, &mut lane);
    assert_eq!(bench.taken(), ["Stale", "Down"]);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::Unwanted);
}

#[test]
fn best_prices_ahead_of_the_updates_are_noticed() {
    let quote =
        |id: u64| format!(r#"{{"u":{id},"s":"BTCUSDT","b":"1.00","B":"1","a":"2.00","A":"1"}}"#);
    let mut bench = btcusdt();
    depth(&mut bench, 9, 10, BID);
    bench.snapshot(0, SNAPSHOT_10);
    bench.text(&quote(10));
    assert!(
        !bench.core.misses_updates(0, 100, 50),
        "the book is there already"
    );
    bench.text(&quote(12));
    assert!(!bench.core.misses_updates(0, 50, 50), "not long enough");
    assert!(bench.core.misses_updates(0, 51, 50));
    depth(&mut bench, 11, 13, BID);
    assert!(!bench.core.misses_updates(0, 100, 50));
}

#[test]
fn unread_message_is_a_remark_and_a_count() {
    let mut bench = btcusdt();
    assert_eq!(bench.text("<html>"), Wish::Nothing);
    assert_eq!(bench.text("{"), Wish::Nothing);
    assert_eq!(bench.core.unparsed(), 2);
    assert_eq!(bench.taken(), ["Notice"], "one a second");
    assert_eq!(bench.text(r#"{"e":"serverShutdown","E":1}"#), Wish::Replace);
}

#[test]
fn recorded_run_of_four_symbols_agrees_with_its_best_prices_and_a_naive_book() {
    let symbols = [
        ("NKNUSDT", "0.00001", "0.1"),
        ("BLZETH", "0.00000001", "1"),
        ("LRCBTC", "0.00000001", "1"),
        ("RUNEEUR", "0.001", "0.1"),
    ];
    let specs = symbols.iter().enumerate();
    let specs = specs.map(|(id, (symbol, tick, lot))| spec(id as u32, symbol, tick, lot));
    let played = play_run::<SpotStreams>(
        "venues/binance/depth_delta_run_spot_ws_recorded_real2021.json",
        |symbol| format!("venues/binance/depth_snapshot_spot_{symbol}_real2021.json"),
        specs.collect(),
    );
    let Some(played) = played else { return };
    assert_eq!(played.tops, 26);
    assert!(played.books > 100, "{played:?}");
}

#[test]
fn recording_of_2024_agrees_with_its_best_prices_and_a_naive_book() {
    let instrument = spec(0, "BTCUSDT", "0.01", "0.00001");
    let file = "binance-spot-btcusdt-20240808.gz";
    let Some(played) = play_recording::<SpotStreams>(file, instrument) else {
        return;
    };
    assert!(played.tops > 500, "{played:?}");
    assert!(played.books > 3_000, "{played:?}");
}
