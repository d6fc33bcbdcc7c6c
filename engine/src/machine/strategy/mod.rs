//! Strategies: what a person implements ([`Strategy`]), what it sees ([`View`]), what it may ask
//! ([`Asks`]), and the runner that shows each one the events and carries its wishes to risk.
//!
//! A strategy is a pure function: of its parameters, which never change, of its state, which a
//! snapshot holds, and of what its view shows. It keeps no orders of its own making, because the
//! runner knows them from the events. There is no other door: no clock, no file, no random number.

mod asks;
mod candles;
mod grid;
mod kills;
mod knowledge;
mod market_maker;
mod moving_average;
mod parameters;
mod registry;
mod rehearsal;
mod runner;
mod running;
mod saved;
#[cfg(test)]
mod tests;
mod timer;
mod view;
mod watched;
mod wish;

pub use asks::{AskError, Asks};
pub use candles::{
    CANDLE_FEEDS_MAX, CANDLE_INTERVAL_MIN_NS, CANDLES_KEPT_MAX, Candle, CandleFeed, Candles,
};
pub use market_maker::MarketMakerParams;
pub use moving_average::MovingAverageParams;
pub use parameters::{Parameter, Params, Setup, SetupError, Unit};
pub use registry::{Registry, RegistryError};
pub use rehearsal::{Rehearsal, RehearsalError};
pub use runner::StrategyRunner;
pub use timer::{TIMERS_MAX, Timer};
pub use view::View;
pub use watched::MarkPrice;
pub use wish::Wish;

pub(crate) use runner::Setting;
pub(crate) use saved::SavedRunner;

use model::body::{RefusalReason, RejectReason, Side};
use model::ids::{ClientOrderId, InstrumentId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::market::LastTrade;

/// Why a strategy is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A run starts, or it may trade again.
    Fresh,
    /// The book or the best prices of an instrument changed, or became stale.
    Book(InstrumentId),
    /// A trade in the market.
    Trade(InstrumentId, LastTrade),
    /// At least one candle of this feed was closed: the newest is `view.candles(feed)`'s number 0.
    Candle(usize),
    /// The venue's mark price or funding changed.
    Mark(InstrumentId),
    /// Something happened to one of its orders.
    Order(ClientOrderId),
    /// One of its wishes or orders came to nothing.
    Refused(Refused),
    /// A timer rang: the first event at or past the time that it was set to.
    Timer(Timer),
}

impl Cause {
    const fn is_market(&self) -> bool {
        matches!(self, Self::Book(_) | Self::Trade(..) | Self::Mark(_))
    }
}

/// Which wish or order was refused, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The order; of a cancel or an amendment the one that it was about.
    pub order: ClientOrderId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Its side.
    pub side: Side,
    /// Who refused, and why.
    pub by: RefusedBy,
}

/// Who refused, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedBy {
    /// Our own risk.
    Risk(RefusalReason),
    /// The venue.
    Venue(RejectReason),
    /// It could not be sent: the venue never saw it.
    Gateway,
}

/// What trades: the parameters, which never change, and what to do at each event.
///
/// All that changes is in [`Strategy::State`], which the engine keeps, hashes, saves in snapshots
/// and restores; so a restart, a replay and a backtest go the same way as the live run, bit for
/// bit. Use integers and ordered collections in it (`BTreeMap`, `Vec`): a float or a `HashMap` may
/// differ between two machines that saw the same events, and the audit would say so.
///
/// ```
/// use engine::strategy::{
///     Asks, Cause, InstrumentId, Lots, Parameter, Setup, SetupError, Side, Strategy, Unit, View,
///     Wish,
/// };
///
/// /// Buys once when the price is at a level or below.
/// #[derive(Debug)]
/// struct BuyTheDip {
///     instrument: InstrumentId,
///     qty: Lots,
///     level: i64,
/// }
///
/// impl Strategy for BuyTheDip {
///     const KIND: &'static str = "buy-the-dip";
///     /// Whether it has bought.
///     type State = bool;
///
///     fn parameters() -> Vec<Parameter> {
///         vec![
///             Parameter::new("qty", Unit::Lots { of: 0 }, 1..=1_000_000, "to buy"),
///             Parameter::new("level", Unit::Price { of: 0 }, 1..=i64::MAX, "at or below"),
///         ]
///     }
///
///     fn new(setup: &Setup<'_>) -> Result<Self, SetupError> {
///         Ok(Self {
///             instrument: setup.instrument(0)?,
///             qty: setup.lots("qty")?,
///             level: setup.integer("level")?,
///         })
///     }
///
///     fn on_event(&self, bought: &mut bool, cause: Cause, _: &View<'_>, asks: &mut Asks<'_>) {
///         let Cause::Trade(_, trade) = cause else {
///             return;
///         };
///         if !*bought && trade.price.0 <= self.level {
///             let wish = Wish::market(self.instrument, Side::Buy, self.qty);
///             *bought = asks.place(wish).is_ok();
///         }
///     }
/// }
/// ```
pub trait Strategy: std::fmt::Debug + Send + Sync + Sized + 'static {
    /// Its name in a configuration: `kind = "..."`. Lower-case words with dashes.
    const KIND: &'static str;

    /// Raise it with every change of what it decides: a snapshot that another version took is not
    /// gone on from while the log has its start.
    const VERSION: u32 = 1;

    /// Whether it acts when the market moves: without, it is not called for [`Cause::Book`],
    /// [`Cause::Trade`] and [`Cause::Mark`]. What its view shows is the same. One that acts at
    /// timers, candles and its own orders alone costs less so, most of all in a backtest.
    const HEARS_MARKET: bool = true;

    /// Everything about it that changes. A new one is the default.
    type State: Default + Clone + std::fmt::Debug + Send + Serialize + DeserializeOwned;

    /// What it can be configured with.
    #[must_use]
    fn parameters() -> Vec<Parameter> {
        Vec::new()
    }

    /// Makes it of a configuration whose values are all within their ranges.
    ///
    /// # Errors
    ///
    /// [`SetupError`]: values that contradict each other, or too few instruments.
    fn new(setup: &Setup<'_>) -> Result<Self, SetupError>;

    /// The candles that it wants, at most [`CANDLE_FEEDS_MAX`] feeds.
    fn candles(&self) -> Vec<CandleFeed> {
        Vec::new()
    }

    /// Called after every event that concerns it, with the event applied. Called several times at
    /// one event if candles closed or timers rang: candles first, then timers, then the event.
    fn on_event(&self, state: &mut Self::State, cause: Cause, view: &View<'_>, asks: &mut Asks<'_>);

    /// Whether a state that was read from a snapshot can be one: bounds that `on_event` relies on.
    fn is_sound(&self, state: &Self::State) -> bool {
        let _ = state;
        true
    }
}
