//! Answers about orders: what `order.place`, `order.cancel`, `order.cancelReplace`, `order.status`
//! and their REST twins say.
//!
//! Hot path: yes. Allocates: only for text with escapes and more than four fills in an answer.

use model::body::{OrderStatus, Side};
use serde::Deserialize;

use super::frame::ErrorBody;
use crate::wire::error::{WireError, from_raw};
use crate::wire::inline::Inline;
use crate::wire::raw::{Members, Raw};
use crate::wire::text::Text;

/// An order as an answer describes it; which fields are there depends on the request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderAnswer<'a> {
    /// The venue's symbol.
    #[serde(borrow)]
    pub symbol: Text<'a>,
    /// The venue's id.
    pub order_id: u64,
    /// For a cancel the id of the cancel itself, otherwise the order's.
    #[serde(borrow)]
    client_order_id: Text<'a>,
    #[serde(borrow, default)]
    orig_client_order_id: Option<Text<'a>>,
    #[serde(default)]
    transact_time: Option<u64>,
    #[serde(default)]
    update_time: Option<u64>,
    /// Ordered quantity, after an amendment the smaller one.
    #[serde(borrow, default, alias = "qty")]
    pub orig_qty: Option<Text<'a>>,
    /// Filled so far.
    #[serde(borrow, default)]
    pub executed_qty: Option<Text<'a>>,
    /// Limit price; 0 for a market order.
    #[serde(borrow, default)]
    pub price: Option<Text<'a>>,
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
    #[serde(borrow, default)]
    side: Option<Text<'a>>,
    /// Fills at placement.
    #[serde(borrow, default)]
    pub fills: Inline<FillRow<'a>, 4>,
}

impl<'a> OrderAnswer<'a> {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    pub fn read(raw: Raw<'a>) -> Result<Self, WireError> {
        from_raw(raw)
    }

    /// The client id of the order itself.
    #[must_use]
    pub fn client_id(&self) -> &[u8] {
        match &self.orig_client_order_id {
            Some(original) if !original.as_str().is_empty() => original.as_bytes(),
            Some(_) | None => self.client_order_id.as_bytes(),
        }
    }

    /// The venue's time in milliseconds, 0 if it states none.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.transact_time.or(self.update_time).unwrap_or(0)
    }

    /// The order's state; not stated in a bare acknowledgement.
    ///
    /// # Errors
    ///
    /// [`WireError::Value`] for a state that the documentation does not know.
    pub fn status(&self) -> Result<OrderStatus, WireError> {
        match &self.status {
            Some(status) => status_of(status.as_str(), "status"),
            None => Ok(OrderStatus::NotStated),
        }
    }

    /// The order's side.
    ///
    /// # Errors
    ///
    /// [`WireError`] if it is missing or unknown.
    pub fn side(&self) -> Result<Side, WireError> {
        let side = self
            .side
            .as_ref()
            .ok_or(WireError::Missing { field: "side" })?;
        side_of(side.as_str(), "side")
    }
}

/// The answer to an amendment.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AmendAnswer<'a> {
    /// The venue's time, milliseconds.
    #[serde(default)]
    pub transact_time: u64,
    /// The order as it is now.
    #[serde(borrow)]
    pub amended_order: OrderAnswer<'a>,
}

/// An order list in the answer to `openOrders.cancelAll`, where single orders stand as
/// [`OrderAnswer`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelledList<'a> {
    /// Its orders.
    #[serde(borrow)]
    pub order_reports: Vec<OrderAnswer<'a>>,
}

/// A fill in the answer to a placement.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FillRow<'a> {
    /// Price.
    #[serde(borrow)]
    pub price: Text<'a>,
    /// Quantity.
    #[serde(borrow)]
    pub qty: Text<'a>,
    /// Fee.
    #[serde(borrow)]
    pub commission: Text<'a>,
    /// Its asset.
    #[serde(borrow)]
    pub commission_asset: Text<'a>,
    /// The venue's id of the trade; older answers have none.
    #[serde(default)]
    pub trade_id: Option<u64>,
}

