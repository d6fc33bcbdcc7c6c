//! Writes REST requests, and reads what only REST answers. Parameters stand in the query; there is
//! never a body.
//!
//! Hot path: no (the WebSocket API places orders). Allocates: no.

use model::body::{AmendOrder, NewOrder};
use serde::Deserialize;

use super::query::{Query, RestContext};
use super::terms::{self, Kept, Put};
pub use crate::binance::wire::request::Trades;
use crate::net::Method;
use crate::wire::WriteError;
use crate::wire::order_id::text_of;
use crate::wire::symbols::Entry;

/// Orders that one batch may place.
pub const BATCH_MAX: usize = 5;
/// Orders that one batch may cancel.
pub const BATCH_CANCEL_MAX: usize = 10;
/// Path of the listen key: POST asks, PUT keeps, DELETE ends; the key's header alone, unsigned.
pub const LISTEN_KEY: &str = "/fapi/v1/listenKey";
/// Path of the venue's time, unsigned.
pub const TIME: &str = "/fapi/v1/time";

const ORDER: &str = "/fapi/v1/order";

/// A request that was written: path and query are the first `length` bytes of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestRequest {
    /// The method.
    pub method: Method,
    /// Bytes of path and query.
    pub length: usize,
}

const fn of(method: Method) -> impl Fn(usize) -> RestRequest {
    move |length| RestRequest { method, length }
}

/// Places an order.
///
/// # Errors
///
/// [`WriteError`]; nothing of the buffer is then of use. So for every function here.
pub fn place(
    context: &RestContext<'_>,
    entry: &Entry,
    order: &NewOrder,
    out: &mut [u8],
) -> Result<RestRequest, WriteError> {
    let mut query = Query::begin(ORDER, out);
    terms::new_order(&mut query, entry, order, Some(context.validity()))?;
    query.sign(context).map(of(Method::Post))
}

/// Gives an order another quantity; see [`super::request::modify`].
///
/// # Errors
///
/// [`WriteError`].
pub fn modify(
    context: &RestContext<'_>,
    entry: &Entry,
    order: (&AmendOrder, Kept),
    out: &mut [u8],
) -> Result<RestRequest, WriteError> {
    let mut query = Query::begin(ORDER, out);
    terms::modify(&mut query, entry, order, context.validity())?;
    query.sign(context).map(of(Method::Put))
}

/// Cancels one order, by our id.
///
/// # Errors
///
/// [`WriteError`].
pub fn cancel(
    context: &RestContext<'_>,
    entry: &Entry,
    client_id: u64,
    out: &mut [u8],
) -> Result<RestRequest, WriteError> {
    let mut query = Query::begin(ORDER, out);
    terms::one_order(&mut query, entry, client_id, context.validity());
    query.sign(context).map(of(Method::Delete))
}

/// How one order is, by our id.
///
/// # Errors
///
/// [`WriteError`].
pub fn order_status(
    context: &RestContext<'_>,
    entry: &Entry,
    client_id: u64,
    out: &mut [u8],
) -> Result<RestRequest, WriteError> {
    let mut query = Query::begin(ORDER, out);
    terms::one_order(&mut query, entry, client_id, context.validity());
    query.sign(context).map(of(Method::Get))
}

/// Places up to [`BATCH_MAX`] orders; each is answered for itself.
///
/// # Errors
///
/// [`WriteError`], also for none or too many.
pub fn place_batch(
    context: &RestContext<'_>,
    orders: &[(&Entry, &NewOrder)],
    out: &mut [u8],
) -> Result<RestRequest, WriteError> {
    if orders.is_empty() || orders.len() > BATCH_MAX {
        return Err(WriteError::TooLong);
    }
    let mut query = Query::begin("/fapi/v1/batchOrders", out);
    let mut batch = query.batch("batchOrders");
    for (entry, order) in orders {
        batch.next();
        terms::new_order(&mut batch, entry, order, None)?;
    }
    batch.end(true);
    query.finish(context).map(of(Method::Post))
}

/// Cancels up to [`BATCH_CANCEL_MAX`] orders of one instrument, by our ids.
///
/// # Errors
///
/// [`WriteError`], also for none or too many.
pub fn cancel_batch(
    context: &RestContext<'_>,
    entry: &Entry,
    client_ids: &[u64],
    out: &mut [u8],
) -> Result<RestRequest, WriteError> {
    if client_ids.is_empty() || client_ids.len() > BATCH_CANCEL_MAX {
        return Err(WriteError::TooLong);
    }
    let mut query = Query::begin("/fapi/v1/batchOrders", out);
    query.text("symbol", entry.symbol().as_bytes());
    let mut batch = query.batch("origClientOrderIdList");
    for id in client_ids {
        let mut quoted = [b'"'; crate::wire::order_id::ORDER_ID_BYTES + 2];
        quoted[1..=crate::wire::order_id::ORDER_ID_BYTES].copy_from_slice(&text_of(*id));
        batch.item(&quoted);
    }
    batch.end(false);
    query.finish(context).map(of(Method::Delete))
}

