//! Connections that are lost and found again, full lanes, and an orderly end.

use std::time::Duration;

use model::body::{LinkState, OrderStatus, RejectReason};
use model::event::{Event, event};
use model::num::Ticks;
use model::ports::{EventSink, Gateway};
use model::record::{Kind, Record, flags};

use super::support::{BTC, Key, LOW, Rig, Venue, Wall, about, bid, filled, kinds, sale};

const MS: u64 = 1_000_000;
/// Above the venue's best bid, so that the next sale meets it.
fn best_bid(venue: &Venue) -> Ticks {
    let book = venue.server.truth().unwrap().books.swap_remove(0);
    let (bid, ask) = (book.bids[0].0, book.asks[0].0);
    let tick = rust_decimal::Decimal::new(1, 2);
    assert!(ask - bid > tick, "no room inside {bid} {ask}");
    let ticks = (bid + tick) / tick;
    Ticks(i64::try_from(ticks).unwrap())
}

fn states(events: &[Record]) -> Vec<LinkState> {
    let states = events
        .iter()
        .filter_map(|record| match event(record).unwrap() {
            Event::Connection(link) if link.state != LinkState::Notice => Some(link.state),
            _ => None,
        });
    states.collect()
}

#[test]
fn first_connection_says_syncing_balances_and_up() {
    for key in [Key::Hmac, Key::Ed25519] {
        let venue = Venue::quiet(|_| {});
        let mut rig = Rig::new(venue.config(key), 1);
        let events = rig.until_link(LinkState::Up);
        assert_eq!(states(&events), [LinkState::Syncing, LinkState::Up]);
        let balances = events
            .iter()
            .filter(|record| record.kind() == Some(Kind::Balance));
        let balances: Vec<_> = balances.collect();
        assert_eq!(balances.len(), 2);
        assert!(balances.iter().all(|record| record.has(flags::RECONCILED)));
        assert_eq!(events.last().unwrap().kind(), Some(Kind::Connection));
    }
}

/// An order of ours is filled by somebody else while we are away.
fn filled_while_away(key: Key, other: Key) {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(key);
    let taken = rig.place(sale(1_000));
    rig.until(|events| (filled(events, taken) == 1_000).then_some(()));
    let resting = rig.place(bid(best_bid(&venue), 3_000));
    rig.until_order(Kind::OrderAcked, resting);
    let open = rig.place(bid(LOW, 2_000));
    rig.until_order(Kind::OrderAcked, open);
    rig.poll_for(Duration::from_millis(50));

    venue.fault("drop-orders@1ms");
    rig.until_link(LinkState::Down);
    // Not polled: away. The other account sells into our bid, in two parts.
    let mut other = venue.rig(other);
    for _ in 0..2 {
        let id = other.place(sale(1_000));
        other.until(|events| (filled(events, id) == 1_000).then_some(()));
    }
    rig.until(|events| states(events).contains(&LinkState::Up).then_some(()));
    rig.poll_for(Duration::from_millis(100));
    let events = &rig.events.0;
    assert_eq!(states(events), [LinkState::Syncing, LinkState::Up]);
    assert_eq!(filled(events, resting), 2_000);
    assert_eq!(filled(events, taken), 0, "known before");
    for fill in about(events, resting).filter(|r| r.kind() == Some(Kind::OrderFilled)) {
        assert!(fill.has(flags::RECONCILED));
        assert_eq!(fill.instrument(), Some(BTC));
    }
    let status = |id| {
        about(events, id).find_map(|record| match event(&record).unwrap() {
            Event::OrderStatus(report) => Some(*report),
            _ => None,
        })
    };
    assert_eq!(
        status(resting).unwrap().status,
        OrderStatus::PartiallyFilled
    );
    assert_eq!(status(open).unwrap().status, OrderStatus::Open);
    let up = events.iter().position(
        |r| matches!(event(r).unwrap(), Event::Connection(link) if link.state == LinkState::Up),
    );
    let last = events
        .iter()
        .rposition(|record| matches!(record.kind(), Some(Kind::OrderFilled | Kind::OrderStatus)));
    assert!(last < up, "up comes behind everything that is found out");
}

#[test]
fn fills_while_away_are_found_once_before_up() {
    filled_while_away(Key::Hmac, Key::Ed25519);
    filled_while_away(Key::Ed25519, Key::Hmac);
}

