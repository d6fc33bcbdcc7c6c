//! Held orders: triggers, gaps, one-cancels-other, children, brackets, restarts. Seeded.

mod changing;
mod counting;
mod crossing;
pub(crate) mod desk;
mod explained;
mod keeper;
mod restarts;

use engine::machine::{Action, Offset, PriceSource, TriggerKind};
use model::body::{
    BookReset, ControlAction, NoticeCode, OperatorAction, OrderType, RefusalReason, Side,
    TimeInForce, Trade,
};
use model::control::Scope;
use model::ids::ClientOrderId;
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};

use self::desk::{Desk, link, quiet, trigger};
use crate::kit::{INSTRUMENT, SECOND, approval, new_order, operator, request, tick};

const fn stop(level: i64) -> TriggerKind {
    TriggerKind::Stop {
        level: Ticks(level),
    }
}

const fn profit(level: i64) -> TriggerKind {
    TriggerKind::TakeProfit {
        level: Ticks(level),
    }
}

fn traded(price: i64) -> Record {
    let body = Trade {
        trade_id: 1,
        venue_time_ns: 0,
        price: Ticks(price),
        qty: Lots(1),
        aggressor: Side::Buy,
        reserved: [0; 47],
    };
    Record::new(Kind::Trade, &body).on_instrument(INSTRUMENT)
}

fn orders(desk: &Desk) -> usize {
    let new = |kind: &&Kind| **kind == Kind::NewOrder;
    desk.kinds().iter().filter(new).count()
}

/// A desk that is long 1,000 lots at about 1,000,000.
fn long(seed: u64) -> Desk {
    let mut desk = Desk::new(seed, &quiet(|_| {}));
    desk.buy(1_000);
    desk
}

#[test]
fn held_stop_waits_and_goes_at_the_first_price_beyond_a_gap() {
    let mut desk = long(1);
    desk.wish(|place| place.trigger = trigger(stop(990_000), PriceSource::Mid));
    desk.event(tick());
    while desk.deliver() {}
    assert_eq!(desk.count(NoticeCode::HeldPlaced), 1);
    desk.market(990_000, 990_004);
    assert_eq!(orders(&desk), 1, "one tick above the level");
    // The market jumps over the level.
    desk.market(940_000, 940_010);
    assert_eq!(orders(&desk), 2);
    let order = new_order(desk.commands.last().unwrap());
    // Inside the collar of 10 % around 940,005.
    assert_eq!(order.price, Ticks(846_005));
    assert_eq!((order.qty, order.reduce_only.is_yes()), (Lots(1_000), true));
    desk.settle();
    assert_eq!((desk.bought, desk.sold), (1_000, 1_000));
    assert_eq!(desk.count(NoticeCode::Triggered), 1);
    assert_eq!(desk.count(NoticeCode::HeldEnded), 1);
}

#[test]
fn held_stop_is_not_triggered_by_a_stale_book_and_the_first_fresh_price_decides() {
    let mut desk = long(2);
    desk.wish(|place| place.trigger = trigger(stop(990_000), PriceSource::Mid));
    desk.event(tick());
    let gap = BookReset {
        update_id: 100,
        level_records: 3,
        reserved: [0; 64],
    };
    desk.event(Record::new(Kind::BookReset, &gap).on_instrument(INSTRUMENT));
    // One record of three: the book is not whole.
    let changes = [(Side::Buy, 900_000, 5), (Side::Sell, 900_002, 5)];
    desk.event(crate::kit::levels(100, 0, &changes));
    assert_eq!(orders(&desk), 1, "a stale book");
    desk.market(985_000, 985_010);
    assert_eq!(orders(&desk), 2, "the first fresh price");
}

