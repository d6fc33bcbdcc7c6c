//! A replacement where the venue has none: a cancel, and the new order when the old one is
//! cancelled.
//!
//! Invariant R1: the new order leaves only behind word that the old one is cancelled; for any other
//! word, or none, it is refused for certain, because it never left.
//!
//! Hot path: yes. Allocates: no in steady state.

use model::body::{NewOrder, RejectReason, ReplaceOrder};
use model::record::Kind;

use super::dialect::{Ask, Dialect};
use super::emit::{Origin, refusal};
use super::line::{NotWritten, Outlet};
use super::session::Session;
use super::table::{OrderKey, Purpose};

/// A new order that waits for the end of an old one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replacing {
    old: OrderKey,
    order: ReplaceOrder,
    deadline_ns: u64,
    /// The old one is cancelled.
    free: bool,
}

impl Replacing {
    const fn new_key(&self) -> OrderKey {
        OrderKey {
            slot: self.old.slot,
            client_id: self.order.client_id,
        }
    }
}

impl<D: Dialect> Session<D> {
    /// Writes the cancel and keeps the new order.
    pub(super) fn replace_in_two<O: Outlet>(
        &mut self,
        slot: usize,
        order: &ReplaceOrder,
        outlet: &mut O,
        now_ns: u64,
    ) -> Result<(), NotWritten> {
        let client_id = order.cancel_client_id;
        let old = OrderKey { slot, client_id };
        let ask = Ask::Cancel(slot, (client_id, order.cancel_venue_order_id));
        self.line
            .submit(outlet, now_ns, Purpose::Cancel(old), ask, &self.entries)?;
        self.replacing.push(Replacing {
            old,
            order: *order,
            deadline_ns: now_ns.saturating_add(self.timing.request_ns),
            free: false,
        });
        Ok(())
    }

    /// Something was said of an order that a new one may wait for.
    pub(super) fn said_of_old(&mut self, kind: Kind, key: OrderKey) {
        if self.replacing.is_empty() {
            return;
        }
        let is_its = |one: &Replacing| one.old == key && !one.free;
        if kind == Kind::OrderCancelled {
            let waiting = self.replacing.iter_mut().filter(|one| is_its(one));
            waiting.for_each(|one| one.free = true);
        } else if matches!(
            kind,
            Kind::CancelRejected | Kind::OrderRejected | Kind::OrderExpired
        ) {
            self.give_up("not placed: the cancel failed", is_its);
        } else if kind == Kind::OrderUnknown {
            let words = "not placed: what became of the cancel is not known";
            self.give_up(words, is_its);
        }
    }

    /// Places what may be placed, and gives up what waited too long.
    pub(super) fn place_replacements<O: Outlet>(&mut self, outlet: &mut O, now_ns: u64) -> bool {
        if self.replacing.is_empty() {
            return false;
        }
        self.emit.stamp_ns = now_ns;
        while let Some(at) = self.replacing.iter().position(|one| one.free) {
            let one = self.replacing.swap_remove(at);
            let order = new_order(&one.order);
            let (purpose, ask) = (
                Purpose::Place(one.new_key()),
                Ask::Place(one.old.slot, &order),
            );
            let line = &mut self.line;
            if let Err(refused) = line.submit(outlet, now_ns, purpose, ask, &self.entries) {
                let words = format!("not placed: {refused}");
                self.refuse_new(&one, &words);
            }
        }
        let words = "not placed: no word of the cancel in time";
        self.give_up(words, |one| now_ns >= one.deadline_ns);
        true
    }

    /// The connection is gone: nothing that waits will be placed.
    pub(super) fn drop_replacements(&mut self) {
        self.give_up("not placed: the connection was lost", |_| true);
    }

    fn give_up(&mut self, words: &str, which: impl Fn(&Replacing) -> bool) {
        while let Some(at) = self.replacing.iter().position(&which) {
            let one = self.replacing.swap_remove(at);
            self.refuse_new(&one, words);
        }
    }

    fn refuse_new(&mut self, one: &Replacing, words: &str) {
        let report = refusal(one.order.client_id, RejectReason::Other, 0, words);
        self.say(Kind::OrderRejected, one.new_key(), &report, Origin::Answer);
    }
}

const fn new_order(order: &ReplaceOrder) -> NewOrder {
    NewOrder {
        command: order.command,
        client_id: order.client_id,
        price: order.price,
        qty: order.qty,
        tag: order.tag,
        side: order.side,
        order_type: order.order_type,
        time_in_force: order.time_in_force,
        reduce_only: order.reduce_only,
        self_trade: order.self_trade,
        reserved: [0; 35],
    }
}
