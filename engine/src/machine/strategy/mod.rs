//! Strategies, and the runner that shows each one the market and carries its wishes out.
//!
//! A strategy is a pure function of what its [`View`] shows. It may ask for a few things at each
//! event through [`Asks`]; it keeps no orders of its own making, because the runner knows them from
//! the events.

mod asks;
mod knowledge;
mod market_maker;
mod moving_average;
mod runner;
mod saved;
#[cfg(test)]
mod tests;

pub(crate) use runner::Setting;
pub use runner::StrategyRunner;
pub(crate) use saved::SavedRunner;

use model::body::Side;
use model::instrument::InstrumentSpec;
use model::num::Lots;

use self::asks::Asks;
use self::saved::StrategyState;
use super::config::StrategyKind;
use super::digest::Sink;
use super::market::{Book, LastTrade};
use super::orders::Orders;
use super::saved::Unsound;

/// What a strategy sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// Machine time.
    pub(crate) time_ns: u64,
    /// What it trades.
    pub(crate) spec: &'a InstrumentSpec,
    /// The book, which may be stale.
    pub(crate) book: &'a Book,
    /// Its own orders, live and lately ended.
    pub(crate) orders: &'a Orders,
    /// Its own position: what its own fills sum up to.
    pub(crate) position: Lots,
}

/// Why a strategy is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Book or best prices changed.
    Book,
    /// A trade in the market.
    Trade(LastTrade),
    /// Something happened to one of its orders.
    Order,
    /// One of its wishes or orders on this side was refused.
    Refused(Side),
    /// Its alarm rang: the first event at or past the time that it had asked for.
    Alarm,
    /// A run starts, or it may trade again.
    Fresh,
}

/// What trades.
pub(crate) trait Strategy: std::fmt::Debug + Send {
    /// Called after every event that concerns the strategy, with the event applied.
    fn on_event(&mut self, cause: Cause, view: &View<'_>, asks: &mut Asks<'_>);

    /// Feeds its decided state into a digest.
    fn digest(&self, sink: &mut Sink);

    /// What a snapshot has to hold of it, beside its parameters.
    fn save(&self) -> StrategyState;

    /// Takes the state of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`]: another strategy's state, or one that cannot be.
    fn restore(&mut self, state: &StrategyState) -> Result<(), Unsound>;

    /// A copy, for a shadow that goes on from here.
    fn boxed_clone(&self) -> Box<dyn Strategy>;
}

impl Clone for Box<dyn Strategy> {
    fn clone(&self) -> Self {
        self.as_ref().boxed_clone()
    }
}

/// The strategy of a configuration.
fn build(kind: &StrategyKind) -> Box<dyn Strategy> {
    match kind {
        StrategyKind::MarketMaker(params) => {
            Box::new(market_maker::MarketMaker::new(params.clone()))
        }
        StrategyKind::MovingAverage(params) => {
            Box::new(moving_average::MovingAverage::new(params.clone()))
        }
    }
}
