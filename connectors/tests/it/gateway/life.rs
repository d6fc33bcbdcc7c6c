//! Orders from placement to end, and the questions about them, with both kinds of key.

use model::body::{OrderStatus, OrderType, RejectReason, Side};
use model::event::{Event, event};
use model::ids::{AccountId, StrategyId};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record, flags};

use super::support::{BTC, Key, LOW, Order, Rig, Venue, about, bid, filled, kinds, sale};

const BOTH: [Key; 2] = [Key::Hmac, Key::Ed25519];

fn report(record: &Record) -> model::body::OrderReport {
    match event(record).unwrap() {
        Event::OrderAcked(report)
        | Event::OrderRejected(report)
        | Event::OrderCancelled(report)
        | Event::OrderStatus(report)
        | Event::OrderAbsent(report)
        | Event::CancelRejected(report) => *report,
        other => panic!("no report: {other:?}"),
    }
}

fn resting(rig: &mut Rig) -> (u64, u64) {
    let id = rig.place(bid(LOW, 1_000));
    let acked = rig.until_order(Kind::OrderAcked, id);
    (id, report(&acked).venue_order_id)
}

#[test]
fn order_is_acknowledged_and_cancelled_with_either_key() {
    for key in BOTH {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig(key);
        let (id, venue_id) = resting(&mut rig);
        let acked = rig.until_order(Kind::OrderAcked, id);
        assert_eq!(acked.instrument(), Some(BTC));
        assert_eq!(acked.account(), Some(AccountId(3)));
        assert_eq!(acked.strategy(), Some(StrategyId(2)));
        assert!(venue_id > 0 && acked.stamp_ns > 0);
        let sent = rig.until_order(Kind::Sent, id);
        let Event::Sent(times) = event(&sent).unwrap() else {
            panic!("{sent:?}");
        };
        assert_eq!((times.received_ns, times.approved_ns), (1, 4));
        assert!(times.taken_ns > 4 && times.written_ns >= times.taken_ns);
        assert!(acked.stamp_ns >= times.written_ns);

        rig.cancel(id, venue_id);
        let cancelled = report(&rig.until_order(Kind::OrderCancelled, id));
        assert_eq!(cancelled.status, OrderStatus::Cancelled);
        assert_eq!(venue.server.truth().unwrap().open_orders.len(), 0);
        assert_eq!(kinds(&rig.events.0, id)[0], Kind::Sent, "{key:?}");
    }
}

#[test]
fn market_order_is_filled_once_with_fee_and_balances() {
    for key in BOTH {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig(key);
        let id = rig.place(sale(50_000));
        rig.until(|events| (filled(events, id) == 50_000).then_some(()));
        rig.until_order(Kind::OrderAcked, id);
        rig.until(|events| {
            let balance = |record: &&Record| record.kind() == Some(Kind::Balance);
            (events.iter().filter(balance).count() >= 2).then_some(())
        });
        rig.poll_for(std::time::Duration::from_millis(100));
        assert_eq!(
            filled(&rig.events.0, id),
            50_000,
            "the stream's are the answer's"
        );
        let fill = rig.until_order(Kind::OrderFilled, id);
        let Event::OrderFilled(fill) = event(&fill).unwrap() else {
            panic!("{fill:?}");
        };
        assert_eq!(fill.side, Side::Sell);
        assert_eq!(fill.fee_asset.as_str(), "USDT");
        let trades = venue.server.truth().unwrap().trades;
        assert!(trades.iter().any(|trade| trade.id == fill.trade_id));
        assert!(fill.price > Ticks(0) && fill.fee.get() > rust_decimal::Decimal::ZERO);
    }
}

#[test]
fn replacement_cancels_the_one_and_places_the_other() {
    for key in BOTH {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig(key);
        let (old, _) = resting(&mut rig);
        let new = rig.replace(old, bid(Ticks(LOW.0 + 100), 2_000));
        rig.until_order(Kind::OrderCancelled, old);
        rig.until_order(Kind::OrderAcked, new);
        let open = venue.server.truth().unwrap().open_orders;
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].qty, Lots(2_000));
    }
}

