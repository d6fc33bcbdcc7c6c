//! Body of a refusal: which check, what it saw, and the limit that it holds.

use super::*;
use crate::control::ScopeKind;

/// Which check of risk refused an intent.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(u8)]
pub enum RefusalReason {
    /// The kill switch is on. No numbers.
    Killed = 1,
    /// The engine is stopping. No numbers.
    Stopping = 2,
    /// The venue is not reconciled or its order connection is not up. Value: raw link state.
    NotConnected = 3,
    /// The book is stale, one-sided, crossed or too old. Value: age, ns; threshold: limit, ns.
    StaleBook = 4,
    /// No such instrument, or it does not trade.
    NotTrading = 5,
    /// The price is outside the venue's range. Value: ticks.
    PriceFilter = 6,
    /// The quantity is outside the venue's range. Value: lots; threshold: the bound.
    QuantityFilter = 7,
    /// The notional is outside the venue's range. Value, threshold: quote, in 1e-8.
    NotionalFilter = 8,
    /// Above our largest quantity. Value, threshold: lots.
    MaxQuantity = 9,
    /// Above our largest value. Value, threshold: quote, in 1e-8.
    MaxValue = 10,
    /// Too far from the book. Value: ticks of the order; threshold: nearest allowed price.
    PriceCollar = 11,
    /// Position at the worst case (filled, open, unknown) above the limit. Lots.
    PositionLimit = 12,
    /// Too many open orders. Counts.
    OpenOrders = 13,
    /// Too many messages in the window. Value: ns until a message is free.
    MessageRate = 14,
    /// Would trade with one of our own orders. Value: its client id; threshold: its price.
    SelfCross = 15,
    /// Would open or turn a position although marked reduce-only. Lots.
    ReduceOnly = 16,
    /// Too many commands wait for the gateway. Counts.
    InFlight = 17,
    /// The order to cancel or replace is not open, or is another strategy's. Value: its client id.
    NotOpen = 18,
    /// A number overflowed; nothing was sent.
    Overflow = 19,
    /// Price or quantity is zero or below, or the fields contradict each other.
    Malformed = 20,
    /// Not enough free balance for it, by our own books. Value, threshold: 1e-8 of the asset.
    Funds = 21,
    /// The engine is in cancel-only: the journal cannot keep its promise now. No numbers. The
    /// cancel half of a refused replacement is sent all the same.
    CancelOnly = 22,
    /// The same intent again within the window, or a client id that was used. Value: ns since the
    /// first; threshold: window, ns.
    Duplicate = 23,
    /// Too much value ordered beyond half the collar within the window. 1e-8 of quote.
    CollarPeriod = 24,
    /// Capital of the worst case over all venues above the limit. 1e-8 of reporting currency.
    Capital = 25,
    /// On the restricted list. Value: until, ns; 0 for good.
    Restricted = 26,
    /// The scope is paused until two people enable it. No numbers.
    Paused = 27,
    /// The scope is in reduce-only, and this increases. No numbers.
    ReduceOnlyMode = 28,
    /// Too many messages for each fill. Ratio in 1/100.
    OrderToTrade = 29,
    /// Venue's clock and ours are too far apart. Value, threshold: ns.
    ClockHealth = 30,
    /// Too many orders with unknown outcome, or too much value. By the control.
    UnknownCap = 31,
    /// No price or rate to judge it by, and it increases. No numbers.
    NoPrice = 32,
    /// No size: zero, below zero, out of range, below the venue's least, or not enough data.
    Size = 33,
    /// The engine holds too many conditional orders, or the trigger makes no sense.
    Held = 34,
    /// Value of the open and unresolved orders above the limit. 1e-8.
    OpenValue = 35,
    /// Value of the positions at the worst case above the limit. 1e-8 of reporting currency.
    PositionValue = 36,
    /// Too much of the equity at one venue. 1/10_000.
    Concentration = 37,
    /// Our books and the venue's differ for too long.
    Drift = 38,
    /// Liquidation is too near. 1/10_000.
    Liquidation = 39,
    /// Above a soft limit, without a typed reason to pass it.
    SoftLimit = 40,
    /// The instrument's rules changed, and orders by the old ones still rest. Count.
    RulesChanged = 41,
    /// An amendment must make the order smaller, and leave more than is filled. Lots.
    Amend = 42,
    /// The gateway's last line is latched. No numbers.
    LastLine = 43,
}

/// Risk refused an intent: which check, the value it saw, and the threshold it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Refusal {
    /// Number of the refusal, from 1, without gaps over the whole journal.
    pub number: u64,
    /// Event that caused the intent.
    pub cause: u64,
    /// The strategy's own name for the order.
    pub tag: u64,
    /// What the check saw; unit by reason.
    pub value: i64,
    /// What it compares with; unit by reason.
    pub threshold: i64,
    /// Price of the intent, ticks.
    pub price: Ticks,
    /// Quantity of the intent, lots.
    pub qty: Lots,
    /// Raw client order id of the order that the intent was about: the new one for a place or a
    /// replacement, the order to cancel for a cancel.
    pub client_id: u64,
    /// The check.
    pub reason: RefusalReason,
    /// Side of the intent; buys for a cancel.
    pub side: Side,
    /// Code of the [`crate::control::Control`]; 0 where there is none.
    pub control: u16,
    /// Id within the scope's kind.
    pub scope_id: u32,
    /// Version of the limits.
    pub version: u32,
    /// What the limit holds for.
    pub scope: ScopeKind,
    /// Whether it was the soft or the hard limit.
    pub level: NoticeLevel,
    /// Zero.
    pub reserved: [u8; 2],
}
impl Body for Refusal {}

const _: () = assert!(size_of::<Refusal>() == BODY_BYTES);
