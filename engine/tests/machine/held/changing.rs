//! Held orders are made smaller, replaced, and ended, wherever they stand. Seeded.

use engine::machine::{Action, Place, PriceSource};
use model::body::{NoticeCode, OperatorAction, OrderType, RefusalReason, Side, TimeInForce};
use model::ids::ClientOrderId;
use model::num::{Lots, Ticks};
use model::record::Kind;

use super::desk::{Desk, STRATEGY, link, quiet, trigger};
use super::{histories, history, long, orders, profit, stop};
use crate::kit::{SECOND, operator, tick};

fn amend(desk: &mut Desk, client_id: ClientOrderId, qty: i64) {
    let qty = Lots(qty);
    desk.ask(Action::Amend { client_id, qty });
    desk.event(tick());
}

/// Asks for an order in place of another: a stop for the position, as it is changed.
fn replace(desk: &mut Desk, cancel: ClientOrderId, change: impl FnOnce(&mut Place)) {
    desk.wish(change);
    let [wish] = desk.wishes();
    desk.forget_wishes();
    let Action::Place(place) = wish.action else {
        panic!("a wish for an order")
    };
    desk.ask(Action::Replace { cancel, place });
    desk.event(tick());
}

fn sell_stop(desk: &mut Desk, level: i64, qty: i64) -> ClientOrderId {
    let id = desk.wish(|place| {
        place.qty = Lots(qty);
        place.trigger = trigger(stop(level), PriceSource::Mid);
    });
    desk.event(tick());
    while desk.deliver() {}
    id
}

#[test]
fn amend_of_a_waiting_stop_holds_for_as_much_as_it_says() {
    let mut desk = long(41);
    let id = sell_stop(&mut desk, 990_000, 1_000);
    amend(&mut desk, id, 400);
    assert_eq!(
        desk.kinds(),
        [Kind::NewOrder],
        "the venue knows nothing of it"
    );
    // The first quantity, and the smaller one.
    desk.settle();
    assert_eq!(desk.count(NoticeCode::HeldPlaced), 2);
    for wrong in [400, 401, 0, -1, i64::MAX, i64::MIN] {
        amend(&mut desk, id, wrong);
    }
    assert_eq!(desk.refusals, [RefusalReason::Malformed; 6]);
    // A lot is worth 0.1, and the venue takes no order below 5.
    amend(&mut desk, id, 40);
    assert_eq!(desk.refusals[6], RefusalReason::NotionalFilter);
    let nobody = ClientOrderId::new(1, Some(STRATEGY), 9_999).unwrap();
    amend(&mut desk, nobody, 100);
    assert_eq!(desk.refusals[7], RefusalReason::NotOpen);
    desk.market(950_000, 950_010);
    desk.settle();
    assert_eq!((desk.bought, desk.sold), (1_000, 400));
}

#[test]
fn amend_makes_room_for_others() {
    let config = quiet(|config| config.limits.orders.position_max = Lots(1_000));
    let mut desk = Desk::new(42, &config);
    let buy = |place: &mut Place, qty| {
        place.side = Side::Buy;
        place.reduce_only = false;
        place.qty = Lots(qty);
        place.trigger = trigger(stop(1_010_000), PriceSource::Mid);
    };
    let first = desk.wish(|place| buy(place, 1_000));
    desk.event(tick());
    amend(&mut desk, first, 700);
    desk.wish(|place| buy(place, 300));
    desk.event(tick());
    assert!(desk.refusals.is_empty());
    desk.wish(|place| buy(place, 1));
    desk.event(tick());
    assert_eq!(desk.refusals, [RefusalReason::PositionLimit]);
    // In its own place it may be as large as before.
    replace(&mut desk, first, |place| buy(place, 701));
    assert_eq!(desk.refusals.len(), 2, "one too many");
    replace(&mut desk, first, |place| buy(place, 700));
    assert_eq!(desk.refusals.len(), 2);
    desk.market(1_020_000, 1_020_010);
    desk.settle();
    assert_eq!(desk.bought, 1_000);
}