#[test]
fn replacement_of_an_unknown_order_places_nothing() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Hmac);
    let never = rig.next_id();
    let new = rig.replace(never, bid(LOW, 1_000));
    let refused = report(&rig.until_order(Kind::CancelRejected, never));
    assert_eq!(refused.reason, RejectReason::UnknownOrder);
    rig.until_order(Kind::OrderRejected, new);
    assert_eq!(venue.server.truth().unwrap().open_orders.len(), 0);
}

#[test]
fn replacement_that_would_take_says_both_halves() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Ed25519);
    let (old, _) = resting(&mut rig);
    let mut crossing = bid(Ticks(6_600_000), 1_000);
    crossing.order_type = OrderType::PostOnly;
    let new = rig.replace(old, crossing);
    rig.until_order(Kind::OrderCancelled, old);
    let refused = report(&rig.until_order(Kind::OrderRejected, new));
    assert_eq!(refused.reason, RejectReason::WouldTake);
}

#[test]
fn query_of_a_filled_order_brings_fills_before_the_state() {
    for key in BOTH {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig(key);
        let id = rig.place(sale(50_000));
        rig.until(|events| (filled(events, id) == 50_000).then_some(()));
        rig.poll_for(std::time::Duration::from_millis(100));
        rig.events.0.clear();
        rig.query(id);
        let status = rig.until_order(Kind::OrderStatus, id);
        assert!(status.has(flags::RECONCILED));
        assert_eq!(report(&status).status, OrderStatus::Filled);
        assert_eq!(report(&status).cum_qty, Lots(50_000));
        assert_eq!(filled(&rig.events.0, id), 50_000);
        let last = kinds(&rig.events.0, id).pop();
        assert_eq!(last, Some(Kind::OrderStatus));
    }
}

#[test]
fn query_of_a_resting_and_of_an_unknown_order() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Ed25519);
    let (id, venue_id) = resting(&mut rig);
    rig.query(id);
    let status = report(&rig.until_order(Kind::OrderStatus, id));
    assert_eq!(
        (status.status, status.venue_order_id),
        (OrderStatus::Open, venue_id)
    );
    let never = rig.next_id();
    rig.query(never);
    let absent = report(&rig.until_order(Kind::OrderAbsent, never));
    assert_eq!(
        (absent.code, absent.reason),
        (-2013, RejectReason::UnknownOrder)
    );
    rig.cancel(never, 0);
    let refused = report(&rig.until_order(Kind::CancelRejected, never));
    assert_eq!(refused.reason, RejectReason::UnknownOrder);
}

#[test]
fn list_of_open_orders_counts_ours() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Hmac);
    resting(&mut rig);
    resting(&mut rig);
    rig.query_list();
    let found = rig.until(|events| {
        events
            .iter()
            .find_map(|record| match event(record).unwrap() {
                Event::OpenOrders(list) => Some(*list),
                _ => None,
            })
    });
    assert_eq!((found.ours, found.foreign), (2, 0));
    let sent = about(&rig.events.0, 0).filter(|record| record.kind() == Some(Kind::Sent));
    assert_eq!(sent.count(), 1);
}

#[test]
fn order_that_the_venue_refuses_is_rejected_with_its_words() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Ed25519);
    let small = rig.place(bid(LOW, 1));
    let refused = report(&rig.until_order(Kind::OrderRejected, small));
    assert_eq!(refused.reason, RejectReason::Filter);
    assert!(
        refused.text.as_str().starts_with("Filter failure"),
        "{refused:?}"
    );
    let large = rig.place(Order {
        qty: Lots(900_000_000 / 2),
        ..bid(Ticks(1_000_000), 1)
    });
    let refused = rig.until(|events| {
        let rejected = |record: &Record| record.kind() == Some(Kind::OrderRejected);
        about(events, large).find(rejected)
    });
    assert_ne!(report(&refused).code, 0);
}
