//! The USD-M gateway when the venue is not well: unknown outcomes, listen keys that expire, cut
//! connections, a stream that stays up and says nothing.

use connectors::binance::usdm::gateway::UsdmGateway;
use model::body::{LinkState, Side, TimeInForce};
use model::event::{Event, event};
use model::ids::AccountId;
use model::num::{Lots, Ticks};
use model::record::Kind;
use rust_decimal::Decimal;

use super::rig::{LOW, Venue, last_position, report, spec};
use crate::gateway::support::{BTC, Order, Rig, about, bid, filled, sale};

#[test]
fn unknown_outcomes_are_unknown_and_found_again() {
    for (fault, lives) in [("timeout-done@1", true), ("timeout-lost@1", false)] {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig();
        venue.fault(fault);
        let id = rig.place(bid(LOW, 10));
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
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig();
    venue.fault("busy@1");
    let id = rig.place(bid(LOW, 10));
    assert_eq!(
        report(&rig.until_order(Kind::OrderRejected, id)).code,
        -1008
    );
    venue.fault("unknown-code@1");
    let id = rig.place(bid(LOW, 10));
    rig.until_order(Kind::OrderUnknown, id);
}

#[test]
fn expired_listen_key_and_cut_connections_are_connected_again_and_reconciled() {
    for fault in ["expire-key@1ms", "drop-orders@1ms"] {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig();
        let id = rig.place(bid(LOW, 10));
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
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig_with(true, |config| {
        config.timing.trades_ns = 1_000_000_000;
        config.timing.stream_lag_ns = 500_000_000;
    });
    let first = rig.place(sale(10));
    rig.until(|events| (filled(events, first) == 10).then_some(()));
    venue.fault("mute@1");
    let id = rig.place(sale(50));
    rig.until(|events| (filled(events, id) == 50).then_some(()));
    rig.until_link(LinkState::Down);
    rig.until_link(LinkState::Up);
    let truth = venue.server.truth().unwrap();
    assert_eq!(truth.positions[0].lots, -60);
}

#[test]
fn fills_that_came_while_nobody_listened_are_asked_for() {
    let venue = Venue::quiet(|config| {
        config.accounts[1].balances = vec![("USDT".to_owned(), Decimal::from(1_000_000_000))];
    });
    let mut rig = venue.rig();
    // At the best price there is, so that whoever takes reaches it.
    let (bid_price, _) = venue.server.truth().unwrap().books[0].bids[0];
    let price = Ticks(spec().tick.steps(bid_price).unwrap() + 1);
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
    let mut other = venue.rig_with(false, |config| config.account = AccountId(3));
    let taker = other.place(Order {
        time_in_force: TimeInForce::Ioc,
        ..bid(price, 900_000)
    });
    other.until(|events| (filled(events, taker) > 0).then_some(()));
    let executed = |venue: &Venue| {
        let orders = venue.server.truth().unwrap().orders;
        orders
            .iter()
            .find(|order| order.side == connectors::practice::Side::Sell && order.qty == Lots(40))
            .unwrap()
            .executed
    };
    assert_eq!(executed(&venue), Lots(40));
    let mut again = venue.config(true);
    again.resume = vec![(BTC, last.unwrap())];
    let mut rig = Rig::of(UsdmGateway::new(again).unwrap(), 1);
    rig.until(|events| (filled(events, id) == 40).then_some(()));
}
