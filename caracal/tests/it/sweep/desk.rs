//! A data set whose market moves as a test wants, and sweeps over it.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::backtest::{START_NS, ask, example, frame};
use crate::rig::assert_success;

/// A message each 50 ms.
const STEP_NS: u64 = 50_000_000;

/// How a part of a market moves.
#[derive(Clone, Copy)]
pub(super) struct Part {
    seed: u64,
    steps: u64,
    /// Ticks that the middle rises in each step.
    drift: i64,
    /// Trades eat this far into the book, ticks.
    reach: u64,
}

/// A capture of a market in parts. Each part's course depends on its own seed and on where the one
/// before it ended, so that two markets with the same first parts are the same in them.
fn market(path: &Path, parts: &[Part]) {
    let price = |ticks: i64| format!("'{}.{:02}'", ticks / 100, ticks % 100);
    let mut base = 6_000_000_i64;
    let mut middle = base;
    let levels = |middle: i64, side: i64, random: &mut dyn FnMut(u64) -> u64| {
        let level = |away: i64| {
            let qty = 20_000 + random(60_000);
            format!("[{},'0.{qty:05}']", price(middle + side * away))
        };
        let all: Vec<String> = (1..=12).map(level).collect();
        format!("[{}]", all.join(","))
    };
    let mut text = String::new();
    let mut step = 0_u64;
    for part in parts {
        let mut state = part.seed;
        let mut roll = |bound: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        for _ in 0..part.steps {
            let id = 11 + step;
            let there_ns = START_NS + STEP_NS * (step + 1);
            let there_ms = there_ns / 1_000_000;
            let here_ns = there_ns + 2_000_000 + roll(1_000_000);
            if step == 0 {
                let (bids, asks) = (levels(middle, -1, &mut roll), levels(middle, 1, &mut roll));
                let first = format!("{{'lastUpdateId':10,'bids':{bids},'asks':{asks}}}");
                text.push_str(&format!("{START_NS} {}\n", first.replace('\'', "\"")));
            }
            if roll(2) == 0 {
                let sells = roll(2) == 0;
                let away = 1 + i64::try_from(roll(part.reach)).unwrap();
                let at = price(if sells { middle - away } else { middle + away });
                let what = format!("'t':{id},'p':{at},'q':'0.{:05}'", 1 + roll(90_000));
                let times = format!("'E':{there_ms},'s':'BTCUSDT',{what},'T':{there_ms}");
                let data = format!("'e':'trade',{times},'m':{sells},'M':true");
                text.push_str(&frame(here_ns, "trade", &data));
            }
            let gone = middle;
            base += part.drift;
            middle = base + i64::try_from(roll(3)).unwrap() - 1;
            // The old levels go, and the new ones come.
            let side = |sign: i64, random: &mut dyn FnMut(u64) -> u64| {
                let gone = (1..=12).map(|away| gone + sign * away);
                let kept = |ticks: &i64| (1..=12).contains(&((ticks - middle) * sign));
                let gone: Vec<String> = gone
                    .filter(|ticks| !kept(ticks))
                    .map(|ticks| format!("[{},'0.00000']", price(ticks)))
                    .collect();
                let new = levels(middle, sign, random);
                let comma = if gone.is_empty() { "" } else { "," };
                format!("[{}{comma}{}", gone.join(","), &new[1..])
            };
            let (bids, asks) = (side(-1, &mut roll), side(1, &mut roll));
            let ids = format!("'E':{there_ms},'s':'BTCUSDT','U':{id},'u':{id}");
            let data = format!("'e':'depthUpdate',{ids},'b':{bids},'a':{asks}");
            text.push_str(&frame(here_ns, "depth@100ms", &data));
            step += 1;
        }
    }
    std::fs::write(path, text).unwrap();
}

/// Thirty seconds each.
pub(super) const fn part(seed: u64, drift: i64, reach: u64) -> Part {
    Part {
        seed,
        steps: 600,
        drift,
        reach,
    }
}

/// A data set of this market in `data`, and the example's configuration.
pub(super) fn desk(parts: &[Part]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    market(&home.path().join("capture"), parts);
    let arguments = ["import", "binance-capture", "capture", "--out", "data"];
    assert_success(&ask(home.path(), &arguments));
    let text = std::fs::read_to_string(example()).unwrap();
    let free = text.replace("fees = [\"0 1 4\"]", "fees = [\"0 0 0\"]");
    assert_ne!(free, text);
    std::fs::write(home.path().join("maker.toml"), free).unwrap();
    home
}

pub(super) const QTY: &str = "strategy.maker.qty";

pub(super) fn sweep(home: &Path, values: &str, out: &str, more: &[&str]) -> Output {
    let values = format!("{QTY}={values}");
    let arguments = [
        "sweep",
        "--config",
        "maker.toml",
        "--data",
        "data",
        "--set",
        &values,
        "--out",
        out,
    ];
    ask(home, &[&arguments, more].concat())
}

pub(super) fn results(home: &Path, out: &str) -> Value {
    let text = std::fs::read_to_string(home.join(out).join("results.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The same items by their numbers.
pub(super) fn by_index(results: &Value) -> Vec<Value> {
    let mut items = results["items"].as_array().unwrap().clone();
    items.sort_by_key(|item| item["index"].as_u64());
    items
}

/// A value of each variant, as numbers.
pub(super) fn pnls(items: &[Value]) -> Vec<f64> {
    let pnl = |item: &Value| item["pnl"].as_str().unwrap().parse().unwrap();
    items.iter().map(pnl).collect()
}
