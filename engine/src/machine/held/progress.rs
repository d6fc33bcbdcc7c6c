//! What is learned about orders makes of held ones: fills are counted, children wake, ends come.
//!
//! Hot path: only after events about orders. Allocates: no.

use model::ids::ClientOrderId;
use model::num::Lots;

use super::counted::Unit;
use super::entry::{Held, HeldEnd, Phase};
use super::table::HeldOrders;
use crate::machine::orders::{OrderState, Orders};

impl HeldOrders {
    /// Something was learned about an order, or about all of them: counts fills, wakes children,
    /// ends what is at its end.
    pub(crate) fn learn(&mut self, about: Option<ClientOrderId>, orders: &Orders, now_ns: u64) {
        if about.is_none() {
            self.all_changed();
        }
        for index in 0..self.entries.len() {
            let Some(order) = self.entries[index].working() else {
                continue;
            };
            if about.is_none_or(|about| about == order) {
                // What is left of it at the venue may be another.
                self.changed(Unit::of(&self.entries[index]));
                self.count(index, orders);
            }
        }
        self.wake(about, orders, now_ns);
        // Children after all fills are counted, ends after children.
        for index in (0..self.entries.len()).rev() {
            let Some(held) = self.entries.get(index) else {
                continue;
            };
            if let Some(parent) = held.parent()
                && about.is_none_or(|about| self.is_of(parent, about))
            {
                self.release(index, parent, orders, now_ns);
            }
        }
        // An end may take others with it, and move what was not looked at yet.
        let mut before = usize::MAX;
        while self.entries.len() < before {
            before = self.entries.len();
            for index in (0..before).rev() {
                self.settle(index, orders, now_ns);
            }
        }
    }

    /// Whether an order at the venue is `id`, or one of the held order `id`.
    fn is_of(&self, id: ClientOrderId, order: ClientOrderId) -> bool {
        id == order || self.get(id).and_then(Held::working) == Some(order)
    }

    fn count(&mut self, index: usize, orders: &Orders) {
        let held = &mut self.entries[index];
        let Phase::Working { before, qty, order } = held.phase else {
            return;
        };
        let Some(order) = orders.get(order) else {
            return;
        };
        if order.qty < qty {
            // The venue confirmed an amendment: what it was asked for is less now.
            let qty = order.qty;
            held.phase = Phase::Working {
                order: order.client_id,
                before,
                qty,
            };
            let total = held.taken.0.saturating_add(before.0).saturating_add(qty.0);
            let unit = Unit::of(held);
            self.resize(unit, Lots(total), None);
        }
        let held = &mut self.entries[index];
        let total = before.0.saturating_add(order.filled.0);
        let news = total.saturating_sub(held.filled.0);
        if news <= 0 {
            return;
        }
        held.filled = Lots(total);
        let held = *held;
        if let Some(group) = held.group() {
            for other in &mut self.entries {
                if other.group() == Some(group) && other.id != held.id {
                    other.taken = Lots(other.taken.0.saturating_add(news));
                }
            }
        }
        self.due_ns = 0;
    }

    /// Takes a parent's fills.
    fn release(&mut self, index: usize, parent: ClientOrderId, orders: &Orders, now_ns: u64) {
        self.changed(Unit::of(&self.entries[index]));
        let by_engine = self.get(parent).map(|held| (held.filled, false));
        let by_venue = || {
            orders
                .get(parent)
                .map(|order| (order.filled, order.is_settled()))
        };
        // One that is known no more has told its last fills before.
        let (filled, over) = by_engine
            .or_else(by_venue)
            .unwrap_or((self.entries[index].released, true));
        let held = &mut self.entries[index];
        let released = Lots(filled.0.min(held.place.qty.0));
        let grew = released > held.released;
        if held.phase == Phase::Going {
            // What stood in its way may be gone.
            held.retry_ns = held.retry_ns.min(now_ns);
            self.due_ns = 0;
        }
        held.released = held.released.max(released);
        if held.phase == Phase::Dormant && held.open() > Lots::ZERO {
            held.since_ns = now_ns;
            held.retry_ns = now_ns;
            held.phase = if held.watch.is_some() {
                Phase::Armed
            } else {
                Phase::Going
            };
            self.due_ns = 0;
            let id = self.entries[index].id;
            self.rewatch(id, None);
        } else if held.phase == Phase::Dormant && over {
            let why = if held.filled > Lots::ZERO {
                HeldEnd::Done
            } else {
                HeldEnd::Parent
            };
            self.end(index, why, 0);
        } else if grew
            && held.ending.is_none()
            && let Some(order) = held.working()
        {
            held.again = true;
            self.cancels.push(order);
        }
    }

    /// Whether its parent may fill more.
    pub(super) fn is_growing(&self, held: &Held, orders: &Orders) -> bool {
        let lives = |parent| {
            self.get(parent).is_some()
                || orders.get(parent).is_some_and(|order| !order.is_settled())
        };
        held.released < held.place.qty && held.parent().is_some_and(lives)
    }

    fn settle(&mut self, index: usize, orders: &Orders, now_ns: u64) {
        let Some(held) = self.entries.get(index) else {
            return;
        };
        let more_to_come = self.is_growing(held, orders);
        let nothing_left = held.open() == Lots::ZERO && held.released > Lots::ZERO;
        let Some(order) = held.working() else {
            // Its group filled all of it.
            if nothing_left && !more_to_come {
                self.take_out(index, HeldEnd::Done, 0);
            }
            return;
        };
        if orders.get(order).is_some_and(|order| !order.is_settled()) {
            return;
        }
        let sent = orders
            .get(order)
            .is_some_and(|order| order.state != OrderState::NotSent);
        let held = &mut self.entries[index];
        if let Some(why) = held.ending {
            self.take_out(index, why, 0);
        } else if nothing_left && !more_to_come {
            let winner = *held;
            self.take_out(index, HeldEnd::Done, 0);
            self.end_siblings(&winner);
        } else if held.again || held.protects() || nothing_left {
            // A protection whose order ended without its fills gives up its own price.
            held.escalated |= held.protects() && !held.again && sent && !nothing_left;
            held.again = false;
            held.phase = if nothing_left {
                Phase::Dormant
            } else {
                Phase::Going
            };
            held.since_ns = now_ns;
            self.due_ns = 0;
            let unit = Unit::of(held);
            self.changed(unit);
        } else {
            self.take_out(index, HeldEnd::Ended, 0);
        }
    }
}
