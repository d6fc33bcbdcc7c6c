//! The OKX gateway when the venue is not well: unknown outcomes, upgrades, cut connections, a
//! stream that stays up and says nothing.

use connectors::okx::gateway::OkxGateway;
use model::body::{LinkState, RejectReason, Side, TimeInForce};
use model::event::{Event, event};
use model::num::{Lots, Ticks};
use model::record::Kind;
use rust_decimal::Decimal;

use super::rig::{LOW, Venue};
use crate::gateway::support::{BTC, Order, Rig, about, bid, filled, sale};
use crate::usdm::rig::{last_position, report};

#[test]
fn unknown_outcomes_are_unknown_and_found_again() {
    for (fault, lives) in [("timeout-done@1", true), ("timeout-lost@1", false)] {
        let venue = Venue::quiet(true, |_| {});
        let mut rig = venue.rig();
        venue.fault(fault);
        let id = rig.place(bid(LOW, 1_000));
        rig.until_order(Kind::OrderUnknown, id);
        rig.query(id);
        let kind = if lives {
            Kind::OrderStatus
        } else {
            Kind::OrderAbsent
        };
        rig.until_order(kind, id);
        assert_eq!(venue.open(), usize::from(lives), "{fault}");
    }
    let venue = Venue::quiet(true, |_| {});
    let mut rig = venue.rig();
    venue.fault("busy@1");
    let id = rig.place(bid(LOW, 1_000));
    let refused = report(&rig.until_order(Kind::OrderRejected, id));
    assert_eq!(refused.code, 50_013);
    venue.fault("unknown-code@1");
    let id = rig.place(bid(LOW, 1_000));
    rig.until_order(Kind::OrderUnknown, id);
    venue.fault("rate-limit@1");
    let id = rig.place(bid(LOW, 1_000));
    let refused = report(&rig.until_order(Kind::OrderRejected, id));
    assert_eq!(
        (refused.code, refused.reason),
        (50_011, RejectReason::RateLimit)
    );
}

/// An order that goes over REST: a page of HTML says nothing of it.
#[test]
fn page_of_html_leaves_an_order_unknown() {
    let venue = Venue::quiet(false, |_| {});
    let mut rig = venue.rig_with(0, |config| config.codes = vec![None]);
    venue.fault("html@1");
    let id = rig.place(bid(LOW, venue.tenth()));
    rig.until_order(Kind::OrderUnknown, id);
    rig.query(id);
    rig.until_order(Kind::OrderAbsent, id);
}

#[test]
fn upgrades_and_cut_connections_are_connected_again_and_reconciled() {
    for fault in ["expire-key@1ms", "drop-orders@1ms"] {
        let venue = Venue::quiet(true, |_| {});
        let mut rig = venue.rig();
        let id = rig.place(bid(LOW, 1_000));
        rig.until_order(Kind::OrderAcked, id);
        rig.events.0.clear();
        venue.fault(fault);
        rig.until_link(LinkState::Down);
        let events = rig.until_link(LinkState::Up);
        let status = about(&events, id).find(|one| one.kind() == Some(Kind::OrderStatus));
        assert!(
            status.is_some(),
            "{fault}: the open order is reported again"
        );
        let flat = last_position(&events).unwrap();
        assert_eq!(
            flat.qty,
            Lots(0),
            "{fault}: a position that is not listed is flat"
        );
        rig.cancel(id, 0);
        rig.until_order(Kind::OrderCancelled, id);
    }
}

#[test]
fn silent_stream_is_found_out_by_our_trades_and_loses_nothing() {
    for perpetuals in [false, true] {
        let venue = Venue::quiet(perpetuals, |_| {});
        let tenth = venue.tenth();
        let mut rig = venue.rig_with(0, |config| {
            config.timing.trades_ns = 1_000_000_000;
            config.timing.stream_lag_ns = 500_000_000;
        });
        let first = rig.place(sale(tenth));
        rig.until(|events| (filled(events, first) == tenth).then_some(()));
        venue.fault("mute@1");
        let id = rig.place(sale(tenth / 2));
        rig.until(|events| (filled(events, id) == tenth / 2).then_some(()));
        rig.until_link(LinkState::Down);
        rig.until_link(LinkState::Up);
    }
}

#[test]
fn fills_that_came_while_nobody_listened_are_asked_for() {
    let venue = Venue::quiet(true, |config| {
        config.accounts[1].balances = vec![("USDT".to_owned(), Decimal::from(1_000_000_000))];
    });
    let mut rig = venue.rig();
    // At the best price there is, so that whoever takes reaches it.
    let best = venue.server.truth().unwrap().books[0].bids[0].0;
    let price = Ticks(i64::try_from(best / Decimal::new(1, 1)).unwrap() + 1);
    let id = rig.place(Order {
        side: Side::Sell,
        ..bid(price, 40)
    });
    rig.until_order(Kind::OrderAcked, id);
    let trade = rig.place(sale(10));
    rig.until(|events| (filled(events, trade) == 10).then_some(()));
    let last = about(&rig.events.0, trade).find_map(|record| match event(&record).unwrap() {
        Event::OrderFilled(fill) => Some(fill.trade_id),
        _ => None,
    });
    drop(rig);
    // The other account takes it meanwhile.
    let mut other = venue.rig_with(1, |_| {});
    let taker = other.place(Order {
        time_in_force: TimeInForce::Ioc,
        ..bid(price, 900_000)
    });
    other.until(|events| (filled(events, taker) > 0).then_some(()));
    let mut again = venue.config(0);
    again.resume = vec![(BTC, last.unwrap())];
    let mut rig = Rig::of(OkxGateway::new(again).unwrap(), 1);
    rig.until(|events| (filled(events, id) == 40).then_some(()));
}
