//! Market streams: who is subscribed to what, and what is sent when.
//!
//! A stream that does not exist is acknowledged and stays silent, as at Binance.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::binance::usdm::practice::streams;
use crate::practice::server::{ClientId, Outbox};
use crate::protocol::Protocol;

/// Messages a second that a client may send on one connection.
const CLIENT_MESSAGES_MAX: u32 = 5;
const STREAMS_MAX: usize = 1_024;
const SECOND_NS: u64 = 1_000_000_000;

/// A stream of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::binance) enum StreamKind {
    Trade,
    /// USD-M: trades of one order at one price.
    AggTrade,
    /// USD-M: mark price and funding.
    MarkPrice,
    /// USD-M: liquidations.
    ForceOrder,
    BookTicker,
    /// Changes every 100 ms, or every second.
    Depth {
        fast: bool,
    },
    /// The best levels every 100 ms, or every second.
    Partial {
        levels: usize,
        fast: bool,
    },
}

/// A subscription of one client.
#[derive(Debug)]
struct Subscription {
    name: String,
    /// `None` for a stream that does not exist.
    stream: Option<(usize, StreamKind)>,
}

#[derive(Debug)]
struct Client {
    combined: bool,
    /// USD-M: which half of the host it is on.
    half: Option<&'static str>,
    subscriptions: Vec<Subscription>,
    window_start_ns: u64,
    window_count: u32,
}

impl Client {
    fn send(&self, id: ClientId, name: &str, payload: &str, out: &mut Outbox<'_>) {
        if self.combined {
            let text = format!("{{\"stream\":\"{name}\",\"data\":{payload}}}");
            out.send_market(id, text);
        } else {
            out.send_market(id, payload.to_owned());
        }
    }
}

/// All stream clients.
#[derive(Debug, Default)]
pub(in crate::binance) struct Streams {
    clients: BTreeMap<ClientId, Client>,
    /// Symbols in lower case, by instrument.
    symbols: Vec<String>,
    usdm: bool,
}

impl Streams {
    pub(in crate::binance) fn new(symbols: Vec<String>, protocol: Protocol) -> Self {
        Self {
            clients: BTreeMap::new(),
            symbols,
            usdm: protocol == Protocol::BinanceUsdm,
        }
    }

