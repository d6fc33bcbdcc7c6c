//! Message rate: a token bucket on machine time, with a reserve for cancels and queries.
//!
//! Hot path: yes. Allocates: no.

use serde::{Deserialize, Serialize};

use super::limits::RiskLimits;
use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{Unsound, require};

const SECOND_NS: u64 = 1_000_000_000;

/// Credit for messages, counted in nanoseconds so that no fraction is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct MessageBucket {
    interval_ns: u64,
    capacity_ns: u64,
    reserved_ns: u64,
    credit_ns: u64,
    at_ns: u64,
}

/// Credit that is free for some messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Credit {
    free_ns: u64,
    message_ns: u64,
}

impl Credit {
    /// Whether a message is free: the same as at least one of [`Self::messages`], undivided.
    #[inline]
    pub(super) const fn has_message(self) -> bool {
        self.message_ns > 0 && self.free_ns >= self.message_ns
    }

    /// Messages that are free; none without limits.
    pub(super) fn messages(self) -> i64 {
        let free = self.free_ns.checked_div(self.message_ns).unwrap_or(0);
        i64::try_from(free).unwrap_or(i64::MAX)
    }
}

/// Who wants to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// A new or replaced order.
    Ordinary,
    /// One that can only reduce a position: may use half of the reserve.
    Reducing,
    /// A cancel or a query: may use the reserve.
    Urgent,
}

impl MessageBucket {
    /// Takes new limits. A first bucket is full; a later one keeps its credit.
    pub(crate) fn limit(&mut self, limits: &RiskLimits) {
        self.limit_to((
            limits.messages_per_second,
            limits.messages_burst,
            limits.messages_reserved,
        ));
    }

    /// The same: messages in a second, at once, and of these for cancels and queries only.
    pub(super) fn limit_to(&mut self, (rate, burst, reserved): (u32, u32, u32)) {
        let first = self.interval_ns == 0;
        self.interval_ns = (SECOND_NS / u64::from(rate.max(1))).max(1);
        self.capacity_ns = self.interval_ns * u64::from(burst);
        self.reserved_ns = self.interval_ns * u64::from(reserved);
        if first {
            self.credit_ns = self.capacity_ns;
        }
        self.credit_ns = self.credit_ns.min(self.capacity_ns);
    }

    /// Whether a snapshot's bucket is one of these limits; without limits, an untouched one.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(crate) fn check(&self, limits: Option<&RiskLimits>) -> Result<(), Unsound> {
        let mut same = *self;
        if let Some(limits) = limits {
            same.limit(limits);
        } else {
            same = Self {
                at_ns: self.at_ns,
                ..Self::default()
            };
        }
        require(same == *self, "message rate")
    }

    /// Machine time moved.
    pub(crate) fn refill(&mut self, now_ns: u64) {
        let passed = now_ns.saturating_sub(self.at_ns);
        self.at_ns = self.at_ns.max(now_ns);
        self.credit_ns = self.credit_ns.saturating_add(passed).min(self.capacity_ns);
    }

    /// Credit that is not for such a message.
    const fn floor_ns(&self, urgency: Urgency) -> u64 {
        match urgency {
            Urgency::Ordinary => self.reserved_ns,
            Urgency::Reducing => self.reserved_ns / 2,
            Urgency::Urgent => 0,
        }
    }

    /// How long until a message is free; 0 if one is.
    pub(crate) const fn wait_ns(&self, urgency: Urgency) -> u64 {
        let floor = self.floor_ns(urgency);
        (floor + self.interval_ns).saturating_sub(self.credit_ns)
    }

    /// Credit for such messages, and what one of them takes.
    #[inline]
    pub(super) const fn above_floor(&self, urgency: Urgency) -> Credit {
        Credit {
            free_ns: self.credit_ns.saturating_sub(self.floor_ns(urgency)),
            message_ns: self.interval_ns,
        }
    }

    /// Takes a message's credit.
    pub(crate) const fn take(&mut self) {
        self.credit_ns = self.credit_ns.saturating_sub(self.interval_ns);
    }
}

impl Digest for MessageBucket {
    fn digest(&self, sink: &mut Sink) {
        for value in [self.interval_ns, self.capacity_ns, self.reserved_ns] {
            sink.number(value);
        }
        sink.number(self.credit_ns);
        sink.number(self.at_ns);
    }
}
