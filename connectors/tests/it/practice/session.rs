//! Sessions, keys and subscriptions of the WebSocket API.

use serde_json::json;

use super::client::{ED_KEY, HMAC_KEY, quiet, signed_params};

#[test]
fn session_of_an_ed25519_key_logs_on_and_trades_without_signatures() {
    let venue = quiet(|_| {});
    let mut ws = venue.ws("/ws-api/v3");
    let before = ws.ask("session.status", json!({}));
    assert_eq!(before["result"]["apiKey"], json!(null));
    let logon = ws.ask("session.logon", signed_params(&venue.ed, ED_KEY, json!({})));
    assert_eq!(logon["status"], 200, "{logon}");
    assert_eq!(logon["result"]["apiKey"], ED_KEY);
    assert_eq!(logon["result"]["userDataStream"], false);
    let subscribed = ws.ask("userDataStream.subscribe", json!({}));
    assert_eq!(subscribed["result"]["subscriptionId"], 0);
    let again = ws.ask("userDataStream.subscribe", json!({}));
    assert_eq!(again["error"]["code"], -2035);
    let order = json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "price": "50000", "quantity": "0.001", "timestamp": super::client::now_ms(),
    });
    let placed = ws.ask("order.place", order);
    assert_eq!(placed["status"], 200, "{placed}");
    assert_eq!(placed["rateLimits"][0]["count"], 1);
    let out = ws.ask("session.logout", json!({}));
    assert_eq!(out["result"]["apiKey"], json!(null));
    let after = ws.ask(
        "account.status",
        json!({"timestamp": super::client::now_ms()}),
    );
    assert_eq!(after["error"]["code"], -2015);
}

#[test]
fn session_of_an_hmac_key_is_refused_but_its_signatures_are_not() {
    let venue = quiet(|_| {});
    let mut ws = venue.ws("/ws-api/v3?returnRateLimits=false");
    let logon = ws.ask("session.logon", venue.signed_params(json!({})));
    assert_eq!(logon["error"]["code"], -4056);
    let subscribed = ws.ask(
        "userDataStream.subscribe.signature",
        venue.signed_params(json!({})),
    );
    assert_eq!(subscribed["result"]["subscriptionId"], 0);
    assert!(subscribed.get("rateLimits").is_none());
    let account = ws.ask("account.status", venue.signed_params(json!({})));
    assert_eq!(account["result"]["balances"][0]["asset"], "BTC");
    let ended = ws.ask("userDataStream.unsubscribe", json!({"subscriptionId": 0}));
    assert_eq!(ended["status"], 200);
    let again = ws.ask("userDataStream.unsubscribe", json!({"subscriptionId": 0}));
    assert_eq!(again["error"]["code"], -2036);
}

#[test]
fn session_request_that_is_none_is_refused_with_its_code() {
    let venue = quiet(|_| {});
    let mut ws = venue.ws("/ws-api/v3");
    ws.send_text("{not json");
    let answer = ws.next();
    assert_eq!(
        (&answer["status"], &answer["error"]["code"]),
        (&json!(400), &json!(-1135))
    );
    assert_eq!(answer["id"], json!(null));
    assert_eq!(ws.ask("order.fly", json!({}))["error"]["code"], -1020);
    assert_eq!(ws.ask("order.place", json!({}))["error"]["code"], -2015);
    let unknown = signed_params(&venue.hmac, "nobody", json!({}));
    assert_eq!(ws.ask("account.status", unknown)["error"]["code"], -2015);
    let other_key = signed_params(&venue.ed, HMAC_KEY, json!({}));
    assert_eq!(ws.ask("account.status", other_key)["error"]["code"], -1022);
    assert_eq!(ws.ask("ping", json!({}))["result"], json!({}));
    let time = ws.ask("time", json!({}))["result"]["serverTime"]
        .as_i64()
        .unwrap();
    assert!((time - super::client::now_ms()).abs() < 2_000);
}