#[test]
fn held_group_of_two_triggers_goes_one_way_only() {
    for (price, far) in [(1_010_000, 900_000), (990_000, 1_100_000)] {
        let mut desk = long(14);
        for kind in [stop(990_000), profit(1_010_000)] {
            desk.wish(|place| {
                place.trigger = trigger(kind, PriceSource::Last);
                place.link = link(None, 3);
            });
        }
        desk.event(tick());
        for step in [1_009_999, 990_001, price, far] {
            desk.event(traded(step));
        }
        desk.settle();
        assert_eq!((orders(&desk), desk.sold), (2, 1_000), "{price}");
        assert_eq!(desk.count(NoticeCode::HeldEnded), 2);
    }
}

#[test]
fn held_sources_are_told_apart() {
    let mut desk = long(3);
    desk.wish(|place| place.trigger = trigger(stop(990_000), PriceSource::Last));
    desk.event(tick());
    desk.market(980_000, 980_010);
    assert_eq!(orders(&desk), 1, "only the middle moved");
    desk.event(traded(990_001));
    assert_eq!(orders(&desk), 1);
    desk.event(traded(990_000));
    assert_eq!(orders(&desk), 2);
}

#[test]
fn held_trailing_stop_follows_the_best_price_only() {
    let mut desk = long(4);
    let kind = TriggerKind::Trailing {
        offset: Offset::Ticks(5_000),
        activation: Some(Ticks(1_002_000)),
    };
    desk.wish(|place| place.trigger = trigger(kind, PriceSource::Last));
    desk.event(tick());
    for price in [1_001_000, 995_000, 1_002_000, 1_010_000, 1_005_001] {
        desk.event(traded(price));
    }
    assert_eq!(orders(&desk), 1);
    desk.event(traded(1_005_000));
    assert_eq!(orders(&desk), 2);
}

#[test]
fn held_stop_limit_that_rests_too_long_goes_on_at_the_collar() {
    let mut desk = long(5);
    desk.wish(|place| {
        place.trigger = trigger(stop(990_000), PriceSource::Mid);
        place.order_type = OrderType::Limit;
        place.time_in_force = TimeInForce::Gtc;
        place.price = Ticks(989_000);
    });
    desk.event(tick());
    desk.market(950_000, 950_010);
    assert_eq!(new_order(desk.commands.last().unwrap()).price.0, 989_000);
    while desk.deliver() {}
    assert_eq!(desk.sold, 0);
    desk.now += 2 * SECOND;
    desk.market(950_000, 950_010);
    assert_eq!(desk.kinds().last(), Some(&Kind::CancelOrder));
    desk.settle();
    assert_eq!(desk.sold, 1_000);
}

#[test]
fn held_protection_that_is_refused_is_told_hard_and_tried_again() {
    let mut desk = long(6);
    desk.wish(|place| place.trigger = trigger(stop(990_000), PriceSource::Last));
    desk.event(tick());
    desk.event(operator(OperatorAction::CancelOnly));
    desk.event(traded(980_000));
    while desk.deliver() {}
    for _ in 0..8 {
        desk.now += SECOND / 2;
        desk.event(tick());
    }
    assert_eq!(desk.count(NoticeCode::ExitRetried), 1, "told once");
    assert_eq!(orders(&desk), 1);
    desk.event(operator(OperatorAction::Resume));
    desk.settle();
    assert_eq!(desk.sold, 1_000);
}

#[test]
fn held_order_that_opens_and_is_refused_ends() {
    let mut desk = Desk::new(7, &quiet(|_| {}));
    desk.wish(|place| {
        place.side = Side::Buy;
        place.reduce_only = false;
        place.trigger = trigger(stop(1_001_000), PriceSource::Last);
    });
    desk.event(tick());
    desk.event(operator(OperatorAction::CancelOnly));
    desk.event(traded(1_001_000));
    desk.event(operator(OperatorAction::Resume));
    desk.settle();
    assert_eq!((orders(&desk), desk.bought), (0, 0));
    let why = desk.notices.last().unwrap();
    assert_eq!((why.0, why.2), (NoticeCode::HeldEnded, 6));
}

