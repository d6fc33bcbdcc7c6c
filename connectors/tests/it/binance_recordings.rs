//! Recordings of real markets: no message stays unparsed, and what is read is what stands there.

use connectors::binance::wire::{Depth, Market, decode, decode_snapshot};
use connectors::wire::Symbols;
use serde_json::Value;

use crate::samples::{instrument, recording, sample};

#[test]
fn spot_recording_has_no_unparsed_message() {
    let Some(lines) = recording("binance-spot-btcusdt-20240808.gz") else {
        return;
    };
    let symbols = Symbols::new(&[instrument(0, "BTCUSDT", "0.01", "0.00001")]).unwrap();
    let entry = symbols.find(b"BTCUSDT").unwrap();
    let mut depth = Depth::default();
    let (mut quotes, mut trades, mut updates, mut snapshots, mut levels) = (0, 0, 0, 0, 0);
    for (_, bytes) in &lines {
        if bytes.starts_with(b"{\"lastUpdateId\"") {
            let id = decode_snapshot(bytes, entry, &mut depth).unwrap();
            assert_eq!(id, 50_093_239_218);
            assert_eq!((depth.bids().len(), depth.asks().len()), (1_000, 1_000));
            snapshots += 1;
            continue;
        }
        match decode(bytes, &symbols, &mut depth).unwrap() {
            Market::Quote { .. } => quotes += 1,
            Market::Trade { .. } => trades += 1,
            Market::Depth { .. } => {
                updates += 1;
                levels += depth.levels().len();
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((quotes, trades), (28_040, 9_757));
    assert_eq!((updates, snapshots), (3_451, 1));
    assert!(levels > updates, "{levels} levels");
}

#[test]
fn spot_run_of_2021_has_no_unparsed_message() {
    let Some(Value::Array(entries)) = sample("depth_delta_run_spot_ws_recorded_real2021.json")
    else {
        return;
    };
    let symbols = Symbols::new(&[
        instrument(0, "NKNUSDT", "0.0001", "1"),
        instrument(1, "BLZETH", "0.00000001", "1"),
        instrument(2, "LRCBTC", "0.00000001", "1"),
        instrument(3, "RUNEEUR", "0.001", "0.1"),
    ])
    .unwrap();
    let mut depth = Depth::default();
    let (mut market, mut answers, mut other) = (0, 0, 0);
    for entry in entries.iter().filter(|entry| entry["dir"] == "in") {
        let bytes = serde_json::to_vec(&entry["msg"]).unwrap();
        match decode(&bytes, &symbols, &mut depth).unwrap() {
            Market::Trade { .. } | Market::Quote { .. } | Market::Depth { .. } => market += 1,
            Market::Answer { error } => {
                assert_eq!(error, None);
                answers += 1;
            }
            _ => other += 1,
        }
    }
    eprintln!("{market} market messages, {answers} answers, {other} of other streams");
    assert!(market > 100);
}
