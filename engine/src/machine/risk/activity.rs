//! What we did lately, as the checks need it: the strategies' own positions by their own fills, the
//! last intents, and sums over rolling windows by scope.
//!
//! Hot path: yes. Allocates: at configuration.

use model::body::Side;
use model::control::Scope;
use model::ids::{InstrumentId, StrategyId};
use model::num::Lots;
use serde::{Deserialize, Serialize};

use super::approvals::Approvals;
use super::window::Window;
use crate::machine::digest::{Digest, Sink};
use crate::machine::intent::Place;
use crate::machine::saved::{Unsound, require};

/// Most scopes that are counted over time.
const SCOPES_MAX: usize = 4_096;

/// What a scope did within its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    scope: Scope,
    /// Value ordered beyond half the collar, 1e-8 of the quote asset.
    far: Window,
    /// Messages: placements, replacements, amendments, cancels.
    messages: Window,
    /// Fills.
    fills: Window,
}

/// See the module's header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Activity {
    /// Sorted by strategy and instrument.
    positions: Vec<((StrategyId, InstrumentId), i64)>,
    /// The last approved orders.
    approvals: Approvals,
    /// The scopes that have such a limit, sorted.
    counted: Vec<Counted>,
}

impl Activity {
    /// Makes room, so that a strategy's first fill does not, and counts in these scopes from now
    /// on. What a scope counted so far stays.
    pub(super) fn open(&mut self, strategies: usize, positions: usize, mut scopes: Vec<Scope>) {
        self.positions
            .reserve(positions.saturating_sub(self.positions.len()));
        self.approvals.open(strategies);
        scopes.sort_unstable();
        scopes.dedup();
        scopes.truncate(SCOPES_MAX);
        let old = std::mem::take(&mut self.counted);
        self.counted = scopes
            .into_iter()
            .map(|scope| {
                let known = old.iter().find(|counted| counted.scope == scope);
                known.copied().unwrap_or(Counted {
                    scope,
                    far: Window::default(),
                    messages: Window::default(),
                    fills: Window::default(),
                })
            })
            .collect();
    }

    /// Whether a snapshot's activity can be.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(super) fn check(&self) -> Result<(), Unsound> {
        let sorted = self.positions.is_sorted_by(|left, right| left.0 < right.0)
            && self
                .counted
                .is_sorted_by(|left, right| left.scope < right.scope);
        let bounded = self.approvals.is_sound() && self.counted.len() <= SCOPES_MAX;
        require(sorted && bounded, "what was done lately")
    }

    /// A fill of a strategy's order.
    pub(super) fn fill(
        &mut self,
        strategy: StrategyId,
        instrument: InstrumentId,
        side: Side,
        qty: Lots,
    ) {
        let change = qty.0.saturating_mul(side.sign());
        match self.find(strategy, instrument) {
            Ok(place) => {
                let lots = &mut self.positions[place].1;
                *lots = lots.saturating_add(change);
            }
            Err(place) => self
                .positions
                .insert(place, ((strategy, instrument), change)),
        }
    }

    fn find(&self, strategy: StrategyId, instrument: InstrumentId) -> Result<usize, usize> {
        self.positions
            .binary_search_by_key(&(strategy, instrument), |entry| entry.0)
    }

    /// What a strategy's own fills sum up to.
    pub(super) fn strategy_lots(&self, strategy: StrategyId, instrument: InstrumentId) -> Lots {
        self.find(strategy, instrument)
            .map_or(Lots::ZERO, |place| Lots(self.positions[place].1))
    }

    /// An order was approved.
    pub(super) fn asked(&mut self, now_ns: u64, key: (StrategyId, InstrumentId), place: &Place) {
        self.approvals.add(now_ns, key, place);
    }

    /// How long ago the same order was approved last, if that is remembered.
    pub(super) fn same_ago_ns(
        &self,
        now_ns: u64,
        key: (StrategyId, InstrumentId),
        place: &Place,
    ) -> Option<u64> {
        self.approvals.same_ago_ns(now_ns, key, place)
    }

    fn each(&mut self, scopes: &[Scope], mut change: impl FnMut(&mut Counted)) {
        if self.counted.is_empty() {
            return;
        }
        for scope in scopes {
            let found = self
                .counted
                .binary_search_by_key(scope, |counted| counted.scope);
            if let Ok(place) = found {
                change(&mut self.counted[place]);
            }
        }
    }

    #[inline]
    fn of(&self, (scope, place): (Scope, u32)) -> Option<&Counted> {
        let counted = self.counted.get(place as usize);
        debug_assert!(counted.is_none_or(|counted| counted.scope == scope));
        counted
    }

    /// A message went to the gateway.
    pub(super) fn message(&mut self, scopes: &[Scope], now_ns: u64, window_ns: u64) {
        self.each(scopes, |counted| counted.messages.add(now_ns, window_ns, 1));
    }

    /// A fill came.
    pub(super) fn filled(&mut self, scopes: &[Scope], now_ns: u64, window_ns: u64) {
        self.each(scopes, |counted| counted.fills.add(now_ns, window_ns, 1));
    }

    /// Value was ordered beyond half the collar, 1e-8.
    pub(super) fn far(&mut self, scopes: &[Scope], now_ns: u64, window_ns: u64, value: i64) {
        self.each(scopes, |counted| counted.far.add(now_ns, window_ns, value));
    }

    /// Where a scope is counted; `u32::MAX` if it is not.
    pub(super) fn place(&self, scope: Scope) -> u32 {
        let found = self
            .counted
            .binary_search_by_key(&scope, |counted| counted.scope);
        found.map_or(u32::MAX, |place| u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// Value ordered beyond half the collar within the window, 1e-8. The scope stands at this
    /// place.
    pub(super) fn far_value(&self, at: (Scope, u32), now_ns: u64, window_ns: u64) -> i64 {
        self.of(at)
            .map_or(0, |counted| counted.far.sum(now_ns, window_ns))
    }

    /// Messages and fills within the window that ends in a part. The scope stands at this place.
    #[inline]
    pub(super) fn traffic(&self, at: (Scope, u32), part: u64) -> (i64, i64) {
        self.of(at).map_or((0, 0), |counted| {
            let messages = counted.messages.sum_at(part);
            (messages, counted.fills.sum_at(part))
        })
    }
}

impl Digest for Activity {
    fn digest(&self, sink: &mut Sink) {
        sink.value(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_of_a_snapshot_names_everything_once() {
        let key = |strategy, instrument| (StrategyId(strategy), InstrumentId(instrument));
        let with = |positions| Activity {
            positions,
            ..Activity::default()
        };
        assert!(with(vec![(key(0, 1), 5), (key(1, 0), 5)]).check().is_ok());
        assert!(with(vec![(key(0, 1), 5), (key(0, 1), 5)]).check().is_err());
        assert!(with(vec![(key(1, 0), 5), (key(0, 1), 5)]).check().is_err());
        let counted = |scopes: Vec<Scope>| {
            let mut activity = Activity::default();
            activity.open(0, 0, scopes);
            activity
        };
        let mut twice = counted(vec![Scope::Overall]);
        assert!(twice.check().is_ok());
        twice.counted.push(twice.counted[0]);
        assert!(twice.check().is_err());
    }
}
