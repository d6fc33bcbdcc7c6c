//! Order by order: what our backtest decided, played into hftbacktest at the same times.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use model::body::Side;
use replay::backtest::{QueueChoice, Rules, Share};

use crate::data::{Failure, Market, units};
use crate::ours::{self, Decision, Delays, Fate, Fates, Grid};
use crate::theirs::{self, Queue};

const MS: u64 = 1_000_000;

/// Differences that are printed of each comparison.
const SHOWN: usize = 5;

const QUEUES: [(&str, Queue); 6] = [
    ("risk-averse", Queue::RiskAverse),
    ("power 3", Queue::Share(Share::Power(3.0))),
    ("power2 3", Queue::Share(Share::PowerOfAll(3.0))),
    ("power3 3", Queue::Share(Share::PowerOfRatio(3.0))),
    ("log", Queue::Share(Share::Log)),
    ("log2", Queue::Share(Share::LogOfAll)),
];

/// The grids: a close one that is filled often, and a wider one that waits.
const GRIDS: [(&str, i64, i64, i64); 2] = [("close", 2, 1, 5), ("wide", 40, 10, 8)];

/// Compares over one data set; false if there is a difference.
pub(crate) fn compare(dir: &Path) -> Result<bool, Failure> {
    let market = Market::read(dir)?;
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    market.write(&data)?;
    let rows = market.events()?;
    let (tick, lot) = units(&market.spec)?;
    println!(
        "{}: {} rows, shift {:?}",
        dir.display(),
        rows.len(),
        market.shift
    );
    println!(
        "queue        grid   there/back ms  orders refused  fills  lots  partly  differ  told"
    );
    // About 0.02 of the base.
    let qty = ((0.02 / lot).round() as i64).max(1);
    let mut same = true;
    for (name, queue) in QUEUES {
        for (grid_name, spread, step, levels) in GRIDS {
            for (there_ns, back_ns) in [(MS, MS), (25 * MS, 15 * MS)] {
                let grid = Grid {
                    qty,
                    spread,
                    step,
                    levels,
                    skew: 20,
                    position_max: 20 * qty,
                    every_ns: 100 * MS,
                };
                let delays = Delays { there_ns, back_ns };
                let choice = match queue {
                    Queue::RiskAverse => QueueChoice::RiskAverse,
                    Queue::Share(share) => QueueChoice::Probable(share),
                };
                let rules = Rules::LIKE_HFTBACKTEST;
                let plan = ours::plan(&market.spec, grid, delays, choice, rules);
                let (decisions, fates, _) = ours::watch(&data, market.shift, plan)?;
                let played = theirs::play(&rows, &decisions, delays, queue, (tick, lot))?;
                let title = format!(
                    "{name:12} {grid_name:6} {:6}/{:<6}",
                    there_ns / MS,
                    back_ns / MS
                );
                let sides = sides(&decisions);
                same &= tell(&title, &fates, &played, &sides);
            }
        }
    }
    Ok(same)
}

/// Side, lots, price and time of a decision.
type Wanted = (Side, i64, i64, u64);

fn sides(decisions: &[Decision]) -> BTreeMap<u64, Wanted> {
    let new = |one: &Decision| match *one {
        Decision::New {
            id,
            side,
            qty,
            price,
            at_ns,
        } => Some((id, (side, qty, price, at_ns))),
        Decision::Cancel { .. } => None,
    };
    decisions.iter().filter_map(new).collect()
}

fn tell(
    title: &str,
    fates: &Fates,
    played: &theirs::Played,
    sides: &BTreeMap<u64, Wanted>,
) -> bool {
    let nothing = Fate::default();
    let ids: BTreeSet<u64> = sides.keys().copied().collect();
    let (mut fills, mut lots, mut position) = (0, 0, 0);
    let (mut partly, mut refused) = (0, 0);
    let mut differ = Vec::new();
    for id in &ids {
        let one = fates.get(id).unwrap_or(&nothing);
        let other = played.fates.get(id).unwrap_or(&nothing);
        let (side, qty, ..) = sides[id];
        fills += one.fills.len();
        partly += one.fills.iter().filter(|fill| fill.qty < qty).count();
        refused += usize::from(one.refused);
        lots += one.fills.iter().map(|fill| fill.qty).sum::<i64>();
        let theirs: i64 = other.fills.iter().map(|fill| fill.qty).sum();
        position += theirs * side.sign();
        if one != other {
            differ.push((*id, one, other));
        }
    }
    println!(
        "{title} {:8} {refused:7} {fills:6} {lots:5} {partly:7} {:7}  {} of {position}",
        ids.len(),
        differ.len(),
        played.told_position
    );
    for (id, one, other) in differ.iter().take(SHOWN) {
        println!(
            "  order {id} {:?}: ours {one:?}, theirs {other:?}",
            sides[id]
        );
    }
    for (decision, why) in played.untaken.iter().take(SHOWN) {
        println!("  not taken: {decision:?}: {why}");
    }
    differ.is_empty() && played.untaken.is_empty()
}
