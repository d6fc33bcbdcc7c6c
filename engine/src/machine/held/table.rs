//! The table of held orders, and what each event makes of it. Pure: it names what has to be sent
//! and cancelled, and risk does it.
//!
//! Invariants
//! - H1: of a group, at most one order may be at the venue. So what a group fills beyond its
//!   quantity is nothing, unless the venue fills more than it was asked for.
//! - H2: quantities come from fills only: a child is as large as its parent's fills, and what one
//!   of a group fills the others lose at the same event.
//! - H3: a market event that moves nothing costs one comparison (`watchers.rs`).
//!
//! Trade-offs: a sorted vector of at most [`HELD_MAX`]; what is walked as a whole (the
//! fill of a held order or of a parent, an end) happens once in an order's life.
//!
//! Hot path: yes. Allocates: only when an instrument is first watched.

use std::collections::VecDeque;

use model::body::Side;
use model::ids::{ClientOrderId, InstrumentId};
use model::num::Lots;
use serde::{Deserialize, Serialize};

use super::counted::{Tally, Unit};
use super::entry::{Held, HeldEnd, Phase};
use super::watchers::Watchers;
use crate::machine::digest::{Digest, Sink};
use crate::machine::orders::Orders;
use crate::machine::saved::{Unsound, require};

/// Most held orders in one machine.
pub(crate) const HELD_MAX: usize = 1_024;

/// A held order that ended, until people and its strategy can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) held: Held,
    pub(crate) why: HeldEnd,
    /// Run in which its strategy asked for that; 0 if it did not.
    pub(crate) asked_in: u32,
}

/// All held orders.
#[derive(Debug, Clone)]
pub(crate) struct HeldOrders {
    /// By id.
    pub(super) entries: Vec<Held>,
    /// Ends that wait to be told.
    pub(super) ended: VecDeque<Ended>,
    /// Ids that the engine gave in this run.
    ids: u32,
    /// Who watches which price. Derived.
    pub(super) watchers: Watchers,
    /// Orders at the venue that are to be cancelled.
    pub(super) cancels: Vec<ClientOrderId>,
    /// Those that are held for less now, until that can be told.
    resized: Vec<ClientOrderId>,
    pub(super) due_ns: u64,
    /// How many wait for an order of ours that they would trade with. Derived.
    pub(super) waiting: usize,
    /// What they may become. Derived.
    pub(super) tally: Tally,
}

/// The table as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedHeld {
    entries: Vec<Held>,
    ended: Vec<Ended>,
    ids: u32,
    due_ns: u64,
}

impl Default for HeldOrders {
    fn default() -> Self {
        Self {
            entries: Vec::with_capacity(HELD_MAX),
            ended: VecDeque::with_capacity(HELD_MAX),
            ids: 0,
            watchers: Watchers::default(),
            cancels: Vec::with_capacity(HELD_MAX),
            resized: Vec::with_capacity(HELD_MAX),
            due_ns: u64::MAX,
            waiting: 0,
            tally: Tally::default(),
        }
    }
}

impl HeldOrders {
    /// What a snapshot has to hold.
    pub(crate) fn save(&self) -> SavedHeld {
        let Self {
            entries,
            ended,
            ids,
            watchers: _,
            // Empty between events.
            cancels: _,
            resized: _,
            due_ns,
            waiting: _,
            tally: _,
        } = self;
        SavedHeld {
            entries: entries.clone(),
            ended: ended.iter().copied().collect(),
            ids: *ids,
            due_ns: *due_ns,
        }
    }

