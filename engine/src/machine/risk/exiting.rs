//! Risk's part in exits of positions: counts strategies' fills, shows prices, closes in clips.
//!
//! An exit first ends what else its strategy has open in the instrument, then closes with
//! reduce-only orders, limit-IOC at the collar's price, one at a time, never larger than what is
//! left of the position. Every order is judged like any other: reductions pass a pause and
//! reduce-only; a kill, a stop and cancel-only stop them, and they are tried again until the
//! position is closed.
//!
//! Hot path: yes. Allocates: no.

use model::body::{Fill, NoticeCode, NoticeLevel, OrderType, RefusalReason, TimeInForce};
use model::control::{Control, Scope};
use model::event::Event;
use model::ids::{AccountId, ClientOrderId, InstrumentId};
use model::num::{Lots, Ticks};
use model::record::Record;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::checks::Refused;
use super::crossing::Protection;
use super::engine_orders::{ENGINE_NUMBERS_FROM, told_bit};
use super::notices::Told;
use super::trace::Trace;
use super::{Follow, Risk};
use crate::machine::exits::{Firing, Guard};
use crate::machine::held::{HeldEnd, Size};
use crate::machine::intent::{Intent, Place};
use crate::machine::outputs::Outputs;
use crate::machine::protection::ExitRules;

impl Risk {
    fn exit_rules(&self, guard: &Guard) -> Option<ExitRules> {
        self.config.as_ref()?.protection.of(guard.strategy).exits
    }

    /// A fill that was applied: it is its strategy's.
    pub(super) fn count_for_exits(
        &mut self,
        instrument: InstrumentId,
        account: AccountId,
        fill: &Fill,
    ) {
        let strategy = ClientOrderId::from_raw(fill.client_id).and_then(ClientOrderId::strategy);
        let Some(strategy) = strategy else {
            return;
        };
        let about = (instrument, strategy, account);
        let what = (fill.side, fill.price, fill.qty);
        if !self.exits.fill(about, what, self.time_ns) {
            let told = Told::new(
                NoticeCode::Unbooked,
                NoticeLevel::Hard,
                Scope::Strategy(strategy),
            );
            self.notice(told.about(fill.trade_id).at(fill.price, fill.qty));
        }
    }

    /// Shows the price that an event brings to the positions in its instrument.
    pub(super) fn show_exits(&mut self, record: &Record, event: &Event<'_>) {
        let Some(instrument) = record.instrument() else {
            return;
        };
        let guards = self.exits.of(instrument);
        if guards.is_empty() {
            return;
        }
        let Some((source, price)) = self.price_of(record, event) else {
            return;
        };
        for index in guards {
            let Some(guard) = self.exits.at(index).filter(|guard| guard.lots != 0) else {
                continue;
            };
            let rules = self.exit_rules(guard);
            let Some(rules) = rules.filter(|rules| rules.source == source) else {
                continue;
            };
            if let Some((control, level)) = self.exits.see(index, price, &rules) {
                self.fire(index, control, price, level);
            }
        }
    }

    /// An exit fires: what else is open of the strategy in the instrument ends.
    fn fire(&mut self, index: usize, control: Control, value: i64, threshold: i64) {
        let now = self.time_ns;
        let Some(guard) = self.exits.at_mut(index) else {
            return;
        };
        guard.firing = Some(Firing {
            control,
            order: None,
            retry_ns: now,
            deliverable: None,
            told: 0,
            behind: None,
        });
        let guard = *guard;
        let price = if control == Control::TimeStop {
            Ticks::ZERO
        } else {
            Ticks(value / 2)
        };
        let told = Told::new(
            NoticeCode::ExitFired,
            NoticeLevel::Soft,
            Scope::Strategy(guard.strategy),
        );
        let told = told.by(control, value, threshold);
        self.notice(told.at(price, Lots(guard.lots)));
        let own = |strategy, instrument| {
            strategy == Some(guard.strategy) && instrument == guard.instrument
        };
        self.held.finish_all(HeldEnd::Sibling, |held| {
            own(Some(held.strategy), held.instrument)
        });
        self.want_cancels(|order| own(order.strategy, order.instrument));
    }

