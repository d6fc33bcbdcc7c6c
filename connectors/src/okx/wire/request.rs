//! Writes requests of the private connection into the caller's buffer: login, subscriptions,
//! orders.
//!
//! Every function returns the request's length, or says why there is none. The connection is logged
//! on once; requests carry no signature of their own. Only a login has no number.
//!
//! Hot path: yes. Allocates: no.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::body::{AmendOrder, NewOrder, OrderType, SelfTrade, Side, TimeInForce};

use crate::sign::HmacKey;
use crate::wire::WriteError;
use crate::wire::order_id::plain_text_of;
use crate::wire::out::{Digits, Out};
use crate::wire::symbols::Entry;

/// Longest text of a signature: base64 of 32 bytes.
pub(super) const SIGNATURE_BYTES: usize = 44;

/// What every request about orders needs.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Our number for the request.
    pub id: u64,
    /// After this the venue drops the request unread, milliseconds since the Unix epoch by its
    /// clock. `None`: it never does.
    pub expires_ms: Option<u64>,
}

/// What stands behind an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TradeMode {
    /// Spot without leverage.
    Cash,
    /// Margin of all the account.
    Cross,
    /// Margin of the position alone.
    Isolated,
}

impl TradeMode {
    const fn word(self) -> &'static [u8] {
        match self {
            Self::Cash => b"cash",
            Self::Cross => b"cross",
            Self::Isolated => b"isolated",
        }
    }
}

/// An instrument as orders name it.
#[derive(Debug, Clone, Copy)]
pub struct Target<'t> {
    /// Symbol and steps.
    pub entry: &'t Entry,
    /// The venue's number for it: orders over WebSocket need it.
    pub code: Option<u64>,
    /// What stands behind orders.
    pub mode: TradeMode,
}

/// Both halves of a key, and the word that goes with it.
#[derive(Debug)]
pub struct Keys {
    /// The public half.
    pub api_key: String,
    /// The word that was chosen with the key.
    pub passphrase: String,
    /// The secret half.
    pub secret: HmacKey,
}

/// Writes the base64 of `payload`'s signature into `text`.
pub(super) fn sign<'t>(
    secret: &HmacKey,
    payload: &[u8],
    text: &'t mut [u8; SIGNATURE_BYTES],
) -> &'t [u8] {
    let tag = secret.sign_raw(payload);
    let length = STANDARD.encode_slice(tag, text);
    let length = length.expect("Invariant: 32 bytes are 44 characters of base64");
    &text[..length]
}

/// Logs the connection on. `now_s`: the venue's time as we reckon it, seconds since the Unix epoch;
/// the venue takes it within 30 seconds.
///
/// # Errors
///
/// [`WriteError::TooLong`].
pub fn login(keys: &Keys, now_s: u64, out: &mut [u8]) -> Result<usize, WriteError> {
    let time = Digits::of(now_s);
    let mut payload = [0; 64];
    let mut text = Out::new(&mut payload);
    text.put(time.as_bytes());
    text.put(b"GET/users/self/verify");
    let mut signature = [0; SIGNATURE_BYTES];
    let signature = sign(&keys.secret, text.written(), &mut signature);
    let mut json = Out::new(out);
    json.put(b"{\"op\":\"login\",\"args\":[{\"apiKey\":\"");
    json.put(keys.api_key.as_bytes());
    json.put(b"\",\"passphrase\":\"");
    json.put(keys.passphrase.as_bytes());
    json.put(b"\",\"timestamp\":\"");
    json.put(time.as_bytes());
    json.put(b"\",\"sign\":\"");
    json.put(signature);
    json.put(b"\"}]}");
    json.finish()
}

/// Subscribes to the private channels of an account: orders, money and why it moved, and for
/// perpetuals positions too. The venue answers once for each.
///
/// # Errors
///
/// [`WriteError::TooLong`].
pub fn subscribe(id: u64, perpetuals: bool, out: &mut [u8]) -> Result<usize, WriteError> {
    let mut json = Out::new(out);
    begin(&mut json, id, b"subscribe");
    let kind: &[u8] = if perpetuals { b"SWAP" } else { b"SPOT" };
    json.put(b"{\"channel\":\"orders\",\"instType\":\"");
    json.put(kind);
    // Without the interval the venue repeats itself every few seconds.
    json.put(
        b"\"},{\"channel\":\"account\",\"extraParams\":\"{\\\"updateInterval\\\":\\\"0\\\"}\"}",
    );
    json.put(b",{\"channel\":\"balance_and_position\"}");
    if perpetuals {
        json.put(b",{\"channel\":\"positions\",\"instType\":\"SWAP\",");
        json.put(b"\"extraParams\":\"{\\\"updateInterval\\\":\\\"0\\\"}\"}");
    }
    json.put(b"]}");
    json.finish()
}

