//! Reading a new order and holding it against the symbol's filters.

use model::instrument::InstrumentSpec;
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

use super::error::ApiError;
use super::params::Params;
use crate::practice::{OrderKind, SelfTrade, Side, TimeInForce};

/// Digits that a price or quantity may have behind the point.
pub(in crate::binance) const PRECISION: u32 = 8;
/// Amendments of one order.
pub(in crate::binance) const MAX_NUM_ORDER_AMENDS: u32 = 10;
/// Multipliers of PERCENT_PRICE_BY_SIDE, up and down, against the last price.
pub(in crate::binance) const PRICE_UP: i64 = 5;
pub(in crate::binance) const PRICE_DOWN_INVERSE: i64 = 5;

/// An order request in the venue's own terms.
#[derive(Debug, Clone)]
pub(in crate::binance) struct NewOrder {
    pub(in crate::binance) side: Side,
    pub(in crate::binance) kind: OrderKind,
    pub(in crate::binance) time_in_force: TimeInForce,
    pub(in crate::binance) self_trade: SelfTrade,
    pub(in crate::binance) price: Option<Ticks>,
    pub(in crate::binance) qty: Quantity,
    pub(in crate::binance) client_id: Option<String>,
    pub(in crate::binance) answer: AnswerKind,
}

/// What is ordered.
#[derive(Debug, Clone, Copy)]
pub(in crate::binance) enum Quantity {
    Base(Lots),
    /// A market order's value.
    Quote(Decimal),
}

/// `newOrderRespType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::binance) enum AnswerKind {
    Ack,
    Result,
    Full,
}

/// Reads an order and checks all filters that need no book.
pub(in crate::binance) fn read(
    params: &Params,
    spec: &InstrumentSpec,
) -> Result<NewOrder, ApiError> {
    let side = side(params.need("side")?)?;
    let kind = kind(params.need("type")?)?;
    let time_in_force = time_in_force(params, kind)?;
    for name in ["stopPrice", "trailingDelta", "icebergQty"] {
        if params.get(name).is_some() {
            return Err(ApiError::not_required(name));
        }
    }
    let order = NewOrder {
        side,
        kind,
        time_in_force,
        self_trade: self_trade(params.get("selfTradePreventionMode"))?,
        price: price(params, kind, spec)?,
        qty: quantity(params, kind, spec)?,
        client_id: client_id(params, "newClientOrderId")?,
        answer: answer(params.get("newOrderRespType"), kind)?,
    };
    if !spec.trading {
        return Err(ApiError::engine("Market is closed."));
    }
    Ok(order)
}

fn side(text: &str) -> Result<Side, ApiError> {
    match text {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(ApiError::bad(-1117, "Invalid side.")),
    }
}

fn kind(text: &str) -> Result<OrderKind, ApiError> {
    match text {
        "LIMIT" => Ok(OrderKind::Limit),
        "MARKET" => Ok(OrderKind::Market),
        "LIMIT_MAKER" => Ok(OrderKind::PostOnly),
        _ => Err(ApiError::bad(-1116, "Invalid orderType.")),
    }
}

fn time_in_force(params: &Params, kind: OrderKind) -> Result<TimeInForce, ApiError> {
    match (kind, params.get("timeInForce")) {
        (OrderKind::Limit, None) => Err(ApiError::missing("timeInForce")),
        (OrderKind::Limit, Some("GTC")) => Ok(TimeInForce::Gtc),
        (OrderKind::Limit, Some("IOC")) => Ok(TimeInForce::Ioc),
        (OrderKind::Limit, Some("FOK")) => Ok(TimeInForce::Fok),
        (OrderKind::Limit, Some(_)) => Err(ApiError::bad(-1115, "Invalid timeInForce.")),
        (OrderKind::Market | OrderKind::PostOnly, None) => Ok(TimeInForce::Gtc),
        (OrderKind::Market | OrderKind::PostOnly, Some(_)) => {
            Err(ApiError::not_required("timeInForce"))
        }
    }
}

fn self_trade(text: Option<&str>) -> Result<SelfTrade, ApiError> {
    match text {
        None | Some("EXPIRE_MAKER") => Ok(SelfTrade::ExpireMaker),
        Some("NONE") => Ok(SelfTrade::Allow),
        Some("EXPIRE_TAKER") => Ok(SelfTrade::ExpireTaker),
        Some("EXPIRE_BOTH") => Ok(SelfTrade::ExpireBoth),
        Some(_) => Err(ApiError::bad(
            -1013,
            "This symbol does not allow the self-trade prevention mode.",
        )),
    }
}