#[test]
fn restart_with_the_last_known_trade_finds_later_fills_of_earlier_runs() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Hmac);
    let known = rig.place(sale(1_000));
    rig.until(|events| (filled(events, known) == 1_000).then_some(()));
    let fill = rig.until_order(Kind::OrderFilled, known);
    let Event::OrderFilled(fill) = event(&fill).unwrap() else {
        panic!("{fill:?}");
    };
    let last = fill.trade_id;
    let resting = rig.place(bid(best_bid(&venue), 3_000));
    rig.until_order(Kind::OrderAcked, resting);
    drop(rig);
    let mut other = venue.rig(Key::Ed25519);
    let id = other.place(sale(3_000));
    other.until(|events| (filled(events, id) == 3_000).then_some(()));
    let mut config = venue.config(Key::Hmac);
    config.resume = vec![(BTC, last)];
    let mut rig = Rig::new(config, 9);
    let events = rig.until_link(LinkState::Up);
    // The order is no longer open and this process never saw it: the venue says whose it is.
    assert_eq!(filled(&events, resting), 3_000);
    assert_eq!(filled(&events, known), 0);
}

#[test]
fn connection_lost_with_an_order_in_flight_leaves_it_unknown() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Ed25519);
    venue.fault("silent-accept:5s@1");
    let id = rig.place(bid(LOW, 1_000));
    rig.poll_for(Duration::from_millis(50));
    venue.fault("drop-orders@1ms");
    let unknown = rig.until_order(Kind::OrderUnknown, id);
    let Event::OrderUnknown(report) = event(&unknown).unwrap() else {
        panic!("{unknown:?}");
    };
    assert_eq!(report.reason, RejectReason::NoAnswer);
    assert_eq!(
        kinds(&rig.events.0, id)[..2],
        [Kind::Sent, Kind::OrderUnknown]
    );
    rig.until(|events| states(events).ends_with(&[LinkState::Up]).then_some(()));
    assert_eq!(
        states(&rig.events.0),
        [LinkState::Down, LinkState::Syncing, LinkState::Up]
    );
    // It was accepted, and the list of open orders says so.
    rig.until_order(Kind::OrderStatus, id);
}

#[test]
fn venue_that_comes_back_later_is_found_again() {
    let venue = Venue::quiet(|_| {});
    let config = venue.config(Key::Hmac);
    drop(venue);
    let mut rig = Rig::new(config, 1);
    rig.until_link(LinkState::Down);
    rig.poll_for(Duration::from_millis(500));
    assert!(
        !states(&rig.events.0).contains(&LinkState::Down),
        "said once"
    );
}

#[test]
fn old_connection_is_replaced() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig_with(Key::Ed25519, |config| {
        config.timing.renew_ns = 300 * MS;
    });
    let open = rig.place(bid(LOW, 1_000));
    rig.until(|events| {
        let states = states(events);
        let want = [LinkState::Down, LinkState::Syncing, LinkState::Up];
        states.starts_with(&want).then_some(())
    });
    rig.until_order(Kind::OrderStatus, open);
}

#[test]
fn regular_look_at_trades_reports_nothing_twice() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig_with(Key::Hmac, |config| {
        config.timing.trades_ns = 100 * MS;
        config.timing.probe_ns = 50 * MS;
    });
    let id = rig.place(sale(1_000));
    rig.poll_for(Duration::from_millis(1_000));
    assert_eq!(filled(&rig.events.0, id), 1_000);
    assert_eq!(states(&rig.events.0), []);
}

/// Takes one event at a time, and only when told to.
struct Narrow(Vec<Record>, usize);

impl EventSink for Narrow {
    fn free(&self) -> usize {
        self.1
    }

    fn push(&mut self, record: &Record) -> bool {
        let takes = self.1 > 0;
        if takes {
            self.1 -= 1;
            self.0.push(*record);
        }
        takes
    }
}

#[test]
fn full_lane_loses_nothing_and_keeps_the_order() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Hmac);
    let ids: Vec<_> = (0..20).map(|_| rig.place(sale(1_000))).collect();
    let mut narrow = Narrow(Vec::new(), 0);
    let begin = std::time::Instant::now();
    while ids.iter().any(|id| filled(&narrow.0, *id) < 1_000) {
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", narrow.0);
        narrow.1 = 1;
        rig.gateway.poll(&Wall, &mut narrow);
    }
    for id in ids {
        assert_eq!(filled(&narrow.0, id), 1_000);
        assert_eq!(kinds(&narrow.0, id)[0], Kind::Sent);
    }
}

#[test]
fn orderly_end_says_down_and_takes_no_more() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Ed25519);
    rig.gateway.shut_down();
    rig.until_link(LinkState::Down);
    rig.poll_for(Duration::from_millis(300));
    assert!(!rig.poll(), "nothing more to do");
    let id = rig.place(bid(LOW, 1_000));
    rig.until_order(Kind::SendFailed, id);
}
