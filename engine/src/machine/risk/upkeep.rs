//! What risk sends of its own: cancels at a stop or a kill, queries for orders in doubt.
//!
//! Bounded by the credits and the message rate: what finds no room now is found again at the next
//! tick. Never guesses: an order in doubt is asked for until the venue answers.
//!
//! Hot path: only after events about orders. Allocates: no.

use model::body::{LinkState, QueryOpenOrders, QueryOrder};
use model::ids::AccountId;
use model::record::{Kind, Record};

use super::Risk;
use super::bucket::Urgency;
use super::checks;
use crate::machine::orders::{Fact, Order, OrderState};
use crate::machine::outputs::Outputs;

impl Risk {
    /// Sends what is due.
    pub(super) fn upkeep(&mut self, out: &mut Outputs) {
        let mut index = 0;
        while let Some(order) = self.orders.live_at(index) {
            index += 1;
            let cancels = self.cancels(order);
            let asks = self.asks(order);
            if !cancels && !asks {
                continue;
            }
            let order = *order;
            if cancels && self.has_room() {
                self.send_cancel(&order, None, out);
            }
            if asks && self.has_room() {
                self.send_query(&order, out);
            }
        }
    }

    fn cancels(&self, order: &Order) -> bool {
        (self.stopping || order.cancel_wanted || self.is_under_kill(order))
            && order.is_cancellable()
            && order.cancel.is_free(self.time_ns)
            && self.link_of(order) == LinkState::Up
    }

    /// Whether a kill covers the order.
    pub(super) fn is_under_kill(&self, order: &Order) -> bool {
        self.switches.any_kill()
            && self.venue_of(order.account).is_some_and(|venue| {
                let (instrument, account) = (order.instrument, order.account);
                self.switches
                    .is_killed(order.strategy, instrument, venue, account)
            })
    }

    fn asks(&self, order: &Order) -> bool {
        // Fills come on a stream of their own, often just behind the report that counts them.
        let early = order.waits_for_fills()
            && self.time_ns < order.reported_ns.saturating_add(self.query_pause_ns(0));
        order.wants_query()
            && !early
            && order.query.is_free(self.time_ns)
            && self.link_of(order) == LinkState::Up
    }

    fn has_room(&self) -> bool {
        checks::in_flight(self.in_flight, Urgency::Urgent).is_ok()
            && checks::message_rate(&self.bucket, Urgency::Urgent).is_ok()
    }

    fn send_query(&mut self, order: &Order, out: &mut Outputs) {
        let number = self.commands + 1;
        let body = QueryOrder {
            command: number,
            client_id: order.client_id.raw(),
            venue_order_id: order.venue_order_id,
            reserved: [0; 56],
        };
        let record = Record::new(Kind::QueryOrder, &body)
            .on_instrument(order.instrument)
            .on_account(order.account);
        let (now, pause) = (self.time_ns, self.query_pause_ns(order.query.attempts));
        self.orders.update(order.client_id, |order| {
            order.query.start(number, now, pause);
        });
        self.approve(record, 0, out);
    }

    /// Asks for the lists of open orders that an operator wants and that were not asked for yet.
    pub(super) fn ask_for_lists(&mut self, out: &mut Outputs) {
        for index in 0..self.lists_wanted.len() {
            let Ok(account) = u16::try_from(index).map(AccountId) else {
                return;
            };
            let up = self
                .venue_of(account)
                .is_some_and(|venue| self.links[usize::from(venue.0)] == LinkState::Up);
            if !self.lists_wanted[index] || !up || !self.has_room() {
                continue;
            }
            self.lists_wanted[index] = false;
            let body = QueryOpenOrders {
                command: self.commands + 1,
                reserved: [0; 72],
            };
            let record = Record::new(Kind::QueryOpenOrders, &body).on_account(account);
            self.approve(record, 0, out);
        }
    }

    /// Gives up waiting for what should have come by now.
    pub(super) fn time_out(&mut self) {
        let Some(config) = &self.config else {
            return;
        };
        let (now, timeout) = (self.time_ns, config.limits.ack_timeout_ns);
        let late = |since: u64| now.saturating_sub(since) >= timeout;
        self.orders.update_live(|order| {
            let waiting = matches!(order.state, OrderState::Approved | OrderState::Sent);
            if waiting && late(order.approved_ns) {
                order.learn(Fact::OutcomeUnknown, now);
            }
            if order.cancel.pending_ns.is_some_and(late) {
                order.cancel.pending_ns = None;
                order.doubtful = true;
            }
            if order.query.pending_ns.is_some_and(late) {
                order.query.pending_ns = None;
            }
        });
    }

    pub(super) fn cancel_pause_ns(&self) -> u64 {
        self.query_pause_ns(0)
    }

    /// Pause before the next query after this many.
    fn query_pause_ns(&self, attempts: u32) -> u64 {
        let Some(config) = &self.config else {
            return 0;
        };
        let (least, most) = (
            config.limits.query_pause_min_ns,
            config.limits.query_pause_max_ns,
        );
        let factor = 1_u64.checked_shl(attempts.min(32)).unwrap_or(u64::MAX);
        least.saturating_mul(factor).min(most)
    }
}
