//! The gate before a gateway: in the strict durability modes an order leaves only when the journal
//! has it, and with it its cause, on stable storage.
//!
//! Cancels and queries pass at once: they only take risk away or ask, and must go out while the
//! disk stands still or has failed. One about an order that is itself held follows that order, or
//! the venue would not know what is meant. Orders keep their order.
//!
//! After a failed sync nothing becomes durable any more. What is held then is never sent: it ends
//! as `SendFailed`, made here, so that each command still has exactly one `Sent` or `SendFailed`.
//!
//! Bounded by the credits (C2 in `topology`): what is held here and what waits for the gateway's
//! capacity are together at most `COMMANDS_IN_FLIGHT_MAX`.
//!
//! Hot path: yes. Allocates: no (but at start). Locks: no.

use std::collections::VecDeque;

use journal::Watch;
use model::body::{OrderReport, OrderStatus, RejectReason, Text};
use model::command::{CommandView, command};
use model::limits::COMMANDS_IN_FLIGHT_MAX;
use model::num::Lots;
use model::ports::{EventSink, Trace};
use model::record::{Kind, Record};

/// A command on its way to a gateway.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<C> {
    pub(crate) command: C,
    pub(crate) trace: Trace,
    /// Its log sequence.
    pub(crate) log_seq: u64,
}

/// How far the journal is durable, and whether it ever will be further.
pub(crate) trait Durable {
    fn durable_seq(&self) -> u64;
    fn has_failed(&self) -> bool;
}

impl Durable for Watch {
    fn durable_seq(&self) -> u64 {
        Watch::durable_seq(self)
    }

    fn has_failed(&self) -> bool {
        self.failed().is_some()
    }
}

/// What to do with a command now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Go,
    Hold,
    Fail,
}

/// A command that waits, and whether the order that it is about has failed.
#[derive(Clone, Copy)]
struct Held<C> {
    outgoing: Outgoing<C>,
    is_doomed: bool,
}

/// See the module's header.
pub(crate) struct Gate<D, C> {
    /// `None`: the durability mode holds nothing back.
    durable: Option<D>,
    /// Oldest first.
    held: VecDeque<Held<C>>,
}

impl<D: Durable, C: AsRef<Record> + Copy> Gate<D, C> {
    pub(crate) fn new(durable: Option<D>) -> Self {
        let places = if durable.is_some() {
            COMMANDS_IN_FLIGHT_MAX
        } else {
            0
        };
        Self {
            durable,
            held: VecDeque::with_capacity(places),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Takes a command: gives it back if it may go now, else holds it.
    #[inline]
    pub(crate) fn pass(&mut self, outgoing: Outgoing<C>) -> Option<Outgoing<C>> {
        let Some(durable) = &self.durable else {
            return Some(outgoing);
        };
        let held = Held {
            outgoing,
            is_doomed: false,
        };
        let fate = fate(&held, durable, self.held.iter());
        // An order behind a held one waits for its turn.
        let overtakes = !self.held.is_empty() && places(outgoing.command.as_ref()).is_some();
        if fate == Fate::Go && !overtakes {
            return Some(outgoing);
        }
        self.held.push_back(held);
        None
    }

    /// Gives what may go now to `go`, in order, and reports what never will to `sink`. Whether
    /// anything happened.
    pub(crate) fn release(
        &mut self,
        sink: &mut impl EventSink,
        stamp_ns: u64,
        mut go: impl FnMut(Outgoing<C>),
    ) -> bool {
        let Some(durable) = &self.durable else {
            return false;
        };
        let mut index = 0;
        let before = self.held.len();
        while let Some(held) = self.held.get(index).copied() {
            match fate(&held, durable, self.held.iter().take(index)) {
                Fate::Hold => index += 1,
                Fate::Go => {
                    self.held.remove(index);
                    go(held.outgoing);
                }
                Fate::Fail => {
                    let record = held.outgoing.command.as_ref();
                    if !sink.push(&never_sent(record, stamp_ns)) {
                        break;
                    }
                    self.held.remove(index);
                    if let Some(order) = places(record) {
                        doom(self.held.iter_mut().skip(index), order);
                    }
                }
            }
        }
        self.held.len() < before
    }
}

/// What follows an order that was never sent is never sent either.
fn doom<'a, C: AsRef<Record> + 'a>(held: impl Iterator<Item = &'a mut Held<C>>, order: u64) {
    for follower in held {
        let record = follower.outgoing.command.as_ref();
        follower.is_doomed |= places(record).is_none() && about(record) == order;
    }
}

/// What is to become of `outgoing`, behind `earlier`.
fn fate<'a, C: AsRef<Record> + 'a>(
    held: &Held<C>,
    durable: &impl Durable,
    mut earlier: impl Iterator<Item = &'a Held<C>>,
) -> Fate {
    let outgoing = &held.outgoing;
    let record = outgoing.command.as_ref();
    if held.is_doomed {
        return Fate::Fail;
    }
    if places(record).is_some() {
        // In this order: what was durable before the failure is durable.
        return if outgoing.log_seq <= durable.durable_seq() {
            Fate::Go
        } else if durable.has_failed() {
            Fate::Fail
        } else {
            Fate::Hold
        };
    }
    let order = about(record);
    let is_held = earlier.any(|held| places(held.outgoing.command.as_ref()) == Some(order));
    if is_held { Fate::Hold } else { Fate::Go }
}

/// The client id of the order that a command is about; 0 if it is about none.
fn about(record: &Record) -> u64 {
    command(record).map_or(0, |view| view.client_id())
}

/// The client id of the order that a command places.
fn places(record: &Record) -> Option<u64> {
    match command(record) {
        Ok(CommandView::NewOrder(order)) => Some(order.client_id),
        Ok(CommandView::ReplaceOrder(order)) => Some(order.client_id),
        Ok(
            CommandView::CancelOrder(_)
            | CommandView::QueryOrder(_)
            | CommandView::QueryOpenOrders(_)
            | CommandView::AmendOrder(_)
            | CommandView::CancelAll(_)
            | CommandView::Latch(_),
        )
        | Err(_) => None,
    }
}

/// The event that a command did not leave.
fn never_sent(record: &Record, stamp_ns: u64) -> Record {
    let report = OrderReport {
        client_id: about(record),
        venue_order_id: 0,
        venue_time_ns: 0,
        cum_qty: Lots::ZERO,
        code: 0,
        status: OrderStatus::NotStated,
        reason: RejectReason::NotSent,
        text: Text::cut("the journal could not be synced"),
    };
    let mut failed = Record::new(Kind::SendFailed, &report).stamped(stamp_ns);
    failed.detail = record.kind;
    if let Some(account) = record.account() {
        failed = failed.on_account(account);
    }
    if let Some(instrument) = record.instrument() {
        failed = failed.on_instrument(instrument);
    }
    match record.strategy() {
        Some(strategy) => failed.by_strategy(strategy),
        None => failed,
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
