//! Amendments, cancels of everything, self-trade prevention, transfers, and numbers that no
//! instrument or account can have.

use std::time::Duration;

use model::body::{OrderStatus, RejectReason, SelfTrade, Side, TransferKind};
use model::event::{Event, event};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use super::support::{BTC, Key, LOW, Order, Rig, Venue, about, bid, filled, kinds, notices, sale};

fn amended(record: &Record) -> model::body::Amended {
    match event(record).unwrap() {
        Event::OrderAmended(amended) => *amended,
        other => panic!("no amendment: {other:?}"),
    }
}

fn reason(record: &Record) -> (i32, RejectReason) {
    match event(record).unwrap() {
        Event::AmendRejected(report)
        | Event::OrderUnknown(report)
        | Event::OrderExpired(report)
        | Event::SendFailed(report) => (report.code, report.reason),
        other => panic!("no report: {other:?}"),
    }
}

#[test]
fn amended_order_is_smaller_and_keeps_its_name_with_either_key() {
    for key in [Key::Hmac, Key::Ed25519] {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig(key);
        let id = rig.place(bid(LOW, 1_000));
        rig.until_order(Kind::OrderAcked, id);
        rig.amend(id, 400);
        let said = amended(&rig.until_order(Kind::OrderAmended, id));
        assert_eq!((said.qty, said.cum_qty), (Lots(400), Lots(0)));
        // The answer and the stream say the same.
        rig.until(|events| {
            let amended = |kind: &&Kind| **kind == Kind::OrderAmended;
            (kinds(events, id).iter().filter(amended).count() == 2).then_some(())
        });
        let open = venue.server.truth().unwrap().open_orders;
        assert_eq!((open.len(), open[0].qty), (1, Lots(400)));
        assert_eq!(open[0].id, said.venue_order_id);
        rig.cancel(id, said.venue_order_id);
        rig.until_order(Kind::OrderCancelled, id);
        let balances = &venue.server.truth().unwrap().balances;
        let free = balances
            .iter()
            .map(|account| account["USDT"].locked)
            .sum::<Decimal>();
        assert_eq!(
            free,
            Decimal::ZERO,
            "the amendment gave back what it no longer locks"
        );
    }
}

#[test]
fn amendment_that_the_venue_refuses_leaves_the_order_as_it_was() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Ed25519);
    let id = rig.place(bid(LOW, 1_000));
    rig.until_order(Kind::OrderAcked, id);
    for qty in [1_000, 1_001, 0] {
        rig.events.0.clear();
        rig.amend(id, qty);
        let (code, _) = reason(&rig.until_order(Kind::AmendRejected, id));
        assert!(matches!(code, -2038 | -1013), "{qty}: {code}");
    }
    rig.events.0.clear();
    let never = rig.next_id();
    rig.amend(never, 5);
    let refused = reason(&rig.until_order(Kind::AmendRejected, never));
    assert_eq!(refused, (-2038, RejectReason::UnknownOrder));
    assert_eq!(
        venue.server.truth().unwrap().open_orders[0].qty,
        Lots(1_000)
    );
    for qty in (1..=10).rev() {
        rig.amend(id, 100 + qty);
    }
    rig.until(|events| {
        let amended = |kind: &&Kind| **kind == Kind::OrderAmended;
        (kinds(events, id).iter().filter(amended).count() == 20).then_some(())
    });
    rig.amend(id, 50);
    let refused = reason(&rig.until_order(Kind::AmendRejected, id));
    assert_eq!(
        refused,
        (-2038, RejectReason::Filter),
        "MAX_NUM_ORDER_AMENDS"
    );
}

#[test]
fn amendment_whose_answer_is_lost_is_unknown_and_the_query_shows_it() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Hmac);
    let id = rig.place(bid(LOW, 1_000));
    rig.until_order(Kind::OrderAcked, id);
    venue.fault("mute@1");
    venue.fault("timeout-done@1");
    rig.amend(id, 300);
    rig.until_order(Kind::OrderUnknown, id);
    rig.query(id);
    let said = amended(&rig.until_order(Kind::OrderAmended, id));
    assert_eq!(said.qty, Lots(300));
    rig.until_order(Kind::OrderStatus, id);
}

