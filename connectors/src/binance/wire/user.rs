//! Events of the private stream: executions and balances.
//!
//! Hot path: yes. Allocates: only for text with escapes and more than four balances in an event.

use model::body::{OrderStatus, Side};
use serde::Deserialize;

use super::order::{side_of, status_of};
use crate::wire::error::{WireError, from_json};
use crate::wire::inline::Inline;
use crate::wire::text::Text;

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// Accepted.
    New,
    /// Cancelled.
    Cancelled,
    /// Amended in place.
    Replaced,
    /// Refused.
    Rejected,
    /// Filled, in whole or in part.
    Trade,
    /// Ended by the venue.
    Expired,
    /// Ended because it would have traded with another order of ours.
    TradePrevention,
    /// A forced trade of the venue's own; not documented for spot.
    Calculated,
}

/// An execution report. Which fields mean something depends on [`Self::execution`]: what was filled
/// is read only from a trade.
#[derive(Debug, Clone, Deserialize)]
pub struct Report<'a> {
    /// The venue's symbol.
    #[serde(borrow, rename = "s")]
    pub symbol: Text<'a>,
    #[serde(borrow, rename = "c")]
    client_id: Text<'a>,
    #[serde(borrow, default, rename = "C")]
    original_id: Option<Text<'a>>,
    #[serde(borrow, rename = "S")]
    side: Text<'a>,
    #[serde(borrow, rename = "x")]
    execution: Text<'a>,
    #[serde(borrow, rename = "X")]
    status: Text<'a>,
    /// Why it was refused; `NONE` otherwise.
    #[serde(borrow, default, rename = "r")]
    pub reason: Option<Text<'a>>,
    /// Why it expired.
    #[serde(borrow, default, rename = "eR")]
    pub expiry: Option<Text<'a>>,
    /// The venue's id of the order.
    #[serde(rename = "i")]
    pub order_id: u64,
    /// Quantity of this fill.
    #[serde(borrow, default, rename = "l")]
    pub last_qty: Option<Text<'a>>,
    /// Ordered quantity, after an amendment the smaller one.
    #[serde(borrow, default, rename = "q")]
    pub qty: Option<Text<'a>>,
    /// Filled so far.
    #[serde(borrow, rename = "z")]
    pub cum_qty: Text<'a>,
    /// Price of this fill.
    #[serde(borrow, default, rename = "L")]
    pub last_price: Option<Text<'a>>,
    /// Fee of this fill.
    #[serde(borrow, default, rename = "n")]
    pub fee: Option<Text<'a>>,
    /// Its asset.
    #[serde(borrow, default, rename = "N")]
    pub fee_asset: Option<Text<'a>>,
    /// Time of the transaction, milliseconds.
    #[serde(rename = "T")]
    pub time_ms: u64,
    #[serde(default, rename = "t")]
    trade_id: Option<i64>,
    /// Whether our order rested.
    #[serde(default, rename = "m")]
    pub maker: bool,
}

impl Report<'_> {
    /// What happened.
    ///
    /// # Errors
    ///
    /// [`WireError::Value`] for a word that the documentation does not know.
    pub fn execution(&self) -> Result<Execution, WireError> {
        Ok(match self.execution.as_str() {
            "NEW" => Execution::New,
            "CANCELED" => Execution::Cancelled,
            "REPLACED" => Execution::Replaced,
            "REJECTED" => Execution::Rejected,
            "TRADE" => Execution::Trade,
            "EXPIRED" => Execution::Expired,
            "TRADE_PREVENTION" => Execution::TradePrevention,
            "CALCULATED" => Execution::Calculated,
            _ => return Err(WireError::Value { field: "x" }),
        })
    }

    /// The order's state after it.
    ///
    /// # Errors
    ///
    /// [`WireError::Value`] for a word that the documentation does not know.
    pub fn status(&self) -> Result<OrderStatus, WireError> {
        status_of(self.status.as_str(), "X")
    }

    /// The order's side.
    ///
    /// # Errors
    ///
    /// [`WireError::Value`].
    pub fn side(&self) -> Result<Side, WireError> {
        side_of(self.side.as_str(), "S")
    }

    /// The client id of the order itself: on a cancel and an amendment `c` names those, and `C` the
    /// order; on a fill `C` is empty.
    #[must_use]
    pub fn client_id(&self) -> &[u8] {
        let renamed = matches!(self.execution.as_str(), "CANCELED" | "REPLACED");
        match &self.original_id {
            Some(original) if renamed && !original.as_str().is_empty() => original.as_bytes(),
            Some(_) | None => self.client_id.as_bytes(),
        }
    }

    /// The venue's id of the trade; none if this is no trade.
    #[must_use]
    pub fn trade_id(&self) -> Option<u64> {
        self.trade_id.and_then(|id| u64::try_from(id).ok())
    }
}

