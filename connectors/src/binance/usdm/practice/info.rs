//! Instruments of a practice USD-M: `exchangeInfo`, `leverageBracket`, and which there are.

use model::ids::{InstrumentId, VenueId};
use model::instrument::{Contract, InstrumentSpec, MaintenanceTier, Perpetual};
use model::num::{Lots, Scale, Ticks};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::practice::perps::terms;
use crate::practice::{PracticeInstrument, RequestLimits};

/// Multipliers of PERCENT_PRICE against the mark price.
pub(in crate::binance) const PRICE_UP: Decimal = Decimal::from_parts(105, 0, 0, false, 2);
/// See [`PRICE_UP`].
pub(in crate::binance) const PRICE_DOWN: Decimal = Decimal::from_parts(95, 0, 0, false, 2);

/// Tick, lot, largest order, least value, first price.
const ROWS: [(&str, &str, &str, i64, i64, i64); 3] = [
    ("BTC", "0.1", "0.001", 1_000, 50, 60_000),
    ("ETH", "0.01", "0.001", 10_000, 20, 3_000),
    ("BNB", "0.01", "0.01", 100_000, 5, 600),
];

/// The perpetual of a practice USD-M with this symbol, as the venue's list described it in 2026:
/// steps, ranges, least value and the first tiers of maintenance margin. `None` if the practice
/// venue does not have it; it has `BTCUSDT`, `ETHUSDT` and `BNBUSDT`.
#[must_use]
pub fn usdm_instrument(symbol: &str) -> Option<PracticeInstrument> {
    let base = symbol.strip_suffix("USDT")?;
    let (base, tick, lot, qty_max, least, start) = ROWS.iter().find(|row| row.0 == base)?;
    let (tick, lot) = (Scale::from_text(tick).ok()?, Scale::from_text(lot).ok()?);
    let steps = |scale: Scale, whole: i64| scale.steps(Decimal::from(whole)).ok();
    let tier = |value_from: i64, rate_bps, deduction: i64| MaintenanceTier {
        value_from: Decimal::from(value_from),
        rate_bps,
        deduction: Decimal::from(deduction),
    };
    Some(PracticeInstrument {
        spec: InstrumentSpec {
            id: InstrumentId(0),
            venue: VenueId(0),
            symbol: symbol.to_owned(),
            name: format!("{base}-USDT-PERP.BINANCE"),
            base: (*base).to_owned(),
            quote: "USDT".to_owned(),
            tick,
            lot,
            price_min: Some(Ticks(1)),
            price_max: Some(Ticks(steps(tick, 1_000_000)?)),
            qty_min: Lots(1),
            qty_max: Lots(steps(lot, *qty_max)?),
            notional_min: Some(Decimal::from(*least)),
            notional_max: None,
            trading: true,
            contract: Contract::Linear(Perpetual {
                multiplier: Decimal::ONE,
                settle: "USDT".to_owned(),
                maintenance: vec![
                    tier(0, 40, 0),
                    tier(300_000, 50, 300),
                    tier(800_000, 65, 1_500),
                    tier(3_000_000, 100, 12_000),
                ],
            }),
        },
        start_price: Ticks(steps(tick, *start)?),
        flow_unit: 1,
    })
}

/// The symbols of all perpetuals of a practice USD-M.
#[must_use]
pub fn usdm_symbols() -> Vec<String> {
    ROWS.iter().map(|row| format!("{}USDT", row.0)).collect()
}

/// `exchangeInfo`.
pub(in crate::binance) fn exchange_info<'a>(
    specs: impl Iterator<Item = &'a InstrumentSpec>,
    limits: &RequestLimits,
    orders_max: usize,
    now_ms: i64,
) -> Value {
    let limit = |kind: &str, interval: &str, number: u32, limit: u32| {
        json!({
            "rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit,
        })
    };
    json!({
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            limit("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute),
            limit("ORDERS", "MINUTE", 1, limits.orders_per_minute),
            limit("ORDERS", "SECOND", 10, limits.orders_per_ten_seconds),
        ],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": true, "autoAssetExchange": "-10000"}],
        "symbols": specs.map(|spec| symbol(spec, orders_max)).collect::<Value>(),
    })
}

fn symbol(spec: &InstrumentSpec, orders_max: usize) -> Value {
    let step = |scale: Scale| plain(scale.decimal(1));
    let price = |ticks: Option<Ticks>| plain(ticks.and_then(|ticks| spec.price(ticks)));
    let lots = |lots: Lots| plain(spec.quantity(lots));
    json!({
        "symbol": spec.symbol,
        "pair": spec.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000_i64,
        "onboardDate": 1_569_398_400_000_i64,
        "status": if spec.trading { "TRADING" } else { "SETTLING" },
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": spec.base,
        "quoteAsset": spec.quote,
        "marginAsset": terms(spec).map_or(&spec.quote, |terms| &terms.settle),
        "pricePrecision": spec.tick.decimals(),
        "quantityPrecision": spec.lot.decimals(),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": price(spec.price_min),
             "maxPrice": price(spec.price_max), "tickSize": step(spec.tick)},
            {"filterType": "LOT_SIZE", "minQty": lots(spec.qty_min), "maxQty": lots(spec.qty_max),
             "stepSize": step(spec.lot)},
            {"filterType": "MARKET_LOT_SIZE", "minQty": lots(spec.qty_min),
             "maxQty": lots(spec.qty_max), "stepSize": step(spec.lot)},
            {"filterType": "MAX_NUM_ORDERS", "limit": orders_max},
            {"filterType": "MIN_NOTIONAL", "notional": plain(spec.notional_min)},
            {"filterType": "PERCENT_PRICE", "multiplierUp": plain(Some(PRICE_UP)),
             "multiplierDown": plain(Some(PRICE_DOWN)), "multiplierDecimal": "4"},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    })
}

/// A decimal without trailing zeros, as the venue writes its rules.
pub(in crate::binance) fn plain(value: Option<Decimal>) -> String {
    value.unwrap_or_default().normalize().to_string()
}

/// `leverageBracket`.
pub(in crate::binance) fn brackets<'a>(specs: impl Iterator<Item = &'a InstrumentSpec>) -> Value {
    let row = |(number, tier): (usize, &MaintenanceTier)| {
        let number_of = |value: Decimal| -> Value {
            serde_json::from_str(&value.normalize().to_string()).unwrap_or_default()
        };
        json!({
            "bracket": number + 1,
            "initialLeverage": 10_000 / (2 * tier.rate_bps.max(1)),
            "notionalFloor": number_of(tier.value_from),
            "maintMarginRatio": number_of(Decimal::new(i64::from(tier.rate_bps), 4)),
            "cum": number_of(tier.deduction),
        })
    };
    let one = |spec: &InstrumentSpec| {
        let tiers = terms(spec).map(|terms| terms.maintenance.iter().enumerate().map(row));
        let rows: Value = tiers.into_iter().flatten().collect();
        json!({"symbol": spec.symbol, "notionalCoef": 1.0, "brackets": rows})
    };
    specs.map(one).collect()
}
