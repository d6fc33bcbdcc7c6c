//! Market maker: one post-only quote a side around a fair price that leans against the position.
//!
//! The fair price is the middle weighted by the quantities at the top. A quote that is off by more
//! than the threshold is replaced; nothing is quoted against a book that cannot be relied on.
//!
//! Hot path: yes. Allocates: no.

use model::body::{OrderType, Side, TimeInForce};
use model::num::{Lots, Ticks};

use super::asks::{Asks, Wish};
use super::saved::StrategyState;
use super::{Cause, Strategy, View};
use crate::machine::config::MarketMakerParams;
use crate::machine::digest::Sink;
use crate::machine::divide::{div_ceil, div_floor, div_trunc};
use crate::machine::market::Top;
use crate::machine::orders::Order;
use crate::machine::saved::Unsound;

/// State of the market maker: only its pauses. Everything else is in the view.
#[derive(Debug, Clone)]
pub(super) struct MarketMaker {
    params: MarketMakerParams,
    buy_pause_ns: u64,
    sell_pause_ns: u64,
}

impl MarketMaker {
    pub(super) const fn new(params: MarketMakerParams) -> Self {
        Self {
            params,
            buy_pause_ns: 0,
            sell_pause_ns: 0,
        }
    }

    const fn pause(&mut self, side: Side) -> &mut u64 {
        match side {
            Side::Buy => &mut self.buy_pause_ns,
            Side::Sell => &mut self.sell_pause_ns,
        }
    }

    /// Where a side's quote should be; `None` where it should not be.
    fn target(&self, side: Side, top: &Top, position: Lots) -> Option<Ticks> {
        let held = position.0.checked_mul(side.sign())?;
        if held.checked_add(self.params.qty.0)? > self.params.position_max.0 {
            return None;
        }
        let lean = div_trunc(
            i128::from(self.params.skew_ticks.0) * i128::from(position.0) * 2,
            i128::from(self.params.position_max.0),
        );
        let centre_x2 = fair_x2(top) - lean;
        let half = self.params.half_spread_ticks.0;
        let price = match side {
            Side::Buy => {
                let price = i64::try_from(div_floor(centre_x2, 2))
                    .ok()?
                    .checked_sub(half)?;
                price.min(top.ask.price.0 - 1)
            }
            Side::Sell => {
                let up = div_ceil(centre_x2, 2);
                let price = i64::try_from(up).ok()?.checked_add(half)?;
                price.max(top.bid.price.0 + 1)
            }
        };
        (price > 0).then_some(Ticks(price))
    }

    fn quote(&mut self, side: Side, view: &View<'_>, top: &Top, asks: &mut Asks<'_>) {
        let target = self.target(side, top, view.position);
        let mut resting = view.orders.live().filter(|order| order.side == side);
        let first = resting.next();
        for extra in resting {
            asks.cancel(extra);
        }
        match (first, target) {
            (Some(order), None) => {
                asks.cancel(order);
            }
            (Some(order), Some(price)) => self.requote(order, price, view, asks),
            (None, Some(price)) => {
                let pause = *self.pause(side);
                if pause > view.time_ns {
                    asks.alarm_at(pause);
                } else if !meets_own(side, price, view) && asks.place(self.wish(side, price)) {
                    self.rest(side, self.params.requote_pause_ns, view);
                }
            }
            (None, None) => {}
        }
    }

    fn requote(&mut self, order: &Order, price: Ticks, view: &View<'_>, asks: &mut Asks<'_>) {
        let off = order.price.0.abs_diff(price.0);
        if off <= self.params.requote_ticks.0.unsigned_abs() {
            return;
        }
        let pause = *self.pause(order.side);
        if pause > view.time_ns {
            asks.alarm_at(pause);
        } else if meets_own(order.side, price, view) {
            asks.cancel(order);
        } else if asks.replace(order, self.wish(order.side, price)) {
            self.rest(order.side, self.params.requote_pause_ns, view);
        }
    }

    fn rest(&mut self, side: Side, pause_ns: u64, view: &View<'_>) {
        let until = view.time_ns.saturating_add(pause_ns);
        let pause = self.pause(side);
        *pause = until.max(*pause);
    }

    const fn wish(&self, side: Side, price: Ticks) -> Wish {
        Wish {
            side,
            order_type: OrderType::PostOnly,
            time_in_force: TimeInForce::Gtc,
            price,
            qty: self.params.qty,
            tag: 0,
        }
    }
}

/// Twice the middle, weighted by the quantities at the top: it leans to the thinner side.
fn fair_x2(top: &Top) -> i128 {
    let (bid, ask) = (i128::from(top.bid.qty.0), i128::from(top.ask.qty.0));
    let weighed = i128::from(top.bid.price.0) * ask + i128::from(top.ask.price.0) * bid;
    div_floor(2 * weighed, bid + ask)
}

/// Whether an order at this price would trade with one of its own on the other side.
fn meets_own(side: Side, price: Ticks, view: &View<'_>) -> bool {
    view.orders
        .live()
        .filter(|order| order.side != side)
        .any(|order| match side {
            Side::Buy => price >= order.price,
            Side::Sell => price <= order.price,
        })
}

impl Strategy for MarketMaker {
    fn on_event(&mut self, cause: Cause, view: &View<'_>, asks: &mut Asks<'_>) {
        if let Cause::Refused(side) = cause {
            self.rest(side, self.params.backoff_ns, view);
        }
        let usable = view.book.top().filter(|_| view.spec.trading);
        let Some(top) = usable else {
            for order in view.orders.live() {
                asks.cancel(order);
            }
            return;
        };
        for side in [Side::Buy, Side::Sell] {
            self.quote(side, view, &top, asks);
        }
    }

    fn save(&self) -> StrategyState {
        let Self {
            params: _,
            buy_pause_ns,
            sell_pause_ns,
        } = *self;
        StrategyState::MarketMaker {
            buy_pause_ns,
            sell_pause_ns,
        }
    }

    fn restore(&mut self, state: &StrategyState) -> Result<(), Unsound> {
        let StrategyState::MarketMaker {
            buy_pause_ns,
            sell_pause_ns,
        } = *state
        else {
            return Err(Unsound("state of a strategy, which is another's"));
        };
        self.buy_pause_ns = buy_pause_ns;
        self.sell_pause_ns = sell_pause_ns;
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }

    fn digest(&self, sink: &mut Sink) {
        sink.number(self.buy_pause_ns);
        sink.number(self.sell_pause_ns);
    }
}
