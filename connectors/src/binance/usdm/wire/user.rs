//! Events of the private stream: orders, balances, positions, funding, the listen key's end.
//!
//! Hot path: yes. Allocates: only for text with escapes and more than four balances or positions in
//! an event.

use model::body::{OrderStatus, Side};
use serde::Deserialize;

use crate::binance::wire::order::side_of;
use crate::wire::error::{WireError, from_json, from_raw};
use crate::wire::inline::Inline;
use crate::wire::raw::{Members, Raw};
use crate::wire::text::Text;

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// Accepted.
    New,
    /// Cancelled.
    Cancelled,
    /// Filled, in whole or in part.
    Trade,
    /// Ended by the venue.
    Expired,
    /// Given another price or quantity.
    Amended,
    /// A forced order of the venue's: liquidation, auto-deleveraging, settlement. Its fills are
    /// real; before them it may be reported without one.
    Calculated,
}

/// An order's change: the `o` of `ORDER_TRADE_UPDATE`. What was filled is read only from a trade.
#[derive(Debug, Clone, Deserialize)]
pub struct Report<'a> {
    /// The venue's symbol.
    #[serde(borrow, rename = "s")]
    pub symbol: Text<'a>,
    /// The client id of the order; forced orders have the venue's words.
    #[serde(borrow, rename = "c")]
    pub client_id: Text<'a>,
    #[serde(borrow, rename = "S")]
    side: Text<'a>,
    #[serde(borrow, rename = "x")]
    execution: Text<'a>,
    #[serde(borrow, rename = "X")]
    status: Text<'a>,
    /// Why it expired: a number, 0 if it did not.
    #[serde(borrow, default, rename = "er")]
    pub expiry: Option<Raw<'a>>,
    /// The venue's id of the order.
    #[serde(rename = "i")]
    pub order_id: u64,
    /// Limit price, after a modification the new one.
    #[serde(borrow, default, rename = "p")]
    pub price: Option<Text<'a>>,
    /// Ordered quantity, after a modification the new one.
    #[serde(borrow, default, rename = "q")]
    pub qty: Option<Text<'a>>,
    /// Filled so far.
    #[serde(borrow, rename = "z")]
    pub cum_qty: Text<'a>,
    /// Quantity of this fill.
    #[serde(borrow, default, rename = "l")]
    pub last_qty: Option<Text<'a>>,
    /// Price of this fill.
    #[serde(borrow, default, rename = "L")]
    pub last_price: Option<Text<'a>>,
    /// Fee of this fill; none is stated where there is none.
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
    /// Whether it may only reduce the position.
    #[serde(default, rename = "R")]
    pub reduce_only: bool,
    /// `BOTH`; `LONG` or `SHORT` in hedge mode.
    #[serde(borrow, default, rename = "ps")]
    pub position_side: Option<Text<'a>>,
    /// Profit that this fill realised.
    #[serde(borrow, default, rename = "rp")]
    pub realized: Option<Text<'a>>,
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
            "TRADE" => Execution::Trade,
            "EXPIRED" => Execution::Expired,
            "AMENDMENT" => Execution::Amended,
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

    /// The venue's id of the trade; none if this is no trade (the venue writes 0).
    #[must_use]
    pub fn trade_id(&self) -> Option<u64> {
        let id = self.trade_id.and_then(|id| u64::try_from(id).ok());
        id.filter(|id| *id > 0)
    }
}

/// The common state of the venue's word for one. Those of forced orders are states of their own.
pub(crate) fn status_of(word: &str, field: &'static str) -> Result<OrderStatus, WireError> {
    match word {
        "NEW_INSURANCE" | "NEW_ADL" => Ok(OrderStatus::Open),
        word => crate::binance::wire::order::status_of(word, field),
    }
}

