//! One order: what was asked, what is true of it, and what we still owe it (a cancel, an amendment,
//! a query).
//!
//! What is true of it is a function of the set of facts alone (`facts.rs`): state, quantity,
//! filled, reported, exposure, the venue's id, confirmed and doubtful. What follows from the facts
//! is kept beside them, and made anew by [`Order::settle`] whenever one is added. All else that
//! changes are chores: they depend on time, and no other number rests on them.
//!
//! Quantity filled comes from fills only. A report that counts more than our fills is a reason to
//! ask, never to invent a fill.
//!
//! Hot path: yes. Allocates: no.

use model::body::{OrderType, Side, TimeInForce};
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::chore::Chore;
use super::facts::{Facts, When};
use super::life::{self, Fact, OrderState, Overlays};
use crate::machine::digest::{Digest, Sink};

/// An order of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Our name for it.
    pub client_id: ClientOrderId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// For which account.
    pub account: AccountId,
    /// Who asked for it.
    pub strategy: Option<StrategyId>,
    /// Side.
    pub side: Side,
    /// How it executes.
    pub order_type: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Whether it may only reduce the position.
    pub reduce_only: bool,
    /// Limit price; of a market order the worst acceptable one.
    pub price: Ticks,
    /// Quantity: the smallest that was asked for or that the venue confirmed.
    pub qty: Lots,
    /// The strategy's own name for it.
    pub tag: u64,
    /// Number of the command that placed it; 0 in a strategy's own view.
    pub command: u64,
    /// The order that it replaces.
    pub replaces: Option<ClientOrderId>,
    /// The venue's id; 0 while it is not known.
    pub venue_order_id: u64,
    /// Where it is in its life.
    pub state: OrderState,
    /// Filled, by the fills that we applied.
    pub filled: Lots,
    /// Filled, as the venue counts it.
    pub reported: Lots,
    /// Value of one lot at its price, quote.
    #[serde(with = "crate::machine::saved::decimal")]
    pub lot_value: Decimal,
    /// Machine time of its approval.
    pub approved_ns: u64,
    /// Latest time at which it may have been written to the socket.
    pub sent_ns: u64,
    /// Whether the venue said anything of it since the order connection was last down.
    pub confirmed: bool,
    /// Something contradicts what we know: ask.
    pub doubtful: bool,
    /// Chore: risk itself wants it cancelled.
    pub cancel_wanted: bool,
    /// Chore: cancels under way.
    pub cancel: Chore,
    /// Chore: amendments under way.
    pub amend: Chore,
    /// Chore: queries under way.
    pub query: Chore,
    /// Chore: when the venue's count last rose, so that fills have a moment to come by themselves.
    pub reported_ns: u64,
    /// Chore: queries since its outcome became unknown.
    pub asked: u32,
    /// Overlay: all queries of the schedule proved nothing; a person must decide.
    pub needs_human: bool,
    pub(super) facts: Facts,
}

/// What a new order is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewlyApproved {
    pub(crate) instrument: InstrumentId,
    pub(crate) account: AccountId,
    pub(crate) strategy: StrategyId,
    pub(crate) command: u64,
    pub(crate) replaces: Option<ClientOrderId>,
    pub(crate) lot_value: Decimal,
    pub(crate) now_ns: u64,
}

impl Order {
    /// The order that `place` asks for, let through.
    pub(crate) const fn new(place: &crate::machine::Place, about: NewlyApproved) -> Self {
        Self {
            client_id: place.client_id,
            instrument: about.instrument,
            account: about.account,
            strategy: Some(about.strategy),
            side: place.side,
            order_type: place.order_type,
            time_in_force: place.time_in_force,
            reduce_only: place.reduce_only,
            price: place.price,
            qty: place.qty,
            tag: place.tag,
            command: about.command,
            replaces: about.replaces,
            venue_order_id: 0,
            state: OrderState::Approved,
            filled: Lots::ZERO,
            reported: Lots::ZERO,
            lot_value: about.lot_value,
            approved_ns: about.now_ns,
            sent_ns: about.now_ns,
            confirmed: true,
            doubtful: false,
            cancel_wanted: false,
            cancel: Chore::NONE,
            amend: Chore::NONE,
            query: Chore::NONE,
            reported_ns: 0,
            asked: 0,
            needs_human: false,
            facts: Facts::APPROVED,
        }
    }

