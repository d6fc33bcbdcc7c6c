//! Taker on a moving-average signal: holds one position while the fast average is above the slow
//! one, and another while it is below. Averages of trade prices, exponential, in fixed point.
//!
//! Hot path: yes. Allocates: no.

use model::body::Side;
use model::ids::InstrumentId;
use model::num::{Lots, Ticks};
use serde::{Deserialize, Serialize};

use super::parameters::{Parameter, Params, Setup, SetupError, Unit};
use super::{Asks, Cause, Strategy, Timer, View, Wish};
use crate::machine::saved::COUNT_MAX;

/// Binary digits behind the point of an average.
const FRACTION_BITS: u32 = 20;

/// No average is above this: a price has 64 bits.
const AVERAGE_MAX: u128 = 1 << (64 + FRACTION_BITS);

/// Rings when the next order may go.
const COOLED: Timer = Timer(0);

/// Values of the moving-average taker's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovingAverageParams {
    /// Length of the fast average, trades. 1 to 65_536, below `slow_trades`.
    pub fast_trades: u32,
    /// Length of the slow average, trades. 2 to 65_536.
    pub slow_trades: u32,
    /// The averages must differ by more than this to give a signal, ticks. From 0.
    pub band_ticks: Ticks,
    /// Position to hold on an upward signal, lots. Above 0.
    pub target_long: Lots,
    /// Position to hold on a downward signal, lots: 0 (flat) or below (short). At most 0.
    pub target_short: Lots,
    /// Largest quantity of one order, lots. Above 0.
    pub clip: Lots,
    /// How far beyond the best opposite price an order may reach, ticks. From 0.
    pub reach_ticks: Ticks,
    /// Shortest time between two orders, nanoseconds.
    pub cooldown_ns: u64,
}

impl MovingAverageParams {
    /// The strategy's name in a configuration.
    pub const KIND: &'static str = MovingAverage::KIND;

    /// Values that trade BTC-USDT (tick 0.01, lot 0.00001): long 0.002 BTC or flat.
    #[must_use]
    pub const fn example() -> Self {
        Self {
            fast_trades: 20,
            slow_trades: 100,
            band_ticks: Ticks(1),
            target_long: Lots(200),
            target_short: Lots(0),
            clip: Lots(100),
            reach_ticks: Ticks(0),
            cooldown_ns: 500_000_000,
        }
    }

    /// The same as a configuration holds them.
    #[must_use]
    pub fn params(&self) -> Params {
        let pause = i64::try_from(self.cooldown_ns).unwrap_or(i64::MAX);
        Params::new()
            .with("fast_trades", self.fast_trades.into())
            .with("slow_trades", self.slow_trades.into())
            .with("band_ticks", self.band_ticks.0)
            .with("target_long", self.target_long.0)
            .with("target_short", self.target_short.0)
            .with("clip", self.clip.0)
            .with("reach_ticks", self.reach_ticks.0)
            .with("cooldown", pause)
    }
}

/// The taker.
#[derive(Debug)]
pub(super) struct MovingAverage {
    instrument: InstrumentId,
    params: MovingAverageParams,
}

/// What it has learned.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Signal {
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
}

impl MovingAverage {
    fn learn(&self, signal: &mut Signal, price: Ticks) {
        let price = i128::from(price.0) << FRACTION_BITS;
        if signal.trades == 0 {
            signal.fast = price;
            signal.slow = price;
        } else {
            signal.fast += 2 * (price - signal.fast) / i128::from(self.params.fast_trades + 1);
            signal.slow += 2 * (price - signal.slow) / i128::from(self.params.slow_trades + 1);
        }
        signal.trades += 1;
        if signal.trades < u64::from(self.params.slow_trades) {
            return;
        }
        let band = i128::from(self.params.band_ticks.0) << FRACTION_BITS;
        let difference = signal.fast - signal.slow;
        if difference > band {
            signal.target = Some(self.params.target_long);
        } else if difference < -band {
            signal.target = Some(self.params.target_short);
        }
    }

