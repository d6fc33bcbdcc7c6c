//! Message rates of single venues, accounts and strategies, beside the one over everything: each
//! scope that has a `messages_per_second` has a bucket of its own, and a message takes from all
//! that it falls under.
//!
//! A message that finds one of them empty does not go. Cancels may use the whole reserve, orders
//! that can only reduce half of it, others none: so nothing that reduces is starved by what opens,
//! and no cancel by either.
//!
//! Hot path: yes. Allocates: only when limits are set.

use model::control::{Control, Scope};
use model::ids::{AccountId, StrategyId};
use serde::{Deserialize, Serialize};

use super::Risk;
use super::bounds::{Bounds, Own};
use super::bucket::{MessageBucket, Urgency};
use super::checks::{self, Measure};
use crate::machine::digest::{Digest, Sink};

/// See the module's header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Buckets(Vec<(Scope, MessageBucket)>);

impl Buckets {
    /// Takes the limits as they are now. A scope that goes on keeps its credit; a new one is full.
    pub(super) fn limit(&mut self, bounds: &Bounds, now_ns: u64) {
        let scopes = bounds.scopes_of(Control::MessageRate);
        self.0.retain(|(scope, _)| scopes.contains(scope));
        for scope in scopes {
            let hard = |control| {
                let bound = bounds.at(control, scope).hard;
                u32::try_from(bound).ok()
            };
            let rate = hard(Control::MessageRate).unwrap_or(u32::MAX).max(1);
            let burst = hard(Control::MessageBurst).unwrap_or(rate).max(1);
            // A fifth of the burst, if nothing is said.
            let reserved = hard(Control::MessageReserve).unwrap_or(burst.div_ceil(5));
            let limits = (rate, burst, reserved.min(burst));
            match self.0.iter_mut().find(|(known, _)| *known == scope) {
                Some((_, bucket)) => bucket.limit_to(limits),
                None => {
                    let mut bucket = MessageBucket::default();
                    bucket.limit_to(limits);
                    bucket.refill(now_ns);
                    self.0.push((scope, bucket));
                }
            }
        }
    }

    /// Where a scope's stands; `u32::MAX` if it has none.
    pub(super) fn place(&self, scope: Scope) -> u32 {
        let place = self.0.iter().position(|(known, _)| *known == scope);
        place.map_or(u32::MAX, |place| u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// Whether a snapshot's can be: each scope once.
    pub(super) fn is_sound(&self) -> bool {
        (1..self.0.len()).all(|at| self.0[..at].iter().all(|(known, _)| *known != self.0[at].0))
    }
}

impl Digest for Buckets {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.0.len() as u64);
        for (scope, bucket) in &self.0 {
            sink.number(scope.kind() as u8);
            sink.number(scope.id());
            bucket.digest(sink);
        }
    }
}

impl Risk {
    fn falls_under(
        &self,
        scope: Scope,
        (account, strategy): (Option<AccountId>, Option<StrategyId>),
    ) -> bool {
        match scope {
            Scope::Overall | Scope::Instrument(_) => false,
            Scope::Venue(venue) => {
                account.and_then(|account| self.venue_of(account)) == Some(venue)
            }
            Scope::Account(own) => account == Some(own),
            Scope::Strategy(own) => strategy == Some(own),
        }
    }

    /// What the buckets of its scopes say to a message.
    pub(super) fn scoped_rates(
        &self,
        whose: (AccountId, Option<StrategyId>),
        urgency: Urgency,
    ) -> impl Iterator<Item = Measure> + '_ {
        let whose = (Some(whose.0), whose.1);
        let own = self.buckets.0.iter();
        own.filter(move |(scope, _)| self.falls_under(*scope, whose))
            .map(move |(scope, bucket)| {
                let mut bucket = *bucket;
                bucket.refill(self.time_ns);
                checks::message_rate(&bucket, urgency).of(*scope)
            })
    }

    /// The same for an order, whose buckets are known.
    #[inline(always)]
    pub(super) fn order_rates(
        &self,
        own: &Own<'_>,
        urgency: Urgency,
    ) -> impl Iterator<Item = Measure> + '_ {
        let places = own.buckets().into_iter();
        let buckets = places.map_while(|place| self.buckets.0.get(place as usize));
        buckets.map(move |(scope, bucket)| {
            let mut bucket = *bucket;
            bucket.refill(self.time_ns);
            checks::message_rate(&bucket, urgency).of(*scope)
        })
    }

    /// A message goes.
    pub(super) fn take_from_buckets(&mut self, whose: (Option<AccountId>, Option<StrategyId>)) {
        for at in 0..self.buckets.0.len() {
            if self.falls_under(self.buckets.0[at].0, whose) {
                let bucket = &mut self.buckets.0[at].1;
                bucket.refill(self.time_ns);
                bucket.take();
            }
        }
    }
}
