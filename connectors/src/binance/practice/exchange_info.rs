//! `exchangeInfo`: symbols, their filters, the request limits.

use model::instrument::InstrumentSpec;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::filters::{MAX_NUM_ORDER_AMENDS, PRECISION, PRICE_DOWN_INVERSE, PRICE_UP};
use super::text;
use crate::practice::RequestLimits;

/// The whole answer.
pub(in crate::binance) fn answer<'a>(
    specs: impl Iterator<Item = &'a InstrumentSpec>,
    limits: &RequestLimits,
    orders_max: usize,
    now_ms: i64,
) -> Value {
    json!({
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": rate_limits(limits),
        "exchangeFilters": [],
        "symbols": specs.map(|spec| symbol(spec, orders_max)).collect::<Value>(),
    })
}

fn rate_limits(limits: &RequestLimits) -> Value {
    let limit = |kind: &str, interval: &str, number: u32, limit: u32| {
        json!({
            "rateLimitType": kind,
            "interval": interval,
            "intervalNum": number,
            "limit": limit,
        })
    };
    json!([
        limit("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute),
        limit("ORDERS", "SECOND", 10, limits.orders_per_ten_seconds),
        limit("ORDERS", "DAY", 1, limits.orders_per_day),
        limit("RAW_REQUESTS", "MINUTE", 5, 300_000),
    ])
}

fn symbol(spec: &InstrumentSpec, orders_max: usize) -> Value {
    json!({
        "symbol": spec.symbol,
        "status": if spec.trading { "TRADING" } else { "BREAK" },
        "baseAsset": spec.base,
        "baseAssetPrecision": PRECISION,
        "quoteAsset": spec.quote,
        "quotePrecision": PRECISION,
        "quoteAssetPrecision": PRECISION,
        "baseCommissionPrecision": PRECISION,
        "quoteCommissionPrecision": PRECISION,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": false,
        "ocoAllowed": false,
        "otoAllowed": false,
        "opoAllowed": false,
        "quoteOrderQtyMarketAllowed": true,
        "allowTrailingStop": false,
        "cancelReplaceAllowed": true,
        "amendAllowed": true,
        "pegInstructionsAllowed": false,
        "isSpotTradingAllowed": true,
        "isMarginTradingAllowed": false,
        "filters": filters(spec, orders_max),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes":
            ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    })
}

fn filters(spec: &InstrumentSpec, orders_max: usize) -> Value {
    let price =
        |ticks: Option<model::num::Ticks>| text::steps(spec.tick, ticks.map_or(0, |ticks| ticks.0));
    let up = PRICE_UP.to_string();
    let down = (Decimal::ONE / Decimal::from(PRICE_DOWN_INVERSE)).to_string();
    json!([
        {
            "filterType": "PRICE_FILTER",
            "minPrice": price(spec.price_min),
            "maxPrice": price(spec.price_max),
            "tickSize": text::steps(spec.tick, 1),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": text::steps(spec.lot, spec.qty_min.0),
            "maxQty": text::steps(spec.lot, spec.qty_max.0),
            "stepSize": text::steps(spec.lot, 1),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": text::steps(spec.lot, spec.qty_max.0),
            "stepSize": "0.00000000",
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": up,
            "bidMultiplierDown": down,
            "askMultiplierUp": up,
            "askMultiplierDown": down,
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": text::money(spec.notional_min.unwrap_or_default()),
            "applyMinToMarket": true,
            "maxNotional": text::money(spec.notional_max.unwrap_or(Decimal::from(i64::MAX))),
            "applyMaxToMarket": true,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": orders_max},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": MAX_NUM_ORDER_AMENDS},
    ])
}
