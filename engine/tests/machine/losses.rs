//! Losses over time: the window of their speed to the nanosecond, losing exits in a row, equity
//! that nobody can say. Each at its bound and one step beyond.

use engine::machine::LevelConfig;
use model::body::{NoticeCode, NoticeLevel, Side};
use model::control::{Control, Scope};
use model::ids::{ClientOrderId, StrategyId};

use crate::control_kit::push;
use crate::kit::{Rig, SECOND, balance, config, fill, maker, taker, tick};
use crate::monitors::{E8, level, notices, switch};

const MAKER: Scope = Scope::Strategy(StrategyId(0));
const TAKER: Scope = Scope::Strategy(StrategyId(1));
/// A part of the window over which the speed is measured: a sixteenth of 60 s.
const PART: u64 = 60 * SECOND / 16;

fn watched(levels: Vec<LevelConfig>) -> Rig {
    let mut config = config(vec![maker(), taker()]);
    config.control.levels = levels;
    config.control.loss_speed_window_ns = 60 * SECOND;
    let mut rig = Rig::new();
    rig.start(&config, 0);
    push(&mut rig, tick());
    rig
}

fn killed(rig: &Rig) -> Option<Control> {
    switch(rig, Scope::Overall).0
}

fn reducing(rig: &Rig, scope: Scope) -> Option<Control> {
    switch(rig, scope).2
}

#[test]
fn speed_of_a_loss_is_measured_from_the_best_moment_of_the_window_and_no_older_one() {
    // The start is 1.25 s behind the beginning of a part, and holds for sixteen more.
    let forgotten = 17 * PART - SECOND - SECOND / 4;
    let speed = Control::DrawdownSpeed;
    for (pass, by) in [
        (0, Some(speed)),
        (forgotten - 1, Some(speed)),
        (forgotten, None),
    ] {
        let mut rig = watched(vec![level(speed, None, E8 / 61)]);
        push(&mut rig, fill(0, 1, Side::Buy, 1_000_000, 1_000));
        rig.pass(pass);
        // 1.01 BTC fall by 0.995 of quote each.
        rig.book(2, 999_900, 999_901);
        assert_eq!(killed(&rig), by, "{pass}");
    }
}

#[test]
fn speed_of_a_loss_counts_the_best_of_each_part() {
    // Up by 1.01 and down again within one part: the best of it counts later, too.
    let speed = Control::DrawdownSpeed;
    let mut rig = watched(vec![level(speed, None, 3 * E8 / 100)]);
    push(&mut rig, fill(0, 1, Side::Buy, 1_000_000, 1_000));
    rig.book(2, 1_000_098, 1_000_102);
    rig.book(3, 999_998, 1_000_002);
    assert_eq!(killed(&rig), None, "1.01 in 60 s");
    rig.pass(4 * PART);
    rig.book(4, 999_948, 999_952);
    assert_eq!(killed(&rig), None, "1.515 in 60 s is 0.02525 a second");
    rig.book(5, 999_898, 999_902);
    assert_eq!(killed(&rig), Some(speed), "2.02 in 60 s");
    push(&mut rig, tick());
    let hard = notices(&rig);
    let hard = hard.iter().find(|one| one.code == NoticeCode::HardLimit);
    let hard = hard.unwrap();
    assert_eq!(
        (hard.value, hard.threshold),
        (202 * E8 / 6_000, 3 * E8 / 100)
    );
}

#[test]
fn loss_of_the_day_begins_at_midnight_and_not_a_nanosecond_before() {
    // The kit starts at 22:13:20.
    let midnight = (86_400 - 80_000) * SECOND;
    for (pass, by) in [(midnight - 1, Some(Control::DailyLoss)), (midnight, None)] {
        let mut rig = watched(vec![level(Control::DailyLoss, Some(E8), 100 * E8)]);
        push(&mut rig, fill(0, 1, Side::Buy, 1_000_000, 1_000));
        rig.book(2, 999_798, 999_802);
        assert_eq!(reducing(&rig, Scope::Overall), Some(Control::DailyLoss));
        rig.pass(pass);
        push(&mut rig, tick());
        assert_eq!(reducing(&rig, Scope::Overall), by);
    }
}

#[test]
fn level_of_a_strategy_or_an_account_is_none_of_everything() {
    for scope in [MAKER, Scope::Account(crate::kit::ACCOUNT)] {
        let one = LevelConfig {
            control: Control::DailyLoss,
            scope,
            soft: None,
            hard: E8,
        };
        let mut rig = watched(vec![one]);
        let id = ClientOrderId::new(1, Some(StrategyId(0)), 900).unwrap();
        push(&mut rig, fill(id.raw(), 1, Side::Buy, 1_000_000, 1_000));
        rig.book(2, 900_000, 900_002);
        // Nobody's order: its position is the account's alone.
        let by = (scope != MAKER).then_some(Control::DailyLoss);
        assert_eq!(switch(&rig, scope).0, by, "{scope:?}");
        assert_eq!((killed(&rig), switch(&rig, TAKER).0), (None, None));
    }
}

