//! How held orders end: each, its group, and what waits for its fills.
//!
//! Hot path: only in an order's end. Allocates: no.

use model::ids::ClientOrderId;

use super::counted::Unit;
use super::entry::{Held, HeldEnd, Phase};
use super::table::{Ended, HeldOrders};

impl HeldOrders {
    /// The others of a group end, because `winner` goes or is filled.
    pub(super) fn end_siblings(&mut self, winner: &Held) {
        let Some(group) = winner.group() else {
            return;
        };
        for index in (0..self.entries.len()).rev() {
            let held = &self.entries[index];
            if held.group() == Some(group) && held.id != winner.id {
                self.end(index, HeldEnd::Sibling, 0);
            }
        }
    }

    /// What a child closes, its parent must not open again, nor stand in its way.
    pub(super) fn end_parent(&mut self, child: &Held) {
        let Some(parent) = child.parent() else {
            return;
        };
        match self.place_of(parent) {
            Ok(index) => self.end(index, HeldEnd::Sibling, 0),
            Err(_) => self.cancels.push(parent),
        }
    }

    /// Ends one: at once, or when its order at the venue has ended.
    pub(super) fn end(&mut self, index: usize, why: HeldEnd, asked_in: u32) {
        let held = &mut self.entries[index];
        match held.working() {
            Some(order) => {
                held.ending = held.ending.or(Some(why));
                let unit = Unit::of(held);
                self.changed(unit);
                self.cancels.push(order);
            }
            None => self.take_out(index, why, asked_in),
        }
    }

    pub(super) fn take_out(&mut self, index: usize, why: HeldEnd, asked_in: u32) {
        let id = self.entries[index].id;
        if let Some(held) = self.lift(id) {
            self.ended.push_back(Ended {
                held,
                why,
                asked_in,
            });
            self.orphan(&held);
        }
    }

    /// What waits for the fills of one that is no more gets none, nor does what waits for that.
    fn orphan(&mut self, parent: &Held) {
        let mut next = self.ended.len();
        self.orphan_children(parent.id);
        while let Some(child) = self.ended.get(next).map(|ended| ended.held.id) {
            self.orphan_children(child);
            next += 1;
        }
    }

    fn orphan_children(&mut self, parent: ClientOrderId) {
        for index in (0..self.entries.len()).rev() {
            let held = self.entries[index];
            if held.parent() != Some(parent) {
                continue;
            }
            self.changed(Unit::of(&held));
            if held.phase == Phase::Dormant {
                self.entries.remove(index);
                self.waiting -= usize::from(held.behind.is_some());
                self.ended.push_back(Ended {
                    held,
                    why: HeldEnd::Parent,
                    asked_in: 0,
                });
            }
        }
    }

    /// Takes one out without an end, for [`Self::insert`] or [`Self::close`].
    pub(crate) fn lift(&mut self, id: ClientOrderId) -> Option<Held> {
        let index = self.place_of(id).ok()?;
        let held = self.entries.remove(index);
        self.changed(Unit::of(&held));
        self.waiting -= usize::from(held.behind.is_some());
        self.rewatch(id, held.watches());
        self.due_ns = 0;
        Some(held)
    }

    /// Ends one that was taken out.
    pub(crate) fn close(&mut self, held: &Held, why: HeldEnd) {
        self.ended.push_back(Ended {
            held: *held,
            why,
            asked_in: 0,
        });
        self.orphan(held);
    }

    /// Ends one for a reason of its own.
    pub(crate) fn finish(&mut self, id: ClientOrderId, why: HeldEnd, asked_in: u32) {
        if let Ok(index) = self.place_of(id) {
            self.end(index, why, asked_in);
        }
    }

    /// Ends all of which this is true.
    pub(crate) fn finish_all(&mut self, why: HeldEnd, mut which: impl FnMut(&Held) -> bool) {
        for index in (0..self.entries.len()).rev() {
            // An end may take others with it.
            if self.entries.get(index).is_some_and(&mut which) {
                self.end(index, why, 0);
            }
        }
    }
}
