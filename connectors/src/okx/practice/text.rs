//! Numbers and words in the venue's spelling.
//!
//! Every number is a text without zeros at its end; what does not apply is empty.

use model::num::Scale;
use rust_decimal::Decimal;

use crate::practice::{OrderKind, OrderStatus, SelfTrade, Side, TimeInForce};

/// A decimal.
pub(super) fn number(value: Decimal) -> String {
    value.normalize().to_string()
}

/// Whole steps.
pub(super) fn steps(scale: Scale, count: i64) -> String {
    number(scale.decimal(count).unwrap_or_default())
}

pub(super) const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// How long an order lives is a part of its type.
pub(super) const fn kind(kind: OrderKind, time_in_force: TimeInForce) -> &'static str {
    match (kind, time_in_force) {
        (OrderKind::Market, _) => "market",
        (OrderKind::PostOnly, _) => "post_only",
        (OrderKind::Limit, TimeInForce::Gtc) => "limit",
        (OrderKind::Limit, TimeInForce::Ioc) => "ioc",
        (OrderKind::Limit, TimeInForce::Fok) => "fok",
    }
}

pub(super) const fn self_trade(mode: SelfTrade) -> &'static str {
    match mode {
        SelfTrade::Allow => "",
        SelfTrade::ExpireTaker => "cancel_taker",
        SelfTrade::ExpireMaker => "cancel_maker",
        SelfTrade::ExpireBoth => "cancel_both",
    }
}

pub(super) const fn state(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::New => "live",
        OrderStatus::PartiallyFilled => "partially_filled",
        OrderStatus::Filled => "filled",
        OrderStatus::Cancelled | OrderStatus::Expired | OrderStatus::ExpiredInMatch => "canceled",
    }
}
