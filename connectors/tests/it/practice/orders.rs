//! The life of an order: placed, filled, cancelled, replaced, with what the user stream says.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::client::{Venue, Ws, quiet};

/// A WebSocket API connection that is subscribed to the HMAC account's events.
pub(super) fn subscribed(venue: &Venue) -> Ws {
    let mut ws = venue.ws("/ws-api/v3");
    let done = ws.ask(
        "userDataStream.subscribe.signature",
        venue.signed_params(json!({})),
    );
    assert_eq!(done["status"], 200, "{done}");
    ws
}

/// A limit order far below the market.
pub(super) fn far_bid(client_id: &str) -> Value {
    json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "price": "50000.00", "quantity": "0.00100", "newClientOrderId": client_id,
    })
}

fn market(side: &str, qty: &str) -> Value {
    json!({"symbol": "BTCUSDT", "side": side, "type": "MARKET", "quantity": qty})
}

fn number(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn order_is_placed_found_and_cancelled() {
    let venue = quiet(|_| {});
    let mut ws = subscribed(&venue);
    let placed = ws.ask("order.place", venue.signed_params(far_bid("one")));
    assert_eq!(placed["result"]["status"], "NEW", "{placed}");
    assert_eq!(placed["result"]["fills"], json!([]));
    let new = ws.event("executionReport");
    assert_eq!(
        (&new["x"], &new["X"], &new["c"]),
        (&json!("NEW"), &json!("NEW"), &json!("one"))
    );
    let locked = ws.event("outboundAccountPosition");
    assert_eq!(
        locked["B"][1],
        json!({"a": "USDT", "f": "7999950.00000000", "l": "50.00000000"})
    );

    let id = placed["result"]["orderId"].as_u64().unwrap();
    let query = format!("symbol=BTCUSDT&orderId={id}");
    let found = venue.signed("GET", "/api/v3/order", &query).json();
    assert_eq!(
        (&found["clientOrderId"], &found["status"]),
        (&json!("one"), &json!("NEW"))
    );
    let open = venue.signed("GET", "/api/v3/openOrders", "").json();
    assert_eq!(open, json!([found]));
    assert_eq!(venue.server.truth().unwrap().open_orders[0].id, id);

    let cancel = json!({"symbol": "BTCUSDT", "origClientOrderId": "one", "newClientOrderId": "c1"});
    let cancelled = ws.ask("order.cancel", venue.signed_params(cancel));
    assert_eq!(cancelled["result"]["origClientOrderId"], "one");
    assert_eq!(cancelled["result"]["clientOrderId"], "c1");
    let report = ws.event("executionReport");
    assert_eq!(
        (&report["x"], &report["c"], &report["C"]),
        (&json!("CANCELED"), &json!("c1"), &json!("one"))
    );
    let free = ws.event("outboundAccountPosition");
    assert_eq!(free["B"][1]["f"], "8000000.00000000");
    assert_eq!(
        venue
            .signed("GET", "/api/v3/openOrders", "symbol=BTCUSDT")
            .json(),
        json!([])
    );
}

#[test]
fn market_order_fills_with_fees_and_all_accounts_agree() {
    let venue = quiet(|_| {});
    let mut ws = subscribed(&venue);
    let placed = ws.ask("order.place", venue.signed_params(market("BUY", "0.5")));
    let result = &placed["result"];
    assert_eq!(result["status"], "FILLED", "{placed}");
    let mut bought = Decimal::ZERO;
    let mut paid = Decimal::ZERO;
    let mut fee = Decimal::ZERO;
    for fill in result["fills"].as_array().unwrap() {
        bought += number(&fill["qty"]);
        paid += number(&fill["qty"]) * number(&fill["price"]);
        fee += number(&fill["commission"]);
        assert_eq!(fill["commissionAsset"], "BTC");
    }
    assert_eq!(bought, Decimal::new(5, 1));
    assert_eq!(paid, number(&result["cummulativeQuoteQty"]));
    assert_eq!(fee, Decimal::new(5, 4));
    assert_eq!(ws.event("executionReport")["x"], "NEW");
    let trade = ws.event("executionReport");
    assert_eq!((&trade["x"], &trade["m"]), (&json!("TRADE"), &json!(false)));
    assert_eq!(trade["t"], result["fills"][0]["tradeId"]);
    assert_eq!(trade["n"], result["fills"][0]["commission"]);

    let truth = venue.server.truth().unwrap();
    assert_eq!(truth.balances[0]["BTC"].free, Decimal::new(10_005, 1) - fee);
    assert_eq!(
        truth.balances[0]["USDT"].free,
        Decimal::from(8_000_000) - paid
    );
    let trades = venue
        .signed("GET", "/api/v3/myTrades", "symbol=BTCUSDT")
        .json();
    assert_eq!(trades.as_array().unwrap().len(), truth.trades.len());
    let last = truth.trades.last().unwrap();
    let after = venue.signed(
        "GET",
        "/api/v3/myTrades",
        &format!("symbol=BTCUSDT&fromId={}", last.id),
    );
    assert_eq!(after.json()[0]["id"], last.id);
    let account = venue
        .signed("GET", "/api/v3/account", "omitZeroBalances=true")
        .json();
    assert_eq!(
        number(&account["balances"][0]["free"]),
        truth.balances[0]["BTC"].free
    );
}

#[test]
fn maker_is_filled_by_the_other_account_and_told() {
    let venue = quiet(|_| {});
    let mut ws = subscribed(&venue);
    let inside = venue.make_room();
    let order = json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "price": inside.to_string(),
        "quantity": "0.01", "newClientOrderId": "maker",
    });
    let placed = ws.ask("order.place", venue.signed_params(order));
    assert!(
        placed["result"].get("status").is_none(),
        "LIMIT_MAKER answers ACK: {placed}"
    );
    let other =
        super::client::signed_params(&venue.ed, super::client::ED_KEY, market("SELL", "0.004"));
    let sold = ws.ask("order.place", other);
    assert_eq!(sold["result"]["status"], "FILLED", "{sold}");
    let fill = ws.until(|value| value["event"]["x"] == "TRADE")["event"].clone();
    assert_eq!(
        (&fill["X"], &fill["m"]),
        (&json!("PARTIALLY_FILLED"), &json!(true))
    );
    assert_eq!(fill["L"], json!(format!("{inside:.8}")));
    assert_eq!(fill["z"], "0.00400000");
    assert_eq!(fill["t"], sold["result"]["fills"][0]["tradeId"]);
    assert_eq!(fill["n"], "0.00000400");
}

