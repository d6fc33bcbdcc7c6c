//! From the venue's `exchangeInfo` and `leverageBracket` to our instruments: a linear perpetual
//! with multiplier 1 (a quantity is in the base asset), its steps, ranges and maintenance tiers.
//!
//! Control plane. Allocates.

use model::ids::VenueId;
use model::instrument::{Contract, InstrumentSpec, MaintenanceTier, Perpetual};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::wire::info::{BracketRow, ExchangeInfo, SymbolBrackets, SymbolInfo};
use crate::binance::instruments::Rules;
use crate::load::{InstrumentError, Wanted};
use crate::wire::Raw;

/// Contracts without an end.
const PERPETUALS: [&str; 2] = ["PERPETUAL", "TRADIFI_PERPETUAL"];

/// Where the maintenance tiers come from.
#[derive(Debug, Clone, Copy)]
pub enum Brackets<'a> {
    /// The venue's own, which only a key can read. A symbol without them is an error: trading
    /// without knowing when a position is liquidated is not for us.
    Venue(&'a [SymbolBrackets<'a>]),
    /// Nobody asked, because nothing is traded there: one tier of half the value, which is the
    /// highest rate of any symbol, so that whoever reckons with it errs on the safe side.
    Highest,
}

/// Rules of orders that an instrument's specification has no place for; the venue checks them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRules {
    /// Highest price of a buy, as a part of the mark price.
    pub price_up: Option<Decimal>,
    /// Lowest price of a sell, as a part of the mark price.
    pub price_down: Option<Decimal>,
    /// Fee of a liquidation, part of the value.
    pub liquidation_fee: Option<Decimal>,
    /// How far from the mark price a market order may trade.
    pub market_take_bound: Option<Decimal>,
    /// Whether it knows post-only orders (`GTX`).
    pub post_only: bool,
}

/// An instrument with the rest of its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// As the model has it.
    pub spec: InstrumentSpec,
    /// What the model has no place for.
    pub rules: OrderRules,
}

/// Finds the wanted instruments in the venue's list.
///
/// # Errors
///
/// [`InstrumentError`] for the first one that is not there or cannot be used.
pub fn select(
    info: &ExchangeInfo<'_>,
    brackets: Brackets<'_>,
    venue: VenueId,
    wanted: &[Wanted],
) -> Result<Vec<Listed>, InstrumentError> {
    let one = |wanted: &Wanted| {
        let entry = info.symbol(&wanted.symbol);
        let entry = entry.ok_or_else(|| InstrumentError::Unlisted(wanted.symbol.clone()))?;
        let listed = entry.map_err(|error| InstrumentError::Rule {
            symbol: wanted.symbol.clone(),
            field: "the entry",
            value: error.to_string(),
        })?;
        listed_of(&listed, brackets, venue, wanted)
    };
    wanted.iter().map(one).collect()
}

