//! The terms under which an order is held: its trigger, its links, and how its size is found.
//!
//! Hot path: yes. Allocates: no.

use model::ids::ClientOrderId;
use model::num::Ticks;
use serde::{Deserialize, Serialize};

/// Which price a trigger watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PriceSource {
    /// The market's trades.
    Last = 0,
    /// The middle of the book, exact to half a tick. A stale book has none.
    Mid = 1,
    /// The venue's mark price.
    Mark = 2,
}

/// When a held order becomes one for the venue. Which way the price must go follows from the side:
/// a selling stop triggers at or below its level, a selling take-profit at or above it, and buying
/// ones the other way round. With a market order it is a stop or a take-profit, with a limit order
/// a stop-limit or a take-profit-limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// What it waits for.
    pub kind: TriggerKind,
    /// Which price it watches.
    pub source: PriceSource,
}

/// What a trigger waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TriggerKind {
    /// The price is at the level or worse for us.
    Stop {
        /// The level, ticks. Above 0.
        level: Ticks,
    },
    /// The price is at the level or better for us.
    TakeProfit {
        /// The level, ticks. Above 0.
        level: Ticks,
    },
    /// The price came back from its best by the offset.
    Trailing {
        /// How far.
        offset: Offset,
        /// It trails only from the first price at this level or better for us; at once if `None`.
        activation: Option<Ticks>,
    },
}

/// How far a trailing stop stays behind the best price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Offset {
    /// In ticks. Above 0.
    Ticks(i64),
    /// In 1/10_000 of the best price. 1 to 9_999.
    Bps(u32),
}

/// How an order hangs together with others of its strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// It comes to life by the fills of this order, at the quantity that is filled so far.
    pub parent: Option<ClientOrderId>,
    /// One cancels the other: the strategy's number for the group; 0 for none. All of a group are
    /// for the same quantity. Entry, and a stop and a take-profit with this parent and one group,
    /// are a bracket.
    pub group: u64,
}

/// Who says how large an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Size {
    /// The strategy: its quantity stands.
    #[default]
    Exact,
    /// Risk, by the strategy's configured rule; the order's quantity is the most it may be, or 0
    /// for no bound of its own.
    Sized {
        /// Price at which the trade would be given up, for the rules that size by risk, ticks.
        stop: Option<Ticks>,
    },
}
