//! Exits of positions: stop-loss, take-profit, trailing stop and time stop, for each strategy and
//! instrument, watched by the machine and not by the strategy.

mod guard;
#[cfg(test)]
mod tests;

pub(crate) use guard::{Firing, Guard};

use model::body::Side;
use model::ids::{AccountId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use serde::{Deserialize, Serialize};

use super::digest::{Digest, Sink};
use super::saved::{Unsound, require};

/// Most positions that are watched: one for each strategy and instrument that had a fill.
pub(crate) const GUARDS_MAX: usize = 1_024;

/// All positions of strategies, by instrument and strategy.
#[derive(Debug, Clone)]
pub(crate) struct Exits {
    guards: Vec<Guard>,
    due_ns: u64,
}

/// The exits as a snapshot holds them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedExits {
    guards: Vec<Guard>,
    due_ns: u64,
}

impl Default for Exits {
    fn default() -> Self {
        Self {
            guards: Vec::with_capacity(GUARDS_MAX),
            due_ns: u64::MAX,
        }
    }
}

impl Exits {
    /// What a snapshot has to hold.
    pub(crate) fn save(&self) -> SavedExits {
        let Self { guards, due_ns } = self;
        SavedExits {
            guards: guards.clone(),
            due_ns: *due_ns,
        }
    }

    /// The exits of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(crate) fn restore(saved: &SavedExits) -> Result<Self, Unsound> {
        let key = |guard: &Guard| (guard.instrument, guard.strategy);
        let fits = saved.guards.len() <= GUARDS_MAX
            && saved
                .guards
                .is_sorted_by(|left, right| key(left) < key(right));
        require(fits, "positions of strategies")?;
        let mut exits = Self {
            due_ns: saved.due_ns,
            ..Self::default()
        };
        exits.guards.extend(&saved.guards);
        Ok(exits)
    }

    fn place_of(&self, instrument: InstrumentId, strategy: StrategyId) -> Result<usize, usize> {
        self.guards
            .binary_search_by_key(&(instrument, strategy), |guard| {
                (guard.instrument, guard.strategy)
            })
    }

    /// A strategy's position in an instrument, if it ever had one.
    pub(crate) fn get(&self, instrument: InstrumentId, strategy: StrategyId) -> Option<&Guard> {
        self.guards.get(self.place_of(instrument, strategy).ok()?)
    }

    pub(crate) fn at(&self, index: usize) -> Option<&Guard> {
        self.guards.get(index)
    }

    pub(crate) fn at_mut(&mut self, index: usize) -> Option<&mut Guard> {
        self.due_ns = 0;
        self.guards.get_mut(index)
    }

    /// Places of the positions in an instrument.
    #[inline]
    pub(crate) fn of(&self, instrument: InstrumentId) -> std::ops::Range<usize> {
        if self.guards.is_empty() {
            return 0..0;
        }
        let from = self
            .guards
            .partition_point(|guard| guard.instrument < instrument);
        let count = self.guards[from..]
            .iter()
            .take_while(|guard| guard.instrument == instrument)
            .count();
        from..from + count
    }

    /// Shows a price to one; it says when it fires.
    pub(crate) fn see(
        &mut self,
        index: usize,
        price: i64,
        rules: &super::ExitRules,
    ) -> Option<(model::control::Control, i64)> {
        self.guards.get_mut(index)?.see(price, rules)
    }

    /// Takes a fill of a strategy's. False if there is no room for another position, or a number
    /// overflows.
    pub(crate) fn fill(
        &mut self,
        about: (InstrumentId, StrategyId, AccountId),
        (side, price, qty): (Side, Ticks, Lots),
        now_ns: u64,
    ) -> bool {
        let (instrument, strategy, account) = about;
        let index = match self.place_of(instrument, strategy) {
            Ok(index) => index,
            Err(_) if self.guards.len() >= GUARDS_MAX => return false,
            Err(index) => {
                self.guards
                    .insert(index, Guard::new(instrument, strategy, account));
                index
            }
        };
        self.due_ns = 0;
        self.guards[index].fill(side, price, qty, now_ns).is_some()
    }

    /// The strategy of this id is another one from here on: its positions are nobody's.
    pub(crate) fn disown(&mut self, strategy: StrategyId) {
        self.guards.retain(|guard| guard.strategy != strategy);
    }

    /// Everything is looked at at the next event.
    pub(crate) const fn look_again(&mut self) {
        self.due_ns = 0;
    }

    /// Whether an exit on this side waits for an order of ours to be gone.
    #[inline]
    pub(crate) fn waits(&self, instrument: InstrumentId, side: Side) -> bool {
        self.of(instrument).any(|index| {
            let guard = &self.guards[index];
            let behind = guard.firing.and_then(|firing| firing.behind);
            behind.is_some() && guard.closing_side() == side
        })
    }

    /// Whether any exit is at work.
    pub(crate) fn any_fires(&self) -> bool {
        self.guards.iter().any(|guard| guard.firing.is_some())
    }

    /// Whether no time will make it look at anything.
    #[inline]
    pub(crate) const fn is_idle(&self) -> bool {
        self.due_ns == u64::MAX
    }

    #[inline]
    pub(crate) const fn is_due(&self, now_ns: u64) -> bool {
        self.due_ns <= now_ns
    }

    pub(crate) const fn rest_until(&mut self, due_ns: u64) {
        self.due_ns = due_ns;
    }
}

impl Digest for Exits {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.guards.len() as u64);
        for guard in &self.guards {
            sink.value(guard);
        }
        sink.number(self.due_ns);
    }
}
