//! Rows about our orders and fills, as the private channels and the REST interface write them.
//!
//! An empty text stands for nothing. Hot path: the order channel. Allocates: only for text with
//! escapes and for more than one row.

use model::body::{Liquidity, OrderStatus, RejectReason, Side};
use model::num::{Money, NumberError};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::market::side_of;
use crate::wire::WireError;
use crate::wire::text::Text;

/// A text that may be left out or empty.
pub(super) type Said<'a> = Option<Text<'a>>;

/// The text, if it says anything.
fn said<'t, 'a>(text: &'t Said<'a>) -> Option<&'t Text<'a>> {
    text.as_ref().filter(|text| !text.as_str().is_empty())
}

fn whole(text: &Said<'_>, field: &'static str) -> Result<u64, WireError> {
    let text = said(text).ok_or(WireError::Missing { field })?;
    let value = text.as_str().parse();
    value.map_err(|_| WireError::Value { field })
}

/// Milliseconds; 0 where nothing is said.
pub(super) fn time(text: &Said<'_>, field: &'static str) -> Result<u64, WireError> {
    match said(text) {
        None => Ok(0),
        Some(_) => whole(text, field),
    }
}

fn side(text: &Said<'_>) -> Result<Side, WireError> {
    let field = "side";
    let text = said(text).ok_or(WireError::Missing { field })?;
    side_of(text.as_bytes()).ok_or(WireError::Value { field })
}

/// The venue writes what it takes below zero; we count what is paid above it.
fn fee(text: &Said<'_>, field: &'static str) -> Result<Money, WireError> {
    let Some(text) = said(text) else {
        return Ok(Money::new(Decimal::ZERO));
    };
    let error = NumberError::OutOfRange;
    let value = Decimal::from_str_exact(text.as_str());
    let value = value.map_err(|_| WireError::Number { field, error })?;
    Ok(Money::new(-value))
}

/// A trade's id. Those of forced trades may be below zero: they stay what they are in 64 bits.
fn trade_id(text: &Said<'_>) -> Result<Option<u64>, WireError> {
    let Some(text) = said(text).filter(|text| text.as_str() != "0") else {
        return Ok(None);
    };
    let text = text.as_str();
    let value = match text.parse::<u64>() {
        Ok(value) => Ok(value),
        Err(_) => text.parse::<i64>().map(i64::cast_unsigned),
    };
    let wrong = WireError::Value { field: "tradeId" };
    value.map(Some).map_err(|_| wrong)
}

fn liquidity(text: &Said<'_>) -> Result<Liquidity, WireError> {
    match said(text).map(Text::as_str) {
        Some("M") => Ok(Liquidity::Maker),
        Some("T") => Ok(Liquidity::Taker),
        Some(_) => Err(WireError::Value { field: "execType" }),
        None => Err(WireError::Missing { field: "execType" }),
    }
}

/// An order: a push of the channel, or a row of `trade/order` and `trade/orders-pending`.
///
/// In the channel what begins with `fill` is of this push, over REST it is of the last fill.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRow<'a> {
    /// The instrument.
    #[serde(borrow)]
    pub inst_id: Text<'a>,
    #[serde(borrow, default)]
    ord_id: Said<'a>,
    #[serde(borrow, default)]
    cl_ord_id: Said<'a>,
    #[serde(borrow, default)]
    state: Said<'a>,
    #[serde(borrow, default)]
    side: Said<'a>,
    #[serde(borrow, default)]
    ord_type: Said<'a>,
    /// Ordered quantity; of a market order it may be in money, see [`Self::is_in_quote`].
    #[serde(borrow)]
    pub sz: Text<'a>,
    #[serde(borrow, default)]
    tgt_ccy: Said<'a>,
    #[serde(borrow, default)]
    acc_fill_sz: Said<'a>,
    /// Price of the fill.
    #[serde(borrow, default)]
    pub fill_px: Option<Text<'a>>,
    /// Quantity of the fill.
    #[serde(borrow, default)]
    pub fill_sz: Option<Text<'a>>,
    #[serde(borrow, default)]
    trade_id: Said<'a>,
    #[serde(borrow, default)]
    fill_time: Said<'a>,
    #[serde(borrow, default)]
    fill_fee: Said<'a>,
    #[serde(borrow, default)]
    fill_fee_ccy: Said<'a>,
    #[serde(borrow, default)]
    exec_type: Said<'a>,
    #[serde(borrow, default)]
    cancel_source: Said<'a>,
    #[serde(borrow, default)]
    amend_result: Said<'a>,
    #[serde(borrow, default)]
    code: Said<'a>,
    #[serde(borrow, default)]
    msg: Said<'a>,
    #[serde(borrow, default)]
    category: Said<'a>,
    #[serde(borrow, default)]
    u_time: Said<'a>,
}

