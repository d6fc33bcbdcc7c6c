//! Golden requests of USD-M: bytes, order of parameters, signatures over both interfaces.

use connectors::binance::usdm::wire::query::RestContext;
use connectors::binance::usdm::wire::request::{self, Context, Kept, ListenKey, Proof, Scratch};
use connectors::binance::usdm::wire::rest::{self, RestRequest, Trades};
use connectors::net::Method;
use connectors::sign::{Signer, Verifier};
use connectors::wire::symbols::Entry;
use connectors::wire::{Symbols, WriteError};
use model::body::{AmendOrder, Flag, NewOrder, OrderType, SelfTrade, Side, TimeInForce};
use model::num::{Lots, Ticks};
use serde_json::Value;

use crate::samples::{instrument, shared_file};

/// Key, secret and signature of the documentation's example, see SIGNATURE_VECTORS.json.
const API_KEY: &str = "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83";
const SECRET: &[u8] = b"2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";
const CLIENT_ID: u64 = 0x0000_0103_0000_002a;
const NAME: &str = "caracal-000001030000002a";

fn entry() -> Entry {
    let symbols = Symbols::new(&[instrument(0, "BTCUSDT", "0.1", "0.001")]).unwrap();
    symbols.find(b"BTCUSDT").unwrap().clone()
}

