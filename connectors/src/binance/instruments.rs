//! From the venue's `exchangeInfo` to our instruments: steps, ranges, and whether it trades.
//!
//! Control plane. Allocates.

use model::ids::{InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Scale, Ticks};
use rust_decimal::Decimal;

use super::wire::rest::{ExchangeInfo, Filter, SymbolInfo};
use super::wire::symbols::Step;
use super::wire::text::Text;

/// An instrument that is to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Our id for it.
    pub id: InstrumentId,
    /// The venue's symbol, for example `BTCUSDT`.
    pub symbol: String,
    /// Our name, for example `BTC-USDT.BINANCE`.
    pub name: String,
}

/// Why an instrument cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstrumentError {
    /// The venue does not list it.
    #[error("the venue has no symbol {0}: check the spelling, upper case without separator")]
    Unlisted(String),
    /// A rule of it cannot be read.
    #[error("symbol {symbol}: {field} of the venue's rules is {value:?}, which cannot be used")]
    Rule {
        /// The symbol.
        symbol: String,
        /// The rule's field.
        field: &'static str,
        /// What stands there.
        value: String,
    },
}

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
    let rules = Rules { info };
    let tick = rules.step("PRICE_FILTER", "tickSize", |rule| rule.tick_size.as_ref())?;
    let lot = rules.step("LOT_SIZE", "stepSize", |rule| rule.step_size.as_ref())?;
    let (price, qty) = (Step::new(tick), Step::new(lot));
    let floor = |text: &str, step: &Step| step.parse_up(text.as_bytes()).ok();
    let ceiling = |text: &str, step: &Step| step.parse_down(text.as_bytes()).ok();
    let price_min = rules.bound("PRICE_FILTER", |rule| rule.min_price.as_ref());
    let price_max = rules.bound("PRICE_FILTER", |rule| rule.max_price.as_ref());
    let qty_min = rules.bound("LOT_SIZE", |rule| rule.min_qty.as_ref());
    let qty_max = [
        rules.bound("LOT_SIZE", |rule| rule.max_qty.as_ref()),
        rules.bound("MARKET_LOT_SIZE", |rule| rule.max_qty.as_ref()),
    ];
    let qty_max = qty_max
        .into_iter()
        .flatten()
        .filter_map(|text| ceiling(text, &qty))
        .min();
    Ok(InstrumentSpec {
        id: wanted.id,
        venue,
        symbol: wanted.symbol.clone(),
        name: wanted.name.clone(),
        base: info.base_asset.as_str().to_owned(),
        quote: info.quote_asset.as_str().to_owned(),
        tick,
        lot,
        price_min: price_min.and_then(|text| floor(text, &price)).map(Ticks),
        price_max: price_max.and_then(|text| ceiling(text, &price)).map(Ticks),
        qty_min: Lots(
            qty_min
                .and_then(|text| floor(text, &qty))
                .unwrap_or(1)
                .max(1),
        ),
        qty_max: Lots(qty_max.unwrap_or(i64::MAX)),
        notional_min: rules.notional(|rule| rule.min_notional.as_ref())?,
        notional_max: rules.notional(|rule| rule.max_notional.as_ref())?,
        trading: info.status.as_str() == "TRADING" && info.is_spot_trading_allowed,
    })
}

struct Rules<'r, 'a> {
    info: &'r SymbolInfo<'a>,
}

impl<'r, 'a> Rules<'r, 'a> {
    fn of(&self, kind: &str) -> Option<&'r Filter<'a>> {
        let mut filters = self.info.filters.iter();
        filters.find(|filter| filter.filter_type.as_str() == kind)
    }

    /// A step; where the rule is switched off, the finest that the venue writes.
    fn step(
        &self,
        kind: &'static str,
        field: &'static str,
        pick: fn(&'r Filter<'a>) -> Option<&'r Text<'a>>,
    ) -> Result<Scale, InstrumentError> {
        const FINEST: &str = "0.00000001";
        let text = self.of(kind).and_then(pick).map_or("0", Text::as_str);
        let text = if is_zero(text) { FINEST } else { text };
        Scale::from_text(text).map_err(|_| self.wrong(field, text))
    }

    /// A bound; `None` where it is switched off.
    fn bound(
        &self,
        kind: &str,
        pick: fn(&'r Filter<'a>) -> Option<&'r Text<'a>>,
    ) -> Option<&'r str> {
        self.of(kind)
            .and_then(pick)
            .map(Text::as_str)
            .filter(|text| !is_zero(text))
    }

    fn notional(
        &self,
        pick: fn(&'r Filter<'a>) -> Option<&'r Text<'a>>,
    ) -> Result<Option<Decimal>, InstrumentError> {
        let text = self
            .bound("NOTIONAL", pick)
            .or_else(|| self.bound("MIN_NOTIONAL", pick));
        let Some(text) = text else {
            return Ok(None);
        };
        Decimal::from_str_exact(text)
            .map(Some)
            .map_err(|_| self.wrong("notional", text))
    }

    fn wrong(&self, field: &'static str, value: &str) -> InstrumentError {
        InstrumentError::Rule {
            symbol: self.info.symbol.as_str().to_owned(),
            field,
            value: value.to_owned(),
        }
    }
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'0' || byte == b'.')
}
