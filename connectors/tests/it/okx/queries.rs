//! Requests over REST as OKX documents them, byte by byte, with the signatures of the collected
//! vectors. What is signed is what is sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connectors::gateway::dialect::HttpLetter;
use connectors::net::Method;
use connectors::okx::wire::query::{self, Fills, Of, RestContext, Which};
use connectors::okx::wire::request::{self, TradeMode};
use connectors::sign::HmacKey;
use connectors::wire::WriteError;
use model::body::{AmendOrder, OrderType, TimeInForce};
use model::num::Lots;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::requests::{CLIENT, CLIENT_TEXT, SECRET, keys, order, symbols, target};
use crate::samples::shared_file;

/// 2020-12-08T09:08:57.715Z.
const NOW_MS: u64 = 1_607_418_537_715;

/// A request's path, body and headers.
fn shown(letter: &HttpLetter, out: &[u8]) -> (String, String, Vec<(&'static str, String)>) {
    let text =
        |range: &std::ops::Range<usize>| String::from_utf8(out[range.clone()].to_vec()).unwrap();
    let headers = letter.headers.iter().flatten();
    (
        text(&letter.path),
        text(&letter.body),
        headers.map(|(name, value)| (*name, text(value))).collect(),
    )
}

fn rest<R>(
    write: impl FnOnce(&RestContext<'_>, &mut [u8]) -> Result<HttpLetter, WriteError>,
    see: impl FnOnce(Method, String, String, Vec<(&'static str, String)>) -> R,
) -> R {
    let keys = keys();
    let context = RestContext {
        keys: &keys,
        venue_ms: NOW_MS,
        expires_ms: Some(NOW_MS + 1_000),
        demo: true,
    };
    let mut out = [0; 4_096];
    let letter = write(&context, &mut out).unwrap();
    let (path, body, headers) = shown(&letter, &out);
    see(letter.method, path, body, headers)
}

/// Path and body, after the signature was found to be that of what is sent.
fn sent(
    write: impl FnOnce(&RestContext<'_>, &mut [u8]) -> Result<HttpLetter, WriteError>,
) -> (String, String) {
    rest(write, |method, path, body, headers| {
        let word = if method == Method::Get { "GET" } else { "POST" };
        let payload = format!("2020-12-08T09:08:57.715Z{word}{path}{body}");
        let tag = HmacKey::new(SECRET).sign_raw(payload.as_bytes());
        let mut want = vec![
            ("OK-ACCESS-KEY", "the-key".to_owned()),
            ("OK-ACCESS-SIGN", STANDARD.encode(tag)),
            ("OK-ACCESS-TIMESTAMP", "2020-12-08T09:08:57.715Z".to_owned()),
            ("OK-ACCESS-PASSPHRASE", "the-word".to_owned()),
            ("Content-Type", "application/json".to_owned()),
        ];
        if path.ends_with("/order") || path.ends_with("/amend-order") {
            want.push(("expTime", (NOW_MS + 1_000).to_string()));
        }
        want.push(("x-simulated-trading", "1".to_owned()));
        assert_eq!(headers, want, "{path}");
        (path, body)
    })
}

#[test]
fn rest_requests_are_signed_as_sent() {
    let symbols = symbols();
    let target = target(&symbols, TradeMode::Cash);
    let limit = order(OrderType::Limit, TimeInForce::Gtc);
    let (path, body) = sent(|context, out| query::place(context, &target, &limit, out));
    assert_eq!(path, "/api/v5/trade/order");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body,
        json!({"instId":"BTC-USDT","tdMode":"cash","clOrdId":CLIENT_TEXT,"side":"buy",
            "ordType":"limit","px":"20000.0","sz":"0.00000100"})
    );
    let (path, body) = sent(|context, out| query::cancel(context, &target, (CLIENT, 0), out));
    assert_eq!(path, "/api/v5/trade/cancel-order");
    assert_eq!(
        body,
        format!("{{\"instId\":\"BTC-USDT\",\"clOrdId\":\"{CLIENT_TEXT}\"}}")
    );
    let (path, body) = sent(|context, out| query::cancel_several(context, &target, &[5, 6], out));
    assert_eq!(path, "/api/v5/trade/cancel-batch-orders");
    let want = r#"[{"instId":"BTC-USDT","ordId":"5"},{"instId":"BTC-USDT","ordId":"6"}]"#;
    assert_eq!(body, want);
    let all = [u64::MAX; 20];
    let (_, body) = sent(|context, out| query::cancel_several(context, &target, &all, out));
    assert_eq!(body.matches("ordId").count(), 20);
    let change = AmendOrder {
        command: 9,
        client_id: CLIENT,
        venue_order_id: 0,
        qty: Lots(5),
        reserved: [0; 48],
    };
    let (path, body) = sent(|context, out| query::amend(context, &target, &change, out));
    assert_eq!(path, "/api/v5/trade/amend-order");
    assert!(body.contains("\"newSz\":\"0.00000005\""), "{body}");
    for seconds in [0, 10, 120] {
        let (path, body) = sent(|context, out| query::cancel_all_after(context, seconds, out));
        assert_eq!(path, "/api/v5/trade/cancel-all-after");
        assert_eq!(body, format!("{{\"timeOut\":\"{seconds}\"}}"));
    }
}

type Writer<'w> = dyn Fn(&RestContext<'_>, &mut [u8]) -> Result<HttpLetter, WriteError> + 'w;

#[test]
fn rest_questions_have_their_paths() {
    let symbols = symbols();
    let spot = target(&symbols, TradeMode::Cash).entry;
    let swap = target(&symbols, TradeMode::Cross).entry;
    let path = |write: &Writer<'_>| {
        let (path, body) = sent(write);
        assert_eq!(body, "");
        path
    };
    let got = path(&|context, out| query::order(context, spot, Which::Ours(CLIENT), out));
    let want = format!("/api/v5/trade/order?instId=BTC-USDT&clOrdId={CLIENT_TEXT}");
    assert_eq!(got, want);
    let got = path(&|context, out| query::order(context, swap, Which::Venues(8), out));
    assert_eq!(got, "/api/v5/trade/order?instId=BTC-USDT-SWAP&ordId=8");
    let all = Of::All(TradeMode::Cross);
    let got = path(&|context, out| query::open_orders(context, all, None, out));
    assert_eq!(got, "/api/v5/trade/orders-pending?instType=SWAP");
    let one = Of::One(TradeMode::Cash, spot);
    let got = path(&|context, out| query::open_orders(context, one, Some(7), out));
    assert_eq!(
        got,
        "/api/v5/trade/orders-pending?instType=SPOT&instId=BTC-USDT&after=7"
    );
    let bounds = [Some(7), Some(3)];
    let got = path(&|context, out| query::fills(context, Fills::Recent, one, bounds, out));
    let want = "/api/v5/trade/fills?instType=SPOT&instId=BTC-USDT&after=7&before=3";
    assert_eq!(got, want);
    let bounds = [None, Some(3)];
    let got = path(&|context, out| query::fills(context, Fills::History, all, bounds, out));
    assert_eq!(got, "/api/v5/trade/fills-history?instType=SWAP&before=3");
    let got =
        path(&|context, out| query::fills_of(context, query::Fills::Recent, spot, (5, None), out));
    assert_eq!(got, "/api/v5/trade/fills?instId=BTC-USDT&ordId=5");
    let got = path(&|context, out| {
        query::fills_of(context, query::Fills::Recent, spot, (5, Some(6)), out)
    });
    assert_eq!(got, "/api/v5/trade/fills?instId=BTC-USDT&ordId=5&after=6");
    assert_eq!(path(&query::balance), "/api/v5/account/balance");
    assert_eq!(
        path(&query::positions),
        "/api/v5/account/positions?instType=SWAP"
    );
    let mut out = [0; 64];
    let time = query::time(&mut out).unwrap();
    let (path, body, headers) = shown(&time, &out);
    assert_eq!(
        (path.as_str(), body.as_str(), headers.len()),
        ("/api/v5/public/time", "", 0)
    );
}

#[test]
fn rest_requests_refuse_what_does_not_fit() {
    let symbols = symbols();
    let target = target(&symbols, TradeMode::Cash);
    let keys = keys();
    let context = RestContext {
        keys: &keys,
        venue_ms: NOW_MS,
        expires_ms: None,
        demo: false,
    };
    let limit = order(OrderType::Limit, TimeInForce::Gtc);
    let mut out = [0; 1_024];
    let letter = query::place(&context, &target, &limit, &mut out).unwrap();
    let end = letter
        .headers
        .iter()
        .flatten()
        .map(|header| header.1.end)
        .max()
        .unwrap();
    for short in 0..end {
        let got = query::place(&context, &target, &limit, &mut out[..short]);
        assert_eq!(got.err(), Some(WriteError::TooLong), "{short}");
    }
    for seconds in [1, 9, 121] {
        let got = query::cancel_all_after(&context, seconds, &mut out);
        assert_eq!(got.err(), Some(WriteError::OutOfRange), "{seconds}");
    }
    for orders in [&[][..], &[1; 21][..]] {
        let got = query::cancel_several(&context, &target, orders, &mut out);
        assert_eq!(got.err(), Some(WriteError::NotThere));
    }
}

#[test]
fn collected_vectors_are_what_we_sign() {
    let Some(bytes) = shared_file("venues/SIGNATURE_VECTORS.json") else {
        return;
    };
    let vectors: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
    let mut checked = 0;
    for vector in vectors.iter().filter(|vector| vector["venue"] == "okx") {
        let text = |key: &str| vector[key].as_str().unwrap();
        let mut out = [0; 512];
        if vector["method"].is_null() {
            let now = text("timestamp").parse().unwrap();
            let length = request::login(&keys(), now, &mut out).unwrap();
            let got: Value = serde_json::from_slice(&out[..length]).unwrap();
            assert_eq!(got["args"][0]["sign"], vector["signature_base64"]);
            checked += 1;
            continue;
        }
        // Our own requests of the same method: signed over what they are, by the vectors' recipe.
        let time = query::iso_time(NOW_MS);
        assert_eq!(str::from_utf8(&time), Ok(text("timestamp")));
        let own = ["timestamp", "method", "request_path", "body"]
            .map(text)
            .concat();
        assert_eq!(own, text("payload"), "the recipe of `sent`, above");
        let tag = HmacKey::new(SECRET).sign_raw(own.as_bytes());
        assert_eq!(STANDARD.encode(tag), text("signature_base64"));
        checked += 1;
    }
    assert_eq!(checked, 4);
}

proptest! {
    #[test]
    fn prop_times_are_those_of_the_calendar(days in 0_u64..2_932_896, ms in 0_u64..86_400_000) {
        // Another way: count the years and months one by one.
        let leap = |year: u64| {
            let by = |years: u64| year.is_multiple_of(years);
            by(4) && (!by(100) || by(400))
        };
        let (mut year, mut rest) = (1970, days);
        while rest >= 365 + u64::from(leap(year)) {
            rest -= 365 + u64::from(leap(year));
            year += 1;
        }
        let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while rest >= lengths[month] {
            rest -= lengths[month];
            month += 1;
        }
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, milli) = (ms / 1_000 % 60, ms % 1_000);
        let want = format!(
            "{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z",
            month + 1,
            rest + 1,
        );
        let got = query::iso_time(days * 86_400_000 + ms);
        prop_assert_eq!(str::from_utf8(&got), Ok(want.as_str()));
    }
}
