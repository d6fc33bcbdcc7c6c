//! What an instrument's orders trade against: an engine with synthetic flow, or a recording.
//!
//! The exchange above sees one thing that takes, rests, cancels and reports fills.

use model::num::Ticks;

use super::market::OrderFlow;
use super::matching::{Incoming, Matched, MatchingEngine, Reach, WouldTake};
use super::recorded::RecordedMarket;
use super::types::Side;

/// The other side of every order of one instrument.
#[derive(Debug)]
pub(crate) enum Liquidity {
    /// Orders of all accounts and of the synthetic flow in one book.
    Synthetic(Box<Synthetic>),
    /// A recorded market with our orders in it.
    Recorded(Box<RecordedMarket>),
}

/// A book and who else trades in it.
#[derive(Debug)]
pub(crate) struct Synthetic {
    pub(crate) engine: MatchingEngine,
    pub(crate) flow: OrderFlow,
}

impl Liquidity {
    /// A market of seeded flow; it opens with [`Liquidity::open`].
    pub(crate) fn synthetic(
        seed: u64,
        events_per_second: f64,
        (start_price, unit): (Ticks, i64),
        update_id: u64,
    ) -> Self {
        Self::Synthetic(Box::new(Synthetic {
            engine: MatchingEngine::new(update_id),
            flow: OrderFlow::new(seed, events_per_second, start_price.0).in_units(unit),
        }))
    }

    /// Fills a synthetic book around whatever was restored into it.
    pub(crate) fn open(&mut self) {
        match self {
            Self::Synthetic(synthetic) => {
                synthetic.flow.open(&mut synthetic.engine);
                // The first snapshot has all of this: it is no change to anybody.
                synthetic.engine.drain_changes(|_, _, _| {});
            }
            Self::Recorded(_) => {}
        }
    }

    /// When something happens by itself, nanoseconds of the server's clock.
    pub(crate) fn due_ns(&self) -> u64 {
        match self {
            Self::Synthetic(synthetic) => synthetic.flow.due_ns(),
            Self::Recorded(_) => u64::MAX,
        }
    }

    /// Matches an order; see [`MatchingEngine::submit`].
    pub(crate) fn submit(&mut self, order: &Incoming) -> Result<Matched, WouldTake> {
        match self {
            Self::Synthetic(synthetic) => synthetic.engine.submit(order),
            Self::Recorded(market) => market.submit(order),
        }
    }

    /// Puts an order back where it rested before a restart.
    pub(crate) fn restore(&mut self, order: &Incoming) -> Result<(), WouldTake> {
        match self {
            Self::Synthetic(synthetic) => synthetic.engine.restore(order),
            Self::Recorded(market) => market.restore(order),
        }
    }

    /// Takes an order out; its remaining lots, `None` if it does not rest.
    pub(crate) fn cancel(&mut self, id: u64) -> Option<i64> {
        match self {
            Self::Synthetic(synthetic) => synthetic.engine.cancel(id),
            Self::Recorded(market) => market.cancel(id),
        }
    }

    /// Makes a resting order smaller by `lots` where it stands; false if it is not that large.
    pub(crate) fn shrink(&mut self, id: u64, lots: i64) -> bool {
        match self {
            Self::Synthetic(synthetic) => synthetic.engine.shrink(id, lots),
            Self::Recorded(market) => market.shrink(id, lots),
        }
    }

    /// Best price and quantity that an order could meet.
    pub(crate) fn best(&self, side: Side) -> Option<(i64, i64)> {
        match self {
            Self::Synthetic(synthetic) => synthetic.engine.best(side),
            Self::Recorded(market) => market.best(side),
        }
    }

    /// Best price and quantity as everybody sees them.
    pub(crate) fn top(&self, side: Side) -> Option<(i64, i64)> {
        match self {
            Self::Synthetic(synthetic) => synthetic.engine.best(side),
            Self::Recorded(market) => market.top(side),
        }
    }

    /// The book as everybody sees it, best first.
    pub(crate) fn levels(&self, side: Side) -> Box<dyn Iterator<Item = (i64, i64)> + '_> {
        match self {
            Self::Synthetic(synthetic) => Box::new(synthetic.engine.half(side).levels()),
            Self::Recorded(market) => market.levels(side),
        }
    }

    /// Id of the last change of the book.
    pub(crate) fn update_id(&self) -> u64 {
        match self {
            Self::Synthetic(synthetic) => synthetic.engine.update_id(),
            Self::Recorded(market) => market.update_id(),
        }
    }

    /// What an order could take now.
    pub(crate) fn reach(&self, order: &Incoming, qty: i64) -> Reach {
        match self {
            Self::Synthetic(synthetic) => synthetic.engine.reach(order, qty),
            Self::Recorded(market) => market.reach(order, qty),
        }
    }
}
