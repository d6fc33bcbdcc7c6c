//! The order table: what is found, walked and due, and what ended orders leave.

use super::*;

#[test]
fn orders_resting_are_listed_by_price_and_timers_come_out_in_their_time() {
    let mut orders = Orders::new(20, 4);
    orders.set_pace(Pace {
        ack_timeout_ns: 100,
        fills_pause_ns: 10,
    });
    for (counter, price) in (1..).zip([5, 9, 7, 9]) {
        let mut new = order(counter);
        new.price = Ticks(price);
        new.approved_ns = u64::from(counter);
        assert!(orders.insert(new));
    }
    let counters = |orders: &Orders| -> Vec<u32> {
        orders
            .resting(InstrumentId(0), Side::Buy)
            .map(|order| order.client_id.counter())
            .collect()
    };
    assert_eq!(counters(&orders), [2, 4, 3, 1]);
    assert_eq!(orders.timer_due(100), None);
    assert_eq!(orders.timer_due(103), Some(id(1)));
    orders.update(id(1), |order| order.time_out(103, 1, 100));
    assert_eq!(
        (orders.unknown_count(), orders.timer_due(103)),
        (1, Some(id(2)))
    );
    assert_eq!(orders.work_due(103), Some(id(1)));
    orders.park(id(1));
    assert_eq!(orders.work_due(103), None);
    orders.update(id(2), |order| {
        order.report(
            &Event::OrderCancelled(&report(OrderStatus::NotStated, 0, RejectReason::None)),
            at(9),
            WINDOW_NS,
        );
    });
    assert_eq!(counters(&orders), [4, 3, 1]);
    orders.look_again();
    assert_eq!(orders.work_due(103), Some(id(1)));
}

#[test]
fn orders_sixteen_thousand_live_are_found_walked_and_taken_out() {
    let most = model::limits::OPEN_ORDERS_MAX;
    let mut orders = Orders::new(most, 8);
    orders.set_pace(Pace {
        ack_timeout_ns: 100,
        fills_pause_ns: 10,
    });
    let last = u32::try_from(most).unwrap();
    for counter in 1..=last {
        let mut new = order(counter);
        new.price = Ticks(i64::from(counter.wrapping_mul(2_654_435_761) >> 12));
        new.approved_ns = u64::from(counter);
        assert!(orders.insert(new));
    }
    assert!(orders.is_full() && !orders.insert(order(last + 1)));
    let best = |orders: &Orders| {
        let best = orders.resting(InstrumentId(0), Side::Buy).next();
        best.map(|order| (order.price, order.client_id))
    };
    let want = |orders: &Orders| orders.live().map(|order| order.price).max();
    let mut timers = 0;
    while let Some(due) = orders.timer_due(1_099) {
        orders.update(due, |order| order.time_out(1_099, 1, 100));
        timers += 1;
    }
    assert_eq!((timers, orders.unknown_count()), (999, 999));
    for round in 0..1_000 {
        let (price, id) = best(&orders).unwrap();
        if round % 100 == 0 {
            assert_eq!(Some(price), want(&orders));
        }
        orders.update(id, |order| order.learn(Fact::Cancelled, 1));
        assert!(orders.get_live(id).is_none());
    }
    assert_eq!(orders.live_count(), most - 1_000);
    assert_eq!(orders.ended().count(), 8);
    assert!(orders.insert(order(last + 1)));
}

#[test]
fn orders_ended_are_remembered_to_a_bound_and_slots_are_used_again() {
    let mut orders = Orders::new(2, 3);
    let mut trades = AppliedTrades::new();
    for counter in 1..=10 {
        assert!(orders.insert(order(counter)));
        assert!(!orders.insert(order(counter)));
        orders.update(id(counter), |order| {
            apply(order, &mut trades, (Step::Rejected, at(1)))
        });
        assert_eq!(orders.live_count(), 0);
    }
    let kept: Vec<u32> = orders
        .ended()
        .map(|order| order.client_id.counter())
        .collect();
    assert_eq!(kept, [8, 9, 10]);
    assert!(orders.insert(order(11)) && orders.insert(order(12)));
    assert!(!orders.insert(order(13)));
    let learned = orders.update(id(9), |order| order.learn(Fact::Cancelled, 1));
    assert!(learned.is_some() && orders.get_live(id(9)).is_none());
    assert!(orders.update(id(5), |_| ()).is_none());
}