#[test]
fn immediate_orders_expire_what_does_not_fill() {
    let venue = quiet(|_| {});
    let mut ws = subscribed(&venue);
    let mut order = far_bid("ioc");
    order["timeInForce"] = json!("IOC");
    let placed = ws.ask("order.place", venue.signed_params(order));
    assert_eq!(placed["result"]["status"], "EXPIRED");
    assert_eq!(ws.event("executionReport")["x"], "NEW");
    assert_eq!(ws.event("executionReport")["x"], "EXPIRED");
    let mut order = far_bid("fok");
    order["timeInForce"] = json!("FOK");
    order["price"] = json!(venue.server.truth().unwrap().books[0].asks[0].0.to_string());
    order["quantity"] = json!("120");
    let placed = ws.ask("order.place", venue.signed_params(order));
    assert_eq!(placed["result"]["status"], "EXPIRED", "{placed}");
    assert_eq!(placed["result"]["executedQty"], "0.00000000");
    let truth = venue.server.truth().unwrap();
    assert_eq!(truth.balances[0]["USDT"].free, Decimal::from(8_000_000));
    assert_eq!(truth.balances[0]["USDT"].locked, Decimal::ZERO);
}

#[test]
fn market_order_in_quote_spends_at_most_its_value() {
    let venue = quiet(|_| {});
    let mut ws = venue.ws("/ws-api/v3");
    for side in ["BUY", "SELL"] {
        let order = json!({
            "symbol": "BTCUSDT", "side": side, "type": "MARKET", "quoteOrderQty": "250000",
        });
        let placed = ws.ask("order.place", venue.signed_params(order));
        assert_eq!(placed["result"]["status"], "FILLED", "{placed}");
        let spent = number(&placed["result"]["cummulativeQuoteQty"]);
        assert!(spent <= Decimal::from(250_000), "{spent}");
        assert!(spent > Decimal::from(249_999), "{spent}");
        assert_eq!(placed["result"]["origQuoteOrderQty"], "250000.00000000");
    }
}

