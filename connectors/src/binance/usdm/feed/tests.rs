//! USD-M's books on recorded and invented runs, without sockets.

use super::UsdmStreams;
use crate::feed::bench::{Bench, play_recording, play_run, spec};
use crate::feed::frames::SnapshotResult;

/// An update of BTCUSDT behind the one that ended at `before`.
fn depth(bench: &mut Bench<UsdmStreams>, before: u64, first: u64, last: u64) {
    let ids = format!(r#""U":{first},"u":{last},"pu":{before}"#);
    bench.text(&format!(
        r#"{{"e":"depthUpdate","E":5,"T":4,"s":"BTCUSDT",{ids},"b":[["1.00","2"]],"a":[]}}"#
    ));
}

fn btcusdt() -> Bench<UsdmStreams> {
    Bench::new(vec![spec(0, "BTCUSDT", "0.10", "0.001")])
}

const SNAPSHOT_10: &str =
    r#"{"lastUpdateId":10,"E":3,"T":2,"bids":[["1.00","1"]],"asks":[["2.00","1"]]}"#;

#[test]
fn update_that_continues_the_snapshot_by_its_link_alone_fits() {
    let mut bench = btcusdt();
    depth(&mut bench, 10, 14, 20);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::Taken);
    let want = ["Up", "reset 10", "levels 10", "levels 20", "Up"];
    assert_eq!(bench.taken(), want, "ids are not contiguous here");
    depth(&mut bench, 20, 30, 31);
    assert_eq!(bench.taken(), ["levels 31"]);
    depth(&mut bench, 20, 30, 31);
    assert_eq!(bench.taken(), [""; 0], "a duplicate");
}

#[test]
fn update_that_straddles_the_snapshot_fits_and_a_later_one_is_too_new() {
    let mut bench = btcusdt();
    depth(&mut bench, 5, 8, 12);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::Taken);
    let mut bench = btcusdt();
    depth(&mut bench, 11, 13, 15);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::AskAgain);
}

#[test]
fn broken_link_says_stale_before_anything_else_and_heals() {
    let mut bench = btcusdt();
    depth(&mut bench, 8, 9, 10);
    bench.snapshot(0, SNAPSHOT_10);
    depth(&mut bench, 10, 11, 12);
    bench.taken();
    depth(&mut bench, 13, 14, 15);
    assert_eq!(bench.taken(), ["Stale"], "and no level of the update");
    let newer = SNAPSHOT_10.replace("10,", "15,");
    assert_eq!(bench.snapshot(0, &newer), SnapshotResult::Taken);
    assert_eq!(bench.taken(), ["reset 15", "levels 15", "Up"]);
}

#[test]
fn recorded_run_of_four_symbols_agrees_with_its_best_prices_and_a_naive_book() {
    let symbols = [
        ("AKROUSDT", "0.00001", "1"),
        // Some orders rest from before its tick grew to 0.001.
        ("CTKUSDT", "0.00001", "1"),
        ("KEEPUSDT", "0.0001", "1"),
        ("SUSHIUSDT", "0.0010", "1"),
    ];
    let specs = symbols.iter().enumerate();
    let specs = specs.map(|(id, (symbol, tick, lot))| spec(id as u32, symbol, tick, lot));
    let played = play_run::<UsdmStreams>(
        "venues/binance/depth_delta_run_usdm_ws_recorded_real2021.json",
        |symbol| format!("venues/binance/depth_snapshot_usdm_{symbol}_real2021.json"),
        specs.collect(),
    );
    let Some(played) = played else { return };
    assert_eq!(played.tops, 50);
    assert!(played.books > 100, "{played:?}");
}

#[test]
fn recording_of_2024_agrees_with_its_best_prices_and_a_naive_book() {
    let instrument = spec(0, "BTCUSDT", "0.10", "0.001");
    let file = "binance-usdm-btcusdt-20240808.gz";
    let Some(played) = play_recording::<UsdmStreams>(file, instrument) else {
        return;
    };
    assert!(played.tops > 100, "{played:?}");
    assert!(played.books > 6_000, "{played:?}");
}