#[test]
fn amend_of_one_of_a_group_is_one_of_all() {
    for amended in [0, 1] {
        let mut desk = long(43);
        let ids = [stop(990_000), profit(1_010_000)].map(|kind| {
            desk.wish(|place| {
                place.trigger = trigger(kind, PriceSource::Mid);
                place.link = link(None, 5);
            })
        });
        desk.event(tick());
        amend(&mut desk, ids[amended], 600);
        desk.settle();
        assert_eq!(desk.count(NoticeCode::HeldPlaced), 4, "both are told");
        desk.market(1_010_000, 1_010_010);
        desk.settle();
        assert_eq!((desk.sold, desk.count(NoticeCode::HeldEnded)), (600, 2));
    }
}

/// A stop-limit that triggered and rests.
fn resting() -> (Desk, ClientOrderId) {
    let mut desk = long(44);
    let id = desk.wish(|place| {
        place.trigger = trigger(stop(990_000), PriceSource::Mid);
        place.order_type = OrderType::Limit;
        place.time_in_force = TimeInForce::Gtc;
        place.price = Ticks(989_000);
    });
    desk.event(tick());
    desk.market(950_000, 950_010);
    while desk.deliver() {}
    assert_eq!((orders(&desk), desk.sold), (2, 0));
    (desk, id)
}

#[test]
fn amend_of_one_at_the_venue_is_the_venues_and_holds_behind_its_end() {
    let (mut desk, id) = resting();
    amend(&mut desk, id, 400);
    assert_eq!(desk.kinds().last(), Some(&Kind::AmendOrder));
    while desk.deliver() {}
    // It rests too long: what is left goes at the collar, and that is no more than 400.
    desk.now += 2 * SECOND;
    desk.market(950_000, 950_010);
    desk.settle();
    assert_eq!((orders(&desk), desk.sold), (3, 400));
}

#[test]
fn amend_behind_fills_keeps_what_was_filled() {
    let (mut desk, id) = resting();
    desk.depth = 300;
    desk.market(989_000, 989_010);
    while desk.deliver() {}
    assert_eq!(desk.sold, 300);
    amend(&mut desk, id, 300);
    assert_eq!(desk.refusals, [RefusalReason::Malformed]);
    amend(&mut desk, id, 500);
    desk.market(950_000, 950_010);
    desk.depth = 1_000;
    desk.settle();
    assert_eq!(desk.sold, 500);
}

#[test]
fn replace_changes_price_and_trigger_and_ends_the_old_one() {
    let mut desk = long(45);
    let first = sell_stop(&mut desk, 990_000, 1_000);
    replace(&mut desk, first, |place| {
        place.trigger = trigger(stop(970_000), PriceSource::Mid);
    });
    while desk.deliver() {}
    assert_eq!(desk.about(NoticeCode::HeldEnded), [first.raw()]);
    desk.market(980_000, 980_010);
    desk.settle();
    assert_eq!(desk.sold, 0, "the old level is none any more");
    desk.market(960_000, 960_010);
    desk.settle();
    assert_eq!((desk.bought, desk.sold), (1_000, 1_000));
    replace(&mut desk, first, |_| {});
    assert_eq!(desk.refusals, [RefusalReason::NotOpen]);
}