/// What became of an amendment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amendment {
    /// The push is about none.
    None,
    /// Done.
    Done,
    /// Refused: the order lives as it was.
    Refused,
    /// Refused, and the order was cancelled for it.
    Cancelled,
}

impl<'a> OrderRow<'a> {
    /// The venue's id.
    ///
    /// # Errors
    ///
    /// [`WireError`]: missing, or no whole number.
    pub fn order_id(&self) -> Result<u64, WireError> {
        whole(&self.ord_id, "ordId")
    }

    /// The client's id; empty for an order that has none.
    #[must_use]
    pub fn client_id(&self) -> &[u8] {
        said(&self.cl_ord_id).map_or(b"", Text::as_bytes)
    }

    /// The side.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    pub fn side(&self) -> Result<Side, WireError> {
        side(&self.side)
    }

    /// Whether the ordered quantity is an amount of money.
    #[must_use]
    pub fn is_in_quote(&self) -> bool {
        said(&self.tgt_ccy).is_some_and(|word| word.as_str() == "quote_ccy")
    }

    /// Filled so far; `None` if nothing is said.
    #[must_use]
    pub fn filled(&self) -> Option<&Text<'a>> {
        said(&self.acc_fill_sz)
    }

    /// Whether any of it is filled.
    fn has_fills(&self) -> bool {
        let filled = self.filled().map_or("0", Text::as_str);
        filled.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
    }

    /// Its state, and why it is over if the venue ended it.
    ///
    /// A post-only order that would take is accepted, and cancelled right after. What we asked for
    /// (a cancel, the dead man's switch) is cancelled; every other end is the venue's.
    ///
    /// # Errors
    ///
    /// [`WireError`]: a state that the documentation does not know.
    pub fn status(&self) -> Result<(OrderStatus, RejectReason), WireError> {
        let field = "state";
        let state = said(&self.state).ok_or(WireError::Missing { field })?;
        let status = match state.as_str() {
            "live" => OrderStatus::Open,
            "partially_filled" => OrderStatus::PartiallyFilled,
            "filled" => OrderStatus::Filled,
            "canceled" | "mmp_canceled" => return Ok(self.ended()),
            _ => return Err(WireError::Value { field }),
        };
        Ok((status, RejectReason::None))
    }

    fn ended(&self) -> (OrderStatus, RejectReason) {
        let at_once = matches!(self.kind(), "ioc" | "fok" | "optimal_limit_ioc" | "market");
        let status = match said(&self.cancel_source).map_or("", Text::as_str) {
            "31" if !self.has_fills() => return (OrderStatus::Rejected, RejectReason::WouldTake),
            "1" | "20" => OrderStatus::Cancelled,
            "" if !at_once => OrderStatus::Cancelled,
            _ => OrderStatus::Expired,
        };
        (status, RejectReason::None)
    }

    /// `limit`, `market`, `post_only`, `ioc`, `fok` and others.
    #[must_use]
    pub fn kind(&self) -> &str {
        said(&self.ord_type).map_or("", Text::as_str)
    }

    /// Why it was cancelled, as the venue's number; empty if it does not say.
    #[must_use]
    pub fn cancel_source(&self) -> &str {
        said(&self.cancel_source).map_or("", Text::as_str)
    }

    /// `normal`, or what forced the order: `full_liquidation`, `adl` and others.
    #[must_use]
    pub fn category(&self) -> &str {
        said(&self.category).map_or("", Text::as_str)
    }

    /// Id of the trade of this push; `None` if it is no fill.
    ///
    /// # Errors
    ///
    /// [`WireError`]: no whole number.
    pub fn trade_id(&self) -> Result<Option<u64>, WireError> {
        trade_id(&self.trade_id)
    }

    /// Time of the fill, milliseconds; 0 if nothing is said.
    ///
    /// # Errors
    ///
    /// [`WireError`]: no whole number.
    pub fn fill_ms(&self) -> Result<u64, WireError> {
        time(&self.fill_time, "fillTime")
    }

    /// Fee of the fill, above zero if it was paid, and its asset.
    ///
    /// # Errors
    ///
    /// [`WireError`]: no number.
    pub fn fill_fee(&self) -> Result<(Money, &str), WireError> {
        let asset = said(&self.fill_fee_ccy).map_or("", Text::as_str);
        Ok((fee(&self.fill_fee, "fillFee")?, asset))
    }

    /// Whether the fill made or took.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    pub fn liquidity(&self) -> Result<Liquidity, WireError> {
        liquidity(&self.exec_type)
    }

    /// What became of an amendment, and the venue's code and words for a refusal.
    ///
    /// # Errors
    ///
    /// [`WireError`]: a result that the documentation does not know.
    pub fn amendment(&self) -> Result<(Amendment, i32, &str), WireError> {
        let field = "amendResult";
        let result = match said(&self.amend_result).map(Text::as_str) {
            None => Amendment::None,
            Some("0") => Amendment::Done,
            Some("-1") => Amendment::Refused,
            Some("1") => Amendment::Cancelled,
            Some(_) => return Err(WireError::Value { field }),
        };
        let code = said(&self.code).and_then(|code| code.as_str().parse().ok());
        let words = said(&self.msg).map_or("", Text::as_str);
        Ok((result, code.unwrap_or(0), words))
    }

    /// Time of the change, milliseconds; 0 if nothing is said.
    ///
    /// # Errors
    ///
    /// [`WireError`]: no whole number.
    pub fn time_ms(&self) -> Result<u64, WireError> {
        time(&self.u_time, "uTime")
    }
}

