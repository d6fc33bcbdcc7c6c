//! Requests of the private connection as OKX documents them. The members' order is ours: the venue
//! reads JSON.

use connectors::okx::wire::request::{self, Context, Keys, Target, TradeMode};
use connectors::sign::HmacKey;
use connectors::wire::{Symbols, WriteError, order_id};
use model::body::{AmendOrder, Flag, NewOrder, OrderType, SelfTrade, Side, TimeInForce};
use model::num::{Lots, Ticks};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::labelled;
use crate::samples::instrument;

pub(super) const SECRET: &[u8] = b"22582BD0CFF14C41EDBF1AB98506286D";
pub(super) const CLIENT: u64 = 0x0000_0123_4567_89ab;
pub(super) const CLIENT_TEXT: &str = "caracal00000123456789ab";

pub(super) fn symbols() -> Symbols {
    Symbols::new(&[
        instrument(0, "BTC-USDT", "0.1", "0.00000001"),
        instrument(1, "BTC-USDT-SWAP", "0.1", "0.01"),
    ])
    .unwrap()
}

pub(super) fn target<'s>(symbols: &'s Symbols, mode: TradeMode) -> Target<'s> {
    let symbol: &[u8] = match mode {
        TradeMode::Cash => b"BTC-USDT",
        _ => b"BTC-USDT-SWAP",
    };
    Target {
        entry: symbols.find(symbol).unwrap(),
        code: Some(123_456),
        mode,
    }
}

pub(super) fn keys() -> Keys {
    Keys {
        api_key: "the-key".to_owned(),
        passphrase: "the-word".to_owned(),
        secret: HmacKey::new(SECRET),
    }
}

pub(super) const fn order(order_type: OrderType, time_in_force: TimeInForce) -> NewOrder {
    NewOrder {
        command: 1,
        client_id: CLIENT,
        price: Ticks(200_000),
        qty: Lots(100),
        tag: 0,
        side: Side::Buy,
        order_type,
        time_in_force,
        reduce_only: Flag::No,
        self_trade: SelfTrade::NotStated,
        reserved: [0; 35],
    }
}

const CONTEXT: Context = Context {
    id: 1512,
    expires_ms: None,
};

fn placed(mode: TradeMode, order: &NewOrder) -> Result<Value, WriteError> {
    let symbols = symbols();
    let mut out = [0; 1_024];
    let length = request::place(&CONTEXT, &[(target(&symbols, mode), order)], &mut out)?;
    Ok(serde_json::from_slice(&out[..length]).unwrap())
}

#[test]
fn order_is_written_as_documented() {
    let symbols = symbols();
    let context = Context {
        expires_ms: Some(1_704_876_947_000),
        ..CONTEXT
    };
    let limit = order(OrderType::Limit, TimeInForce::Gtc);
    let mut out = [0; 1_024];
    let orders = [(target(&symbols, TradeMode::Cash), &limit)];
    let length = request::place(&context, &orders, &mut out).unwrap();
    let want = format!(
        "{{\"id\":\"1512\",\"op\":\"order\",\"args\":[{{\"instIdCode\":123456,\"tdMode\":\"cash\",\
         \"clOrdId\":\"{CLIENT_TEXT}\",\"side\":\"buy\",\"ordType\":\"limit\",\"px\":\"20000.0\",\
         \"sz\":\"0.00000100\"}}],\"expTime\":\"1704876947000\"}}"
    );
    assert_eq!(str::from_utf8(&out[..length]), Ok(want.as_str()));
    for short in 0..length {
        let got = request::place(&context, &orders, &mut out[..short]);
        assert_eq!(got, Err(WriteError::TooLong), "{short}");
    }
}

#[test]
fn every_kind_of_order_has_its_word() {
    use OrderType::{Limit, Market, PostOnly};
    use TimeInForce::{Fok, Gtc, Ioc};
    for (order_type, time, want) in [
        (Limit, Gtc, Ok("limit")),
        (Limit, Ioc, Ok("ioc")),
        (Limit, Fok, Ok("fok")),
        (PostOnly, Gtc, Ok("post_only")),
        (PostOnly, Ioc, Err(WriteError::NotThere)),
        (PostOnly, Fok, Err(WriteError::NotThere)),
        (Market, Gtc, Ok("market")),
        (Market, Ioc, Ok("market")),
        (Market, Fok, Err(WriteError::NotThere)),
    ] {
        for mode in [TradeMode::Cash, TradeMode::Cross, TradeMode::Isolated] {
            let got = placed(mode, &order(order_type, time));
            let kind = got
                .as_ref()
                .map(|got| got["args"][0]["ordType"].as_str().unwrap());
            assert_eq!(
                kind.map_err(|error| *error),
                want,
                "{order_type:?} {time:?}"
            );
            let Ok(got) = got else { continue };
            let order = &got["args"][0];
            let is_market = order_type == Market;
            assert_eq!(order["px"].is_null(), is_market, "{order}");
            let in_base = is_market && mode == TradeMode::Cash;
            let word = if in_base {
                json!("base_ccy")
            } else {
                Value::Null
            };
            assert_eq!(
                order["tgtCcy"], word,
                "a spot market order is never in money"
            );
            assert_eq!(order["expTime"], Value::Null);
        }
    }
}

