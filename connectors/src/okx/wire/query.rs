//! Writes requests of the REST interface into the caller's buffer: path, body, and the headers that
//! sign them.
//!
//! What is signed is the time, the method, the path with its query, and the body, exactly as they
//! are sent. Hot path: as the fallback of orders. Allocates: no.

use std::ops::Range;

use model::body::{AmendOrder, NewOrder};

use super::request::{
    BATCH_MAX, Keys, Naming, SIGNATURE_BYTES, Target, TradeMode, amended, cancelled, new_order,
    sign,
};
pub use super::time::iso_time;
use crate::gateway::dialect::{HEADERS_MAX, HttpLetter};
use crate::net::Method;
use crate::wire::WriteError;
use crate::wire::order_id::plain_text_of;
use crate::wire::out::{Digits, Out};
use crate::wire::symbols::Entry;

/// Longest text that is signed: time, method, path and a batch of cancels.
const PAYLOAD_BYTES: usize = 4_096;

/// What every request needs.
#[derive(Debug, Clone, Copy)]
pub struct RestContext<'k> {
    /// Who asks.
    pub keys: &'k Keys,
    /// The venue's time as we reckon it, milliseconds since the Unix epoch.
    pub venue_ms: u64,
    /// After this the venue drops an order or an amendment unread, milliseconds since the Unix
    /// epoch by its clock. `None`: it never does.
    pub expires_ms: Option<u64>,
    /// Whether it is the venue's own practice account.
    pub demo: bool,
}

/// Where a request's parts are in the buffer.
struct Parts {
    method: Method,
    path: Range<usize>,
    body: Range<usize>,
}

/// A request without a body, or with one that begins where the path ends.
fn get(path: &[&[u8]], out: &mut [u8]) -> Result<Parts, WriteError> {
    let mut text = Out::new(out);
    for piece in path {
        text.put(piece);
    }
    let length = text.finish()?;
    Ok(Parts {
        method: Method::Get,
        path: 0..length,
        body: length..length,
    })
}

