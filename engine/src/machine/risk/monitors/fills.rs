//! Each fill: the same execution again and again, a price far from the book, a fee too high.
//!
//! Hot path: fills only. Allocates: only at creation.

use std::collections::VecDeque;

use model::body::{Fill, NoticeCode, NoticeLevel, Side};
use model::control::{Control, Scope};
use model::ids::{InstrumentId, StrategyId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Ticks};
use model::record::Record;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, Serialize};

use super::losses::fill_strategy;
use super::{Risk, Told, beyond};
use crate::machine::portfolio::Position;

/// Executions that are remembered.
const EXECUTIONS_MAX: usize = 512;

/// One order's execution; an order counts once, however many parts it was filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Execution {
    strategy: StrategyId,
    instrument: InstrumentId,
    is_buy: bool,
    client_id: u64,
    price: Ticks,
    qty: Lots,
    at_ns: u64,
}

/// The latest executions, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Fills {
    executions: VecDeque<Execution>,
}

impl Fills {
    pub(super) fn make_room(&mut self) {
        self.executions
            .reserve(EXECUTIONS_MAX.saturating_sub(self.executions.len()));
    }

    pub(super) fn is_sound(&self) -> bool {
        self.executions.len() <= EXECUTIONS_MAX
    }
}

/// Whether two numbers differ by at most a part of the second, in 1/10_000.
fn is_near(left: i64, right: i64, bps: u32) -> bool {
    let apart = (i128::from(left) - i128::from(right)).abs() * 10_000;
    apart <= i128::from(right).abs() * i128::from(bps)
}

impl Risk {
    /// Looks at a fill that was booked. `before`: the position as it was.
    pub(crate) fn watch_fill(&mut self, record: &Record, fill: &Fill, before: Option<&Position>) {
        if self.levels.all().is_empty() {
            return;
        }
        let (Some(instrument), Some(account)) = (record.instrument(), record.account()) else {
            return;
        };
        self.watch_repeats(instrument, fill);
        self.watch_fill_price(instrument, fill);
        self.watch_fee(instrument, fill);
        let after = self.portfolio.position(account, instrument).copied();
        if let (Some(before), Some(after)) = (before, after) {
            self.watch_exit(fill, before, &after);
        }
    }

    fn watch_repeats(&mut self, instrument: InstrumentId, fill: &Fill) {
        let Some(strategy) = fill_strategy(fill) else {
            return;
        };
        let scope = Scope::Strategy(strategy);
        let level = self.levels.of(Control::RepeatedExecution, scope).hard;
        let window = self.levels.of(Control::RepeatedWindow, scope).hard;
        let Some(config) = self.config.as_ref().filter(|_| level != i64::MAX) else {
            return;
        };
        let (price_bps, qty_bps) = (
            config.control.repeated_price_bps,
            config.control.repeated_qty_bps,
        );
        let executions = &mut self.watch.fills.executions;
        let known = executions
            .iter_mut()
            .find(|one| one.client_id == fill.client_id);
        if let Some(known) = known {
            known.qty = Lots(known.qty.0.saturating_add(fill.qty.0));
        } else {
            if executions.len() == EXECUTIONS_MAX {
                executions.pop_front();
            }
            executions.push_back(Execution {
                strategy,
                instrument,
                is_buy: fill.side == Side::Buy,
                client_id: fill.client_id,
                price: fill.price,
                qty: fill.qty,
                at_ns: self.time_ns,
            });
        }
        let Some(this) = executions
            .iter()
            .find(|one| one.client_id == fill.client_id)
            .copied()
        else {
            return;
        };
        let since = self.time_ns.saturating_sub(window.unsigned_abs());
        let same = executions.iter().filter(|one| {
            (one.strategy, one.instrument, one.is_buy)
                == (this.strategy, this.instrument, this.is_buy)
                && one.at_ns >= since
                && is_near(one.price.0, this.price.0, price_bps)
                && is_near(one.qty.0, this.qty.0, qty_bps)
        });
        let count = i64::try_from(same.count()).unwrap_or(i64::MAX);
        if beyond(Control::RepeatedExecution, count, level) {
            let newly = self.pause(scope, Control::RepeatedExecution, (count, level), 0);
            if newly {
                let told = Told::new(NoticeCode::Repeated, NoticeLevel::Hard, scope);
                let told = told.by(Control::RepeatedExecution, count, level);
                self.notice(told.about(fill.trade_id).at(fill.price, fill.qty));
            }
        }
    }

    fn watch_fill_price(&mut self, instrument: InstrumentId, fill: &Fill) {
        let level = self
            .levels
            .of(Control::FillSlippage, Scope::Instrument(instrument))
            .hard;
        let top = self
            .listing(instrument)
            .and_then(|listing| listing.book().top());
        // Without a book there is nothing to compare with; the fill has happened.
        let Some(top) = top.filter(|_| level != i64::MAX) else {
            return;
        };
        let mid_x2 = i128::from(top.mid_x2());
        let apart = (2 * i128::from(fill.price.0) - mid_x2).abs() * 10_000;
        let bps = if mid_x2 > 0 {
            (apart + mid_x2 - 1) / mid_x2
        } else {
            i128::from(i64::MAX)
        };
        let bps = i64::try_from(bps).unwrap_or(i64::MAX);
        self.judge_fill(Control::FillSlippage, instrument, fill, (bps, level));
    }

    fn watch_fee(&mut self, instrument: InstrumentId, fill: &Fill) {
        let level = self
            .levels
            .of(Control::FillFee, Scope::Instrument(instrument))
            .hard;
        if level == i64::MAX {
            return;
        }
        let bps = self
            .listing(instrument)
            .and_then(|listing| fee_bps(listing.spec(), fill));
        if let Some(bps) = bps {
            self.judge_fill(Control::FillFee, instrument, fill, (bps, level));
        }
    }

    /// A fill that cannot be right pauses who placed the order; without one, the instrument.
    fn judge_fill(
        &mut self,
        control: Control,
        instrument: InstrumentId,
        fill: &Fill,
        (value, level): (i64, i64),
    ) {
        if beyond(control, value, level) {
            let scope = fill_strategy(fill).map_or(Scope::Instrument(instrument), Scope::Strategy);
            self.pause(scope, control, (value, level), fill.trade_id);
        }
    }
}

/// The fee against the fill's value, in 1/10_000, rounded up; `None` for a fee in a third asset.
fn fee_bps(spec: &InstrumentSpec, fill: &Fill) -> Option<i64> {
    let fee = fill.fee.get();
    let whole = match fill.fee_asset.as_str() {
        asset if asset == spec.quote => spec.notional(fill.price, fill.qty)?,
        asset if asset == spec.base => spec.quantity(fill.qty)?,
        _ => return None,
    };
    let part = fee.checked_mul(Decimal::from(10_000))?.checked_div(whole)?;
    Some(part.ceil().to_i64().unwrap_or(i64::MAX))
}
