//! An order's parameters, the same for both interfaces and inside of a batch.
//!
//! Hot path: yes. Allocates: no.

use model::body::{AmendOrder, NewOrder, OrderType, SelfTrade, Side, TimeInForce};
use model::num::{Scale, Ticks};

use crate::binance::wire::write::{Digits, Params};
use crate::wire::WriteError;
use crate::wire::order_id::text_of;
use crate::wire::symbols::Entry;

/// Takes parameters. The names come sorted, which the WebSocket API needs and REST does not mind.
pub(super) trait Put {
    /// A text that needs no escapes in JSON and no percent sign in a query.
    fn text(&mut self, name: &'static str, value: &[u8]);
    /// A whole number.
    fn number(&mut self, name: &'static str, value: u64);

    /// Steps as decimal text.
    fn decimal(&mut self, name: &'static str, scale: Scale, steps: i64) -> Result<(), WriteError> {
        let mut text = [0; 40];
        let length = scale
            .write(steps, &mut text)
            .map_err(|_| WriteError::OutOfRange)?;
        self.text(name, &text[..length]);
        Ok(())
    }
}

impl Put for Params<'_, '_> {
    #[inline]
    fn text(&mut self, name: &'static str, value: &[u8]) {
        Params::text(self, name, value);
    }

    #[inline]
    fn number(&mut self, name: &'static str, value: u64) {
        self.bare(name, Digits::of(value).as_bytes());
    }
}

/// When the request is of, and how long it holds; a batch's orders have none of their own.
#[derive(Clone, Copy)]
pub(super) struct Validity {
    pub(super) timestamp_ms: u64,
    pub(super) recv_window_ms: u64,
}

pub(super) const fn side(side: Side) -> &'static [u8] {
    match side {
        Side::Buy => b"BUY",
        Side::Sell => b"SELL",
    }
}

/// A new order. The answer is asked for as it stands after matching (`RESULT`); it has no fills in
/// either case. Post-only is a time in force here, `GTX`.
#[inline]
pub(super) fn new_order(
    to: &mut impl Put,
    entry: &Entry,
    order: &NewOrder,
    validity: Option<Validity>,
) -> Result<(), WriteError> {
    let (kind, time_in_force): (&[u8], Option<&[u8]>) =
        match (order.order_type, order.time_in_force) {
            (OrderType::Market, _) => (b"MARKET", None),
            (OrderType::PostOnly, _) => (b"LIMIT", Some(b"GTX")),
            (OrderType::Limit, TimeInForce::Gtc) => (b"LIMIT", Some(b"GTC")),
            (OrderType::Limit, TimeInForce::Ioc) => (b"LIMIT", Some(b"IOC")),
            (OrderType::Limit, TimeInForce::Fok) => (b"LIMIT", Some(b"FOK")),
        };
    to.text("newClientOrderId", &text_of(order.client_id));
    to.text("newOrderRespType", b"RESULT");
    if time_in_force.is_some() {
        to.decimal("price", entry.price.scale(), order.price.0)?;
    }
    to.decimal("quantity", entry.qty.scale(), order.qty.0)?;
    if let Some(validity) = validity {
        to.number("recvWindow", validity.recv_window_ms);
    }
    if order.reduce_only.is_yes() {
        to.text("reduceOnly", b"true");
    }
    if let Some(mode) = self_trade_mode(order.self_trade) {
        to.text("selfTradePreventionMode", mode);
    }
    to.text("side", side(order.side));
    to.text("symbol", entry.symbol().as_bytes());
    if let Some(word) = time_in_force {
        to.text("timeInForce", word);
    }
    if let Some(validity) = validity {
        to.number("timestamp", validity.timestamp_ms);
    }
    to.text("type", kind);
    Ok(())
}

/// The venue's word; none leaves it to the account's own setting.
const fn self_trade_mode(mode: SelfTrade) -> Option<&'static [u8]> {
    match mode {
        SelfTrade::NotStated => None,
        SelfTrade::ExpireTaker => Some(b"EXPIRE_TAKER"),
        SelfTrade::ExpireMaker => Some(b"EXPIRE_MAKER"),
        SelfTrade::ExpireBoth => Some(b"EXPIRE_BOTH"),
    }
}

/// What the venue wants repeated of an order that is modified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its side.
    pub side: Side,
    /// Its limit price.
    pub price: Ticks,
}

/// An amendment: the venue calls it a modification, wants price and side repeated, and puts the
/// order at the end of its price's queue.
pub(super) fn modify(
    to: &mut impl Put,
    entry: &Entry,
    (order, kept): (&AmendOrder, Kept),
    validity: Validity,
) -> Result<(), WriteError> {
    to.text("origClientOrderId", &text_of(order.client_id));
    to.decimal("price", entry.price.scale(), kept.price.0)?;
    to.decimal("quantity", entry.qty.scale(), order.qty.0)?;
    to.number("recvWindow", validity.recv_window_ms);
    to.text("side", side(kept.side));
    to.text("symbol", entry.symbol().as_bytes());
    to.number("timestamp", validity.timestamp_ms);
    Ok(())
}

/// One order by our id. The venue takes its own id instead, and then does not look at ours: an
/// order of somebody else's could be meant. So ours alone is sent.
pub(super) fn one_order(to: &mut impl Put, entry: &Entry, client_id: u64, validity: Validity) {
    to.text("origClientOrderId", &text_of(client_id));
    to.number("recvWindow", validity.recv_window_ms);
    to.text("symbol", entry.symbol().as_bytes());
    to.number("timestamp", validity.timestamp_ms);
}
