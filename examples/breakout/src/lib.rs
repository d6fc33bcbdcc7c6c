//! Breakout: buys when a candle closes above the highest price of the candles before it, with a
//! stop and a target that the engine holds, and gives up after a while.
//!
//! It is small on purpose, and shows each thing that a strategy can do: parameters with units,
//! candles, the book, orders that hang together, a timer, and a state that survives a restart.
#![forbid(unsafe_code)]

use caracal::strategy::{
    AskError, Asks, CandleFeed, Cause, InstrumentId, Lots, Parameter, PriceSource, Setup,
    SetupError, Side, Strategy, Ticks, Timer, Unit, View, Wish,
};
use serde::{Deserialize, Serialize};

/// Rings when a trade has lasted long enough.
const GIVE_UP: Timer = Timer(0);

/// The parameters. They never change while the strategy runs.
#[derive(Debug)]
pub struct Breakout {
    instrument: InstrumentId,
    qty: Lots,
    interval_ns: u64,
    lookback: usize,
    reach: i64,
    stop: i64,
    target: i64,
    hold_ns: u64,
}

/// Everything that changes. The engine keeps it, hashes it, and restores it after a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Trades so far: each gives its stop and its target a group of its own.
    trades: u64,
    /// The trade is being given up: what is left of the position is sold.
    leaving: bool,
}

impl Strategy for Breakout {
    const KIND: &'static str = "breakout";
    type State = State;

    fn parameters() -> Vec<Parameter> {
        let base = Unit::Lots { of: 0 };
        let minute_ns = 60_000_000_000;
        let day_ns = 1_440 * minute_ns;
        vec![
            Parameter::new("qty", base, 1..=i64::MAX, "to buy at each breakout"),
            Parameter::new(
                "interval",
                Unit::Nanos,
                1_000_000_000..=day_ns,
                "length of a candle",
            ),
            Parameter::new("lookback", Unit::Count, 1..=1_000, "candles to look back"),
            Parameter::new("reach_ticks", Unit::Ticks, 0..=100_000, "above the ask").or(0),
            Parameter::new("stop_ticks", Unit::Ticks, 1..=1_000_000, "below the ask"),
            Parameter::new("target_ticks", Unit::Ticks, 1..=1_000_000, "above the ask"),
            Parameter::new("hold", Unit::Nanos, 1_000_000..=day_ns, "longest trade")
                .or(10 * minute_ns),
        ]
    }

    fn new(setup: &Setup<'_>) -> Result<Self, SetupError> {
        let lookback = usize::try_from(setup.integer("lookback")?);
        Ok(Self {
            instrument: setup.instrument(0)?,
            qty: setup.lots("qty")?,
            interval_ns: setup.nanos("interval")?,
            lookback: lookback.map_err(|_| SetupError::new("lookback", "1 to 1000"))?,
            reach: setup.integer("reach_ticks")?,
            stop: setup.integer("stop_ticks")?,
            target: setup.integer("target_ticks")?,
            hold_ns: setup.nanos("hold")?,
        })
    }

    fn candles(&self) -> Vec<CandleFeed> {
        vec![CandleFeed {
            instrument: self.instrument,
            interval_ns: self.interval_ns,
            kept: self.lookback + 1,
        }]
    }

    fn on_event(&self, state: &mut State, cause: Cause, view: &View<'_>, asks: &mut Asks<'_>) {
        let idle = view.live_orders() == 0 && view.position(self.instrument) == Lots::ZERO;
        // What cannot be asked for now (no connection, no room) is a chance missed, not an error.
        let _missed = match cause {
            Cause::Candle(_) if idle => self.enter(state, view, asks),
            Cause::Timer(GIVE_UP) => {
                state.leaving = true;
                asks.cancel_all(None)
            }
            _ if state.leaving => self.leave(state, view, asks),
            _ => Ok(()),
        };
    }
}

impl Breakout {
    /// The newest candle closed above all those before it, none of which misses a trade.
    fn breaks_out(&self, view: &View<'_>) -> bool {
        let Some(candles) = view.candles(0).filter(|all| all.len() > self.lookback) else {
            return false;
        };
        let mut newest_first = candles.iter();
        let newest = newest_first.next();
        let highest = newest_first.map(|candle| candle.high).max();
        candles.iter().all(|candle| candle.whole) && newest.map(|candle| candle.close) > highest
    }

    fn enter(
        &self,
        state: &mut State,
        view: &View<'_>,
        asks: &mut Asks<'_>,
    ) -> Result<(), AskError> {
        let market = view.market(self.instrument);
        // No top: the book is stale, and nothing is bought on it.
        let Some(top) = market.and_then(|market| market.book().top()) else {
            return Ok(());
        };
        if !self.breaks_out(view) {
            return Ok(());
        }
        let ask = top.ask.price.0;
        let buy = Wish::limit(
            self.instrument,
            Side::Buy,
            Ticks(ask + self.reach),
            self.qty,
        );
        let entry = asks.place(buy.immediate_or_cancel())?;
        state.trades += 1;
        state.leaving = false;
        // Both come to life by the entry's fills, at the quantity that is filled; when one of them
        // triggers, the other goes.
        let sell = Wish::market(self.instrument, Side::Sell, self.qty)
            .reduce_only()
            .child_of(entry)
            .one_of(state.trades);
        asks.place(sell.stop_at(Ticks(ask - self.stop), PriceSource::Last))?;
        asks.place(sell.take_profit_at(Ticks(ask + self.target), PriceSource::Last))?;
        asks.ring_at(GIVE_UP, view.time_ns() + self.hold_ns)
    }

    /// Sells what is left, once the stop and the target are gone.
    fn leave(
        &self,
        state: &mut State,
        view: &View<'_>,
        asks: &mut Asks<'_>,
    ) -> Result<(), AskError> {
        let position = view.position(self.instrument);
        if view.live_orders() > 0 {
            return Ok(());
        }
        if position <= Lots::ZERO {
            state.leaving = false;
            return Ok(());
        }
        let sell = Wish::market(self.instrument, Side::Sell, position);
        asks.place(sell.reduce_only()).map(drop)
    }
}