/// One half of a cancel-replace.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack for one message; a box would allocate on the hot path"
)]
pub enum Half<'a> {
    /// Done.
    Done(OrderAnswer<'a>),
    /// Refused.
    Failed(ErrorBody<'a>),
    /// Not tried.
    NotAttempted,
}

/// What a cancel-replace did.
#[derive(Debug)]
pub struct CancelReplace<'a> {
    /// The cancel.
    pub cancel: Half<'a>,
    /// The new order.
    pub place: Half<'a>,
}

impl<'a> CancelReplace<'a> {
    /// Reads it from the result of a success or the data of an error.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    pub fn read(raw: Raw<'a>) -> Result<Self, WireError> {
        let (mut results, mut responses) = ([None; 2], [None; 2]);
        let mut members = Members::of(raw.get().as_bytes())?;
        while let Some((key, value)) = members.next_member()? {
            match key {
                "cancelResult" => results[0] = Some(value),
                "newOrderResult" => results[1] = Some(value),
                "cancelResponse" => responses[0] = Some(value),
                "newOrderResponse" => responses[1] = Some(value),
                _ => {}
            }
        }
        Ok(Self {
            cancel: half(results[0], responses[0], "cancelResult")?,
            place: half(results[1], responses[1], "newOrderResult")?,
        })
    }
}

fn half<'a>(
    result: Option<Raw<'a>>,
    response: Option<Raw<'a>>,
    field: &'static str,
) -> Result<Half<'a>, WireError> {
    let missing = WireError::Missing { field };
    match result.ok_or(missing)?.get() {
        "\"SUCCESS\"" => OrderAnswer::read(response.ok_or(missing)?).map(Half::Done),
        "\"FAILURE\"" => from_raw(response.ok_or(missing)?).map(Half::Failed),
        "\"NOT_ATTEMPTED\"" => Ok(Half::NotAttempted),
        _ => Err(WireError::Value { field }),
    }
}

/// A trade of the account.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TradeRow<'a> {
    /// The venue's symbol.
    #[serde(borrow)]
    pub symbol: Text<'a>,
    /// The venue's id of the trade.
    pub id: u64,
    /// The venue's id of the order.
    pub order_id: u64,
    /// Price.
    #[serde(borrow)]
    pub price: Text<'a>,
    /// Quantity.
    #[serde(borrow)]
    pub qty: Text<'a>,
    /// Fee.
    #[serde(borrow)]
    pub commission: Text<'a>,
    /// Its asset.
    #[serde(borrow)]
    pub commission_asset: Text<'a>,
    /// The venue's time, milliseconds.
    pub time: u64,
    /// Whether we bought.
    #[serde(alias = "buyer")]
    pub is_buyer: bool,
    /// Whether our order rested.
    #[serde(alias = "maker")]
    pub is_maker: bool,
    /// Profit that it realised, of a future.
    #[serde(borrow, default)]
    pub realized_pnl: Option<Text<'a>>,
}

/// The common state of the venue's word for one.
pub(crate) fn status_of(word: &str, field: &'static str) -> Result<OrderStatus, WireError> {
    Ok(match word {
        // A list's leg that waits, and a cancel that is not done yet: the order lives.
        "NEW" | "PENDING_NEW" | "PENDING_CANCEL" => OrderStatus::Open,
        "PARTIALLY_FILLED" => OrderStatus::PartiallyFilled,
        "FILLED" => OrderStatus::Filled,
        "CANCELED" => OrderStatus::Cancelled,
        "REJECTED" => OrderStatus::Rejected,
        "EXPIRED" | "EXPIRED_IN_MATCH" => OrderStatus::Expired,
        _ => return Err(WireError::Value { field }),
    })
}

pub(crate) fn side_of(word: &str, field: &'static str) -> Result<Side, WireError> {
    match word {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(WireError::Value { field }),
    }
}
