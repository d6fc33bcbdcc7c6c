//! What the venue's reports say of an order: from events to facts.
//!
//! Hot path: yes. Allocates: no.

use model::body::{Amended, OrderReport, OrderStatus, RejectReason};
use model::event::Event;
use model::num::Lots;

use super::facts::When;
use super::life::Fact;
use super::order::Order;

impl Order {
    /// Applies what the venue says of this order. `event` is one of the report kinds.
    pub(crate) fn report(&mut self, event: &Event<'_>, when: When, recv_window_ns: u64) {
        match event {
            Event::OrderAcked(report) => self.seen(report, when),
            Event::OrderStatus(report) => {
                self.seen(report, when);
                self.facts.cleared(when);
                self.query.pending_ns = None;
            }
            Event::OrderRejected(report) => self.rejected(report, when),
            Event::OrderCancelled(report) => {
                self.heard(report, when);
                self.facts.learn(Fact::Cancelled);
            }
            Event::OrderExpired(report) => {
                self.heard(report, when);
                self.facts.learn(Fact::Expired);
            }
            Event::OrderUnknown(_) => {
                self.facts.learn(Fact::OutcomeUnknown);
                self.facts.doubt(when.event);
                self.nothing_is_pending();
            }
            Event::OrderAbsent(_) => {
                // One alone proves nothing: ask again.
                self.facts.heard(when);
                self.facts.doubt(when.event);
                self.facts.absent(when.time_ns, recv_window_ns);
                self.query.pending_ns = None;
            }
            Event::CancelRejected(report) => {
                // "Unknown order" to a cancel means: look for fills. It is no end.
                self.heard(report, when);
                self.facts.doubt(when.event);
                self.cancel.pending_ns = None;
            }
            Event::AmendRejected(report) => {
                self.heard(report, when);
                self.facts.doubt(when.event);
                self.amend.pending_ns = None;
            }
            Event::OrderAmended(amended) => self.amended(amended, when),
            Event::RunStarted(_)
            | Event::RunEnded(_)
            | Event::BlobPart(_)
            | Event::Tick(_)
            | Event::Connection(_)
            | Event::BookReset(_)
            | Event::BookLevels(_)
            | Event::BookOrder(_)
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
            | Event::Candle(_)
            | Event::OpenInterest(_)
            | Event::Liquidation(_)
            | Event::Transfer(_)
            | Event::Funding(_)
            | Event::PositionReport(_)
            | Event::Control(_)
            | Event::RiskNotice(_)
            | Event::Recovered(_) => {}
        }
        self.settle();
    }

    const fn nothing_is_pending(&mut self) {
        self.cancel.pending_ns = None;
        self.amend.pending_ns = None;
        self.query.pending_ns = None;
    }

    fn heard(&mut self, report: &OrderReport, when: When) {
        self.facts.heard(when);
        // A venue gives one order one id; were it to give two, the larger one is kept.
        self.venue_order_id = self.venue_order_id.max(report.venue_order_id);
        if self.facts.counted(report.cum_qty) {
            self.reported_ns = when.time_ns;
        }
    }

    /// The venue knows it, and says its state.
    fn seen(&mut self, report: &OrderReport, when: When) {
        self.heard(report, when);
        self.facts.exists(when.time_ns);
        let end = match report.status {
            OrderStatus::NotStated | OrderStatus::Open | OrderStatus::PartiallyFilled => return,
            OrderStatus::Filled => Fact::FilledWhole,
            OrderStatus::Cancelled => Fact::Cancelled,
            OrderStatus::Expired => Fact::Expired,
            OrderStatus::Rejected => Fact::Rejected,
        };
        if end == Fact::FilledWhole && self.reported < self.qty {
            self.reported_ns = when.time_ns;
        }
        self.facts.learn(end);
    }

    fn rejected(&mut self, report: &OrderReport, when: When) {
        match report.reason {
            // The venue refuses a second one because a first one lives, or cannot say.
            RejectReason::Duplicate | RejectReason::NoAnswer | RejectReason::VenueUnsure => {
                self.facts.learn(Fact::OutcomeUnknown);
                self.facts.doubt(when.event);
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
            | RejectReason::NotSent
            | RejectReason::LastLine => {
                self.heard(report, when);
                self.facts.refused();
            }
        }
    }

    /// The venue made it smaller. It can only shrink, so the smallest quantity counts, in whatever
    /// order the confirmations come.
    fn amended(&mut self, amended: &Amended, when: When) {
        self.facts.heard(when);
        self.facts.exists(when.time_ns);
        self.venue_order_id = self.venue_order_id.max(amended.venue_order_id);
        if self.facts.counted(amended.cum_qty) {
            self.reported_ns = when.time_ns;
        }
        if amended.qty > Lots::ZERO {
            self.qty = self.qty.min(amended.qty);
        }
        self.amend.pending_ns = None;
    }
}
