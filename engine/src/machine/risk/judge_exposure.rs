//! Limits of what an order would add up to with everything else: positions at the worst case,
//! number and value of open orders, in every scope.
//!
//! What reduces may pass although a sum is above its limit already.
//!
//! Hot path: yes. Allocates: no.

use model::body::{RefusalReason, Side};
use model::control::{Control, Scope};
use model::ids::StrategyId;
use model::num::{Lots, Ticks};

use super::Risk;
use super::bounds::Bound;
use super::capital::Owner;
use super::checks::{self, Measure, OVERFLOW, Refused};
use super::judge_order::{Run, Subject};
use super::trace::Trace;
use crate::machine::orders::sums::Pending;

impl Risk {
    /// The position that results at the worst case, of the account and of the strategy.
    pub(super) fn position_limits(
        &self,
        subject: &Subject<'_>,
        price: Ticks,
        run: &mut Run<'_, impl Trace>,
    ) -> Result<(), Refused> {
        let (whose, place) = (subject.whose, subject.place);
        let allowed = place.acknowledges.is_some() || subject.reduces;
        let held = self.held.sums().pending(whose.account, whose.instrument);
        let pending = subject.pending.with(held).ok_or(OVERFLOW)?;
        let worst = checks::worst_position(place.side, place.qty, subject.position, pending)?;
        for (scope, bound) in subject.own.of(Control::Position) {
            let worst = match scope {
                Scope::Strategy(strategy) => self.strategy_worst(strategy, subject)?,
                Scope::Overall | Scope::Venue(_) | Scope::Account(_) | Scope::Instrument(_) => {
                    worst
                }
            };
            // What reduces may go although the position is above the limit already.
            let bound = reducing(bound, subject.reduces);
            run.pass(Measure::at_most(
                Control::Position,
                worst,
                (scope, bound),
                allowed,
                RefusalReason::PositionLimit,
            ))?;
        }
        if self.bounds.limits(Control::PositionValue) {
            let value = self.value_of(whose.instrument, price, Lots(worst.max(0)))?;
            for (scope, bound) in subject.own.of(Control::PositionValue) {
                run.pass(Measure::money(
                    Control::PositionValue,
                    value,
                    (scope, reducing(bound, subject.reduces)),
                    allowed,
                    RefusalReason::PositionValue,
                ))?;
            }
        }
        Ok(())
    }

    /// The strategy's own worst position: what its own fills sum up to, and its own orders.
    fn strategy_worst(&self, strategy: StrategyId, subject: &Subject<'_>) -> Result<i64, Refused> {
        let instrument = subject.whose.instrument;
        let pending = self.orders.sums().strategy_pending(strategy, instrument);
        let held = self.held.sums().strategy_pending(strategy, instrument);
        checks::worst_position(
            subject.place.side,
            subject.place.qty,
            self.activity.strategy_lots(strategy, instrument),
            pending.with(held).ok_or(OVERFLOW)?,
        )
    }

    /// Gross value and capital of everything, at the worst case: `capital.rs`.
    pub(super) fn capital_limits(
        &self,
        subject: &Subject<'_>,
        run: &mut Run<'_, impl Trace>,
    ) -> Result<(), Refused> {
        if !self.limits_capital() || subject.reduces {
            return Ok(());
        }
        let (whose, place) = (subject.whose, subject.place);
        let allowed = place.acknowledges.is_some();
        let (buys, sells) = match place.side {
            Side::Buy => (place.qty.0, 0),
            Side::Sell => (0, place.qty.0),
        };
        let adds = |owner| self.adds((owner, whose.instrument), Pending { buys, sells });
        let of_account = adds(Owner::Account(whose.account));
        let limits = [
            (Control::GrossValue, RefusalReason::PositionValue),
            (Control::Capital, RefusalReason::Capital),
        ];
        for (control, reason) in limits {
            for (scope, bound) in subject.own.of(control) {
                let now = self.committed(scope);
                let unknown = Refused::plain(RefusalReason::NoPrice).by(control, scope);
                let adds = match scope {
                    Scope::Strategy(strategy) => adds(Owner::Strategy(strategy)),
                    Scope::Overall | Scope::Venue(_) | Scope::Account(_) | Scope::Instrument(_) => {
                        of_account
                    }
                };
                let (gross, capital) = adds.filter(|_| now.unknown == 0).ok_or(unknown)?;
                let value = if control == Control::GrossValue {
                    now.gross + gross
                } else {
                    now.capital + capital
                };
                run.pass(Measure::money(
                    control,
                    value,
                    (scope, bound),
                    allowed,
                    reason,
                ))?;
            }
        }
        Ok(())
    }

    /// Number and value of open orders, in every scope.
    pub(super) fn open_limits(
        &self,
        subject: &Subject<'_>,
        value: i128,
        run: &mut Run<'_, impl Trace>,
    ) -> Result<(), Refused> {
        let allowed = subject.place.acknowledges.is_some();
        let of = |scope| {
            let live = self.orders.sums().at(scope);
            if !subject.beside_held {
                return (live.orders, live.value);
            }
            let held = self.held.sums().at(scope);
            let orders = live.orders.saturating_add(held.orders);
            (orders, live.value + held.value)
        };
        for (scope, bound) in subject.own.of(Control::OpenOrders) {
            run.pass(Measure::at_most(
                Control::OpenOrders,
                i64::from(of(scope).0) + 1,
                (scope, bound),
                allowed,
                RefusalReason::OpenOrders,
            ))?;
        }
        for (scope, bound) in subject.own.of(Control::OpenValue) {
            run.pass(Measure::money(
                Control::OpenValue,
                of(scope).1 + value,
                (scope, reducing(bound, subject.reduces)),
                allowed,
                RefusalReason::OpenValue,
            ))?;
        }
        Ok(())
    }
}

/// The bound for an order that may only reduce: none.
const fn reducing(bound: Bound, reduces: bool) -> Bound {
    if reduces { Bound::NONE } else { bound }
}