#[test]
fn self_trade_modes_expire_whom_they_name() {
    let venue = quiet(|_| {});
    let cases = [
        ("EXPIRE_MAKER", "EXPIRED_IN_MATCH", "FILLED"),
        ("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
        ("NONE", "FILLED", "FILLED"),
    ];
    for (mode, maker_ends, taker_ends) in cases {
        let mut ws = venue.ws("/ws-api/v3");
        let inside = venue.make_room().to_string();
        let maker = json!({
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "price": inside, "quantity": "0.001", "newClientOrderId": mode,
        });
        let placed = ws.ask("order.place", venue.signed_params(maker));
        assert_eq!(placed["result"]["status"], "NEW", "{mode}: {placed}");
        let mut taker = market("SELL", "0.001");
        taker["selfTradePreventionMode"] = json!(mode);
        let taken = ws.ask("order.place", venue.signed_params(taker));
        assert_eq!(taken["result"]["status"], taker_ends, "{mode}: {taken}");
        let query = format!("symbol=BTCUSDT&origClientOrderId={mode}");
        let found = venue.signed("GET", "/api/v3/order", &query).json();
        assert_eq!(found["status"], maker_ends, "{mode}: {found}");
        venue.signed("DELETE", "/api/v3/openOrders", "symbol=BTCUSDT");
    }
}

#[test]
fn cancel_replace_has_all_four_outcomes() {
    let venue = quiet(|_| {});
    let mut ws = subscribed(&venue);
    let replace = |cancel: &str, new: &str, mode: &str, kind: &str, price: &str| {
        let mut params = json!({
            "symbol": "BTCUSDT", "side": "BUY", "type": kind, "price": price,
            "quantity": "0.001", "newClientOrderId": new,
            "cancelReplaceMode": mode, "cancelOrigClientOrderId": cancel,
        });
        if kind == "LIMIT" {
            params["timeInForce"] = json!("GTC");
        }
        venue.signed_params(params)
    };
    ws.ask("order.place", venue.signed_params(far_bid("a")));
    let both = ws.ask(
        "order.cancelReplace",
        replace("a", "b", "STOP_ON_FAILURE", "LIMIT", "50001"),
    );
    assert_eq!(
        (&both["status"], &both["result"]["cancelResult"]),
        (&json!(200), &json!("SUCCESS"))
    );
    assert_eq!(both["result"]["newOrderResponse"]["clientOrderId"], "b");
    let none = ws.ask(
        "order.cancelReplace",
        replace("a", "c", "STOP_ON_FAILURE", "LIMIT", "50001"),
    );
    assert_eq!(
        (&none["status"], &none["error"]["code"]),
        (&json!(400), &json!(-2022))
    );
    assert_eq!(none["error"]["data"]["newOrderResult"], "NOT_ATTEMPTED");
    let placed = ws.ask(
        "order.cancelReplace",
        replace("a", "d", "ALLOW_FAILURE", "LIMIT", "50001"),
    );
    assert_eq!(
        (&placed["status"], &placed["error"]["code"]),
        (&json!(409), &json!(-2021))
    );
    assert_eq!(placed["error"]["data"]["newOrderResult"], "SUCCESS");
    let target = replace("d", "e", "STOP_ON_FAILURE", "LIMIT_MAKER", "90000");
    let cancelled = ws.ask("order.cancelReplace", target);
    assert_eq!(
        (&cancelled["status"], &cancelled["error"]["code"]),
        (&json!(409), &json!(-2021))
    );
    assert_eq!(cancelled["error"]["data"]["cancelResult"], "SUCCESS");
    assert_eq!(
        cancelled["error"]["data"]["newOrderResponse"]["code"],
        -2010
    );
}

#[test]
fn restart_restores_open_orders_and_numbers_without_a_word() {
    let first = quiet(|_| {});
    let mut ws = subscribed(&first);
    ws.ask("order.place", first.signed_params(far_bid("kept")));
    let before = first.server.truth().unwrap();
    let order = &before.open_orders[0];
    let seed = connectors::practice::SeedOrder {
        instrument: 0,
        client_id: order.client_id.clone(),
        venue_order_id: order.id,
        side: order.side,
        kind: order.kind,
        self_trade: order.self_trade,
        price: order.price.unwrap(),
        qty: order.qty,
        executed: order.executed,
        executed_quote: order.executed_quote,
        created_ms: order.created_ms,
    };
    let second = quiet(|config| {
        config.accounts[0].open_orders.push(seed);
        config.first_ids.order = before.next_order_id;
        config.first_ids.trade = before.next_trade_ids[0];
    });
    let mut ws = subscribed(&second);
    assert!(ws.try_next(super::client::SILENCE).is_none());
    let after = second.server.truth().unwrap();
    assert_eq!(after.open_orders, before.open_orders);
    assert_eq!(after.balances, before.balances);
    let placed = ws.ask("order.place", second.signed_params(far_bid("next")));
    assert_eq!(placed["result"]["orderId"], before.next_order_id);
}
