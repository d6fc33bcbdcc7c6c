//! Writes requests of the USD-M WebSocket API into the caller's buffer. The envelope and the
//! signature are spot's.
//!
//! Every function returns the request's length, or says why there is none.
//!
//! Hot path: yes. Allocates: no.

use model::body::{AmendOrder, NewOrder};

pub use super::terms::Kept;
use super::terms::{self, Put, Validity};
pub use crate::binance::wire::request::{Context, Proof, Scratch};
use crate::binance::wire::write::Params;
use crate::wire::WriteError;
use crate::wire::symbols::Entry;

fn begin<'b, 'k>(
    context: &Context<'k>,
    method: &str,
    scratch: &'b mut Scratch,
    out: &'b mut [u8],
) -> Params<'b, 'k> {
    Params::begin(out, scratch, method, context.id, context.proof)
}

const fn validity(context: &Context<'_>) -> Validity {
    Validity {
        timestamp_ms: context.timestamp_ms,
        recv_window_ms: context.recv_window_ms,
    }
}

/// `order.place`.
///
/// # Errors
///
/// [`WriteError`]; nothing of the buffer is then of use.
pub fn place(
    context: &Context<'_>,
    entry: &Entry,
    order: &NewOrder,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = begin(context, "order.place", scratch, out);
    terms::new_order(&mut params, entry, order, Some(validity(context)))?;
    params.finish()
}

/// `order.modify`: the model's amendment. The quantity changes, the price is repeated, and the
/// order loses its place in the queue: the venue knows no other way.
///
/// # Errors
///
/// [`WriteError`].
pub fn modify(
    context: &Context<'_>,
    entry: &Entry,
    order: (&AmendOrder, Kept),
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = begin(context, "order.modify", scratch, out);
    terms::modify(&mut params, entry, order, validity(context))?;
    params.finish()
}

/// `order.cancel`, by our id.
///
/// # Errors
///
/// [`WriteError`].
pub fn cancel(
    context: &Context<'_>,
    entry: &Entry,
    client_id: u64,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = begin(context, "order.cancel", scratch, out);
    terms::one_order(&mut params, entry, client_id, validity(context));
    params.finish()
}

/// `order.status`, by our id.
///
/// # Errors
///
/// [`WriteError`].
pub fn order_status(
    context: &Context<'_>,
    entry: &Entry,
    client_id: u64,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = begin(context, "order.status", scratch, out);
    terms::one_order(&mut params, entry, client_id, validity(context));
    params.finish()
}

/// `order.status` by the venue's id: whose order it is.
///
/// # Errors
///
/// [`WriteError`].
pub fn order_by_venue_id(
    context: &Context<'_>,
    entry: &Entry,
    venue_order_id: u64,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = begin(context, "order.status", scratch, out);
    params.number("orderId", venue_order_id);
    params.number("recvWindow", context.recv_window_ms);
    Put::text(&mut params, "symbol", entry.symbol().as_bytes());
    params.number("timestamp", context.timestamp_ms);
    params.finish()
}

/// A request of the account's with nothing but the time: `session.logon` (an Ed25519 key only),
/// `v2/account.balance`, `v2/account.position`.
fn timed(
    method: &str,
    context: &Context<'_>,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = begin(context, method, scratch, out);
    params.number("recvWindow", context.recv_window_ms);
    params.number("timestamp", context.timestamp_ms);
    params.finish()
}

/// `session.logon`; needs an Ed25519 key in the context's proof.
///
/// # Errors
///
/// [`WriteError`].
pub fn logon(
    context: &Context<'_>,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    timed("session.logon", context, scratch, out)
}

/// `v2/account.balance`.
///
/// # Errors
///
/// [`WriteError`].
pub fn balances(
    context: &Context<'_>,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    timed("v2/account.balance", context, scratch, out)
}

/// `v2/account.position`.
///
/// # Errors
///
/// [`WriteError`].
pub fn positions(
    context: &Context<'_>,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    timed("v2/account.position", context, scratch, out)
}

/// `session.status`: the venue's time, and a sign of life of the connection, without a signature.
///
/// # Errors
///
/// [`WriteError`].
pub fn session_status(id: u64, scratch: &mut Scratch, out: &mut [u8]) -> Result<usize, WriteError> {
    Params::begin(out, scratch, "session.status", id, Proof::Session).finish()
}

/// What is done with a listen key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenKey {
    /// Asks for one; while one is valid the venue gives the same.
    Start,
    /// Keeps it for another hour.
    Ping,
    /// Ends it.
    Stop,
}

/// `userDataStream.start`, `.ping` and `.stop`: the key alone, without signature or time.
///
/// # Errors
///
/// [`WriteError`].
pub fn listen_key(
    id: u64,
    what: ListenKey,
    api_key: &str,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let method = match what {
        ListenKey::Start => "userDataStream.start",
        ListenKey::Ping => "userDataStream.ping",
        ListenKey::Stop => "userDataStream.stop",
    };
    let mut params = Params::begin(out, scratch, method, id, Proof::Session);
    Put::text(&mut params, "apiKey", api_key.as_bytes());
    params.finish()
}
