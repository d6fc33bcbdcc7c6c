//! From intents to commands and refusals: the only place that approves.
//!
//! What a new order has to pass is in `judge_order.rs`.
//!
//! Hot path: yes. Allocates: no.

use model::body::{
    Flag, NewOrder, NoticeCode, NoticeLevel, Refusal, RefusalReason, ReplaceOrder, Side,
};
use model::control::{Control, Scope};
use model::ids::{AccountId, ClientOrderId};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};

use super::Risk;
use super::checks::Refused;
use super::judge_change::not_open;
use super::judge_order::Cleared;
use super::limits::SelfTradeRule;
use super::notices::Told;
use super::trace::Trace;
use crate::machine::config::StrategyConfig;
use crate::machine::held::HeldEnd;
use crate::machine::intent::{Action, Intent, Place};
use crate::machine::orders::{NewlyApproved, Order, OrderState};
use crate::machine::outputs::Outputs;

impl Risk {
    /// Judges one intent.
    pub(super) fn judge(&mut self, intent: &Intent, out: &mut Outputs, trace: &mut impl Trace) {
        trace.begin(intent);
        self.held.recount(&self.orders);
        let verdict = match &intent.action {
            Action::Place(asked) => self.judge_sized(intent, asked, |risk, place| {
                if place.is_held() {
                    risk.judge_held(intent, place, out, trace)
                } else {
                    risk.judge_place(intent, place, out, trace)
                }
            }),
            Action::Cancel { client_id } => self
                .judge_cancel_held(intent, *client_id, out)
                .unwrap_or_else(|| self.judge_cancel(intent, *client_id, out)),
            Action::Replace { cancel, place } => self.judge_sized(intent, place, |risk, place| {
                match risk.judge_replace_held(intent, *cancel, place, out, trace) {
                    Some(verdict) => verdict,
                    None => risk.judge_replace(intent, *cancel, place, out, trace),
                }
            }),
            Action::Amend { client_id, qty } => self
                .judge_amend_held(intent, *client_id, *qty, out)
                .unwrap_or_else(|| self.judge_amend(intent, *client_id, *qty, out)),
            Action::CancelAll { instrument } => {
                self.held.finish_all(HeldEnd::Asked, |held| {
                    held.strategy == intent.strategy
                        && instrument.is_none_or(|instrument| instrument == held.instrument)
                });
                self.want_cancels(|order| {
                    order.strategy == Some(intent.strategy)
                        && instrument.is_none_or(|instrument| instrument == order.instrument)
                });
                Ok(())
            }
        };
        if let Err(refused) = verdict {
            trace.refused(&refused);
            self.cancel_crossed(&refused);
            self.refuse(intent, refused, out);
        }
    }

    /// By configuration, the older order of two that would trade with each other goes.
    fn cancel_crossed(&mut self, refused: &Refused) {
        if refused.reason != RefusalReason::SelfCross
            || self.flow().self_trade != SelfTradeRule::CancelOlder
        {
            return;
        }
        let raw = u64::from_le_bytes(refused.value.to_le_bytes());
        if let Some(older) = ClientOrderId::from_raw(raw) {
            self.orders
                .update(older, |order| order.cancel_wanted = true);
        }
    }

    pub(super) fn strategy_of(&self, intent: &Intent) -> Result<&StrategyConfig, Refused> {
        self.config
            .as_ref()
            .and_then(|config| config.strategies.get(intent.strategy.index()))
            .ok_or(Refused::plain(RefusalReason::Malformed))
    }

    /// Account of the strategy that asks, if the order is for one of its instruments. What the
    /// engine itself orders for it may be for one that it has no more.
    ///
    /// # Errors
    ///
    /// `Malformed`: no such strategy. `NotTrading`: an instrument that it was not configured with.
    pub(super) fn account_for(&self, intent: &Intent, place: &Place) -> Result<AccountId, Refused> {
        let strategy = self.strategy_of(intent)?;
        let by_engine = place.client_id.counter() >= super::ENGINE_NUMBERS_FROM;
        if by_engine || strategy.instruments.contains(&place.instrument) {
            return Ok(strategy.account);
        }
        let scope = Scope::Instrument(place.instrument);
        Err(Refused::plain(RefusalReason::NotTrading).by(Control::Restricted, scope))
    }

    pub(super) fn judge_place(
        &mut self,
        intent: &Intent,
        place: &Place,
        out: &mut Outputs,
        trace: &mut impl Trace,
    ) -> Result<(), Refused> {
        let cleared = self.clear(intent, place, None, trace)?;
        let (instrument, account) = (place.instrument, self.account_for(intent, place)?);
        let number = self.commands + 1;
        let body = NewOrder {
            command: number,
            client_id: place.client_id.raw(),
            price: cleared.price,
            qty: place.qty,
            tag: place.tag,
            side: place.side,
            order_type: place.order_type,
            time_in_force: place.time_in_force,
            reduce_only: Flag::from(place.reduce_only),
            self_trade: self.flow().venue_self_trade,
            reserved: [0; 35],
        };
        let record = Record::new(Kind::NewOrder, &body)
            .on_instrument(instrument)
            .on_account(account)
            .by_strategy(intent.strategy);
        self.enter(intent, place, &cleared, None)?;
        self.approve(record, intent.intended_ns, out);
        Ok(())
    }

