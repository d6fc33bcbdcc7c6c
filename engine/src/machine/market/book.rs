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

use super::half::{HalfBook, KEY_LIMIT, SavedHalf};
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
    bids: HalfBook,
    asks: HalfBook,
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
            bids,
            asks,
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
            width: bids.window_ticks(),
            bids: bids.save(),
            asks: asks.save(),
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
        Ok(Self {
            bids: HalfBook::restore(&saved.bids, width)?,
            asks: HalfBook::restore(&saved.asks, width)?,
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
            bids: HalfBook::new(width as usize),
            asks: HalfBook::new(width as usize),
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
        self.bids.clear();
        self.asks.clear();
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
        for (side, level) in levels.iter(record.detail) {
            self.set(side, level);
        }
        if !record.has(flags::LAST_OF_MESSAGE) {
            return false;
        }
        self.update_id = levels.update_id;
        self.updated_ns = record.time_ns;
        if record.has(flags::SNAPSHOT) {
            self.end_snapshot();
        }
        self.take_own_top();
        true
    }

    #[inline]
    fn set(&mut self, side: Side, level: Level) {
        if !possible(level.price) || level.qty < Lots::ZERO {
            // What the venue sends makes no sense, so the rest of the book is not to be trusted.
            self.malformed += 1;
            self.whole = false;
            return;
        }
        match side {
            Side::Buy => self.bids.set(-level.price.0, level.qty.0),
            Side::Sell => self.asks.set(level.price.0, level.qty.0),
        }
    }

    fn end_snapshot(&mut self) {
        self.whole = true;
        self.venue_current = true;
        self.own_current = true;
    }

    #[inline]
    fn take_own_top(&mut self) {
        let own = Best {
            update_id: self.update_id,
            bid: self.best(Side::Buy).unwrap_or(Level::UNUSED),
            ask: self.best(Side::Sell).unwrap_or(Level::UNUSED),
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
        self.whole
            && self.venue_current
            && self.own_current
            && self.bids.is_whole()
            && self.asks.is_whole()
    }

    /// Best level of a side as the book's own updates give it, whether current or not.
    #[inline]
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        let half = self.half(side);
        let key = half.best()?;
        Some(level(side, key, half.qty(key)))
    }

    /// Quantity at a price; 0 if there is no level.
    #[must_use]
    pub fn qty(&self, side: Side, price: Ticks) -> Lots {
        let key = match side {
            Side::Buy => -price.0,
            Side::Sell => price.0,
        };
        Lots(self.half(side).qty(key))
    }

    /// Levels of a side, best first.
    pub fn depth(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.half(side)
            .iter()
            .map(move |(key, qty)| level(side, key, qty))
    }

    /// Number of levels of a side.
    #[must_use]
    pub const fn depth_len(&self, side: Side) -> usize {
        self.half(side).len()
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
        self.bids.dropped() + self.asks.dropped()
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

    const fn half(&self, side: Side) -> &HalfBook {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }
}

/// Whether a price is within what a side can hold.
#[inline]
const fn possible(price: Ticks) -> bool {
    price.0.unsigned_abs() < KEY_LIMIT.unsigned_abs()
}

#[inline]
const fn level(side: Side, key: i64, qty: i64) -> Level {
    let price = match side {
        Side::Buy => Ticks(-key),
        Side::Sell => Ticks(key),
    };
    Level {
        price,
        qty: Lots(qty),
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
