//! Controls behind the order: each at its level and one step beyond, and over a restart.

use engine::machine::LevelConfig;
use model::body::{AssetName, Notice, NoticeCode, OrderStatus, Rate, RejectReason, Side};
use model::control::{Control, Scope};
use model::event::{Event, event};
use model::ids::{StrategyId, VenueId};
use model::num::Money;
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use crate::control_kit::push;
use crate::kit::{self, Rig, SECOND, config, fill, maker, new_order, report, sent, tick};

const STRATEGY: Scope = Scope::Strategy(StrategyId(0));

pub(crate) fn level(control: Control, soft: Option<i64>, hard: i64) -> LevelConfig {
    LevelConfig {
        control,
        scope: Scope::Overall,
        soft,
        hard,
    }
}

fn watched(levels: Vec<LevelConfig>) -> Rig {
    let mut config = config(vec![maker()]);
    config.control.levels = levels;
    config.control.loss_speed_window_ns = 60 * SECOND;
    config.control.stable_assets = vec!["USDT".to_owned()];
    let mut rig = Rig::new();
    rig.start(&config, 0);
    push(&mut rig, tick());
    rig
}

/// Buys 1,000 lots (0.01 BTC) at 10,000.00, far from the strategy's own doings.
fn long() -> Record {
    fill(0, 1, Side::Buy, 1_000_000, 1_000)
}

pub(crate) fn switch(
    rig: &Rig,
    scope: Scope,
) -> (Option<Control>, Option<Control>, Option<Control>) {
    let on = rig
        .machine
        .risk()
        .switches_on()
        .find(|on| on.scope == scope);
    on.map_or((None, None, None), |on| (on.killed, on.paused, on.reducing))
}

/// What risk told, whether it came back or not.
pub(crate) fn notices(rig: &Rig) -> Vec<Notice> {
    let told = |record: &Record| match event(record) {
        Ok(Event::RiskNotice(notice)) => Some(*notice),
        _ => None,
    };
    rig.refusals.iter().filter_map(told).collect()
}

pub(crate) fn codes(rig: &Rig) -> Vec<NoticeCode> {
    notices(rig).iter().map(|notice| notice.code).collect()
}

pub(crate) const E8: i64 = 100_000_000;

#[test]
fn daily_loss_beyond_the_soft_level_is_reduce_only_and_beyond_the_hard_one_a_kill() {
    let mut rig = watched(vec![level(Control::DailyLoss, Some(E8), 2 * E8)]);
    push(&mut rig, long());
    // 1.01 BTC fall by 0.99 of quote a BTC: 0.9999, and the fee of 0.0001.
    rig.book(2, 999_900, 999_902);
    assert_eq!(
        switch(&rig, Scope::Overall),
        (None, None, None),
        "at the level"
    );
    rig.book(3, 999_900, 999_901);
    assert_eq!(switch(&rig, Scope::Overall).2, Some(Control::DailyLoss));
    rig.book(4, 999_801, 999_803);
    assert_eq!(switch(&rig, Scope::Overall).0, None, "just below");
    rig.book(5, 999_801, 999_802);
    assert_eq!(switch(&rig, Scope::Overall).0, Some(Control::DailyLoss));
    push(&mut rig, tick());
    let told = codes(&rig);
    assert!(told.contains(&NoticeCode::SoftLimit) && told.contains(&NoticeCode::HardLimit));
    let told = notices(&rig);
    let hard = told
        .iter()
        .find(|one| one.code == NoticeCode::HardLimit)
        .unwrap();
    assert!(hard.value > 2 * E8 && hard.threshold == 2 * E8 && hard.version > 0);
}

#[test]
fn daily_loss_begins_anew_at_midnight_and_survives_a_restart() {
    let mut rig = watched(vec![level(Control::DailyLoss, Some(E8), i64::MAX - 1)]);
    push(&mut rig, long());
    rig.book(2, 979_998, 980_002);
    assert_eq!(switch(&rig, Scope::Overall).2, Some(Control::DailyLoss));
    let mut config = rig.machine.config().unwrap().clone();
    config.control.program = [7; 32];
    let journaled = rig.machine.commands_decided();
    // The price is back in the first book, and falls again: what was before is remembered.
    rig.start(&config, journaled);
    assert_eq!(switch(&rig, Scope::Overall).2, None);
    rig.book(2, 979_998, 980_002);
    assert_eq!(switch(&rig, Scope::Overall).2, Some(Control::DailyLoss));
    rig.pass(86_400 * SECOND);
    push(&mut rig, tick());
    assert_eq!(switch(&rig, Scope::Overall).2, None);
    let told = codes(&rig);
    assert!(told.contains(&NoticeCode::LimitCleared) && told.contains(&NoticeCode::Deployment));
}

#[test]
fn drawdown_counts_from_the_peak_and_its_speed_over_the_window() {
    let mut rig = watched(vec![level(Control::Drawdown, None, E8)]);
    push(&mut rig, long());
    rig.book(2, 1_009_998, 1_010_002);
    // 1.01 BTC fall by 0.99 from the peak, then by 0.995.
    rig.book(3, 1_009_900, 1_009_902);
    assert_eq!(switch(&rig, Scope::Overall).0, None);
    rig.book(4, 1_009_900, 1_009_901);
    assert_eq!(switch(&rig, Scope::Overall).0, Some(Control::Drawdown));
    // One of quote over a window of 60 s is more than 1/61 a second.
    for (hard, kills) in [(E8 / 61, true), (E8 / 59, false)] {
        let mut rig = watched(vec![level(Control::DrawdownSpeed, None, hard)]);
        push(&mut rig, long());
        rig.book(2, 999_900, 999_901);
        assert_eq!(switch(&rig, Scope::Overall).0.is_some(), kills, "{hard}");
    }
}

