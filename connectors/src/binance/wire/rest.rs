//! Answers of the REST interface and of queries: instruments, time, account, lists.
//!
//! Control plane. Allocates.

use serde::Deserialize;

use super::frame::{ErrorBody, RateLimit};
use crate::wire::error::{WireError, from_json};
use crate::wire::raw::Raw;
use crate::wire::text::Text;

/// `/api/v3/time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerTime {
    /// The venue's time, milliseconds since the Unix epoch.
    pub server_time: u64,
}

/// `/api/v3/exchangeInfo`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeInfo<'a> {
    /// Limits for the address and the account. Entries of unknown form are left out.
    #[serde(borrow, default)]
    rate_limits: Vec<Tolerant<RateLimit<'a>>>,
    /// What is traded.
    #[serde(borrow)]
    pub symbols: Vec<SymbolInfo<'a>>,
}

impl<'a> ExchangeInfo<'a> {
    /// Limits for the address and the account.
    pub fn rate_limits(&self) -> impl Iterator<Item = &RateLimit<'a>> {
        self.rate_limits.iter().filter_map(Tolerant::known)
    }
}

/// A value of the known form, or anything else.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(in crate::binance) enum Tolerant<T> {
    Known(T),
    Unknown(serde::de::IgnoredAny),
}

impl<T> Tolerant<T> {
    /// The value, if it has the known form.
    pub(in crate::binance) const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

/// One symbol of `/api/v3/exchangeInfo`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SymbolInfo<'a> {
    /// The venue's name.
    #[serde(borrow)]
    pub symbol: Text<'a>,
    /// `TRADING` or why not.
    #[serde(borrow)]
    pub status: Text<'a>,
    /// Asset bought or sold.
    #[serde(borrow)]
    pub base_asset: Text<'a>,
    /// Asset paid with.
    #[serde(borrow)]
    pub quote_asset: Text<'a>,
    /// Whether spot trading is allowed at all.
    #[serde(default = "yes")]
    pub is_spot_trading_allowed: bool,
    /// Its rules.
    #[serde(borrow, default)]
    pub filters: Vec<Filter<'a>>,
}

const fn yes() -> bool {
    true
}

/// A rule of a symbol: the values that we know by name, read only for the kinds that we know. Other
/// kinds may use the same names for other things.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter<'a> {
    /// Its kind.
    #[serde(borrow)]
    pub filter_type: Text<'a>,
    /// `PRICE_FILTER`.
    #[serde(borrow, default)]
    pub min_price: Option<Raw<'a>>,
    /// `PRICE_FILTER`.
    #[serde(borrow, default)]
    pub max_price: Option<Raw<'a>>,
    /// `PRICE_FILTER`.
    #[serde(borrow, default)]
    pub tick_size: Option<Raw<'a>>,
    /// `LOT_SIZE`, `MARKET_LOT_SIZE`.
    #[serde(borrow, default)]
    pub min_qty: Option<Raw<'a>>,
    /// `LOT_SIZE`, `MARKET_LOT_SIZE`.
    #[serde(borrow, default)]
    pub max_qty: Option<Raw<'a>>,
    /// `LOT_SIZE`, `MARKET_LOT_SIZE`.
    #[serde(borrow, default)]
    pub step_size: Option<Raw<'a>>,
    /// `NOTIONAL`, `MIN_NOTIONAL`.
    #[serde(borrow, default)]
    pub min_notional: Option<Raw<'a>>,
    /// `NOTIONAL`.
    #[serde(borrow, default)]
    pub max_notional: Option<Raw<'a>>,
    /// `MIN_NOTIONAL` of USD-M futures.
    #[serde(borrow, default)]
    pub notional: Option<Raw<'a>>,
    /// `PERCENT_PRICE`.
    #[serde(borrow, default)]
    pub multiplier_up: Option<Raw<'a>>,
    /// `PERCENT_PRICE`.
    #[serde(borrow, default)]
    pub multiplier_down: Option<Raw<'a>>,
}

/// `/api/v3/account` and `account.status`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account<'a> {
    /// Whether the account may trade.
    #[serde(default = "yes")]
    pub can_trade: bool,
    /// The venue's time of the last change, milliseconds.
    #[serde(default)]
    pub update_time: u64,
    /// What it holds.
    #[serde(borrow)]
    pub balances: Vec<AccountBalance<'a>>,
}

/// One balance of an account.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountBalance<'a> {
    /// The asset.
    #[serde(borrow)]
    pub asset: Text<'a>,
    /// Available.
    #[serde(borrow)]
    pub free: Text<'a>,
    /// Held by open orders.
    #[serde(borrow)]
    pub locked: Text<'a>,
}

/// Reads the body of a REST answer: the value for a status of 200 to 299, the error otherwise.
///
/// # Errors
///
/// [`WireError`] for bytes that are neither.
pub fn read<'a, T: Deserialize<'a>>(
    status: u16,
    body: &'a [u8],
) -> Result<Result<T, ErrorBody<'a>>, WireError> {
    if (200..300).contains(&status) {
        from_json(body).map(Ok)
    } else {
        from_json(body).map(Err)
    }
}
