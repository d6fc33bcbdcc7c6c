//! What the venue does wrong, and what the gateway says of it: nothing is lost, nothing is guessed.

use std::time::Duration;

use connectors::binance::gateway::{BinanceGateway, GatewayError};
use connectors::sign::Signer;
use model::body::{LinkState, OrderReport, OrderStatus, RejectReason};
use model::event::{Event, event};
use model::record::{Kind, Record};

use super::support::{Command, Key, LOW, Rig, Venue, about, bid, filled, kinds, notices, sale};

const MS: u64 = 1_000_000;

#[track_caller]
fn report(record: &Record) -> OrderReport {
    match event(record).unwrap() {
        Event::OrderUnknown(report)
        | Event::OrderRejected(report)
        | Event::OrderStatus(report)
        | Event::OrderAbsent(report)
        | Event::SendFailed(report) => *report,
        other => panic!("no report: {other:?}"),
    }
}

#[test]
fn silently_accepted_order_is_unknown_until_the_query_finds_it() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig_with(Key::Ed25519, |config| {
        config.timing.request_ns = 300 * MS;
    });
    venue.fault("silent-accept@1");
    let id = rig.place(bid(LOW, 1_000));
    let unknown = report(&rig.until_order(Kind::OrderUnknown, id));
    assert_eq!(unknown.reason, RejectReason::NoAnswer);
    assert_eq!(kinds(&rig.events.0, id), [Kind::Sent, Kind::OrderUnknown]);
    rig.query(id);
    let status = report(&rig.until_order(Kind::OrderStatus, id));
    assert_eq!(status.status, OrderStatus::Open);
    rig.until_order(Kind::OrderAcked, id);
    assert!(rig.gateway.is_up(), "one lost answer is no lost connection");
}

#[test]
fn late_acknowledgement_changes_nothing() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Hmac);
    venue.fault("delay-ack:200ms@1");
    let id = rig.place(sale(1_000));
    rig.until(|events| (filled(events, id) == 1_000).then_some(()));
    rig.until(|events| {
        let acks = kinds(events, id)
            .iter()
            .filter(|kind| **kind == Kind::OrderAcked)
            .count();
        (acks == 2).then_some(())
    });
    assert_eq!(filled(&rig.events.0, id), 1_000);
}

#[test]
fn venue_that_is_unsure_leaves_the_order_unknown_and_the_query_decides() {
    for (fault, found) in [
        ("timeout-done@1", Kind::OrderStatus),
        ("timeout-lost@1", Kind::OrderAbsent),
    ] {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig(Key::Hmac);
        venue.fault(fault);
        let id = rig.place(bid(LOW, 1_000));
        let unknown = report(&rig.until_order(Kind::OrderUnknown, id));
        assert_eq!(
            (unknown.reason, unknown.code),
            (RejectReason::VenueUnsure, -1007)
        );
        rig.query(id);
        rig.until_order(found, id);
    }
}

#[test]
fn overload_is_a_refusal_and_an_unknown_code_is_not() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Ed25519);
    venue.fault("busy@1");
    let id = rig.place(bid(LOW, 1_000));
    let refused = report(&rig.until_order(Kind::OrderRejected, id));
    assert_eq!((refused.reason, refused.code), (RejectReason::Other, -1008));
    venue.fault("unknown-code@1");
    let id = rig.place(bid(LOW, 1_000));
    let unknown = report(&rig.until_order(Kind::OrderUnknown, id));
    assert_eq!(unknown.code, -9876);
}

#[test]
fn clock_that_is_off_rejects_and_is_measured_again() {
    for key in [Key::Hmac, Key::Ed25519] {
        let venue = Venue::quiet(|_| {});
        let mut rig = venue.rig(key);
        venue.fault("clock-skew:-3s@1ms");
        rig.poll_for(Duration::from_millis(100));
        let id = rig.place(bid(LOW, 1_000));
        let refused = report(&rig.until_order(Kind::OrderRejected, id));
        assert_eq!((refused.reason, refused.code), (RejectReason::Clock, -1021));
        assert!(
            notices(&rig.events.0)
                .iter()
                .any(|(code, _)| *code == -1021)
        );
        rig.poll_for(Duration::from_millis(200));
        let id = rig.place(bid(LOW, 1_000));
        rig.until_order(Kind::OrderAcked, id);
    }
}