fn commands_sent(events: &[Record]) -> usize {
    let sent = |record: &&Record| record.kind() == Some(Kind::Sent);
    events.iter().filter(sent).count()
}

#[test]
fn cancel_of_everything_ends_each_order_and_is_sent_once() {
    for instrument in [None, Some(BTC)] {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig(Key::Ed25519);
        // The private stream says nothing: the answer alone has to be enough.
        venue.fault("mute@1");
        let ids: Vec<u64> = (0..20).map(|_| rig.place(bid(LOW, 1_000))).collect();
        rig.until(|events| {
            let acked = |id: &&u64| kinds(events, **id).contains(&Kind::OrderAcked);
            (ids.iter().filter(acked).count() == ids.len()).then_some(())
        });
        rig.events.0.clear();
        rig.cancel_all(instrument);
        for id in &ids {
            rig.until_order(Kind::OrderCancelled, *id);
        }
        assert_eq!(commands_sent(&rig.events.0), 1);
        assert_eq!(venue.server.truth().unwrap().open_orders.len(), 0);
        // With nothing left to cancel it is no fault.
        rig.cancel_all(instrument);
        rig.poll_for(Duration::from_millis(100));
        assert_eq!(commands_sent(&rig.events.0), 2);
        assert_eq!(notices(&rig.events.0), []);
        let log = venue.server.requests().unwrap();
        let last: Vec<_> = log
            .iter()
            .rev()
            .take(2)
            .map(|one| (one.method, one.code))
            .collect();
        let cancel_all = "openOrders.cancelAll";
        assert_eq!(last, [(cancel_all, Some(-2011)), (cancel_all, Some(0))]);
    }
}

#[test]
fn cancel_of_everything_goes_through_although_the_venue_limits_every_request() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Hmac);
    let id = rig.place(bid(LOW, 1_000));
    rig.until_order(Kind::OrderAcked, id);
    for _ in 0..3 {
        venue.fault("rate-limit@1");
    }
    let refused = rig.place(bid(LOW, 1_000));
    rig.until_order(Kind::OrderRejected, refused);
    let began = std::time::Instant::now();
    rig.cancel_all(None);
    rig.until_order(Kind::OrderCancelled, id);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(venue.server.truth().unwrap().open_orders.len(), 0);
    let next = rig.place(bid(LOW, 1_000));
    let failed = reason(&rig.until_order(Kind::SendFailed, next));
    assert_eq!(failed.1, RejectReason::RateLimit, "others still wait");
}

#[test]
fn cancel_of_everything_outlives_a_lost_connection() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig_with(Key::Ed25519, |config| {
        config.timing.request_ns = 60_000_000_000;
    });
    let id = rig.place(bid(LOW, 1_000));
    rig.until_order(Kind::OrderAcked, id);
    // Neither done nor answered, then the connection goes.
    venue.fault("timeout-lost@1");
    rig.cancel_all(None);
    venue.fault("drop-orders@1ms");
    rig.until_order(Kind::OrderCancelled, id);
    assert_eq!(venue.server.truth().unwrap().open_orders.len(), 0);
}

#[test]
fn latch_and_changes_without_a_connection_end_in_one_event_each() {
    let venue = Venue::quiet(|_| {});
    let mut rig = Rig::new(venue.config(Key::Hmac), 1);
    rig.latch();
    rig.amend(77, 5);
    rig.cancel_all(None);
    rig.cancel_all(Some(BTC));
    rig.poll();
    let ends: Vec<_> = rig.events.0.iter().filter_map(Record::kind).collect();
    let failed = Kind::SendFailed;
    assert_eq!(ends, [Kind::Sent, failed, failed, failed]);
}

