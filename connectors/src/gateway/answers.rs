//! Answers to the machine's commands as events.
//!
//! What the venue did not refuse for certain is unknown: then the machine asks. Fills go out before
//! the state that contains them, so that a state never shows more than was reported.
//!
//! Hot path: yes. Allocates: no.

use model::body::{OrderReport, OrderStatus, RejectReason, Text};
use model::num::Lots;
use model::record::Kind;

use super::dialect::Dialect;
use super::emit::{Origin, refusal};
use super::known::Owner;
use super::said::{
    Absence, Answer, FillSeen, Half, OrderSeen, OrderState, Refusal, Reply, StopScope, Verdict,
};
use super::session::Session;
use super::table::{OrderKey, Purpose, Request, Task};
use crate::net::HttpResponse;
use crate::wire::{Inline, WireError};

impl<D: Dialect> Session<D> {
    pub(super) fn answer(&mut self, answer: Answer<'_, D::Body<'_>>) {
        let venue_ns = self.line.venue_ns(self.emit.stamp_ns);
        for count in answer.counts.iter() {
            self.line.ledger.heard(*count, venue_ns);
        }
        if let Err(refusal) = &answer.outcome {
            self.refusal_of_any(refusal);
        }
        let Some(request) = answer.id.and_then(|id| self.line.table.take(id)) else {
            self.counts.late += 1;
            if let Err(refusal) = &answer.outcome {
                self.emit.remark(refusal.code, refusal.words.as_str());
            }
            return;
        };
        let done = match answer.outcome {
            Ok(body) => self.succeeded(&request, body),
            Err(refusal) => {
                self.refused(&request, refusal);
                Ok(())
            }
        };
        if let Err(error) = done {
            self.unreadable(error);
            let words = "the answer could not be read";
            self.failed(&request, RejectReason::VenueUnsure, words);
        }
    }

    /// What a refusal says about more than its own request.
    fn refusal_of_any<B>(&mut self, refusal: &Refusal<'_, B>) {
        let words = refusal.words.as_str();
        match refusal.verdict {
            Verdict::Limited => {
                let venue_ns = self.line.venue_ns(self.emit.stamp_ns);
                let ledger = &mut self.line.ledger;
                ledger.refused(refusal.stops, refusal.until_ms, venue_ns);
                self.emit.remark(refusal.code, words);
            }
            Verdict::Clock => {
                self.emit.remark(refusal.code, words);
                self.measure();
            }
            Verdict::Configuration(_) => self.emit.remark(refusal.code, words),
            Verdict::Refused(_)
            | Verdict::Busy
            | Verdict::Duplicate
            | Verdict::Partial
            | Verdict::Unknown => {}
        }
    }

    /// A firewall's page instead of the venue's words: whether the request was done stays open, but
    /// its status stops us all the same, until it says or for the longest stop.
    #[cold]
    pub(super) fn stopped(&mut self, response: &HttpResponse<'_>) {
        let scope = match response.status {
            418 => StopScope::Ban,
            429 => StopScope::All,
            _ => return,
        };
        let venue_ns = self.line.venue_ns(self.emit.stamp_ns);
        let wait = response.header("retry-after");
        let seconds = wait.and_then(|value| str::from_utf8(value).ok()?.trim().parse().ok());
        let until_ms = seconds.map(|seconds: u64| {
            (venue_ns / 1_000_000).saturating_add(seconds.saturating_mul(1_000))
        });
        self.line.ledger.refused(scope, until_ms, venue_ns);
    }

    fn succeeded(&mut self, request: &Request, body: D::Body<'_>) -> Result<(), WireError> {
        let (purpose, symbols) = (&request.purpose, &self.symbols);
        let reply = self
            .line
            .dialect
            .reply(purpose, body, symbols, &self.entries)?;
        match (request.purpose, reply) {
            (Purpose::Own(task), reply) => self.own_answer(task, request, reply),
            (Purpose::Place(key), Reply::Placed(order, fills)) => self.placed(key, &order, &fills),
            (Purpose::Cancel(key), Reply::Order(order)) => self.cancelled(key, &order),
            (Purpose::Replace { old, new }, Reply::Halves(cancel, place)) => {
                self.halves(old, new, cancel, place)
            }
            (Purpose::Amend(key), Reply::Order(order)) => self.amended(key, &order),
            (Purpose::Status(key), Reply::Order(order)) => self.found(key, &order),
            // Accepted: the private stream says when it is done.
            (Purpose::Cancel(_) | Purpose::Amend(_), Reply::Done) => Ok(()),
            // The answer is none to what was asked.
            _ => Err(WireError::UnknownKind),
        }
    }

