//! One order: what was asked, what is known of it, and what we still owe it (a cancel, a query).
//!
//! Quantity filled comes from fills only. A report that counts more than our fills is a reason to
//! ask, never to invent a fill.
//!
//! Hot path: yes. Allocates: no.

use model::body::{OrderReport, OrderStatus, OrderType, RejectReason, Side, TimeInForce};
use model::event::Event;
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::life::{self, Fact, OrderState};
use crate::machine::digest::{Digest, Sink};

/// Shortest time between the two absences that prove that the venue does not have an order.
pub(crate) const ABSENCE_SPACING_NS: u64 = 1_000_000_000;

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
    /// Quantity.
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
    /// When the venue's count last rose.
    pub reported_ns: u64,
    /// Value of one lot at its price, quote.
    #[serde(with = "crate::machine::saved::decimal")]
    pub lot_value: Decimal,
    /// Machine time of its approval.
    pub approved_ns: u64,
    /// Latest time at which it may have been written to the socket.
    pub sent_ns: u64,
    /// Whether the venue said anything of it since the order connection was last down.
    pub confirmed: bool,
    /// Risk itself wants it cancelled.
    pub cancel_wanted: bool,
    /// Something contradicts what we know: ask.
    pub doubtful: bool,
    /// Cancels under way.
    pub cancel: Chore,
    /// Queries under way.
    pub query: Chore,
    pub(super) exists_ns: Option<u64>,
    pub(super) absent_first_ns: Option<u64>,
    pub(super) absent_proven_ns: Option<u64>,
}

/// Something that is asked of the venue until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chore {
    /// When it was asked, while the answer is outstanding.
    pub pending_ns: Option<u64>,
    /// Number of the command that asked last.
    pub command: u64,
    /// Not before this time again.
    pub not_before_ns: u64,
    /// How often it was asked since the last success.
    pub attempts: u32,
}

impl Chore {
    /// It is asked now.
    pub(crate) const fn start(&mut self, command: u64, now_ns: u64, pause_ns: u64) {
        self.pending_ns = Some(now_ns);
        self.command = command;
        self.not_before_ns = now_ns.saturating_add(pause_ns);
        self.attempts = self.attempts.saturating_add(1);
    }

    /// Whether it may be asked.
    pub(crate) const fn is_free(&self, now_ns: u64) -> bool {
        self.pending_ns.is_none() && self.not_before_ns <= now_ns
    }

    /// It came to nothing: not again before a pause.
    pub(crate) const fn put_off(&mut self, now_ns: u64, pause_ns: u64) {
        self.pending_ns = None;
        self.not_before_ns = now_ns.saturating_add(pause_ns);
    }

