//! Rows about our money and positions, as the private channels and the REST interface write them.
//!
//! An empty text stands for nothing. Hot path: no. Allocates: for text with escapes and for more
//! than a few rows.

use serde::Deserialize;

use super::private::{Said, time};
use crate::wire::WireError;
use crate::wire::inline::Inline;
use crate::wire::text::Text;

/// One asset of `account/balance` and of the channel `account`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BalanceRow<'a> {
    /// The asset.
    #[serde(borrow)]
    pub ccy: Text<'a>,
    /// What is there, without profit and loss that is still open.
    #[serde(borrow)]
    pub cash_bal: Text<'a>,
    /// What may be used.
    #[serde(borrow)]
    pub avail_bal: Text<'a>,
    /// What is held back.
    #[serde(borrow)]
    pub frozen_bal: Text<'a>,
    #[serde(borrow, default)]
    u_time: Said<'a>,
}

impl BalanceRow<'_> {
    /// Time of the last change, milliseconds; 0 if nothing is said.
    ///
    /// # Errors
    ///
    /// [`WireError`]: no whole number.
    pub fn time_ms(&self) -> Result<u64, WireError> {
        time(&self.u_time, "uTime")
    }
}

/// The account: the only row of `account/balance` and of the channel `account`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountRow<'a> {
    /// Its assets: in an update only those that changed.
    #[serde(borrow)]
    pub details: Inline<BalanceRow<'a>, 2>,
    #[serde(borrow, default)]
    u_time: Said<'a>,
}

impl AccountRow<'_> {
    /// Time of the message, milliseconds; 0 if nothing is said.
    ///
    /// # Errors
    ///
    /// [`WireError`]: no whole number.
    pub fn time_ms(&self) -> Result<u64, WireError> {
        time(&self.u_time, "uTime")
    }
}

/// A position of `account/positions` and of the channel `positions`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PositionRow<'a> {
    /// The instrument.
    #[serde(borrow)]
    pub inst_id: Text<'a>,
    /// How much: below zero for short if `pos_side` is `net`, else above.
    #[serde(borrow)]
    pub pos: Text<'a>,
    /// `net`, `long` or `short`.
    #[serde(borrow)]
    pub pos_side: Text<'a>,
    /// `cross` or `isolated`.
    #[serde(borrow)]
    pub mgn_mode: Text<'a>,
    /// Average price; empty or absent if there is none.
    #[serde(borrow, default)]
    pub avg_px: Option<Text<'a>>,
    /// Liquidation price; empty if there is none.
    #[serde(borrow, default)]
    pub liq_px: Option<Text<'a>>,
    /// Margin of an isolated position; else empty.
    #[serde(borrow, default)]
    pub margin: Option<Text<'a>>,
    /// Leverage; empty if there is none.
    #[serde(borrow, default)]
    pub lever: Option<Text<'a>>,
    #[serde(borrow, default)]
    u_time: Said<'a>,
}

impl PositionRow<'_> {
    /// Time of the last change, milliseconds; 0 if nothing is said.
    ///
    /// # Errors
    ///
    /// [`WireError`]: no whole number.
    pub fn time_ms(&self) -> Result<u64, WireError> {
        time(&self.u_time, "uTime")
    }
}

/// What the channel `balance_and_position` says: quickly, and little.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuickRow<'a> {
    /// Why: `snapshot`, `filled`, `transferred`, `funding_fee` and others.
    #[serde(borrow)]
    pub event_type: Text<'a>,
    /// Assets that changed.
    #[serde(borrow, default)]
    pub bal_data: Inline<QuickBalance<'a>, 2>,
    /// Positions that changed.
    #[serde(borrow, default)]
    pub pos_data: Inline<PositionRow<'a>, 1>,
    #[serde(borrow, default)]
    p_time: Said<'a>,
}

impl QuickRow<'_> {
    /// Time of the message, milliseconds; 0 if nothing is said.
    ///
    /// # Errors
    ///
    /// [`WireError`]: no whole number.
    pub fn time_ms(&self) -> Result<u64, WireError> {
        time(&self.p_time, "pTime")
    }
}

/// An asset of [`QuickRow`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuickBalance<'a> {
    /// The asset.
    #[serde(borrow)]
    pub ccy: Text<'a>,
    /// What is there.
    #[serde(borrow)]
    pub cash_bal: Text<'a>,
}

/// An entry of `account/bills`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BillRow<'a> {
    #[serde(borrow, default)]
    bill_id: Said<'a>,
    /// The instrument; empty if it is of none.
    #[serde(borrow)]
    pub inst_id: Text<'a>,
    /// The asset.
    #[serde(borrow)]
    pub ccy: Text<'a>,
    /// What the account gained of it.
    #[serde(borrow)]
    pub bal_chg: Text<'a>,
    #[serde(borrow, default)]
    ts: Said<'a>,
}

impl BillRow<'_> {
    /// Its id, which rises.
    ///
    /// # Errors
    ///
    /// [`WireError`]: missing, or no whole number.
    pub fn id(&self) -> Result<u64, WireError> {
        let field = "billId";
        let text = self.bill_id.as_ref().ok_or(WireError::Missing { field })?;
        text.as_str()
            .parse()
            .map_err(|_| WireError::Value { field })
    }

    /// Time of it, milliseconds; 0 if nothing is said.
    ///
    /// # Errors
    ///
    /// [`WireError`]: no whole number.
    pub fn time_ms(&self) -> Result<u64, WireError> {
        time(&self.ts, "ts")
    }
}
