//! What the venue writes has the keys and types of the documented samples.

use std::path::Path;

use serde_json::{Value, json};

use super::client::{Venue, quiet};
use super::orders::{far_bid, subscribed};

/// Picks a message.
type Wanted<'a> = &'a dyn Fn(&Value) -> bool;

/// A sample file, or `None` (said aloud) where the samples are not present.
fn sample(name: &str) -> Option<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/venues/binance");
    let path = Path::new(folder).join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            eprintln!(
                "skipped: sample {} is not readable: {error}",
                path.display()
            );
            None
        }
    }
}

/// The `json` member of the sample whose label contains `label`.
fn labelled(name: &str, label: &str) -> Option<Value> {
    let list = sample(name)?;
    let found = list.as_array().unwrap().iter();
    let mut found = found.filter(|entry| entry["label"].as_str().unwrap().contains(label));
    Some(
        found
            .next()
            .unwrap_or_else(|| panic!("{name} has no {label}"))["json"]
            .clone(),
    )
}

/// Asserts that `ours` has every key of `theirs` with the same type, but for `left_out`, and no key
/// that `theirs` lacks, but for `more`.
#[track_caller]
fn same_shape(ours: &Value, theirs: &Value, left_out: &[&str], more: &[&str]) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (key, value) in theirs {
                if left_out.contains(&key.as_str()) {
                    continue;
                }
                let own = ours
                    .get(key)
                    .unwrap_or_else(|| panic!("no key {key} in {ours:?}"));
                same_shape(own, value, left_out, more);
            }
            for key in ours.keys() {
                let known = theirs.contains_key(key) || more.contains(&key.as_str());
                assert!(known, "key {key} is not in the sample {theirs:?}");
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            if let (Some(own), Some(value)) = (ours.first(), theirs.first()) {
                same_shape(own, value, left_out, more);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (ours, theirs) => {
            let same = std::mem::discriminant(ours) == std::mem::discriminant(theirs);
            assert!(same, "{ours} is not of the type of {theirs}");
        }
    }
}

fn check(ours: &Value, file: &str, label: &str, left_out: &[&str]) {
    if let Some(theirs) = labelled(file, label) {
        same_shape(ours, &theirs, left_out, &[]);
    }
}

fn buy(venue: &Venue, answer: &str) -> Value {
    venue.signed_params(json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001",
        "newOrderRespType": answer,
    }))
}

