//! What a practice OKX trades, and how `public/instruments` and `public/position-tiers` show it.
//!
//! Steps, ranges and contract values as the venue's list had them in 2025 and 2026 (samples of
//! `../shared/venues/okx`); the numbers that stand for names are our own.

use model::ids::{InstrumentId, VenueId};
use model::instrument::{Contract, InstrumentSpec, MaintenanceTier, Perpetual};
use model::num::{Lots, Scale, Ticks};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::text;
use crate::practice::PracticeInstrument;
use crate::practice::perps::terms;

/// How far from its reference a price may be: a buy above, a sell below.
pub(super) const BAND: Decimal = Decimal::from_parts(5, 0, 0, false, 2);
/// Most leverage of a perpetual.
pub(super) const LEVER_MAX: u32 = 100;

/// One line of the list.
struct Row {
    symbol: &'static str,
    code: u64,
    tick: &'static str,
    lot: &'static str,
    least: &'static str,
    most: i64,
    start: &'static str,
    flow_unit: i64,
    /// Contract value; none of spot.
    contract: Option<&'static str>,
}

const fn spot(symbol: &'static str, code: u64) -> Row {
    Row {
        symbol,
        code,
        tick: "0.1",
        lot: "0.00000001",
        least: "0.00001",
        most: 9_999_999_999,
        start: "60000",
        flow_unit: 1_000,
        contract: None,
    }
}

const ROWS: [Row; 6] = [
    spot("BTC-USDT", 1_001),
    Row {
        tick: "0.01",
        lot: "0.000001",
        least: "0.0001",
        most: 999_999_999_999,
        start: "3000",
        flow_unit: 100,
        ..spot("ETH-USDT", 1_002)
    },
    Row {
        tick: "0.01",
        lot: "0.000001",
        least: "0.001",
        most: 999_999_999_999,
        start: "150",
        flow_unit: 1_000,
        ..spot("SOL-USDT", 1_003)
    },
    Row {
        tick: "0.1",
        lot: "0.01",
        least: "0.01",
        most: 100_000_000,
        start: "60000",
        flow_unit: 1,
        contract: Some("0.01"),
        ..spot("BTC-USDT-SWAP", 10_459)
    },
    Row {
        tick: "0.01",
        lot: "0.01",
        least: "0.01",
        most: 100_000_000,
        start: "3000",
        flow_unit: 1,
        contract: Some("0.1"),
        ..spot("ETH-USDT-SWAP", 10_461)
    },
    Row {
        tick: "0.01",
        lot: "0.01",
        least: "0.01",
        most: 100_000_000,
        start: "150",
        flow_unit: 1,
        contract: Some("1"),
        ..spot("SOL-USDT-SWAP", 10_464)
    },
];

/// The instrument of a practice OKX with this symbol; `None` if it does not have it.
#[must_use]
pub fn okx_instrument(symbol: &str) -> Option<PracticeInstrument> {
    ROWS.iter()
        .find(|row| row.symbol == symbol)
        .and_then(Row::instrument)
}

/// The symbols that a practice OKX has: of perpetuals, or of spot.
#[must_use]
pub fn okx_symbols(perpetuals: bool) -> Vec<String> {
    let wanted = ROWS
        .iter()
        .filter(|row| row.contract.is_some() == perpetuals);
    wanted.map(|row| row.symbol.to_owned()).collect()
}

/// The number that stands for a name in orders over WebSocket; 0 for a name that is not there.
pub(super) fn code_of(symbol: &str) -> u64 {
    let row = ROWS.iter().find(|row| row.symbol == symbol);
    row.map_or(0, |row| row.code)
}

impl Row {
    fn instrument(&self) -> Option<PracticeInstrument> {
        let (tick, lot) = (
            Scale::from_text(self.tick).ok()?,
            Scale::from_text(self.lot).ok()?,
        );
        let decimal = |text: &str| Decimal::from_str_exact(text).ok();
        let lots = |value: Decimal| lot.steps(value).ok().map(Lots);
        let (base, rest) = self.symbol.split_once('-')?;
        let (quote, perp) = match rest.split_once('-') {
            Some((quote, _)) => (quote, "-PERP"),
            None => (rest, ""),
        };
        let contract = match self.contract {
            None => Contract::Spot,
            Some(value) => Contract::Linear(Perpetual {
                multiplier: decimal(value)?,
                settle: quote.to_owned(),
                maintenance: tiers(),
            }),
        };
        Some(PracticeInstrument {
            spec: InstrumentSpec {
                id: InstrumentId(0),
                venue: VenueId(0),
                symbol: self.symbol.to_owned(),
                name: format!("{base}-{quote}{perp}.OKX"),
                base: base.to_owned(),
                quote: quote.to_owned(),
                tick,
                lot,
                price_min: None,
                price_max: None,
                qty_min: lots(decimal(self.least)?)?,
                qty_max: lots(Decimal::from(self.most))?,
                notional_min: None,
                notional_max: None,
                trading: true,
                contract,
            },
            start_price: Ticks(tick.steps(decimal(self.start)?).ok()?),
            flow_unit: self.flow_unit,
        })
    }
}

