//! Bodies of orders: commands, what the venue says of them, fills, refusals.

use super::*;
use crate::control::ScopeKind;

/// How an order executes.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    serde::Serialize,
    serde::Deserialize,
)]
#[repr(u8)]
pub enum OrderType {
    /// At the price or better.
    Limit = 1,
    /// At once, at the book's prices. Its price is risk's worst acceptable one.
    Market = 2,
    /// A limit order that the venue rejects if it would take.
    PostOnly = 3,
}

/// How long an order lives.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    serde::Serialize,
    serde::Deserialize,
)]
#[repr(u8)]
pub enum TimeInForce {
    /// Until cancelled.
    Gtc = 1,
    /// What trades at once; the rest ends.
    Ioc = 2,
    /// All at once or nothing.
    Fok = 3,
}

/// What the venue does when an order would trade with another one of the same account.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    serde::Serialize,
    serde::Deserialize,
)]
#[repr(u8)]
pub enum SelfTrade {
    /// Not stated: the venue's own rule.
    NotStated = 0,
    /// The new order ends.
    ExpireTaker = 1,
    /// The resting order ends.
    ExpireMaker = 2,
    /// Both end.
    ExpireBoth = 3,
}

/// Place an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct NewOrder {
    /// Number of the command, from 1, without gaps over the whole journal.
    pub command: u64,
    /// Raw [`crate::ids::ClientOrderId`].
    pub client_id: u64,
    /// Limit price, ticks; for a market order the worst acceptable price.
    pub price: Ticks,
    /// Quantity, lots.
    pub qty: Lots,
    /// The strategy's own name for the order.
    pub tag: u64,
    /// Side.
    pub side: Side,
    /// How it executes.
    pub order_type: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Whether it may only reduce the position.
    pub reduce_only: Flag,
    /// What the venue does about a trade with ourselves.
    pub self_trade: SelfTrade,
    /// Zero.
    pub reserved: [u8; 35],
}
impl Body for NewOrder {}

/// Cancel an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CancelOrder {
    /// Number of the command.
    pub command: u64,
    /// Raw client order id of the order.
    pub client_id: u64,
    /// The venue's id of the order, or 0 if it is not known yet.
    pub venue_order_id: u64,
    /// Zero.
    pub reserved: [u8; 56],
}
impl Body for CancelOrder {}

/// Cancel one order and place another in one request. The new one is placed only if the cancel
/// succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ReplaceOrder {
    /// Number of the command.
    pub command: u64,
    /// Raw client order id of the order to cancel.
    pub cancel_client_id: u64,
    /// The venue's id of that order, or 0 if it is not known yet.
    pub cancel_venue_order_id: u64,
    /// Raw client order id of the new order.
    pub client_id: u64,
    /// Limit price of the new order.
    pub price: Ticks,
    /// Quantity of the new order.
    pub qty: Lots,
    /// The strategy's own name for the new order.
    pub tag: u64,
    /// Side.
    pub side: Side,
    /// How it executes.
    pub order_type: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Whether it may only reduce the position.
    pub reduce_only: Flag,
    /// What the venue does about a trade with ourselves.
    pub self_trade: SelfTrade,
    /// Zero.
    pub reserved: [u8; 19],
}
impl Body for ReplaceOrder {}

/// Make an order smaller. It keeps its price and its place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AmendOrder {
    /// Number of the command.
    pub command: u64,
    /// Raw client order id of the order.
    pub client_id: u64,
    /// The venue's id of the order, or 0 if it is not known yet.
    pub venue_order_id: u64,
    /// New total quantity, lots: below the old one, above what is filled.
    pub qty: Lots,
    /// Zero.
    pub reserved: [u8; 48],
}
impl Body for AmendOrder {}

/// Cancel every open order of the account, on the record's instrument or, without one, on all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CancelAll {
    /// Number of the command.
    pub command: u64,
    /// Zero.
    pub reserved: [u8; 72],
}
impl Body for CancelAll {}

/// A kill switch for the gateways' last line. It never leaves us; a gateway reports it as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Latch {
    /// Number of the command.
    pub command: u64,
    /// Id within the scope's kind.
    pub scope_id: u32,
    /// What it is about.
    pub scope: ScopeKind,
    /// Whether it is on.
    pub on: Flag,
    /// Zero.
    pub reserved: [u8; 66],
}
impl Body for Latch {}

/// Ask the venue for one order and its fills. The gateway answers with the fills, then with a
/// status or an absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct QueryOrder {
    /// Number of the command.
    pub command: u64,
    /// Raw client order id of the order.
    pub client_id: u64,
    /// The venue's id of the order, or 0 if it is not known.
    pub venue_order_id: u64,
    /// Zero.
    pub reserved: [u8; 56],
}
impl Body for QueryOrder {}

/// Ask the venue for the list of the account's open orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct QueryOpenOrders {
    /// Number of the command.
    pub command: u64,
    /// Zero.
    pub reserved: [u8; 72],
}
impl Body for QueryOpenOrders {}

/// State of an order in the venue's own words, made common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
pub enum OrderStatus {
    /// The report does not say (a refusal, an absence).
    NotStated = 0,
    /// Rests, nothing filled.
    Open = 1,
    /// Rests, some of it filled.
    PartiallyFilled = 2,
    /// Wholly filled.
    Filled = 3,
    /// Cancelled.
    Cancelled = 4,
    /// Ended by the venue.
    Expired = 5,
    /// Refused by the venue.
    Rejected = 6,
}

