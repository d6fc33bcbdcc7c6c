//! Every refusal: its code, its message, its status.

use std::time::{Duration, Instant};

use connectors::practice::{PracticeConfig, PracticeError, PracticeServer};
use serde_json::json;

use super::client::{ED_KEY, HMAC_KEY, now_ms, quiet, signed_target};

const ORDER: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=0.001";

/// What is put in the order for what, and the refusal that follows.
const BROKEN_RULES: &str = "
    symbol=BTCUSDT => symbol=X | -1121 | Invalid symbol.
    side=BUY =>  | -1102 | 'side'
    side=BUY => side=HOLD | -1117 | Invalid side.
    type=LIMIT => type=STOP_LOSS | -1116 | Invalid orderType.
    timeInForce=GTC => timeInForce=GTX | -1115 | Invalid timeInForce.
    timeInForce=GTC =>  | -1102 | 'timeInForce'
    type=LIMIT => type=LIMIT_MAKER | -1106 | 'timeInForce' sent when not required
    type=LIMIT&timeInForce=GTC => type=MARKET | -1106 | 'price' sent when not required
    price=50000 => price=50000&icebergQty=1 | -1106 | 'icebergQty'
    price=50000 =>  | -1102 | 'price'
    price=50000 => price=5e4 | -1100 | Illegal characters found in parameter 'price'
    price=50000 => price=50000.001 | -1013 | Filter failure: PRICE_FILTER
    price=50000 => price=0 | -1013 | Filter failure: PRICE_FILTER
    price=50000 => price=50000.123456789 | -1111 | too much precision
    price=50000 => price=1000000 | -1013 | Filter failure: PERCENT_PRICE_BY_SIDE
    quantity=0.001 =>  | -1102 | 'quantity'
    quantity=0.001 => quantity=0.000001 | -1013 | Filter failure: LOT_SIZE
    quantity=0.001 => quantity=0 | -1013 | Filter failure: LOT_SIZE
    quantity=0.001 => quantity=0.00001 | -1013 | Filter failure: NOTIONAL
    quantity=0.001 => quantity=179 | -2010 | insufficient balance for requested action.
    quantity=0.001 => quantity=0.001&quoteOrderQty=5 | -1128 | Combination
    LIMIT&timeInForce=GTC&price=50000&quantity=0.001 => MARKET&quoteOrderQty=0.1 | -1013 | LOT_SIZE
    price=50000 => price=50000&newClientOrderId=a.b | -1100 | 'newClientOrderId'
    price=50000 => price=50000&newOrderRespType=ALL | -1164 | newOrderRespType
    price=50000 => price=50000&selfTradePreventionMode=DECREMENT | -1013 | self-trade
    LIMIT&timeInForce=GTC&price=50000 => LIMIT_MAKER&price=90000 | -2010 | would immediately match
";

