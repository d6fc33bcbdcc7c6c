//! An order that protects and would trade with another one of ours: that one makes way. Seeded.

use engine::machine::{Action, ExitRules, MachineConfig, PriceSource};
use model::body::{NoticeCode, OperatorAction, OrderType, RefusalReason, Side, TimeInForce};
use model::ids::{ClientOrderId, StrategyId};
use model::num::{Lots, Ticks};
use model::record::Kind;

use super::desk::{Desk, quiet, trigger};
use super::{histories, orders, stop};
use crate::exits::{rules, with};
use crate::kit::{SECOND, operator, tick};

const OTHER: StrategyId = StrategyId(1);

/// Two strategies of one account on one instrument; exits for the first.
fn two(exits: Option<ExitRules>) -> MachineConfig {
    quiet(|config| {
        let mut other = config.strategies[0].clone();
        other.name = "other".to_owned();
        config.strategies.push(other);
        if let Some(exits) = exits {
            with(exits)(config);
        }
    })
}

/// The other strategy bids; nothing is on its way then.
fn bid(desk: &mut Desk, price: i64) -> ClientOrderId {
    let id = wish_bid(desk, price);
    desk.event(tick());
    while desk.deliver() {}
    id
}

fn wish_bid(desk: &mut Desk, price: i64) -> ClientOrderId {
    desk.wish_of(OTHER, |place| {
        place.side = Side::Buy;
        place.reduce_only = false;
        place.order_type = OrderType::Limit;
        place.time_in_force = TimeInForce::Gtc;
        place.price = Ticks(price);
        place.qty = Lots(100);
    })
}

/// A strategy's stop-loss or held stop at 990,000, and a gap through it; the collar reaches the
/// other's bids.
fn gap(desk: &mut Desk) {
    let first = bid(desk, 940_000);
    let second = bid(desk, 930_000);
    assert!(desk.refusals.is_empty(), "{:?}", desk.refusals);
    let before = orders(desk);
    desk.market(950_000, 950_010);
    assert_eq!(orders(desk), before, "it waits");
    let tail: Vec<Kind> = desk.kinds().into_iter().rev().take(2).collect();
    assert_eq!(tail, [Kind::CancelOrder, Kind::CancelOrder]);
    // Nothing new comes to stand in the way, not even in the same instant.
    wish_bid(desk, 945_000);
    desk.event(tick());
    assert_eq!(desk.refusals, [RefusalReason::SelfCross]);
    while orders(desk) == before {
        assert!(desk.deliver(), "it goes when both are gone");
    }
    desk.settle();
    assert_eq!((desk.bought, desk.sold), (1_000, 1_000));
    assert!(!desk.is_open(first) && !desk.is_open(second));
    assert_eq!(
        desk.about(NoticeCode::ExitRetried),
        [first.raw(), second.raw()]
    );
    bid(desk, 945_000);
    assert_eq!(desk.refusals.len(), 1);
}

#[test]
fn exit_that_would_meet_anothers_bids_cancels_them_and_goes_through_the_gap() {
    let mut desk = Desk::new(31, &two(Some(rules())));
    desk.buy(1_000);
    gap(&mut desk);
}

#[test]
fn held_stop_that_would_meet_anothers_bids_cancels_them_and_goes_through_the_gap() {
    let mut desk = Desk::new(32, &two(None));
    desk.buy(1_000);
    desk.wish(|place| place.trigger = trigger(stop(990_000), PriceSource::Mid));
    gap(&mut desk);
}

#[test]
fn held_order_that_opens_makes_nobody_give_way() {
    let mut desk = Desk::new(33, &two(None));
    desk.buy(500);
    let first = bid(&mut desk, 940_000);
    desk.wish(|place| {
        place.qty = Lots(100);
        place.reduce_only = false;
        place.trigger = trigger(stop(990_000), PriceSource::Mid);
    });
    desk.event(tick());
    desk.market(950_000, 950_010);
    desk.settle();
    assert!(desk.is_open(first));
    assert_eq!((desk.sold, desk.count(NoticeCode::HeldEnded)), (0, 1));
}

#[test]
fn exit_waits_for_a_cancel_that_is_held_up() {
    let mut desk = Desk::new(34, &two(Some(rules())));
    desk.buy(1_000);
    bid(&mut desk, 940_000);
    // Its cancel is answered late; a pause of the other changes nothing about that.
    desk.market(950_000, 950_010);
    desk.event(operator(OperatorAction::CancelOnly));
    for _ in 0..20 {
        desk.now += SECOND / 10;
        desk.event(tick());
    }
    assert_eq!(desk.sold, 0);
    desk.event(operator(OperatorAction::Resume));
    desk.settle();
    assert_eq!(desk.sold, 1_000);
}

#[test]
fn exit_is_never_starved_by_bids_that_come_again_and_again() {
    let mut cancelled = 0;
    for seed in 0..histories(100) {
        let held = seed % 2 == 0;
        let mut desk = Desk::new(seed, &two((!held).then(rules)));
        desk.buy(1_000);
        if held {
            desk.wish(|place| place.trigger = trigger(stop(990_000), PriceSource::Mid));
        }
        let mut middle = 1_000_000;
        for step in 0..120 {
            desk.depth = (1 + desk.roll(10)) * 100;
            match desk.roll(6) {
                0 => {
                    let fall = if step == 40 { 60_000 } else { desk.roll(2_000) };
                    middle -= fall;
                    desk.market(middle - 10, middle + 10);
                }
                1 if step % 8 == 0 => desk.freeze_and_thaw(),
                2 => {
                    desk.now += SECOND / 10;
                    desk.event(tick());
                }
                _ => {
                    desk.deliver();
                }
            }
            // A bid below the market at each event, whatever the exit does.
            let price = desk.bid - 1 - desk.roll(40_000);
            let id = wish_bid(&mut desk, price);
            if desk.roll(8) == 0 {
                desk.ask_of(OTHER, Action::Cancel { client_id: id });
            }
            desk.event(tick());
        }
        desk.ask_of(OTHER, Action::CancelAll { instrument: None });
        desk.market(899_990, 900_010);
        desk.settle();
        let told = desk.about(NoticeCode::ExitRetried);
        cancelled += told.iter().filter(|id| **id != 0).count();
        assert!(desk.sold >= 1_000, "seed {seed}: {:?}", desk.notices);
    }
    assert!(cancelled > 100, "{cancelled}");
}
