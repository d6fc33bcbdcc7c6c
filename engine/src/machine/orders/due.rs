//! When something has to be done for an order.
//!
//! Hot path: yes. Allocates: no.

use super::life::{Fact, OrderState};
use super::order::Order;
use super::table::Pace;

impl Order {
    /// When time alone changes what we know of it: an answer is late.
    pub(super) fn timer_due(&self, pace: Pace) -> Option<u64> {
        let timeout = pace.ack_timeout_ns;
        let waiting = matches!(self.state, OrderState::Approved | OrderState::Sent);
        [
            waiting.then(|| self.approved_ns.saturating_add(timeout)),
            self.cancel.late_at(timeout),
            self.amend.late_at(timeout),
            self.query.late_at(timeout),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Gives up waiting for what should have come by now, at the event `event`.
    pub(crate) fn time_out(&mut self, now_ns: u64, event: u64, timeout_ns: u64) {
        let waiting = matches!(self.state, OrderState::Approved | OrderState::Sent);
        if waiting && self.approved_ns.saturating_add(timeout_ns) <= now_ns {
            self.learn(Fact::OutcomeUnknown, now_ns);
        }
        let cancel_late = self.cancel.give_up(now_ns, timeout_ns);
        let amend_late = self.amend.give_up(now_ns, timeout_ns);
        if cancel_late || amend_late {
            self.doubt(event);
        }
        self.query.give_up(now_ns, timeout_ns);
    }

    /// When something has to be sent for it.
    pub(super) fn work_due(&self, pace: Pace) -> Option<u64> {
        let cancel = self.cancel_due();
        let query = self.query_due(pace.fills_pause_ns);
        cancel.into_iter().chain(query).min()
    }

    /// When risk's own cancel of it may go.
    pub(crate) fn cancel_due(&self) -> Option<u64> {
        if self.cancel_wanted && self.is_cancellable() {
            self.cancel.free_at()
        } else {
            None
        }
    }

    /// When the venue is to be asked about it. Fills come on a stream of their own, often just
    /// behind the report that counts them: they get a moment.
    pub(crate) fn query_due(&self, fills_pause_ns: u64) -> Option<u64> {
        if !self.wants_query() {
            return None;
        }
        let free = self.query.free_at()?;
        if self.waits_for_fills() {
            return Some(free.max(self.reported_ns.saturating_add(fills_pause_ns)));
        }
        Some(free)
    }
}
