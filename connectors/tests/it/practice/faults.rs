//! Each fault, one by one: it strikes, and what the venue holds to be true is as documented.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{DEADLINE, SILENCE, Venue, now_ms, quiet};
use super::orders::{far_bid, subscribed};

fn faulty(text: &str) -> Venue {
    let fault = text.parse().unwrap();
    quiet(move |config| config.faults.push(fault))
}

fn place(venue: &Venue, ws: &mut super::client::Ws, name: &str) -> Value {
    ws.ask("order.place", venue.signed_params(far_bid(name)))
}

fn open_orders(venue: &Venue) -> usize {
    venue.server.truth().unwrap().open_orders.len()
}

#[test]
fn drop_cuts_the_connections_it_names() {
    for (text, market_ends, orders_end) in [
        ("drop@1s", true, true),
        ("drop-market@1s", true, false),
        ("drop-orders@1s", false, true),
    ] {
        let venue = faulty(text);
        let mut market = venue.ws("/ws/btcusdt@trade");
        let mut orders = venue.ws("/ws-api/v3");
        std::thread::sleep(Duration::from_millis(1_200));
        if market_ends {
            assert!(market.ends(), "{text}");
        } else {
            market.send(&json!({"method": "LIST_SUBSCRIPTIONS", "id": 1}));
            assert_eq!(market.next()["id"], 1, "{text}");
        }
        if orders_end {
            assert!(orders.ends(), "{text}");
        } else {
            assert_eq!(orders.ask("ping", json!({}))["status"], 200, "{text}");
        }
        let mut again = venue.ws("/ws-api/v3");
        assert_eq!(again.ask("ping", json!({}))["status"], 200, "{text}");
    }
}

#[test]
fn drop_after_messages_counts_stream_messages() {
    let (mut config, ed) = super::client::config(2);
    config.faults.push("drop-market@5".parse().unwrap());
    let venue = super::client::start(config, ed);
    let mut market = venue.ws("/ws/btcusdt@bookTicker");
    let mut count = 0;
    while market.try_next(DEADLINE).is_some() {
        count += 1;
    }
    assert!((1..=5).contains(&count), "{count} messages before the cut");
}

#[test]
fn gap_loses_one_depth_message() {
    let (mut config, ed) = super::client::config(2);
    config.faults.push("gap@2".parse().unwrap());
    let venue = super::client::start(config, ed);
    let mut ws = venue.ws("/ws/btcusdt@depth@100ms");
    let mut last = ws.next()["u"].as_u64().unwrap();
    let mut gaps = 0;
    for _ in 0..4 {
        let event = ws.next();
        gaps += usize::from(event["U"].as_u64().unwrap() != last + 1);
        last = event["u"].as_u64().unwrap();
    }
    assert_eq!(gaps, 1);
}

#[test]
fn delayed_acknowledgement_comes_after_the_stream() {
    let venue = faulty("delay-ack:300ms@1");
    let mut ws = subscribed(&venue);
    let begin = Instant::now();
    let id = ws.request("order.place", venue.signed_params(far_bid("late")));
    assert_eq!(ws.next()["event"]["x"], "NEW");
    let answer = ws.until(|value| value["id"] == json!(id));
    assert_eq!(answer["status"], 200);
    assert!(begin.elapsed() >= Duration::from_millis(300));
}

#[test]
fn silently_accepted_order_lives_and_the_stream_tells_later() {
    let venue = faulty("silent-accept:1s@1");
    let mut ws = subscribed(&venue);
    ws.request("order.place", venue.signed_params(far_bid("ghost")));
    assert!(ws.try_next(SILENCE).is_none());
    let found = venue.signed(
        "GET",
        "/api/v3/order",
        "symbol=BTCUSDT&origClientOrderId=ghost",
    );
    assert_eq!(found.json()["status"], "NEW");
    assert_eq!(ws.event("executionReport")["c"], "ghost");
    assert_eq!(place(&venue, &mut ws, "next")["status"], 200);
    let rest = faulty("silent-accept@1");
    let mut connection = rest.rest();
    let target = super::client::signed_target(
        &rest.hmac,
        "/api/v3/order",
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=0.001",
        now_ms(),
    );
    connection.ask("POST", &target, Some(super::client::HMAC_KEY), "");
    connection.patience(SILENCE);
    assert!(connection.answer().is_none());
    assert_eq!(open_orders(&rest), 1);
}

