//! What a reader yields: rows of market data in whole ticks and lots, one a message of the source.
//!
//! Allocates: lists of levels are used again, so only until the longest message was seen.

use std::collections::VecDeque;

use connectors::binance::capture::Span;
use model::body::{BookOrder, Level, Mark, Quote, Side, Trade};
use model::num::Ticks;

/// A message of the source.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) head: Head,
    pub(super) what: What,
    /// The levels, bids first, where `what` has some.
    pub(super) levels: Vec<Level>,
    /// How many of the levels are bids.
    pub(super) bids: usize,
    /// What is cleared before the levels are set; of [`What::Patch`] only.
    pub(super) clears: Vec<Clear>,
    /// What the venue says of the book behind the levels.
    pub(super) sum: Option<Sum>,
}

/// The venue's checksum of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) value: i32,
    /// Whether the row has every level of the message as it was: nothing left out, nothing cut.
    pub(super) exact: bool,
}

/// Levels that are taken away: from the best one up to a price, or all of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clear {
    /// The side; `None` for both.
    pub(super) side: Option<Side>,
    /// The last price that is taken away; `None` for all.
    pub(super) upto: Option<Ticks>,
}

/// When, about what, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Local time of receipt, nanoseconds since the Unix epoch.
    pub(super) local_ns: u64,
    /// The exchange's time; 0 if the source gives none.
    pub(super) venue_ns: u64,
    /// The instrument's place in the catalog.
    pub(super) slot: usize,
    /// Place of the file among the files.
    pub(super) file: usize,
    /// Line or row in the file, from 1.
    pub(super) line: u64,
}

/// What a message says. Update ids are 0 where the source has none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum What {
    /// New quantities of levels, with the venue's bounds: to be synchronised with a snapshot.
    Update(Span),
    /// The whole book, to be synchronised with updates.
    RestSnapshot { id: u64 },
    /// The whole book: what was known before is void.
    Book { id: u64 },
    /// New quantities of levels of a book that is in step.
    Levels { id: u64 },
    /// Levels that are taken away and set, in a book that is known; one that is not begins here
    /// if it `begins`.
    Patch { begins: bool },
    /// One order of the venue's book changed.
    Order(BookOrder),
    /// Every order of a side is gone; `None` for both sides.
    NoOrders(Option<Side>),
    /// The book is not current any more, until the next whole one.
    Stale,
    /// A trade.
    Trade(Trade),
    /// A message of this trade id that is no trade.
    NoTrade { id: u64 },
    /// An aggregate of trades, to be left out where the trades themselves are there.
    Aggregate(Trade),
    /// Best bid and ask.
    Quote(Quote),
    /// Mark price and funding.
    Mark(Mark),
}

/// Rows that a reader has ready.
#[derive(Debug, Default)]
pub(super) struct Rows {
    ready: VecDeque<Row>,
    spare: Vec<Vec<Level>>,
}

impl Rows {
    /// Adds a row without levels.
    pub(super) fn push(&mut self, head: Head, what: What) {
        self.push_levels(head, what, &[], 0);
    }

    /// Adds a row with these levels, of which the first `bids` are bids.
    pub(super) fn push_levels(&mut self, head: Head, what: What, levels: &[Level], bids: usize) {
        self.push_patch(head, what, &[], levels, bids);
    }

    /// Adds a row with these levels, behind what is cleared.
    pub(super) fn push_patch(
        &mut self,
        head: Head,
        what: What,
        clears: &[Clear],
        levels: &[Level],
        bids: usize,
    ) {
        let mut own = self.spare.pop().unwrap_or_default();
        own.clear();
        own.extend_from_slice(levels);
        self.ready.push_back(Row {
            head,
            what,
            levels: own,
            bids,
            clears: clears.to_vec(),
            sum: None,
        });
    }

    /// The row that was added last has this checksum.
    pub(super) fn sum_of_last(&mut self, sum: Sum) {
        if let Some(row) = self.ready.back_mut() {
            row.sum = Some(sum);
        }
    }

    /// Takes the next row.
    pub(super) fn pop(&mut self) -> Option<Row> {
        self.ready.pop_front()
    }

    /// Gives a row's lists back.
    pub(super) fn recycle(&mut self, row: Row) {
        if self.spare.len() < 16 {
            self.spare.push(row.levels);
        }
    }
}