#[test]
fn rate_limit_stops_everything_until_the_venue_allows_it() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Hmac);
    venue.fault("rate-limit@1");
    let id = rig.place(bid(LOW, 1_000));
    let refused = report(&rig.until_order(Kind::OrderRejected, id));
    assert_eq!(refused.reason, RejectReason::RateLimit);
    let next = rig.place(bid(LOW, 1_000));
    let failed = rig.until_order(Kind::SendFailed, next);
    assert_eq!(report(&failed).reason, RejectReason::RateLimit);
    assert_eq!(Kind::from_code(failed.detail), Some(Kind::NewOrder));
    assert_eq!(kinds(&rig.events.0, next), [Kind::SendFailed]);
    assert!(rig.gateway.is_up());
}

#[test]
fn private_event_that_comes_twice_or_late_counts_once() {
    let venue = Venue::quiet(|_| {});
    let mut rig = venue.rig(Key::Ed25519);
    for fault in ["duplicate@1", "duplicate@2", "reorder@1", "reorder@2"] {
        venue.fault(fault);
        let id = rig.place(sale(1_000));
        rig.until(|events| (filled(events, id) == 1_000).then_some(()));
        rig.poll_for(Duration::from_millis(100));
        assert_eq!(filled(&rig.events.0, id), 1_000, "{fault}");
    }
}

#[test]
fn wrong_key_fails_once_with_the_venues_words() {
    for key in [Key::Hmac, Key::Ed25519] {
        let venue = Venue::quiet(|_| {});
        let mut config = venue.config(key);
        config.api_key = "nobody".to_owned();
        let mut rig = Rig::new(config, 1);
        let events = rig.until_link(LinkState::Failed);
        let said = events
            .iter()
            .find_map(|record| match event(record).unwrap() {
                Event::Connection(link) if link.state == LinkState::Failed => Some(*link),
                _ => None,
            });
        let said = said.unwrap();
        assert_eq!(said.code, -2015);
        assert!(said.text.as_str().contains("Invalid API-key"), "{said:?}");
        let id = rig.place(bid(LOW, 1_000));
        let failed = report(&rig.until_order(Kind::SendFailed, id));
        assert_eq!(failed.reason, RejectReason::NotSent);
    }
}

#[test]
fn wrong_secret_fails_with_the_venues_words() {
    let venue = Venue::quiet(|_| {});
    let mut config = venue.config(Key::Hmac);
    config.signer = Signer::hmac(b"another secret");
    let mut rig = Rig::new(config, 1);
    rig.until_link(LinkState::Failed);
}

#[test]
fn server_whose_certificate_is_not_trusted_gets_nothing() {
    let venue = Venue::quiet(|_| {});
    let other = Venue::quiet(|_| {});
    let mut config = venue.config(Key::Hmac);
    config.tls = other.config(Key::Hmac).tls;
    let mut rig = Rig::new(config, 1);
    let events = rig.until_link(LinkState::Failed);
    assert!(format!("{events:?}").contains("certificate"), "{events:?}");
}

#[test]
fn configuration_that_cannot_work_is_refused_at_once() {
    let venue = Venue::quiet(|_| {});
    let refused = |change: &dyn Fn(&mut connectors::binance::gateway::GatewayConfig)| {
        let mut config = venue.config(Key::Hmac);
        change(&mut config);
        BinanceGateway::<Command>::new(config).unwrap_err()
    };
    let error = refused(&|config| config.recv_window_ms = 60_001);
    assert!(matches!(error, GatewayError::RecvWindow(60_001)));
    let error = refused(&|config| config.api_key = "a\"b".to_owned());
    assert!(matches!(error, GatewayError::ApiKey));
    let error = refused(&|config| config.url = "nowhere".to_owned());
    assert!(error.to_string().contains("nowhere"));
}

#[test]
fn command_without_a_connection_fails_and_names_its_kind() {
    let venue = Venue::quiet(|_| {});
    let mut rig = Rig::new(venue.config(Key::Hmac), 1);
    let id = rig.place(bid(LOW, 1_000));
    rig.cancel(id, 0);
    rig.query_list();
    rig.poll();
    let failed = |events: &[Record], id| {
        about(events, id)
            .filter(|record| record.kind() == Some(Kind::SendFailed))
            .map(|record| Kind::from_code(record.detail).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        failed(&rig.events.0, id),
        [Kind::NewOrder, Kind::CancelOrder]
    );
    assert_eq!(failed(&rig.events.0, 0), [Kind::QueryOpenOrders]);
}