    pub(super) fn say(&mut self, kind: Kind, key: OrderKey, report: &OrderReport, origin: Origin) {
        let instrument = self.entries[key.slot].instrument;
        self.emit.order(kind, instrument, report, origin);
        self.said_of_old(kind, key);
    }

    fn is_about(key: OrderKey, order: &OrderSeen) -> Result<(), WireError> {
        if order.owner == Owner::Ours(key.client_id) {
            Ok(())
        } else {
            let field = "client order id";
            Err(WireError::Value { field })
        }
    }

    fn placed(
        &mut self,
        key: OrderKey,
        order: &OrderSeen,
        fills: &Inline<FillSeen, 4>,
    ) -> Result<(), WireError> {
        Self::is_about(key, order)?;
        self.known.learn(key.slot, order.order_id, order.owner);
        let state = order.state?;
        for seen in fills.iter() {
            let fill = seen.fill?;
            if self.known.fill((key.slot, seen.trade_id, order.order_id)) {
                self.say_fill(key, fill, Origin::Answer);
            }
        }
        let kind = match state.status {
            OrderStatus::NotStated
            | OrderStatus::Open
            | OrderStatus::PartiallyFilled
            | OrderStatus::Filled => Kind::OrderAcked,
            OrderStatus::Cancelled => Kind::OrderCancelled,
            OrderStatus::Expired => Kind::OrderExpired,
            OrderStatus::Rejected => Kind::OrderRejected,
        };
        let report = report_of(key, order.order_id, &state);
        self.say(kind, key, &report, Origin::Answer);
        Ok(())
    }

    pub(super) fn cancelled(&mut self, key: OrderKey, order: &OrderSeen) -> Result<(), WireError> {
        Self::is_about(key, order)?;
        let state = order.state?;
        let kind = match state.status {
            OrderStatus::Cancelled => Kind::OrderCancelled,
            OrderStatus::Expired => Kind::OrderExpired,
            OrderStatus::NotStated
            | OrderStatus::Open
            | OrderStatus::PartiallyFilled
            | OrderStatus::Filled
            | OrderStatus::Rejected => return Err(WireError::Value { field: "status" }),
        };
        self.settle_amend(key, order.order_id, &state, Origin::Answer);
        let report = report_of(key, order.order_id, &state);
        self.say(kind, key, &report, Origin::Answer);
        Ok(())
    }

    /// The answer to an amendment.
    fn amended(&mut self, key: OrderKey, order: &OrderSeen) -> Result<(), WireError> {
        Self::is_about(key, order)?;
        self.known.learn(key.slot, order.order_id, order.owner);
        let state = order.state?;
        let missing = WireError::Missing { field: "qty" };
        let qty = state.qty.ok_or(missing)??;
        self.amend_answered(key);
        self.say_amended(key, order.order_id, &state, qty, Origin::Answer);
        Ok(())
    }

    fn halves<B>(
        &mut self,
        old: OrderKey,
        new: OrderKey,
        cancel: Half<'_, B>,
        place: Half<'_, B>,
    ) -> Result<(), WireError> {
        match cancel {
            Half::Done(order, _) => self.cancelled(old, &order)?,
            Half::Failed(refusal) => self.refuse(Kind::CancelRejected, old, &refusal),
            Half::NotAttempted => {
                let words = "the venue did not try the cancel";
                let report = refusal(old.client_id, RejectReason::Other, 0, words);
                self.say(Kind::CancelRejected, old, &report, Origin::Answer);
            }
        }
        match place {
            Half::Done(order, fills) => self.placed(new, &order, &fills)?,
            Half::Failed(refusal) => {
                self.refusal_of_any(&refusal);
                self.refuse(Kind::OrderRejected, new, &refusal);
            }
            Half::NotAttempted => {
                let words = "not placed: the cancel failed";
                let report = refusal(new.client_id, RejectReason::Other, 0, words);
                self.say(Kind::OrderRejected, new, &report, Origin::Answer);
            }
        }
        Ok(())
    }

    /// The answer to a query: the fills are asked for before the state is reported.
    fn found(&mut self, key: OrderKey, order: &OrderSeen) -> Result<(), WireError> {
        // Asked for by our id, so it is ours, whatever name a cancel may have given it since.
        let owner = Owner::Ours(key.client_id);
        self.known.learn(key.slot, order.order_id, owner);
        let state = order.state?;
        let status = report_of(key, order.order_id, &state);
        self.settle_amend(key, order.order_id, &state, Origin::Query);
        self.say_quantity(key, order.order_id, &state);
        if status.cum_qty > Lots(0) {
            let page = None;
            self.tasks.push_back(Task::TradesOf { key, page, status });
        } else {
            self.say(Kind::OrderStatus, key, &status, Origin::Query);
        }
        Ok(())
    }

