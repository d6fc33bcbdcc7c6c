//! The book of one instrument: both sides in full depth, the top, and whether it is current.
//!
//! Two streams tell about the top: the book's own updates, and quotes. Both carry ids of one
//! sequence; the newer one wins, and at equal ids the book does. The top changes only when a whole
//! message was applied, never in the middle of one.
//!
//! Invariants
//! - B1: a book is whole only after the last record of a snapshot that followed a reset.
//! - B2: [`Book::top`] is `None` unless the book is whole, its connection is current, both sides
//!   have a level, and the best bid is below the best ask.
//!
//! Hot path: yes. Allocates: only at creation.

use model::body::{BookLevels, BookReset, Level, LinkState, Quote, Side};
use model::num::{Lots, Ticks};
use model::record::{Record, flags};

use serde::{Deserialize, Serialize};

use super::depth::{Depth, Moved, possible};
use super::half::{HalfBook, SavedHalf};
use crate::machine::config::{BOOK_WINDOW_MAX, BOOK_WINDOW_MIN};
use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{COUNT_MAX, Unsound, require};

/// Best bid and ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Top {
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
}

impl Top {
    /// Twice the middle, ticks: exact where the middle is not.
    #[must_use]
    pub const fn mid_x2(&self) -> i64 {
        self.bid.price.0 + self.ask.price.0
    }

    /// Distance of the sides.
    #[must_use]
    pub const fn spread(&self) -> Ticks {
        Ticks(self.ask.price.0 - self.bid.price.0)
    }

    /// The level of a side.
    #[must_use]
    pub const fn side(&self, side: Side) -> Level {
        match side {
            Side::Buy => self.bid,
            Side::Sell => self.ask,
        }
    }
}

/// Where the present top came from; `bid` and `ask` have quantity 0 where a side is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Best {
    update_id: u64,
    bid: Level,
    ask: Level,
}

const NO_TOP: Best = Best {
    update_id: 0,
    bid: Level::UNUSED,
    ask: Level::UNUSED,
};

/// A book in full depth.
#[derive(Debug, Clone)]
pub struct Book {
    /// A placeholder in a book that follows another depth.
    depth: Box<Depth>,
    /// Whether no level was dropped that could be the best one.
    complete: bool,
    best: Best,
    update_id: u64,
    whole: bool,
    venue_current: bool,
    own_current: bool,
    updated_ns: u64,
    malformed: u64,
    disagreements: u64,
}

/// A book as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedBook {
    width: u32,
    bids: SavedHalf,
    asks: SavedHalf,
    best: Best,
    update_id: u64,
    whole: bool,
    venue_current: bool,
    own_current: bool,
    updated_ns: u64,
    malformed: u64,
    disagreements: u64,
}

impl Book {
    /// What a snapshot has to hold.
    pub(crate) fn save(&self) -> SavedBook {
        let Self {
            depth,
            // Made anew.
            complete: _,
            best,
            update_id,
            whole,
            venue_current,
            own_current,
            updated_ns,
            malformed,
            disagreements,
        } = self;
        SavedBook {
            width: depth.bids.window_ticks(),
            bids: depth.bids.save(),
            asks: depth.asks.save(),
            best: *best,
            update_id: *update_id,
            whole: *whole,
            venue_current: *venue_current,
            own_current: *own_current,
            updated_ns: *updated_ns,
            malformed: *malformed,
            disagreements: *disagreements,
        }
    }