fn post(
    path: &[u8],
    out: &mut [u8],
    body: impl FnOnce(&mut Out<'_>) -> Result<(), WriteError>,
) -> Result<Parts, WriteError> {
    let mut text = Out::new(out);
    text.put(path);
    body(&mut text)?;
    let length = text.finish()?;
    Ok(Parts {
        method: Method::Post,
        path: 0..path.len(),
        body: path.len()..length,
    })
}

/// Adds the headers behind path and body.
fn signed(
    context: &RestContext<'_>,
    parts: Parts,
    expires: bool,
    out: &mut [u8],
) -> Result<HttpLetter, WriteError> {
    let time = iso_time(context.venue_ms);
    let (written, place) = out
        .split_at_mut_checked(parts.body.end)
        .ok_or(WriteError::TooLong)?;
    let method: &[u8] = match parts.method {
        Method::Get => b"GET",
        Method::Post | Method::Put | Method::Delete => b"POST",
    };
    let mut payload = [0; PAYLOAD_BYTES];
    let mut text = Out::new(&mut payload);
    text.put(&time);
    text.put(method);
    // The body stands right behind the path.
    text.put(&written[parts.path.start..]);
    if text.is_full() {
        return Err(WriteError::TooLong);
    }
    let mut signature = [0; SIGNATURE_BYTES];
    let signature = sign(&context.keys.secret, text.written(), &mut signature);
    let expiry = context.expires_ms.filter(|_| expires).map(Digits::of);
    let values: [Option<(&'static str, &[u8])>; HEADERS_MAX] = [
        Some(("OK-ACCESS-KEY", context.keys.api_key.as_bytes())),
        Some(("OK-ACCESS-SIGN", signature)),
        Some(("OK-ACCESS-TIMESTAMP", &time)),
        Some(("OK-ACCESS-PASSPHRASE", context.keys.passphrase.as_bytes())),
        Some(("Content-Type", b"application/json")),
        expiry.as_ref().map(|time| ("expTime", time.as_bytes())),
        context.demo.then_some(("x-simulated-trading", b"1")),
        None,
    ];
    let mut headers = [const { None }; HEADERS_MAX];
    let mut behind = Out::new(place);
    let mut at = parts.body.end;
    for (header, value) in headers.iter_mut().zip(values) {
        if let Some((name, value)) = value {
            behind.put(value);
            *header = Some((name, at..at + value.len()));
            at += value.len();
        }
    }
    behind.finish()?;
    Ok(HttpLetter {
        method: parts.method,
        path: parts.path,
        headers,
        body: parts.body,
    })
}

/// The venue's time. Nothing is signed.
///
/// # Errors
///
/// [`WriteError::TooLong`], as for all below.
pub fn time(out: &mut [u8]) -> Result<HttpLetter, WriteError> {
    let parts = get(&[b"/api/v5/public/time"], out)?;
    Ok(HttpLetter {
        method: parts.method,
        path: parts.path,
        headers: [const { None }; HEADERS_MAX],
        body: parts.body,
    })
}

/// Places an order.
///
/// # Errors
///
/// As [`super::request::place`].
pub fn place(
    context: &RestContext<'_>,
    target: &Target<'_>,
    order: &NewOrder,
    out: &mut [u8],
) -> Result<HttpLetter, WriteError> {
    let parts = post(b"/api/v5/trade/order", out, |json| {
        new_order(json, target, Naming::Symbol, order)
    })?;
    signed(context, parts, true, out)
}

/// Cancels an order, by our id and, unless it is 0, the venue's.
///
/// # Errors
///
/// [`WriteError::TooLong`].
pub fn cancel(
    context: &RestContext<'_>,
    target: &Target<'_>,
    ids: (u64, u64),
    out: &mut [u8],
) -> Result<HttpLetter, WriteError> {
    let parts = post(b"/api/v5/trade/cancel-order", out, |json| {
        cancelled(json, target, Naming::Symbol, ids)
    })?;
    signed(context, parts, false, out)
}

/// Cancels orders of one instrument by the venue's ids, 1 to [`BATCH_MAX`] of them.
///
/// # Errors
///
/// [`WriteError`]: too long, or too many.
pub fn cancel_several(
    context: &RestContext<'_>,
    target: &Target<'_>,
    order_ids: &[u64],
    out: &mut [u8],
) -> Result<HttpLetter, WriteError> {
    if order_ids.is_empty() || order_ids.len() > BATCH_MAX {
        return Err(WriteError::NotThere);
    }
    let parts = post(b"/api/v5/trade/cancel-batch-orders", out, |json| {
        json.put(b"[");
        for (at, order_id) in order_ids.iter().enumerate() {
            if at > 0 {
                json.put(b",");
            }
            cancelled(json, target, Naming::Symbol, (0, *order_id))?;
        }
        json.put(b"]");
        Ok(())
    })?;
    signed(context, parts, false, out)
}

/// Gives an order another quantity.
///
/// # Errors
///
/// [`WriteError`]: too long or out of range.
pub fn amend(
    context: &RestContext<'_>,
    target: &Target<'_>,
    order: &AmendOrder,
    out: &mut [u8],
) -> Result<HttpLetter, WriteError> {
    let parts = post(b"/api/v5/trade/amend-order", out, |json| {
        amended(json, target, Naming::Symbol, order)
    })?;
    signed(context, parts, true, out)
}

/// Which order is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// By our id.
    Ours(u64),
    /// By the venue's.
    Venues(u64),
}

/// How an order is.
///
/// # Errors
///
/// [`WriteError::TooLong`].
pub fn order(
    context: &RestContext<'_>,
    entry: &Entry,
    which: Which,
    out: &mut [u8],
) -> Result<HttpLetter, WriteError> {
    let path = b"/api/v5/trade/order?instId=";
    let symbol = entry.symbol().as_bytes();
    let parts = match which {
        Which::Ours(id) => get(&[path, symbol, b"&clOrdId=", &plain_text_of(id)], out),
        Which::Venues(id) => get(&[path, symbol, b"&ordId=", Digits::of(id).as_bytes()], out),
    }?;
    signed(context, parts, false, out)
}

/// What a list is of.
#[derive(Debug, Clone, Copy)]
pub enum Of<'e> {
    /// All of this kind: `cash` is spot, the others are perpetuals.
    All(TradeMode),
    /// One instrument.
    One(TradeMode, &'e Entry),
}

impl Of<'_> {
    fn query(&self) -> [&[u8]; 4] {
        let kind = |mode: &TradeMode| -> &[u8] {
            match mode {
                TradeMode::Cash => b"SPOT",
                TradeMode::Cross | TradeMode::Isolated => b"SWAP",
            }
        };
        match self {
            Self::All(mode) => [b"?instType=", kind(mode), b"", b""],
            Self::One(mode, entry) => [
                b"?instType=",
                kind(mode),
                b"&instId=",
                entry.symbol().as_bytes(),
            ],
        }
    }
}

/// The open orders, 100 a page, the latest first. `after`: the page behind this order of the
/// venue's.
///
/// # Errors
///
/// [`WriteError::TooLong`].
pub fn open_orders(
    context: &RestContext<'_>,
    of: Of<'_>,
    after: Option<u64>,
    out: &mut [u8],
) -> Result<HttpLetter, WriteError> {
    listed(
        context,
        b"/api/v5/trade/orders-pending",
        of,
        [after, None],
        out,
    )
}

/// How far back fills are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fills {
    /// Three days.
    Recent,
    /// Three months, more slowly.
    History,
}

/// Our fills, 100 a page, the latest first: those of earlier ledger ids than `after`, of later ones
/// than `before`.
///
/// # Errors
///
/// [`WriteError::TooLong`].
pub fn fills(
    context: &RestContext<'_>,
    which: Fills,
    of: Of<'_>,
    [after, before]: [Option<u64>; 2],
    out: &mut [u8],
) -> Result<HttpLetter, WriteError> {
    let path: &[u8] = match which {
        Fills::Recent => b"/api/v5/trade/fills",
        Fills::History => b"/api/v5/trade/fills-history",
    };
    listed(context, path, of, [after, before], out)
}

