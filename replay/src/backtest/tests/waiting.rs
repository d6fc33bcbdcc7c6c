//! What a world lets wait: whether it does or not, everything is the same.

use engine::machine::LevelConfig;
use model::control::{Control, Scope};

use super::*;

/// With the plan's machine as the first one's books are, so that it can wait; and beside another
/// whose books cannot be shared with it, so that it takes in each event at once.
fn both(dir: &Path, plan: &Plan) -> ([Outcome; 2], [Kept; 2]) {
    let mut wide = plan.clone();
    wide.machine.book_window_ticks = 1 << 13;
    let (mut waits, mut kept) = run(dir, vec![wide.clone()], u64::MAX);
    let (mut at_once, mut others) = run(dir, vec![super::plan(2), wide], u64::MAX);
    let outcomes = [waits.remove(0), at_once.remove(1)];
    (outcomes, [kept.remove(0), others.remove(1)])
}

fn assert_same(dir: &Path, plan: &Plan) -> Outcome {
    let ([waits, at_once], [kept, others]) = both(dir, plan);
    assert_eq!(waits, at_once);
    assert_eq!(kept.orders, others.orders);
    assert_eq!(kept.fills, others.fills);
    assert_eq!(kept.samples, others.samples);
    waits
}

fn level(control: Control, hard: i64) -> LevelConfig {
    LevelConfig {
        control,
        scope: Scope::Overall,
        soft: None,
        hard,
    }
}

#[test]
fn limits_fire_at_the_event_that_breaks_them() {
    // Seed 12. Of the venue's clock, which is looked at once a second, and of equity, at a price.
    let (_home, dir) = written(12, 6_000);
    let free = assert_same(&dir, &plan(4));
    let levels = [
        level(Control::ClockOffset, 1),
        level(Control::ClockStep, 1),
        level(Control::DailyLoss, 1),
    ];
    for level in levels {
        let mut plan = plan(4);
        plan.machine.control.levels = vec![level];
        let limited = assert_same(&dir, &plan);
        assert_ne!(limited.counts, free.counts, "{level:?}");
    }
}

#[test]
fn journal_finds_the_same_run() {
    // Seed 13. Nothing waits where a journal is written.
    let (home, dir) = written(13, 4_000);
    let (without, _) = run(&dir, vec![plan(4)], u64::MAX);
    let log = home.path().join("journal");
    let feed = feed(&dir, u64::MAX);
    let backtest = Backtest::new(feed, vec![plan(4)], &Registry::standard(), Some(&log)).unwrap();
    let with = backtest.run(&mut [Unobserved], |_| {}).unwrap();
    assert_eq!(with, without);
}

#[test]
fn what_waits_changes_nothing() {
    // Seed 14 of the plans, 20 to 27 of the markets.
    let mut random = Pcg64Mcg::seed_from_u64(14);
    for seed in 20..28 {
        let (_home, dir) = written(seed, 1_500);
        let mut plan = plan(random.random_range(1..12));
        let params = &mut plan.machine.strategies[0].params;
        let every = random.random_range(1..400) * MS as i64;
        *params = params.clone().with("every", every);
        plan.latencies.back = Delay::Constant(random.random_range(0..8) * MS);
        assert_same(&dir, &plan);
    }
}