#[test]
fn order_that_would_trade_with_our_own_ends_as_the_mode_says() {
    for (mode, ended) in [
        (SelfTrade::ExpireTaker, [false, true]),
        (SelfTrade::ExpireMaker, [true, false]),
        (SelfTrade::ExpireBoth, [true, true]),
        // The venue's own rule.
        (SelfTrade::NotStated, [true, false]),
    ] {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig(Key::Ed25519);
        let top = venue.server.truth().unwrap().books[0].bids[0].0;
        let inside = Ticks(i64::try_from(top * Decimal::from(100)).unwrap() + 1);
        let maker = rig.place(bid(inside, 1_000));
        rig.until_order(Kind::OrderAcked, maker);
        let taker = rig.place(Order {
            side: Side::Sell,
            self_trade: mode,
            ..bid(inside, 1_000)
        });
        for (id, ends) in [maker, taker].into_iter().zip(ended) {
            if ends {
                rig.until_order(Kind::OrderExpired, id);
            } else {
                rig.until_order(Kind::OrderAcked, id);
            }
        }
        rig.poll_for(Duration::from_millis(50));
        let said = [maker, taker].map(|id| kinds(&rig.events.0, id).contains(&Kind::OrderExpired));
        assert_eq!(said, ended, "{mode:?}");
        assert_eq!(filled(&rig.events.0, maker), 0);
        assert_eq!(filled(&rig.events.0, taker), 0);
    }
}

#[test]
fn deposit_and_withdrawal_are_transfers_with_balances_behind_them() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Hmac);
    let amounts = [Decimal::new(15, 1), Decimal::new(-25, 2)];
    for amount in amounts {
        assert!(venue.server.transfer(0, "BTC", amount).unwrap());
    }
    assert!(
        !venue
            .server
            .transfer(0, "BTC", Decimal::from(-2_000))
            .unwrap()
    );
    assert!(!venue.server.transfer(9, "BTC", Decimal::ONE).unwrap());
    let transfers = |events: &[Record]| -> Vec<model::body::Transfer> {
        let found = events.iter().filter_map(|record| match event(record) {
            Ok(Event::Transfer(transfer)) => Some(*transfer),
            _ => None,
        });
        found.collect()
    };
    let said = rig.until(|events| Some(transfers(events)).filter(|found| found.len() == 2));
    assert_eq!([said[0].amount.get(), said[1].amount.get()], amounts);
    assert_eq!(
        [said[0].kind, said[1].kind],
        [TransferKind::Deposit, TransferKind::Withdrawal]
    );
    assert_ne!(said[0].id, said[1].id);
    assert_eq!(said[0].asset.as_str(), "BTC");
    rig.until(|events| {
        events.iter().rev().find_map(|record| match event(record) {
            Ok(Event::Balance(balance)) if balance.asset.as_str() == "BTC" => {
                (balance.free.get() == Decimal::new(100_125, 2)).then_some(())
            }
            _ => None,
        })
    });
}

#[test]
fn fill_off_its_steps_puts_the_order_in_doubt_and_is_said() {
    for fault in ["off-tick@1", "off-lot@1"] {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig(Key::Ed25519);
        venue.fault(fault);
        // Its answer does not come: the stream is the first to speak.
        venue.fault("delay-ack:300ms@1");
        let id = rig.place(sale(1_000));
        let (_, why) = reason(&rig.until_order(Kind::OrderUnknown, id));
        assert_eq!(why, RejectReason::VenueUnsure);
        let said = notices(&rig.events.0);
        assert!(
            said.iter()
                .any(|(_, words)| words.contains("cannot be taken")),
            "{fault}: {said:?}"
        );
        // The venue has it right in its list: the query brings the fill.
        rig.query(id);
        rig.until(|events| (filled(events, id) == 1_000).then_some(()));
        let status = rig.until_order(Kind::OrderStatus, id);
        let Event::OrderStatus(status) = event(&status).unwrap() else {
            panic!("{status:?}");
        };
        assert_eq!(status.status, OrderStatus::Filled);
        assert!(about(&rig.events.0, id).count() > 0 && rig.gateway.is_up());
    }
}

#[test]
fn balance_below_zero_is_reported_and_said() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Ed25519);
    venue.fault("negative-balance@1");
    rig.place(bid(LOW, 1_000));
    rig.until(|events| {
        events.iter().find_map(|record| match event(record) {
            Ok(Event::Balance(balance)) => balance.free.get().is_sign_negative().then_some(()),
            _ => None,
        })
    });
    let said = notices(&rig.events.0);
    assert!(
        said.iter().any(|(_, words)| words.contains("below zero")),
        "{said:?}"
    );
}