fn listed(
    context: &RestContext<'_>,
    path: &[u8],
    of: Of<'_>,
    bounds: [Option<u64>; 2],
    out: &mut [u8],
) -> Result<HttpLetter, WriteError> {
    let [kind, word, name, symbol] = of.query();
    let [after, before] = bounds.map(|bound| bound.map(Digits::of));
    let [after_name, after] = bound(b"&after=", after.as_ref());
    let [before_name, before] = bound(b"&before=", before.as_ref());
    let pieces = [
        path,
        kind,
        word,
        name,
        symbol,
        after_name,
        after,
        before_name,
        before,
    ];
    let parts = get(&pieces, out)?;
    signed(context, parts, false, out)
}

/// A bound's name and value; nothing without it.
fn bound<'d>(name: &'static [u8], value: Option<&'d Digits>) -> [&'d [u8]; 2] {
    match value {
        Some(value) => [name, value.as_bytes()],
        None => [b"", b""],
    }
}

/// The fills of one order by the venue's id, the latest first, behind the ledger id `after`.
///
/// # Errors
///
/// [`WriteError::TooLong`].
pub fn fills_of(
    context: &RestContext<'_>,
    which: Fills,
    entry: &Entry,
    (order_id, after): (u64, Option<u64>),
    out: &mut [u8],
) -> Result<HttpLetter, WriteError> {
    let path: &[u8] = match (which, entry.symbol().ends_with("-SWAP")) {
        (Fills::Recent, _) => b"/api/v5/trade/fills?instId=",
        // The longer history wants the kind, too.
        (Fills::History, false) => b"/api/v5/trade/fills-history?instType=SPOT&instId=",
        (Fills::History, true) => b"/api/v5/trade/fills-history?instType=SWAP&instId=",
    };
    let (id, page) = (Digits::of(order_id), Digits::of(after.unwrap_or(0)));
    let symbol = entry.symbol().as_bytes();
    let all: [&[u8]; 6] = [
        path,
        symbol,
        b"&ordId=",
        id.as_bytes(),
        b"&after=",
        page.as_bytes(),
    ];
    let pieces = if after.is_some() { &all[..] } else { &all[..4] };
    let parts = get(pieces, out)?;
    signed(context, parts, false, out)
}

/// The account's assets.
///
/// # Errors
///
/// [`WriteError::TooLong`].
pub fn balance(context: &RestContext<'_>, out: &mut [u8]) -> Result<HttpLetter, WriteError> {
    let parts = get(&[b"/api/v5/account/balance"], out)?;
    signed(context, parts, false, out)
}

/// Entries of the account's ledger of one kind (the venue's number), 100 a page, the latest first:
/// of earlier ids than `after`, of later ones than `before`.
///
/// # Errors
///
/// [`WriteError::TooLong`].
pub fn bills(
    context: &RestContext<'_>,
    kind: &[u8],
    [after, before]: [Option<u64>; 2],
    out: &mut [u8],
) -> Result<HttpLetter, WriteError> {
    let [after, before] = [after, before].map(|bound| bound.map(Digits::of));
    let [after_name, after] = bound(b"&after=", after.as_ref());
    let [before_name, before] = bound(b"&before=", before.as_ref());
    let path = b"/api/v5/account/bills?type=";
    let parts = get(&[path, kind, after_name, after, before_name, before], out)?;
    signed(context, parts, false, out)
}

/// How the account is set.
///
/// # Errors
///
/// [`WriteError::TooLong`].
pub fn account_config(context: &RestContext<'_>, out: &mut [u8]) -> Result<HttpLetter, WriteError> {
    let parts = get(&[b"/api/v5/account/config"], out)?;
    signed(context, parts, false, out)
}

/// The account's perpetual positions.
///
/// # Errors
///
/// [`WriteError::TooLong`].
pub fn positions(context: &RestContext<'_>, out: &mut [u8]) -> Result<HttpLetter, WriteError> {
    let parts = get(&[b"/api/v5/account/positions?instType=SWAP"], out)?;
    signed(context, parts, false, out)
}

/// The dead man's switch of the whole account: everything is cancelled after so many seconds
/// without another of these, 10 to 120; 0 takes it back.
///
/// # Errors
///
/// [`WriteError`]: too long, or a time that the venue does not take.
pub fn cancel_all_after(
    context: &RestContext<'_>,
    seconds: u64,
    out: &mut [u8],
) -> Result<HttpLetter, WriteError> {
    if !matches!(seconds, 0 | 10..=120) {
        return Err(WriteError::OutOfRange);
    }
    let parts = post(b"/api/v5/trade/cancel-all-after", out, |json| {
        json.put(b"{\"timeOut\":\"");
        json.put(Digits::of(seconds).as_bytes());
        json.put(b"\"}");
        Ok(())
    })?;
    signed(context, parts, false, out)
}
