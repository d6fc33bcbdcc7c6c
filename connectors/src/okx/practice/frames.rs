//! WebSocket connections: which road each is on, who is logged on, what it is subscribed to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::auth::{self, Login};
use super::core::Core;
use super::error::Error;
use super::orders::Op;
use super::reading::text;
use crate::practice::server::ClientId;

/// Which of the venue's servers a connection is with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Road {
    Public,
    Business,
    Private,
}

impl Road {
    /// The road of a path.
    pub(super) fn of(path: &str) -> Option<Self> {
        match path {
            "/ws/v5/public" => Some(Self::Public),
            "/ws/v5/business" => Some(Self::Business),
            "/ws/v5/private" => Some(Self::Private),
            _ => None,
        }
    }

    /// Where a channel is.
    fn has(self, channel: &str) -> bool {
        let road = match channel {
            "orders" | "account" | "positions" | "balance_and_position" => Self::Private,
            "candle1m" | "trades-all" => Self::Business,
            _ => Self::Public,
        };
        self == road
    }
}

/// Channels that there are.
const CHANNELS: [&str; 16] = [
    "orders",
    "account",
    "positions",
    "balance_and_position",
    "candle1m",
    "trades-all",
    "trades",
    "bbo-tbt",
    "books",
    "books5",
    "tickers",
    "mark-price",
    "index-tickers",
    "funding-rate",
    "open-interest",
    "liquidation-orders",
];

/// One subscription.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) channel: String,
    /// As the client wrote it: pushes repeat it.
    pub(super) arg: Value,
    /// Position of the instrument that it names.
    pub(super) instrument: Option<usize>,
    /// `books`: number of the last book that was sent.
    pub(super) sequence: u64,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) road: Road,
    pub(super) account: Option<usize>,
    pub(super) subscriptions: Vec<Subscription>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Frames {
    clients: BTreeMap<ClientId, Client>,
}

/// What a message of a client is.
pub(super) enum Said {
    /// Answered here.
    Answers(Vec<String>),
    /// Subscribed: the answers, and what is new.
    Subscribed(Vec<String>, Vec<Subscription>),
    /// A request about orders of this account: number, name, arguments, expiry.
    Request {
        id: Value,
        op: String,
        account: usize,
        args: Vec<Value>,
        expires_ms: Option<i64>,
    },
}

/// The name of every connection: we are one server.
const CONNECTION: &str = "a4d3ae55";

fn failed(id: Option<&Value>, error: &Error) -> String {
    let mut frame = json!({
        "event": "error", "code": error.code.to_string(), "msg": error.message,
        "connId": CONNECTION,
    });
    if let Some(id) = id {
        frame["id"] = id.clone();
    }
    frame.to_string()
}

impl Frames {
    pub(super) fn open(&mut self, client: ClientId, road: Road) {
        let (account, subscriptions) = (None, Vec::new());
        let one = Client {
            road,
            account,
            subscriptions,
        };
        self.clients.insert(client, one);
    }

    pub(super) fn close(&mut self, client: ClientId) {
        self.clients.remove(&client);
    }

    /// The connections of some roads.
    pub(super) fn on(&self, wanted: impl Fn(Road) -> bool) -> Vec<ClientId> {
        let found = self.clients.iter().filter(|(_, one)| wanted(one.road));
        found.map(|(client, _)| *client).collect()
    }

    /// Who is subscribed to a channel of an instrument, and how: channels without one go to all.
    pub(super) fn listeners(
        &mut self,
        channel: &str,
        instrument: Option<usize>,
    ) -> impl Iterator<Item = (ClientId, &mut Subscription)> {
        self.clients.iter_mut().flat_map(move |(client, one)| {
            let wanted = one.subscriptions.iter_mut().filter(move |of| {
                of.channel == channel && (of.instrument.is_none() || of.instrument == instrument)
            });
            wanted.map(|of| (*client, of))
        })
    }

    /// The account that a connection is logged on as.
    pub(super) fn account(&self, client: ClientId) -> Option<usize> {
        self.clients.get(&client)?.account
    }

    /// Whether anybody listens.
    pub(super) fn wanted(&mut self, channel: &str, instrument: Option<usize>) -> bool {
        self.listeners(channel, instrument).next().is_some()
    }

    /// An account's connections that are subscribed to a channel, and how.
    pub(super) fn of_account(&self, account: usize, channel: &str) -> Vec<(ClientId, Value)> {
        let mut found = Vec::new();
        for (client, one) in &self.clients {
            if one.account != Some(account) {
                continue;
            }
            let of = one.subscriptions.iter().find(|of| of.channel == channel);
            found.extend(of.map(|of| (*client, of.arg.clone())));
        }
        found
    }

