//! Numbers and enumerations in Binance's spelling.

use std::fmt::Write as _;

use model::num::Scale;
use rust_decimal::Decimal;

use crate::practice::{OrderKind, OrderStatus, SelfTrade, Side, TimeInForce};

/// Digits behind the point in every price, quantity and amount.
const DECIMALS: u8 = 8;

/// A decimal with eight digits behind the point.
pub(in crate::binance) fn money(value: Decimal) -> String {
    format!("{value:.8}")
}

/// Whole steps with eight digits behind the point, appended to `out`. Quick: no decimal type.
pub(in crate::binance) fn push_steps(out: &mut String, scale: Scale, steps: i64) {
    let shift = u32::from(DECIMALS.saturating_sub(scale.decimals()));
    let scaled = i128::from(steps) * i128::from(scale.mantissa()) * 10_i128.pow(shift);
    let unit = 10_i128.pow(u32::from(DECIMALS.max(scale.decimals())));
    let width = usize::from(DECIMALS.max(scale.decimals()));
    let _ = write!(out, "{}.{:0width$}", scaled / unit, scaled % unit);
}

/// As [`push_steps`], on its own.
pub(in crate::binance) fn steps(scale: Scale, count: i64) -> String {
    let mut text = String::with_capacity(24);
    push_steps(&mut text, scale, count);
    text
}

pub(in crate::binance) const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

pub(in crate::binance) const fn kind(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit => "LIMIT",
        OrderKind::Market => "MARKET",
        OrderKind::PostOnly => "LIMIT_MAKER",
    }
}

pub(in crate::binance) const fn time_in_force(tif: TimeInForce) -> &'static str {
    match tif {
        TimeInForce::Gtc => "GTC",
        TimeInForce::Ioc => "IOC",
        TimeInForce::Fok => "FOK",
    }
}

pub(in crate::binance) const fn self_trade(mode: SelfTrade) -> &'static str {
    match mode {
        SelfTrade::Allow => "NONE",
        SelfTrade::ExpireTaker => "EXPIRE_TAKER",
        SelfTrade::ExpireMaker => "EXPIRE_MAKER",
        SelfTrade::ExpireBoth => "EXPIRE_BOTH",
    }
}

pub(in crate::binance) const fn status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::New => "NEW",
        OrderStatus::PartiallyFilled => "PARTIALLY_FILLED",
        OrderStatus::Filled => "FILLED",
        OrderStatus::Cancelled => "CANCELED",
        OrderStatus::Expired => "EXPIRED",
        OrderStatus::ExpiredInMatch => "EXPIRED_IN_MATCH",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_eight_digits_behind_the_point() {
        let tick = Scale::from_text("0.01").unwrap();
        assert_eq!(steps(tick, 6_183_763), "61837.63000000");
        assert_eq!(
            steps(Scale::from_text("0.00000001").unwrap(), 1),
            "0.00000001"
        );
        assert_eq!(steps(Scale::from_text("5").unwrap(), 3), "15.00000000");
        assert_eq!(money(Decimal::new(15, 1)), "1.50000000");
    }
}
