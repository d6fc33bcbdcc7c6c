//! Golden requests of the WebSocket API: bytes, parameter order and signatures.

use connectors::binance::wire::request::{self, Context, Proof, Scratch, Trades, WriteError};
use connectors::sign::{Signer, Verifier};
use connectors::wire::Symbols;
use connectors::wire::order_id;
use model::body::{Flag, NewOrder, OrderType, ReplaceOrder, Side, TimeInForce};
use model::num::{Lots, Ticks};
use serde_json::Value;

use crate::samples::{instrument, labelled};

const API_KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
const SECRET: &[u8] = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const CLIENT_ID: u64 = 0x0000_0103_0000_002a;

fn symbols() -> Symbols {
    Symbols::new(&[instrument(0, "BTCUSDT", "0.01", "0.00001")]).unwrap()
}

fn order(order_type: OrderType, time_in_force: TimeInForce) -> NewOrder {
    NewOrder {
        command: 1,
        client_id: CLIENT_ID,
        price: Ticks(2_341_610),
        qty: Lots(847),
        tag: 0,
        side: Side::Sell,
        order_type,
        time_in_force,
        reduce_only: Flag::No,
        self_trade: model::body::SelfTrade::NotStated,
        reserved: [0; 35],
    }
}

fn context(proof: Proof<'_>) -> Context<'_> {
    Context {
        id: 7,
        timestamp_ms: 1_660_801_715_431,
        recv_window_ms: 1_000,
        proof,
    }
}

type Write<'a> = dyn FnOnce(&mut Scratch, &mut [u8]) -> Result<usize, WriteError> + 'a;

fn written(write: Box<Write<'_>>) -> String {
    let mut out = [0; 1_024];
    let length = write(&mut Scratch::default(), &mut out).unwrap();
    String::from_utf8(out[..length].to_vec()).unwrap()
}

fn place(proof: Proof<'_>, order: &NewOrder) -> String {
    let symbols = symbols();
    let entry = symbols.find(b"BTCUSDT").unwrap();
    written(Box::new(|scratch, out| {
        request::place(&context(proof), entry, order, scratch, out)
    }))
}

/// What the venue signs: all parameters but the signature, sorted, values as they stand.
fn payload_of(request: &Value) -> String {
    let params = request["params"].as_object().unwrap();
    let mut pairs: Vec<_> = params
        .iter()
        .filter(|(key, _)| *key != "signature")
        .map(|(key, value)| match value {
            Value::String(text) => format!("{key}={text}"),
            other => format!("{key}={other}"),
        })
        .collect();
    pairs.sort();
    pairs.join("&")
}

#[test]
fn place_on_a_session_is_exactly_this() {
    assert_eq!(
        place(Proof::Session, &order(OrderType::Limit, TimeInForce::Gtc)),
        concat!(
            r#"{"id":7,"method":"order.place","params":{"#,
            r#""newClientOrderId":"caracal-000001030000002a","newOrderRespType":"FULL","#,
            r#""price":"23416.10","quantity":"0.00847","recvWindow":1000,"side":"SELL","#,
            r#""symbol":"BTCUSDT","timeInForce":"GTC","timestamp":1660801715431,"type":"LIMIT"}}"#
        )
    );
}

#[test]
fn place_sends_no_parameter_that_the_type_does_not_use() {
    let market: Value = serde_json::from_str(&place(
        Proof::Session,
        &order(OrderType::Market, TimeInForce::Ioc),
    ))
    .unwrap();
    assert_eq!(market["params"]["type"], "MARKET");
    assert!(market["params"]["price"].is_null() && market["params"]["timeInForce"].is_null());
    let post_only: Value = serde_json::from_str(&place(
        Proof::Session,
        &order(OrderType::PostOnly, TimeInForce::Gtc),
    ))
    .unwrap();
    assert_eq!(post_only["params"]["type"], "LIMIT_MAKER");
    assert_eq!(post_only["params"]["price"], "23416.10");
    assert!(post_only["params"]["timeInForce"].is_null());
}

#[test]
fn signed_requests_verify_over_sorted_parameters() {
    let signer = Signer::hmac(SECRET);
    let proof = Proof::Signed {
        api_key: API_KEY,
        signer: &signer,
    };
    let symbols = symbols();
    let entry = symbols.find(b"BTCUSDT").unwrap();
    let replacement = replacement();
    let ctx = context(proof);
    let requests = [
        place(proof, &order(OrderType::Limit, TimeInForce::Ioc)),
        place(proof, &order(OrderType::PostOnly, TimeInForce::Gtc)),
        written(Box::new(|s, o| {
            request::cancel(&ctx, entry, (CLIENT_ID, 12), s, o)
        })),
        written(Box::new(|s, o| {
            request::cancel_replace(&ctx, entry, &replacement, s, o)
        })),
        written(Box::new(|s, o| {
            request::order_status(&ctx, entry, CLIENT_ID, s, o)
        })),
        written(Box::new(|s, o| request::open_orders(&ctx, entry, s, o))),
        written(Box::new(|s, o| {
            request::my_trades(
                &ctx,
                entry,
                Trades::From {
                    id: 5,
                    limit: 1_000,
                },
                s,
                o,
            )
        })),
        written(Box::new(|s, o| {
            request::my_trades(&ctx, entry, Trades::OfOrder(9), s, o)
        })),
        written(Box::new(|s, o| request::account_status(&ctx, s, o))),
        written(Box::new(|s, o| request::subscribe(&ctx, s, o))),
        written(Box::new(|s, o| request::logon(&ctx, s, o))),
    ];
    for text in &requests {
        let request: Value = serde_json::from_str(text).unwrap();
        assert_eq!(request["id"], 7);
        assert_eq!(request["params"]["apiKey"], API_KEY);
        let signature = request["params"]["signature"].as_str().unwrap();
        let verifier = Verifier::hmac(SECRET);
        let payload = payload_of(&request);
        assert!(
            verifier.verify(payload.as_bytes(), signature.as_bytes()),
            "{text}"
        );
        assert!(!verifier.verify(b"another", signature.as_bytes()));
    }
    assert!(requests[9].contains("\"method\":\"userDataStream.subscribe.signature\""));
    assert!(requests[2].contains("\"orderId\":12,\"origClientOrderId\":\"caracal-"));
}

fn replacement() -> ReplaceOrder {
    ReplaceOrder {
        command: 2,
        cancel_client_id: CLIENT_ID,
        cancel_venue_order_id: 0,
        client_id: CLIENT_ID + 1,
        price: Ticks(1),
        qty: Lots(100_000),
        tag: 0,
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Fok,
        reduce_only: Flag::No,
        self_trade: model::body::SelfTrade::NotStated,
        reserved: [0; 19],
    }
}

#[test]
fn cancel_replace_on_a_session_is_exactly_this() {
    let symbols = symbols();
    let entry = symbols.find(b"BTCUSDT").unwrap();
    let ctx = context(Proof::Session);
    let replacement = replacement();
    assert_eq!(
        written(Box::new(|s, o| request::cancel_replace(
            &ctx,
            entry,
            &replacement,
            s,
            o
        ))),
        concat!(
            r#"{"id":7,"method":"order.cancelReplace","params":{"#,
            r#""cancelOrigClientOrderId":"caracal-000001030000002a","#,
            r#""cancelReplaceMode":"STOP_ON_FAILURE","#,
            r#""newClientOrderId":"caracal-000001030000002b","newOrderRespType":"FULL","#,
            r#""price":"0.01","quantity":"1.00000","recvWindow":1000,"side":"BUY","#,
            r#""symbol":"BTCUSDT","timeInForce":"FOK","timestamp":1660801715431,"type":"LIMIT"}}"#
        )
    );
}

#[test]
fn subscribe_on_a_session_has_no_parameters() {
    let ctx = context(Proof::Session);
    assert_eq!(
        written(Box::new(|s, o| request::subscribe(&ctx, s, o))),
        r#"{"id":7,"method":"userDataStream.subscribe","params":{}}"#
    );
}

#[test]
fn documented_requests_have_the_names_that_we_write() {
    // The samples' own signatures are of a secret that is not documented, so they cannot be
    // recomputed; names, methods and value types can be compared.
    let known = [(
        "orderack_spot_wsapi_order_place_doc.json",
        place(Proof::Session, &order(OrderType::Limit, TimeInForce::Gtc)),
    )];
    for (file, ours) in known {
        let ours: Value = serde_json::from_str(&ours).unwrap();
        for (_, bytes) in labelled(file) {
            let theirs: Value = serde_json::from_slice(&bytes).unwrap();
            let Some(params) = theirs["params"].as_object() else {
                continue;
            };
            assert_eq!(theirs["method"], ours["method"]);
            for (name, value) in params {
                if name == "apiKey" || name == "signature" {
                    continue;
                }
                let mine = &ours["params"][name];
                assert_eq!(mine.is_string(), value.is_string(), "{name}");
                assert_eq!(mine.is_number(), value.is_number(), "{name}");
            }
            assert_eq!(ours["params"]["side"], theirs["params"]["side"]);
            assert_eq!(ours["params"]["timestamp"], theirs["params"]["timestamp"]);
        }
    }
}

#[test]
fn documented_payload_has_the_documented_signature() {
    // `apiKey=..&timestamp=..` with the documented secret: the vector of the subscription.
    let signer = Signer::hmac(SECRET);
    let mut text = [0; 88];
    let payload = format!("apiKey={API_KEY}&timestamp=1747385641636");
    assert_eq!(
        signer.sign_into(payload.as_bytes(), &mut text),
        "681110a6057ad58657af22f5640fab9dd17418834cdfccdc81be8b0f7b2cde3e"
    );
}

#[test]
fn request_that_does_not_fit_is_refused() {
    let symbols = symbols();
    let entry = symbols.find(b"BTCUSDT").unwrap();
    let order = order(OrderType::Limit, TimeInForce::Gtc);
    let mut scratch = Scratch::default();
    for size in [0, 1, 64, 200] {
        let mut out = vec![0; size];
        let got = request::place(
            &context(Proof::Session),
            entry,
            &order,
            &mut scratch,
            &mut out,
        );
        assert_eq!(got, Err(WriteError::TooLong), "{size}");
    }
}

#[test]
fn order_id_in_a_request_comes_back_in_an_answer() {
    let text = place(Proof::Session, &order(OrderType::Limit, TimeInForce::Gtc));
    let request: Value = serde_json::from_str(&text).unwrap();
    let id = request["params"]["newClientOrderId"].as_str().unwrap();
    assert_eq!(order_id::parse(id.as_bytes()).unwrap().raw(), CLIENT_ID);
}

#[test]
fn amendment_cancel_of_everything_and_self_trade_mode_are_exactly_this() {
    let symbols = symbols();
    let entry = symbols.find(b"BTCUSDT").unwrap();
    let body = model::body::AmendOrder {
        command: 1,
        client_id: CLIENT_ID,
        venue_order_id: 0,
        qty: Lots(500_000),
        reserved: [0; 48],
    };
    let amend = written(Box::new(|scratch, out| {
        request::amend(&context(Proof::Session), entry, &body, scratch, out)
    }));
    let id = String::from_utf8(order_id::text_of(CLIENT_ID).to_vec()).unwrap();
    assert_eq!(
        amend,
        format!(
            "{{\"id\":7,\"method\":\"order.amend.keepPriority\",\"params\":{{\
             \"newClientOrderId\":\"{id}\",\"newQty\":\"5.00000\",\"origClientOrderId\":\"{id}\",\
             \"recvWindow\":1000,\"symbol\":\"BTCUSDT\",\"timestamp\":1660801715431}}}}"
        )
    );
    let all = written(Box::new(|scratch, out| {
        request::cancel_all(&context(Proof::Session), entry, scratch, out)
    }));
    assert_eq!(
        all,
        "{\"id\":7,\"method\":\"openOrders.cancelAll\",\"params\":{\"recvWindow\":1000,\
         \"symbol\":\"BTCUSDT\",\"timestamp\":1660801715431}}"
    );
    for (mode, word) in [
        (model::body::SelfTrade::ExpireTaker, "EXPIRE_TAKER"),
        (model::body::SelfTrade::ExpireMaker, "EXPIRE_MAKER"),
        (model::body::SelfTrade::ExpireBoth, "EXPIRE_BOTH"),
    ] {
        let mut order = order(OrderType::Limit, TimeInForce::Gtc);
        order.self_trade = mode;
        let signer = Signer::hmac(SECRET);
        let proof = Proof::Signed {
            api_key: API_KEY,
            signer: &signer,
        };
        let text = place(proof, &order);
        let request: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(request["params"]["selfTradePreventionMode"], word);
        let signature = request["params"]["signature"].as_str().unwrap();
        let payload = payload_of(&request);
        assert!(
            Verifier::hmac(SECRET).verify(payload.as_bytes(), signature.as_bytes()),
            "{text}"
        );
    }
}
