//! What strategies did lately, as the checks and monitors need it: their own positions by their own
//! fills.
//!
//! Hot path: yes (fills). Allocates: at configuration.

use model::body::Side;
use model::ids::{InstrumentId, StrategyId};
use model::num::Lots;
use serde::{Deserialize, Serialize};

use crate::machine::digest::{Digest, Sink};

/// See the module's header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Activity {
    /// Sorted by strategy and instrument.
    positions: Vec<((StrategyId, InstrumentId), i64)>,
}

impl Activity {
    /// Makes room, so that a strategy's first fill does not.
    pub(super) fn make_room(&mut self, positions: usize) {
        self.positions
            .reserve(positions.saturating_sub(self.positions.len()));
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
}

impl Digest for Activity {
    fn digest(&self, sink: &mut Sink) {
        sink.value(self);
    }
}