    /// Does what is due for exits.
    pub(super) fn drive_exits(
        &mut self,
        follow: Follow,
        out: &mut Outputs,
        trace: &mut impl Trace,
    ) -> Follow {
        let about_orders = follow != Follow::Nothing && self.exits.any_fires();
        if !self.exits.is_due(self.time_ns) && !about_orders {
            return follow;
        }
        let mut index = 0;
        let mut due_ns = u64::MAX;
        while let Some(guard) = self.exits.at(index).copied() {
            let rules = self.exit_rules(&guard);
            if let Some(rules) = rules {
                let over = guard.time_stop_ns(&rules);
                if over <= self.time_ns {
                    let age = self.time_ns - guard.since_ns;
                    let threshold = i64::try_from(rules.time_stop_ns).unwrap_or(i64::MAX);
                    let age = i64::try_from(age).unwrap_or(i64::MAX);
                    self.fire(index, Control::TimeStop, age, threshold);
                }
                self.close(index, &rules, out, trace);
            } else if guard.firing.is_some()
                && let Some(guard) = self.exits.at_mut(index)
            {
                // Its rules are gone: so is the exit.
                guard.firing = None;
            }
            if let Some((guard, rules)) = self.exits.at(index).zip(rules) {
                let retry = guard.firing.map_or(u64::MAX, |firing| firing.retry_ns);
                due_ns = due_ns.min(guard.time_stop_ns(&rules)).min(retry);
            }
            index += 1;
        }
        self.exits.rest_until(due_ns);
        if follow == Follow::Nothing && self.exits.any_fires() {
            return Follow::Orders;
        }
        follow
    }

    /// One step of closing a position.
    fn close(
        &mut self,
        index: usize,
        rules: &ExitRules,
        out: &mut Outputs,
        trace: &mut impl Trace,
    ) {
        let Some(guard) = self.exits.at(index).copied() else {
            return;
        };
        let Some(firing) = guard.firing else {
            return;
        };
        let now = self.time_ns;
        if let Some(order) = firing.order {
            if self.orders.get_live(order).is_some() {
                self.put_off(index, u64::MAX);
                return;
            }
            let nothing = self
                .orders
                .get(order)
                .is_none_or(|order| order.filled == Lots::ZERO);
            let pause = if nothing { rules.retry_pause_ns } else { 0 };
            self.step(index, |firing| {
                firing.order = None;
                firing.retry_ns = now.saturating_add(pause);
            });
        }
        if guard.lots == 0 {
            if let Some(guard) = self.exits.at_mut(index) {
                guard.firing = None;
                guard.closed_until_ns = now.saturating_add(rules.reentry_pause_ns);
            }
            return;
        }
        let Some(firing) = self.exits.at(index).and_then(|guard| guard.firing) else {
            return;
        };
        if firing.retry_ns > now && firing.retry_ns != u64::MAX {
            return;
        }
        let Some(qty) = self.exit_qty(&guard, &firing, rules) else {
            // What else is open ends first; its end is an event that brings us here again.
            self.put_off(index, u64::MAX);
            return;
        };
        match self.send_exit(&guard, qty, out, trace) {
            Ok(order) => self.step(index, |firing| {
                firing.order = Some(order);
                firing.retry_ns = u64::MAX;
                firing.deliverable = None;
                firing.behind = None;
            }),
            Err(refused) => self.exit_refused(index, qty, refused, rules),
        }
    }

    fn step(&mut self, index: usize, change: impl FnOnce(&mut Firing)) {
        if let Some(firing) = self
            .exits
            .at_mut(index)
            .and_then(|guard| guard.firing.as_mut())
        {
            change(firing);
        }
    }

    fn put_off(&mut self, index: usize, until_ns: u64) {
        self.step(index, |firing| firing.retry_ns = until_ns);
    }

    /// How much goes next: what is left of the position, less what may still close of it.
    fn exit_qty(&self, guard: &Guard, firing: &Firing, rules: &ExitRules) -> Option<Lots> {
        let side = guard.closing_side();
        let own = self.orders.live().filter(|order| {
            order.strategy == Some(guard.strategy)
                && order.instrument == guard.instrument
                && order.side == side
        });
        let under_way = own.fold(0_i64, |sum, order| sum.saturating_add(order.exposure().0));
        let left = guard.lots.checked_abs()?.checked_sub(under_way)?;
        let most = self.config.as_ref()?.limits.of(guard.instrument).qty_max.0;
        let clip = if rules.clip > Lots::ZERO {
            rules.clip.0
        } else {
            i64::MAX
        };
        let qty = left
            .min(most)
            .min(clip)
            .min(firing.deliverable.unwrap_or(i64::MAX));
        (qty > 0).then_some(Lots(qty))
    }