#[test]
fn timeout_has_either_true_outcome() {
    for (text, truth) in [("timeout-done@1", 1), ("timeout-lost@1", 0)] {
        let venue = faulty(text);
        let mut ws = venue.ws("/ws-api/v3");
        let answer = place(&venue, &mut ws, "maybe");
        assert_eq!(
            (&answer["status"], &answer["error"]["code"]),
            (&json!(504), &json!(-1007))
        );
        assert_eq!(open_orders(&venue), truth, "{text}");
        assert_eq!(place(&venue, &mut ws, "sure")["status"], 200);
    }
}

#[test]
fn busy_and_unknown_code_place_nothing() {
    for (text, status, code) in [("busy@1", 503, -1008), ("unknown-code@1", 400, -9876)] {
        let venue = faulty(text);
        let mut ws = venue.ws("/ws-api/v3");
        let answer = place(&venue, &mut ws, "no");
        assert_eq!(
            (&answer["status"], &answer["error"]["code"]),
            (&json!(status), &json!(code))
        );
        assert_eq!(open_orders(&venue), 0, "{text}");
    }
}

#[test]
fn html_comes_instead_of_json_once() {
    let venue = faulty("html@1");
    let mut rest = venue.rest();
    let page = rest.get("/api/v3/time");
    assert_eq!(page.status, 502);
    assert!(page.text.starts_with("<html>"));
    assert_eq!(page.header("content-type"), Some("text/html"));
    assert_eq!(rest.get("/api/v3/time").status, 200);
}

#[test]
fn strange_messages_come_beside_the_true_ones() {
    for text in ["unknown-message@2", "out-of-range@2"] {
        let (mut config, ed) = super::client::config(2);
        config.faults.push(text.parse().unwrap());
        let venue = super::client::start(config, ed);
        let mut ws = venue.ws("/ws/btcusdt@bookTicker");
        let strange = |value: &Value| {
            value["e"] == "somethingNew" || value["u"].is_f64() || value["u"].is_null()
        };
        ws.until(strange);
        assert!(ws.next()["u"].is_u64());
    }
}

#[test]
fn private_events_are_doubled_or_swapped() {
    let venue = faulty("duplicate@1");
    let mut ws = subscribed(&venue);
    place(&venue, &mut ws, "twice");
    let one = ws.event("executionReport");
    assert_eq!(ws.next()["event"], one);
    let venue = faulty("reorder@1");
    let mut ws = subscribed(&venue);
    ws.request("order.place", venue.signed_params(far_bid("swapped")));
    let first = ws.until(|value| value.get("event").is_some());
    assert_eq!(first["event"]["e"], "outboundAccountPosition");
    assert_eq!(ws.next()["event"]["x"], "NEW");
}

#[test]
fn rate_limit_and_clock_skew_strike() {
    let venue = faulty("rate-limit@1");
    let answer = venue.rest().get("/api/v3/time");
    answer.refused(429, -1003, "Too much request weight used");
    assert!(answer.header("Retry-After").is_some());
    let venue = faulty("clock-skew:-5s@0s");
    std::thread::sleep(Duration::from_millis(100));
    let server = venue.rest().get("/api/v3/time").json()["serverTime"]
        .as_i64()
        .unwrap();
    assert!((server - now_ms() + 5_000).abs() < 1_000);
    venue
        .signed("GET", "/api/v3/account", "")
        .refused(400, -1021, "1000ms ahead");
    let target = super::client::signed_target(&venue.hmac, "/api/v3/account", "", server);
    let synced = venue
        .rest()
        .call("GET", &target, Some(super::client::HMAC_KEY), "");
    assert_eq!(synced.status, 200);
    venue.server.inject("html@1".parse().unwrap()).unwrap();
    assert_eq!(venue.rest().get("/api/v3/time").status, 502);
}