    /// The same in a strategy's view, if the engine may hold it until a condition is met.
    pub(crate) const fn new_held(place: &crate::machine::Place, about: NewlyApproved) -> Self {
        let order = Self::new(place, about);
        Self {
            state: OrderState::Held,
            facts: Facts::NONE,
            ..order
        }
    }

    /// Learns a fact that was true at `time_ns`.
    pub(crate) fn learn(&mut self, fact: Fact, time_ns: u64) {
        match fact {
            Fact::Exists => self.facts.exists(time_ns),
            Fact::AbsenceProven => self.facts.decided_absent(time_ns),
            Fact::Approved
            | Fact::Sent
            | Fact::OutcomeUnknown
            | Fact::NotSent
            | Fact::Rejected
            | Fact::Expired
            | Fact::Cancelled
            | Fact::FilledWhole => self.facts.learn(fact),
        }
        self.settle();
    }

    /// It may have been written to the socket as late as this.
    pub(crate) fn maybe_sent(&mut self, time_ns: u64) {
        self.sent_ns = self.sent_ns.max(time_ns);
        self.settle();
    }

    /// The order connection was lost at this event: what is not known again by the venue's word is
    /// not confirmed. Answers to what was asked over it will not come.
    pub(crate) fn disconnect(&mut self, event: u64) {
        self.facts.lost(event);
        self.forget_chores();
        self.settle();
    }

    /// Nothing that was asked will be answered.
    pub(crate) const fn forget_chores(&mut self) {
        self.cancel.forget();
        self.amend.forget();
        self.query.forget();
    }

    /// Something contradicts what we know of it.
    pub(crate) fn doubt(&mut self, event: u64) {
        self.facts.doubt(event);
        self.settle();
    }

    /// A list of the account's open orders, asked for at this time, does not hold it.
    pub(crate) fn not_listed(&mut self, asked_ns: u64) {
        self.facts.not_listed(asked_ns);
        self.settle();
    }

    /// Whether the proof of its absence lacks the venue's list of open orders.
    pub(crate) fn wants_list(&self) -> bool {
        !self.state.is_ended() && self.facts.wants_list(self.sent_ns)
    }

    /// Applies a fill of this order that was not applied before.
    pub(crate) fn fill(&mut self, qty: Lots, when: When) {
        self.filled = Lots(self.filled.0.saturating_add(qty.0));
        self.facts.heard(when);
        self.facts.exists(when.time_ns);
        self.settle();
    }

    /// Whether its outcome is still unknown after this many queries, and nobody was told.
    pub(crate) fn is_exhausted(&self, most: u32) -> bool {
        self.state == OrderState::Unknown && self.asked >= most && !self.needs_human
    }

    /// One more query goes out. Behind the last one of the schedule the order needs a person.
    pub(crate) fn count_query(&mut self, most: u32) {
        if self.state == OrderState::Unknown {
            self.needs_human = self.asked >= most;
            self.asked = self.asked.saturating_add(1);
        }
    }

    /// Risk made it smaller than it was asked for, before it let it through.
    pub(crate) fn sized(&mut self, qty: Lots) {
        if qty > Lots::ZERO {
            self.qty = self.qty.min(qty);
            self.settle();
        }
    }

