//! The practice venue as any client sees it, over real sockets: its messages have the keys of the
//! documented samples, its refusals the documented codes. Seed 11.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connectors::sign::HmacKey;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use super::labelled;
use super::rig::Venue;

const DEADLINE: Duration = Duration::from_secs(10);
const SECRET: &[u8] = b"first secret";
const KEY: &str = "practice-key-0";
const PASSPHRASE: &str = "one word";

type Headers = Vec<(&'static str, String)>;
type Tls = StreamOwned<ClientConnection, TcpStream>;

fn connect(venue: &Venue) -> Tls {
    let socket = TcpStream::connect(venue.server.addr()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(venue.tls(), name).unwrap(), socket)
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// `2020-12-08T09:08:57.715Z`; days are counted year by year, unlike the server's formula.
fn iso(time_ms: i64) -> String {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut days, mut year) = (time_ms / 86_400_000, 1970);
    while days >= 365 + i64::from(leap(year)) {
        days -= 365 + i64::from(leap(year));
        year += 1;
    }
    let february = 28 + i64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (second, milli) = (time_ms / 1_000 % 86_400, time_ms % 1_000);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let day = days + 1;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

fn sign(payload: &str) -> String {
    STANDARD.encode(HmacKey::new(SECRET).sign_raw(payload.as_bytes()))
}

/// HTTP status and answer of a request with these headers.
fn http(
    venue: &Venue,
    method: &str,
    target: &str,
    headers: &[(&str, String)],
    body: &str,
) -> (u16, Value) {
    let mut stream = connect(venue);
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let length = body.len();
    let all = format!("{head}Content-Length: {length}\r\n\r\n{body}");
    stream.write_all(all.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.split("content-length: ").nth(1).unwrap();
    let length: usize = length.lines().next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

/// Headers of a request that is signed as the documentation says.
fn signed(method: &str, target: &str, body: &str, at_ms: i64) -> Headers {
    let time = iso(at_ms);
    let sign = sign(&format!("{time}{method}{target}{body}"));
    vec![
        ("OK-ACCESS-KEY", KEY.to_owned()),
        ("OK-ACCESS-SIGN", sign),
        ("OK-ACCESS-TIMESTAMP", time),
        ("OK-ACCESS-PASSPHRASE", PASSPHRASE.to_owned()),
    ]
}

#[track_caller]
fn ask(venue: &Venue, method: &str, target: &str, body: &str) -> Value {
    let headers = signed(method, target, body, now_ms());
    let (status, answer) = http(venue, method, target, &headers, body);
    assert_eq!(status, 200, "{target}: {answer}");
    answer
}

struct Ws(WebSocket<Tls>);

impl Ws {
    fn open(venue: &Venue, road: &str) -> Self {
        let url = format!("wss://localhost/ws/v5/{road}");
        Self(tungstenite::client(url, connect(venue)).unwrap().0)
    }

    /// Logged on, and subscribed to what an account hears.
    fn private(venue: &Venue) -> Self {
        let mut ws = Self::open(venue, "private");
        let answer = ws.log_in(KEY, PASSPHRASE, now_ms() / 1_000, SECRET);
        assert_eq!(answer["code"], "0", "{answer}");
        ws
    }

    fn log_in(&mut self, key: &str, passphrase: &str, time_s: i64, secret: &[u8]) -> Value {
        let payload = format!("{time_s}GET/users/self/verify");
        let sign = STANDARD.encode(HmacKey::new(secret).sign_raw(payload.as_bytes()));
        self.send(&json!({"op": "login", "args": [{
            "apiKey": key, "passphrase": passphrase, "timestamp": time_s.to_string(),
            "sign": sign,
        }]}));
        self.until(|value| value["event"] == "login" || value["event"] == "error")
    }

    fn send(&mut self, value: &Value) {
        self.0.send(Message::text(value.to_string())).unwrap();
    }

    #[track_caller]
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + 2 * DEADLINE;
        while Instant::now() < until {
            if let Message::Text(text) = self.0.read().unwrap() {
                let value = serde_json::from_str(&text).unwrap();
                if wanted(&value) {
                    return value;
                }
            }
        }
        panic!("the wanted message did not come in time");
    }

    fn subscribe(&mut self, arg: Value) {
        self.send(&json!({"op": "subscribe", "args": [arg]}));
        let answer = self.until(|value| value["event"] != Value::Null);
        assert_eq!(answer["event"], "subscribe", "{answer}");
    }

    fn push(&mut self, channel: &str) -> Value {
        self.until(|value| value["arg"]["channel"] == channel && value["data"] != Value::Null)
    }

    fn request(&mut self, op: &str, args: &Value) -> Value {
        self.send(&json!({"id": "7", "op": op, "args": args}));
        self.until(|value| value["id"] == "7")
    }
}

/// Where `ours` and `theirs` differ in keys and types.
fn differences(at: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(own), Value::Object(other)) => {
            for (key, value) in other {
                match own.get(key) {
                    Some(one) => differences(&format!("{at}.{key}"), one, value, found),
                    None => found.push(format!("-{at}.{key}")),
                }
            }
            let more = own.keys().filter(|key| !other.contains_key(*key));
            found.extend(more.map(|key| format!("+{at}.{key}")));
        }
        (Value::Array(own), Value::Array(other)) => {
            if let (Some(one), Some(value)) = (own.first(), other.first()) {
                differences(at, one, value, found);
            }
        }
        _ if std::mem::discriminant(ours) == std::mem::discriminant(theirs) => {}
        _ => found.push(format!("?{at}")),
    }
}

/// Asserts that a message has the shape of a sample, but for what is named: `-` the sample has
/// more, `+` we have more, `?` of another type.
#[track_caller]
fn shape(ours: &Value, file: &str, label: &str, but: &[&str]) {
    let Some(theirs) = labelled(file, label) else {
        return;
    };
    let mut found = Vec::new();
    differences("", ours, &theirs, &mut found);
    assert_eq!(found, but, "{file}, {label}: {ours}");
}

fn code(venue: &Venue) -> Value {
    let kind = if venue.perpetuals { "SWAP" } else { "SPOT" };
    let target = format!("/api/v5/public/instruments?instType={kind}");
    let (status, answer) = http(venue, "GET", &target, &[], "");
    assert_eq!(status, 200);
    let file = "instruments_rest_public_doc2026.json";
    shape(&answer, file, "REST response", &[]);
    answer["data"][0]["instIdCode"].clone()
}

fn order(venue: &Venue, px: &str) -> Value {
    let (mode, size) = match venue.perpetuals {
        true => ("cross", "1"),
        false => ("cash", "0.01"),
    };
    json!({"instIdCode": code(venue), "tdMode": mode, "side": "buy", "ordType": "limit",
        "px": px, "sz": size, "clOrdId": "a1"})
}

#[test]
fn order_messages_have_the_documented_shape() {
    for perpetuals in [false, true] {
        let venue = Venue::quiet(perpetuals, |_| {});
        let mut ws = Ws::private(&venue);
        let kind = if perpetuals { "SWAP" } else { "SPOT" };
        ws.subscribe(json!({"channel": "orders", "instType": kind}));
        let placed = ws.request("order", &json!([order(&venue, "50000")]));
        let file = "orderack_ws_place_ok_error_badformat_doc.json";
        shape(&placed, file, "success response", &[]);
        let again = ws.request("order", &json!([order(&venue, "50000")]));
        assert_eq!(again["code"], "1", "{again}");
        assert_eq!(again["data"][0]["sCode"], "51016", "{again}");
        shape(&again, file, "failure response", &[]);
        let wrong = ws.request("order", &json!({}));
        shape(&wrong, file, "format error response", &[]);
        let name = json!({"instIdCode": code(&venue), "clOrdId": "a1", "newSz": "2",
            "reqId": "r1"});
        let amended = ws.request("amend-order", &json!([name]));
        let file = "orderack_ws_amend_ok_error_doc.json";
        shape(&amended, file, "success response", &[]);
        let cancelled = ws.request("cancel-order", &json!([name]));
        let file = "orderack_ws_cancel_ok_error_doc.json";
        shape(&cancelled, file, "success response", &[]);
        let gone = ws.request("cancel-order", &json!([name]));
        assert_eq!(gone["data"][0]["sCode"], "51400", "{gone}");
        shape(&gone, file, "failure response", &[]);
        let mut taking = order(&venue, "60500");
        taking["clOrdId"] = json!("a2");
        ws.request("order", &json!([taking]));
        let filled = ws.until(|value| value["data"][0]["state"] == "filled");
        // We named no instrument; REST's row of an order has the reason.
        let but = ["-.arg.instId", "+.data.cancelSourceReason"];
        shape(&filled, "private_ws_orders_doc.json", "push example", &but);
        let symbol = venue.symbol();
        let target = format!("/api/v5/trade/order?instId={symbol}&clOrdId=a2");
        let one = ask(&venue, "GET", &target, "");
        shape(&one, "reconcile_rest_order_doc.json", "REST response", &[]);
        let fills = ask(&venue, "GET", "/api/v5/trade/fills", "");
        shape(
            &fills,
            "reconcile_rest_fills_doc.json",
            "REST response",
            &[],
        );
        ws.subscribe(json!({"channel": "account"}));
        let file = "private_ws_account_doc.json";
        shape(&ws.push("account"), file, "push example", &[]);
        if perpetuals {
            ws.subscribe(json!({"channel": "positions", "instType": "SWAP"}));
            let file = "private_ws_positions_doc.json";
            // REST's row has these.
            let but = ["baseBal", "bePx", "quoteBal", "usdPx"].map(|key| format!("+.data.{key}"));
            let but = but.each_ref().map(String::as_str);
            shape(&ws.push("positions"), file, "push example (single)", &but);
        }
        ws.subscribe(json!({"channel": "balance_and_position"}));
        let file = "private_ws_balance_and_position_doc.json";
        let push = ws.push("balance_and_position");
        let theirs: Value = labelled(file, "push example").unwrap_or_default();
        assert_eq!(push["data"][0]["eventType"], "snapshot");
        if perpetuals && theirs != Value::Null {
            let mut found = Vec::new();
            differences("", &push, &theirs, &mut found);
            assert_eq!(found, [""; 0], "{push}");
            assert_eq!(push["data"][0]["posData"][0]["pos"], "1", "{push}");
        }
    }
}

#[test]
fn market_messages_have_the_documented_shape() {
    for perpetuals in [false, true] {
        let venue = Venue::quiet(perpetuals, |config| {
            config.market = connectors::practice::MarketConfig::Synthetic {
                seed: 11,
                events_per_second: 40.0,
            };
        });
        let symbol = venue.symbol();
        let mut ws = Ws::open(&venue, "public");
        let file = "depth_ws_books_bbo_books5_doc.json";
        ws.subscribe(json!({"channel": "books", "instId": symbol}));
        let whole = ws.until(|value| value["action"] == "snapshot");
        shape(&whole, file, "push example: snapshot", &[]);
        let change = ws.until(|value| value["action"] == "update");
        shape(&change, file, "push example: update", &[]);
        assert_eq!(change["data"][0]["prevSeqId"], whole["data"][0]["seqId"]);
        for (channel, file, label) in [
            ("bbo-tbt", file, "bbo-tbt push example"),
            ("books5", file, "books5 push example"),
            ("trades", "trade_ws_trades_doc.json", "push example"),
            ("tickers", "ticker_ws_doc.json", "push example"),
        ] {
            ws.subscribe(json!({"channel": channel, "instId": symbol}));
            shape(&ws.push(channel), file, label, &[]);
        }
        let target = format!("/api/v5/market/books?instId={symbol}&sz=5");
        let (status, book) = http(&venue, "GET", &target, &[], "");
        assert_eq!(status, 200);
        shape(&book, "depth_rest_books_doc.json", "REST response", &[]);
    }
}

#[test]
fn refusals_have_the_documented_codes() {
    let venue = Venue::quiet(false, |_| {});
    let second = now_ms() / 1_000;
    for (key, passphrase, time_s, secret, code) in [
        ("nobody", PASSPHRASE, second, SECRET, "60005"),
        (KEY, "wrong", second, SECRET, "60024"),
        (KEY, PASSPHRASE, second - 100, SECRET, "60006"),
        (KEY, PASSPHRASE, second, b"other", "60007"),
    ] {
        let answer = Ws::open(&venue, "private").log_in(key, passphrase, time_s, secret);
        assert_eq!(answer["event"], "error", "{answer}");
        assert_eq!(answer["code"], code, "{answer}");
    }
    let target = "/api/v5/account/balance";
    let refused = |change: &dyn Fn(&mut Headers), at_ms, code: &str| {
        let mut headers = signed("GET", target, "", at_ms);
        change(&mut headers);
        let (status, answer) = http(&venue, "GET", target, &headers, "");
        assert_eq!(status, 401, "{answer}");
        assert_eq!(answer["code"], code, "{answer}");
    };
    refused(
        &|all| all.retain(|(name, _)| *name != "OK-ACCESS-KEY"),
        now_ms(),
        "50103",
    );
    refused(&|all| all[0].1 = "nobody".to_owned(), now_ms(), "50111");
    refused(&|all| all[1].1 = sign("another"), now_ms(), "50113");
    refused(&|all| all[3].1 = "wrong".to_owned(), now_ms(), "50105");
    refused(&|_| {}, now_ms() - 60_000, "50102");
    let target = "/api/v5/trade/order?instId=BTC-USDT&ordId=1";
    assert_eq!(ask(&venue, "GET", target, "")["code"], "51603");
    let mut ws = Ws::private(&venue);
    for (name, value, code) in [
        ("instIdCode", json!(1), "51001"),
        ("px", json!("500000"), "51137"),
        ("sz", json!("0.000000001"), "51121"),
        ("sz", json!("0.000001"), "51020"),
        ("sz", json!("1000"), "51008"),
        ("clOrdId", json!("a-b"), "51000"),
        ("ordType", json!("iceberg"), "51000"),
    ] {
        let mut wrong = order(&venue, "50000");
        wrong[name] = value.clone();
        let answer = ws.request("order", &json!([wrong]));
        assert_eq!(answer["data"][0]["sCode"], code, "{name} {value}: {answer}");
    }
    assert_eq!(venue.open(), 0, "nothing that was refused stands");
}

#[test]
fn countdown_is_armed_disarmed_and_kills() {
    let venue = Venue::quiet(true, |_| {});
    let mut ws = Ws::private(&venue);
    ws.subscribe(json!({"channel": "orders", "instType": "SWAP"}));
    ws.request("order", &json!([order(&venue, "50000")]));
    let body = json!({"timeOut": "10"}).to_string();
    let armed = ask(&venue, "POST", "/api/v5/trade/cancel-all-after", &body);
    let file = "deadman_rest_cancel_all_after_doc.json";
    shape(&armed, file, "REST response", &[]);
    let at: i64 = armed["data"][0]["triggerTime"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    // The documentation's example has seconds here.
    assert!((at - now_ms() / 1_000 - 10).abs() <= 2, "{armed}");
    let body = json!({"timeOut": "0"}).to_string();
    ask(&venue, "POST", "/api/v5/trade/cancel-all-after", &body);
    assert_eq!(venue.open(), 1, "disarmed");
    if std::env::var_os("RUN_SLOW_TESTS").is_some() {
        // Asked at most twice in two seconds; the shortest countdown that it takes is 10 s.
        std::thread::sleep(Duration::from_millis(2_100));
        let body = json!({"timeOut": "10"}).to_string();
        ask(&venue, "POST", "/api/v5/trade/cancel-all-after", &body);
        ws.0.get_mut()
            .sock
            .set_read_timeout(Some(2 * DEADLINE))
            .unwrap();
        let dead = ws.until(|value| value["data"][0]["state"] == "canceled");
        assert_eq!(dead["data"][0]["cancelSource"], "20", "{dead}");
        assert_eq!(venue.open(), 0);
    }
}
