//! Numbers of messages as the model's own, and fills made of them.
//!
//! Hot path: yes. Allocates: no.

use model::body::{AssetName, Balance, Fill, Liquidity, Side};
use model::num::{Lots, Money, NumberError, Ticks};
use rust_decimal::Decimal;

use crate::wire::WireError;
use crate::wire::symbols::Entry;
use crate::wire::text::Text;

pub(crate) fn nanoseconds(ms: u64) -> u64 {
    ms.saturating_mul(1_000_000)
}

/// An amount of money, exact.
pub(crate) fn money(text: &Text<'_>, field: &'static str) -> Result<Money, WireError> {
    match Decimal::from_str_exact(text.as_str()) {
        Ok(value) => Ok(Money::new(value)),
        Err(_) => Err(WireError::Number {
            field,
            error: NumberError::OutOfRange,
        }),
    }
}

/// A count of what is filled. What is below one lot does not count: a lot may have grown since.
pub(crate) fn filled(
    entry: &Entry,
    text: &Text<'_>,
    field: &'static str,
) -> Result<Lots, WireError> {
    match entry.qty.parse_down(text.as_bytes()) {
        Ok(lots) => Ok(Lots(lots)),
        Err(error) => Err(WireError::Number { field, error }),
    }
}

/// An ordered quantity, exact.
pub(crate) fn ordered(
    entry: &Entry,
    text: &Text<'_>,
    field: &'static str,
) -> Result<Lots, WireError> {
    match entry.qty.parse(text.as_bytes()) {
        Ok(lots) => Ok(Lots(lots)),
        Err(error) => Err(WireError::Number { field, error }),
    }
}

/// The parts of a fill as any message gives them.
pub(crate) struct Terms<'t, 'a> {
    pub(crate) order_id: u64,
    pub(crate) trade_id: u64,
    pub(crate) time_ms: u64,
    pub(crate) price: &'t Text<'a>,
    pub(crate) qty: &'t Text<'a>,
    pub(crate) fee: &'t Text<'a>,
    pub(crate) fee_asset: &'t str,
    pub(crate) side: Side,
    pub(crate) liquidity: Liquidity,
}

impl Terms<'_, '_> {
    /// The fill, without our client id; an error if a number is not exactly one of the
    /// instrument's.
    pub(crate) fn fill(&self, entry: &Entry) -> Result<Fill, WireError> {
        let wrong = |field| move |error| WireError::Number { field, error };
        let price = entry.price.parse(self.price.as_bytes());
        let qty = entry.qty.parse(self.qty.as_bytes());
        Ok(Fill {
            client_id: 0,
            venue_order_id: self.order_id,
            venue_time_ns: nanoseconds(self.time_ms),
            trade_id: self.trade_id,
            price: Ticks(price.map_err(wrong("price"))?),
            qty: Lots(qty.map_err(wrong("qty"))?),
            fee: money(self.fee, "commission")?,
            fee_asset: AssetName::cut(self.fee_asset),
            side: self.side,
            liquidity: self.liquidity,
        })
    }
}

/// A balance.
pub(crate) fn balance(
    asset: &str,
    free: &Text<'_>,
    locked: &Text<'_>,
    time_ms: u64,
) -> Result<Balance, WireError> {
    Ok(Balance {
        free: money(free, "free")?,
        locked: money(locked, "locked")?,
        venue_time_ns: nanoseconds(time_ms),
        asset: AssetName::cut(asset),
        reserved: [0; 26],
    })
}
