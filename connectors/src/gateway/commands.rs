//! Commands of the machine: what is written for each, and what is said if it is not.
//!
//! Hot path: yes. Allocates: no.

use model::body::{RejectReason, Sent};
use model::command::{self, CommandView};
use model::ports::{Clock, Trace};
use model::record::Record;

use super::dialect::{Ask, Dialect};
use super::line::{NotWritten, Outlet};
use super::session::{Phase, Session};
use super::table::{OrderKey, Purpose, Task};

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

impl<D: Dialect> Session<D> {
    /// Takes one command; without an outlet there is no connection.
    pub(crate) fn command<O: Outlet>(
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
            // It is for the last line before us, and never leaves.
            _ if matches!(view, CommandView::Latch(_)) => Ok(()),
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
        let slot = match record.instrument() {
            Some(instrument) => Some(self.slot(instrument).ok_or(Refused::Instrument)?),
            None => None,
        };
        match view {
            CommandView::QueryOpenOrders(_) => Ok(self.ask(Task::LIST, outlet, now_ns)?),
            CommandView::CancelAll(_) => self.cancel_all(slot, outlet, now_ns),
            CommandView::NewOrder(_)
            | CommandView::CancelOrder(_)
            | CommandView::ReplaceOrder(_)
            | CommandView::QueryOrder(_)
            | CommandView::AmendOrder(_)
            | CommandView::Latch(_) => {
                let slot = slot.ok_or(Refused::Instrument)?;
                self.write_order(view, slot, outlet, now_ns)
            }
        }
    }

    /// Everything on an instrument, or on each. The venue knows no cancel over all of them: what
    /// does not leave now is sent as soon as it may.
    fn cancel_all<O: Outlet>(
        &mut self,
        slot: Option<usize>,
        outlet: &mut O,
        now_ns: u64,
    ) -> Result<(), Refused> {
        let slots = slot.map_or(0..self.entries.len(), |slot| slot..slot + 1);
        let (mut any, mut first) = (false, None);
        for slot in slots.clone() {
            match self.ask(Task::CancelAll { slot }, outlet, now_ns) {
                Ok(()) => any = true,
                Err(not_written) => first = first.or(Some(not_written)),
            }
        }
        match first {
            None if any => Ok(()),
            None => Err(Refused::Instrument),
            Some(_) if any => {
                self.cancel_rest(slots);
                Ok(())
            }
            Some(not_written) => Err(not_written.into()),
        }
    }

    /// Of these instruments those whose cancel is not on its way: later.
    #[cold]
    fn cancel_rest(&mut self, slots: std::ops::Range<usize>) {
        for slot in slots {
            let task = Task::CancelAll { slot };
            let purpose = Purpose::Own(task);
            let written = self.line.table.iter().any(|one| one.purpose == purpose);
            if !written && !self.tasks.contains(&task) {
                self.tasks.push_back(task);
            }
        }
    }

    fn write_order<O: Outlet>(
        &mut self,
        view: &CommandView<'_>,
        slot: usize,
        outlet: &mut O,
        now_ns: u64,
    ) -> Result<(), Refused> {
        let key = |client_id| OrderKey { slot, client_id };
        let (purpose, ask) = match *view {
            CommandView::NewOrder(order) => (
                Purpose::Place(key(order.client_id)),
                Ask::Place(slot, order),
            ),
            CommandView::CancelOrder(order) => {
                let ids = (order.client_id, order.venue_order_id);
                (
                    Purpose::Cancel(key(order.client_id)),
                    Ask::Cancel(slot, ids),
                )
            }
            CommandView::ReplaceOrder(order) if !self.habits.replaces => {
                return Ok(self.replace_in_two(slot, order, outlet, now_ns)?);
            }
            CommandView::ReplaceOrder(order) => {
                let (old, new) = (key(order.cancel_client_id), key(order.client_id));
                (Purpose::Replace { old, new }, Ask::Replace(slot, order))
            }
            CommandView::AmendOrder(order) => (
                Purpose::Amend(key(order.client_id)),
                Ask::Amend(slot, order),
            ),
            CommandView::QueryOrder(order) => {
                let client_id = order.client_id;
                (
                    Purpose::Status(key(client_id)),
                    Ask::Status(slot, client_id),
                )
            }
            // None of these is about one order: the caller has dealt with them.
            CommandView::QueryOpenOrders(_) | CommandView::CancelAll(_) | CommandView::Latch(_) => {
                return Err(Refused::Instrument);
            }
        };
        let line = &mut self.line;
        line.submit(outlet, now_ns, purpose, ask, &self.entries)?;
        if let Purpose::Amend(key) = purpose {
            self.amend_in_doubt(key);
        }
        Ok(())
    }
}
