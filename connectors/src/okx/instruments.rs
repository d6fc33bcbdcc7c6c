//! From the venue's `instruments` and `position-tiers` to our instruments.
//!
//! Spot is counted in the base asset, perpetuals in contracts of `ctVal * ctMult` each. Control
//! plane. Allocates.

use model::ids::VenueId;
use model::instrument::{Contract, InstrumentSpec, MaintenanceTier, Perpetual};
use model::num::{Lots, NumberError, Scale};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::wire::rest::{InstrumentRow, TierRow};
use crate::load::{InstrumentError, Wanted};
use crate::wire::Text;

/// Where the maintenance tiers of perpetuals come from.
#[derive(Debug, Clone, Copy)]
pub enum Tiers<'a> {
    /// The venue's own. They are of contracts and the model's of value, so that a price joins them:
    /// a tier begins at its contracts' value there. Below that price of today the model would
    /// reckon with less than the venue does: give a price that is lower than one expects.
    Venue(&'a [TierRow<'a>], Decimal),
    /// Nobody asked, because nothing is traded there: one tier of half the value, so that whoever
    /// reckons with it errs on the safe side.
    Highest,
}

/// An instrument with the rest of what orders need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// As the model has it.
    pub spec: InstrumentSpec,
    /// The number that stands for it in orders over WebSocket; without one, orders go over REST.
    pub code: Option<u64>,
}

/// Finds the wanted instruments in the venue's list.
///
/// # Errors
///
/// [`InstrumentError`] for the first one that is not there or cannot be used.
pub fn select(
    rows: &[InstrumentRow<'_>],
    tiers: Tiers<'_>,
    venue: VenueId,
    wanted: &[Wanted],
) -> Result<Vec<Listed>, InstrumentError> {
    let one = |wanted: &Wanted| {
        let row = rows
            .iter()
            .find(|row| row.inst_id.as_str() == wanted.symbol);
        let row = row.ok_or_else(|| InstrumentError::Unlisted(wanted.symbol.clone()))?;
        listed_of(row, tiers, venue, wanted)
    };
    wanted.iter().map(one).collect()
}

/// A row with its symbol, for errors.
struct Rules<'r, 'a>(&'r InstrumentRow<'a>);

impl Rules<'_, '_> {
    fn wrong(&self, field: &'static str, value: &str) -> InstrumentError {
        InstrumentError::Rule {
            symbol: self.0.inst_id.as_str().to_owned(),
            field,
            value: value.to_owned(),
        }
    }

    fn step(&self, text: &Text<'_>, field: &'static str) -> Result<Scale, InstrumentError> {
        Scale::from_text(text.as_str()).map_err(|_| self.wrong(field, text.as_str()))
    }

    fn above_zero(&self, text: &Text<'_>, field: &'static str) -> Result<Decimal, InstrumentError> {
        let value = decimal(text.as_str()).filter(|value| *value > Decimal::ZERO);
        value.ok_or_else(|| self.wrong(field, text.as_str()))
    }

    /// A bound in lots; one that is none, or beyond what we can count, is the largest.
    fn bound(
        &self,
        text: &Text<'_>,
        field: &'static str,
        lot: Scale,
    ) -> Result<Lots, InstrumentError> {
        if text.as_str().is_empty() {
            return Ok(Lots(i64::MAX));
        }
        let value = self.above_zero(text, field)?;
        match lot.steps(value) {
            Ok(lots) => Ok(Lots(lots)),
            Err(NumberError::OutOfRange) => Ok(Lots(i64::MAX)),
            Err(_) => Err(self.wrong(field, text.as_str())),
        }
    }
}

/// The instrument as its rules describe it.
///
/// The bounds of order values (`maxLmtAmt`, `maxMktAmt`) and the price band are the venue's to
/// check: the one is in dollars, the other moves.
///
/// # Errors
///
/// [`InstrumentError::Rule`]: neither spot nor a perpetual, a rule that cannot be read, no tiers.
pub fn listed_of(
    row: &InstrumentRow<'_>,
    tiers: Tiers<'_>,
    venue: VenueId,
    wanted: &Wanted,
) -> Result<Listed, InstrumentError> {
    let rules = Rules(row);
    let lot = rules.step(&row.lot_sz, "lotSz")?;
    let (qty_max, pair, contract) = match row.inst_type.as_str() {
        "SPOT" => {
            let pair = (row.base_ccy.as_str(), row.quote_ccy.as_str());
            let most = rules.bound(&row.max_lmt_sz, "maxLmtSz", lot)?;
            (most, pair, Contract::Spot)
        }
        "SWAP" => {
            let limit = rules.bound(&row.max_lmt_sz, "maxLmtSz", lot)?;
            let market = rules.bound(&row.max_mkt_sz, "maxMktSz", lot)?;
            (
                limit.min(market),
                pair_of(&rules)?,
                perpetual(&rules, tiers)?,
            )
        }
        other => return Err(rules.wrong("instType", other)),
    };
    let least = rules.above_zero(&row.min_sz, "minSz")?;
    let qty_min = lot.steps(least).map(Lots);
    let spec = InstrumentSpec {
        id: wanted.id,
        venue,
        symbol: wanted.symbol.clone(),
        name: wanted.name.clone(),
        base: pair.0.to_owned(),
        quote: pair.1.to_owned(),
        tick: rules.step(&row.tick_sz, "tickSz")?,
        lot,
        price_min: None,
        price_max: None,
        qty_min: qty_min.map_err(|_| rules.wrong("minSz", row.min_sz.as_str()))?,
        qty_max,
        notional_min: None,
        notional_max: None,
        trading: row.state.as_str() == "live",
        contract,
    };
    let code = row.inst_id_code;
    Ok(Listed { spec, code })
}

/// Base and quote of a contract.
fn pair_of<'r>(rules: &Rules<'r, '_>) -> Result<(&'r str, &'r str), InstrumentError> {
    let row = rules.0;
    let text = |text: &'r Option<Text<'_>>| text.as_ref().map_or("", Text::as_str);
    let family = match text(&row.inst_family) {
        "" => text(&row.uly),
        family => family,
    };
    let pair = family.split_once('-');
    pair.ok_or_else(|| rules.wrong("instFamily", family))
}

