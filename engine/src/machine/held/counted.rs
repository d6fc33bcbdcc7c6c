//! What held orders may become, counted from their placement on: number, value, and what they may
//! open, for each thing that a limit may hold for.
//!
//! The rule. What stands or falls together is one *unit*: an order by itself, or a group of which
//! one cancels the others. A unit counts as
//! - one open order, unless one of it is at the venue, for then that one counts;
//! - the highest value of what any one of it may still fill, less what the one at the venue counts;
//! - on each side the most lots that any one of it may still open there, less what the one at the
//!   venue may still fill. What may only reduce a position opens none.
//!
//! A child counts with its whole quantity from its placement on, whatever its parent filled; once
//! the parent can fill no more, with what it did fill.
//!
//! The sums follow from the held orders and the orders at the venue alone, so a snapshot does not
//! hold them. A unit is counted anew when something changed about it, before anything is judged.
//!
//! Hot path: yes. Allocates: only when instruments or accounts come.

use model::body::Side;
use model::ids::{ClientOrderId, StrategyId};

use super::entry::Held;
use super::table::{HELD_MAX, HeldOrders};
use crate::machine::orders::sums::{Footprint, Sums, Terms, value};
use crate::machine::orders::{Order, Orders};

/// What counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    /// An order without a group.
    One(ClientOrderId),
    /// A strategy's group.
    Group(StrategyId, u64),
}

impl Unit {
    pub(crate) fn of(held: &Held) -> Self {
        match held.group() {
            Some((strategy, group)) => Self::Group(strategy, group),
            None => Self::One(held.id),
        }
    }
}

/// A unit's part of the sums: the first with its number and value, and what it may open on the
/// first side; the second with what it may open on the other.
type Parts = [Option<Footprint>; 2];

/// See the module's header.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    sums: Sums,
    /// By unit.
    counted: Vec<(Unit, Parts)>,
    /// Units that are to be counted anew.
    changed: Vec<Unit>,
    /// All of them are.
    all_changed: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            sums: Sums::default(),
            counted: Vec::with_capacity(HELD_MAX),
            changed: Vec::with_capacity(HELD_MAX),
            all_changed: false,
        }
    }
}