/// Why an order or a cancel did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
pub enum RejectReason {
    /// Nothing was refused.
    None = 0,
    /// A rule of the instrument: price, quantity, notional, open orders.
    Filter = 1,
    /// Not enough balance.
    Balance = 2,
    /// A post-only order would have taken.
    WouldTake = 3,
    /// Too many requests or orders.
    RateLimit = 4,
    /// Our clock and the venue's differ too much; not executed.
    Clock = 5,
    /// Signature, key or permission.
    Permission = 6,
    /// An order with this client id is open: an earlier attempt lives.
    Duplicate = 7,
    /// The venue does not know the order (any more).
    UnknownOrder = 8,
    /// The market is closed or the instrument is not traded.
    Closed = 9,
    /// Refused for another stated reason.
    Other = 10,
    /// No answer came in time, or the connection broke after sending.
    NoAnswer = 11,
    /// The venue said that it does not know the outcome itself.
    VenueUnsure = 12,
    /// Never left us: the connection was down, or the request did not fit.
    NotSent = 13,
    /// Stopped by the gateway's last line; `code` says why.
    LastLine = 14,
}

/// What the venue, or the gateway for it, says about one of our orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderReport {
    /// Raw client order id of the order.
    pub client_id: u64,
    /// The venue's id of the order, or 0 if not stated.
    pub venue_order_id: u64,
    /// The venue's time, or 0.
    pub venue_time_ns: u64,
    /// Filled so far as the venue counts it, lots; 0 if not stated.
    pub cum_qty: Lots,
    /// The venue's error code, or 0.
    pub code: i32,
    /// The order's state as the venue has it.
    pub status: OrderStatus,
    /// Why, if something was refused.
    pub reason: RejectReason,
    /// The venue's words.
    pub text: Text<42>,
}
impl Body for OrderReport {}

/// The venue made an order smaller. It keeps its place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Amended {
    /// Raw client order id of the order.
    pub client_id: u64,
    /// The venue's id of the order.
    pub venue_order_id: u64,
    /// The venue's time, or 0.
    pub venue_time_ns: u64,
    /// New total quantity, lots.
    pub qty: Lots,
    /// Filled so far as the venue counts it, lots; 0 if not stated.
    pub cum_qty: Lots,
    /// Zero.
    pub reserved: [u8; 40],
}
impl Body for Amended {}

/// One fill of one of our orders. Applied once, by instrument and `trade_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Fill {
    /// Raw client order id of the order.
    pub client_id: u64,
    /// The venue's id of the order.
    pub venue_order_id: u64,
    /// The venue's time of the trade.
    pub venue_time_ns: u64,
    /// The venue's id of the trade.
    pub trade_id: u64,
    /// Price, ticks.
    pub price: Ticks,
    /// Quantity of this fill, lots.
    pub qty: Lots,
    /// Fee paid; below zero for a rebate.
    pub fee: Money,
    /// Asset of the fee.
    pub fee_asset: AssetName,
    /// Side of our order.
    pub side: Side,
    /// Whether we made or took.
    pub liquidity: Liquidity,
}
impl Body for Fill {}

/// The gateway wrote a command to the socket: the order's latency waterfall. All times but the
/// two ids are observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Sent {
    /// Number of the command.
    pub command: u64,
    /// Raw client order id, or 0 for a command without one.
    pub client_id: u64,
    /// When the causing event's bytes were read from the socket.
    pub received_ns: u64,
    /// When the sequencer published the causing event.
    pub sequenced_ns: u64,
    /// When the strategy raised the intent; 0 for a command of risk's own.
    pub intended_ns: u64,
    /// When risk approved it.
    pub approved_ns: u64,
    /// When the gateway took it, after the journal.
    pub taken_ns: u64,
    /// When the bytes were handed to the socket.
    pub written_ns: u64,
    /// Zero.
    pub reserved: [u8; 16],
}
impl Body for Sent {}

/// The venue's list of the account's open orders, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OpenOrders {
    /// Orders of ours (by client id) that the venue has open.
    pub ours: u64,
    /// Orders in the account that are not ours.
    pub foreign: u64,
    /// Zero.
    pub reserved: [u8; 64],
}
impl Body for OpenOrders {}

const _: () = {
    assert!(size_of::<AmendOrder>() == BODY_BYTES);
    assert!(size_of::<CancelAll>() == BODY_BYTES);
    assert!(size_of::<Latch>() == BODY_BYTES);
    assert!(size_of::<Amended>() == BODY_BYTES);
    assert!(size_of::<NewOrder>() == BODY_BYTES);
    assert!(size_of::<CancelOrder>() == BODY_BYTES);
    assert!(size_of::<ReplaceOrder>() == BODY_BYTES);
    assert!(size_of::<QueryOrder>() == BODY_BYTES);
    assert!(size_of::<QueryOpenOrders>() == BODY_BYTES);
    assert!(size_of::<OrderReport>() == BODY_BYTES);
    assert!(size_of::<Fill>() == BODY_BYTES);
    assert!(size_of::<Sent>() == BODY_BYTES);
    assert!(size_of::<OpenOrders>() == BODY_BYTES);
};
