//! What is traded and by which tiers: `/fapi/v1/exchangeInfo` and `/fapi/v1/leverageBracket`.
//!
//! Control plane. Allocates.

use serde::Deserialize;

use crate::binance::wire::frame::RateLimit;
use crate::binance::wire::rest::{Filter, Tolerant};
use crate::wire::error::from_raw;
use crate::wire::text::Text;
use crate::wire::{Raw, WireError};

/// `/fapi/v1/exchangeInfo`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeInfo<'a> {
    /// Limits for the address and the account. Entries of unknown form are left out.
    #[serde(borrow, default)]
    rate_limits: Vec<Tolerant<RateLimit<'a>>>,
    /// What is traded. Each is read for itself: one contract of another form must not hide others.
    #[serde(borrow)]
    symbols: Vec<Raw<'a>>,
}

impl<'a> ExchangeInfo<'a> {
    /// Limits for the address and the account.
    pub fn rate_limits(&self) -> impl Iterator<Item = &RateLimit<'a>> {
        self.rate_limits.iter().filter_map(Tolerant::known)
    }

    /// One symbol; `None` if it is not listed.
    ///
    /// # Errors
    ///
    /// [`WireError`], inside, if its entry does not have the documented form.
    #[must_use]
    pub fn symbol(&self, symbol: &str) -> Option<Result<SymbolInfo<'a>, WireError>> {
        #[derive(Deserialize)]
        struct Name<'a> {
            #[serde(borrow)]
            symbol: Text<'a>,
        }
        let named = |raw: &&Raw<'a>| {
            from_raw::<Name<'_>>(**raw).is_ok_and(|name| name.symbol.as_str() == symbol)
        };
        self.symbols.iter().find(named).map(|raw| from_raw(*raw))
    }
}

/// One symbol of `/fapi/v1/exchangeInfo`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SymbolInfo<'a> {
    /// The venue's name.
    #[serde(borrow)]
    pub symbol: Text<'a>,
    /// `PERPETUAL`, or a contract that ends; empty before trading.
    #[serde(borrow)]
    pub contract_type: Text<'a>,
    /// `TRADING` or why not. Some lists call it `contractStatus`.
    #[serde(borrow, alias = "contractStatus")]
    pub status: Text<'a>,
    /// Asset that a quantity is in.
    #[serde(borrow)]
    pub base_asset: Text<'a>,
    /// Asset that a price is in.
    #[serde(borrow)]
    pub quote_asset: Text<'a>,
    /// Asset of profit, margin and funding.
    #[serde(borrow)]
    pub margin_asset: Text<'a>,
    /// Its rules.
    #[serde(borrow, default)]
    pub filters: Vec<Filter<'a>>,
    /// Times in force that it knows.
    #[serde(borrow, default)]
    pub time_in_force: Vec<Text<'a>>,
    /// Fee of a liquidation, part of the value.
    #[serde(borrow, default)]
    pub liquidation_fee: Option<Text<'a>>,
    /// How far from the mark price a market order may trade, part of the price.
    #[serde(borrow, default)]
    pub market_take_bound: Option<Text<'a>>,
}

/// One symbol of `/fapi/v1/leverageBracket`.
#[derive(Debug, Clone, Deserialize)]
pub struct SymbolBrackets<'a> {
    /// The venue's name.
    #[serde(borrow)]
    pub symbol: Text<'a>,
    /// Its tiers, in any order.
    #[serde(borrow)]
    pub brackets: Vec<BracketRow<'a>>,
}

/// A tier; the venue writes JSON numbers, kept as text so that nothing is rounded.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BracketRow<'a> {
    /// Most leverage.
    #[serde(borrow)]
    pub initial_leverage: Raw<'a>,
    /// Smallest value that it holds for.
    #[serde(borrow)]
    pub notional_floor: Raw<'a>,
    /// Its maintenance rate.
    #[serde(borrow)]
    pub maint_margin_ratio: Raw<'a>,
    /// What is taken off, so that the tiers join.
    #[serde(borrow)]
    pub cum: Raw<'a>,
}
