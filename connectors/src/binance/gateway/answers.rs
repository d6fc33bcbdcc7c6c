//! Answers to the machine's commands as events.
//!
//! What the venue did not refuse for certain is unknown: then the machine asks. Fills go out before
//! the state that contains them, so that a state never shows more than was reported.
//!
//! Hot path: yes. Allocates: no.

use model::body::{Liquidity, OrderReport, OrderStatus, RejectReason, Text};
use model::num::Lots;
use model::record::Kind;

use super::emit::{Origin, refusal};
use super::known::Owner;
use super::numbers::{self, Terms};
use super::session::Session;
use super::table::{OrderKey, Purpose, Request, Task};
use crate::binance::wire::codes::{Verdict, classify};
use crate::binance::wire::frame::{Answer, ErrorBody};
use crate::binance::wire::order::{CancelReplace, Half, OrderAnswer};
use crate::wire::error::from_raw;
use crate::wire::{Raw, WireError, order_id};

/// The venue does not know the order.
const NO_SUCH_ORDER: i32 = -2013;
/// The order ended without fills, long ago.
const ARCHIVED: i32 = -2026;

impl Session {
    pub(super) fn answer(&mut self, answer: &Answer<'_>) {
        let venue_ns = self.line.venue_ns(self.emit.stamp_ns);
        for limit in answer.limits.iter() {
            self.line.ledger.heard(limit, venue_ns);
        }
        if let Err(error) = &answer.outcome {
            self.refusal_of_any(answer.status, error);
        }
        let Some(request) = answer.id.and_then(|id| self.line.table.take(id)) else {
            self.counts.late += 1;
            if let Err(error) = &answer.outcome {
                self.emit.remark(error.code, error.message());
            }
            return;
        };
        let done = match &answer.outcome {
            Ok(result) => self.succeeded(&request, *result),
            Err(error) => {
                self.refused(&request, answer.status, error);
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
    fn refusal_of_any(&mut self, status: u16, error: &ErrorBody<'_>) {
        match classify(status, error.code, error.message()) {
            Verdict::Limited => {
                let venue_ns = self.line.venue_ns(self.emit.stamp_ns);
                let until_ms = error.retry_after_ms();
                let refused = (status, error.code);
                self.line.ledger.refused(refused, until_ms, venue_ns);
                self.emit.remark(error.code, error.message());
            }
            Verdict::Clock => {
                self.emit.remark(error.code, error.message());
                self.measure();
            }
            Verdict::Configuration(_) => self.emit.remark(error.code, error.message()),
            Verdict::Refused(_)
            | Verdict::Busy
            | Verdict::Duplicate
            | Verdict::Partial
            | Verdict::Unknown => {}
        }
    }

    fn succeeded(&mut self, request: &Request, result: Option<Raw<'_>>) -> Result<(), WireError> {
        let result = result.ok_or(WireError::Missing { field: "result" })?;
        match request.purpose {
            Purpose::Place(key) => self.placed(key, &OrderAnswer::read(result)?),
            Purpose::Cancel(key) => self.cancelled(key, &OrderAnswer::read(result)?),
            Purpose::Replace { old, new } => self.halves(old, new, &CancelReplace::read(result)?),
            Purpose::Amend(key) => self.amended(key, &from_raw(result)?),
            Purpose::Status(key) => self.found(key, &OrderAnswer::read(result)?),
            Purpose::Own(task) => self.own_answer(task, request, result),
        }
    }

    /// The venue's view of an order.
    pub(super) fn report(
        &self,
        key: OrderKey,
        answer: &OrderAnswer<'_>,
    ) -> Result<OrderReport, WireError> {
        let cum_qty = match &answer.executed_qty {
            Some(qty) => numbers::filled(&self.entries[key.slot], qty, "executedQty")?,
            None => Lots(0),
        };
        Ok(OrderReport {
            client_id: key.client_id,
            venue_order_id: answer.order_id,
            venue_time_ns: numbers::nanoseconds(answer.time_ms()),
            cum_qty,
            code: 0,
            status: answer.status()?,
            reason: RejectReason::None,
            text: Text::EMPTY,
        })
    }

    pub(super) fn say(&mut self, kind: Kind, key: OrderKey, report: &OrderReport, origin: Origin) {
        let instrument = self.entries[key.slot].instrument;
        self.emit.order(kind, instrument, report, origin);
    }

    pub(super) fn is_about(key: OrderKey, answer: &OrderAnswer<'_>) -> Result<(), WireError> {
        let id = order_id::parse(answer.client_id()).map(model::ids::ClientOrderId::raw);
        if id == Some(key.client_id) {
            Ok(())
        } else {
            let field = "clientOrderId";
            Err(WireError::Value { field })
        }
    }

    fn placed(&mut self, key: OrderKey, answer: &OrderAnswer<'_>) -> Result<(), WireError> {
        Self::is_about(key, answer)?;
        let owner = Owner::Ours(key.client_id);
        self.known.learn(key.slot, answer.order_id, owner);
        let report = self.report(key, answer)?;
        self.fills_at_placement(key, answer)?;
        let kind = match report.status {
            OrderStatus::NotStated
            | OrderStatus::Open
            | OrderStatus::PartiallyFilled
            | OrderStatus::Filled => Kind::OrderAcked,
            OrderStatus::Cancelled => Kind::OrderCancelled,
            OrderStatus::Expired => Kind::OrderExpired,
            OrderStatus::Rejected => Kind::OrderRejected,
        };
        self.say(kind, key, &report, Origin::Answer);
        Ok(())
    }

    fn fills_at_placement(
        &mut self,
        key: OrderKey,
        answer: &OrderAnswer<'_>,
    ) -> Result<(), WireError> {
        let entry = &self.entries[key.slot];
        for row in answer.fills.iter() {
            let Some(trade_id) = row.trade_id else {
                continue; // The stream brings it with its id.
            };
            let terms = Terms {
                client_id: key.client_id,
                order_id: answer.order_id,
                trade_id,
                time_ms: answer.time_ms(),
                price: &row.price,
                qty: &row.qty,
                fee: &row.commission,
                fee_asset: row.commission_asset.as_str(),
                side: answer.side()?,
                liquidity: Liquidity::Taker,
            };
            let fill = terms.fill(entry)?;
            if self.known.fill((key.slot, trade_id, answer.order_id)) {
                self.emit.fill(entry.instrument, &fill, Origin::Answer);
            }
        }
        Ok(())
    }

    pub(super) fn cancelled(
        &mut self,
        key: OrderKey,
        answer: &OrderAnswer<'_>,
    ) -> Result<(), WireError> {
        Self::is_about(key, answer)?;
        let report = self.report(key, answer)?;
        let kind = match report.status {
            OrderStatus::Cancelled => Kind::OrderCancelled,
            OrderStatus::Expired => Kind::OrderExpired,
            OrderStatus::NotStated
            | OrderStatus::Open
            | OrderStatus::PartiallyFilled
            | OrderStatus::Filled
            | OrderStatus::Rejected => return Err(WireError::Value { field: "status" }),
        };
        self.say(kind, key, &report, Origin::Answer);
        Ok(())
    }

    fn halves(
        &mut self,
        old: OrderKey,
        new: OrderKey,
        halves: &CancelReplace<'_>,
    ) -> Result<(), WireError> {
        match &halves.cancel {
            Half::Done(answer) => self.cancelled(old, answer)?,
            Half::Failed(error) => self.cancel_refused(old, 400, error),
            Half::NotAttempted => {
                let words = "the venue did not try the cancel";
                let report = refusal(old.client_id, RejectReason::Other, 0, words);
                self.say(Kind::CancelRejected, old, &report, Origin::Answer);
            }
        }
        match &halves.place {
            Half::Done(answer) => self.placed(new, answer)?,
            Half::Failed(error) => {
                self.refusal_of_any(400, error);
                self.place_refused(new, 400, error);
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
    fn found(&mut self, key: OrderKey, answer: &OrderAnswer<'_>) -> Result<(), WireError> {
        // Asked for by our id, so it is ours, whatever name a cancel may have given it since.
        let owner = Owner::Ours(key.client_id);
        self.known.learn(key.slot, answer.order_id, owner);
        let status = self.report(key, answer)?;
        self.say_quantity(key, answer)?;
        if status.cum_qty > Lots(0) {
            let from = None;
            self.tasks.push_back(Task::TradesOf { key, from, status });
        } else {
            self.say(Kind::OrderStatus, key, &status, Origin::Query);
        }
        Ok(())
    }

    fn refused(&mut self, request: &Request, status: u16, error: &ErrorBody<'_>) {
        match request.purpose {
            Purpose::Place(key) => self.place_refused(key, status, error),
            Purpose::Cancel(key) => self.cancel_refused(key, status, error),
            Purpose::Replace { old, new } => self.replace_refused(old, new, status, error),
            Purpose::Amend(key) => {
                let verdict = classify(status, error.code, error.message());
                self.refuse(Kind::AmendRejected, key, verdict, error);
            }
            Purpose::Status(key) => self.query_refused(key, status, error),
            Purpose::Own(task) => self.own_refused(task, request, status, error),
        }
    }

    fn place_refused(&mut self, key: OrderKey, status: u16, error: &ErrorBody<'_>) {
        let verdict = classify(status, error.code, error.message());
        self.refuse(Kind::OrderRejected, key, verdict, error);
    }

    fn cancel_refused(&mut self, key: OrderKey, status: u16, error: &ErrorBody<'_>) {
        let verdict = classify(status, error.code, error.message());
        self.refuse(Kind::CancelRejected, key, verdict, error);
    }

    /// A certain refusal is said as `kind`; otherwise the order is unknown.
    fn refuse(&mut self, kind: Kind, key: OrderKey, verdict: Verdict, error: &ErrorBody<'_>) {
        let (reason, words) = (verdict.reason(), error.message());
        if verdict.is_definite() {
            let report = refusal(key.client_id, reason, error.code, words);
            self.say(kind, key, &report, Origin::Answer);
        } else {
            self.unknown(key, reason, error.code, words);
        }
    }

    fn replace_refused(
        &mut self,
        old: OrderKey,
        new: OrderKey,
        status: u16,
        error: &ErrorBody<'_>,
    ) {
        let verdict = classify(status, error.code, error.message());
        let halves = match (verdict, error.data) {
            (Verdict::Partial, Some(data)) => CancelReplace::read(data).ok(),
            _ => None,
        };
        if let Some(halves) = halves {
            let read = self.halves(old, new, &halves);
            if let Err(error) = read {
                self.unreadable(error);
                let words = "the answer could not be read";
                self.unknown(old, RejectReason::VenueUnsure, 0, words);
                self.unknown(new, RejectReason::VenueUnsure, 0, words);
            }
        } else {
            self.refuse(Kind::CancelRejected, old, verdict, error);
            self.refuse(Kind::OrderRejected, new, verdict, error);
        }
    }

    fn query_refused(&mut self, key: OrderKey, status: u16, error: &ErrorBody<'_>) {
        let verdict = classify(status, error.code, error.message());
        let (code, words) = (error.code, error.message());
        let mut report = refusal(key.client_id, verdict.reason(), code, words);
        match code {
            NO_SUCH_ORDER => self.say(Kind::OrderAbsent, key, &report, Origin::Query),
            ARCHIVED => {
                report.status = OrderStatus::Expired;
                report.reason = RejectReason::None;
                self.say(Kind::OrderStatus, key, &report, Origin::Query);
            }
            _ => self.unknown(key, verdict.reason(), code, words),
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
                | Task::Reconcile
                | Task::List
                | Task::Trades { .. }
                | Task::Account
                | Task::WhoIs { .. }
                | Task::CancelAll { .. },
            ) => {}
        }
    }
}
