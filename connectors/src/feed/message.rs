//! What a venue's market messages say, in our words: what a dialect's decoder gives.
//!
//! Hot path: yes. Allocates: only when a list has to grow.

use model::body::{Candle, Level, Liquidation, Mark, OpenInterest, Quote, Trade};

use super::sync::Span;

/// Levels that are expected at most in an update, both sides together.
const LEVELS_EXPECTED: usize = 10_000;
/// Messages that are expected at most behind the first of one frame.
const MORE_EXPECTED: usize = 64;

/// Levels of a depth message: the bids first, then the asks.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Depth {
    levels: Vec<Level>,
    bids: usize,
}

impl Depth {
    /// With room for `levels` of both sides together.
    #[must_use]
    pub fn with_capacity(levels: usize) -> Self {
        Self {
            levels: Vec::with_capacity(levels),
            bids: 0,
        }
    }

    /// Both sides, in the message's order.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// The bids.
    #[must_use]
    pub fn bids(&self) -> &[Level] {
        &self.levels[..self.bids]
    }

    /// The asks.
    #[must_use]
    pub fn asks(&self) -> &[Level] {
        &self.levels[self.bids..]
    }

    /// Bids and asks of a message that was read elsewhere.
    pub fn set(&mut self, bids: &[Level], asks: &[Level]) {
        self.clear();
        self.levels.extend_from_slice(bids);
        self.end_of_bids();
        self.levels.extend_from_slice(asks);
    }

    pub(crate) fn clear(&mut self) {
        self.levels.clear();
        self.bids = 0;
    }

    pub(crate) fn push(&mut self, level: Level) {
        self.levels.push(level);
    }

    pub(crate) const fn end_of_bids(&mut self) {
        self.bids = self.levels.len();
    }

    /// Turns a message that names the asks first into ours: what was pushed up to
    /// `end_of_bids` are the asks.
    pub fn asks_came_first(&mut self) {
        self.levels.rotate_left(self.bids);
        self.bids = self.levels.len() - self.bids;
    }
}

/// Where a decoder puts what does not fit its answer. Lent to it for one frame after the other.
#[derive(Debug)]
pub struct Scratch {
    /// Levels of a [`Market::Depth`]. A frame holds one depth message at most.
    pub depth: Depth,
    /// What else the frame says, behind the message that the decoder returns, in its order.
    /// Empty when the decoder is called.
    pub more: Vec<Market>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            depth: Depth::with_capacity(LEVELS_EXPECTED),
            more: Vec::with_capacity(MORE_EXPECTED),
        }
    }
}

/// What a depth message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DepthPart {
    /// New quantities of levels.
    Update,
    /// The whole book, where the venue sends it in the stream.
    Snapshot,
}

/// What a message of the market streams says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Market {
    /// A trade. `slot`: position of the instrument in the configuration's list, here and below.
    Trade {
        /// See above.
        slot: usize,
        /// The trade.
        trade: Trade,
    },
    /// Best bid and ask.
    Quote {
        /// See above.
        slot: usize,
        /// Best bid and ask.
        quote: Quote,
    },
    /// Levels, which are in the caller's [`Depth`].
    Depth {
        /// See above.
        slot: usize,
        /// What they are.
        part: DepthPart,
        /// The message's place among the updates.
        span: Span,
        /// The venue's checksum of the book behind this message, where it gives one; compared with
        /// [`super::FeedDialect::checksum`].
        checksum: Option<i32>,
    },
    /// Mark price, index and funding, or a part of them: a price of 0 is not stated, and funding
    /// is stated if its time is. The feed joins the parts, and tells none before a mark price.
    Mark {
        /// See above.
        slot: usize,
        /// What is stated.
        mark: Mark,
    },
    /// A candle.
    Candle {
        /// See above.
        slot: usize,
        /// The candle.
        candle: Candle,
    },
    /// Open interest.
    OpenInterest {
        /// See above.
        slot: usize,
        /// Open interest.
        interest: OpenInterest,
    },
    /// A liquidation.
    Liquidation {
        /// See above.
        slot: usize,
        /// The venue's order.
        order: Liquidation,
    },
    /// The venue is about to close connections.
    Shutdown,
    /// Answer to a request on the stream connection; the code of its error, if it is one.
    Answer {
        /// The venue's code.
        error: Option<i32>,
    },
    /// The venue has ended the subscription to this book's depth, as we asked.
    Left {
        /// See above.
        slot: usize,
    },
    /// Answer to our ping: the connection lives, and says nothing of the market.
    Pong,
    /// A message that the documentation knows and we do not use.
    Ignored,
}
