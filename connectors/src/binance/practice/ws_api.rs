//! The WebSocket API: sessions, subscriptions to private events, and the envelope of answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::auth;
use super::calls::Call;
use super::core::Core;
use super::error::ApiError;
use super::params::Params;
use crate::practice::limits::Limited;
use crate::practice::server::ClientId;
use crate::protocol::Protocol;

/// One connection.
#[derive(Debug)]
pub(in crate::binance) struct Session {
    connected_ms: i64,
    logged_on: Option<(usize, i64)>,
    /// Accounts by subscription id.
    subscriptions: BTreeMap<u64, usize>,
    next_subscription: u64,
    show_limits: bool,
}

/// All connections.
#[derive(Debug, Default)]
pub(in crate::binance) struct Sessions(BTreeMap<ClientId, Session>);

/// A request that was read: what to do, or the answer already.
pub(in crate::binance) enum Read {
    /// A call that the core answers.
    Call {
        id: Value,
        call: Call,
        asker: Option<usize>,
        params: Params,
    },
    /// The answer.
    Done(String),
}

impl Sessions {
    pub(in crate::binance) fn open(&mut self, client: ClientId, query: &str, now_ms: i64) {
        let hide = query
            .split('&')
            .any(|pair| pair == "returnRateLimits=false");
        let session = Session {
            connected_ms: now_ms,
            logged_on: None,
            subscriptions: BTreeMap::new(),
            next_subscription: 0,
            show_limits: !hide,
        };
        self.0.insert(client, session);
    }

    pub(in crate::binance) fn close(&mut self, client: ClientId) {
        self.0.remove(&client);
    }

    pub(in crate::binance) fn has(&self, client: ClientId) -> bool {
        self.0.contains_key(&client)
    }

    pub(in crate::binance) fn clients(&self) -> impl Iterator<Item = ClientId> {
        self.0.keys().copied()
    }

    /// Who gets the private events of an account: connection and subscription id.
    pub(in crate::binance) fn subscribers(&self, account: usize) -> Vec<(ClientId, u64)> {
        let mut found = Vec::new();
        for (client, session) in &self.0 {
            for (id, owner) in &session.subscriptions {
                if *owner == account {
                    found.push((*client, *id));
                }
            }
        }
        found
    }

    /// Reads a request, checks who sends it, and answers what concerns the session itself.
    pub(in crate::binance) fn read(
        &mut self,
        client: ClientId,
        text: &str,
        core: &mut Core,
    ) -> Option<Read> {
        let session = self.0.get_mut(&client)?;
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            let error = ApiError::bad(-1135, "Invalid JSON Request");
            return Some(Read::Done(session.answer(
                core,
                &Value::Null,
                None,
                Err(error),
            )));
        };
        let id = request.get("id").cloned().unwrap_or(Value::Null);
        match session.understand(&request, core) {
            Ok(Understood::Answer(result)) => {
                Some(Read::Done(session.answer(core, &id, None, Ok(result))))
            }
            Ok(Understood::Call(call, asker, params)) => Some(Read::Call {
                id,
                call,
                asker,
                params,
            }),
            Err(error) => Some(Read::Done(session.answer(core, &id, None, Err(error)))),
        }
    }

    /// The envelope around a call's result.
    pub(in crate::binance) fn answer(
        &self,
        client: ClientId,
        core: &mut Core,
        id: &Value,
        counted: Option<usize>,
        result: Result<Value, ApiError>,
    ) -> String {
        match self.0.get(&client) {
            Some(session) => session.answer(core, id, counted, result),
            None => String::new(),
        }
    }
}

enum Understood {
    Answer(Value),
    Call(Call, Option<usize>, Params),
}

impl Session {
    fn understand(&mut self, request: &Value, core: &mut Core) -> Result<Understood, ApiError> {
        let method = request
            .get("method")
            .and_then(Value::as_str)
            .ok_or_else(|| ApiError::missing("method"))?;
        let params = Params::from_json(request.get("params"))
            .ok_or_else(|| ApiError::bad(-1135, "Invalid JSON Request"))?;
        if let Some(call) = Call::from_method(core.protocol, method) {
            charge(
                core,
                call.weight(params.integer("limit")?, params.get("symbol").is_some()),
            )?;
            let asker = if call.is_signed() {
                Some(self.asker(&params, core)?)
            } else if call.needs_key() {
                Some(auth::account(&core.keys, params.get("apiKey"))?)
            } else {
                None
            };
            return Ok(Understood::Call(call, asker, params));
        }
        charge(core, 2)?;
        let answer = match method {
            "session.logon" => {
                let account = signed(&params, core)?;
                if !core.keys[account].ed25519 {
                    let message = "HMAC-SHA-256 and RSA API keys are not supported for session \
                        logon; use an Ed25519 key.";
                    return Err(ApiError::bad(-4056, message));
                }
                self.logged_on = Some((account, core.now_ms));
                self.status(core)
            }
            "session.status" => self.status(core),
            "session.logout" => {
                self.logged_on = None;
                self.subscriptions.clear();
                self.status(core)
            }
            "userDataStream.subscribe" if core.protocol == Protocol::BinanceSpot => {
                let (account, _) = self.logged_on.ok_or_else(not_logged_on)?;
                self.subscribe(account)?
            }
            "userDataStream.subscribe.signature" if core.protocol == Protocol::BinanceSpot => {
                let account = signed(&params, core)?;
                self.subscribe(account)?
            }
            "userDataStream.unsubscribe" => self.unsubscribe(&params)?,
            _ => return Err(ApiError::bad(-1020, "This operation is not supported.")),
        };
        Ok(Understood::Answer(answer))
    }

