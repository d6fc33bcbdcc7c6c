//! Exits of positions through risk: gaps, clips, pauses, a day without data, restarts. Seeded.

use engine::machine::{ExitRules, MachineConfig, PriceSource, StrategyRules};
use model::body::TimeInForce;
use model::body::{
    BookReset, ControlAction, NoticeCode, OperatorAction, OrderType, RefusalReason, Side,
};
use model::control::{Control, Scope};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use crate::held::desk::{Desk, link, quiet, trigger};
use crate::kit::{INSTRUMENT, SECOND, approval, new_order, operator, request, tick};

const DAY: u64 = 86_400 * SECOND;

pub(crate) fn rules() -> ExitRules {
    ExitRules {
        source: PriceSource::Mid,
        stop_loss_bps: 100,
        take_profit_bps: 200,
        trailing_bps: 0,
        trailing_from_bps: 0,
        time_stop_ns: 0,
        clip: Lots(0),
        retry_pause_ns: SECOND / 4,
        reentry_pause_ns: 30 * SECOND,
    }
}

pub(crate) fn with(exits: ExitRules) -> impl FnOnce(&mut MachineConfig) {
    move |config| {
        config.protection.strategies = vec![StrategyRules {
            exits: Some(exits),
            sizing: None,
        }];
    }
}

fn long(exits: ExitRules) -> Desk {
    let mut desk = Desk::new(1, &quiet(with(exits)));
    desk.buy(1_000);
    desk
}

fn fired(desk: &Desk) -> Vec<i64> {
    let fired = |told: &&(NoticeCode, i64, i64)| told.0 == NoticeCode::ExitFired;
    desk.notices
        .iter()
        .filter(fired)
        .map(|told| told.1)
        .collect()
}

fn sells(desk: &Desk) -> Vec<i64> {
    desk.commands
        .iter()
        .filter(|record| record.kind() == Some(Kind::NewOrder))
        .map(new_order)
        .filter(|order| order.side == Side::Sell)
        .map(|order| order.qty.0)
        .collect()
}

#[test]
fn exits_stop_loss_jumped_over_closes_in_clips_inside_the_collar() {
    let mut desk = long(ExitRules {
        clip: Lots(400),
        ..rules()
    });
    // 1 % below the entry at 1,000,010 is 990,009.9.
    desk.market(990_000, 990_020);
    while desk.deliver() {}
    assert!(fired(&desk).is_empty());
    desk.market(950_000, 950_010);
    let order = new_order(desk.commands.last().unwrap());
    assert_eq!(
        (order.order_type, order.time_in_force),
        (OrderType::Limit, TimeInForce::Ioc)
    );
    // The collar of the test is 10 % around 950,005.
    assert_eq!(
        (order.price, order.reduce_only.is_yes()),
        (Ticks(855_005), true)
    );
    desk.settle();
    assert_eq!(fired(&desk), [1_900_010]);
    assert_eq!(sells(&desk), [400, 400, 200]);
    assert_eq!(desk.sold, 1_000);
}

#[test]
fn exits_take_profit_fires_and_the_strategy_opens_nothing_for_a_while() {
    let mut desk = long(rules());
    desk.market(1_020_100, 1_020_110);
    desk.settle();
    assert_eq!((desk.sold, fired(&desk).len()), (1_000, 1));
    let buy = |desk: &mut Desk| {
        desk.wish(|place| {
            place.side = Side::Buy;
            place.reduce_only = false;
        });
        desk.event(tick());
    };
    buy(&mut desk);
    assert_eq!(desk.refusals, [RefusalReason::Paused]);
    desk.now += 30 * SECOND;
    let (bid, ask) = (desk.bid, desk.ask);
    desk.market(bid, ask);
    buy(&mut desk);
    while desk.deliver() {}
    assert_eq!((desk.refusals.len(), desk.bought), (1, 2_000));
}