#[test]
fn replace_that_is_refused_keeps_the_old_one_but_not_in_cancel_only() {
    let mut desk = long(46);
    let first = sell_stop(&mut desk, 990_000, 1_000);
    replace(&mut desk, first, |place| {
        place.trigger = trigger(stop(0), PriceSource::Mid);
    });
    replace(&mut desk, first, |place| {
        place.side = Side::Buy;
        place.trigger = trigger(stop(1_010_000), PriceSource::Mid);
    });
    assert_eq!(desk.refusals, [RefusalReason::Held, RefusalReason::NotOpen]);
    assert_eq!(desk.count(NoticeCode::HeldEnded), 0);
    let second = sell_stop(&mut desk, 980_000, 1_000);
    desk.event(operator(OperatorAction::CancelOnly));
    replace(&mut desk, second, |place| {
        place.trigger = trigger(stop(985_000), PriceSource::Mid);
    });
    desk.event(operator(OperatorAction::Resume));
    desk.settle();
    assert_eq!(desk.about(NoticeCode::HeldEnded), [second.raw()]);
    desk.market(985_000, 985_010);
    desk.settle();
    assert_eq!(desk.sold, 1_000, "by the first");
}

#[test]
fn replace_by_a_plain_order_goes_at_once() {
    let mut desk = long(47);
    let first = sell_stop(&mut desk, 990_000, 1_000);
    replace(&mut desk, first, |place| place.qty = Lots(600));
    desk.settle();
    assert_eq!(desk.sold, 600);
    assert_eq!(desk.about(NoticeCode::HeldEnded), [first.raw()]);
}

#[test]
fn replace_of_one_at_the_venue_is_one_request() {
    let (mut desk, id) = resting();
    let price = |place: &mut Place| {
        place.order_type = OrderType::Limit;
        place.time_in_force = TimeInForce::Gtc;
        place.price = Ticks(980_000);
    };
    // The old one may fill before it is cancelled, and both are more than the position.
    replace(&mut desk, id, price);
    assert_eq!(desk.refusals, [RefusalReason::ReduceOnly]);
    replace(&mut desk, id, |place| {
        price(place);
        place.reduce_only = false;
    });
    assert_eq!(desk.kinds().last(), Some(&Kind::ReplaceOrder));
    desk.settle();
    assert_eq!(desk.about(NoticeCode::HeldEnded), [id.raw()]);
    desk.market(980_000, 980_010);
    desk.settle();
    assert_eq!(desk.sold, 1_000, "by the new one alone");
}

#[test]
fn cancel_all_ends_held_orders_wherever_they_stand() {
    let (mut desk, working) = resting();
    let waiting = sell_stop(&mut desk, 900_000, 100);
    let dormant = desk.wish(|place| {
        place.trigger = trigger(stop(890_000), PriceSource::Mid);
        place.link = link(Some(waiting), 0);
    });
    desk.event(tick());
    assert!(desk.refusals.is_empty());
    desk.ask(Action::CancelAll { instrument: None });
    desk.event(tick());
    desk.settle();
    let mut ended = desk.about(NoticeCode::HeldEnded);
    ended.sort_unstable();
    let want = [working.raw(), waiting.raw(), dormant.raw()];
    assert_eq!(ended, want);
    desk.market(850_000, 850_010);
    desk.settle();
    assert_eq!(desk.sold, 0);
}

#[test]
fn amend_at_any_time_of_a_bracket_never_sells_more_than_it_says_or_was_bought() {
    let mut amended = 0;
    for seed in 0..histories(200) {
        let (mut step, at) = (0, seed % 40);
        let mut qty = 1_000;
        let desk = history(seed, |desk| {
            step += 1;
            if step == at {
                let id = ClientOrderId::new(1, Some(STRATEGY), 2).unwrap();
                let before = desk.refusals.len();
                amend(desk, id, 700);
                qty = if desk.refusals.len() == before {
                    700
                } else {
                    1_000
                };
            }
        });
        amended += i64::from(qty == 700);
        // The venue may fill more before it hears of the amendment.
        assert!(desk.sold <= desk.bought, "seed {seed}");
        let at_venue = desk.kinds().contains(&Kind::AmendOrder);
        if qty == 700 && !at_venue {
            assert_eq!(desk.sold, desk.bought.min(700), "seed {seed}");
        }
    }
    assert!(amended > 50, "{amended}");
}
