//! Market maker: one post-only quote a side around a fair price that leans against the position.
//!
//! The fair price is the middle weighted by the quantities at the top. A quote that is off by more
//! than the threshold is replaced; nothing is quoted against a book that cannot be relied on.
//!
//! Hot path: yes. Allocates: no.

use model::body::Side;
use model::ids::InstrumentId;
use model::num::{Lots, Ticks};
use serde::{Deserialize, Serialize};

use super::parameters::{Parameter, Params, Setup, SetupError, Unit};
use super::{AskError, Asks, Cause, Strategy, Timer, View, Wish};
use crate::machine::divide::{div_ceil, div_floor, div_trunc};
use crate::machine::market::Top;
use crate::machine::orders::Order;

/// Values of the market maker's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketMakerParams {
    /// Quantity of each quote, lots. Above 0.
    pub qty: Lots,
    /// Distance of each quote from the fair price, ticks. At least 1.
    pub half_spread_ticks: Ticks,
    /// How far the fair price leans against the position when that is at its maximum, ticks. From
    /// 0.
    pub skew_ticks: Ticks,
    /// Largest own position on either side, lots. At least `qty`.
    pub position_max: Lots,
    /// A quote is left alone while it is at most this far from where it should be, ticks. From 0.
    pub requote_ticks: Ticks,
    /// Shortest time between two placements on one side, nanoseconds. Cancels do not wait.
    pub requote_pause_ns: u64,
    /// Pause on a side after a refusal or a reject, nanoseconds.
    pub backoff_ns: u64,
}

impl MarketMakerParams {
    /// The strategy's name in a configuration.
    pub const KIND: &'static str = MarketMaker::KIND;

    /// Values that trade BTC-USDT (tick 0.01, lot 0.00001): 0.001 BTC a side.
    #[must_use]
    pub const fn example() -> Self {
        Self {
            qty: Lots(100),
            half_spread_ticks: Ticks(2),
            skew_ticks: Ticks(10),
            position_max: Lots(2_000),
            requote_ticks: Ticks(1),
            requote_pause_ns: 200_000_000,
            backoff_ns: 250_000_000,
        }
    }

    /// The same as a configuration holds them.
    #[must_use]
    pub fn params(&self) -> Params {
        let nanos = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        Params::new()
            .with("qty", self.qty.0)
            .with("half_spread_ticks", self.half_spread_ticks.0)
            .with("skew_ticks", self.skew_ticks.0)
            .with("position_max", self.position_max.0)
            .with("requote_ticks", self.requote_ticks.0)
            .with("requote_pause", nanos(self.requote_pause_ns))
            .with("backoff", nanos(self.backoff_ns))
    }
}

/// The market maker.
#[derive(Debug)]
pub(super) struct MarketMaker {
    instrument: InstrumentId,
    params: MarketMakerParams,
}

/// Its state is only its pauses: everything else is in the view.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Pauses {
    buy_ns: u64,
    sell_ns: u64,
}

impl Pauses {
    const fn until(&self, side: Side) -> u64 {
        match side {
            Side::Buy => self.buy_ns,
            Side::Sell => self.sell_ns,
        }
    }

    /// No placement on this side before this time; a later word does not shorten it.
    fn rest(&mut self, side: Side, until_ns: u64) {
        let pause = match side {
            Side::Buy => &mut self.buy_ns,
            Side::Sell => &mut self.sell_ns,
        };
        *pause = until_ns.max(*pause);
    }
}

/// Rings when the side may be quoted again.
const fn timer(side: Side) -> Timer {
    match side {
        Side::Buy => Timer(0),
        Side::Sell => Timer(1),
    }
}

impl MarketMaker {
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

    fn quote(
        &self,
        pauses: &mut Pauses,
        side: Side,
        top: &Top,
        view: &View<'_>,
        asks: &mut Asks<'_>,
    ) -> Result<(), AskError> {
        let target = self.target(side, top, view.position(self.instrument));
        let mut resting = view.orders().filter(|order| order.side == side);
        let first = resting.next();
        for extra in resting {
            give_up(extra, asks)?;
        }
        match (first, target) {
            (Some(order), None) => give_up(order, asks),
            (Some(order), Some(price)) => self.requote(pauses, order, price, view, asks),
            (None, Some(price)) => self.open(pauses, side, price, view, asks),
            (None, None) => Ok(()),
        }
    }

    fn open(
        &self,
        pauses: &mut Pauses,
        side: Side,
        price: Ticks,
        view: &View<'_>,
        asks: &mut Asks<'_>,
    ) -> Result<(), AskError> {
        if pauses.until(side) > view.time_ns() {
            return asks.ring_at(timer(side), pauses.until(side));
        }
        if meets_own(side, price, view) {
            return Ok(());
        }
        asks.place(self.wish(side, price))?;
        pauses.rest(side, self.next_quote_ns(view));
        Ok(())
    }

