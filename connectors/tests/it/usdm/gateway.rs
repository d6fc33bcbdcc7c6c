//! The USD-M gateway against the practice USD-M: the start, orders from placement to end, money.

use std::time::Duration;

use connectors::binance::usdm::{UsdmKey, load_usdm};
use connectors::load::{RestEndpoint, Wanted};
use connectors::practice::{MarginMode, OrderStatus};
use connectors::sign::Signer;
use model::body::{OrderType, RejectReason, TimeInForce};
use model::event::{Event, event};
use model::ids::{InstrumentId, VenueId};
use model::instrument::Contract;
use model::num::{Lots, Ticks};
use model::record::Kind;
use rust_decimal::Decimal;

use super::rig::{HMAC_KEY, LOW, Venue, last_position, last_wallet, report, spec};
use crate::gateway::support::{
    BTC, DEADLINE, Order, Wall, about, bid, filled, kinds, notices, sale,
};

#[test]
fn instruments_tiers_limits_and_time_are_loaded() {
    let venue = Venue::quiet(|_| {});
    let (api_key, signer) = venue.signer(false);
    let rest = RestEndpoint {
        url: format!("https://{}", venue.server.addr()),
        tls: Some(venue.tls()),
    };
    let wanted = [Wanted {
        id: InstrumentId(0),
        symbol: "BTCUSDT".to_owned(),
        name: "BTC-USDT-PERP.BINANCE".to_owned(),
    }];
    let key = UsdmKey {
        api_key: &api_key,
        signer: &signer,
    };
    let load = |key| load_usdm(&rest, key, VenueId(0), &wanted, &Wall, DEADLINE);
    let loaded = load(Some(key)).unwrap();
    assert_eq!(loaded.instruments, [spec()]);
    assert_eq!(loaded.limits.orders_per_minute, 1_200);
    assert!(loaded.time.offset_ns.abs() < 1_000_000_000);
    let watched = load(None).unwrap();
    let Contract::Linear(terms) = &watched.instruments[0].contract else {
        panic!()
    };
    assert_eq!(terms.maintenance[0].rate_bps, 5_000, "without a key");
    let other = Signer::hmac(b"wrong");
    let wrong = UsdmKey {
        api_key: HMAC_KEY,
        signer: &other,
    };
    let refused = load(Some(wrong)).unwrap_err().to_string();
    assert!(
        refused.contains("-1022") && !refused.contains("signature="),
        "{refused}"
    );
}

#[test]
fn order_is_acknowledged_amended_and_cancelled_with_either_key() {
    for hmac in [true, false] {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig_with(hmac, |_| {});
        let id = rig.place(bid(LOW, 10));
        let acked = rig.until_order(Kind::OrderAcked, id);
        assert_eq!(acked.instrument(), Some(BTC));
        assert!(report(&acked).venue_order_id > 0);
        rig.amend(id, 6);
        let amended = rig.until_order(Kind::OrderAmended, id);
        let Event::OrderAmended(amended) = event(&amended).unwrap() else {
            panic!()
        };
        assert_eq!(amended.qty, Lots(6));
        let open = venue.server.truth().unwrap().open_orders;
        assert_eq!((open[0].qty, open[0].price), (Lots(6), Some(LOW)));
        rig.cancel(id, 0);
        let cancelled = report(&rig.until_order(Kind::OrderCancelled, id));
        assert_eq!(cancelled.status, model::body::OrderStatus::Cancelled);
        assert_eq!((venue.open(), kinds(&rig.events.0, id)[0]), (0, Kind::Sent));
    }
}

#[test]
fn fill_brings_fee_wallet_and_position_that_are_the_venues() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig();
    let id = rig.place(sale(500));
    rig.until(|events| (filled(events, id) == 500).then_some(()));
    rig.until(|events| {
        last_position(events)
            .filter(|seen| seen.qty == Lots(-500))
            .map(drop)
    });
    let truth = venue.server.truth().unwrap();
    let position = truth.positions[0];
    assert_eq!(position.lots, -500);
    let seen = last_position(&rig.events.0).unwrap();
    assert_eq!(
        Some(seen.entry.get()),
        position.entry.map(|entry| entry.normalize())
    );
    let fills: Decimal = about(&rig.events.0, id)
        .filter_map(|record| match event(&record).unwrap() {
            Event::OrderFilled(fill) => {
                assert_eq!(fill.fee_asset.as_str(), "USDT");
                Some(fill.fee.get())
            }
            _ => None,
        })
        .sum();
    assert_eq!(
        Decimal::from(1_000_000) - fills,
        truth.balances[0]["USDT"].free
    );
    let free = truth.balances[0]["USDT"].free;
    rig.until(|events| (last_wallet(events) == Some(free)).then_some(()));
}

