//! What a simulated market lets an order get, beyond what the recording shows.
//!
//! A recording is of a market without our orders. Each rule answers one question that it leaves
//! open; `replay/FIDELITY.md` has the reasons.

/// How much an order gets that the market traded through, or that the other side's best crosses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// No more than was traded or shown there, shared among our orders by price and time.
    Seen,
    /// All of it, whatever its size.
    All,
}

/// What becomes of the rest of an order that took all that its price allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftover {
    /// It rests at its price, at the front.
    Rests,
    /// It is filled at its price: the market is not moved by us.
    Fills,
}

/// How much an order at the front gets, where the place in the queue is an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// Whole lots that the estimate lets through, and no more than was traded.
    Traded,
    /// What the estimate lets through, to the nearest lot, whatever was traded.
    Estimated,
}

/// The rules of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// See [`Through`].
    pub through: Through,
    /// See [`Leftover`].
    pub leftover: Leftover,
    /// See [`Beyond`].
    pub beyond: Beyond,
    /// What our orders take is gone until the level is shown anew.
    pub impact: bool,
    /// Our orders at one price stand in one queue: a trade fills the later one with what the
    /// earlier one left. Without it each stands alone, as if the others were not there.
    pub shared_queue: bool,
}

impl Rules {
    /// Nothing is had that was not there.
    pub const FAITHFUL: Self = Self {
        through: Through::Seen,
        leftover: Leftover::Rests,
        beyond: Beyond::Traded,
        impact: true,
        shared_queue: true,
    };

    /// As hftbacktest's exchange with partial fills: for comparisons.
    pub const LIKE_HFTBACKTEST: Self = Self {
        through: Through::All,
        leftover: Leftover::Fills,
        beyond: Beyond::Estimated,
        impact: false,
        shared_queue: false,
    };
}