fn order(order_type: OrderType, time_in_force: TimeInForce) -> NewOrder {
    NewOrder {
        command: 1,
        client_id: CLIENT_ID,
        price: Ticks(431_870),
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

fn amended() -> (AmendOrder, Kept) {
    let order = AmendOrder {
        command: 2,
        client_id: CLIENT_ID,
        venue_order_id: 9,
        qty: Lots(90),
        reserved: [0; 48],
    };
    let kept = Kept {
        side: Side::Sell,
        price: Ticks(431_875),
    };
    (order, kept)
}

fn context(proof: Proof<'_>) -> Context<'_> {
    Context {
        id: 7,
        timestamp_ms: 1_702_555_533_821,
        recv_window_ms: 1_000,
        proof,
    }
}

type Write<'w> = &'w dyn Fn(&mut Scratch, &mut [u8]) -> Result<usize, WriteError>;

fn written(write: Write<'_>) -> String {
    let mut out = [0; 1_024];
    let length = write(&mut Scratch::default(), &mut out).unwrap();
    String::from_utf8(out[..length].to_vec()).unwrap()
}

fn placed(order: &NewOrder) -> Value {
    let entry = entry();
    let text = written(&|scratch, out| {
        request::place(&context(Proof::Session), &entry, order, scratch, out)
    });
    serde_json::from_str(&text).unwrap()
}

#[test]
fn requests_of_a_session_are_exactly_these() {
    let entry = entry();
    let context = context(Proof::Session);
    let (amend, kept) = amended();
    let limit = order(OrderType::Limit, TimeInForce::Gtc);
    let cases: [(Write<'_>, &str); 6] = [
        (
            &|scratch, out| request::place(&context, &entry, &limit, scratch, out),
            concat!(
                r#"{"id":7,"method":"order.place","#,
                r#""params":{"newClientOrderId":"caracal-000001030000002a","#,
                r#""newOrderRespType":"RESULT","price":"43187.0","quantity":"0.100","#,
                r#""recvWindow":1000,"side":"BUY","symbol":"BTCUSDT","timeInForce":"GTC","#,
                r#""timestamp":1702555533821,"type":"LIMIT"}}"#
            ),
        ),
        (
            &|scratch, out| request::modify(&context, &entry, (&amend, kept), scratch, out),
            concat!(
                r#"{"id":7,"method":"order.modify","#,
                r#""params":{"origClientOrderId":"caracal-000001030000002a","price":"43187.5","#,
                r#""quantity":"0.090","recvWindow":1000,"side":"SELL","symbol":"BTCUSDT","#,
                r#""timestamp":1702555533821}}"#
            ),
        ),
        (
            &|scratch, out| request::cancel(&context, &entry, CLIENT_ID, scratch, out),
            concat!(
                r#"{"id":7,"method":"order.cancel","#,
                r#""params":{"origClientOrderId":"caracal-000001030000002a","recvWindow":1000,"#,
                r#""symbol":"BTCUSDT","timestamp":1702555533821}}"#
            ),
        ),
        (
            &|scratch, out| request::order_by_venue_id(&context, &entry, 328_999_071, scratch, out),
            concat!(
                r#"{"id":7,"method":"order.status","params":{"orderId":328999071,"#,
                r#""recvWindow":1000,"symbol":"BTCUSDT","timestamp":1702555533821}}"#
            ),
        ),
        (
            &|scratch, out| request::positions(&context, scratch, out),
            concat!(
                r#"{"id":7,"method":"v2/account.position","params":{"recvWindow":1000,"#,
                r#""timestamp":1702555533821}}"#
            ),
        ),
        (
            &|scratch, out| request::listen_key(7, ListenKey::Start, "k", scratch, out),
            r#"{"id":7,"method":"userDataStream.start","params":{"apiKey":"k"}}"#,
        ),
    ];
    for (write, want) in cases {
        assert_eq!(written(write), want);
    }
    for (what, method) in [
        (ListenKey::Ping, "userDataStream.ping"),
        (ListenKey::Stop, "userDataStream.stop"),
    ] {
        let text = written(&|scratch, out| request::listen_key(7, what, "k", scratch, out));
        assert!(text.contains(method), "{text}");
    }
}

#[test]
fn each_order_type_and_time_in_force_has_the_venues_words() {
    use OrderType as O;
    use TimeInForce as T;
    for (kind, time_in_force, want, words) in [
        (O::Limit, T::Gtc, "LIMIT", Some("GTC")),
        (O::Limit, T::Ioc, "LIMIT", Some("IOC")),
        (O::Limit, T::Fok, "LIMIT", Some("FOK")),
        (O::PostOnly, T::Gtc, "LIMIT", Some("GTX")),
        (O::Market, T::Ioc, "MARKET", None),
    ] {
        let placed = placed(&order(kind, time_in_force));
        let params = &placed["params"];
        assert_eq!(params["type"], want);
        assert_eq!(params["timeInForce"].as_str(), words);
        assert_eq!(params["price"].is_null(), kind == O::Market);
        assert!(params["reduceOnly"].is_null() && params["selfTradePreventionMode"].is_null());
    }
    for (mode, word) in [
        (SelfTrade::ExpireTaker, "EXPIRE_TAKER"),
        (SelfTrade::ExpireMaker, "EXPIRE_MAKER"),
        (SelfTrade::ExpireBoth, "EXPIRE_BOTH"),
    ] {
        let mut order = order(O::Limit, T::Gtc);
        (order.self_trade, order.reduce_only) = (mode, Flag::Yes);
        let placed = placed(&order);
        assert_eq!(placed["params"]["selfTradePreventionMode"], word);
        assert_eq!(placed["params"]["reduceOnly"], "true");
    }
}

/// What the venue signs: all parameters but the signature, sorted, values as they stand.
fn payload_of(request: &Value) -> String {
    let params = request["params"].as_object().unwrap();
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let pairs = params.iter().filter(|(key, _)| *key != "signature");
    let mut pairs: Vec<String> = pairs
        .map(|(key, value)| format!("{key}={}", text(value)))
        .collect();
    pairs.sort();
    pairs.join("&")
}

#[test]
fn signed_socket_requests_verify_over_sorted_parameters() {
    let entry = entry();
    let (signer, verifier) = (Signer::hmac(SECRET), Verifier::hmac(SECRET));
    let context = context(Proof::Signed {
        api_key: API_KEY,
        signer: &signer,
    });
    let (amend, kept) = amended();
    let mut full = order(OrderType::Limit, TimeInForce::Fok);
    (full.self_trade, full.reduce_only) = (SelfTrade::ExpireBoth, Flag::Yes);
    let writes: [Write<'_>; 7] = [
        &|scratch, out| request::place(&context, &entry, &full, scratch, out),
        &|scratch, out| request::modify(&context, &entry, (&amend, kept), scratch, out),
        &|scratch, out| request::cancel(&context, &entry, CLIENT_ID, scratch, out),
        &|scratch, out| request::order_status(&context, &entry, CLIENT_ID, scratch, out),
        &|scratch, out| request::order_by_venue_id(&context, &entry, 3, scratch, out),
        &|scratch, out| request::balances(&context, scratch, out),
        &|scratch, out| request::logon(&context, scratch, out),
    ];
    for write in writes {
        let text = written(write);
        let request: Value = serde_json::from_str(&text).unwrap();
        let signature = request["params"]["signature"].as_str().unwrap();
        assert!(
            verifier.verify(payload_of(&request).as_bytes(), signature.as_bytes()),
            "{text}"
        );
        let place = text.find("\"signature\"").unwrap();
        assert!(
            text[place..].find(',').is_none(),
            "the signature stands last"
        );
    }
}

type WriteRest<'w> = &'w dyn Fn(&RestContext<'_>, &mut [u8]) -> Result<RestRequest, WriteError>;

fn path_of(context: &RestContext<'_>, write: WriteRest<'_>) -> (Method, String) {
    let mut out = [0; 4_096];
    let request = write(context, &mut out).unwrap();
    (
        request.method,
        String::from_utf8(out[..request.length].to_vec()).unwrap(),
    )
}

fn rest_context(signer: &Signer) -> RestContext<'_> {
    RestContext {
        api_key: API_KEY,
        signer,
        timestamp_ms: 1_591_702_613_943,
        recv_window_ms: 5_000,
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The request's method and path are these, with our name for `NAME` and the time for `TIME`, and
/// its signature is of the query's bytes.
fn check(write: WriteRest<'_>, method: Method, want: &str) {
    let (signer, verifier) = (Signer::hmac(SECRET), Verifier::hmac(SECRET));
    let (got, path) = path_of(&rest_context(&signer), write);
    let (signed, signature) = path.rsplit_once("&signature=").unwrap();
    let time = "recvWindow=5000&timestamp=1591702613943";
    let want = format!("/fapi/{}", want.replace("NAME", NAME).replace("TIME", time));
    assert_eq!((got, signed), (method, want.as_str()));
    let (_, payload) = signed.split_once('?').unwrap();
    assert!(
        verifier.verify(payload.as_bytes(), signature.as_bytes()),
        "{path}"
    );
}

#[test]
fn rest_orders_have_their_paths_and_verify_over_the_bytes_sent() {
    let entry = &entry();
    let (amend, kept) = amended();
    let limit = order(OrderType::Limit, TimeInForce::Gtc);
    let placed = concat!(
        "v1/order?newClientOrderId=NAME&newOrderRespType=RESULT&price=43187.0&quantity=0.100",
        "&recvWindow=5000&side=BUY&symbol=BTCUSDT&timeInForce=GTC&timestamp=1591702613943",
        "&type=LIMIT"
    );
    check(
        &|c, out| rest::place(c, entry, &limit, out),
        Method::Post,
        placed,
    );
    let modified = concat!(
        "v1/order?origClientOrderId=NAME&price=43187.5&quantity=0.090&recvWindow=5000&side=SELL",
        "&symbol=BTCUSDT&timestamp=1591702613943"
    );
    check(
        &|c, out| rest::modify(c, entry, (&amend, kept), out),
        Method::Put,
        modified,
    );
    let one = concat!(
        "v1/order?origClientOrderId=NAME&recvWindow=5000&symbol=BTCUSDT",
        "&timestamp=1591702613943"
    );
    check(
        &|c, out| rest::cancel(c, entry, CLIENT_ID, out),
        Method::Delete,
        one,
    );
    check(
        &|c, out| rest::order_status(c, entry, CLIENT_ID, out),
        Method::Get,
        one,
    );
    let some = concat!(
        "v1/batchOrders?symbol=BTCUSDT",
        "&origClientOrderIdList=%5B%22NAME%22%2C%22NAME%22%5D&TIME"
    );
    let two = [CLIENT_ID, CLIENT_ID];
    check(
        &|c, out| rest::cancel_batch(c, entry, &two, out),
        Method::Delete,
        some,
    );
}

#[test]
fn rest_questions_have_their_paths_and_verify_over_the_bytes_sent() {
    let entry = &entry();
    let from = Trades::From { id: 8, limit: 500 };
    let of = "symbol=BTCUSDT&TIME";
    let get = Method::Get;
    check(
        &|c, out| rest::cancel_all(c, entry, out),
        Method::Delete,
        &format!("v1/allOpenOrders?{of}"),
    );
    check(
        &|c, out| rest::countdown(c, entry, 120_000, out),
        Method::Post,
        &format!("v1/countdownCancelAll?countdownTime=120000&{of}"),
    );
    check(
        &|c, out| rest::open_orders(c, None, out),
        get,
        "v1/openOrders?TIME",
    );
    let own = format!("v1/openOrders?{of}");
    check(&|c, out| rest::open_orders(c, Some(entry), out), get, &own);
    let trades = format!("v1/userTrades?fromId=8&limit=500&{of}");
    check(
        &|c, out| rest::user_trades(c, entry, from, out),
        get,
        &trades,
    );
    check(
        &|c, out| rest::positions(c, out),
        get,
        "v3/positionRisk?TIME",
    );
    check(&|c, out| rest::balances(c, out), get, "v3/balance?TIME");
    check(
        &|c, out| rest::brackets(c, out),
        get,
        "v1/leverageBracket?TIME",
    );
    check(
        &|c, out| rest::position_mode(c, out),
        get,
        "v1/positionSide/dual?TIME",
    );
    let income = "v1/income?incomeType=FUNDING_FEE&limit=1000&startTime=77&TIME";
    check(&|c, out| rest::funding_since(c, 77, out), get, income);
}

#[test]
fn batch_is_a_list_of_orders_and_at_most_five() {
    let entry = entry();
    let signer = Signer::hmac(SECRET);
    let context = rest_context(&signer);
    let limit = order(OrderType::Limit, TimeInForce::Gtc);
    let market = order(OrderType::Market, TimeInForce::Ioc);
    let two = [(&entry, &limit), (&entry, &market)];
    let (_, path) = path_of(&context, &|c, out| rest::place_batch(c, &two, out));
    let mut pairs = path.split(['?', '&']);
    let list = pairs.find_map(|pair| pair.strip_prefix("batchOrders="));
    let list: Value = serde_json::from_str(&decoded(list.unwrap())).unwrap();
    assert_eq!(list[0]["price"], "43187.0");
    assert_eq!(list[1]["type"], "MARKET");
    assert!(list[1]["timestamp"].is_null(), "the batch has the time");
    let many = [(&entry, &limit); 6];
    let refused = rest::place_batch(&context, &many, &mut [0; 4_096]).unwrap_err();
    assert_eq!(refused, WriteError::TooLong);
}

#[test]
fn signatures_are_those_of_the_vectors() {
    let Some(bytes) = shared_file("venues/SIGNATURE_VECTORS.json") else {
        return;
    };
    let vectors: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
    let vector = vectors
        .iter()
        .find(|vector| vector["name"] == "usdm REST HMAC")
        .unwrap();
    assert_eq!(vector["secret"].as_str().unwrap().as_bytes(), SECRET);
    let payload = vector["payload"].as_str().unwrap();
    let signer = Signer::hmac(SECRET);
    let mut text = [0; connectors::sign::SIGNATURE_TEXT_BYTES];
    assert_eq!(
        signer.sign_into(payload.as_bytes(), &mut text),
        vector["signature_hex"]
    );
    // Ed25519 in a query is percent-encoded.
    let vector = vectors
        .iter()
        .find(|vector| vector["name"] == "spot REST Ed25519")
        .unwrap();
    let pem = vector["private_key_pem"].as_str().unwrap();
    let signer = Signer::ed25519_pem(pem.as_bytes()).unwrap();
    let (_, path) = path_of(&rest_context(&signer), &|c, out| rest::balances(c, out));
    let (signed, signature) = path.rsplit_once("&signature=").unwrap();
    assert!(!signature.contains(['+', '/', '=']), "{signature}");
    let key = vector["public_key_hex"].as_str().unwrap();
    let key: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let verifier = Verifier::ed25519(key.try_into().unwrap());
    let (_, payload) = signed.split_once('?').unwrap();
    assert!(verifier.verify(payload.as_bytes(), decoded(signature).as_bytes()));
}

#[test]
fn request_that_does_not_fit_is_refused() {
    let entry = entry();
    let signer = Signer::hmac(SECRET);
    let order = order(OrderType::Limit, TimeInForce::Gtc);
    for length in 0..275 {
        let mut out = vec![0; length];
        let refused = rest::place(&rest_context(&signer), &entry, &order, &mut out);
        assert_eq!(refused.unwrap_err(), WriteError::TooLong, "{length}");
    }
}