    /// Makes anew what follows from the facts, and ends the chores that this ended.
    pub(super) fn settle(&mut self) {
        let has_fills = self.filled > Lots::ZERO;
        let mut state = OrderState::Held;
        for fact in Fact::ALL {
            if self.facts.holds(fact, self.sent_ns, has_fills) {
                state = life::next(state, fact);
            }
        }
        if self.filled >= self.qty {
            state = life::next(state, Fact::FilledWhole);
        }
        self.state = state;
        self.reported = self.facts.reported(self.qty);
        self.confirmed = self.facts.is_confirmed();
        self.doubtful = self.facts.is_doubtful();
        let overlays = self.overlays();
        if !overlays.pending_cancel {
            self.cancel.pending_ns = None;
        }
        if !overlays.pending_amend {
            self.amend.pending_ns = None;
        }
        self.needs_human = overlays.needs_human;
        if state != OrderState::Unknown {
            self.asked = 0;
        }
        if !self.wants_query() {
            self.query.attempts = 0;
        }
    }

    /// What lies above its state.
    #[must_use]
    pub const fn overlays(&self) -> Overlays {
        Overlays {
            pending_cancel: self.cancel.pending_ns.is_some(),
            pending_amend: self.amend.pending_ns.is_some(),
            needs_human: self.needs_human,
        }
        .above(self.state)
    }

    /// Whether nothing more can come of it that we have not counted.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.state.is_ended() && self.filled >= self.reported
    }

    /// Lots that may still fill, or were filled at the venue and not told to us yet.
    #[must_use]
    pub fn exposure(&self) -> Lots {
        let most = if self.state.is_ended() {
            self.reported
        } else {
            self.qty.max(self.reported)
        };
        Lots(most.0.saturating_sub(self.filled.0).max(0))
    }

    /// Whether it may rest at the venue, or get there: what a new order of ours could trade with.
    #[must_use]
    pub const fn may_rest(&self) -> bool {
        !self.state.is_ended() && !matches!(self.state, OrderState::Held)
    }

    /// Whether the venue has to be asked about it.
    #[must_use]
    pub fn wants_query(&self) -> bool {
        !matches!(self.state, OrderState::Held)
            && (!self.confirmed
                || self.doubtful
                || self.state == OrderState::Unknown
                || self.filled < self.reported)
    }

    /// Whether nothing is wrong with it but fills that are not here yet, and may be on their way.
    #[must_use]
    pub fn waits_for_fills(&self) -> bool {
        self.confirmed
            && !self.doubtful
            && self.state != OrderState::Unknown
            && self.filled < self.reported
    }

    /// Whether the venue, or the engine for one that it holds, may be asked to cancel it.
    #[must_use]
    pub const fn is_cancellable(&self) -> bool {
        match self.state {
            OrderState::Held | OrderState::Sent | OrderState::Unknown | OrderState::Open => true,
            OrderState::Approved
            | OrderState::NotSent
            | OrderState::Absent
            | OrderState::Rejected
            | OrderState::Expired
            | OrderState::Cancelled
            | OrderState::Filled => false,
        }
    }
}

impl Digest for Order {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.client_id.raw());
        sink.number(self.instrument.0);
        sink.number(self.account.0);
        sink.optional(self.strategy.map(|strategy| u64::from(strategy.0)));
        sink.number(self.side as u8);
        sink.number(self.order_type as u8);
        sink.number(self.time_in_force as u8);
        sink.number(self.state as u8);
        let lots = [self.qty, self.filled, self.reported, Lots(self.price.0)];
        for value in lots {
            sink.lots(value);
        }
        sink.decimal(self.lot_value);
        let numbers = [
            self.tag,
            self.command,
            self.venue_order_id,
            self.approved_ns,
            self.sent_ns,
            self.reported_ns,
            u64::from(self.asked),
        ];
        for number in numbers {
            sink.number(number);
        }
        let flags = [
            self.reduce_only,
            self.confirmed,
            self.cancel_wanted,
            self.doubtful,
            self.needs_human,
        ];
        for flag in flags {
            sink.number(flag);
        }
        sink.optional(self.replaces.map(ClientOrderId::raw));
        for chore in [&self.cancel, &self.amend, &self.query] {
            chore.digest(sink);
        }
        self.facts.digest(sink);
    }
}