fn perpetual(rules: &Rules<'_, '_>, tiers: Tiers<'_>) -> Result<Contract, InstrumentError> {
    let row = rules.0;
    let value = rules.above_zero(&row.ct_val, "ctVal")?;
    let times = rules.above_zero(&row.ct_mult, "ctMult")?;
    let multiplier = value.checked_mul(times);
    let multiplier = multiplier.ok_or_else(|| rules.wrong("ctVal", row.ct_val.as_str()))?;
    let settle = row.settle_ccy.as_str();
    if settle.is_empty() {
        return Err(rules.wrong("settleCcy", settle));
    }
    let of = |maintenance| Perpetual {
        multiplier: multiplier.normalize(),
        settle: settle.to_owned(),
        maintenance,
    };
    match row.ct_type.as_str() {
        "linear" => Ok(Contract::Linear(of(maintenance(rules, tiers, multiplier)?))),
        // Its contracts' value does not move with the price, and is in the other asset.
        "inverse" => Ok(Contract::Inverse(of(highest()))),
        other => Err(rules.wrong("ctType", other)),
    }
}

fn highest() -> Vec<MaintenanceTier> {
    vec![MaintenanceTier {
        value_from: Decimal::ZERO,
        rate_bps: 5_000,
        deduction: Decimal::ZERO,
    }]
}

/// The venue takes the rate of a position's tier for all of it: nothing is deducted.
fn maintenance(
    rules: &Rules<'_, '_>,
    tiers: Tiers<'_>,
    multiplier: Decimal,
) -> Result<Vec<MaintenanceTier>, InstrumentError> {
    let (rows, price) = match tiers {
        Tiers::Venue(rows, price) => (rows, price),
        Tiers::Highest => return Ok(highest()),
    };
    let (base, quote) = pair_of(rules)?;
    let own = rows.iter().filter(|row| {
        let family = row.inst_family.as_ref().map_or("", Text::as_str);
        family.split_once('-') == Some((base, quote))
    });
    let mut found = Vec::new();
    for row in own {
        let wrong = |field, text: &Text<'_>| rules.wrong(field, text.as_str());
        let from = decimal(row.min_sz.as_str()).filter(|from| !from.is_sign_negative());
        let from = from.and_then(|from| from.checked_mul(multiplier)?.checked_mul(price));
        let rate = decimal(row.mmr.as_str());
        // Between two hundredths of a percent it is rounded up: sooner margin than liquidation.
        let bps = rate.and_then(|rate| (rate.checked_mul(Decimal::from(10_000))?).ceil().to_u32());
        let bps = bps.filter(|bps| (1..=10_000).contains(bps));
        found.push(MaintenanceTier {
            value_from: from.ok_or_else(|| wrong("minSz", &row.min_sz))?.normalize(),
            rate_bps: bps.ok_or_else(|| wrong("mmr", &row.mmr))?,
            deduction: Decimal::ZERO,
        });
    }
    found.sort_by_key(|tier| tier.value_from);
    match found.first() {
        Some(first) if first.value_from.is_zero() => Ok(found),
        Some(first) => Err(rules.wrong("minSz", &first.value_from.to_string())),
        None => Err(rules.wrong("position-tiers", "missing")),
    }
}

/// Decimal text, as long as the venue likes to write its zeros.
fn decimal(text: &str) -> Option<Decimal> {
    let short = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    };
    Decimal::from_str_exact(short).ok()
}