/// A row of `trade/fills` and `trade/fills-history`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FillRow<'a> {
    /// The instrument.
    #[serde(borrow)]
    pub inst_id: Text<'a>,
    #[serde(borrow, default)]
    trade_id: Said<'a>,
    #[serde(borrow, default)]
    ord_id: Said<'a>,
    #[serde(borrow, default)]
    cl_ord_id: Said<'a>,
    #[serde(borrow, default)]
    bill_id: Said<'a>,
    /// Price.
    #[serde(borrow)]
    pub fill_px: Text<'a>,
    /// Quantity.
    #[serde(borrow)]
    pub fill_sz: Text<'a>,
    #[serde(borrow, default)]
    side: Said<'a>,
    #[serde(borrow, default)]
    exec_type: Said<'a>,
    #[serde(borrow, default)]
    fee: Said<'a>,
    #[serde(borrow, default)]
    fee_ccy: Said<'a>,
    #[serde(borrow, default)]
    fill_time: Said<'a>,
    #[serde(borrow, default)]
    ts: Said<'a>,
}

impl FillRow<'_> {
    /// The trade's id.
    ///
    /// # Errors
    ///
    /// [`WireError`]: missing, or no whole number.
    pub fn trade_id(&self) -> Result<u64, WireError> {
        let missing = WireError::Missing { field: "tradeId" };
        trade_id(&self.trade_id)?.ok_or(missing)
    }

    /// The order's id.
    ///
    /// # Errors
    ///
    /// [`WireError`]: missing, or no whole number.
    pub fn order_id(&self) -> Result<u64, WireError> {
        whole(&self.ord_id, "ordId")
    }

    /// The client's id of the order; empty for one that has none.
    #[must_use]
    pub fn client_id(&self) -> &[u8] {
        said(&self.cl_ord_id).map_or(b"", Text::as_bytes)
    }

    /// Id of the entry in the account's ledger: by it pages are asked for.
    ///
    /// # Errors
    ///
    /// [`WireError`]: missing, or no whole number.
    pub fn bill_id(&self) -> Result<u64, WireError> {
        whole(&self.bill_id, "billId")
    }

    /// The side.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    pub fn side(&self) -> Result<Side, WireError> {
        side(&self.side)
    }

    /// Whether it made or took.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    pub fn liquidity(&self) -> Result<Liquidity, WireError> {
        liquidity(&self.exec_type)
    }

    /// Fee, above zero if it was paid, and its asset.
    ///
    /// # Errors
    ///
    /// [`WireError`]: no number.
    pub fn fee(&self) -> Result<(Money, &str), WireError> {
        let asset = said(&self.fee_ccy).map_or("", Text::as_str);
        Ok((fee(&self.fee, "fee")?, asset))
    }

    /// Time of the trade, milliseconds; older rows only have that of the entry.
    ///
    /// # Errors
    ///
    /// [`WireError`]: no whole number.
    pub fn time_ms(&self) -> Result<u64, WireError> {
        match said(&self.fill_time) {
            Some(_) => time(&self.fill_time, "fillTime"),
            None => time(&self.ts, "ts"),
        }
    }
}
