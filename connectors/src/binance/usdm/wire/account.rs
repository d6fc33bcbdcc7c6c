//! Answers about the account: balances, positions, funding, the listen key, batches.
//!
//! The WebSocket API and REST give the same rows. Control plane. Allocates.

use serde::Deserialize;

use crate::binance::wire::frame::ErrorBody;
use crate::binance::wire::order::OrderAnswer;
use crate::wire::error::from_raw;
use crate::wire::raw::Members;
use crate::wire::text::Text;
use crate::wire::{Raw, WireError};

/// A balance: `v2/account.balance`, `/fapi/v3/balance`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BalanceRow<'a> {
    /// The asset.
    #[serde(borrow)]
    pub asset: Text<'a>,
    /// The wallet: what was paid in, realised, and paid; without profit of open positions.
    #[serde(borrow)]
    pub balance: Text<'a>,
    /// The wallet without what isolated positions have aside.
    #[serde(borrow)]
    pub cross_wallet_balance: Text<'a>,
    /// What new orders may use.
    #[serde(borrow)]
    pub available_balance: Text<'a>,
    /// The venue's time of the last change, milliseconds.
    #[serde(default)]
    pub update_time: u64,
}

/// A position: `v2/account.position`, `/fapi/v3/positionRisk`, and the older versions of both.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PositionRow<'a> {
    /// The venue's symbol.
    #[serde(borrow)]
    pub symbol: Text<'a>,
    /// `BOTH`; `LONG` or `SHORT` in hedge mode.
    #[serde(borrow)]
    pub position_side: Text<'a>,
    /// Base, below zero for short.
    #[serde(borrow)]
    pub position_amt: Text<'a>,
    /// Average price.
    #[serde(borrow)]
    pub entry_price: Text<'a>,
    /// 0 if there is none.
    #[serde(borrow)]
    pub liquidation_price: Text<'a>,
    /// What is aside for it with its profit; 0 in cross margin.
    #[serde(borrow, default)]
    pub isolated_margin: Option<Text<'a>>,
    /// What is aside for it; 0 in cross margin.
    #[serde(borrow, default)]
    pub isolated_wallet: Option<Text<'a>>,
    /// `cross` or `isolated`; version 3 does not say.
    #[serde(borrow, default)]
    pub margin_type: Option<Text<'a>>,
    /// Whole times; version 3 does not say.
    #[serde(borrow, default)]
    pub leverage: Option<Text<'a>>,
    /// The venue's time of the last change, milliseconds.
    #[serde(default)]
    pub update_time: u64,
}

/// A row of `/fapi/v1/income`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncomeRow<'a> {
    /// The venue's symbol; empty for what belongs to none.
    #[serde(borrow)]
    pub symbol: Text<'a>,
    /// `FUNDING_FEE`, if it was asked for.
    #[serde(borrow)]
    pub income_type: Text<'a>,
    /// What the account gained.
    #[serde(borrow)]
    pub income: Text<'a>,
    /// In what.
    #[serde(borrow)]
    pub asset: Text<'a>,
    /// The venue's time, milliseconds.
    pub time: u64,
    /// The venue's id of it: a number, or in older answers a text of one.
    #[serde(borrow, default)]
    tran_id: Option<Raw<'a>>,
}

impl IncomeRow<'_> {
    /// The venue's id of it.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        self.tran_id?.get().trim_matches('"').parse().ok()
    }
}

/// The answer to `userDataStream.start` and `.ping`, and to their REST twins.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenKeyAnswer<'a> {
    /// The key; REST gives none for keeping it.
    #[serde(borrow, default)]
    pub listen_key: Option<Text<'a>>,
}

/// One order of a batch's answer.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "made and read one by one, never kept in a list"
)]
pub enum BatchRow<'a> {
    /// Done.
    Done(OrderAnswer<'a>),
    /// Refused.
    Failed(ErrorBody<'a>),
}

impl<'a> BatchRow<'a> {
    /// Reads one: orders and errors stand in one list.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    pub fn read(raw: Raw<'a>) -> Result<Self, WireError> {
        let mut members = Members::of(raw.get().as_bytes())?;
        while let Some((key, _)) = members.next_member()? {
            match key {
                "code" => return from_raw(raw).map(Self::Failed),
                "orderId" => return OrderAnswer::read(raw).map(Self::Done),
                _ => {}
            }
        }
        Err(WireError::Missing { field: "orderId" })
    }
}

/// Whether a REST answer with status 200 is a success. `allOpenOrders` and others answer with a
/// `code` of 200, as a number or a text, where an error would have its own.
///
/// # Errors
///
/// [`WireError`] for bytes that are no object.
pub fn done(raw: Raw<'_>) -> Result<bool, WireError> {
    let mut members = Members::of(raw.get().as_bytes())?;
    while let Some((key, value)) = members.next_member()? {
        if key == "code" {
            return Ok(value.get().trim_matches('"') == "200");
        }
    }
    Ok(true)
}