fn answer(text: Option<&str>, kind: OrderKind) -> Result<AnswerKind, ApiError> {
    match (text, kind) {
        (Some("ACK"), _) | (None, OrderKind::PostOnly) => Ok(AnswerKind::Ack),
        (Some("RESULT"), _) => Ok(AnswerKind::Result),
        (Some("FULL"), _) | (None, OrderKind::Limit | OrderKind::Market) => Ok(AnswerKind::Full),
        (Some(_), _) => Err(ApiError::bad(-1164, "Invalid newOrderRespType.")),
    }
}

/// A client's name for an order or a cancel.
pub(in crate::binance) fn client_id(
    params: &Params,
    name: &str,
) -> Result<Option<String>, ApiError> {
    let Some(text) = params.get(name) else {
        return Ok(None);
    };
    let legal = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !legal || text.len() > 36 {
        return Err(ApiError::illegal(name, "^[a-zA-Z0-9-_]{1,36}$"));
    }
    Ok(Some(text.to_owned()))
}

fn price(
    params: &Params,
    kind: OrderKind,
    spec: &InstrumentSpec,
) -> Result<Option<Ticks>, ApiError> {
    let price = params.decimal("price", PRECISION)?;
    if kind == OrderKind::Market {
        return match price {
            None => Ok(None),
            Some(_) => Err(ApiError::not_required("price")),
        };
    }
    let price = price.ok_or_else(|| ApiError::missing("price"))?;
    let filter = || ApiError::filter("PRICE_FILTER");
    let ticks = Ticks(spec.tick.steps(price).map_err(|_| filter())?);
    let low = spec.price_min.is_some_and(|bound| ticks < bound);
    let high = spec.price_max.is_some_and(|bound| ticks > bound);
    if low || high || ticks.0 <= 0 {
        return Err(filter());
    }
    Ok(Some(ticks))
}

/// `newQty` of an amendment.
pub(in crate::binance) fn new_qty(
    params: &Params,
    spec: &InstrumentSpec,
) -> Result<Lots, ApiError> {
    let value = params
        .decimal("newQty", PRECISION)?
        .ok_or_else(|| ApiError::missing("newQty"))?;
    let filter = || ApiError::filter("LOT_SIZE");
    let lots = Lots(spec.lot.steps(value).map_err(|_| filter())?);
    if lots < spec.qty_min || lots.0 <= 0 {
        return Err(filter());
    }
    Ok(lots)
}

fn quantity(params: &Params, kind: OrderKind, spec: &InstrumentSpec) -> Result<Quantity, ApiError> {
    let base = params.decimal("quantity", PRECISION)?;
    let quote = params.decimal("quoteOrderQty", PRECISION)?;
    match (base, quote) {
        (Some(_), Some(_)) => Err(ApiError::bad(
            -1128,
            "Combination of optional parameters \
            invalid.",
        )),
        (None, Some(_)) if kind != OrderKind::Market => {
            Err(ApiError::not_required("quoteOrderQty"))
        }
        (None, Some(value)) => Ok(Quantity::Quote(value)),
        (None, None) => Err(ApiError::missing("quantity")),
        (Some(value), None) => {
            let filter = || ApiError::filter("LOT_SIZE");
            let lots = Lots(spec.lot.steps(value).map_err(|_| filter())?);
            if lots < spec.qty_min || lots > spec.qty_max || lots.0 <= 0 {
                return Err(filter());
            }
            Ok(Quantity::Base(lots))
        }
    }
}

/// LOT_SIZE, NOTIONAL and PERCENT_PRICE_BY_SIDE: `last` is the last price, which also values a
/// market order.
pub(in crate::binance) fn check_value(
    spec: &InstrumentSpec,
    order: &NewOrder,
    qty: Lots,
    last: Ticks,
) -> Result<(), ApiError> {
    // A market order in quote has its lots only now.
    if qty < spec.qty_min || qty.0 <= 0 {
        return Err(ApiError::filter("LOT_SIZE"));
    }
    let price = order.price.unwrap_or(last);
    let value = spec
        .notional(price, qty)
        .ok_or_else(|| ApiError::filter("NOTIONAL"))?;
    let low = spec.notional_min.is_some_and(|bound| value < bound);
    let high = spec.notional_max.is_some_and(|bound| value > bound);
    if low || high {
        return Err(ApiError::filter("NOTIONAL"));
    }
    let far = price.0 > last.0.saturating_mul(PRICE_UP)
        || price.0.saturating_mul(PRICE_DOWN_INVERSE) < last.0;
    if order.price.is_some() && far {
        return Err(ApiError::filter("PERCENT_PRICE_BY_SIDE"));
    }
    Ok(())
}
