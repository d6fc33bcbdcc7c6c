//! A blocking client: TLS, HTTP, WebSocket, signatures. Every wait has a deadline.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use connectors::practice::{AccountSeed, Credential, PracticeConfig, PracticeServer};
use connectors::sign::{Ed25519Key, SIGNATURE_TEXT_BYTES, Signer};
use rust_decimal::Decimal;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

/// No wait is longer.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// A wait for something that must not come.
pub(super) const SILENCE: Duration = Duration::from_millis(300);
pub(super) const HMAC_KEY: &str = "hmacKey";
pub(super) const ED_KEY: &str = "edKey";
const SECRET: &[u8] = b"a shared secret";

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A venue with two accounts, and the key of the second.
pub(super) struct Venue {
    pub(super) server: PracticeServer,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) hmac: Signer,
    pub(super) ed: Signer,
}

/// A configuration with an HMAC account (0) and an Ed25519 account (1), a thousand coins each.
pub(super) fn config(seed: u64) -> (PracticeConfig, Signer) {
    let (key, _) = Ed25519Key::generate().unwrap();
    let mut config = PracticeConfig::synthetic(seed);
    let account = |api_key: &str, credential| AccountSeed {
        api_key: api_key.to_owned(),
        credential,
        balances: vec![
            ("BTC".to_owned(), Decimal::from(1_000)),
            ("USDT".to_owned(), Decimal::from(8_000_000)),
        ],
        open_orders: Vec::new(),
    };
    config.accounts = vec![
        account(HMAC_KEY, Credential::Hmac(SECRET.to_vec())),
        account(ED_KEY, Credential::Ed25519(key.public_key())),
    ];
    (config, Signer::Ed25519(key))
}

/// A quiet venue: the market opens and then almost nothing happens by itself.
pub(super) fn quiet(change: impl FnOnce(&mut PracticeConfig)) -> Venue {
    let (mut config, ed) = config(11);
    config.market = connectors::practice::MarketConfig::Synthetic {
        seed: 11,
        events_per_second: 0.001,
    };
    change(&mut config);
    start(config, ed)
}

pub(super) fn start(config: PracticeConfig, ed: Signer) -> Venue {
    let server = PracticeServer::start(config).unwrap();
    let mut roots = RootCertStore::empty();
    let pem = server.certificate_pem().as_bytes();
    roots
        .add(CertificateDer::from_pem_slice(pem).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Venue {
        server,
        tls: Arc::new(tls),
        hmac: Signer::hmac(SECRET),
        ed,
    }
}

pub(super) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

pub(super) fn sign(signer: &Signer, payload: &str) -> String {
    let mut text = [0; SIGNATURE_TEXT_BYTES];
    signer.sign_into(payload.as_bytes(), &mut text).to_owned()
}

impl Venue {
    fn connect(&self) -> Tls {
        let socket = TcpStream::connect(self.server.addr()).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::clone(&self.tls), name).unwrap();
        StreamOwned::new(client, socket)
    }

    /// A WebSocket at a path.
    pub(super) fn ws(&self, path: &str) -> Ws {
        let url = format!("wss://localhost{path}");
        let (socket, _) = tungstenite::client(url, self.connect()).unwrap();
        Ws { socket, next_id: 0 }
    }

    /// A keep-alive REST connection.
    pub(super) fn rest(&self) -> Rest {
        Rest {
            stream: self.connect(),
        }
    }

    /// A signed REST call of the HMAC account.
    pub(super) fn signed(&self, method: &str, path: &str, params: &str) -> Response {
        let target = signed_target(&self.hmac, path, params, now_ms());
        self.rest().call(method, &target, Some(HMAC_KEY), "")
    }

    /// Takes the two best asks with the Ed25519 account; a price inside the spread that is left.
    pub(super) fn make_room(&self) -> Decimal {
        let book = self.server.truth().unwrap().books[0].clone();
        let (price, qty) = (book.asks[1].0, book.asks[0].1 + book.asks[1].1);
        let order = json!({
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "IOC",
            "price": price.to_string(), "quantity": qty.to_string(),
        });
        let taken = self
            .ws("/ws-api/v3")
            .ask("order.place", signed_params(&self.ed, ED_KEY, order));
        assert_eq!(taken["result"]["status"], "FILLED", "{taken}");
        book.bids[0].0 + Decimal::new(1, 2)
    }

    /// The parameters of the HMAC account's WebSocket call, signed.
    pub(super) fn signed_params(&self, params: Value) -> Value {
        signed_params(&self.hmac, HMAC_KEY, params)
    }
}

pub(super) fn signed_target(signer: &Signer, path: &str, params: &str, at_ms: i64) -> String {
    let and = if params.is_empty() { "" } else { "&" };
    let query = format!("{params}{and}timestamp={at_ms}");
    let signature = sign(signer, &query)
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    format!("{path}?{query}&signature={signature}")
}