#[test]
fn options_of_an_order() {
    let limit = order(OrderType::Limit, TimeInForce::Gtc);
    let reduce = NewOrder {
        reduce_only: Flag::Yes,
        side: Side::Sell,
        ..limit
    };
    let got = placed(TradeMode::Cross, &reduce).unwrap();
    assert_eq!(got["args"][0]["reduceOnly"], json!(true));
    assert_eq!(got["args"][0]["side"], "sell");
    assert_eq!(got["args"][0]["tdMode"], "cross");
    assert_eq!(got["args"][0]["sz"], "1.00", "contracts");
    assert_eq!(placed(TradeMode::Cash, &reduce), Err(WriteError::NotThere));
    for (self_trade, word) in [
        (SelfTrade::ExpireTaker, "cancel_taker"),
        (SelfTrade::ExpireMaker, "cancel_maker"),
        (SelfTrade::ExpireBoth, "cancel_both"),
    ] {
        let got = placed(
            TradeMode::Cash,
            &NewOrder {
                self_trade,
                ..limit
            },
        );
        assert_eq!(got.unwrap()["args"][0]["stpMode"], word);
    }
    let both = NewOrder {
        self_trade: SelfTrade::ExpireBoth,
        ..order(OrderType::Limit, TimeInForce::Fok)
    };
    assert_eq!(placed(TradeMode::Cash, &both), Err(WriteError::NotThere));
    let symbols = symbols();
    let mut nameless = target(&symbols, TradeMode::Cash);
    nameless.code = None;
    let got = request::place(&CONTEXT, &[(nameless, &limit)], &mut [0; 1_024]);
    assert_eq!(got, Err(WriteError::NotThere), "goes over REST");
}

#[test]
fn cancels_amendments_and_batches() {
    let symbols = symbols();
    let target = target(&symbols, TradeMode::Cash);
    let mut out = [0; 8_192];
    let mut cancelled = |orders: &[(Target<'_>, (u64, u64))]| {
        let length = request::cancel(&CONTEXT, orders, &mut out)?;
        Ok::<Value, WriteError>(serde_json::from_slice(&out[..length]).unwrap())
    };
    let one = cancelled(&[(target, (CLIENT, 2_510_789_768_709_120))]).unwrap();
    let name = "orderack_ws_cancel_ok_error_doc.json";
    if let Some(mut want) = labelled(name, "request example") {
        want["id"] = json!("1512");
        assert_eq!(one, want);
    }
    let ours = cancelled(&[(target, (CLIENT, 0))]).unwrap();
    assert_eq!(ours["args"][0]["clOrdId"], CLIENT_TEXT);
    let two = cancelled(&[(target, (1, 2)), (target, (3, 4))]).unwrap();
    assert_eq!(two["op"], "batch-cancel-orders");
    assert_eq!(two["args"][1], json!({"instIdCode":123_456,"ordId":"4"}));
    let many = [(target, (1, 2)); 21];
    assert_eq!(
        cancelled(&many[..20]).unwrap()["args"]
            .as_array()
            .unwrap()
            .len(),
        20
    );
    assert_eq!(cancelled(&many), Err(WriteError::NotThere));
    assert_eq!(cancelled(&[]), Err(WriteError::NotThere));
    let order = AmendOrder {
        command: 77,
        client_id: CLIENT,
        venue_order_id: 2_510_789_768_709_120,
        qty: Lots(200_000_000),
        reserved: [0; 48],
    };
    let length = request::amend(&CONTEXT, &[(target, &order)], &mut out).unwrap();
    let got: Value = serde_json::from_slice(&out[..length]).unwrap();
    assert_eq!(
        got,
        json!({"id":"1512","op":"amend-order","args":[{"instIdCode":123_456,
            "ordId":"2510789768709120","reqId":"77","newSz":"2.00000000"}]})
    );
}

#[test]
fn login_and_subscriptions() {
    let mut out = [0; 512];
    let length = request::login(&keys(), 1_704_876_947, &mut out).unwrap();
    let got: Value = serde_json::from_slice(&out[..length]).unwrap();
    assert_eq!(
        got,
        json!({"op":"login","args":[{"apiKey":"the-key","passphrase":"the-word",
            "timestamp":"1704876947","sign":"5/36BgGV6m/6pmdc20zdqk0mzF5ZalmzzPD2fo3wavU="}]})
    );
    for perpetuals in [false, true] {
        let length = request::subscribe(7, perpetuals, &mut out).unwrap();
        let got: Value = serde_json::from_slice(&out[..length]).unwrap();
        let args = got["args"].as_array().unwrap();
        let count = request::subscriptions(perpetuals) as usize;
        assert_eq!((got["op"].as_str(), args.len()), (Some("subscribe"), count));
        let kind = if perpetuals { "SWAP" } else { "SPOT" };
        assert_eq!(args[0], json!({"channel":"orders","instType":kind}));
        let quiet = args[1]["extraParams"].as_str().unwrap();
        let quiet: Value = serde_json::from_str(quiet).unwrap();
        assert_eq!(quiet, json!({"updateInterval":"0"}));
    }
}

proptest! {
    #[test]
    fn prop_numbers_are_the_orders(
        price in 1_i64..i64::MAX / 10,
        qty in 1_i64..1_i64 << 60,
        raw in 1_u64 << 40..,
    ) {
        let wanted = NewOrder {
            client_id: raw,
            price: Ticks(price),
            qty: Lots(qty),
            ..order(OrderType::Limit, TimeInForce::Gtc)
        };
        let got = placed(TradeMode::Cash, &wanted).unwrap();
        let symbols = symbols();
        let entry = target(&symbols, TradeMode::Cash).entry;
        let text = |key: &str| got["args"][0][key].as_str().unwrap().to_owned();
        prop_assert_eq!(entry.price.parse(text("px").as_bytes()), Ok(price));
        prop_assert_eq!(entry.qty.parse(text("sz").as_bytes()), Ok(qty));
        let id = order_id::parse_plain(text("clOrdId").as_bytes());
        prop_assert_eq!(id.map(|id| id.raw()), Some(raw));
    }
}
