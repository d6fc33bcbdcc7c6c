//! Taker on a moving-average signal: holds one position while the fast average is above the slow
//! one, and another while it is below. Averages of trade prices, exponential, in fixed point.
//!
//! Hot path: yes. Allocates: no.

use model::body::{OrderType, Side, TimeInForce};
use model::num::{Lots, Ticks};

use super::asks::{Asks, Wish};
use super::saved::StrategyState;
use super::{Cause, Strategy, View};
use crate::machine::config::MovingAverageParams;
use crate::machine::digest::Sink;
use crate::machine::saved::{COUNT_MAX, Unsound, require};

/// Binary digits behind the point of an average.
const FRACTION_BITS: u32 = 20;

/// No average is above this: a price has 64 bits.
const AVERAGE_MAX: u128 = 1 << (64 + FRACTION_BITS);

/// State of the taker.
#[derive(Debug, Clone)]
pub(super) struct MovingAverage {
    params: MovingAverageParams,
    fast: i128,
    slow: i128,
    trades: u64,
    target: Option<Lots>,
    pause_ns: u64,
}

impl MovingAverage {
    pub(super) const fn new(params: MovingAverageParams) -> Self {
        Self {
            params,
            fast: 0,
            slow: 0,
            trades: 0,
            target: None,
            pause_ns: 0,
        }
    }

    fn learn(&mut self, price: Ticks) {
        let price = i128::from(price.0) << FRACTION_BITS;
        if self.trades == 0 {
            self.fast = price;
            self.slow = price;
        } else {
            self.fast += 2 * (price - self.fast) / i128::from(self.params.fast_trades + 1);
            self.slow += 2 * (price - self.slow) / i128::from(self.params.slow_trades + 1);
        }
        self.trades += 1;
        if self.trades < u64::from(self.params.slow_trades) {
            return;
        }
        let band = i128::from(self.params.band_ticks.0) << FRACTION_BITS;
        let difference = self.fast - self.slow;
        if difference > band {
            self.target = Some(self.params.target_long);
        } else if difference < -band {
            self.target = Some(self.params.target_short);
        }
    }

    fn act(&mut self, view: &View<'_>, asks: &mut Asks<'_>) {
        let Some(wish) = self.wish(view) else {
            return;
        };
        if view.orders.live_count() > 0 {
            return;
        }
        if self.pause_ns > view.time_ns {
            asks.alarm_at(self.pause_ns);
        } else if asks.place(wish) {
            self.pause_ns = view.time_ns.saturating_add(self.params.cooldown_ns);
        }
    }

    fn wish(&self, view: &View<'_>) -> Option<Wish> {
        let top = view.book.top().filter(|_| view.spec.trading)?;
        let missing = self.target?.0.checked_sub(view.position.0)?;
        let side = match missing.signum() {
            1 => Side::Buy,
            -1 => Side::Sell,
            _ => return None,
        };
        let qty = missing.checked_abs()?.min(self.params.clip.0);
        let reach = self.params.reach_ticks.0.checked_mul(side.sign())?;
        let price = top.side(side.opposite()).price.0.checked_add(reach)?;
        (price > 0).then_some(Wish {
            side,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Ioc,
            price: Ticks(price),
            qty: Lots(qty),
            tag: 0,
        })
    }
}

impl Strategy for MovingAverage {
    fn on_event(&mut self, cause: Cause, view: &View<'_>, asks: &mut Asks<'_>) {
        match cause {
            Cause::Trade(trade) => self.learn(trade.price),
            Cause::Refused(_) => {
                self.pause_ns = view.time_ns.saturating_add(self.params.cooldown_ns);
            }
            Cause::Book | Cause::Order | Cause::Alarm | Cause::Fresh => {}
        }
        self.act(view, asks);
    }

    fn save(&self) -> StrategyState {
        let Self {
            params: _,
            fast,
            slow,
            trades,
            target,
            pause_ns,
        } = *self;
        StrategyState::MovingAverage {
            fast,
            slow,
            trades,
            target,
            pause_ns,
        }
    }

    fn restore(&mut self, state: &StrategyState) -> Result<(), Unsound> {
        let StrategyState::MovingAverage {
            fast,
            slow,
            trades,
            target,
            pause_ns,
        } = *state
        else {
            return Err(Unsound("state of a strategy, which is another's"));
        };
        let sound = |average: i128| average.unsigned_abs() <= AVERAGE_MAX;
        require(sound(fast) && sound(slow), "average of a strategy")?;
        require(trades < COUNT_MAX, "trades of a strategy")?;
        *self = Self {
            params: self.params.clone(),
            fast,
            slow,
            trades,
            target,
            pause_ns,
        };
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }

    fn digest(&self, sink: &mut Sink) {
        sink.number(self.fast);
        sink.number(self.slow);
        sink.number(self.trades);
        sink.number(self.target.is_some());
        sink.lots(self.target.unwrap_or_default());
        sink.number(self.pause_ns);
    }
}