    /// The account of a signed call: by its own signature, or by the session's logon.
    fn asker(&self, params: &Params, core: &Core) -> Result<usize, ApiError> {
        if params.get("apiKey").is_some() || params.get("signature").is_some() {
            return signed(params, core);
        }
        let (account, _) = self.logged_on.ok_or_else(not_logged_on)?;
        auth::check_time(params, core.now_ms)?;
        Ok(account)
    }

    fn subscribe(&mut self, account: usize) -> Result<Value, ApiError> {
        if self.subscriptions.values().any(|owner| *owner == account) {
            let message = "User Data Stream subscription already exists.";
            return Err(ApiError::bad(-2035, message));
        }
        let id = self.next_subscription;
        self.next_subscription += 1;
        self.subscriptions.insert(id, account);
        Ok(json!({"subscriptionId": id}))
    }

    fn unsubscribe(&mut self, params: &Params) -> Result<Value, ApiError> {
        match params.integer("subscriptionId")? {
            None => self.subscriptions.clear(),
            Some(id) => {
                let known = u64::try_from(id)
                    .ok()
                    .and_then(|id| self.subscriptions.remove(&id));
                if known.is_none() {
                    let message = "User Data Stream subscription not active.";
                    return Err(ApiError::bad(-2036, message));
                }
            }
        }
        Ok(json!({}))
    }

    fn status(&self, core: &Core) -> Value {
        json!({
            "apiKey": self.logged_on.map(|(account, _)| core.keys[account].api_key.clone()),
            "authorizedSince": self.logged_on.map(|(_, since)| since),
            "connectedSince": self.connected_ms,
            "returnRateLimits": self.show_limits,
            "serverTime": core.now_ms,
            "userDataStream": !self.subscriptions.is_empty(),
        })
    }

    fn answer(
        &self,
        core: &mut Core,
        id: &Value,
        counted: Option<usize>,
        result: Result<Value, ApiError>,
    ) -> String {
        let mut answer = match result {
            Ok(result) => json!({"id": id, "status": 200, "result": result}),
            Err(error) => json!({"id": id, "status": error.status, "error": error.body()}),
        };
        if self.show_limits {
            answer["rateLimits"] = rate_limits(core, counted);
        }
        answer.to_string()
    }
}

fn not_logged_on() -> ApiError {
    ApiError::new(
        401,
        -2015,
        "Invalid API-key, IP, or permissions for action.",
    )
}

fn signed(params: &Params, core: &Core) -> Result<usize, ApiError> {
    let account = auth::account(&core.keys, params.get("apiKey"))?;
    auth::check_time(params, core.now_ms)?;
    auth::check_signature(&core.keys[account], params, &params.signed_text())?;
    Ok(account)
}

/// Charges weight; the error of a client that is over its limit.
pub(in crate::binance) fn charge(core: &mut Core, weight: u32) -> Result<(), ApiError> {
    let now_ms = core.now_ms;
    core.meter
        .charge(now_ms, weight)
        .map_err(|limited| over_limit(core, limited))
}

/// What a client hears that is over its limit.
pub(in crate::binance) fn over_limit(core: &Core, limited: Limited) -> ApiError {
    let limit = core.meter.limits().weight_per_minute;
    let (mut error, until_ms) = match limited {
        Limited::Wait { until_ms } => {
            let message = format!(
                "Too much request weight used; current limit is {limit} request weight per 1 \
                 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
            );
            (ApiError::new(429, -1003, message), until_ms)
        }
        Limited::Banned { until_ms } => {
            let message = format!(
                "Way too much request weight used; IP banned until {until_ms}. Please use \
                 WebSocket Streams for live updates to avoid bans."
            );
            (ApiError::new(418, -1003, message), until_ms)
        }
    };
    error.data = Some(json!({"serverTime": core.now_ms, "retryAfter": until_ms}));
    error
}

fn rate_limits(core: &mut Core, counted: Option<usize>) -> Value {
    let now_ms = core.now_ms;
    let limits = *core.meter.limits();
    let line = |kind: &str, interval: &str, number: u32, limit: u32, count: u32| {
        json!({
            "rateLimitType": kind,
            "interval": interval,
            "intervalNum": number,
            "limit": limit,
            "count": count,
        })
    };
    let mut lines = Vec::with_capacity(3);
    if let Some(account) = counted {
        let (ten, day) = core.meter.order_counts(account, now_ms);
        lines.push(line(
            "ORDERS",
            "SECOND",
            10,
            limits.orders_per_ten_seconds,
            ten,
        ));
        let (interval, limit) = match core.protocol {
            Protocol::BinanceUsdm => ("MINUTE", limits.orders_per_minute),
            Protocol::BinanceSpot | Protocol::OkxSpot | Protocol::OkxSwap => {
                ("DAY", limits.orders_per_day)
            }
        };
        lines.push(line("ORDERS", interval, 1, limit, day));
    }
    let used = core.meter.used_weight(now_ms);
    lines.push(line(
        "REQUEST_WEIGHT",
        "MINUTE",
        1,
        limits.weight_per_minute,
        used,
    ));
    Value::Array(lines)
}