/// How many answers a [`subscribe`] has.
#[must_use]
pub const fn subscriptions(perpetuals: bool) -> u32 {
    if perpetuals { 4 } else { 3 }
}

fn begin(json: &mut Out<'_>, id: u64, op: &[u8]) {
    json.put(b"{\"id\":\"");
    json.put(Digits::of(id).as_bytes());
    json.put(b"\",\"op\":\"");
    json.put(op);
    json.put(b"\",\"args\":[");
}

fn end(mut json: Out<'_>, context: &Context) -> Result<usize, WriteError> {
    json.put(b"]");
    if let Some(expires_ms) = context.expires_ms {
        json.put(b",\"expTime\":\"");
        json.put(Digits::of(expires_ms).as_bytes());
        json.put(b"\"");
    }
    json.put(b"}");
    json.finish()
}

/// How an order names its instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// By the venue's number: WebSocket.
    Code,
    /// By the symbol: REST.
    Symbol,
}

/// Begins an order's object with its instrument.
pub(super) fn instrument(
    json: &mut Out<'_>,
    target: &Target<'_>,
    naming: Naming,
) -> Result<(), WriteError> {
    match naming {
        Naming::Code => {
            json.put(b"{\"instIdCode\":");
            let code = target.code.ok_or(WriteError::NotThere)?;
            json.put(Digits::of(code).as_bytes());
        }
        Naming::Symbol => {
            json.put(b"{\"instId\":\"");
            json.put(target.entry.symbol().as_bytes());
            json.put(b"\"");
        }
    }
    Ok(())
}

/// One member with a text.
fn text(json: &mut Out<'_>, name: &str, value: &[u8]) {
    json.put_all([b",\"", name.as_bytes(), b"\":\"", value, b"\""]);
}

fn decimal(
    json: &mut Out<'_>,
    name: &str,
    scale: model::num::Scale,
    steps: i64,
) -> Result<(), WriteError> {
    let mut digits = [0; 40];
    let length = scale
        .write(steps, &mut digits)
        .map_err(|_| WriteError::OutOfRange)?;
    text(json, name, &digits[..length]);
    Ok(())
}

/// The venue's kind of an order: how long it lives is a part of it.
const fn kind_of(order: &NewOrder) -> Option<&'static [u8]> {
    match (order.order_type, order.time_in_force) {
        (OrderType::Limit, TimeInForce::Gtc) => Some(b"limit"),
        (OrderType::Limit, TimeInForce::Ioc) => Some(b"ioc"),
        (OrderType::Limit, TimeInForce::Fok) => Some(b"fok"),
        (OrderType::PostOnly, TimeInForce::Gtc) => Some(b"post_only"),
        (OrderType::Market, TimeInForce::Gtc | TimeInForce::Ioc) => Some(b"market"),
        (OrderType::PostOnly, TimeInForce::Ioc | TimeInForce::Fok)
        | (OrderType::Market, TimeInForce::Fok) => None,
    }
}

/// The object of a new order.
pub(super) fn new_order(
    json: &mut Out<'_>,
    target: &Target<'_>,
    naming: Naming,
    order: &NewOrder,
) -> Result<(), WriteError> {
    let kind = kind_of(order).ok_or(WriteError::NotThere)?;
    let is_cash = target.mode == TradeMode::Cash;
    instrument(json, target, naming)?;
    text(json, "tdMode", target.mode.word());
    text(json, "clOrdId", &plain_text_of(order.client_id));
    let side: &[u8] = match order.side {
        Side::Buy => b"buy",
        Side::Sell => b"sell",
    };
    text(json, "side", side);
    text(json, "ordType", kind);
    if order.order_type != OrderType::Market {
        decimal(json, "px", target.entry.price.scale(), order.price.0)?;
    } else if is_cash {
        // The venue would take a buy's quantity for an amount of money.
        text(json, "tgtCcy", b"base_ccy");
    }
    decimal(json, "sz", target.entry.qty.scale(), order.qty.0)?;
    if order.reduce_only.is_yes() {
        if is_cash {
            return Err(WriteError::NotThere);
        }
        json.put(b",\"reduceOnly\":true");
    }
    let prevention: Option<&[u8]> = match order.self_trade {
        SelfTrade::NotStated => None,
        SelfTrade::ExpireTaker => Some(b"cancel_taker"),
        SelfTrade::ExpireMaker => Some(b"cancel_maker"),
        // The venue refuses it for these.
        SelfTrade::ExpireBoth if order.time_in_force == TimeInForce::Fok => {
            return Err(WriteError::NotThere);
        }
        SelfTrade::ExpireBoth => Some(b"cancel_both"),
    };
    if let Some(prevention) = prevention {
        text(json, "stpMode", prevention);
    }
    json.put(b"}");
    Ok(())
}