    /// Nothing is under way and nothing was asked.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
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
    /// The order that `place` asks for.
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
            reported_ns: 0,
            lot_value: about.lot_value,
            approved_ns: about.now_ns,
            sent_ns: about.now_ns,
            confirmed: true,
            cancel_wanted: false,
            doubtful: false,
            cancel: Chore {
                pending_ns: None,
                command: 0,
                not_before_ns: 0,
                attempts: 0,
            },
            query: Chore {
                pending_ns: None,
                command: 0,
                not_before_ns: 0,
                attempts: 0,
            },
            exists_ns: None,
            absent_first_ns: None,
            absent_proven_ns: None,
        }
    }

    /// Learns a fact that was true at `time_ns`.
    pub(crate) fn learn(&mut self, fact: Fact, time_ns: u64) {
        match fact {
            Fact::Exists => {
                self.exists_ns = self.exists_ns.max(Some(time_ns));
                if self.absent_proven_ns > self.exists_ns {
                    return;
                }
            }
            Fact::AbsenceProven => {
                self.absent_proven_ns = self.absent_proven_ns.max(Some(time_ns));
                if self.exists_ns >= self.absent_proven_ns {
                    return;
                }
            }
            Fact::Sent
            | Fact::OutcomeUnknown
            | Fact::NotSent
            | Fact::Rejected
            | Fact::Expired
            | Fact::Cancelled
            | Fact::FilledWhole => {}
        }
        self.state = life::next(self.state, fact);
    }

    /// Applies a fill of this order that was not applied before.
    pub(crate) fn fill(&mut self, qty: Lots, time_ns: u64) {
        self.filled = Lots(self.filled.0.saturating_add(qty.0));
        self.confirmed = true;
        self.exists(time_ns);
        if self.filled >= self.qty {
            self.learn(Fact::FilledWhole, time_ns);
        }
    }

    fn exists(&mut self, time_ns: u64) {
        self.absent_first_ns = None;
        self.learn(Fact::Exists, time_ns);
    }

    /// Applies what the venue says of this order. `event` is one of the report kinds.
    pub(crate) fn report(&mut self, event: &Event<'_>, time_ns: u64, recv_window_ns: u64) {
        match event {
            Event::OrderAcked(report) | Event::OrderStatus(report) => {
                self.heard(report, time_ns);
                self.exists(time_ns);
                self.status(report, time_ns);
                if matches!(event, Event::OrderStatus(_)) {
                    self.answered();
                }
            }
            Event::OrderRejected(report) => self.rejected(report, time_ns),
            Event::OrderCancelled(report) => {
                self.heard(report, time_ns);
                self.learn(Fact::Cancelled, time_ns);
            }
            Event::OrderExpired(report) => {
                self.heard(report, time_ns);
                self.learn(Fact::Expired, time_ns);
            }
            Event::OrderUnknown(_) => {
                self.learn(Fact::OutcomeUnknown, time_ns);
                self.doubtful = true;
                self.cancel.pending_ns = None;
                self.query.pending_ns = None;
            }
            Event::OrderAbsent(_) => self.absent(time_ns, recv_window_ns),
            Event::CancelRejected(report) => {
                self.heard(report, time_ns);
                self.cancel.pending_ns = None;
                // "Unknown order" to a cancel means: look for fills. It is no end.
                self.doubtful = true;
            }
            Event::RunStarted(_)
            | Event::RunEnded(_)
            | Event::BlobPart(_)
            | Event::Tick(_)
            | Event::Connection(_)
            | Event::BookReset(_)
            | Event::BookLevels(_)
            | Event::Trade(_)
            | Event::Quote(_)
            | Event::OrderFilled(_)
            | Event::Sent(_)
            | Event::SendFailed(_)
            | Event::OpenOrders(_)
            | Event::Balance(_)
            | Event::Operator(_)
            | Event::RiskRefused(_)
            | Event::StateHash(_)
            | Event::Mark(_)
            | Event::Rate(_)
            | Event::OrderAmended(_)
            | Event::AmendRejected(_)
            | Event::Transfer(_)
            | Event::Funding(_)
            | Event::PositionReport(_)
            | Event::Control(_)
            | Event::RiskNotice(_)
            | Event::Recovered(_) => {}
        }
        if self.state.is_ended() {
            self.cancel.pending_ns = None;
        }
        if !self.wants_query() {
            self.query.attempts = 0;
        }
    }

    fn heard(&mut self, report: &OrderReport, time_ns: u64) {
        self.confirmed = true;
        if report.venue_order_id != 0 {
            self.venue_order_id = report.venue_order_id;
        }
        self.counted(report.cum_qty, time_ns);
    }

    fn counted(&mut self, filled: Lots, time_ns: u64) {
        if filled > self.reported {
            self.reported = filled;
            self.reported_ns = time_ns;
        }
    }

    fn status(&mut self, report: &OrderReport, time_ns: u64) {
        match report.status {
            OrderStatus::NotStated | OrderStatus::Open | OrderStatus::PartiallyFilled => {}
            OrderStatus::Filled => {
                self.counted(self.qty, time_ns);
                self.learn(Fact::FilledWhole, time_ns);
            }
            OrderStatus::Cancelled => self.learn(Fact::Cancelled, time_ns),
            OrderStatus::Expired => self.learn(Fact::Expired, time_ns),
            OrderStatus::Rejected => self.learn(Fact::Rejected, time_ns),
        }
    }

    fn rejected(&mut self, report: &OrderReport, time_ns: u64) {
        match report.reason {
            // The venue refuses a second one because a first one lives, or cannot say.
            RejectReason::Duplicate | RejectReason::NoAnswer | RejectReason::VenueUnsure => {
                self.learn(Fact::OutcomeUnknown, time_ns);
                self.doubtful = true;
            }
            RejectReason::None
            | RejectReason::Filter
            | RejectReason::Balance
            | RejectReason::WouldTake
            | RejectReason::RateLimit
            | RejectReason::Clock
            | RejectReason::Permission
            | RejectReason::UnknownOrder
            | RejectReason::Closed
            | RejectReason::Other
            | RejectReason::NotSent => {
                self.heard(report, time_ns);
                self.learn(Fact::Rejected, time_ns);
            }
        }
    }

    fn absent(&mut self, time_ns: u64, recv_window_ns: u64) {
        self.answered();
        self.confirmed = true;
        if time_ns <= self.sent_ns.saturating_add(recv_window_ns) {
            // The request may still be on its way: this proves nothing yet. Ask again.
            self.doubtful = true;
            return;
        }
        match self.absent_first_ns {
            Some(first) if time_ns.saturating_sub(first) >= ABSENCE_SPACING_NS => {
                self.learn(Fact::AbsenceProven, time_ns);
            }
            Some(_) => self.doubtful = true,
            None => {
                self.absent_first_ns = Some(time_ns);
                self.doubtful = true;
            }
        }
    }

    fn answered(&mut self) {
        self.query.pending_ns = None;
        self.doubtful = false;
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
            self.qty
        };
        Lots(most.0.saturating_sub(self.filled.0).max(0))
    }

    /// Whether the venue has to be asked about it.
    #[must_use]
    pub fn wants_query(&self) -> bool {
        !self.confirmed
            || self.doubtful
            || self.state == OrderState::Unknown
            || self.filled < self.reported
    }

    /// Whether nothing is wrong with it but fills that are not here yet, and may be on their way.
    #[must_use]
    pub fn waits_for_fills(&self) -> bool {
        self.confirmed
            && !self.doubtful
            && self.state != OrderState::Unknown
            && self.filled < self.reported
    }

    /// Whether the venue may be asked to cancel it.
    #[must_use]
    pub const fn is_cancellable(&self) -> bool {
        match self.state {
            OrderState::Sent | OrderState::Unknown | OrderState::Open => true,
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

impl Digest for Chore {
    fn digest(&self, sink: &mut Sink) {
        sink.optional(self.pending_ns);
        sink.number(self.command);
        sink.number(self.not_before_ns);
        sink.number(self.attempts);
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
        ];
        for number in numbers {
            sink.number(number);
        }
        let flags = [
            self.reduce_only,
            self.confirmed,
            self.cancel_wanted,
            self.doubtful,
        ];
        for flag in flags {
            sink.number(flag);
        }
        sink.optional(self.replaces.map(ClientOrderId::raw));
        sink.optional(self.exists_ns);
        sink.optional(self.absent_first_ns);
        sink.optional(self.absent_proven_ns);
        self.cancel.digest(sink);
        self.query.digest(sink);
    }
}