#[test]
fn order_answers_have_the_documented_shape() {
    let venue = quiet(|_| {});
    let mut ws = venue.ws("/ws-api/v3");
    let place = "orderack_spot_wsapi_order_place_doc.json";
    check(
        &ws.ask("order.place", buy(&venue, "ACK")),
        place,
        "ACK",
        &[],
    );
    check(
        &ws.ask("order.place", buy(&venue, "RESULT")),
        place,
        "RESULT",
        &[],
    );
    let full = ws.ask("order.place", buy(&venue, "FULL"));
    if let Some(theirs) = labelled(place, "FULL") {
        // The documentation leaves the mode out here and has it in REST.
        same_shape(&full, &theirs, &[], &["selfTradePreventionMode"]);
    }
    let rest = "orderack_spot_rest_new_order_doc.json";
    check(&full["result"], rest, "FULL", &[]);
    ws.ask("order.place", venue.signed_params(far_bid("a")));
    let cancel = json!({"symbol": "BTCUSDT", "origClientOrderId": "a"});
    let cancelled = ws.ask("order.cancel", venue.signed_params(cancel));
    let optional = [
        "stopPrice",
        "trailingDelta",
        "icebergQty",
        "strategyId",
        "strategyType",
    ];
    let file = "orderack_spot_wsapi_order_cancel_doc.json";
    check(&cancelled, file, "individual order", &optional);
    ws.ask("order.place", venue.signed_params(far_bid("b")));
    let order = venue
        .signed("GET", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=b")
        .json();
    if let Some(theirs) = sample("spot_rest_order_response.json") {
        same_shape(&order, &theirs, &[], &[]);
    }
    let all = venue
        .signed("DELETE", "/api/v3/openOrders", "symbol=BTCUSDT")
        .json();
    check(
        &all,
        "orderack_spot_rest_cancel_all_doc.json",
        "Response",
        &[],
    );
    let trades = venue
        .signed("GET", "/api/v3/myTrades", "symbol=BTCUSDT")
        .json();
    check(&trades, "reconcile_spot_myTrades_doc.json", "Response", &[]);
}

#[test]
fn account_and_public_answers_have_the_documented_shape() {
    let venue = quiet(|_| {});
    venue.make_room();
    let mut rest = venue.rest();
    let account = venue.signed("GET", "/api/v3/account", "").json();
    check(&account, "balances_spot_account_doc.json", "Response", &[]);
    let fees = venue
        .signed("GET", "/api/v3/account/commission", "symbol=BTCUSDT")
        .json();
    check(
        &fees,
        "fees_spot_account_commission_doc.json",
        "Response",
        &[],
    );
    let info = rest.get("/api/v3/exchangeInfo").json();
    if let Some(theirs) = labelled("instruments_spot_exchangeInfo_doc2026.json", "Response") {
        let more = [
            "rateLimitType",
            "interval",
            "intervalNum",
            "limit",
            "filterType",
            "minPrice",
            "maxPrice",
            "tickSize",
        ];
        same_shape(&info, &theirs, &["sors"], &more);
    }
    for (path, file) in [
        (
            "depth?symbol=BTCUSDT&limit=5",
            "spot_rest_depth_response.json",
        ),
        ("trades?symbol=BTCUSDT", "spot_rest_trades_response.json"),
        ("time", "spot_rest_server_time_response.json"),
        ("ping", "spot_rest_ping_response.json"),
        (
            "ticker/bookTicker?symbol=BTCUSDT",
            "spot_rest_book_ticker_response.json",
        ),
    ] {
        let ours = rest.get(&format!("/api/v3/{path}")).json();
        if let Some(theirs) = sample(file) {
            let theirs = if ours.is_object() && theirs.is_array() {
                &theirs[0]
            } else {
                &theirs
            };
            same_shape(&ours, theirs, &[], &[]);
        }
    }
}

#[test]
fn private_events_have_the_documented_shape() {
    let venue = quiet(|_| {});
    let mut ws = subscribed(&venue);
    let file = "private_spot_userstream_events_doc.json";
    ws.ask("order.place", venue.signed_params(far_bid("a")));
    let new = ws.until(|value| value["event"]["x"] == "NEW");
    check(&new, file, "Payload:", &["v"]);
    let locked = ws.until(|value| value["event"]["e"] == "outboundAccountPosition");
    check(&locked, file, "outboundAccountPosition", &[]);
    for (kind, name) in [
        ("NEW", "spot_private_execution_report_new.json"),
        ("TRADE", "spot_private_execution_report_trade.json"),
        ("CANCELED", "spot_private_execution_report_canceled.json"),
        ("EXPIRED", "spot_private_execution_report_expired.json"),
    ] {
        match kind {
            "CANCELED" => {
                let cancel = json!({"symbol": "BTCUSDT", "origClientOrderId": "a"});
                ws.request("order.cancel", venue.signed_params(cancel));
            }
            "EXPIRED" => {
                let mut order = far_bid("ioc");
                order["timeInForce"] = json!("IOC");
                ws.request("order.place", venue.signed_params(order));
            }
            _ => {
                ws.request("order.place", buy(&venue, "ACK"));
            }
        }
        let event = ws.until(|value| value["event"]["x"] == kind)["event"].clone();
        let Some(theirs) = sample(name) else { continue };
        let documented = labelled(file, "Payload:").unwrap();
        let documented = documented["event"].as_object().unwrap();
        let documented: Vec<&str> = documented.keys().map(String::as_str).collect();
        let theirs = theirs.get("event").unwrap_or(&theirs).clone();
        same_shape(
            &event,
            &theirs,
            &["v", "d", "D", "j", "J", "eR"],
            &documented,
        );
    }
}

#[test]
fn stream_messages_have_the_documented_shape() {
    let (config, ed) = super::client::config(3);
    let venue = super::client::start(config, ed);
    let mut ws = venue.ws("/ws");
    let names = [
        "btcusdt@trade",
        "btcusdt@bookTicker",
        "btcusdt@depth@100ms",
        "btcusdt@depth5@100ms",
    ];
    ws.send(&json!({"method": "SUBSCRIBE", "params": names, "id": 1}));
    let Some(list) = sample("marketdata_spot_streams_doc.json") else {
        return;
    };
    let list: Vec<Value> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["json"].clone())
        .collect();
    let theirs = |wanted: &dyn Fn(&Value) -> bool| list.iter().find(|v| wanted(v)).unwrap().clone();
    let kinds: [(Wanted<'_>, &str); 4] = [
        (&|value| value["e"] == "trade", "trade"),
        (&|value| value["e"] == "depthUpdate", "depth"),
        (
            &|value| value.get("A").is_some() && value.get("e").is_none(),
            "bookTicker",
        ),
        (&|value| value.get("lastUpdateId").is_some(), "depth5"),
    ];
    for (wanted, name) in kinds {
        let ours = ws.until(|value| wanted(value));
        println!("{name}: {ours}");
        same_shape(&ours, &theirs(wanted), &[], &[]);
    }
}
