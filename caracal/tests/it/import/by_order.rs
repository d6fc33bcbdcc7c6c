//! From an array of single orders to a backtest whose queue is the venue's own.

use super::arrays::{ADD, BUY, CANCEL, FILL, Row, SELL, TRADE, TYPE, npy_of_orders, npz};
use super::*;
use crate::backtest::{ask, desk, example, refused};
use crate::rig::last_json;

const START_NS: i64 = 1_723_100_000_000_000_000;

/// Five levels a side, each with a few orders; takers come and hit the first one, others cancel and
/// come behind. From a fixed seed.
fn market() -> Vec<(Row, u64)> {
    let mut random = 20_261_124_u64;
    let mut roll = |bound: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let price = |is_bid: bool, level: u64| {
        let ticks = if is_bid {
            6_000_000 - level
        } else {
            6_000_001 + level
        };
        ticks as f64 / 100.0
    };
    let side = |is_bid: bool| if is_bid { BUY } else { SELL };
    let mut rows: Vec<(Row, u64)> = Vec::new();
    let mut orders: Vec<(u64, bool, u64, u64)> = Vec::new();
    let mut next = 1;
    for step in 0..12_000_u64 {
        let there = START_NS + step as i64 * 10_000_000;
        let here = there + 2_000_000 + roll(3_000_000) as i64;
        let mut say = |flags: u64, price: f64, lots: u64, id: u64| {
            rows.push(((flags, there, here, price, lots as f64 / 1e5), id));
        };
        let (is_bid, level, lots) = (roll(2) == 0, roll(5), 1_000 + roll(5_000));
        match roll(8) {
            _ if step < 60 => {}
            0 => {
                // A taker fills the first ones of the best levels whole.
                let mut met: Vec<(u64, u64, u64)> = orders
                    .iter()
                    .filter(|one| one.1 == is_bid)
                    .map(|&(id, _, level, lots)| (level, id, lots))
                    .collect();
                met.sort_unstable();
                met.truncate(1 + level as usize * 6);
                for &(level, id, lots) in &met {
                    say(side(is_bid) | FILL, price(is_bid, level), lots, id);
                    say(side(!is_bid) | TRADE, price(is_bid, level), lots, 0);
                    say(side(is_bid) | CANCEL, price(is_bid, level), 0, id);
                }
                orders.retain(|one| met.iter().all(|(_, id, _)| one.0 != *id));
                continue;
            }
            1 | 2 if orders.len() > 40 => {
                let at = roll(orders.len() as u64) as usize;
                let (id, is_bid, level, _) = orders.remove(at);
                say(side(is_bid) | CANCEL, price(is_bid, level), 0, id);
                continue;
            }
            _ => {}
        }
        orders.push((next, is_bid, level, lots));
        say(side(is_bid) | ADD, price(is_bid, level), lots, next);
        next += 1;
    }
    rows
}

#[test]
fn queue_of_single_orders_needs_them_and_fills_by_them() {
    let home = tempfile::tempdir().unwrap();
    let there = home.path();
    std::fs::write(there.join("a.npz"), npz(&npy_of_orders(TYPE, &market()))).unwrap();
    let steps = ["--tick", "0.01", "--lot", "0.00001"];
    let what = [
        "hftbacktest",
        "a.npz",
        "--symbol",
        "BTCUSDT",
        "--out",
        "set",
    ];
    let report = imported(there, &[&what[..], &steps].concat());
    for finding_of in [
        "unknown_orders",
        "orders_twice",
        "orders_beyond",
        "unused_messages",
    ] {
        assert_eq!(finding(&report, finding_of), (0, None), "{finding_of}");
    }
    let config = std::fs::read_to_string(example()).unwrap();
    let fifo = config.replace("queue = \"power 3\"", "queue = \"fifo\"");
    assert_ne!(config, fifo);
    std::fs::write(there.join("fifo.toml"), &fifo).unwrap();
    let run = |out: &str| {
        let arguments = [
            "backtest",
            "--config",
            "fifo.toml",
            "--data",
            "set",
            "--out",
            out,
        ];
        let output = ask(there, &[&arguments[..], &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        last_json(&output)
    };
    let (first, second) = (run("r1"), run("r2"));
    let fills = first["fills"].as_u64().unwrap();
    assert!(fills > 20, "{fills} fills: {first}");
    assert_eq!(first["state_hash"], second["state_hash"]);

    // The same configuration on a market that shows levels only.
    let levels = desk();
    std::fs::write(levels.path().join("fifo.toml"), &fifo).unwrap();
    let arguments = [
        "backtest",
        "--config",
        "fifo.toml",
        "--data",
        "data",
        "--out",
        "r",
    ];
    let said = refused(levels.path(), &arguments);
    let words = "no single orders of BTCUSDT: queue = \"fifo\" needs data that shows each order";
    assert!(said.contains(words), "{said}");
}
