//! What risk sends of its own: cancels at a stop or a kill, queries for orders in doubt.
//!
//! Bounded by the credits and the message rate: what finds no room now is found again at the next
//! tick. Never guesses: an order in doubt is asked for until the venue answers.
//!
//! Hot path: only after events about orders. Allocates: no.

use model::body::{LinkState, NoticeCode, NoticeLevel, QueryOpenOrders, QueryOrder};
use model::ids::AccountId;
use model::record::{Kind, Record};

use super::Risk;
use super::bucket::Urgency;
use super::checks;
use super::order_events::told;
use crate::machine::orders::Order;
use crate::machine::outputs::Outputs;

impl Risk {
    /// Sends what is due, the longest due first. What is not due costs nothing.
    pub(super) fn upkeep(&mut self, out: &mut Outputs) {
        while let Some(id) = self.orders.work_due(self.time_ns) {
            let Some(order) = self.orders.get(id).copied() else {
                return;
            };
            let due = |at: Option<u64>| at.is_some_and(|at| at <= self.time_ns);
            let (cancels, asks) = (
                due(order.cancel_due()),
                due(order.query_due(self.query_pause_ns(0))),
            );
            if self.link_of(&order) != LinkState::Up || !(cancels || asks) {
                self.orders.park(id);
            } else if !self.has_room() {
                return;
            } else if cancels {
                self.send_cancel(&order, None, out);
            } else {
                self.send_query(&order, out);
            }
        }
    }

    pub(super) fn has_room(&self) -> bool {
        checks::in_flight(self.in_flight, Urgency::Urgent)
            .result()
            .is_ok()
            && checks::message_rate(&self.bucket, Urgency::Urgent)
                .result()
                .is_ok()
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
        let most = self.query_attempts_max();
        if order.is_exhausted(most) {
            let numbers = (i64::from(order.asked), i64::from(most));
            let (code, level) = (NoticeCode::NeedsHuman, NoticeLevel::Hard);
            self.notice(told(code, level, order, numbers));
        }
        let attempts = if order.asked >= most {
            u32::MAX // At the slowest pace.
        } else {
            order.query.attempts
        };
        let (now, pause) = (self.time_ns, self.query_pause_ns(attempts));
        self.orders.update(order.client_id, |order| {
            order.query.start(number, now, pause);
            order.count_query(most);
        });
        self.approve(record, 0, out);
    }

    /// Asks for the lists of open orders that an operator wants and that were not asked for yet.
    pub(super) fn ask_for_lists(&mut self, out: &mut Outputs) {
        for index in 0..self.lists_wanted.len() {
            let Ok(account) = u16::try_from(index).map(AccountId) else {
                return;
            };
            let up = self.order_link(account) == LinkState::Up;
            if !self.lists_wanted[index] || !up || !self.has_room() {
                continue;
            }
            self.lists_wanted[index] = false;
            if let Some(asked) = self.lists_asked.get_mut(index) {
                // The oldest one counts, so that no answer is taken for a later list's.
                asked.get_or_insert(self.time_ns);
            }
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
        let (when, timeout) = (self.when(), config.limits.ack_timeout_ns);
        while let Some(id) = self.orders.timer_due(when.time_ns) {
            self.orders.update(id, |order| {
                order.time_out(when.time_ns, when.event, timeout);
            });
        }
    }

    fn query_attempts_max(&self) -> u32 {
        self.config
            .as_ref()
            .map_or(u32::MAX, |config| config.limits.query_attempts_max)
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