#[test]
fn key_signature_and_time_are_checked() {
    let venue = quiet(|_| {});
    let mut rest = venue.rest();
    let good = signed_target(&venue.hmac, "/api/v3/account", "", now_ms());
    assert_eq!(rest.call("GET", &good, Some(HMAC_KEY), "").status, 200);
    rest.call("GET", &good, None, "")
        .refused(401, -2014, "API-key format invalid.");
    rest.call("GET", &good, Some("bad key!"), "")
        .refused(401, -2014, "API-key format invalid.");
    rest.call("GET", &good, Some("nobody"), "")
        .refused(401, -2015, "Invalid API-key, IP");
    rest.call("GET", &good, Some(ED_KEY), "")
        .refused(400, -1022, "Signature for this request");
    let ed = signed_target(&venue.ed, "/api/v3/account", "", now_ms());
    assert_eq!(rest.call("GET", &ed, Some(ED_KEY), "").status, 200);
    let old = signed_target(&venue.hmac, "/api/v3/account", "", now_ms() - 6_000);
    rest.call("GET", &old, Some(HMAC_KEY), "")
        .refused(400, -1021, "outside of the recvWindow");
    let wide = signed_target(
        &venue.hmac,
        "/api/v3/account",
        "recvWindow=60000",
        now_ms() - 6_000,
    );
    assert_eq!(rest.call("GET", &wide, Some(HMAC_KEY), "").status, 200);
    let early = signed_target(&venue.hmac, "/api/v3/account", "", now_ms() + 2_000);
    rest.call("GET", &early, Some(HMAC_KEY), "")
        .refused(400, -1021, "1000ms ahead");
    let long = signed_target(&venue.hmac, "/api/v3/account", "recvWindow=60001", now_ms());
    rest.call("GET", &long, Some(HMAC_KEY), "")
        .refused(400, -1131, "recvWindow");
    let none = rest.call("GET", "/api/v3/account?signature=x", Some(HMAC_KEY), "");
    none.refused(400, -1102, "'timestamp' was not sent");
    let unsigned = format!("/api/v3/account?timestamp={}", now_ms());
    rest.call("GET", &unsigned, Some(HMAC_KEY), "")
        .refused(400, -1102, "'signature'");
    assert_eq!(rest.get("/api/v3/nowhere").status, 404);
    assert_eq!(
        rest.call("POST", "/api/v3/userDataStream", Some(HMAC_KEY), "")
            .status,
        410
    );
    rest.get("/api/v3/depth")
        .refused(400, -1102, "'symbol' was not sent");
    rest.get("/api/v3/depth?symbol=NOUSDT")
        .refused(400, -1121, "Invalid symbol.");
}

#[test]
fn order_that_breaks_a_rule_is_refused_with_its_code() {
    let venue = quiet(|_| {});
    for line in BROKEN_RULES
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let mut fields = line.splitn(3, " | ");
        let (from, to) = fields.next().unwrap().split_once(" =>").unwrap();
        let (to, code) = (to.trim(), fields.next().unwrap().parse().unwrap());
        let message = fields.next().unwrap();
        assert!(ORDER.contains(from), "{from}");
        let params = ORDER.replace(from, to).replace("&&", "&");
        let answer = venue.signed("POST", "/api/v3/order", params.trim_matches('&'));
        answer.refused(400, code, message);
    }
    let truth = venue.server.truth().unwrap();
    assert!(truth.orders.is_empty());
    let tested = venue.signed("POST", "/api/v3/order/test", ORDER);
    assert_eq!((tested.status, tested.json()), (200, json!({})));
    assert!(venue.server.truth().unwrap().orders.is_empty());
}

#[test]
fn order_that_is_not_there_is_refused_by_query_and_cancel() {
    let venue = quiet(|_| {});
    let query = "symbol=BTCUSDT&origClientOrderId=none";
    venue
        .signed("GET", "/api/v3/order", query)
        .refused(400, -2013, "Order does not exist.");
    venue
        .signed("DELETE", "/api/v3/order", query)
        .refused(400, -2011, "Unknown order sent.");
    venue
        .signed("DELETE", "/api/v3/openOrders", "symbol=BTCUSDT")
        .refused(400, -2011, "Unknown");
    venue
        .signed("DELETE", "/api/v3/order", "symbol=BTCUSDT")
        .refused(400, -1102, "must be sent");
    let order = format!("{ORDER}&newClientOrderId=x");
    let placed = venue.signed("POST", "/api/v3/order", &order).json();
    venue
        .signed("POST", "/api/v3/order", &order)
        .refused(400, -2010, "Duplicate order sent.");
    let id = &placed["orderId"];
    let both = format!("symbol=BTCUSDT&orderId={id}&origClientOrderId=y");
    venue
        .signed("DELETE", "/api/v3/order", &both)
        .refused(400, -2039, "Client order ID");
    let partly = format!("symbol=BTCUSDT&orderId={id}&cancelRestrictions=ONLY_PARTIALLY_FILLED");
    venue
        .signed("DELETE", "/api/v3/order", &partly)
        .refused(400, -2011, "cancel restrictions");
    let wrong = format!("symbol=BTCUSDT&orderId={id}&cancelRestrictions=MAYBE");
    venue
        .signed("DELETE", "/api/v3/order", &wrong)
        .refused(400, -1145, "cancelRestrictions");
    assert_eq!(
        venue
            .signed(
                "DELETE",
                "/api/v3/order",
                &format!("symbol=BTCUSDT&orderId={id}")
            )
            .status,
        200
    );
    assert_eq!(
        venue.signed("POST", "/api/v3/order", &order).status,
        200,
        "the id is free again"
    );
}