    fn requote(
        &self,
        pauses: &mut Pauses,
        order: &Order,
        price: Ticks,
        view: &View<'_>,
        asks: &mut Asks<'_>,
    ) -> Result<(), AskError> {
        let (side, off) = (order.side, order.price.0.abs_diff(price.0));
        if off <= self.params.requote_ticks.0.unsigned_abs() {
            return Ok(());
        }
        if pauses.until(side) > view.time_ns() {
            return asks.ring_at(timer(side), pauses.until(side));
        }
        if meets_own(side, price, view) {
            return give_up(order, asks);
        }
        match asks.replace(order.client_id, self.wish(side, price)) {
            Ok(_) => pauses.rest(side, self.next_quote_ns(view)),
            // It is on its way, or its end is asked for already.
            Err(AskError::NotChangeable) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    const fn next_quote_ns(&self, view: &View<'_>) -> u64 {
        view.time_ns().saturating_add(self.params.requote_pause_ns)
    }

    const fn wish(&self, side: Side, price: Ticks) -> Wish {
        Wish::post_only(self.instrument, side, price, self.params.qty)
    }

    fn act(&self, pauses: &mut Pauses, view: &View<'_>, asks: &mut Asks<'_>) {
        let market = view.market(self.instrument);
        let usable = market.filter(|market| market.spec().trading);
        // What cannot be asked for now, for want of room, is asked for at the next event.
        let Some(top) = usable.and_then(|market| market.book().top()) else {
            for order in view.orders() {
                let _later = give_up(order, asks);
            }
            return;
        };
        for side in [Side::Buy, Side::Sell] {
            let _later = self.quote(pauses, side, &top, view, asks);
        }
    }
}

/// Asks for an order's end, unless it is asked for already or cannot be yet.
fn give_up(order: &Order, asks: &mut Asks<'_>) -> Result<(), AskError> {
    match asks.cancel(order.client_id) {
        Ok(()) | Err(AskError::NotChangeable) => Ok(()),
        Err(error) => Err(error),
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
    view.orders()
        .filter(|order| order.side != side)
        .any(|order| match side {
            Side::Buy => price >= order.price,
            Side::Sell => price <= order.price,
        })
}

impl Strategy for MarketMaker {
    const KIND: &'static str = "market-maker";
    type State = Pauses;

    fn parameters() -> Vec<Parameter> {
        let hour_ns = 3_600_000_000_000;
        let new = Parameter::new;
        let quantity = Unit::Lots { of: 0 };
        vec![
            new("qty", quantity, 1..=i64::MAX, "of each quote"),
            new(
                "half_spread_ticks",
                Unit::Ticks,
                1..=1_000_000_000,
                "distance of each quote from the fair price",
            ),
            new(
                "skew_ticks",
                Unit::Ticks,
                0..=1_000_000_000,
                "shift of the fair price when the position is at its largest",
            ),
            new("position_max", quantity, 1..=i64::MAX, "on either side"),
            new(
                "requote_ticks",
                Unit::Ticks,
                0..=1_000_000_000,
                "a quote this far from its place is left alone",
            ),
            new(
                "requote_pause",
                Unit::Nanos,
                0..=hour_ns,
                "shortest time between two placements on a side",
            ),
            new(
                "backoff",
                Unit::Nanos,
                1..=hour_ns,
                "pause on a side after a refusal",
            ),
        ]
    }

    fn new(setup: &Setup<'_>) -> Result<Self, SetupError> {
        let params = MarketMakerParams {
            qty: setup.lots("qty")?,
            half_spread_ticks: setup.ticks("half_spread_ticks")?,
            skew_ticks: setup.ticks("skew_ticks")?,
            position_max: setup.lots("position_max")?,
            requote_ticks: setup.ticks("requote_ticks")?,
            requote_pause_ns: setup.nanos("requote_pause")?,
            backoff_ns: setup.nanos("backoff")?,
        };
        if params.position_max < params.qty {
            return Err(SetupError::new("position_max", "at least qty"));
        }
        Ok(Self {
            instrument: setup.instrument(0)?,
            params,
        })
    }

    fn on_event(&self, pauses: &mut Pauses, cause: Cause, view: &View<'_>, asks: &mut Asks<'_>) {
        if let Cause::Refused(refused) = cause {
            let until = view.time_ns().saturating_add(self.params.backoff_ns);
            pauses.rest(refused.side, until);
        }
        self.act(pauses, view, asks);
    }
}
