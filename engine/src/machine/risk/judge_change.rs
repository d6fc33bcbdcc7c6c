//! Verdicts on changes of orders: cancels, cancels of everything, and amendments, which can only
//! make an order smaller. None of them can increase risk, so none needs a book, a limit or a
//! switch: a connection, and a place in the rate and among the commands under way, of which a part
//! is theirs alone.
//!
//! Hot path: yes. Allocates: no.

use model::body::{AmendOrder, CancelOrder, RefusalReason};
use model::ids::{ClientOrderId, StrategyId};
use model::num::Lots;
use model::record::{Kind, Record};

use super::Risk;
use super::bucket::Urgency;
use super::checks::{self, Refused};
use crate::machine::intent::Intent;
use crate::machine::orders::{Order, OrderState};
use crate::machine::outputs::Outputs;

impl Risk {
    pub(super) fn judge_cancel(
        &mut self,
        intent: &Intent,
        id: ClientOrderId,
        out: &mut Outputs,
    ) -> Result<(), Refused> {
        let order = *self.cancellable(intent.strategy, id)?;
        self.change_may_go(&order)?;
        self.send_cancel(&order, Some(intent), out);
        Ok(())
    }

    pub(super) fn judge_amend(
        &mut self,
        intent: &Intent,
        id: ClientOrderId,
        qty: Lots,
        out: &mut Outputs,
    ) -> Result<(), Refused> {
        let order = *self.cancellable(intent.strategy, id)?;
        if order.state != OrderState::Open || order.amend.pending_ns.is_some() {
            return Err(not_open(id));
        }
        // A quantity that is filled already would not leave an order, and one that is not smaller
        // is no decrease.
        if qty <= order.filled.max(order.reported) || qty >= order.qty {
            return Err(Refused::new(RefusalReason::Malformed, qty.0, order.qty.0));
        }
        if let Some(entry) = self.entry(order.instrument) {
            let spec = entry.listing.spec();
            let value = self.value_of(spec.id, order.price, qty)?;
            checks::venue_filters(spec, order.price, qty, value).result()?;
        }
        self.change_may_go(&order)?;
        let number = self.commands + 1;
        let body = AmendOrder {
            command: number,
            client_id: order.client_id.raw(),
            venue_order_id: order.venue_order_id,
            qty,
            reserved: [0; 48],
        };
        let record = Record::new(Kind::AmendOrder, &body)
            .on_instrument(order.instrument)
            .on_account(order.account)
            .by_strategy(intent.strategy);
        let (now, pause) = (self.time_ns, self.cancel_pause_ns());
        self.orders
            .update(id, |order| order.amend.start(number, now, pause));
        self.approve(record, intent.intended_ns, out);
        Ok(())
    }

    /// A change that cannot increase risk is refused only where it cannot be sent.
    fn change_may_go(&self, order: &Order) -> Result<(), Refused> {
        checks::connected(self.link_of(order), 0).result()?;
        checks::message_rate(&self.bucket, Urgency::Urgent).result()?;
        for measure in self.scoped_rates((order.account, order.strategy), Urgency::Urgent) {
            measure.result()?;
        }
        checks::in_flight(self.in_flight, Urgency::Urgent).result()
    }

    /// In cancel-only a replacement is refused, but what it wanted to leave goes: the old price is
    /// no longer wanted. Risk's own cancel, for the intent's credit returns with its refusal.
    pub(super) fn keep_the_cancel(&mut self, old: &Order, out: &mut Outputs) {
        if self.change_may_go(old).is_ok() {
            self.send_cancel(old, None, out);
        }
    }

    /// Approves the cancel of a live order; the caller has seen to the rate and the credits.
    pub(super) fn send_cancel(
        &mut self,
        order: &Order,
        intent: Option<&Intent>,
        out: &mut Outputs,
    ) {
        let number = self.commands + 1;
        let body = CancelOrder {
            command: number,
            client_id: order.client_id.raw(),
            venue_order_id: order.venue_order_id,
            reserved: [0; 56],
        };
        let mut record = Record::new(Kind::CancelOrder, &body)
            .on_instrument(order.instrument)
            .on_account(order.account);
        if let Some(intent) = intent {
            record = record.by_strategy(intent.strategy);
        }
        let (now, pause) = (self.time_ns, self.cancel_pause_ns());
        self.orders.update(order.client_id, |order| {
            order.cancel.start(number, now, pause);
        });
        self.approve(record, intent.map_or(0, |intent| intent.intended_ns), out);
    }

    /// Wants every live order that matches cancelled, as soon as each can be. What is approved
    /// later is not meant.
    pub(super) fn want_cancels(&mut self, matches: impl Fn(&Order) -> bool) {
        self.orders.update_live(|order| {
            if matches(order) {
                order.cancel_wanted = true;
            }
        });
    }

    pub(super) fn cancellable(
        &self,
        strategy: StrategyId,
        id: ClientOrderId,
    ) -> Result<&Order, Refused> {
        self.orders
            .get_live(id)
            .filter(|order| order.strategy == Some(strategy))
            .filter(|order| order.is_cancellable() && order.cancel.pending_ns.is_none())
            .ok_or(not_open(id))
    }
}

/// The order is not open, or is another strategy's.
pub(super) fn not_open(id: ClientOrderId) -> Refused {
    let value = i64::from_le_bytes(id.raw().to_le_bytes());
    Refused::new(RefusalReason::NotOpen, value, 0)
}