    fn send_exit(
        &mut self,
        guard: &Guard,
        qty: Lots,
        out: &mut Outputs,
        trace: &mut impl Trace,
    ) -> Result<ClientOrderId, Refused> {
        let side = guard.closing_side();
        let about = (guard.instrument, guard.account, guard.strategy);
        let price = self.collar_price(about, side)?;
        let place = Place {
            client_id: self.engine_id(guard.strategy)?,
            instrument: guard.instrument,
            side,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Ioc,
            price,
            qty,
            tag: 0,
            reduce_only: true,
            trigger: None,
            good_till_ns: None,
            link: None,
            size: Size::Exact,
            acknowledges: None,
        };
        self.place_by_engine(guard.strategy, (&place, None), out, trace)?;
        Ok(place.client_id)
    }

    fn exit_refused(&mut self, index: usize, qty: Lots, refused: Refused, rules: &ExitRules) {
        let Some(guard) = self.exits.at(index).copied() else {
            return;
        };
        if self.exit_waits(index, &guard, &refused) {
            return;
        }
        let bit = told_bit(refused.reason);
        let too_small = matches!(
            refused.reason,
            RefusalReason::QuantityFilter | RefusalReason::NotionalFilter
        );
        let told = Told::new(
            NoticeCode::ExitRetried,
            NoticeLevel::Hard,
            Scope::Strategy(guard.strategy),
        );
        let told = told.by(Control::StopLoss, refused.reason as i64, refused.value);
        if guard.firing.is_some_and(|firing| firing.told & bit == 0) {
            self.notice(told.at(Ticks::ZERO, qty));
        }
        if too_small && let Some(guard) = self.exits.at_mut(index) {
            // The venue does not take so little: the rest stays until it grows.
            guard.dust = guard.lots;
            guard.firing = None;
            return;
        }
        let deliverable = self.deliverable(&guard, refused);
        let at_once = refused.reason == RefusalReason::StaleBook
            || deliverable.is_some_and(|lots| lots > 0 && lots < qty.0);
        let pause = if at_once { 0 } else { rules.retry_pause_ns };
        let retry = self.time_ns.saturating_add(pause);
        self.step(index, |firing| {
            firing.retry_ns = retry;
            firing.told |= bit;
            firing.deliverable = deliverable.filter(|lots| *lots > 0);
        });
    }

    /// Whether it waits for an order of ours that it would trade with: the end of that is an event
    /// that brings us here again.
    fn exit_waits(&mut self, index: usize, guard: &Guard, refused: &Refused) -> bool {
        let side = guard.closing_side();
        let about = (guard.instrument, guard.account, guard.strategy);
        let behind = self.collar_price(about, side).ok().and_then(|price| {
            let protection = Protection {
                strategy: guard.strategy,
                instrument: guard.instrument,
                side,
                price,
            };
            self.make_way(&protection, refused)
        });
        self.step(index, |firing| {
            firing.behind = behind;
            if behind.is_some() {
                firing.retry_ns = u64::MAX;
            }
        });
        behind.is_some()
    }

    /// What the account can deliver when it cannot deliver all: fees in the base asset are taken
    /// from what was bought.
    fn deliverable(&self, guard: &Guard, refused: Refused) -> Option<i64> {
        if refused.reason != RefusalReason::Funds || guard.lots < 0 {
            return None;
        }
        let spec = self.listing(guard.instrument)?.spec();
        let lot = spec.quantity(Lots(1))?;
        Decimal::new(refused.threshold.max(0), 8)
            .checked_div(lot)?
            .floor()
            .to_i64()
    }

    /// While an exit closes a position its strategy places nothing in the instrument, for what it
    /// has open stands in the exit's way; and for a while afterwards it opens nothing.
    pub(super) fn reentry(&self, intent: &Intent, place: &Place) -> Result<(), Refused> {
        if place.client_id.counter() >= ENGINE_NUMBERS_FROM {
            return Ok(());
        }
        let Some(guard) = self.exits.get(place.instrument, intent.strategy) else {
            return Ok(());
        };
        let closes = guard.lots != 0 && guard.closing_side() == place.side;
        let reduces = place.reduce_only || closes;
        let left = guard.closed_until_ns.saturating_sub(self.time_ns);
        if guard.firing.is_some() || left > 0 && !reduces {
            let left = i64::try_from(left).unwrap_or(i64::MAX);
            return Err(Refused::new(RefusalReason::Paused, left, 0));
        }
        Ok(())
    }
}
