//! The REST interface: routes, security, headers, statuses.

use serde_json::Value;

use super::auth;
use super::calls::Call;
use super::core::Core;
use super::error::ApiError;
use super::params::{Params, rest_signed_text};
use super::ws_api::charge;
use crate::practice::server::{Reply, Request};
use crate::protocol::Protocol;

/// A request that passed: what the core must answer.
pub(in crate::binance) struct Checked {
    pub(in crate::binance) call: Call,
    pub(in crate::binance) asker: Option<usize>,
    pub(in crate::binance) params: Params,
}

/// Reads a request and checks weight, key, time and signature.
pub(in crate::binance) fn check(
    core: &mut Core,
    call: Call,
    request: &Request,
) -> Result<Checked, ApiError> {
    let params = Params::from_rest(&request.query, &request.body)
        .ok_or_else(|| ApiError::bad(-1100, "Illegal characters found in a parameter."))?;
    let limit = params.integer("limit")?;
    charge(core, call.weight(limit, params.get("symbol").is_some()))?;
    let mut asker = None;
    if call.needs_key() {
        asker = Some(auth::account(&core.keys, request.api_key.as_deref())?);
    }
    if call.is_signed() {
        let account = auth::account(&core.keys, request.api_key.as_deref())?;
        auth::check_time(&params, core.now_ms)?;
        let text = rest_signed_text(&request.query, &request.body);
        auth::check_signature(&core.keys[account], &params, &text)?;
        asker = Some(account);
    }
    Ok(Checked {
        call,
        asker,
        params,
    })
}

/// The answer with its headers.
pub(in crate::binance) fn reply(
    core: &mut Core,
    counted: Option<usize>,
    result: Result<Value, ApiError>,
) -> Reply {
    let now_ms = core.now_ms;
    let mut reply = match &result {
        Ok(value) => Reply::json(200, value.to_string()),
        Err(error) => Reply::json(error.status, rest_body(error).to_string()),
    };
    let used = core.meter.used_weight(now_ms).to_string();
    reply.headers.push(("X-MBX-USED-WEIGHT", used.clone()));
    reply.headers.push(("X-MBX-USED-WEIGHT-1M", used));
    if let Some(account) = counted {
        let (ten, day) = core.meter.order_counts(account, now_ms);
        reply
            .headers
            .push(("X-MBX-ORDER-COUNT-10S", ten.to_string()));
        let long = match core.protocol {
            Protocol::BinanceUsdm => "X-MBX-ORDER-COUNT-1M",
            Protocol::BinanceSpot | Protocol::OkxSpot | Protocol::OkxSwap => "X-MBX-ORDER-COUNT-1D",
        };
        reply.headers.push((long, day.to_string()));
    }
    let until = result
        .err()
        .and_then(|error| error.data?.get("retryAfter")?.as_i64());
    if let Some(until_ms) = until {
        let seconds = (until_ms - now_ms).max(0).div_euclid(1_000) + 1;
        reply.headers.push(("Retry-After", seconds.to_string()));
    }
    reply
}

/// REST bodies carry `data` for cancel-replace only.
fn rest_body(error: &ApiError) -> Value {
    let mut body = error.body();
    if error.code == -1003
        && let Some(members) = body.as_object_mut()
    {
        members.remove("data");
    }
    body
}

/// What a proxy in front of a venue says when the venue is not well.
pub(in crate::binance) fn html() -> Reply {
    Reply {
        status: 502,
        content_type: "text/html",
        headers: Vec::new(),
        body: "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
            <center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
            .to_owned(),
    }
}