    /// The table of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(crate) fn restore(saved: &SavedHeld) -> Result<Self, Unsound> {
        let SavedHeld {
            entries,
            ended,
            ids,
            due_ns,
        } = saved;
        let fits = entries.len() + ended.len() <= HELD_MAX
            && entries.is_sorted_by(|left, right| left.id < right.id);
        require(fits, "held orders")?;
        let sound = |held: &Held| {
            let lots = [held.place.qty, held.released, held.taken, held.filled];
            lots.iter().all(|lots| *lots >= Lots::ZERO)
                && held.instrument.index() < model::limits::INSTRUMENTS_MAX
                && (held.phase != Phase::Armed || held.watch.is_some())
        };
        let all = entries.iter().chain(ended.iter().map(|end| &end.held));
        require(all.into_iter().all(sound), "a held order")?;
        let mut table = Self {
            ids: *ids,
            due_ns: *due_ns,
            ..Self::default()
        };
        table.entries.extend(entries);
        table.ended.extend(ended);
        let waits = |held: &&Held| held.behind.is_some();
        table.waiting = table.entries.iter().filter(waits).count();
        for index in 0..table.entries.len() {
            table.rewatch(table.entries[index].id, None);
        }
        Ok(table)
    }

    /// How many are held.
    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether one more finds room, with the end that it will have.
    pub(crate) fn has_room(&self) -> bool {
        self.entries.len() + self.ended.len() < HELD_MAX
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.entries.iter()
    }

    pub(super) fn place_of(&self, id: ClientOrderId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&id, |held| held.id)
    }

    pub(crate) fn get(&self, id: ClientOrderId) -> Option<&Held> {
        self.entries.get(self.place_of(id).ok()?)
    }

    pub(crate) fn at(&self, index: usize) -> Option<&Held> {
        self.entries.get(index)
    }

    /// Changes one, and looks again at what it watches and when it is due.
    pub(crate) fn change(&mut self, id: ClientOrderId, change: impl FnOnce(&mut Held)) {
        let Ok(index) = self.place_of(id) else {
            return;
        };
        let before = self.entries[index].watches();
        let waited = usize::from(self.entries[index].behind.is_some());
        change(&mut self.entries[index]);
        self.waiting = self.waiting + usize::from(self.entries[index].behind.is_some()) - waited;
        self.changed(Unit::of(&self.entries[index]));
        self.rewatch(id, before);
        // What is due is found at the next look.
        self.due_ns = 0;
    }

    /// An order ended: what waited for that goes at once. Any may have, if it is not named.
    pub(super) fn wake(&mut self, about: Option<ClientOrderId>, orders: &Orders, now_ns: u64) {
        if self.waiting == 0 {
            return;
        }
        for held in &mut self.entries {
            let Some(order) = held.behind else { continue };
            let named = about.is_none_or(|about| about == order);
            if named && orders.get_live(order).is_none() {
                held.retry_ns = held.retry_ns.min(now_ns);
                self.due_ns = 0;
            }
        }
    }

    /// Takes one; the caller has seen to the room.
    pub(crate) fn insert(&mut self, held: Held) {
        if let Err(index) = self.place_of(held.id) {
            self.entries.insert(index, held);
            self.waiting += usize::from(held.behind.is_some());
            self.change(held.id, |_| {});
        }
    }

    /// A number for an order that the engine makes for a strategy.
    pub(crate) fn next_number(&mut self) -> u32 {
        self.ids = self.ids.saturating_add(1);
        self.ids
    }

    /// A run starts: numbers begin again, and everything is looked at.
    pub(crate) const fn start(&mut self) {
        self.ids = 0;
        self.due_ns = 0;
    }

    pub(super) fn get_mut(&mut self, id: ClientOrderId) -> Option<&mut Held> {
        let index = self.place_of(id).ok()?;
        self.entries.get_mut(index)
    }

    /// The one of a unit that has an order at the venue.
    pub(crate) fn at_venue(&self, unit: Unit) -> Option<&Held> {
        let of_unit = |held: &&Held| Unit::of(held) == unit && held.working().is_some();
        self.entries.iter().find(of_unit)
    }

    /// Holds a unit for less; what is told of `told` is told elsewhere.
    pub(crate) fn resize(&mut self, unit: Unit, qty: Lots, told: Option<ClientOrderId>) {
        let resized = &mut self.resized;
        for held in self.entries.iter_mut() {
            if Unit::of(held) == unit && held.place.qty > qty {
                held.place.qty = qty;
                if told != Some(held.id) && resized.len() < HELD_MAX {
                    resized.push(held.id);
                }
            }
        }
        self.changed(unit);
        self.due_ns = 0;
    }

    /// The next one whose quantity is to be told.
    pub(crate) fn next_resized(&mut self) -> Option<ClientOrderId> {
        self.resized.pop()
    }

    /// Whether it is the order at the venue of one that protects.
    pub(crate) fn is_protection(&self, order: ClientOrderId) -> bool {
        let own = |held: &Held| held.working() == Some(order) && held.protects();
        self.entries.iter().any(own)
    }

    /// Whether one on this side waits for an order of ours to be gone.
    #[inline]
    pub(crate) fn waits_behind(&self, instrument: InstrumentId, side: Side) -> bool {
        self.waiting > 0
            && self.entries.iter().any(|held| {
                held.behind.is_some() && held.instrument == instrument && held.place.side == side
            })
    }

    /// Whether one of its group is or may be at the venue.
    pub(crate) fn is_blocked(&self, held: &Held) -> bool {
        held.group().is_some_and(|group| {
            self.entries.iter().any(|other| {
                other.group() == Some(group) && other.id != held.id && other.working().is_some()
            })
        })
    }

    /// Whether something may be due.
    #[inline]
    pub(crate) const fn is_due(&self, now_ns: u64) -> bool {
        self.due_ns <= now_ns
    }

    /// Looks after the times: ends what is over, gives up what rested too long, and says when to
    /// look again.
    pub(crate) fn pass_time(&mut self, now_ns: u64, patience_ns: u64) {
        for index in (0..self.entries.len()).rev() {
            let Some(held) = self.entries.get_mut(index) else {
                continue;
            };
            let over = held.place.good_till_ns.is_some_and(|end| end <= now_ns);
            if over && held.ending.is_none() {
                self.end(index, HeldEnd::Time, 0);
            } else if held.may_escalate()
                && let Some(order) = held.working()
                && held.since_ns.saturating_add(patience_ns) <= now_ns
            {
                held.again = true;
                held.escalated = true;
                self.cancels.push(order);
            }
        }
    }

    /// When it is to be looked at next.
    pub(crate) fn rest(&mut self, patience_ns: u64) {
        // One that waits for another's end, or for fills, is woken by these.
        let waits = |held: &Held| {
            held.phase == Phase::Going && (held.open() == Lots::ZERO || self.is_blocked(held))
        };
        self.due_ns = self
            .entries
            .iter()
            .map(|held| {
                let end = held.place.good_till_ns.filter(|_| held.ending.is_none());
                if waits(held) {
                    end.unwrap_or(u64::MAX)
                } else {
                    held.due_ns(patience_ns)
                }
            })
            .min()
            .unwrap_or(u64::MAX);
    }

    /// The next order at the venue that is to be cancelled.
    pub(crate) fn next_cancel(&mut self) -> Option<ClientOrderId> {
        self.cancels.pop()
    }

    /// The oldest end that waits to be told.
    pub(crate) fn first_ended(&self) -> Option<&Ended> {
        self.ended.front()
    }

    /// It was told.
    pub(crate) fn forget_ended(&mut self) {
        self.ended.pop_front();
    }
}

impl Digest for HeldOrders {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.entries.len() as u64);
        for held in &self.entries {
            sink.value(held);
        }
        sink.number(self.ended.len() as u64);
        for ended in &self.ended {
            sink.value(ended);
        }
        sink.number(self.ids);
        sink.number(self.due_ns);
    }
}
