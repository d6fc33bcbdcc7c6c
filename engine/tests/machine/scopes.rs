//! Limits in every scope, soft and hard, over time, and what may go without a fresh book: each at
//! its threshold and one step beyond.

use engine::machine::{LevelConfig, MachineConfig, SelfTradeRule, SoftReason, Verdict};
use model::blob::{self, BlobKind};
use model::body::{OrderType, RefusalReason, Side, TimeInForce};
use model::control::{Control, Scope, ScopeKind};
use model::event::{Event, event};
use model::ids::{AccountId, SourceId, StrategyId, VenueId};
use model::num::{Lots, Ticks};
use model::record::Kind;

use crate::kit::{ACCOUNT, INSTRUMENT, SECOND, fill, spec, tick};
use crate::limits::{Desk, desk, price, qty, sell};

fn with(control: Control, scope: Scope, hard: i64) -> impl FnOnce(&mut MachineConfig) {
    move |config| {
        config.control.levels.push(LevelConfig {
            control,
            scope,
            soft: None,
            hard,
        });
    }
}

/// 1_000 lots at 999_000 ticks: 99.9 quote, as the kit's instrument counts.
const ORDER_E8: i64 = 9_990_000_000;

/// The scope of the kit's instrument, as a refusal names it.
const INSTRUMENT_SCOPE: (ScopeKind, u32) = (ScopeKind::Instrument, INSTRUMENT.0);

/// Control and scope that the first refusal names.
fn named(desk: &Desk) -> (u16, (ScopeKind, u32)) {
    let Ok(Event::RiskRefused(refusal)) = event(&desk.out.refusals[0]) else {
        panic!("{:?}", desk.out.refusals)
    };
    (refusal.control, (refusal.scope, refusal.scope_id))
}

#[test]
fn limit_holds_in_each_scope_and_in_no_other() {
    let mine = [
        Scope::Overall,
        Scope::Venue(VenueId(0)),
        Scope::Account(ACCOUNT),
        Scope::Strategy(StrategyId(0)),
    ];
    for scope in mine {
        let mut desk = desk(with(Control::MaxValue, scope, ORDER_E8));
        assert_eq!(desk.place(|_| {}), Ok(1), "{scope:?}");
        let beyond = desk.place(qty(1_001));
        let refused = (RefusalReason::MaxValue, 9_999_990_000, ORDER_E8);
        assert_eq!(beyond, Err(refused), "{scope:?}");
    }
    let others = [
        Scope::Venue(VenueId(1)),
        Scope::Account(AccountId(ACCOUNT.0 + 1)),
        Scope::Strategy(StrategyId(1)),
    ];
    for scope in others {
        let mut desk = desk(with(Control::MaxValue, scope, 1));
        assert_eq!(desk.place(|_| {}), Ok(1), "{scope:?}");
    }
}

#[test]
fn soft_limit_needs_a_typed_reason_and_a_hard_one_has_no_way_through() {
    let mut desk = desk(|config| {
        config.control.levels.push(LevelConfig {
            control: Control::MaxQuantity,
            scope: Scope::Strategy(StrategyId(0)),
            soft: Some(1_000),
            hard: 2_000,
        });
    });
    assert_eq!(desk.place(|_| {}), Ok(1));
    let soft = (RefusalReason::SoftLimit, 1_001, 1_000);
    assert_eq!(desk.place(qty(1_001)), Err(soft));
    let hedge = |lots: i64| {
        move |place: &mut engine::machine::Place| {
            place.qty = Lots(lots);
            place.acknowledges = Some(SoftReason::Hedge);
        }
    };
    assert_eq!(desk.place(hedge(2_000)), Ok(1));
    let notice = &desk.out.refusals;
    assert!(
        notice
            .iter()
            .any(|one| one.kind() == Some(Kind::RiskNotice))
    );
    let hard = (RefusalReason::MaxQuantity, 2_001, 2_000);
    assert_eq!(desk.place(hedge(2_001)), Err(hard));
}