#[test]
fn every_type_ends_as_the_venue_says() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig();
    let order = |order_type, time_in_force, price, qty| Order {
        order_type,
        time_in_force,
        ..bid(Ticks(price), qty)
    };
    // Post-only that would take is refused for that reason.
    let id = rig.place(order(OrderType::PostOnly, TimeInForce::Gtc, 610_000, 10));
    let refused = report(&rig.until_order(Kind::OrderRejected, id));
    assert_eq!(
        (refused.code, refused.reason),
        (-5022, RejectReason::WouldTake)
    );
    // Immediate-or-cancel far from the market expires.
    let id = rig.place(order(OrderType::Limit, TimeInForce::Ioc, 500_000, 10));
    rig.until_order(Kind::OrderExpired, id);
    // Fill-or-kill of what cannot fill is refused.
    let id = rig.place(order(OrderType::Limit, TimeInForce::Fok, 500_000, 10));
    assert_eq!(
        report(&rig.until_order(Kind::OrderRejected, id)).code,
        -5021
    );
    // Too small, and too much for the account.
    let id = rig.place(order(OrderType::Limit, TimeInForce::Gtc, 500_000, 0));
    assert_eq!(
        report(&rig.until_order(Kind::OrderRejected, id)).code,
        -4003
    );
    let id = rig.place(order(OrderType::Limit, TimeInForce::Gtc, 500_000, 900_000));
    let refused = report(&rig.until_order(Kind::OrderRejected, id));
    assert_eq!(
        (refused.code, refused.reason),
        (-2019, RejectReason::Balance)
    );
    // A taker fills, with its fills before its end.
    let id = rig.place(order(OrderType::Limit, TimeInForce::Ioc, 612_000, 100));
    rig.until(|events| (filled(events, id) == 100).then_some(()));
    assert_eq!(venue.open(), 0);
}

#[test]
fn replacement_is_a_cancel_and_then_a_placement() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig();
    let old = rig.place(bid(LOW, 10));
    rig.until_order(Kind::OrderAcked, old);
    let new = rig.replace(old, bid(Ticks(LOW.0 + 10), 20));
    rig.until_order(Kind::OrderCancelled, old);
    rig.until_order(Kind::OrderAcked, new);
    let open = venue.server.truth().unwrap().open_orders;
    assert_eq!((open.len(), open[0].qty), (1, Lots(20)));
}

#[test]
fn cancel_all_and_the_dead_mans_switch_leave_nothing_open() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig_with(true, |config| {
        config.dead_man = Some(Duration::from_secs(2))
    });
    for at in 0..3 {
        let id = rig.place(bid(Ticks(LOW.0 - at), 10));
        rig.until_order(Kind::OrderAcked, id);
    }
    rig.cancel_all(Some(BTC));
    rig.until(|_| (venue.open() == 0).then_some(()));
    let id = rig.place(bid(LOW, 10));
    rig.until_order(Kind::OrderAcked, id);
    // While it speaks the order rests; the switch is set again before it runs out.
    rig.poll_for(Duration::from_secs(3));
    assert_eq!(venue.open(), 1, "{:?}", notices(&rig.events.0));
    // Nobody speaks any more: the venue cancels by itself.
    drop(rig);
    let deadline = std::time::Instant::now() + DEADLINE;
    while venue.open() > 0 {
        assert!(
            std::time::Instant::now() < deadline,
            "the switch did not work"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let order = venue.server.truth().unwrap().orders.pop().unwrap();
    assert_eq!(order.status, OrderStatus::Cancelled);
}

#[test]
fn funding_and_liquidation_are_told() {
    let venue = Venue::quiet(|config| config.perps.funding_every = Duration::from_secs(1));
    let mut rig = venue.rig();
    let id = rig.place(sale(1_000));
    rig.until(|events| (filled(events, id) == 1_000).then_some(()));
    venue
        .server
        .set_mark(0, Some(Decimal::from(60_000)))
        .unwrap();
    let funding = rig.until(|events| {
        events
            .iter()
            .find_map(|record| match event(record).unwrap() {
                Event::Funding(funding) => Some(*funding),
                _ => None,
            })
    });
    assert_eq!(
        funding.amount.get(),
        Decimal::from(6),
        "0.01 % of 60,000, to the short"
    );
    assert_eq!(funding.asset.as_str(), "USDT");
    assert!(
        venue
            .server
            .set_margin(0, 0, 50, MarginMode::Cross)
            .unwrap()
    );
    // A short of one coin with a million behind it ends beyond a million and 60,000.
    venue
        .server
        .set_mark(0, Some(Decimal::from(1_200_000)))
        .unwrap();
    rig.until(|events| {
        last_position(events)
            .filter(|seen| seen.qty == Lots(0))
            .map(drop)
    });
    let truth = venue.server.truth().unwrap();
    assert_eq!(truth.positions[0].lots, 0);
    let forced = truth.orders.last().unwrap();
    assert!(forced.client_id.starts_with("autoclose-"));
    rig.until(|events| (last_wallet(events) == Some(Decimal::ZERO)).then_some(()));
}

#[test]
fn reduce_only_reaches_the_venue() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig();
    let id = rig.place_reducing(bid(LOW, 10));
    let refused = report(&rig.until_order(Kind::OrderRejected, id));
    assert_eq!(refused.code, -2022, "nothing to reduce");
    let short = rig.place(sale(100));
    rig.until(|events| (filled(events, short) == 100).then_some(()));
    let id = rig.place_reducing(bid(LOW, 100));
    rig.until_order(Kind::OrderAcked, id);
    assert!(venue.server.truth().unwrap().open_orders[0].reduce_only);
}
