//! A strategy's runner as a snapshot holds it.
//!
//! Every field of [`StrategyRunner`] is named here, so that a new one does not compile before it is
//! saved. The parameters are not here: they are the configuration's.
//!
//! Thread: any. Hot path: no. Allocates: yes.

use model::ids::StrategyId;
use model::limits::INTENTS_IN_FLIGHT_MAX;
use model::num::Lots;
use serde::{Deserialize, Serialize};

use super::runner::{OWN_ENDED_REMEMBERED, OWN_ORDERS_MAX};
use super::{Setting, StrategyRunner, build};
use crate::machine::blobs::LaneBlobs;
use crate::machine::config::StrategyConfig;
use crate::machine::config::{BOOK_WINDOW_MAX, BOOK_WINDOW_MIN};
use crate::machine::market::{Listing, SavedListing};
use crate::machine::orders::{AppliedTrades, Orders, SavedOrders, SavedTrades};
use crate::machine::saved::{Unsound, require};

/// What a strategy holds beside its parameters.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum StrategyState {
    /// Of the market maker.
    MarketMaker {
        /// No placement on the bid before this machine time.
        buy_pause_ns: u64,
        /// The same for the ask.
        sell_pause_ns: u64,
    },
    /// Of the moving-average taker.
    MovingAverage {
        /// Fast average, fixed point.
        fast: i128,
        /// Slow average, fixed point.
        slow: i128,
        /// Trades learned.
        trades: u64,
        /// Position to hold.
        target: Option<Lots>,
        /// No order before this machine time.
        pause_ns: u64,
    },
}

/// See the module's header.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedRunner {
    setting: Setting,
    strategy: StrategyState,
    blobs: LaneBlobs,
    listing: Option<SavedListing>,
    orders: SavedOrders,
    trades: SavedTrades,
    position: Lots,
    counter: u32,
    in_flight: u32,
    alarm_ns: Option<u64>,
    connected: bool,
    stopping: bool,
}

impl StrategyRunner {
    /// What a snapshot has to hold.
    pub(crate) fn save(&self) -> SavedRunner {
        let Self {
            id: _,
            config: _,
            setting,
            strategy,
            blobs,
            listing,
            orders,
            trades,
            position,
            counter,
            in_flight,
            alarm_ns,
            connected,
            stopping,
        } = self;
        SavedRunner {
            setting: *setting,
            strategy: strategy.save(),
            blobs: blobs.clone(),
            listing: listing.as_deref().map(Listing::save),
            orders: orders.save(),
            trades: trades.save(),
            position: *position,
            counter: *counter,
            in_flight: u32::try_from(*in_flight).unwrap_or(u32::MAX),
            alarm_ns: *alarm_ns,
            connected: *connected,
            stopping: *stopping,
        }
    }

    /// The runner of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(crate) fn restore(
        id: StrategyId,
        config: StrategyConfig,
        saved: SavedRunner,
    ) -> Result<Self, Unsound> {
        let most = INTENTS_IN_FLIGHT_MAX;
        require(saved.in_flight as usize <= most, "intents under way")?;
        let width = saved.setting.book_window_ticks;
        require(
            width.is_power_of_two() && (BOOK_WINDOW_MIN..=BOOK_WINDOW_MAX).contains(&width),
            "width of a strategy's book",
        )?;
        saved.blobs.check()?;
        let mut strategy = build(&config.kind);
        strategy.restore(&saved.strategy)?;
        let listing = saved.listing.map(Listing::restore).transpose()?;
        let own = listing
            .as_ref()
            .is_none_or(|listing| Some(&listing.spec().id) == config.instruments.first());
        require(own, "instrument of a strategy")?;
        Ok(Self {
            id,
            config,
            setting: saved.setting,
            strategy,
            blobs: saved.blobs,
            listing: listing.map(Box::new),
            orders: Orders::restore(&saved.orders, OWN_ORDERS_MAX, OWN_ENDED_REMEMBERED)?,
            trades: AppliedTrades::restore(&saved.trades)?,
            position: saved.position,
            counter: saved.counter,
            in_flight: saved.in_flight as usize,
            alarm_ns: saved.alarm_ns,
            connected: saved.connected,
            stopping: saved.stopping,
        })
    }
}