#[test]
fn open_value_and_open_orders_count_every_live_order_in_the_scope() {
    let strategy = Scope::Strategy(StrategyId(0));
    let mut desk = desk(with(Control::OpenValue, strategy, 2 * ORDER_E8));
    desk.open(|_| {});
    assert_eq!(desk.place(|_| {}), Ok(1));
    let beyond = (RefusalReason::OpenValue, 3 * ORDER_E8, 2 * ORDER_E8);
    assert_eq!(desk.place(|_| {}), Err(beyond));
    let mut desk = crate::limits::desk(with(Control::OpenOrders, strategy, 1));
    desk.open(|_| {});
    let beyond = (RefusalReason::OpenOrders, 2, 1);
    assert_eq!(desk.place(|_| {}), Err(beyond));
}

#[test]
fn value_far_from_the_book_is_summed_over_the_window() {
    // The kit's collar is 100 bps or more, so half of it is nearer than 995_000 of 1_000_000.
    let mut desk = desk(|config| {
        config.limits.orders.collar_bps = 60;
        config.limits.flow.collar_window_ns = 10 * SECOND;
        with(Control::CollarPeriod, Scope::Overall, 15_000_000_000)(config);
    });
    assert_eq!(desk.place(price(999_000)), Ok(1), "near: not counted");
    assert_eq!(desk.place(price(995_000)), Ok(1));
    // An instrument that is told again takes nothing back of what was counted.
    for record in blob::records(BlobKind::Instrument, &spec()).unwrap() {
        desk.event(record.from_source(SourceId(9)));
    }
    let beyond = desk.place(price(995_000));
    let refused = (RefusalReason::CollarPeriod, 19_900_000_000, 15_000_000_000);
    assert_eq!(beyond, Err(refused));
    desk.now += 11 * SECOND;
    desk.book(999_999, 1_000_001);
    assert!(desk.place(price(995_000)).is_ok(), "the window has passed");
}

#[test]
fn the_same_order_again_is_refused_within_the_window() {
    let window = i64::try_from(SECOND).unwrap();
    let mut desk = desk(with(Control::Duplicate, Scope::Overall, window));
    assert_eq!(desk.place(|_| {}), Ok(1));
    assert_eq!(desk.place(qty(1_001)), Ok(1), "another quantity");
    let again = (RefusalReason::Duplicate, 0, window);
    assert_eq!(desk.place(|_| {}), Err(again));
    desk.now += SECOND;
    let again = (RefusalReason::Duplicate, window, window);
    assert_eq!(desk.place(|_| {}), Err(again));
    desk.now += 1;
    assert_eq!(desk.place(|_| {}), Ok(1));
}

#[test]
fn others_approvals_do_not_push_out_what_a_strategy_asked_for() {
    let window = i64::try_from(SECOND).unwrap();
    let mut desk = desk(|config| {
        with(Control::Duplicate, Scope::Overall, window)(config);
        config.limits.open_orders_max = 200;
        config.limits.orders.open_orders_max = 200;
    });
    desk.open(|_| {});
    for more in 0..100 {
        desk.wish(1, qty(1_000 + more));
        assert_eq!(desk.verdict(), Ok(1), "another strategy's");
        let command = *desk.out.commands[0].as_ref();
        desk.event(crate::kit::sent(&command));
    }
    let again = (RefusalReason::Duplicate, 0, window);
    assert_eq!(desk.place(|_| {}), Err(again));
}

#[test]
fn messages_for_each_fill_are_limited_and_reductions_are_not() {
    let mut desk = desk(with(Control::OrderToTrade, Scope::Overall, 200));
    let id = desk.open(|_| {});
    assert_eq!(desk.place(|_| {}), Ok(1));
    let beyond = (RefusalReason::OrderToTrade, 300, 200);
    assert_eq!(desk.place(|_| {}), Err(beyond));
    desk.event(fill(id.raw(), 1, Side::Buy, 999_000, 1_000));
    assert_eq!(desk.place(sell(1_000, 1_001_000)), Ok(1), "it reduces");
}

