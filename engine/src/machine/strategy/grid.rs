//! Grid: several post-only orders a side at fixed steps around the middle, leaning against the
//! position. It looks at the market at a fixed interval and leaves alone what stands right.
//!
//! Prices are multiples of the step, so a small move of the middle changes nothing.
//!
//! Hot path: yes. Allocates: no.

use model::body::Side;
use model::ids::InstrumentId;
use model::num::{Lots, Ticks};

use super::parameters::{Parameter, Setup, SetupError, Unit};
use super::{AskError, Asks, Cause, Strategy, Timer, View, Wish};
use crate::machine::divide::{div_ceil, div_floor, div_trunc};
use crate::machine::market::Top;

/// Most orders a side.
const LEVELS_MAX: i64 = 16;

/// Rings when the market is to be looked at.
const LOOK: Timer = Timer(0);

/// The grid.
#[derive(Debug)]
pub(super) struct Grid {
    instrument: InstrumentId,
    qty: Lots,
    spread: Ticks,
    step: Ticks,
    levels: i64,
    skew: Ticks,
    position_max: Lots,
    every_ns: u64,
}

/// Where the orders of a side should be: `count` from `first` on, `step` apart.
#[derive(Debug, Clone, Copy)]
struct Row {
    side: Side,
    first: i64,
    step: i64,
    count: i64,
}

impl Row {
    const fn price(&self, index: i64) -> i64 {
        self.first - index * self.step * self.side.sign()
    }

    fn holds(&self, price: Ticks) -> bool {
        (0..self.count).any(|index| self.price(index) == price.0)
    }
}

impl Grid {
    fn row(&self, side: Side, top: &Top, position: Lots) -> Option<Row> {
        let lean = div_trunc(
            i128::from(self.skew.0) * i128::from(position.0) * 2,
            i128::from(self.position_max.0),
        );
        let centre_x2 = i128::from(top.mid_x2()) - lean;
        let step = i128::from(self.step.0);
        let outer = centre_x2 - i128::from(side.sign()) * i128::from(self.spread.0);
        // Away from the middle to the next step, and never beyond the other side's best.
        let first = match side {
            Side::Buy => div_floor(outer, 2 * step)
                .checked_mul(step)?
                .min(i128::from(top.ask.price.0) - 1),
            Side::Sell => div_ceil(outer, 2 * step)
                .checked_mul(step)?
                .max(i128::from(top.bid.price.0) + 1),
        };
        let first = i64::try_from(first).ok()?;
        let held = position.0.checked_mul(side.sign())?;
        let room = self.position_max.0.checked_sub(held)?.max(0);
        let count = (room / self.qty.0).min(self.levels);
        let row = Row {
            side,
            first,
            step: self.step.0,
            count,
        };
        (row.price(count) > 0).then_some(row)
    }

    fn look(&self, view: &View<'_>, asks: &mut Asks<'_>) {
        let market = view.market(self.instrument);
        let usable = market.filter(|market| market.spec().trading);
        let Some(top) = usable.and_then(|market| market.book().top()) else {
            // Nothing rests against a book that cannot be relied on.
            let _later = asks.cancel_all(Some(self.instrument));
            return;
        };
        let position = view.position(self.instrument);
        let rows = [Side::Buy, Side::Sell].map(|side| self.row(side, &top, position));
        // What finds no room now is asked for at the next look.
        let _later = self.trim(&rows, view, asks);
        for row in rows.iter().flatten() {
            let _later = self.fill(row, view, asks);
        }
    }

    /// Cancels what stands where nothing should.
    fn trim(
        &self,
        rows: &[Option<Row>; 2],
        view: &View<'_>,
        asks: &mut Asks<'_>,
    ) -> Result<(), AskError> {
        for order in view.orders() {
            let wanted = rows.iter().flatten().find(|row| row.side == order.side);
            if wanted.is_some_and(|row| row.holds(order.price)) {
                continue;
            }
            match asks.cancel(order.client_id) {
                Ok(()) | Err(AskError::NotChangeable) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Places what is missing.
    fn fill(&self, row: &Row, view: &View<'_>, asks: &mut Asks<'_>) -> Result<(), AskError> {
        for index in 0..row.count {
            let price = Ticks(row.price(index));
            let mut own = view.orders().filter(|order| order.side == row.side);
            if own.any(|order| order.price == price) {
                continue;
            }
            asks.place(Wish::post_only(self.instrument, row.side, price, self.qty))?;
        }
        Ok(())
    }
}

impl Strategy for Grid {
    const KIND: &'static str = "grid";
    const HEARS_MARKET: bool = false;
    type State = ();

    fn parameters() -> Vec<Parameter> {
        let hour_ns = 3_600_000_000_000;
        let ticks = 1..=1_000_000_000;
        let quantity = Unit::Lots { of: 0 };
        let new = Parameter::new;
        vec![
            new("qty", quantity, 1..=i64::MAX, "of each order"),
            new(
                "spread",
                Unit::Ticks,
                ticks.clone(),
                "between the innermost bid and ask",
            ),
            new("step", Unit::Ticks, ticks, "between two orders of a side").or(1),
            new("levels", Unit::Count, 1..=LEVELS_MAX, "orders a side").or(1),
            new(
                "skew",
                Unit::Ticks,
                0..=1_000_000_000,
                "shift of the middle when the position is at its largest",
            )
            .or(0),
            new("position_max", quantity, 1..=i64::MAX, "on either side"),
            new(
                "every",
                Unit::Nanos,
                1_000_000..=hour_ns,
                "between two looks at the market",
            )
            .or(100_000_000),
        ]
    }

    fn new(setup: &Setup<'_>) -> Result<Self, SetupError> {
        let grid = Self {
            instrument: setup.instrument(0)?,
            qty: setup.lots("qty")?,
            spread: setup.ticks("spread")?,
            step: setup.ticks("step")?,
            levels: setup.integer("levels")?,
            skew: setup.ticks("skew")?,
            position_max: setup.lots("position_max")?,
            every_ns: setup.nanos("every")?,
        };
        if grid.position_max < grid.qty {
            return Err(SetupError::new("position_max", "at least qty"));
        }
        Ok(grid)
    }

    fn on_event(&self, (): &mut (), cause: Cause, view: &View<'_>, asks: &mut Asks<'_>) {
        if !matches!(cause, Cause::Timer(_) | Cause::Fresh) {
            return;
        }
        let next_ns = (view.time_ns() / self.every_ns + 1).saturating_mul(self.every_ns);
        let _set = asks.ring_at(LOOK, next_ns);
        self.look(view, asks);
    }
}