/// Cancels every open order of the account on one instrument.
///
/// # Errors
///
/// [`WriteError`].
pub fn cancel_all(
    context: &RestContext<'_>,
    entry: &Entry,
    out: &mut [u8],
) -> Result<RestRequest, WriteError> {
    let mut query = Query::begin("/fapi/v1/allOpenOrders", out);
    query.text("symbol", entry.symbol().as_bytes());
    query.finish(context).map(of(Method::Delete))
}

/// The dead man's switch: everything on the instrument is cancelled `countdown_ms` after the last
/// of these; 0 takes it back.
///
/// # Errors
///
/// [`WriteError`].
pub fn countdown(
    context: &RestContext<'_>,
    entry: &Entry,
    countdown_ms: u64,
    out: &mut [u8],
) -> Result<RestRequest, WriteError> {
    let mut query = Query::begin("/fapi/v1/countdownCancelAll", out);
    query.number("countdownTime", countdown_ms);
    query.text("symbol", entry.symbol().as_bytes());
    query.finish(context).map(of(Method::Post))
}

/// The account's open orders, on one instrument or on all.
///
/// # Errors
///
/// [`WriteError`].
pub fn open_orders(
    context: &RestContext<'_>,
    entry: Option<&Entry>,
    out: &mut [u8],
) -> Result<RestRequest, WriteError> {
    let mut query = Query::begin("/fapi/v1/openOrders", out);
    if let Some(entry) = entry {
        query.text("symbol", entry.symbol().as_bytes());
    }
    query.finish(context).map(of(Method::Get))
}

/// The account's trades on one instrument.
///
/// # Errors
///
/// [`WriteError`].
pub fn user_trades(
    context: &RestContext<'_>,
    entry: &Entry,
    which: Trades,
    out: &mut [u8],
) -> Result<RestRequest, WriteError> {
    let mut query = Query::begin("/fapi/v1/userTrades", out);
    match which {
        Trades::OfOrder(order) => {
            query.number("limit", 1_000);
            query.number("orderId", order);
        }
        Trades::OfOrderFrom { order, id } => {
            query.number("fromId", id);
            query.number("limit", 1_000);
            query.number("orderId", order);
        }
        Trades::From { id, limit } => {
            query.number("fromId", id);
            query.number("limit", limit);
        }
        Trades::Latest(limit) => query.number("limit", limit),
    }
    query.text("symbol", entry.symbol().as_bytes());
    query.finish(context).map(of(Method::Get))
}

/// A signed question without parameters of its own.
fn plain(context: &RestContext<'_>, path: &str, out: &mut [u8]) -> Result<RestRequest, WriteError> {
    Query::begin(path, out).finish(context).map(of(Method::Get))
}

/// Positions of the account: those that are open or have orders.
///
/// # Errors
///
/// [`WriteError`].
pub fn positions(context: &RestContext<'_>, out: &mut [u8]) -> Result<RestRequest, WriteError> {
    plain(context, "/fapi/v3/positionRisk", out)
}

/// Balances of the account.
///
/// # Errors
///
/// [`WriteError`].
pub fn balances(context: &RestContext<'_>, out: &mut [u8]) -> Result<RestRequest, WriteError> {
    plain(context, "/fapi/v3/balance", out)
}

/// Maintenance tiers of all instruments.
///
/// # Errors
///
/// [`WriteError`].
pub fn brackets(context: &RestContext<'_>, out: &mut [u8]) -> Result<RestRequest, WriteError> {
    plain(context, "/fapi/v1/leverageBracket", out)
}

/// Whether the account keeps a long and a short position apart.
///
/// # Errors
///
/// [`WriteError`].
pub fn position_mode(context: &RestContext<'_>, out: &mut [u8]) -> Result<RestRequest, WriteError> {
    plain(context, "/fapi/v1/positionSide/dual", out)
}

/// Funding that was paid and received since a time, the venue's milliseconds; at most 1,000.
///
/// # Errors
///
/// [`WriteError`].
pub fn funding_since(
    context: &RestContext<'_>,
    start_ms: u64,
    out: &mut [u8],
) -> Result<RestRequest, WriteError> {
    let mut query = Query::begin("/fapi/v1/income", out);
    query.text("incomeType", b"FUNDING_FEE");
    query.number("limit", 1_000);
    query.number("startTime", start_ms);
    query.finish(context).map(of(Method::Get))
}

/// `/fapi/v1/positionSide/dual`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PositionMode {
    /// Hedge mode.
    pub dual_side_position: bool,
}