/// A trade of a strategy: bought and sold again with this gain, in ticks for 10,000 lots.
fn round(rig: &mut Rig, strategy: u16, trade: u64, gain: i64) {
    let id = ClientOrderId::new(1, Some(StrategyId(strategy)), 500).unwrap();
    let id = id.raw();
    push(rig, fill(id, 2 * trade, Side::Buy, 1_000_000, 10));
    push(
        rig,
        fill(id, 2 * trade + 1, Side::Sell, 1_000_000 + gain, 10),
    );
}

fn streaks() -> Rig {
    watched(vec![
        level(Control::LossStreak, None, 2),
        level(Control::LossLock, None, 10 * SECOND.cast_signed()),
    ])
}

#[test]
fn losing_exits_count_in_a_row_and_by_strategy() {
    // 10 lots are 1e-4 BTC, and a tick of them 1e-6 of quote; the fee of a fill is 1e-4.
    let lost = -1_000;
    let mut rig = streaks();
    let locked = |rig: &Rig| (reducing(rig, MAKER), reducing(rig, TAKER));
    for (trade, gain) in [lost, lost, 1_000, lost, lost].into_iter().enumerate() {
        round(&mut rig, 0, trade as u64 + 1, gain);
        assert_eq!(locked(&rig), (None, None), "{trade}");
    }
    // Another strategy's are its own.
    round(&mut rig, 1, 20, lost);
    assert_eq!(locked(&rig), (None, None));
    round(&mut rig, 0, 21, lost);
    assert_eq!(locked(&rig), (Some(Control::LossStreak), None));
    let told = notices(&rig);
    let told = told.iter().find(|one| one.code == NoticeCode::LossLock);
    let told = told.unwrap();
    assert_eq!((told.value, told.threshold), (3, 2));
    assert_eq!((told.level, told.scope_id), (NoticeLevel::Soft, 0));
    // It counts from the beginning again, and ends at its time.
    rig.pass(10 * SECOND - 1);
    push(&mut rig, tick());
    assert_eq!(locked(&rig).0, Some(Control::LossStreak));
    rig.pass(1);
    push(&mut rig, tick());
    assert_eq!(locked(&rig).0, None);
    for trade in 30..32 {
        round(&mut rig, 0, trade, lost);
    }
    assert_eq!(locked(&rig).0, None, "two");
    round(&mut rig, 0, 32, lost);
    assert_eq!(locked(&rig).0, Some(Control::LossStreak));
    let cleared = notices(&rig);
    let cleared = cleared
        .iter()
        .filter(|one| one.code == NoticeCode::LimitCleared);
    assert_eq!(cleared.count(), 1);
}

#[test]
fn exit_that_makes_just_its_fee_is_no_loss_and_one_below_it_is() {
    // 100 ticks of 10 lots are the 1e-4 that the closing fill costs.
    for (gain, locked) in [(100, None), (99, Some(Control::LossStreak))] {
        let mut rig = streaks();
        for trade in 1..4 {
            round(&mut rig, 0, trade, gain);
        }
        assert_eq!(reducing(&rig, MAKER), locked, "{gain}");
    }
}

#[test]
fn fill_that_only_opens_is_no_exit() {
    let mut rig = streaks();
    let id = ClientOrderId::new(1, Some(StrategyId(0)), 500).unwrap();
    let lost = -1_000;
    for trade in 1..9 {
        push(&mut rig, fill(id.raw(), trade, Side::Buy, 1_000_000, 10));
    }
    assert_eq!(reducing(&rig, MAKER), None);
    // Nor does it end a row.
    for trade in 9..12 {
        assert_eq!(reducing(&rig, MAKER), None, "{trade}");
        push(
            &mut rig,
            fill(id.raw(), 2 * trade, Side::Sell, 1_000_000 + lost, 1),
        );
        push(
            &mut rig,
            fill(id.raw(), 2 * trade + 1, Side::Buy, 1_000_000, 1),
        );
    }
    assert_eq!(reducing(&rig, MAKER), Some(Control::LossStreak));
}

#[test]
fn equity_that_nobody_can_say_is_told_after_five_seconds_once() {
    let mut rig = watched(vec![level(Control::EquityAge, None, i64::MAX - 1)]);
    push(&mut rig, balance("XYZ", 1));
    let told = |rig: &Rig| {
        let all = notices(rig);
        let of_it = all.iter().filter(|one| one.code == NoticeCode::Unpriced);
        of_it.map(|one| (one.value, one.other)).collect::<Vec<_>>()
    };
    for _ in 0..4 {
        rig.pass(SECOND);
        push(&mut rig, tick());
        assert_eq!(told(&rig), []);
    }
    rig.pass(SECOND);
    push(&mut rig, tick());
    let name = u64::from_le_bytes(*b"XYZ\0\0\0\0\0");
    assert_eq!(told(&rig), [(5 * SECOND.cast_signed(), name)]);
    for _ in 0..3 {
        rig.pass(SECOND);
        push(&mut rig, tick());
    }
    assert_eq!(told(&rig).len(), 1);
}