const fn column(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

impl Tally {
    fn set(&mut self, unit: Unit, now: Parts) {
        let place = self.counted.binary_search_by_key(&unit, |(unit, _)| *unit);
        let before = place.map_or([None; 2], |place| self.counted[place].1);
        for (before, now) in before.iter().zip(&now) {
            self.sums.change(before.as_ref(), now.as_ref());
        }
        match (place, now == [None; 2]) {
            (Ok(place), true) => {
                self.counted.remove(place);
            }
            (Ok(place), false) => self.counted[place].1 = now,
            (Err(_), true) => {}
            (Err(place), false) => self.counted.insert(place, (unit, now)),
        }
    }

    fn forget(&mut self) {
        while let Some((_, parts)) = self.counted.pop() {
            for part in parts.iter().flatten() {
                self.sums.change(Some(part), None);
            }
        }
    }
}

impl HeldOrders {
    /// Running sums over what held orders may become, as of the last [`Self::recount`].
    pub(crate) const fn sums(&self) -> &Sums {
        &self.tally.sums
    }

    /// Makes room for the sums over these instruments and accounts, and counts anew.
    pub(crate) fn count_over(
        &mut self,
        terms: Vec<Option<Terms>>,
        accounts: usize,
        orders: &Orders,
    ) {
        self.tally.counted.clear();
        // A held order locks no funds: the venue does not know it.
        self.tally.sums = Sums::open(terms, accounts, 0);
        self.all_changed();
        self.recount(orders);
    }

    /// Something changed about a unit.
    pub(super) fn changed(&mut self, unit: Unit) {
        let changed = &mut self.tally.changed;
        if changed.last() == Some(&unit) {
            return;
        }
        if changed.len() < HELD_MAX {
            changed.push(unit);
        } else {
            self.tally.all_changed = true;
        }
    }

    pub(super) const fn all_changed(&mut self) {
        self.tally.all_changed = true;
    }

    /// Counts anew what changed. Without a change it costs two comparisons.
    #[inline]
    pub(crate) fn recount(&mut self, orders: &Orders) {
        if self.tally.all_changed || !self.tally.changed.is_empty() {
            self.recount_changed(orders);
        }
    }

    fn recount_changed(&mut self, orders: &Orders) {
        if self.tally.all_changed {
            self.tally.all_changed = false;
            self.tally.changed.clear();
            self.tally.forget();
            for index in 0..self.entries.len() {
                let unit = Unit::of(&self.entries[index]);
                let parts = self.parts(unit, orders);
                self.tally.set(unit, parts);
            }
        }
        while let Some(unit) = self.tally.changed.pop() {
            let parts = self.parts(unit, orders);
            self.tally.set(unit, parts);
        }
    }

    /// Whether the sums are what counting everything anew would give.
    pub(crate) fn is_counted(&self, orders: &Orders) -> bool {
        let kept = &self.tally.counted;
        let found = |unit: Unit| {
            let place = kept.binary_search_by_key(&unit, |(unit, _)| *unit);
            place.map_or([None; 2], |place| kept[place].1)
        };
        let mut entries = self.entries.iter();
        kept.iter()
            .all(|(unit, parts)| *parts == self.parts(*unit, orders))
            && entries.all(|held| {
                let unit = Unit::of(held);
                found(unit) == self.parts(unit, orders)
            })
    }

    /// Takes a unit out of the sums until the next [`Self::recount`]: one of it is judged now, and
    /// must not count against itself.
    pub(crate) fn set_aside(&mut self, unit: Unit) {
        self.tally.set(unit, [None; 2]);
        self.changed(unit);
    }

    fn parts(&self, unit: Unit, orders: &Orders) -> Parts {
        match unit {
            Unit::One(id) => self.parts_of(self.get(id).into_iter(), orders),
            Unit::Group(strategy, group) => {
                let key = Some((strategy, group));
                let of_group = self.entries.iter().filter(|held| held.group() == key);
                self.parts_of(of_group, orders)
            }
        }
    }

    /// The rule of the module's header.
    fn parts_of<'a>(&self, unit: impl Iterator<Item = &'a Held>, orders: &Orders) -> Parts {
        let (mut first, mut at_venue): (Option<&Held>, Option<&Order>) = (None, None);
        let (mut highest, mut opens, mut any) = (0, [0_i64; 2], false);
        for held in unit {
            first = first.or(Some(held));
            at_venue = at_venue.or(held.working().and_then(|id| orders.get_live(id)));
            let lots = self.may_fill(held, orders);
            any |= lots > 0;
            highest = value(held.lot_value, lots).max(highest);
            if !held.place.reduce_only {
                let most = &mut opens[column(held.place.side)];
                *most = lots.max(*most);
            }
        }
        let Some(first) = first else {
            return [None; 2];
        };
        if let Some(order) = at_venue {
            let lots = order.exposure().0;
            let most = &mut opens[column(order.side)];
            *most = most.saturating_sub(lots).max(0);
            highest = (highest - value(order.lot_value, lots)).max(0);
        }
        let part = |side: Side, value| {
            let lots = opens[column(side)];
            let counts = any && at_venue.is_none() && side == Side::Buy;
            let about = (first.instrument, first.account, first.strategy);
            (counts || lots > 0 || value > 0)
                .then(|| Footprint::held(about, side, (lots, value), counts))
        };
        [part(Side::Buy, highest), part(Side::Sell, 0)]
    }

    /// What may still be filled of one, should its parent fill as much as it can.
    fn may_fill(&self, held: &Held, orders: &Orders) -> i64 {
        if held.ending.is_some() {
            return 0;
        }
        let most = if held.parent().is_none() || self.is_growing(held, orders) {
            held.place.qty
        } else {
            held.place.qty.min(held.released)
        };
        most.0
            .saturating_sub(held.taken.0)
            .saturating_sub(held.filled.0)
            .max(0)
    }
}
