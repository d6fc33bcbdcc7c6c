//! The words of an order at the venue's side: side, type, time in force, self-trade mode, status.
//!
//! These are the venue's own types on purpose. The client has others; a mistake in a shared type
//! would hide from the practice venue, which is there to find it.

use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

/// Which side of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Bids.
    Buy,
    /// Asks.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// How an order meets the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// Takes up to its price, then rests.
    Limit,
    /// Takes at any price, never rests.
    Market,
    /// Rests, and is refused if it would take.
    PostOnly,
}

/// What happens to the part that does not fill at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeInForce {
    /// Rests until cancelled.
    Gtc,
    /// Expires.
    Ioc,
    /// The whole order expires unless all of it can fill at once.
    Fok,
}

/// What happens when an account would trade with itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfTrade {
    /// It trades.
    Allow,
    /// The incoming order expires.
    ExpireTaker,
    /// The resting order expires.
    ExpireMaker,
    /// Both expire.
    ExpireBoth,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    /// Rests, nothing filled.
    New,
    /// Rests, something filled.
    PartiallyFilled,
    /// All filled.
    Filled,
    /// Ended by a request.
    Cancelled,
    /// Ended by its time in force.
    Expired,
    /// Ended by self-trade prevention.
    ExpiredInMatch,
}

impl OrderStatus {
    /// Whether the order can still trade.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::New | Self::PartiallyFilled => true,
            Self::Filled | Self::Cancelled | Self::Expired | Self::ExpiredInMatch => false,
        }
    }
}

/// An order as the venue knows it: the truth that a client is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueOrder {
    /// The venue's id, unique over all instruments.
    pub id: u64,
    /// Position in [`super::PracticeConfig::accounts`].
    pub account: usize,
    /// Position in [`super::PracticeConfig::instruments`].
    pub instrument: usize,
    /// The client's name for it.
    pub client_id: String,
    /// The name of the cancel request that ended it, if one did.
    pub cancel_id: Option<String>,
    /// Side.
    pub side: Side,
    /// Type.
    pub kind: OrderKind,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// Self-trade mode.
    pub self_trade: SelfTrade,
    /// Limit price; `None` for a market order.
    pub price: Option<Ticks>,
    /// Ordered quantity; an amendment makes it smaller.
    pub qty: Lots,
    /// Filled quantity.
    pub executed: Lots,
    /// Filled value, in quote.
    pub executed_quote: Decimal,
    /// How often it was amended.
    pub amends: u32,
    /// Ordered value of a market order given in quote.
    pub quote_qty: Option<Decimal>,
    /// Whether it may only make a perpetual's position smaller.
    pub reduce_only: bool,
    /// Where it stands.
    pub status: OrderStatus,
    /// When it was accepted, venue time, milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it last changed, same clock.
    pub updated_ms: i64,
}

impl VenueOrder {
    /// What is still to be filled.
    #[must_use]
    pub const fn remaining(&self) -> Lots {
        Lots(self.qty.0 - self.executed.0)
    }
}

/// A fill as the venue booked it for one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueTrade {
    /// Unique per instrument, rising.
    pub id: u64,
    /// The order that filled.
    pub order: u64,
    /// Position in [`super::PracticeConfig::accounts`].
    pub account: usize,
    /// Position in [`super::PracticeConfig::instruments`].
    pub instrument: usize,
    /// Side of the order.
    pub side: Side,
    /// Price.
    pub price: Ticks,
    /// Quantity.
    pub qty: Lots,
    /// Value, in quote.
    pub quote: Decimal,
    /// Profit that it realised, of a perpetual: settlement asset.
    pub realised: Decimal,
    /// Fee.
    pub commission: Decimal,
    /// Asset of the fee.
    pub commission_asset: String,
    /// Whether the order was resting.
    pub maker: bool,
    /// Venue time, milliseconds since the Unix epoch.
    pub time_ms: i64,
}