    fn act(&self, signal: &mut Signal, view: &View<'_>, asks: &mut Asks<'_>) {
        let Some(wish) = self.wish(signal, view) else {
            return;
        };
        if view.live_orders() > 0 {
            return;
        }
        if signal.pause_ns > view.time_ns() {
            let _known = asks.ring_at(COOLED, signal.pause_ns);
        } else if asks.place(wish).is_ok() {
            signal.pause_ns = view.time_ns().saturating_add(self.params.cooldown_ns);
        }
    }

    fn wish(&self, signal: &Signal, view: &View<'_>) -> Option<Wish> {
        let market = view.market(self.instrument)?;
        let top = market.book().top().filter(|_| market.spec().trading)?;
        let position = view.position(self.instrument);
        let missing = signal.target?.0.checked_sub(position.0)?;
        let side = match missing.signum() {
            1 => Side::Buy,
            -1 => Side::Sell,
            _ => return None,
        };
        let qty = missing.checked_abs()?.min(self.params.clip.0);
        let reach = self.params.reach_ticks.0.checked_mul(side.sign())?;
        let price = top.side(side.opposite()).price.0.checked_add(reach)?;
        let wish = Wish::limit(self.instrument, side, Ticks(price), Lots(qty));
        (price > 0).then_some(wish.immediate_or_cancel())
    }
}

impl Strategy for MovingAverage {
    const KIND: &'static str = "moving-average";
    type State = Signal;

    fn parameters() -> Vec<Parameter> {
        let hour_ns = 3_600_000_000_000;
        let quantity = Unit::Lots { of: 0 };
        let new = Parameter::new;
        vec![
            new(
                "fast_trades",
                Unit::Count,
                1..=65_535,
                "trades in the fast average",
            ),
            new(
                "slow_trades",
                Unit::Count,
                2..=65_536,
                "trades in the slow average",
            ),
            new(
                "band_ticks",
                Unit::Ticks,
                0..=1_000_000_000,
                "the averages must differ by more than this",
            ),
            new(
                "target_long",
                quantity,
                1..=i64::MAX,
                "position after an upward signal",
            ),
            new(
                "target_short",
                quantity,
                i64::MIN..=0,
                "position after a downward signal, 0 or below",
            )
            .or(0),
            new("clip", quantity, 1..=i64::MAX, "largest order"),
            new(
                "reach_ticks",
                Unit::Ticks,
                0..=1_000_000_000,
                "how far beyond the best price an order may reach",
            ),
            new(
                "cooldown",
                Unit::Nanos,
                1..=hour_ns,
                "shortest time between two orders",
            ),
        ]
    }

    fn new(setup: &Setup<'_>) -> Result<Self, SetupError> {
        let trades = |name: &'static str| {
            let count = u32::try_from(setup.integer(name)?);
            count.map_err(|_| SetupError::new(name, "1 to 65536"))
        };
        let params = MovingAverageParams {
            fast_trades: trades("fast_trades")?,
            slow_trades: trades("slow_trades")?,
            band_ticks: setup.ticks("band_ticks")?,
            target_long: setup.lots("target_long")?,
            target_short: setup.lots("target_short")?,
            clip: setup.lots("clip")?,
            reach_ticks: setup.ticks("reach_ticks")?,
            cooldown_ns: setup.nanos("cooldown")?,
        };
        if params.fast_trades >= params.slow_trades {
            return Err(SetupError::new("fast_trades", "below slow_trades"));
        }
        Ok(Self {
            instrument: setup.instrument(0)?,
            params,
        })
    }

    fn on_event(&self, signal: &mut Signal, cause: Cause, view: &View<'_>, asks: &mut Asks<'_>) {
        match cause {
            Cause::Trade(instrument, trade) if instrument == self.instrument => {
                self.learn(signal, trade.price);
            }
            Cause::Refused(_) => {
                signal.pause_ns = view.time_ns().saturating_add(self.params.cooldown_ns);
            }
            Cause::Trade(..)
            | Cause::Book(_)
            | Cause::Candle(_)
            | Cause::Mark(_)
            | Cause::Order(_)
            | Cause::Timer(_)
            | Cause::Fresh => {}
        }
        self.act(signal, view, asks);
    }

    fn is_sound(&self, signal: &Signal) -> bool {
        let sound = |average: i128| average.unsigned_abs() <= AVERAGE_MAX;
        sound(signal.fast) && sound(signal.slow) && signal.trades < COUNT_MAX
    }
}
