//! What a backtest shows of itself while it runs: orders, fills, and samples of the money.

use model::body::{Liquidity, OrderType, Side, TimeInForce};
use model::ids::{AccountId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderEnd {
    /// All of it traded.
    Filled,
    /// It was cancelled.
    Cancelled,
    /// The venue ended it: what a lifetime or a self-trade rule left.
    Expired,
    /// The venue refused it.
    Rejected,
    /// It never left us.
    NotSent,
    /// It rests, or is on its way, at the end of the data.
    Open,
}

impl OrderEnd {
    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::NotSent => "not_sent",
            Self::Open => "open",
        }
    }
}

/// One order from its approval to its end. Times are nanoseconds since the Unix epoch, 0 where
/// there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRow {
    /// Raw client order id.
    pub client_id: u64,
    /// Who asked for it; `None` for risk itself.
    pub strategy: Option<StrategyId>,
    /// For which account.
    pub account: AccountId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Side.
    pub side: Side,
    /// How it executes.
    pub order_type: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Limit price.
    pub price: Ticks,
    /// Quantity.
    pub qty: Lots,
    /// Filled in the end.
    pub filled: Lots,
    /// Our time of the approval.
    pub decided_ns: u64,
    /// When it arrived at the venue.
    pub arrived_ns: u64,
    /// Our time of the acknowledgement.
    pub acked_ns: u64,
    /// Our time of its end.
    pub ended_ns: u64,
    /// How it ended.
    pub end: OrderEnd,
    /// Twice the middle of the book as we knew it when it was decided, ticks; 0 without one.
    pub middle_x2: i64,
}

/// One fill. Prices called middle are twice the middle of the book, ticks; 0 where there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillRow {
    /// Raw client order id; `u64::MAX` for a liquidation.
    pub client_id: u64,
    /// Who asked for the order.
    pub strategy: Option<StrategyId>,
    /// For which account.
    pub account: AccountId,
    /// What was traded.
    pub instrument: InstrumentId,
    /// Our side.
    pub side: Side,
    /// Price.
    pub price: Ticks,
    /// Quantity.
    pub qty: Lots,
    /// Fee in its asset's units, valued in the reporting currency; `None` without a rate.
    pub fee: Option<Decimal>,
    /// Whether we made or took.
    pub liquidity: Liquidity,
    /// The venue's time.
    pub there_ns: u64,
    /// Our time.
    pub here_ns: u64,
    /// When its order was decided, our time; 0 for none of ours.
    pub decided_ns: u64,
    /// Middle when its order was decided.
    pub middle_decided_x2: i64,
    /// Middle when we heard of it.
    pub middle_x2: i64,
    /// Middle one second later; at the end of the data, the last one.
    pub middle_1s_x2: i64,
    /// Middle ten seconds later, likewise.
    pub middle_10s_x2: i64,
}

/// The money at one instant, in the reporting currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Our time.
    pub time_ns: u64,
    /// Worth of all accounts; `None` while a rate is missing.
    pub equity: Option<Decimal>,
    /// Profit of each strategy since the start, after fees and funding.
    pub profits: Vec<Option<Decimal>>,
    /// Position of each instrument over all accounts, lots.
    pub positions: Vec<i64>,
    /// Twice the middle of each instrument's book, ticks; 0 while there is none.
    pub middles_x2: Vec<i64>,
}

/// Takes what a backtest shows. Each method may do nothing.
pub trait Observer {
    /// An order ended.
    fn order(&mut self, _row: &OrderRow) {}
    /// A fill, ten seconds behind it.
    fn fill(&mut self, _row: &FillRow) {}
    /// The money, at each sampling interval.
    fn sample(&mut self, _sample: &Sample) {}
}

/// Looks at nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}
