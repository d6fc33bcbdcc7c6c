//! What a venue says about orders, fills and money, in the model's own numbers.
//!
//! A dialect makes these of the venue's messages. What of one message cannot be read is an error
//! inside of it, beside what could be: that an order is ours must not be lost with its quantity.
//!
//! Hot path: yes. Allocates: for lists.

use model::body::{
    AssetName, Balance, Fill, Funding, MarginMode, OrderStatus, PositionReport, RejectReason,
    Text as Cut, Transfer,
};
use model::num::{Lots, Money, Ticks};
use rust_decimal::Decimal;

use super::known::Owner;
use super::table::MoneyKind;
use crate::wire::text::Text;
use crate::wire::{Inline, WireError};

/// What an error answer says about the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Refused; nothing was done.
    Refused(RejectReason),
    /// Not processed because the venue is busy; a later attempt may go through.
    Busy,
    /// Refused because of a limit: stop sending for a while.
    Limited,
    /// Refused because of our timestamp: measure the venue's time again.
    Clock,
    /// Refused, and everything else will be until a person mends key, permission or address.
    Configuration(RejectReason),
    /// An open order has this client id: an earlier attempt lives.
    Duplicate,
    /// Parts of the request may have been done: the answer's data says which.
    Partial,
    /// The venue does not say what became of it.
    Unknown,
}

impl Verdict {
    /// Whether the request certainly had no effect.
    #[must_use]
    pub const fn is_definite(self) -> bool {
        match self {
            Self::Refused(_)
            | Self::Busy
            | Self::Limited
            | Self::Clock
            | Self::Configuration(_) => true,
            Self::Duplicate | Self::Partial | Self::Unknown => false,
        }
    }

    /// The reason as a record states it.
    #[must_use]
    pub const fn reason(self) -> RejectReason {
        match self {
            Self::Refused(reason) | Self::Configuration(reason) => reason,
            Self::Busy => RejectReason::Other,
            Self::Limited => RejectReason::RateLimit,
            Self::Clock => RejectReason::Clock,
            Self::Duplicate => RejectReason::Duplicate,
            Self::Partial | Self::Unknown => RejectReason::VenueUnsure,
        }
    }
}

/// What a query's refusal says of the order that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The refusal is about something else.
    No,
    /// The venue does not know the order.
    Unknown,
    /// The order ended without fills, so long ago that the venue has put it away.
    Archived,
}

/// What a limit's refusal stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopScope {
    /// New orders.
    Orders,
    /// Every request.
    All,
    /// Every request, and the venue bans whoever goes on.
    Ban,
}

/// A refusal.
#[derive(Debug, Clone)]
pub struct Refusal<'a, B> {
    /// What it means for the request.
    pub verdict: Verdict,
    /// What it means for the order of a query.
    pub absence: Absence,
    /// Whether it only says that there was nothing to cancel.
    pub nothing_open: bool,
    /// The venue's code; 0 where there is none.
    pub code: i32,
    /// The venue's words.
    pub words: Text<'a>,
    /// What it stops, if it is a limit's.
    pub stops: StopScope,
    /// Until when, milliseconds since the Unix epoch by the venue's clock, where it says.
    pub until_ms: Option<u64>,
    /// What else it says: after a [`Verdict::Partial`] the halves.
    pub body: Option<B>,
}

/// The venue's own count in one of its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Which of the dialect's windows.
    pub window: usize,
    /// What the venue allows in it; 0 if it does not say.
    pub limit: u64,
    /// What is used.
    pub used: u64,
}

/// An answer to a request.
#[derive(Debug)]
pub struct Answer<'a, B> {
    /// Our number of the request; `None` if the message does not carry it.
    pub id: Option<u64>,
    /// What the venue did, or why it did not.
    pub outcome: Result<B, Refusal<'a, B>>,
    /// What the venue counts.
    pub counts: Inline<Count, 4>,
}

/// An order as the venue describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderSeen {
    /// Position of its instrument; `None` if it is none of ours.
    pub slot: Option<usize>,
    /// Whose it is.
    pub owner: Owner,
    /// The venue's id.
    pub order_id: u64,
    /// How it is.
    pub state: Result<OrderState, WireError>,
}

/// How an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderState {
    /// Its state; not stated in a bare acknowledgement.
    pub status: OrderStatus,
    /// Filled so far; 0 if not stated.
    pub cum_qty: Lots,
    /// Ordered quantity, after an amendment the new one; an error if it is no count of our lots.
    pub qty: Option<Result<Lots, WireError>>,
    /// The venue's time, nanoseconds; 0 if not stated.
    pub time_ns: u64,
}

/// A fill as the venue describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillSeen {
    /// Position of its instrument.
    pub slot: usize,
    /// Whose the order is; `None` if the message does not say.
    pub owner: Option<Owner>,
    /// The venue's id of the order.
    pub order_id: u64,
    /// The venue's id of the trade.
    pub trade_id: u64,
    /// The fill; its client id is the session's to fill in.
    pub fill: Result<Fill, WireError>,
}