/// A balance in an `ACCOUNT_UPDATE`.
#[derive(Debug, Clone, Deserialize)]
pub struct BalanceChange<'a> {
    /// The asset.
    #[serde(borrow, rename = "a")]
    pub asset: Text<'a>,
    /// The wallet.
    #[serde(borrow, rename = "wb")]
    pub wallet: Text<'a>,
    /// The wallet without what isolated positions have aside.
    #[serde(borrow, rename = "cw")]
    pub cross_wallet: Text<'a>,
    /// What moved beside profit and fees: a transfer, funding.
    #[serde(borrow, default, rename = "bc")]
    pub change: Option<Text<'a>>,
}

/// A position in an `ACCOUNT_UPDATE`.
#[derive(Debug, Clone, Deserialize)]
pub struct PositionChange<'a> {
    /// The venue's symbol.
    #[serde(borrow, rename = "s")]
    pub symbol: Text<'a>,
    /// Base, below zero for short.
    #[serde(borrow, rename = "pa")]
    pub amount: Text<'a>,
    /// Average price.
    #[serde(borrow, rename = "ep")]
    pub entry: Text<'a>,
    /// `cross` or `isolated`.
    #[serde(borrow, rename = "mt")]
    pub margin_type: Text<'a>,
    /// What is aside for it; 0 in cross margin.
    #[serde(borrow, default, rename = "iw")]
    pub isolated: Option<Text<'a>>,
    /// `BOTH`; `LONG` or `SHORT` in hedge mode.
    #[serde(borrow, rename = "ps")]
    pub side: Text<'a>,
}

/// What of the account changed.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountChange<'a> {
    /// Why: `ORDER`, `FUNDING_FEE`, `DEPOSIT`, `WITHDRAW` and others.
    #[serde(borrow, rename = "m")]
    pub reason: Text<'a>,
    /// Balances that changed, absolute.
    #[serde(borrow, default, rename = "B")]
    pub balances: Inline<BalanceChange<'a>, 4>,
    /// Positions that changed, absolute. For funding in cross margin there are none.
    #[serde(borrow, default, rename = "P")]
    pub positions: Inline<PositionChange<'a>, 4>,
}

/// `ACCOUNT_UPDATE`.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountUpdate<'a> {
    /// When the event was made, milliseconds.
    #[serde(rename = "E")]
    pub event_ms: u64,
    /// Time of the transaction, milliseconds.
    #[serde(rename = "T")]
    pub time_ms: u64,
    /// What changed.
    #[serde(borrow, rename = "a")]
    pub change: AccountChange<'a>,
}

/// `TRADE_LITE`: a fill before its report, without fee and state. A hint: the report follows.
#[derive(Debug, Clone, Deserialize)]
pub struct TradeLite<'a> {
    /// The venue's symbol.
    #[serde(borrow, rename = "s")]
    pub symbol: Text<'a>,
    /// The client id of the order.
    #[serde(borrow, rename = "c")]
    pub client_id: Text<'a>,
    /// The venue's id of the order.
    #[serde(rename = "i")]
    pub order_id: u64,
    /// The venue's id of the trade.
    #[serde(rename = "t")]
    pub trade_id: u64,
    /// Price of this fill.
    #[serde(borrow, rename = "L")]
    pub last_price: Text<'a>,
    /// Quantity of this fill.
    #[serde(borrow, rename = "l")]
    pub last_qty: Text<'a>,
    /// Time of the transaction, milliseconds.
    #[serde(rename = "T")]
    pub time_ms: u64,
}

/// `MARGIN_CALL`: a position is near its liquidation.
#[derive(Debug, Clone, Deserialize)]
pub struct MarginCall<'a> {
    /// The positions.
    #[serde(borrow, rename = "p")]
    pub positions: Inline<MarginCallRow<'a>, 4>,
}