/// Maintenance by value of the position. The venue's own tiers are of contracts and take the rate
/// of the highest for all of it.
fn tiers() -> Vec<MaintenanceTier> {
    let tier = |value_from: i64, rate_bps| MaintenanceTier {
        value_from: Decimal::from(value_from),
        rate_bps,
        deduction: Decimal::ZERO,
    };
    vec![tier(0, 40), tier(5_000_000, 50), tier(20_000_000, 100)]
}

/// A row of `public/instruments`.
pub(super) fn row(spec: &InstrumentSpec) -> Value {
    let contract = terms(spec);
    let lots = |lots: Lots| text::number(spec.quantity(lots).unwrap_or_default());
    let of_spot = |text: &str| if contract.is_some() { "" } else { text }.to_owned();
    let family = contract.map_or(String::new(), |_| format!("{}-{}", spec.base, spec.quote));
    json!({
        "alias": "", "auctionEndTime": "",
        "baseCcy": of_spot(&spec.base), "quoteCcy": of_spot(&spec.quote),
        "category": "1", "contTdSwTime": "",
        "ctMult": contract.map_or("", |_| "1"),
        "ctType": contract.map_or("", |_| "linear"),
        "ctVal": contract.map_or(String::new(), |terms| text::number(terms.multiplier)),
        "ctValCcy": contract.map_or("", |_| spec.base.as_str()),
        "expTime": "", "floatPxLmtPct": "0.05", "futureSettlement": false, "groupId": "1",
        "initPxLmtPct": "0.05", "instCategory": "1", "instFamily": family,
        "instId": spec.symbol, "instIdCode": code_of(&spec.symbol),
        "instType": kind(spec), "lever": contract.map_or("10", |_| "100"),
        "listTime": "1611916828000", "lotSz": text::steps(spec.lot, 1),
        "maxIcebergSz": lots(spec.qty_max), "maxLmtAmt": "20000000", "maxLmtSz": lots(spec.qty_max),
        "maxMktAmt": contract.map_or("1000000", |_| ""),
        "maxMktSz": contract.map_or("1000000".to_owned(), |_| lots(spec.qty_max)),
        "maxPxLmtPct": "0.15", "maxStopSz": "1000000", "maxTriggerSz": lots(spec.qty_max),
        "maxTwapSz": lots(spec.qty_max), "minSz": lots(spec.qty_min),
        "openType": "", "optType": "", "preMktSwTime": "", "ruleType": "normal",
        "settleCcy": contract.map_or("", |terms| terms.settle.as_str()),
        "state": if spec.trading { "live" } else { "suspend" },
        "stk": "", "tickSz": text::steps(spec.tick, 1),
        "tradeQuoteCcyList": if contract.is_some() { json!([]) } else { json!([spec.quote]) },
        "uly": family, "upcChg": [],
    })
}

/// `SPOT` or `SWAP`.
pub(super) fn kind(spec: &InstrumentSpec) -> &'static str {
    if terms(spec).is_some() {
        "SWAP"
    } else {
        "SPOT"
    }
}

/// The rows of `public/position-tiers`: of contracts, at a price of today.
pub(super) fn position_tiers(spec: &InstrumentSpec, mark: Decimal) -> Vec<Value> {
    let Some(terms) = terms(spec) else {
        return Vec::new();
    };
    let worth = mark * terms.multiplier;
    let contracts = |value: Decimal| value.checked_div(worth).unwrap_or_default().trunc();
    let mut rows = Vec::new();
    for (at, tier) in terms.maintenance.iter().enumerate() {
        let next = terms.maintenance.get(at + 1);
        let most = next.map_or(Decimal::from(1_000_000), |next| contracts(next.value_from));
        let rate = Decimal::new(i64::from(tier.rate_bps), 4);
        rows.push(json!({
            "baseMaxLoan": "", "imr": text::number(rate * Decimal::TWO),
            "instFamily": format!("{}-{}", spec.base, spec.quote), "instId": "",
            "maxLever": text::number((Decimal::ONE / (rate * Decimal::TWO)).trunc()),
            "maxSz": text::number(most), "minSz": text::number(contracts(tier.value_from)),
            "mmr": text::number(rate), "optMgnFactor": "", "quoteMaxLoan": "",
            "tier": (at + 1).to_string(),
            "uly": format!("{}-{}", spec.base, spec.quote),
        }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_symbol_is_an_instrument_that_starts_inside_its_bounds() {
        for perpetuals in [false, true] {
            for symbol in okx_symbols(perpetuals) {
                let one = okx_instrument(&symbol).unwrap();
                assert_eq!(one.spec.symbol, symbol);
                assert_eq!(terms(&one.spec).is_some(), perpetuals);
                assert!(one.start_price.0 > 0 && one.spec.qty_min.0 > 0);
                assert!(code_of(&symbol) > 0);
            }
        }
        assert!(okx_instrument("DOGE-USDT").is_none());
    }
}