    /// The book of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(crate) fn restore(saved: &SavedBook) -> Result<Self, Unsound> {
        let range = BOOK_WINDOW_MIN..=BOOK_WINDOW_MAX;
        require(
            saved.width.is_power_of_two() && range.contains(&saved.width),
            "width of a book",
        )?;
        let best = saved.best;
        let sound = |level: Level| possible(level.price) && level.qty >= Lots::ZERO;
        require(sound(best.bid) && sound(best.ask), "best prices of a book")?;
        require(
            saved.malformed < COUNT_MAX && saved.disagreements < COUNT_MAX,
            "counts of a book",
        )?;
        let width = saved.width as usize;
        let depth = Depth {
            bids: HalfBook::restore(&saved.bids, width)?,
            asks: HalfBook::restore(&saved.asks, width)?,
        };
        Ok(Self {
            complete: depth.is_complete(),
            depth: Box::new(depth),
            best,
            update_id: saved.update_id,
            whole: saved.whole,
            venue_current: saved.venue_current,
            own_current: saved.own_current,
            updated_ns: saved.updated_ns,
            malformed: saved.malformed,
            disagreements: saved.disagreements,
        })
    }

    /// An empty, stale book with a window of `width` ticks on each side.
    #[must_use]
    pub fn new(width: u32) -> Self {
        Self {
            depth: Box::new(Depth::new(width)),
            complete: true,
            best: NO_TOP,
            update_id: 0,
            whole: false,
            venue_current: false,
            own_current: false,
            updated_ns: 0,
            malformed: 0,
            disagreements: 0,
        }
    }

    /// The book is void until the snapshot behind this.
    pub fn reset(&mut self, record: &Record, reset: &BookReset) {
        let moved = self.depth.reset();
        self.follow_reset(record, reset, moved);
    }

    /// As [`Self::reset`], in a depth that is kept elsewhere.
    pub(crate) fn follow_reset(&mut self, record: &Record, reset: &BookReset, moved: Moved) {
        self.complete = moved.complete;
        self.best = NO_TOP;
        self.update_id = reset.update_id;
        self.updated_ns = record.time_ns;
        self.whole = false;
        if reset.level_records == 0 {
            self.end_snapshot();
        }
    }

    /// Applies a record of levels; true if it ended its message, so that the top may have changed.
    #[inline]
    pub fn levels(&mut self, record: &Record, levels: &BookLevels) -> bool {
        let moved = self.depth.levels(record, levels);
        self.follow_levels(record, levels, moved)
    }

    /// As [`Self::levels`], and tells of each level with its side what was there before.
    #[inline]
    pub fn levels_noting(
        &mut self,
        record: &Record,
        levels: &BookLevels,
        note: impl FnMut(Side, Level, Lots),
    ) -> bool {
        let moved = self.depth.levels_noting(record, levels, note);
        self.follow_levels(record, levels, moved)
    }

    /// As [`Self::levels`], in a depth that is kept elsewhere.
    #[inline]
    pub(crate) fn follow_levels(
        &mut self,
        record: &Record,
        levels: &BookLevels,
        moved: Moved,
    ) -> bool {
        self.complete = moved.complete;
        if moved.malformed > 0 {
            // What the venue sends makes no sense, so the rest of the book is not to be trusted.
            self.malformed += moved.malformed;
            self.whole = false;
        }
        let Some([bid, ask]) = moved.best else {
            return false;
        };
        self.update_id = levels.update_id;
        self.updated_ns = record.time_ns;
        if record.has(flags::SNAPSHOT) {
            self.end_snapshot();
        }
        self.take_own_top(bid, ask);
        true
    }

    /// Whether its depth is its own, of this width, and was never used.
    pub(crate) fn is_unused(&self, width: u32) -> bool {
        self.depth.is_new(width)
    }

    /// Lets the book follow a depth that is kept elsewhere, and gives its own away.
    pub(crate) fn give_depth(&mut self) -> Box<Depth> {
        std::mem::replace(&mut self.depth, Box::new(Depth::placeholder()))
    }

    /// The depth that a book followed is its own now.
    pub(crate) fn take_depth(&mut self, depth: Box<Depth>) {
        self.depth = depth;
    }

    /// Shows a depth that is kept elsewhere; the next call gives it back.
    #[inline]
    pub(crate) const fn swap_depth(&mut self, depth: &mut Box<Depth>) {
        std::mem::swap(&mut self.depth, depth);
    }

    fn end_snapshot(&mut self) {
        self.whole = true;
        self.venue_current = true;
        self.own_current = true;
    }

    #[inline]
    fn take_own_top(&mut self, bid: Level, ask: Level) {
        let own = Best {
            update_id: self.update_id,
            bid,
            ask,
        };
        if own.update_id == self.best.update_id && own != self.best {
            self.disagreements += 1;
        }
        if own.update_id >= self.best.update_id {
            self.best = own;
        }
    }

    /// Applies best bid and ask; true if they were news.
    #[inline]
    pub(crate) fn quote(&mut self, record: &Record, quote: &Quote) -> bool {
        if quote.update_id <= self.best.update_id || quote.update_id <= self.update_id {
            return false;
        }
        let sane = |level: Level| possible(level.price) && level.qty >= Lots::ZERO;
        if !sane(quote.bid) || !sane(quote.ask) {
            self.malformed += 1;
            return false;
        }
        self.best = Best {
            update_id: quote.update_id,
            bid: quote.bid,
            ask: quote.ask,
        };
        self.updated_ns = record.time_ns;
        true
    }

    /// The market connection changed: the venue's as a whole, or this instrument's.
    pub(crate) fn link(&mut self, state: LinkState, whole_venue: bool) {
        let current = match state {
            LinkState::Up => true,
            LinkState::Syncing | LinkState::Stale => false,
            LinkState::Down | LinkState::Failed => {
                self.whole = false;
                false
            }
            LinkState::Notice => return,
        };
        if whole_venue {
            self.venue_current = current;
        } else {
            self.own_current = current;
        }
    }

    /// Nothing of it is current: a run starts.
    pub(crate) fn expire(&mut self) {
        self.whole = false;
        self.venue_current = false;
        self.own_current = false;
    }

    /// Best bid and ask, if they can be relied on (B2). How old they are is not looked at.
    #[inline]
    #[must_use]
    pub fn top(&self) -> Option<Top> {
        let Best { bid, ask, .. } = self.best;
        let usable = self.is_current()
            && bid.qty > Lots::ZERO
            && ask.qty > Lots::ZERO
            && bid.price < ask.price;
        usable.then_some(Top { bid, ask })
    }

    /// Whether the book is whole and its connection current.
    #[inline]
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.whole && self.venue_current && self.own_current && self.complete
    }

    /// Best level of a side as the book's own updates give it, whether current or not.
    #[inline]
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.depth.best(side)
    }

    /// Quantity at a price; 0 if there is no level.
    #[must_use]
    pub fn qty(&self, side: Side, price: Ticks) -> Lots {
        self.depth.qty(side, price)
    }

    /// Levels of a side, best first.
    pub fn depth(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.depth.iter(side)
    }

    /// Number of levels of a side.
    #[must_use]
    pub const fn depth_len(&self, side: Side) -> usize {
        self.depth.half(side).len()
    }

    /// Id of the last whole book message, or of the reset.
    #[must_use]
    pub const fn update_id(&self) -> u64 {
        self.update_id
    }

    /// Machine time of the last book message, quote or reset.
    #[must_use]
    pub const fn updated_ns(&self) -> u64 {
        self.updated_ns
    }

    /// Levels that found no place in a full side.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.depth.bids.dropped() + self.depth.asks.dropped()
    }

    /// Levels and quotes with impossible numbers.
    #[must_use]
    pub const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Quotes that differed from the book at the same update id.
    #[must_use]
    pub const fn disagreements(&self) -> u64 {
        self.disagreements
    }
}

impl Digest for Book {
    fn digest(&self, sink: &mut Sink) {
        for side in [Side::Buy, Side::Sell] {
            sink.number(self.depth_len(side) as u64);
            for level in self.depth(side) {
                sink.ticks(level.price);
                sink.lots(level.qty);
            }
        }
        for level in [self.best.bid, self.best.ask] {
            sink.ticks(level.price);
            sink.lots(level.qty);
        }
        let numbers = [
            self.best.update_id,
            self.update_id,
            self.updated_ns,
            self.malformed,
            self.disagreements,
            self.dropped(),
        ];
        for number in numbers {
            sink.number(number);
        }
        for flag in [self.whole, self.venue_current, self.own_current] {
            sink.number(flag);
        }
    }
}
