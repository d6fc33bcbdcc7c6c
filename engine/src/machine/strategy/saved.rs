//! A strategy's runner as a snapshot holds it.
//!
//! Every field of [`StrategyRunner`] is named here, so that a new one does not compile before it is
//! saved. The parameters are not here: they are the configuration's.
//!
//! Thread: any. Hot path: no. Allocates: yes.

use model::ids::StrategyId;
use model::limits::INTENTS_IN_FLIGHT_MAX;
use serde::{Deserialize, Serialize};

use super::candles::{Candles, SavedCandles};
use super::registry::Registry;
use super::runner::{OWN_ENDED_REMEMBERED, OWN_ORDERS_MAX};
use super::timer::Timers;
use super::watched::{SavedWatched, Watched};
use super::{Setting, StrategyRunner};
use crate::machine::blobs::LaneBlobs;
use crate::machine::config::StrategyConfig;
use crate::machine::config::{BOOK_WINDOW_MAX, BOOK_WINDOW_MIN};
use crate::machine::orders::{AppliedTrades, Orders, SavedOrders, SavedTrades};
use crate::machine::saved::{Unsound, require};

/// See the module's header.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedRunner {
    setting: Setting,
    /// Its own state, in bytes that only it can read.
    strategy: Vec<u8>,
    blobs: LaneBlobs,
    watched: Vec<SavedWatched>,
    candles: Vec<SavedCandles>,
    orders: SavedOrders,
    trades: SavedTrades,
    counter: u32,
    in_flight: u32,
    timers: Timers,
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
            watched,
            candles,
            orders,
            trades,
            counter,
            in_flight,
            timers,
            // Made anew.
            due_ns: _,
            connected,
            stopping,
        } = self;
        SavedRunner {
            setting: *setting,
            strategy: strategy.save(),
            blobs: blobs.clone(),
            watched: watched.iter().map(Watched::save).collect(),
            candles: candles.iter().map(Candles::save).collect(),
            orders: orders.save(),
            trades: trades.save(),
            counter: *counter,
            in_flight: u32::try_from(*in_flight).unwrap_or(u32::MAX),
            timers: *timers,
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
        registry: &Registry,
    ) -> Result<Self, Unsound> {
        let most = INTENTS_IN_FLIGHT_MAX;
        require(saved.in_flight as usize <= most, "intents under way")?;
        let width = saved.setting.book_window_ticks;
        require(
            width.is_power_of_two() && (BOOK_WINDOW_MIN..=BOOK_WINDOW_MAX).contains(&width),
            "width of a strategy's book",
        )?;
        saved.blobs.check()?;
        let unknown = Unsound("a strategy that this program does not have");
        let mut runner = Self::new(id, config, saved.setting, registry).map_err(|_| unknown)?;
        runner.strategy.restore(&saved.strategy)?;
        let places = saved.watched.len() == runner.watched.len();
        require(places, "instruments of a strategy")?;
        let feeds = saved.candles.len() == runner.candles.len();
        require(feeds, "candle feeds of a strategy")?;
        for (watched, saved) in runner.watched.iter_mut().zip(saved.watched) {
            *watched = Watched::restore(watched.id, saved)?;
        }
        for (candles, saved) in runner.candles.iter_mut().zip(saved.candles) {
            *candles = Candles::restore(*candles.feed(), saved)?;
        }
        let mut runner = Self {
            blobs: saved.blobs,
            orders: Orders::restore(&saved.orders, OWN_ORDERS_MAX, OWN_ENDED_REMEMBERED)?,
            trades: AppliedTrades::restore(&saved.trades)?,
            counter: saved.counter,
            in_flight: saved.in_flight as usize,
            timers: saved.timers,
            connected: saved.connected,
            stopping: saved.stopping,
            ..runner
        };
        runner.reckon_due();
        Ok(runner)
    }
}
