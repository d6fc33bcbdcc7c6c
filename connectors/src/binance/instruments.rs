//! From the venue's `exchangeInfo` to our instruments: steps, ranges, and whether it trades.
//!
//! Control plane. Allocates.

use model::ids::VenueId;
use model::instrument::InstrumentSpec;
use model::num::{Lots, NumberError, Scale, Ticks};
use rust_decimal::Decimal;

use super::wire::rest::{ExchangeInfo, Filter, SymbolInfo};
pub use crate::load::{InstrumentError, Wanted};
use crate::wire::Raw;
use crate::wire::symbols::Step;

/// Finds the wanted instruments in the venue's list.
///
/// # Errors
///
/// [`InstrumentError`] for the first one that is not there or cannot be used.
pub fn select(
    info: &ExchangeInfo<'_>,
    venue: VenueId,
    wanted: &[Wanted],
) -> Result<Vec<InstrumentSpec>, InstrumentError> {
    let one = |wanted: &Wanted| {
        let listed = info
            .symbols
            .iter()
            .find(|symbol| symbol.symbol.as_str() == wanted.symbol)
            .ok_or_else(|| InstrumentError::Unlisted(wanted.symbol.clone()))?;
        spec_of(listed, venue, wanted)
    };
    wanted.iter().map(one).collect()
}

/// The instrument as its rules describe it.
///
/// A rule that is 0 is switched off. The range for market orders, where it is narrower, holds for
/// all orders: the model has one range. Kinds of rules that we do not know are ignored, the venue
/// checks them itself.
///
/// # Errors
///
/// [`InstrumentError::Rule`].
pub fn spec_of(
    info: &SymbolInfo<'_>,
    venue: VenueId,
    wanted: &Wanted,
) -> Result<InstrumentSpec, InstrumentError> {
    let rules = Rules {
        symbol: info.symbol.as_str(),
        filters: &info.filters,
    };
    let steps = rules.steps()?;
    Ok(InstrumentSpec {
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
        notional_min: rules.notional("minNotional", |rule| rule.min_notional)?,
        notional_max: rules.notional("maxNotional", |rule| rule.max_notional)?,
        trading: info.status.as_str() == "TRADING" && info.is_spot_trading_allowed,
        contract: model::instrument::Contract::Spot,
    })
}

pub(super) type Pick<'a> = fn(&Filter<'a>) -> Option<Raw<'a>>;

/// The rules of one symbol.
pub(super) struct Rules<'r, 'a> {
    pub(super) symbol: &'r str,
    pub(super) filters: &'r [Filter<'a>],
}

/// What the rules say of steps and ranges.
pub(super) struct Steps {
    pub(super) tick: Scale,
    pub(super) lot: Scale,
    pub(super) price_min: Option<Ticks>,
    pub(super) price_max: Option<Ticks>,
    pub(super) qty_min: Lots,
    pub(super) qty_max: Lots,
}

impl<'a> Rules<'_, 'a> {
    pub(super) fn steps(&self) -> Result<Steps, InstrumentError> {
        let tick = self.step("PRICE_FILTER", "tickSize", |rule| rule.tick_size)?;
        let lot = self.step("LOT_SIZE", "stepSize", |rule| rule.step_size)?;
        let (price, qty) = (Step::new(tick), Step::new(lot));
        let price_min = self.bound("PRICE_FILTER", "minPrice", |rule| rule.min_price)?;
        let price_max = self.bound("PRICE_FILTER", "maxPrice", |rule| rule.max_price)?;
        let qty_min = self.bound("LOT_SIZE", "minQty", |rule| rule.min_qty)?;
        let qty_max = self.bound("LOT_SIZE", "maxQty", |rule| rule.max_qty)?;
        let market_max = self.bound("MARKET_LOT_SIZE", "maxQty", |rule| rule.max_qty)?;
        let floor = |text, step: &Step, field| self.count(text, field, |text| step.parse_up(text));
        let ceiling =
            |text, step: &Step, field| self.count(text, field, |text| step.parse_down(text));
        let maxima = [
            ceiling(qty_max, &qty, "maxQty")?,
            ceiling(market_max, &qty, "maxQty")?,
        ];
        let qty_min = floor(qty_min, &qty, "minQty")?.unwrap_or(1).max(1);
        Ok(Steps {
            tick,
            lot,
            price_min: floor(price_min, &price, "minPrice")?.map(Ticks),
            price_max: ceiling(price_max, &price, "maxPrice")?.map(Ticks),
            qty_min: Lots(qty_min),
            qty_max: Lots(maxima.into_iter().flatten().min().unwrap_or(i64::MAX)),
        })
    }

    /// A value of a rule; `None` where the rule is not there or switched off.
    pub(super) fn bound(
        &self,
        kind: &str,
        field: &'static str,
        pick: Pick<'a>,
    ) -> Result<Option<&'a str>, InstrumentError> {
        let mut filters = self.filters.iter();
        let rule = filters.find(|filter| filter.filter_type.as_str() == kind);
        let Some(raw) = rule.and_then(pick) else {
            return Ok(None);
        };
        let quoted = raw.get().strip_prefix('"');
        let text = quoted.and_then(|text| text.strip_suffix('"'));
        let text = text.ok_or_else(|| self.wrong(field, raw.get()))?;
        Ok(Some(text).filter(|text| !is_zero(text)))
    }

    /// A step; where the rule is switched off, the finest that the venue writes.
    fn step(
        &self,
        kind: &'static str,
        field: &'static str,
        pick: Pick<'a>,
    ) -> Result<Scale, InstrumentError> {
        const FINEST: &str = "0.00000001";
        let text = self.bound(kind, field, pick)?.unwrap_or(FINEST);
        Scale::from_text(text).map_err(|_| self.wrong(field, text))
    }

    /// A bound in steps; one beyond what we can count is none.
    fn count(
        &self,
        text: Option<&str>,
        field: &'static str,
        read: impl Fn(&[u8]) -> Result<i64, NumberError>,
    ) -> Result<Option<i64>, InstrumentError> {
        let Some(text) = text else {
            return Ok(None);
        };
        match read(text.as_bytes()) {
            Ok(steps) => Ok(Some(steps)),
            Err(NumberError::OutOfRange) => Ok(None),
            Err(NumberError::Syntax | NumberError::OffStep) => Err(self.wrong(field, text)),
        }
    }

    fn notional(
        &self,
        field: &'static str,
        pick: Pick<'a>,
    ) -> Result<Option<Decimal>, InstrumentError> {
        let newer = self.decimal("NOTIONAL", field, pick)?;
        Ok(newer.or(self.decimal("MIN_NOTIONAL", field, pick)?))
    }

    /// A value of a rule as an exact number; `None` where it is not there or switched off.
    pub(super) fn decimal(
        &self,
        kind: &str,
        field: &'static str,
        pick: Pick<'a>,
    ) -> Result<Option<Decimal>, InstrumentError> {
        let Some(text) = self.bound(kind, field, pick)? else {
            return Ok(None);
        };
        Decimal::from_str_exact(text)
            .map(Some)
            .map_err(|_| self.wrong(field, text))
    }

    pub(super) fn wrong(&self, field: &'static str, value: &str) -> InstrumentError {
        InstrumentError::Rule {
            symbol: self.symbol.to_owned(),
            field,
            value: value.to_owned(),
        }
    }
}

fn is_zero(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'0' || byte == b'.')
}