#[test]
fn weight_beyond_the_limit_is_refused_then_banned() {
    let venue = quiet(|config| {
        config.limits.weight_per_minute = 400;
        config.limits.patience = 1;
    });
    let mut rest = venue.rest();
    let first = rest.get("/api/v3/depth?symbol=BTCUSDT&limit=5000");
    assert_eq!(first.header("X-MBX-USED-WEIGHT-1M"), Some("250"));
    let over = rest.get("/api/v3/depth?symbol=BTCUSDT&limit=5000");
    // The minute may have ended between the two.
    let over = if over.status == 200 {
        rest.get("/api/v3/depth?symbol=BTCUSDT&limit=5000")
    } else {
        over
    };
    over.refused(
        429,
        -1003,
        "Too much request weight used; current limit is 400 request weight",
    );
    let wait: u64 = over.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    let banned = rest.get("/api/v3/depth?symbol=BTCUSDT&limit=5000");
    banned.refused(418, -1003, "IP banned until");
    assert!(
        banned
            .header("Retry-After")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            > 60
    );
    let mut ws = venue.ws("/ws-api/v3");
    let answer = ws.ask("time", json!({}));
    assert_eq!(answer["status"], 418);
    assert!(answer["error"]["data"]["retryAfter"].as_i64().unwrap() > now_ms());
}

#[test]
fn orders_beyond_the_limit_are_refused() {
    let venue = quiet(|config| config.limits.orders_per_day = 2);
    let first = venue.signed("POST", "/api/v3/order", ORDER);
    assert_eq!(first.header("X-MBX-ORDER-COUNT-1D"), Some("1"));
    assert!(first.header("X-MBX-ORDER-COUNT-10S").is_some());
    assert_eq!(venue.signed("POST", "/api/v3/order", ORDER).status, 200);
    let full = venue.signed("POST", "/api/v3/order", ORDER);
    full.refused(
        429,
        -1015,
        "Too many new orders; current limit is 2 orders per 1 DAY.",
    );
}

#[test]
fn start_on_a_taken_port_or_with_a_contradiction_says_so() {
    let venue = quiet(|_| {});
    let mut config = PracticeConfig::synthetic(1);
    config.listen = venue.server.addr();
    let error = PracticeServer::start(config).unwrap_err();
    assert!(matches!(error, PracticeError::Listen { .. }));
    assert!(
        error.to_string().contains(&venue.server.addr().to_string()),
        "{error}"
    );
    let mut config = PracticeConfig::synthetic(1);
    config.instruments.clear();
    let error = PracticeServer::start(config).unwrap_err();
    assert!(error.to_string().contains("instruments"), "{error}");
}

#[test]
fn client_that_does_not_read_is_dropped() {
    let venue = quiet(|config| {
        config.unread_bytes_max = 200_000;
        config.market = connectors::practice::MarketConfig::Synthetic {
            seed: 1,
            events_per_second: 20_000.0,
        };
    });
    let mut lazy = venue.ws("/stream?streams=btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms");
    let mut keen = venue.ws("/ws/btcusdt@bookTicker");
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        keen.next();
    }
    assert!(
        lazy.ends(),
        "the server still keeps what the client does not read"
    );
    keen.next();
}
