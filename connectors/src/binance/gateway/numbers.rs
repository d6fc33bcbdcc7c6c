//! Numbers of messages as the model's own, and fills made of them.
//!
//! Hot path: yes. Allocates: no.

use model::body::{AssetName, Balance, Fill, Liquidity, Side, Transfer, TransferKind};
use model::num::{Lots, Money, NumberError, Ticks};
use rust_decimal::Decimal;

use crate::binance::wire::user;
use crate::wire::WireError;
use crate::wire::symbols::Entry;
use crate::wire::text::Text;

pub(super) fn nanoseconds(ms: u64) -> u64 {
    ms.saturating_mul(1_000_000)
}

/// An amount of money, exact.
pub(super) fn money(text: &Text<'_>, field: &'static str) -> Result<Money, WireError> {
    match Decimal::from_str_exact(text.as_str()) {
        Ok(value) => Ok(Money::new(value)),
        Err(_) => Err(WireError::Number {
            field,
            error: NumberError::OutOfRange,
        }),
    }
}

/// A count of what is filled. What is below one lot does not count: a lot may have grown since.
pub(super) fn filled(
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
pub(super) fn ordered(
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
pub(super) struct Terms<'t, 'a> {
    pub(super) client_id: u64,
    pub(super) order_id: u64,
    pub(super) trade_id: u64,
    pub(super) time_ms: u64,
    pub(super) price: &'t Text<'a>,
    pub(super) qty: &'t Text<'a>,
    pub(super) fee: &'t Text<'a>,
    pub(super) fee_asset: &'t str,
    pub(super) side: Side,
    pub(super) liquidity: Liquidity,
}

impl Terms<'_, '_> {
    /// The fill; an error if a number is not exactly one of the instrument's.
    pub(super) fn fill(&self, entry: &Entry) -> Result<Fill, WireError> {
        let wrong = |field| move |error| WireError::Number { field, error };
        let price = entry.price.parse(self.price.as_bytes());
        let qty = entry.qty.parse(self.qty.as_bytes());
        Ok(Fill {
            client_id: self.client_id,
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

/// What moved without a trade. The venue gives no id: one is made of all that it says.
pub(super) fn transfer(moved: &user::Transfer<'_>) -> Result<Transfer, WireError> {
    let amount = money(&moved.delta, "d")?;
    let value = amount.get();
    let kind = if value.is_zero() {
        TransferKind::Adjustment
    } else if value.is_sign_negative() {
        TransferKind::Withdrawal
    } else {
        TransferKind::Deposit
    };
    let times = [moved.event_ms.to_le_bytes(), moved.time_ms.to_le_bytes()];
    let words = [moved.asset.as_bytes(), b"/", moved.delta.as_bytes()];
    let bytes = times.iter().flatten().chain(words.into_iter().flatten());
    Ok(Transfer {
        amount,
        id: bytes.fold(FNV_START, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
        }),
        venue_time_ns: nanoseconds(moved.time_ms),
        asset: AssetName::cut(moved.asset.as_str()),
        kind,
        reserved: [0; 33],
    })
}

/// Constants of the hash FNV-1a.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// A balance.
pub(super) fn balance(
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