pub(super) fn signed_params(signer: &Signer, api_key: &str, mut params: Value) -> Value {
    params["apiKey"] = json!(api_key);
    params["timestamp"] = json!(now_ms());
    let mut payload = String::new();
    for (name, value) in params.as_object().unwrap() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(
            payload,
            "{}{name}={value}",
            if payload.is_empty() { "" } else { "&" }
        );
    }
    params["signature"] = json!(sign(signer, &payload));
    params
}

/// An HTTP answer.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) text: String,
}

impl Response {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Asserts a refusal.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, code: i64, message: &str) {
        let body = self.json();
        assert_eq!(body["code"], code, "{self:?}");
        assert!(body["msg"].as_str().unwrap().contains(message), "{self:?}");
        assert_eq!(self.status, status, "{self:?}");
    }
}

/// A REST connection.
pub(super) struct Rest {
    stream: Tls,
}

impl Rest {
    pub(super) fn call(
        &mut self,
        method: &str,
        target: &str,
        key: Option<&str>,
        body: &str,
    ) -> Response {
        self.ask(method, target, key, body);
        self.answer().expect("the connection ended")
    }

    pub(super) fn get(&mut self, target: &str) -> Response {
        self.call("GET", target, None, "")
    }

    pub(super) fn ask(&mut self, method: &str, target: &str, key: Option<&str>, body: &str) {
        let key = key.map_or(String::new(), |key| format!("X-MBX-APIKEY: {key}\r\n"));
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\n{key}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        self.stream.flush().unwrap();
    }

    /// The next answer; `None` if the connection ended or nothing came.
    pub(super) fn answer(&mut self) -> Option<Response> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            if self.stream.read(&mut byte).ok()? == 0 {
                return None;
            }
            bytes.push(byte[0]);
        }
        let head = String::from_utf8(bytes).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut response = Response {
            status,
            head,
            text: String::new(),
        };
        let length: usize = response.header("content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        response.text = String::from_utf8(body).unwrap();
        Some(response)
    }

    pub(super) fn patience(&mut self, patience: Duration) {
        self.stream.sock.set_read_timeout(Some(patience)).unwrap();
    }
}

/// A WebSocket.
pub(super) struct Ws {
    socket: WebSocket<Tls>,
    next_id: u64,
}

impl Ws {
    pub(super) fn send(&mut self, value: &Value) {
        self.socket.send(Message::text(value.to_string())).unwrap();
    }

    pub(super) fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    /// The next text; `None` if none comes in time or the connection ended.
    pub(super) fn try_next(&mut self, patience: Duration) -> Option<Value> {
        let until = Instant::now() + patience;
        loop {
            let left = until
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())?;
            self.socket
                .get_mut()
                .sock
                .set_read_timeout(Some(left))
                .unwrap();
            match self.socket.read() {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// The next text as it came.
    pub(super) fn next_text(&mut self) -> String {
        loop {
            if let Message::Text(text) = self.next_frame() {
                return text.to_string();
            }
        }
    }

    /// Whether the peer ends the connection in time.
    pub(super) fn ends(&mut self) -> bool {
        let until = Instant::now() + DEADLINE;
        while Instant::now() < until {
            self.socket
                .get_mut()
                .sock
                .set_read_timeout(Some(DEADLINE))
                .unwrap();
            match self.socket.read() {
                Ok(_) => {}
                Err(tungstenite::Error::Io(error))
                    if error.kind() == std::io::ErrorKind::WouldBlock =>
                {
                    return false;
                }
                Err(_) => return true,
            }
        }
        false
    }

    /// The next frame of any kind.
    pub(super) fn next_frame(&mut self) -> Message {
        self.socket
            .get_mut()
            .sock
            .set_read_timeout(Some(DEADLINE))
            .unwrap();
        self.socket.read().unwrap()
    }

    #[track_caller]
    pub(super) fn next(&mut self) -> Value {
        self.try_next(DEADLINE).expect("nothing came in time")
    }

    /// The next message for which `wanted` holds.
    #[track_caller]
    pub(super) fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + DEADLINE;
        while Instant::now() < until {
            let value = self.next();
            if wanted(&value) {
                return value;
            }
        }
        panic!("the wanted message did not come in time");
    }

    /// Asks the WebSocket API and waits for the answer, skipping events.
    #[track_caller]
    pub(super) fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.until(|value| value["id"] == json!(id))
    }

    /// Asks and does not wait.
    pub(super) fn request(&mut self, method: &str, params: Value) -> String {
        self.next_id += 1;
        let id = format!("r{}", self.next_id);
        self.send(&json!({"id": id, "method": method, "params": params}));
        id
    }

    /// The next private event of a kind.
    #[track_caller]
    pub(super) fn event(&mut self, kind: &str) -> Value {
        let value = self.until(|value| value["event"]["e"] == kind);
        value["event"].clone()
    }
}