/// A balance in an event.
#[derive(Debug, Clone, Deserialize)]
pub struct BalanceRow<'a> {
    /// The asset.
    #[serde(borrow, rename = "a")]
    pub asset: Text<'a>,
    /// Available.
    #[serde(borrow, rename = "f")]
    pub free: Text<'a>,
    /// Held by open orders.
    #[serde(borrow, rename = "l")]
    pub locked: Text<'a>,
}

/// Balances that may have changed, absolute.
#[derive(Debug, Clone, Deserialize)]
pub struct Balances<'a> {
    /// The venue's time, milliseconds.
    #[serde(rename = "E")]
    pub time_ms: u64,
    /// The balances.
    #[serde(borrow, rename = "B")]
    pub rows: Inline<BalanceRow<'a>, 4>,
}

/// A deposit, a withdrawal or a transfer.
#[derive(Debug, Clone, Deserialize)]
pub struct Transfer<'a> {
    /// The asset.
    #[serde(borrow, rename = "a")]
    pub asset: Text<'a>,
    /// The change, with its sign.
    #[serde(borrow, rename = "d")]
    pub delta: Text<'a>,
    /// When the event was made, milliseconds.
    #[serde(default, rename = "E")]
    pub event_ms: u64,
    /// When the money moved, milliseconds.
    #[serde(default, rename = "T")]
    pub time_ms: u64,
}

/// An event of the private stream.
#[derive(Debug, Clone)]
pub enum UserEvent<'a> {
    /// Something happened to an order.
    Report(Report<'a>),
    /// Balances changed.
    Balances(Balances<'a>),
    /// A deposit, a withdrawal or a transfer.
    Transfer(Transfer<'a>),
    /// The subscription ended: subscribe again.
    Terminated,
    /// The venue is about to close connections.
    Shutdown,
    /// An event that we do not use: order lists, external locks, kinds of tomorrow.
    Ignored,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    e: Text<'a>,
}

/// Reads one event without its envelope.
pub(crate) fn decode(bytes: &[u8]) -> Result<UserEvent<'_>, WireError> {
    let kind = kind_of(bytes)?;
    match kind.as_str() {
        "executionReport" => from_json(bytes).map(UserEvent::Report),
        "outboundAccountPosition" => from_json(bytes).map(UserEvent::Balances),
        "balanceUpdate" => from_json(bytes).map(UserEvent::Transfer),
        "eventStreamTerminated" => Ok(UserEvent::Terminated),
        "serverShutdown" => Ok(UserEvent::Shutdown),
        _ => Ok(UserEvent::Ignored),
    }
}

/// The kind stands first in what the venue sends; elsewhere it is searched for.
fn kind_of(bytes: &[u8]) -> Result<Text<'_>, WireError> {
    let first = bytes.strip_prefix(b"{\"e\":\"").and_then(|rest| {
        let end = rest.iter().position(|&byte| byte == b'"')?;
        let word = rest[..end].iter().all(u8::is_ascii_alphanumeric);
        word.then(|| std::str::from_utf8(&rest[..end]).ok())?
    });
    match first {
        Some(kind) => Ok(Text(kind.into())),
        None => from_json::<Kind<'_>>(bytes).map(|kind| kind.e),
    }
}