#[test]
fn held_kill_ends_what_opens_and_keeps_what_protects() {
    let mut desk = long(8);
    desk.wish(|place| place.trigger = trigger(stop(990_000), PriceSource::Last));
    desk.wish(|place| {
        place.side = Side::Buy;
        place.reduce_only = false;
        place.trigger = trigger(stop(1_001_000), PriceSource::Last);
    });
    desk.event(tick());
    desk.event(operator(OperatorAction::Kill));
    while desk.deliver() {}
    assert_eq!(desk.count(NoticeCode::HeldEnded), 1);
    desk.event(traded(980_000));
    desk.settle();
    assert_eq!(desk.sold, 0, "a kill stops every order");
    desk.event(request(1, 0, ControlAction::Release, Scope::Overall));
    desk.event(approval(2, 1, 1));
    desk.settle();
    assert_eq!(desk.sold, 1_000);
}

#[test]
fn held_cancel_never_reaches_the_venue() {
    let mut desk = long(9);
    let id = desk.wish(|place| place.trigger = trigger(stop(990_000), PriceSource::Last));
    desk.event(tick());
    while desk.deliver() {}
    let before = desk.commands.len();
    desk.ask(Action::Cancel { client_id: id });
    desk.event(tick());
    desk.event(traded(980_000));
    desk.settle();
    assert_eq!(desk.commands.len(), before);
    assert_eq!(desk.parts.strategies[0].intents_in_flight(), 0);
    desk.ask(Action::Cancel { client_id: id });
    desk.event(tick());
    assert_eq!(desk.refusals, [RefusalReason::NotOpen]);
}

#[test]
fn held_good_till_is_cancelled_at_its_time() {
    let mut desk = Desk::new(10, &quiet(|_| {}));
    let end = desk.now + 5 * SECOND;
    desk.wish(|place| {
        place.side = Side::Buy;
        place.reduce_only = false;
        place.order_type = OrderType::Limit;
        place.time_in_force = TimeInForce::Gtc;
        place.price = Ticks(990_000);
        place.good_till_ns = Some(end);
    });
    desk.event(tick());
    assert_eq!(desk.kinds(), [Kind::NewOrder]);
    while desk.deliver() {}
    desk.now = end - 10_000;
    desk.event(tick());
    assert_eq!(desk.kinds(), [Kind::NewOrder]);
    desk.now = end;
    desk.event(tick());
    assert_eq!(desk.kinds(), [Kind::NewOrder, Kind::CancelOrder]);
    desk.settle();
    assert_eq!(desk.count(NoticeCode::HeldEnded), 1);
}

#[test]
fn held_terms_without_sense_are_refused() {
    let mut desk = long(11);
    let nobody = ClientOrderId::new(1, Some(desk::STRATEGY), 999);
    let now = desk.now;
    desk.wish(|place| place.trigger = trigger(stop(0), PriceSource::Last));
    desk.wish(|place| place.trigger = trigger(stop(i64::MAX), PriceSource::Last));
    desk.wish(|place| place.link = link(nobody, 0));
    desk.wish(|place| place.good_till_ns = Some(now));
    desk.wish(|place| {
        place.trigger = trigger(stop(990_000), PriceSource::Last);
        place.qty = Lots(i64::MAX);
    });
    desk.wish(|place| {
        place.trigger = trigger(stop(990_000), PriceSource::Last);
        place.qty = Lots(0);
    });
    desk.event(tick());
    let held = RefusalReason::Held;
    let want = [
        held,
        held,
        held,
        held,
        RefusalReason::MaxQuantity,
        RefusalReason::Malformed,
    ];
    assert_eq!(desk.refusals, want);
}

