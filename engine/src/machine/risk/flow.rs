//! Checks of what flows: the same order again, value far from the book over a period, messages for
//! each fill; and the counting for them.
//!
//! Hot path: yes. Allocates: no.

use model::body::RefusalReason;
use model::control::Control;
use model::ids::{AccountId, InstrumentId, StrategyId};
use model::num::Ticks;
use model::record::Record;

use super::Risk;
use super::bounds::{Bound, Own, Whose};
use super::checks::{Measure, clamp};
use super::judge_order::Subject;
use super::limits::FlowRules;
use super::reference::Reference;
use super::window::Window;
use crate::machine::intent::Place;

impl Risk {
    pub(super) fn flow(&self) -> FlowRules {
        self.config
            .as_ref()
            .map_or_else(FlowRules::default, |config| config.limits.flow)
    }

    /// The same order was not approved within the window. The limit is the window: strictly more
    /// time must have passed.
    #[inline(always)]
    pub(super) fn duplicates<'a>(
        &'a self,
        subject: &'a Subject<'_>,
    ) -> impl Iterator<Item = Measure> + 'a {
        let key = (subject.whose.strategy, subject.whose.instrument);
        let ago = if self.bounds.limits(Control::Duplicate) {
            self.activity.same_ago_ns(self.time_ns, key, subject.place)
        } else {
            None
        };
        subject
            .own
            .of(Control::Duplicate)
            .map(move |(scope, bound)| {
                let window = bound.hard;
                let passed = ago.is_none_or(|ago| clamp(ago) > window);
                // More time is better here, so the verdict shows what is missing of the window.
                let missing = match ago {
                    Some(ago) if !passed => window.saturating_sub(clamp(ago)).saturating_add(1),
                    Some(_) | None => 0,
                };
                Measure::at_most(
                    Control::Duplicate,
                    missing,
                    (scope, Bound::hard(0)),
                    false,
                    RefusalReason::Duplicate,
                )
                .saying(ago.map_or(0, clamp), window)
            })
    }

    /// Value ordered beyond half the collar within the window, with this order, which is one.
    pub(super) fn far_values<'a>(
        &'a self,
        own: &'a Own<'_>,
        value: i64,
    ) -> impl Iterator<Item = Measure> + 'a {
        let window = self.flow().collar_window_ns;
        let controls = own.with_places(Control::CollarPeriod);
        controls.map(move |(scope, bound, places)| {
            let at = (scope, places.counted);
            let so_far = self.activity.far_value(at, self.time_ns, window);
            Measure::at_most(
                Control::CollarPeriod,
                so_far.saturating_add(value),
                (scope, bound),
                false,
                RefusalReason::CollarPeriod,
            )
        })
    }

    /// Whether a price is beyond half the collar.
    pub(super) fn is_far(own: &Own<'_>, price: Ticks, reference: Reference) -> bool {
        // As whole numbers: twice the distance is above the collar.
        reference.distance_bps(price) > own.collar_bps().div_euclid(2)
    }

    /// Messages for each fill within the window, with this one: in 1/100, and no fill counts as
    /// one.
    #[inline(always)]
    pub(super) fn order_to_trade<'a>(
        &'a self,
        own: &'a Own<'_>,
    ) -> impl Iterator<Item = Measure> + 'a {
        let part = self.order_to_trade_part();
        let controls = own.with_places(Control::OrderToTrade);
        controls.map(move |(scope, bound, places)| {
            let (messages, fills) = self.activity.traffic((scope, places.counted), part);
            let ratio = messages.saturating_add(1).saturating_mul(100) / fills.max(1);
            Measure::at_most(
                Control::OrderToTrade,
                ratio,
                (scope, bound),
                false,
                RefusalReason::OrderToTrade,
            )
        })
    }

    /// Part of its window that now is in.
    fn order_to_trade_part(&self) -> u64 {
        Window::part(self.time_ns, self.flow().order_to_trade_window_ns)
    }

    /// Counts an order that was approved.
    pub(super) fn count_order(&mut self, whose: Whose, place: &Place, far: Option<i64>) {
        let (now, flow) = (self.time_ns, self.flow());
        self.activity
            .asked(now, (whose.strategy, whose.instrument), place);
        if let Some(value) = far {
            self.activity
                .far(&whose.scopes(), now, flow.collar_window_ns, value);
        }
    }

    /// Counts a message that goes to the gateway for a strategy's order.
    pub(super) fn count_message(&mut self, command: &Record) {
        if !self.bounds.limits(Control::OrderToTrade) {
            return;
        }
        let about = (command.strategy(), command.instrument(), command.account());
        let (Some(strategy), Some(instrument), Some(account)) = about else {
            return;
        };
        let Some(venue) = self.venue_of(account) else {
            return;
        };
        let whose = Whose {
            venue,
            account,
            strategy,
            instrument,
        };
        let (now, window) = (self.time_ns, self.flow().order_to_trade_window_ns);
        self.activity.message(&whose.scopes(), now, window);
    }

    /// Counts a fill of a strategy's order.
    pub(super) fn count_fill(
        &mut self,
        strategy: StrategyId,
        instrument: InstrumentId,
        account: AccountId,
    ) {
        let Some(venue) = self.venue_of(account) else {
            return;
        };
        if self.bounds.limits(Control::OrderToTrade) {
            let whose = Whose {
                venue,
                account,
                strategy,
                instrument,
            };
            let (now, window) = (self.time_ns, self.flow().order_to_trade_window_ns);
            self.activity.filled(&whose.scopes(), now, window);
        }
    }
}