/// A position of a margin call.
#[derive(Debug, Clone, Deserialize)]
pub struct MarginCallRow<'a> {
    /// The venue's symbol.
    #[serde(borrow, rename = "s")]
    pub symbol: Text<'a>,
    /// Base, below zero for short.
    #[serde(borrow, rename = "pa")]
    pub amount: Text<'a>,
    /// Mark price.
    #[serde(borrow, rename = "mp")]
    pub mark: Text<'a>,
    /// Maintenance margin that it needs.
    #[serde(borrow, rename = "mm")]
    pub maintenance: Text<'a>,
}

/// `ACCOUNT_CONFIG_UPDATE`: a setting was changed by a person or another program.
#[derive(Debug, Clone, Deserialize)]
pub struct ConfigUpdate<'a> {
    /// A symbol's leverage.
    #[serde(borrow, default, rename = "ac")]
    pub leverage: Option<LeverageChange<'a>>,
    /// The account's asset mode.
    #[serde(default, rename = "ai")]
    pub assets: Option<AssetModeChange>,
}

/// A symbol's leverage.
#[derive(Debug, Clone, Deserialize)]
pub struct LeverageChange<'a> {
    /// The venue's symbol.
    #[serde(borrow, rename = "s")]
    pub symbol: Text<'a>,
    /// Whole times.
    #[serde(rename = "l")]
    pub leverage: u32,
}

/// The account's asset mode.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct AssetModeChange {
    /// All assets stand behind all positions.
    #[serde(rename = "j")]
    pub multi: bool,
}

/// An event of the private stream.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack for one message; a box would allocate on the hot path"
)]
pub enum UserEvent<'a> {
    /// Something happened to an order.
    Report(Report<'a>),
    /// Money or positions changed.
    Account(AccountUpdate<'a>),
    /// A fill, before its report.
    Lite(TradeLite<'a>),
    /// A position is near its liquidation.
    MarginCall(MarginCall<'a>),
    /// A setting was changed.
    Config(ConfigUpdate<'a>),
    /// The listen key is over: the connection stays up and says nothing any more.
    Expired,
    /// The venue is about to close connections.
    Shutdown,
    /// An event that we do not use: conditional orders, grids, kinds of tomorrow.
    Ignored,
}

/// What of a message's members decides what it is.
#[derive(Default)]
struct Parts<'a> {
    kind: Option<Raw<'a>>,
    order: Option<Raw<'a>>,
    data: Option<Raw<'a>>,
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut parts = Self::default();
        let mut members = Members::of(bytes)?;
        while let Some((key, value)) = members.next_member()? {
            match key {
                "e" => parts.kind = Some(value),
                "o" => parts.order = Some(value),
                "data" => parts.data = Some(value),
                _ => {}
            }
        }
        Ok(parts)
    }
}

/// Reads one event of the private stream, bare or in a stream's envelope.
///
/// # Errors
///
/// [`WireError`].
pub fn decode(bytes: &[u8]) -> Result<UserEvent<'_>, WireError> {
    let mut parts = Parts::of(bytes)?;
    let mut event = bytes;
    if let (None, Some(data)) = (parts.kind, parts.data) {
        event = data.get().as_bytes();
        parts = Parts::of(event)?;
    }
    let kind = parts.kind.ok_or(WireError::UnknownKind)?;
    match kind.get() {
        "\"ORDER_TRADE_UPDATE\"" => {
            let order = parts.order.ok_or(WireError::Missing { field: "o" })?;
            from_raw(order).map(UserEvent::Report)
        }
        "\"ACCOUNT_UPDATE\"" => from_json(event).map(UserEvent::Account),
        "\"TRADE_LITE\"" => from_json(event).map(UserEvent::Lite),
        "\"MARGIN_CALL\"" => from_json(event).map(UserEvent::MarginCall),
        "\"ACCOUNT_CONFIG_UPDATE\"" => from_json(event).map(UserEvent::Config),
        "\"listenKeyExpired\"" => Ok(UserEvent::Expired),
        "\"serverShutdown\"" => Ok(UserEvent::Shutdown),
        _ => Ok(UserEvent::Ignored),
    }
}