/// An entry with a stop and a take-profit that share its fills.
fn bracket(desk: &mut Desk, entry: i64) {
    let parent = desk.wish(|place| {
        place.side = Side::Buy;
        place.reduce_only = false;
        place.order_type = OrderType::Limit;
        place.time_in_force = TimeInForce::Gtc;
        place.price = Ticks(entry);
    });
    desk.wish(|place| {
        place.trigger = trigger(stop(990_000), PriceSource::Mid);
        place.link = link(Some(parent), 7);
    });
    desk.wish(|place| {
        place.order_type = OrderType::Limit;
        place.time_in_force = TimeInForce::Gtc;
        place.price = Ticks(1_010_000);
        place.link = link(Some(parent), 7);
    });
    desk.event(tick());
}

#[test]
fn held_bracket_takes_its_profit_and_ends_its_stop() {
    let mut desk = Desk::new(12, &quiet(|_| {}));
    bracket(&mut desk, 1_000_010);
    while desk.deliver() {}
    assert_eq!(orders(&desk), 2, "entry and take-profit");
    desk.market(1_010_000, 1_010_010);
    desk.settle();
    assert_eq!((desk.bought, desk.sold), (1_000, 1_000));
    desk.market(900_000, 900_010);
    desk.settle();
    assert_eq!(orders(&desk), 2);
}

#[test]
fn held_bracket_stop_waits_for_the_end_of_the_take_profit() {
    let mut desk = Desk::new(13, &quiet(|_| {}));
    bracket(&mut desk, 1_000_010);
    while desk.deliver() {}
    desk.market(980_000, 980_010);
    assert_eq!(desk.kinds().last(), Some(&Kind::CancelOrder));
    assert_eq!(orders(&desk), 2, "the stop waits for that");
    desk.settle();
    assert_eq!((orders(&desk), desk.sold), (3, 1_000));
}

/// Random market, random reports' order, random depth; `upset` may do something at each step.
fn history(seed: u64, mut upset: impl FnMut(&mut Desk)) -> Desk {
    let mut desk = Desk::new(seed, &quiet(|_| {}));
    let entry = 1_000_010 - desk.roll(3) * 4_000;
    bracket(&mut desk, entry);
    let mut middle = 1_000_000;
    for _ in 0..60 {
        desk.depth = (1 + desk.roll(10)) * 100;
        match desk.roll(4) {
            0 => {
                let reach = if desk.roll(8) == 0 { 30_000 } else { 6_000 };
                middle += desk.roll(reach) - reach / 2;
                desk.market(middle - 10, middle + 10);
            }
            1 => {
                desk.now += SECOND / 5;
                desk.event(tick());
            }
            _ => {
                desk.deliver();
            }
        }
        upset(&mut desk);
    }
    // The market falls through the stop: whatever is left closes.
    desk.depth = 1_000;
    desk.market(979_990, 980_010);
    desk.settle();
    desk
}

/// Histories of each property; the slow form has more.
fn histories(fast: u64) -> u64 {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() {
        fast * 50
    } else {
        fast
    }
}

#[test]
fn held_bracket_in_any_interleaving_never_sells_more_than_it_bought_and_always_closes() {
    let mut closed = 0;
    for seed in 0..histories(400) {
        let desk = history(seed, |_| {});
        assert_eq!(desk.sold, desk.bought, "seed {seed}: {:?}", desk.notices);
        closed += desk.sold;
    }
    assert!(closed > 0);
}

#[test]
fn held_bracket_frozen_and_thawed_at_every_event_ends_the_same() {
    for seed in 0..histories(6) {
        let plain = history(seed, |_| {});
        let frozen = history(seed, Desk::freeze_and_thaw);
        assert_eq!(plain.commands.len(), frozen.commands.len(), "seed {seed}");
        let hash = |desk: Desk| engine::machine::Machine::from_parts(desk.parts).state_hash();
        assert_eq!(hash(plain), hash(frozen), "seed {seed}");
    }
}

#[test]
fn held_bracket_with_the_process_killed_between_any_two_events_closes_all_the_same() {
    for seed in 0..histories(6) {
        for cut in 0..60 {
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
