//! Commands of the machine: what is written for each, and what is said if it is not.
//!
//! Hot path: yes. Allocates: no.

use model::body::{RejectReason, Sent};
use model::command::{self, CommandView};
use model::ports::{Clock, Trace};
use model::record::Record;

use super::line::{NotWritten, Outlet};
use super::session::{Phase, Session};
use super::table::{OrderKey, Purpose, Task};
use crate::binance::wire::request;

/// Why a command was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("the order connection is down")]
    Down,
    #[error("the order connection is not reconciled yet")]
    NotUp,
    #[error("the instrument is not configured")]
    Instrument,
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
}

impl Refused {
    const fn reason(self) -> RejectReason {
        match self {
            Self::NotWritten(NotWritten::Limited) => RejectReason::RateLimit,
            Self::Down | Self::NotUp | Self::Instrument | Self::NotWritten(_) => {
                RejectReason::NotSent
            }
        }
    }
}

impl Session {
    /// Takes one command; without an outlet there is no connection.
    pub(super) fn command<O: Outlet>(
        &mut self,
        record: &Record,
        trace: Trace,
        outlet: Option<&mut O>,
        clock: &impl Clock,
    ) {
        let taken_ns = clock.now_ns();
        let Ok(view) = command::command(record) else {
            // No machine makes one; if there is one, its kind is all that can be said.
            self.emit.stamp_ns = taken_ns;
            let words = "the command cannot be read";
            self.emit
                .send_failed(record, 0, RejectReason::NotSent, words);
            return;
        };
        let written = match outlet {
            Some(outlet) => self.write(record, &view, outlet, taken_ns),
            None => Err(Refused::Down),
        };
        match written {
            Ok(()) => {
                let sent = Sent {
                    command: view.number(),
                    client_id: view.client_id(),
                    received_ns: trace.received_ns,
                    sequenced_ns: trace.sequenced_ns,
                    intended_ns: trace.intended_ns,
                    approved_ns: trace.approved_ns,
                    taken_ns,
                    written_ns: clock.now_ns(),
                    reserved: [0; 16],
                };
                self.emit.stamp_ns = sent.written_ns;
                self.emit.sent(record, &sent);
            }
            Err(refused) => self.not_sent(record, &view, refused, taken_ns),
        }
    }

    #[cold]
    fn not_sent(
        &mut self,
        record: &Record,
        view: &CommandView<'_>,
        refused: Refused,
        taken_ns: u64,
    ) {
        self.emit.stamp_ns = taken_ns;
        let words = refused.to_string();
        self.emit
            .send_failed(record, view.client_id(), refused.reason(), &words);
    }

    fn write<O: Outlet>(
        &mut self,
        record: &Record,
        view: &CommandView<'_>,
        outlet: &mut O,
        now_ns: u64,
    ) -> Result<(), Refused> {
        let places = matches!(
            view,
            CommandView::NewOrder(_) | CommandView::ReplaceOrder(_)
        );
        match self.phase {
            Phase::Up => {}
            Phase::Reconciling if !places => {}
            Phase::Reconciling => return Err(Refused::NotUp),
            Phase::Closed | Phase::Measuring | Phase::LoggingOn | Phase::Subscribing => {
                return Err(Refused::Down);
            }
        }
        if let CommandView::QueryOpenOrders(_) = view {
            let purpose = Purpose::Own(Task::List);
            let list = self
                .line
                .submit(outlet, now_ns, purpose, |context, scratch, out| {
                    request::all_open_orders(context, scratch, out)
                });
            return Ok(list?);
        }
        if let CommandView::CancelAll(_) | CommandView::AmendOrder(_) | CommandView::Latch(_) = view
        {
            return Err(Refused::Instrument);
        }
        let instrument = record.instrument().ok_or(Refused::Instrument)?;
        let slot = self.slot(instrument).ok_or(Refused::Instrument)?;
        let entry = &self.entries[slot];
        let key = |client_id| OrderKey { slot, client_id };
        let purpose = match view {
            CommandView::NewOrder(order) => Purpose::Place(key(order.client_id)),
            CommandView::CancelOrder(order) => Purpose::Cancel(key(order.client_id)),
            CommandView::ReplaceOrder(order) => Purpose::Replace {
                old: key(order.cancel_client_id),
                new: key(order.client_id),
            },
            CommandView::QueryOrder(order) => Purpose::Status(key(order.client_id)),
            CommandView::QueryOpenOrders(_)
            | CommandView::CancelAll(_)
            | CommandView::AmendOrder(_)
            | CommandView::Latch(_) => Purpose::Own(Task::List),
        };
        let sent = self.line.submit(
            outlet,
            now_ns,
            purpose,
            |context, scratch, out| match view {
                CommandView::NewOrder(order) => request::place(context, entry, order, scratch, out),
                CommandView::CancelOrder(order) => {
                    let ids = (order.client_id, order.venue_order_id);
                    request::cancel(context, entry, ids, scratch, out)
                }
                CommandView::ReplaceOrder(order) => {
                    request::cancel_replace(context, entry, order, scratch, out)
                }
                CommandView::QueryOrder(order) => {
                    request::order_status(context, entry, order.client_id, scratch, out)
                }
                CommandView::QueryOpenOrders(_)
                | CommandView::CancelAll(_)
                | CommandView::AmendOrder(_)
                | CommandView::Latch(_) => request::all_open_orders(context, scratch, out),
            },
        );
        Ok(sent?)
    }
}