#[test]
fn exits_time_stop_fires_after_a_day_without_data_and_closes_at_the_first_fresh_book() {
    let mut desk = long(ExitRules {
        stop_loss_bps: 0,
        take_profit_bps: 0,
        time_stop_ns: DAY,
        ..rules()
    });
    let gap = BookReset {
        update_id: 100,
        level_records: 1,
        reserved: [0; 64],
    };
    desk.event(Record::new(Kind::BookReset, &gap).on_instrument(INSTRUMENT));
    desk.now += DAY - SECOND;
    desk.event(tick());
    assert!(fired(&desk).is_empty());
    desk.now += SECOND;
    desk.event(tick());
    assert_eq!(fired(&desk).len(), 1);
    for _ in 0..20 {
        desk.now += SECOND;
        desk.event(tick());
        while desk.deliver() {}
    }
    assert!(sells(&desk).is_empty(), "no price, no order");
    assert_eq!(desk.count(NoticeCode::ExitRetried), 1, "told once");
    desk.market(700_000, 700_010);
    assert_eq!(sells(&desk), [1_000]);
    desk.settle();
    assert_eq!(desk.sold, 1_000);
}

#[test]
fn exits_end_what_the_strategy_has_open_before_they_close() {
    let mut desk = long(rules());
    desk.wish(|place| {
        place.order_type = OrderType::Limit;
        place.time_in_force = TimeInForce::Gtc;
        place.price = Ticks(1_050_000);
        place.qty = Lots(600);
    });
    desk.wish(|place| {
        let level = Ticks(900_000);
        let kind = engine::machine::TriggerKind::Stop { level };
        place.trigger = trigger(kind, PriceSource::Last);
        place.link = link(None, 0);
    });
    desk.event(tick());
    while desk.deliver() {}
    desk.market(980_000, 980_010);
    assert_eq!(desk.count(NoticeCode::HeldEnded), 1);
    // What may still fill of its own order is not sold twice.
    assert_eq!(sells(&desk), [600, 400]);
    assert_eq!(desk.kinds().last(), Some(&Kind::CancelOrder));
    desk.settle();
    assert_eq!(sells(&desk), [600, 400, 600]);
    assert_eq!(desk.sold, 1_000);
}

#[test]
fn exits_wait_under_a_kill_and_go_on_after_its_release() {
    let mut desk = long(rules());
    desk.event(operator(OperatorAction::Kill));
    desk.market(980_000, 980_010);
    desk.settle();
    assert_eq!((desk.sold, fired(&desk).len()), (0, 1));
    desk.event(request(1, 0, ControlAction::Release, Scope::Overall));
    desk.event(approval(2, 1, 1));
    desk.settle();
    assert_eq!(desk.sold, 1_000);
}

#[test]
fn exits_go_through_a_pause_of_their_strategy() {
    let mut desk = long(rules());
    let scope = Scope::Strategy(crate::held::desk::STRATEGY);
    desk.event(request(1, 0, ControlAction::Pause, scope));
    desk.market(980_000, 980_010);
    desk.settle();
    assert_eq!(desk.sold, 1_000);
}

#[test]
fn exits_leave_a_rest_that_the_venue_does_not_take() {
    let mut desk = Desk::new(2, &quiet(with(rules())));
    desk.buy(1_000);
    // 960 of 1,000 are sold; the other 40 are worth 4 USDT, and the venue's least is 5.
    desk.wish(|place| place.qty = Lots(960));
    desk.event(tick());
    while desk.deliver() {}
    desk.market(980_000, 980_010);
    desk.settle();
    assert_eq!((desk.sold, fired(&desk).len()), (960, 1));
    assert_eq!(desk.count(NoticeCode::ExitRetried), 1);
    desk.market(900_000, 900_010);
    desk.settle();
    assert_eq!(fired(&desk).len(), 1, "not again for the same rest");
}

/// Random wishes, markets and sequences of reports; `upset` may do something at each step.
fn history(seed: u64, mut upset: impl FnMut(&mut Desk)) -> Desk {
    let exits = ExitRules {
        trailing_bps: 60,
        trailing_from_bps: 20,
        time_stop_ns: 20 * SECOND,
        clip: Lots(300),
        reentry_pause_ns: SECOND / 2,
        ..rules()
    };
    let mut desk = Desk::new(seed, &quiet(with(exits)));
    let mut middle = 1_000_000;
    for _ in 0..80 {
        desk.depth = (1 + desk.roll(10)) * 100;
        match desk.roll(6) {
            0 => {
                let reach = if desk.roll(8) == 0 { 40_000 } else { 8_000 };
                middle += desk.roll(reach) - reach / 2;
                desk.market(middle - 10, middle + 10);
            }
            1 => {
                desk.now += SECOND / 5;
                desk.event(tick());
            }
            2 => {
                let (qty, buys) = (100 * (1 + desk.roll(5)), desk.roll(3) > 0);
                let away = desk.roll(6_000);
                desk.wish(|place| {
                    place.qty = Lots(qty);
                    place.order_type = OrderType::Limit;
                    place.time_in_force = TimeInForce::Gtc;
                    place.side = if buys { Side::Buy } else { Side::Sell };
                    place.reduce_only = !buys;
                    place.price = Ticks(if buys {
                        middle + 3_000 - away
                    } else {
                        middle + away
                    });
                });
                desk.event(tick());
            }
            _ => {
                desk.deliver();
            }
        }
        upset(&mut desk);
    }
    desk.depth = 1_000;
    // Time passes until the time stop has closed whatever is left.
    for _ in 0..4 {
        desk.now += 10 * SECOND;
        desk.settle();
    }
    desk
}