    pub(super) fn judge_replace(
        &mut self,
        intent: &Intent,
        cancel: ClientOrderId,
        place: &Place,
        out: &mut Outputs,
        trace: &mut impl Trace,
    ) -> Result<(), Refused> {
        let old = *self.cancellable(intent.strategy, cancel)?;
        if old.state != OrderState::Open || old.side != place.side {
            return Err(not_open(cancel));
        }
        if self.cancel_only {
            self.keep_the_cancel(&old, out);
        }
        let cleared = self.clear(intent, place, Some(cancel), trace)?;
        let (instrument, account) = (place.instrument, self.account_for(intent, place)?);
        if (instrument, account) != (old.instrument, old.account) {
            return Err(not_open(cancel));
        }
        let number = self.commands + 1;
        let body = ReplaceOrder {
            command: number,
            cancel_client_id: cancel.raw(),
            cancel_venue_order_id: old.venue_order_id,
            client_id: place.client_id.raw(),
            price: cleared.price,
            qty: place.qty,
            tag: place.tag,
            side: place.side,
            order_type: place.order_type,
            time_in_force: place.time_in_force,
            reduce_only: Flag::from(place.reduce_only),
            self_trade: self.flow().venue_self_trade,
            reserved: [0; 19],
        };
        let record = Record::new(Kind::ReplaceOrder, &body)
            .on_instrument(instrument)
            .on_account(account)
            .by_strategy(intent.strategy);
        self.enter(intent, place, &cleared, Some(cancel))?;
        let (now, pause) = (self.time_ns, self.cancel_pause_ns());
        self.orders
            .update(cancel, |order| order.cancel.start(number, now, pause));
        self.approve(record, intent.intended_ns, out);
        Ok(())
    }

    fn enter(
        &mut self,
        intent: &Intent,
        place: &Place,
        cleared: &Cleared,
        replaces: Option<ClientOrderId>,
    ) -> Result<(), Refused> {
        let about = NewlyApproved {
            instrument: place.instrument,
            account: self.account_for(intent, place)?,
            strategy: intent.strategy,
            command: self.commands + 1,
            replaces,
            lot_value: cleared.lot_value,
            now_ns: self.time_ns,
        };
        let mut order = Order::new(place, about);
        order.price = cleared.price;
        if !self.orders.insert(order) {
            return Err(Refused::plain(RefusalReason::OpenOrders));
        }
        self.count_order(cleared.whose, place, cleared.far);
        let whose = cleared.whose;
        self.count_pair(whose.account, Some(whose.strategy), whose.instrument);
        if let Some(passed) = cleared.overridden {
            let told = Told::new(NoticeCode::SoftOverridden, NoticeLevel::Soft, passed.scope)
                .by(passed.control, passed.value, passed.soft)
                .about(place.client_id.raw())
                .at(cleared.price, place.qty);
            self.notice(told);
        }
        Ok(())
    }

    /// Numbers a command and lets it go.
    pub(super) fn approve(&mut self, record: Record, intended_ns: u64, out: &mut Outputs) {
        self.commands += 1;
        self.in_flight += 1;
        // A latch never leaves us.
        if record.kind() != Some(Kind::Latch) {
            self.bucket.take();
            self.take_from_buckets((record.account(), record.strategy()));
        }
        self.count_message(&record);
        let mut record = record;
        record.event = self.last_event;
        record.time_ns = self.time_ns;
        debug_assert!(out.commands.len() < out.commands.capacity());
        out.commands.push(super::Approved::new(record));
        out.intended_ns.push(intended_ns);
    }

    fn refuse(&mut self, intent: &Intent, refused: Refused, out: &mut Outputs) {
        self.refusals += 1;
        let (client_id, side, price, qty, tag) = match &intent.action {
            Action::Place(place) | Action::Replace { place, .. } => (
                place.client_id,
                place.side,
                place.price,
                place.qty,
                place.tag,
            ),
            Action::Cancel { client_id } => (*client_id, Side::Buy, Ticks::ZERO, Lots::ZERO, 0),
            Action::Amend { client_id, qty } => (*client_id, Side::Buy, Ticks::ZERO, *qty, 0),
            // Never refused.
            Action::CancelAll { .. } => return,
        };
        let asked = match &intent.action {
            Action::Place(place) | Action::Replace { place, .. } => Some(place.instrument),
            Action::Cancel { .. } | Action::Amend { .. } | Action::CancelAll { .. } => None,
        };
        let body = Refusal {
            number: self.refusals,
            cause: self.last_event,
            tag,
            value: refused.value,
            threshold: refused.threshold,
            price,
            qty,
            client_id: client_id.raw(),
            reason: refused.reason,
            side,
            control: refused.control.map_or(0, Control::code),
            scope_id: refused.scope.id(),
            version: self.limits_version(),
            scope: refused.scope.kind(),
            level: refused.level,
            reserved: [0; 2],
        };
        let mut record = Record::new(Kind::RiskRefused, &body).by_strategy(intent.strategy);
        if let Ok(strategy) = self.strategy_of(intent) {
            record = record.on_account(strategy.account);
            let order = self.orders.get(client_id).map(|order| order.instrument);
            let instrument = asked.or(order).or(strategy.instruments.first().copied());
            if let Some(instrument) = instrument {
                record = record.on_instrument(instrument);
            }
        }
        out.refusals.push(record);
    }
}