    /// Takes a client by the path that it asked for; `None` if it is no stream path.
    pub(in crate::binance) fn open(
        &mut self,
        client: ClientId,
        path: &str,
        query: &str,
    ) -> Option<()> {
        let (half, path) = if self.usdm {
            streams::half(path).map(|(half, path)| (Some(half), path))?
        } else {
            (None, path)
        };
        let (combined, names) = if path == "/stream" {
            let list = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("streams="));
            (true, list.unwrap_or_default())
        } else if path == "/ws" {
            (false, "")
        } else {
            (false, path.strip_prefix("/ws/")?)
        };
        let mut entry = Client {
            combined,
            half,
            subscriptions: Vec::new(),
            window_start_ns: 0,
            window_count: 0,
        };
        for name in names.split('/').filter(|name| !name.is_empty()) {
            entry
                .subscriptions
                .push(self.subscription(&name.replace("%40", "@"), half));
        }
        self.clients.insert(client, entry);
        Some(())
    }

    pub(in crate::binance) fn close(&mut self, client: ClientId) {
        self.clients.remove(&client);
    }

    pub(in crate::binance) fn has(&self, client: ClientId) -> bool {
        self.clients.contains_key(&client)
    }

    pub(in crate::binance) fn clients(&self) -> impl Iterator<Item = ClientId> {
        self.clients.keys().copied()
    }

    /// A stream on the wrong half of the host is acknowledged and stays silent.
    fn subscription(&self, name: &str, half: Option<&'static str>) -> Subscription {
        let here = |(_, kind): &(usize, StreamKind)| {
            half.is_none_or(|half| streams::half_of(*kind) == half)
        };
        Subscription {
            name: name.to_owned(),
            stream: self.parse(name).filter(here),
        }
    }

    /// The stream that a name means; `None` if there is none.
    pub(in crate::binance) fn parse(&self, name: &str) -> Option<(usize, StreamKind)> {
        let (symbol, rest) = name.split_once('@')?;
        let instrument = self.symbols.iter().position(|known| known == symbol)?;
        match (self.usdm, rest) {
            (true, "aggTrade") => return Some((instrument, StreamKind::AggTrade)),
            (true, "markPrice" | "markPrice@1s") => {
                return Some((instrument, StreamKind::MarkPrice));
            }
            (true, "forceOrder") => return Some((instrument, StreamKind::ForceOrder)),
            (true, "trade") => return None,
            _ => {}
        }
        let (kind, fast) = match rest.strip_suffix("@100ms") {
            Some(kind) => (kind, true),
            None => (rest.strip_suffix("@1000ms").unwrap_or(rest), false),
        };
        let kind = match kind {
            "trade" if !fast => StreamKind::Trade,
            "bookTicker" if !fast => StreamKind::BookTicker,
            "depth" => StreamKind::Depth { fast },
            "depth5" => StreamKind::Partial { levels: 5, fast },
            "depth10" => StreamKind::Partial { levels: 10, fast },
            "depth20" => StreamKind::Partial { levels: 20, fast },
            _ => return None,
        };
        Some((instrument, kind))
    }

    /// Whether anybody wants a stream.
    pub(in crate::binance) fn wanted(&self, stream: (usize, StreamKind)) -> bool {
        self.clients.values().any(|client| {
            client
                .subscriptions
                .iter()
                .any(|sub| sub.stream == Some(stream))
        })
    }

    /// Whether anybody wants any stream of an instrument.
    pub(in crate::binance) fn any_of(&self, instrument: usize) -> bool {
        self.clients.values().any(|client| {
            client
                .subscriptions
                .iter()
                .any(|sub| sub.stream.is_some_and(|(wanted, _)| wanted == instrument))
        })
    }

    /// Sends a payload to everybody who wants the stream.
    pub(in crate::binance) fn publish(
        &self,
        stream: (usize, StreamKind),
        payload: &str,
        out: &mut Outbox<'_>,
    ) {
        for (id, client) in &self.clients {
            for sub in &client.subscriptions {
                if sub.stream == Some(stream) {
                    client.send(*id, &sub.name, payload, out);
                }
            }
        }
    }

    /// Sends a payload to everybody who subscribed to a stream by a name that is not known here.
    pub(in crate::binance) fn publish_named(
        &self,
        name: &str,
        payload: &str,
        out: &mut Outbox<'_>,
    ) {
        for (id, client) in &self.clients {
            if client.subscriptions.iter().any(|sub| sub.name == name) {
                client.send(*id, name, payload, out);
            }
        }
    }

    /// Answers a client's message; `None` if the client sends too many and must go.
    pub(in crate::binance) fn message(
        &mut self,
        client: ClientId,
        text: &str,
        now_ns: u64,
    ) -> Option<String> {
        let entry = self.clients.get_mut(&client)?;
        if now_ns.saturating_sub(entry.window_start_ns) >= SECOND_NS {
            entry.window_start_ns = now_ns;
            entry.window_count = 0;
        }
        entry.window_count += 1;
        let most = if self.usdm {
            2 * CLIENT_MESSAGES_MAX
        } else {
            CLIENT_MESSAGES_MAX
        };
        if entry.window_count > most {
            return None;
        }
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            return Some(refusal(3, "Invalid JSON: expected value", &Value::Null));
        };
        let id = request.get("id").cloned().unwrap_or(Value::Null);
        let result = self.apply(client, &request);
        Some(match result {
            Ok(result) => json!({"result": result, "id": id}).to_string(),
            Err((code, message)) => refusal(code, message, &id),
        })
    }

    fn apply(&mut self, client: ClientId, request: &Value) -> Result<Value, (i32, &'static str)> {
        let names: Vec<String> = match request.get("params") {
            None => Vec::new(),
            Some(Value::Array(list)) => list
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            Some(_) => return Err((2, "Invalid request: params must be an array")),
        };
        let method = request.get("method").and_then(Value::as_str);
        let added: Vec<Subscription> = match method {
            Some("SUBSCRIBE") => {
                let half = self.clients.get(&client).and_then(|entry| entry.half);
                let one = |name: &String| self.subscription(name, half);
                names.iter().map(one).collect()
            }
            _ => Vec::new(),
        };
        let Some(entry) = self.clients.get_mut(&client) else {
            return Ok(Value::Null);
        };
        match method {
            Some("SUBSCRIBE") => {
                for sub in added {
                    if !entry
                        .subscriptions
                        .iter()
                        .any(|known| known.name == sub.name)
                    {
                        entry.subscriptions.push(sub);
                    }
                }
                entry.subscriptions.truncate(STREAMS_MAX);
                Ok(Value::Null)
            }
            Some("UNSUBSCRIBE") => {
                entry.subscriptions.retain(|sub| !names.contains(&sub.name));
                Ok(Value::Null)
            }
            Some("LIST_SUBSCRIPTIONS") => Ok(entry
                .subscriptions
                .iter()
                .map(|sub| json!(sub.name))
                .collect()),
            Some("SET_PROPERTY") => {
                let value = request.get("params").and_then(|list| list.get(1));
                match (
                    names.first().map(String::as_str),
                    value.and_then(Value::as_bool),
                ) {
                    (Some("combined"), Some(combined)) => {
                        entry.combined = combined;
                        Ok(Value::Null)
                    }
                    (Some("combined"), None) => Err((1, "Invalid value type: expected Boolean")),
                    _ => Err((0, "Unknown property")),
                }
            }
            Some("GET_PROPERTY") if names == ["combined"] => Ok(json!(entry.combined)),
            Some("GET_PROPERTY") => Err((0, "Unknown property")),
            _ => Err((
                2,
                "Invalid request: unknown variant, expected one of `SUBSCRIBE`, \
                `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`",
            )),
        }
    }
}

fn refusal(code: i32, message: &str, id: &Value) -> String {
    if id.is_null() {
        return json!({"code": code, "msg": message}).to_string();
    }
    json!({"code": code, "msg": message, "id": id}).to_string()
}
