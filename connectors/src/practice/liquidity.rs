//! What an instrument's orders trade against: an engine with synthetic flow, or a recording.
//!
//! The exchange above sees one thing that takes, rests, cancels and reports fills.

use super::market::OrderFlow;
use super::matching::{Incoming, Matched, MatchingEngine, Reach, WouldTake};
use super::types::Side;
use model::num::Ticks;

/// The other side of every order of one instrument.
#[derive(Debug)]
pub(crate) enum Liquidity {
    /// Orders of all accounts and of the synthetic flow in one book.
    Synthetic {
        /// The book.
        engine: MatchingEngine,
        /// Who else trades in it.
        flow: OrderFlow,
    },
}

impl Liquidity {
    /// Fills the book around whatever was restored into it.
    pub(crate) fn open(&mut self) {
        match self {
            Self::Synthetic { engine, flow } => {
                flow.open(engine);
                // The first snapshot has all of this: it is no change to anybody.
                engine.drain_changes(|_, _, _| {});
            }
        }
    }

    /// Matches an order; see [`MatchingEngine::submit`].
    pub(crate) fn submit(&mut self, order: &Incoming) -> Result<Matched, WouldTake> {
        match self {
            Self::Synthetic { engine, .. } => engine.submit(order),
        }
    }

    /// Puts an order back where it rested before a restart.
    pub(crate) fn restore(&mut self, order: &Incoming) -> Result<(), WouldTake> {
        match self {
            Self::Synthetic { engine, .. } => engine.restore(order),
        }
    }

    /// Takes an order out; its remaining lots, `None` if it does not rest.
    pub(crate) fn cancel(&mut self, id: u64) -> Option<i64> {
        match self {
            Self::Synthetic { engine, .. } => engine.cancel(id),
        }
    }

    /// Best price and quantity of a side.
    pub(crate) fn best(&self, side: Side) -> Option<(i64, i64)> {
        match self {
            Self::Synthetic { engine, .. } => engine.best(side),
        }
    }

    /// What an order could take now.
    pub(crate) fn reach(&self, order: &Incoming, qty: i64) -> Reach {
        match self {
            Self::Synthetic { engine, .. } => engine.reach(order, qty),
        }
    }
}

/// A market of seeded flow; it opens with [`Liquidity::open`].
pub(crate) fn synthetic(
    seed: u64,
    events_per_second: f64,
    start_price: Ticks,
    update_id: u64,
) -> Liquidity {
    Liquidity::Synthetic {
        engine: MatchingEngine::new(update_id),
        flow: OrderFlow::new(seed, events_per_second, start_price.0),
    }
}