    fn refused(&mut self, request: &Request, refusal: Refusal<'_, D::Body<'_>>) {
        match request.purpose {
            Purpose::Place(key) => self.refuse(Kind::OrderRejected, key, &refusal),
            Purpose::Cancel(key) => self.refuse(Kind::CancelRejected, key, &refusal),
            Purpose::Replace { old, new } => self.replace_refused(request, old, new, refusal),
            Purpose::Amend(key) => self.refuse(Kind::AmendRejected, key, &refusal),
            Purpose::Status(key) => self.query_refused(key, &refusal),
            Purpose::Own(task) => self.own_refused(task, request, &refusal),
        }
    }

    /// A certain refusal is said as `kind`; otherwise the order is unknown.
    fn refuse<B>(&mut self, kind: Kind, key: OrderKey, refused: &Refusal<'_, B>) {
        let (reason, words) = (refused.verdict.reason(), refused.words.as_str());
        if refused.verdict.is_definite() {
            if kind == Kind::AmendRejected {
                self.amend_answered(key);
            }
            let report = refusal(key.client_id, reason, refused.code, words);
            self.say(kind, key, &report, Origin::Answer);
        } else {
            self.unknown(key, reason, refused.code, words);
        }
    }

    fn replace_refused(
        &mut self,
        request: &Request,
        old: OrderKey,
        new: OrderKey,
        mut refused: Refusal<'_, D::Body<'_>>,
    ) {
        let body = refused.body.take();
        let (purpose, symbols) = (&request.purpose, &self.symbols);
        let reply = match (refused.verdict, body) {
            (Verdict::Partial, Some(body)) => self
                .line
                .dialect
                .reply(purpose, body, symbols, &self.entries)
                .ok(),
            _ => None,
        };
        if let Some(Reply::Halves(cancel, place)) = reply {
            if let Err(error) = self.halves(old, new, cancel, place) {
                self.unreadable(error);
                let words = "the answer could not be read";
                self.unknown(old, RejectReason::VenueUnsure, 0, words);
                self.unknown(new, RejectReason::VenueUnsure, 0, words);
            }
        } else {
            self.refuse(Kind::CancelRejected, old, &refused);
            self.refuse(Kind::OrderRejected, new, &refused);
        }
    }

    fn query_refused<B>(&mut self, key: OrderKey, refused: &Refusal<'_, B>) {
        let (reason, code) = (refused.verdict.reason(), refused.code);
        let words = refused.words.as_str();
        let mut report = refusal(key.client_id, reason, code, words);
        match refused.absence {
            Absence::Unknown => self.say(Kind::OrderAbsent, key, &report, Origin::Query),
            Absence::Archived => {
                report.status = OrderStatus::Expired;
                report.reason = RejectReason::None;
                self.say(Kind::OrderStatus, key, &report, Origin::Query);
            }
            Absence::No => self.unknown(key, reason, code, words),
        }
    }

    /// A request that ended without a usable answer.
    #[cold]
    pub(super) fn failed(&mut self, request: &Request, reason: RejectReason, words: &str) {
        self.drop_purpose(&request.purpose, reason, words);
        if let Purpose::Own(task) = request.purpose {
            self.own_failed(task, words);
        }
    }

    /// Says of each order that the request was about that its fate is unknown.
    pub(super) fn drop_purpose(&mut self, purpose: &Purpose, reason: RejectReason, words: &str) {
        match *purpose {
            Purpose::Place(key)
            | Purpose::Cancel(key)
            | Purpose::Amend(key)
            | Purpose::Status(key)
            | Purpose::Own(Task::TradesOf { key, .. }) => self.unknown(key, reason, 0, words),
            Purpose::Replace { old, new } => {
                self.unknown(old, reason, 0, words);
                self.unknown(new, reason, 0, words);
            }
            Purpose::Own(
                Task::Time
                | Task::Logon
                | Task::Subscribe
                | Task::KeepAlive
                | Task::DeadMan { .. }
                | Task::Money { .. }
                | Task::Reconcile { .. }
                | Task::List { .. }
                | Task::Trades { .. }
                | Task::Account
                | Task::Positions
                | Task::WhoIs { .. }
                | Task::CancelAll { .. }
                | Task::CancelSome { .. },
            ) => {}
        }
    }
}

/// The venue's view of one of our orders, as a report.
pub(super) fn report_of(key: OrderKey, order_id: u64, state: &OrderState) -> OrderReport {
    OrderReport {
        client_id: key.client_id,
        venue_order_id: order_id,
        venue_time_ns: state.time_ns,
        cum_qty: state.cum_qty,
        code: 0,
        status: state.status,
        reason: RejectReason::None,
        text: Text::EMPTY,
    }
}