/// The instrument as its rules describe it.
///
/// As for spot: a rule that is 0 is switched off, the range for market orders holds for all orders
/// where it is narrower, and rules of unknown kinds are the venue's to check.
///
/// # Errors
///
/// [`InstrumentError::Rule`]: a contract that ends, a rule that cannot be read, prices that do not
/// begin on a step (the venue counts steps from the lowest price, the model from 0), no tiers.
pub fn listed_of(
    info: &SymbolInfo<'_>,
    brackets: Brackets<'_>,
    venue: VenueId,
    wanted: &Wanted,
) -> Result<Listed, InstrumentError> {
    let rules = Rules {
        symbol: info.symbol.as_str(),
        filters: &info.filters,
    };
    if !PERPETUALS.contains(&info.contract_type.as_str()) {
        return Err(rules.wrong("contractType", info.contract_type.as_str()));
    }
    let steps = rules.steps()?;
    for (kind, field, scale) in [
        ("PRICE_FILTER", "minPrice", steps.tick),
        ("LOT_SIZE", "minQty", steps.lot),
    ] {
        let least = match field {
            "minPrice" => rules.decimal(kind, field, |rule| rule.min_price)?,
            _ => rules.decimal(kind, field, |rule| rule.min_qty)?,
        };
        if let Some(least) = least.filter(|least| scale.steps(*least).is_err()) {
            return Err(rules.wrong(field, &least.to_string()));
        }
    }
    let amount = |text: Option<&str>| text.and_then(|text| Decimal::from_str_exact(text).ok());
    let spec = InstrumentSpec {
        id: wanted.id,
        venue,
        symbol: wanted.symbol.clone(),
        name: wanted.name.clone(),
        base: info.base_asset.as_str().to_owned(),
        quote: info.quote_asset.as_str().to_owned(),
        tick: steps.tick,
        lot: steps.lot,
        price_min: steps.price_min,
        price_max: steps.price_max,
        qty_min: steps.qty_min,
        qty_max: steps.qty_max,
        notional_min: rules.decimal("MIN_NOTIONAL", "notional", |rule| rule.notional)?,
        notional_max: None,
        trading: info.status.as_str() == "TRADING",
        contract: Contract::Linear(Perpetual {
            multiplier: Decimal::ONE,
            settle: info.margin_asset.as_str().to_owned(),
            maintenance: maintenance(&rules, brackets)?,
        }),
    };
    let percent = "PERCENT_PRICE";
    let rules = OrderRules {
        price_up: rules.decimal(percent, "multiplierUp", |rule| rule.multiplier_up)?,
        price_down: rules.decimal(percent, "multiplierDown", |rule| rule.multiplier_down)?,
        liquidation_fee: amount(info.liquidation_fee.as_ref().map(|text| text.as_str())),
        market_take_bound: amount(info.market_take_bound.as_ref().map(|text| text.as_str())),
        post_only: info.time_in_force.iter().any(|word| word.as_str() == "GTX"),
    };
    Ok(Listed { spec, rules })
}

fn maintenance(
    rules: &Rules<'_, '_>,
    brackets: Brackets<'_>,
) -> Result<Vec<MaintenanceTier>, InstrumentError> {
    let listed = match brackets {
        Brackets::Highest => {
            return Ok(vec![MaintenanceTier {
                value_from: Decimal::ZERO,
                rate_bps: 5_000,
                deduction: Decimal::ZERO,
            }]);
        }
        Brackets::Venue(listed) => listed,
    };
    let missing = || rules.wrong("leverageBracket", "missing");
    let own = listed
        .iter()
        .find(|symbol| symbol.symbol.as_str() == rules.symbol)
        .ok_or_else(missing)?;
    let tier = |row: &BracketRow<'_>| tier(rules, row);
    let mut tiers: Vec<MaintenanceTier> =
        own.brackets.iter().map(tier).collect::<Result<_, _>>()?;
    tiers.sort_by_key(|tier| tier.value_from);
    match tiers.first() {
        Some(first) if first.value_from.is_zero() => Ok(tiers),
        Some(first) => Err(rules.wrong("notionalFloor", &first.value_from.to_string())),
        None => Err(missing()),
    }
}

/// A rate between two hundredths of a percent is rounded up: sooner margin than liquidation.
fn tier(rules: &Rules<'_, '_>, row: &BracketRow<'_>) -> Result<MaintenanceTier, InstrumentError> {
    let read = |raw: Raw<'_>, field| number(raw).ok_or_else(|| rules.wrong(field, raw.get()));
    let rate = read(row.maint_margin_ratio, "maintMarginRatio")?;
    let bps = (rate * Decimal::from(10_000)).ceil().to_u32();
    let bps = bps.filter(|bps| (1..=10_000).contains(bps));
    Ok(MaintenanceTier {
        value_from: read(row.notional_floor, "notionalFloor")?,
        rate_bps: bps
            .ok_or_else(|| rules.wrong("maintMarginRatio", row.maint_margin_ratio.get()))?,
        deduction: read(row.cum, "cum")?,
    })
}

/// A JSON number, or a text that holds one; never below zero.
fn number(raw: Raw<'_>) -> Option<Decimal> {
    let text = raw.get().trim_matches('"');
    let plain = Decimal::from_str_exact(text);
    let value = plain.or_else(|_| Decimal::from_scientific(text)).ok()?;
    (!value.is_sign_negative() && value <= Decimal::from(i64::MAX)).then_some(value)
}