    /// Reads a message.
    pub(super) fn read(&mut self, client: ClientId, message: &str, core: &Core) -> Option<Said> {
        let one = self.clients.get_mut(&client)?;
        if message == "ping" {
            return Some(Said::Answers(vec!["pong".to_owned()]));
        }
        let frame: Value = serde_json::from_str(message).unwrap_or_default();
        let id = frame.get("id").filter(|id| !id.is_null());
        let invalid = || {
            let message = format!("Invalid request: {message}");
            Said::Answers(vec![failed(id, &Error::new(60_012, message))])
        };
        let args: Vec<Value> = match frame.get("args") {
            Some(Value::Array(args)) if !args.is_empty() => args.clone(),
            Some(_) if one.account.is_some() && Op::of(&frame["op"]).is_some() => {
                let micros = core.now_ms.saturating_mul(1_000).to_string();
                let answer = json!({
                    "id": id, "op": frame["op"], "data": [], "code": "60013",
                    "msg": "Invalid args", "inTime": micros, "outTime": micros,
                });
                return Some(Said::Answers(vec![answer.to_string()]));
            }
            _ => return Some(invalid()),
        };
        Some(match text(&frame, "op").as_deref() {
            Some("login") => Said::Answers(vec![one.log_in(&args, core)]),
            Some("subscribe") => one.subscribe(id, &args, core),
            Some("unsubscribe") => Said::Answers(one.unsubscribe(id, &args)),
            Some(op) if one.road == Road::Private => match one.account {
                Some(account) => Said::Request {
                    id: id.cloned().unwrap_or_default(),
                    op: op.to_owned(),
                    account,
                    args,
                    expires_ms: text(&frame, "expTime").and_then(|time| time.parse().ok()),
                },
                None => Said::Answers(vec![failed(id, &not_logged_on())]),
            },
            Some(_) | None => invalid(),
        })
    }
}

fn not_logged_on() -> Error {
    Error::new(60_011, "Please log in")
}

impl Client {
    fn log_in(&mut self, args: &[Value], core: &Core) -> String {
        let said = |name| {
            let arg = args.first()?;
            arg.get(name)?.as_str()
        };
        let login = Login {
            api_key: said("apiKey").unwrap_or_default(),
            passphrase: said("passphrase").unwrap_or_default(),
            timestamp: said("timestamp").unwrap_or_default(),
            sign: said("sign").unwrap_or_default(),
        };
        match auth::log_in(&core.keys, login, core.now_ms) {
            Ok(account) => {
                self.account = Some(account);
                json!({"event": "login", "code": "0", "msg": "", "connId": CONNECTION}).to_string()
            }
            Err(error) => failed(None, &error),
        }
    }

    /// One answer for each; one that is wrong does not undo the others.
    fn subscribe(&mut self, id: Option<&Value>, args: &[Value], core: &Core) -> Said {
        let (mut answers, mut new) = (Vec::new(), Vec::new());
        for arg in args {
            match self.subscription(arg, core) {
                Ok(subscription) => {
                    answers.push(acknowledged("subscribe", id, arg));
                    self.subscriptions.retain(|known| known.arg != *arg);
                    self.subscriptions.push(subscription.clone());
                    new.push(subscription);
                }
                Err(error) => answers.push(failed(id, &error)),
            }
        }
        Said::Subscribed(answers, new)
    }

    fn subscription(&self, arg: &Value, core: &Core) -> Result<Subscription, Error> {
        let channel = text(arg, "channel").unwrap_or_default();
        let message = format!("Wrong URL or channel:{channel} doesn't exist.");
        if !CHANNELS.contains(&channel.as_str()) || !self.road.has(&channel) {
            return Err(Error::new(60_018, message));
        }
        if self.road == Road::Private && self.account.is_none() {
            return Err(not_logged_on());
        }
        let instrument = match text(arg, "instId") {
            None => None,
            Some(symbol) => {
                // An index has the name of its pair.
                let pair = format!("{symbol}-SWAP");
                let wanted = if channel == "index-tickers" {
                    &pair
                } else {
                    &symbol
                };
                Some(
                    core.find(wanted)
                        .ok_or_else(|| Error::new(60_018, message))?,
                )
            }
        };
        let needs_one = self.road != Road::Private && channel != "liquidation-orders";
        if needs_one && instrument.is_none() {
            return Err(Error::new(60_012, "Invalid request: instId is missing"));
        }
        Ok(Subscription {
            channel,
            arg: arg.clone(),
            instrument,
            sequence: 0,
        })
    }

    fn unsubscribe(&mut self, id: Option<&Value>, args: &[Value]) -> Vec<String> {
        let mut answers = Vec::new();
        for arg in args {
            self.subscriptions.retain(|known| known.arg != *arg);
            answers.push(acknowledged("unsubscribe", id, arg));
        }
        answers
    }
}

fn acknowledged(event: &str, id: Option<&Value>, arg: &Value) -> String {
    let mut frame = json!({"event": event, "arg": arg, "connId": CONNECTION});
    if let Some(id) = id {
        frame["id"] = id.clone();
    }
    frame.to_string()
}