#[test]
fn fill_far_from_the_book_or_with_a_high_fee_pauses() {
    // 9,900.00 is 1 % below the middle of 10,000.00.
    for (hard, paused) in [(100, false), (99, true)] {
        let mut rig = watched(vec![level(Control::FillSlippage, None, hard)]);
        let id = new_order(&rig.commands[0]).client_id;
        push(&mut rig, fill(id, 1, Side::Buy, 990_000, 1));
        assert_eq!(switch(&rig, STRATEGY).1.is_some(), paused, "{hard}");
    }
    // The fee is 0.0001 of quote: a hundredth of 0.01, which is 0.1 lots... 1 lot is 0.1 of quote.
    for (hard, paused) in [(10, false), (9, true)] {
        let mut rig = watched(vec![level(Control::FillFee, None, hard)]);
        let id = new_order(&rig.commands[0]).client_id;
        push(&mut rig, fill(id, 1, Side::Buy, 1_000_000, 1));
        assert_eq!(switch(&rig, STRATEGY).1.is_some(), paused, "{hard}");
    }
}

#[test]
fn repeated_executions_pause_the_strategy_one_beyond_the_level_within_the_window() {
    for (pause_s, paused) in [(1, true), (20, false)] {
        let mut rig = watched(vec![
            level(Control::RepeatedExecution, None, 3),
            level(Control::RepeatedWindow, None, 30 * SECOND.cast_signed()),
        ]);
        let first = new_order(&rig.commands[0]).client_id;
        for trade in 0..4 {
            assert_eq!(switch(&rig, STRATEGY).1, None);
            // Parts of one order count once.
            for part in 0..2 {
                let id = first + 1_000 + trade;
                push(
                    &mut rig,
                    fill(id, 2 * trade + part + 1, Side::Buy, 1_000_000, 5),
                );
            }
            rig.pass(pause_s * SECOND);
        }
        let by = switch(&rig, STRATEGY).1;
        assert_eq!(by.is_some(), paused, "{pause_s}");
        assert_eq!(codes(&rig).contains(&NoticeCode::Repeated), paused);
    }
}

#[test]
fn losing_exits_in_a_row_lock_the_strategy_for_a_time() {
    let mut rig = watched(vec![
        level(Control::LossStreak, None, 1),
        level(Control::LossLock, None, 10 * SECOND.cast_signed()),
    ]);
    let id = new_order(&rig.commands[0]).client_id;
    for round in 0..2 {
        assert_eq!(switch(&rig, STRATEGY).2, None);
        push(&mut rig, fill(id, 10 * round + 1, Side::Buy, 1_000_000, 5));
        push(&mut rig, fill(id, 10 * round + 2, Side::Sell, 999_000, 5));
    }
    assert_eq!(switch(&rig, STRATEGY).2, Some(Control::LossStreak));
    rig.pass(10 * SECOND);
    push(&mut rig, tick());
    assert_eq!(switch(&rig, STRATEGY).2, None);
}

#[test]
fn stable_asset_off_its_peg_is_reduce_only_then_a_kill_and_another_asset_is_nothing() {
    let rate = |asset: &str, bps: i64| {
        let body = Rate {
            rate: Money::new(Decimal::new(10_000 - bps, 4)),
            venue_time_ns: 0,
            asset: AssetName::cut(asset),
            reserved: [0; 42],
        };
        Record::new(Kind::Rate, &body)
    };
    let mut rig = watched(vec![level(Control::Depeg, Some(50), 100)]);
    push(&mut rig, rate("BTC", 5_000));
    push(&mut rig, rate("USDT", 50));
    assert_eq!(switch(&rig, Scope::Overall), (None, None, None));
    push(&mut rig, rate("USDT", -51));
    assert_eq!(switch(&rig, Scope::Overall).2, Some(Control::Depeg));
    push(&mut rig, rate("USDT", 0));
    assert_eq!(switch(&rig, Scope::Overall).2, None);
    push(&mut rig, rate("USDT", 101));
    assert_eq!(switch(&rig, Scope::Overall).0, Some(Control::Depeg));
}

#[test]
fn unknown_orders_beyond_the_level_block_their_venue_until_they_are_known() {
    let mut rig = watched(vec![level(Control::UnknownOrders, None, 1)]);
    let venue = Scope::Venue(VenueId(0));
    for (index, placed) in rig.commands.clone().into_iter().enumerate() {
        if placed.kind() != Some(Kind::NewOrder) {
            continue;
        }
        push(&mut rig, sent(&placed));
        let id = new_order(&placed).client_id;
        let status = OrderStatus::NotStated;
        push(
            &mut rig,
            report(Kind::OrderUnknown, id, status, 0, RejectReason::NoAnswer),
        );
        let by = switch(&rig, venue).2;
        assert_eq!(by.is_some(), index > 0, "{index}");
    }
    let id = new_order(&rig.commands[0]).client_id;
    push(
        &mut rig,
        report(
            Kind::OrderStatus,
            id,
            OrderStatus::Open,
            0,
            RejectReason::None,
        ),
    );
    push(&mut rig, tick());
    assert_eq!(switch(&rig, venue).2, None);
    assert_eq!(kit::ACCOUNT.0, 0);
}