/// One half of a cancel-replace.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack for one message; a box would allocate on the hot path"
)]
pub enum Half<'a, B> {
    /// Done.
    Done(OrderSeen, Inline<FillSeen, 4>),
    /// Refused.
    Failed(Refusal<'a, B>),
    /// Not tried.
    NotAttempted,
}

/// The account's balances.
#[derive(Debug, Clone)]
pub struct AccountSeen {
    /// Whether it may trade.
    pub can_trade: bool,
    /// The venue's time, nanoseconds.
    pub time_ns: u64,
    /// What it has, by asset; what is not listed is zero.
    pub balances: Vec<(AssetName, Result<Balance, WireError>)>,
}

/// Where a position is.
#[derive(Debug, Clone, Copy)]
pub struct PositionSeen {
    /// Position of its instrument.
    pub slot: usize,
    /// The position.
    pub report: PositionReport,
}

impl PositionSeen {
    /// No position in the instrument.
    #[must_use]
    pub fn flat(slot: usize) -> Self {
        Self {
            slot,
            report: PositionReport {
                qty: Lots(0),
                entry: Money::new(Decimal::ZERO),
                liquidation: Ticks(0),
                margin: Money::new(Decimal::ZERO),
                venue_time_ns: 0,
                leverage_bps: 0,
                mode: MarginMode::Cross,
                reserved: [0; 19],
            },
        }
    }
}

/// A page of our trades.
#[derive(Debug, Clone, Default)]
pub struct TradesSeen {
    /// The trades, in any order.
    pub rows: Vec<FillSeen>,
    /// Where the next page begins, if there may be one.
    pub next: Option<u64>,
}

/// Money that moved without a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneyRow {
    /// Its place in the list: a time or a number, which never falls from one row to a later one.
    pub at: u64,
    /// The venue's id of it.
    pub id: u64,
    /// What moved.
    pub moved: Result<Moved, WireError>,
}

/// What moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// Funding, by the position of its instrument.
    Funding(usize, Funding),
    /// In or out.
    Transfer(Transfer),
}

/// A page of money that moved.
#[derive(Debug, Clone, Default)]
pub struct MoneySeen {
    /// In any order.
    pub rows: Vec<MoneyRow>,
    /// Where the next page begins, if there may be one.
    pub next: Option<u64>,
}

/// What an answer says, by what was asked for.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack for one message; a box would allocate on the hot path"
)]
pub enum Reply<'a, B> {
    /// The venue's time, milliseconds since the Unix epoch.
    Time(u64),
    /// Done, and nothing else to say.
    Done,
    /// The private stream is another connection: its path on the stream's host.
    Stream(String),
    /// An order was placed, with its fills so far.
    Placed(OrderSeen, Inline<FillSeen, 4>),
    /// An order was cancelled, amended or found.
    Order(OrderSeen),
    /// A cancel and a placement.
    Halves(Half<'a, B>, Half<'a, B>),
    /// Orders, and where the next page begins, if there may be one. One that cannot be read does
    /// not hide the others.
    Orders(Vec<Result<OrderSeen, WireError>>, Option<u64>),
    /// A page of trades.
    Trades(TradesSeen),
    /// A page of money that moved.
    Money(MoneySeen),
    /// Balances.
    Account(AccountSeen),
    /// Positions.
    Positions(Vec<Result<PositionSeen, WireError>>),
}

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It lives: accepted, or a part of it was prevented from trading.
    Open,
    /// Cancelled.
    Cancelled,
    /// Refused.
    Rejected,
    /// Ended by the venue.
    Expired,
    /// Its quantity is another one.
    Amended,
    /// An amendment of it was refused; it lives as it was.
    NotAmended,
}

/// An order's change as the private stream tells it.
#[derive(Debug, Clone, Copy)]
pub struct OrderChange {
    /// The order after it; an error in its state is a report that cannot be taken.
    pub order: OrderSeen,
    /// What happened; `None` if only the order's owner is said.
    pub change: Option<Change>,
    /// Why it was refused.
    pub reason: RejectReason,
    /// The venue's code for that.
    pub code: i32,
    /// The venue's words for that.
    pub words: Cut<42>,
}

/// What the private stream says. Of one message there may be several, in their order.
#[derive(Debug, Clone)]
pub enum Event {
    /// Something happened to an order.
    Order(OrderChange),
    /// An order was filled.
    Fill(FillSeen),
    /// A balance.
    Balance(Balance),
    /// A position.
    Position(PositionSeen),
    /// Money moved without a trade.
    Transfer(Transfer),
    /// Funding of a perpetual, by the position of its instrument.
    Funding(usize, Funding),
    /// Money moved without a trade; how much and where, the venue has to be asked.
    MoneyMoved(MoneyKind),
    /// Something about orders or money that cannot be taken: never held back.
    Strange(&'static str, WireError),
    /// Something for people.
    Notice(i32, String),
    /// The private stream is over: connect again.
    Ended(&'static str),
    /// The venue is about to close connections: replace this one when nothing is on its way.
    Closing,
}