#[test]
fn what_reduces_goes_without_a_fresh_book_and_what_opens_does_not() {
    let mut desk = desk(|_| {});
    let id = desk.open(|_| {});
    desk.event(fill(id.raw(), 1, Side::Buy, 999_000, 1_000));
    desk.now += 3_600 * SECOND;
    desk.event(tick());
    let stale = desk.place(|_| {}).unwrap_err();
    assert_eq!(stale.0, RefusalReason::StaleBook);
    assert_eq!(desk.place(sell(1_000, 990_000)), Ok(1), "a limit order");
    let more = desk.place(sell(1, 990_000)).unwrap_err();
    assert_eq!(more.0, RefusalReason::StaleBook, "all of it is on its way");
}

#[test]
fn market_order_that_reduces_has_no_price_without_book_and_trade() {
    let mut desk = desk(|_| {});
    let id = desk.open(|_| {});
    desk.event(fill(id.raw(), 1, Side::Buy, 999_000, 1_000));
    desk.now += 3_600 * SECOND;
    desk.event(tick());
    let market = |place: &mut engine::machine::Place| {
        place.side = Side::Sell;
        place.order_type = OrderType::Market;
        place.time_in_force = TimeInForce::Ioc;
        place.price = Ticks(0);
    };
    let refused = desk.place(market).unwrap_err();
    assert_eq!(refused.0, RefusalReason::NoPrice);
    let named = named(&desk);
    assert_eq!(named, (Control::BookAge.code(), INSTRUMENT_SCOPE));
}

#[test]
fn older_order_goes_when_the_rule_says_so() {
    let rule = |config: &mut MachineConfig| {
        config.limits.flow.self_trade = SelfTradeRule::CancelOlder;
    };
    let mut desk = desk(rule);
    let older = desk.open(|_| {});
    let refused = desk.place(sell(1_000, 999_000)).unwrap_err();
    assert_eq!(refused.0, RefusalReason::SelfCross);
    assert_eq!(named(&desk), (Control::SelfTrade.code(), INSTRUMENT_SCOPE));
    let cancels = desk
        .out
        .commands
        .iter()
        .filter(|command| command.as_ref().kind() == Some(Kind::CancelOrder));
    assert_eq!(cancels.count(), 1);
    assert!(
        desk.risk
            .orders()
            .get(older)
            .unwrap()
            .cancel
            .pending_ns
            .is_some()
    );
}

#[test]
fn explained_checks_are_those_of_the_decision() {
    let limit = with(Control::MaxValue, Scope::Account(ACCOUNT), ORDER_E8);
    let mut rig = desk(limit);
    let mut twin = rig.risk.clone();
    rig.wish(0, qty(1_001));
    let mut tick = tick();
    tick.event = twin.last_event() + 1;
    tick.time_ns = rig.now;
    let mut wishes = rig.wishes.clone();
    for wish in &mut wishes {
        wish.event = tick.event;
    }
    let (mut out, mut told) = (engine::machine::Outputs::new(), Vec::new());
    twin.apply_explained(&tick, &wishes, &mut out, &mut told)
        .unwrap();
    assert!(rig.verdict().is_err());
    assert_eq!(out.refusals, rig.out.refusals);
    let verdicts = &told[0].verdicts;
    let last: &Verdict = verdicts.last().unwrap();
    assert_eq!((last.control, last.passed), (Control::MaxValue, false));
    assert_eq!((last.value, last.hard), (9_999_990_000, ORDER_E8));
    assert!(verdicts[..verdicts.len() - 1].iter().all(|one| one.passed));
    assert!(verdicts.len() > 8, "{verdicts:?}");
    let at = verdicts
        .iter()
        .find(|one| one.control == Control::MaxQuantity);
    assert_eq!(at.unwrap().scope, Scope::Instrument(INSTRUMENT));
    assert_eq!(last.scope, Scope::Account(ACCOUNT));
    // The refusal names control and scope, too.
    let account = (ScopeKind::Account, u32::from(ACCOUNT.0));
    assert_eq!(named(&rig), (Control::MaxValue.code(), account));
}