fn histories(fast: u64) -> u64 {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() {
        fast * 50
    } else {
        fast
    }
}

#[test]
fn exits_in_random_histories_never_turn_the_position_and_always_close_it() {
    let (mut closed, mut kinds) = (0, std::collections::BTreeSet::new());
    for seed in 0..histories(100) {
        // The desk fails if more is sold than bought, at any moment.
        let desk = history(seed, |_| {});
        assert_eq!(desk.sold, desk.bought, "seed {seed}: {:?}", desk.notices);
        closed += desk.sold;
        kinds.extend(desk.fired.iter().copied());
    }
    assert!(closed > 10_000, "{closed}");
    let all = [
        Control::StopLoss,
        Control::TakeProfit,
        Control::TrailingStop,
        Control::TimeStop,
    ];
    assert!(all.iter().all(|control| kinds.contains(&control.code())));
}

#[test]
fn exits_frozen_and_thawed_at_every_event_end_the_same() {
    for seed in 0..histories(4) {
        let plain = history(seed, |_| {});
        let frozen = history(seed, Desk::freeze_and_thaw);
        let hash = |desk: Desk| engine::machine::Machine::from_parts(desk.parts).state_hash();
        assert_eq!(hash(plain), hash(frozen), "seed {seed}");
    }
}

#[test]
fn exits_with_the_process_killed_between_any_two_events_close_all_the_same() {
    for seed in 0..histories(2) {
        for cut in (0..80).step_by(2) {
            let mut step = 0;
            let desk = history(seed, |desk| {
                if step == cut {
                    desk.freeze_and_thaw();
                    desk.restart();
                }
                step += 1;
            });
            assert_eq!(desk.sold, desk.bought, "seed {seed}, killed at {cut}");
        }
    }
}

#[test]
fn exits_of_rules_out_of_range_are_no_configuration() {
    let mut config = quiet(with(ExitRules {
        stop_loss_bps: 10_000,
        retry_pause_ns: 0,
        clip: Lots(-1),
        ..rules()
    }));
    config.limits.orders.value_max = Decimal::ZERO;
    let problems = config.check();
    assert_eq!(problems.len(), 4, "{problems:?}");
}

#[test]
fn exits_tell_what_fired_with_its_value_and_level() {
    // The age of the position and the most that it may be.
    let mut desk = long(ExitRules {
        stop_loss_bps: 0,
        take_profit_bps: 0,
        time_stop_ns: DAY,
        ..rules()
    });
    desk.now += DAY + 7;
    desk.event(tick());
    let exit = |desk: &Desk| {
        let mut all = desk.notices.iter();
        *all.find(|told| told.0 == NoticeCode::ExitFired).unwrap()
    };
    let (_, age, most) = exit(&desk);
    assert_eq!(most, DAY.cast_signed());
    let age = age.unsigned_abs();
    assert!((DAY + 7..DAY + SECOND).contains(&age), "{age}");
    // Of prices both are in half ticks: the entry is at 1,000,010.
    for (bid, ask, mid, level) in [
        (950_000, 950_010, 1_900_010, 2 * 1_000_010 * 99 / 100),
        (1_050_000, 1_050_010, 2_100_010, 2 * 1_000_010 * 102 / 100),
    ] {
        let mut desk = long(rules());
        desk.market(bid, ask);
        let (_, value, threshold) = exit(&desk);
        assert_eq!(value, mid);
        assert!((threshold - level).abs() <= 1, "{threshold} {level}");
    }
}