/// Which order, by our id and, unless it is 0, the venue's, which prevails.
pub(super) fn which(json: &mut Out<'_>, (client_id, order_id): (u64, u64)) {
    if order_id == 0 {
        text(json, "clOrdId", &plain_text_of(client_id));
    } else {
        text(json, "ordId", Digits::of(order_id).as_bytes());
    }
}

/// The object of a cancel.
pub(super) fn cancelled(
    json: &mut Out<'_>,
    target: &Target<'_>,
    naming: Naming,
    ids: (u64, u64),
) -> Result<(), WriteError> {
    instrument(json, target, naming)?;
    which(json, ids);
    json.put(b"}");
    Ok(())
}

/// The object of an amendment. Its number comes back with the push that says what became of it.
pub(super) fn amended(
    json: &mut Out<'_>,
    target: &Target<'_>,
    naming: Naming,
    order: &AmendOrder,
) -> Result<(), WriteError> {
    instrument(json, target, naming)?;
    which(json, (order.client_id, order.venue_order_id));
    text(json, "reqId", Digits::of(order.command).as_bytes());
    decimal(json, "newSz", target.entry.qty.scale(), order.qty.0)?;
    json.put(b"}");
    Ok(())
}

/// Most orders of one batch.
pub const BATCH_MAX: usize = 20;

/// Writes one object, or a batch of them: which request it is follows from how many there are.
fn several<T>(
    context: &Context,
    ops: [&[u8]; 2],
    items: &[T],
    out: &mut [u8],
    write: impl Fn(&mut Out<'_>, &T) -> Result<(), WriteError>,
) -> Result<usize, WriteError> {
    let op = match items.len() {
        1 => ops[0],
        2..=BATCH_MAX => ops[1],
        _ => return Err(WriteError::NotThere),
    };
    let mut json = Out::new(out);
    begin(&mut json, context.id, op);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            json.put(b",");
        }
        write(&mut json, item)?;
    }
    end(json, context)
}

/// Places orders, 1 to [`BATCH_MAX`] of them.
///
/// # Errors
///
/// [`WriteError`]: too long, out of range, or [`WriteError::NotThere`] for what the venue does not
/// have: an instrument without a number, a post-only or market order that is not good till
/// cancelled, reduce-only without a margin.
pub fn place(
    context: &Context,
    orders: &[(Target<'_>, &NewOrder)],
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let ops: [&[u8]; 2] = [b"order", b"batch-orders"];
    several(context, ops, orders, out, |json, (target, order)| {
        new_order(json, target, Naming::Code, order)
    })
}

/// Cancels orders, 1 to [`BATCH_MAX`] of them: by our id and, unless it is 0, the venue's.
///
/// # Errors
///
/// [`WriteError`].
pub fn cancel(
    context: &Context,
    orders: &[(Target<'_>, (u64, u64))],
    out: &mut [u8],
) -> Result<usize, WriteError> {
    // The venue documents an expiry of orders and amendments only.
    let context = Context {
        expires_ms: None,
        ..*context
    };
    let ops: [&[u8]; 2] = [b"cancel-order", b"batch-cancel-orders"];
    several(&context, ops, orders, out, |json, (target, ids)| {
        cancelled(json, target, Naming::Code, *ids)
    })
}

/// Gives orders another quantity, 1 to [`BATCH_MAX`] of them.
///
/// # Errors
///
/// [`WriteError`].
pub fn amend(
    context: &Context,
    orders: &[(Target<'_>, &AmendOrder)],
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let ops: [&[u8]; 2] = [b"amend-order", b"batch-amend-orders"];
    several(context, ops, orders, out, |json, (target, order)| {
        amended(json, target, Naming::Code, order)
    })
}
