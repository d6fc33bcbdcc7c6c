//! Both sides of a book in full depth, and what a record of levels came to in them.
//!
//! A book may keep its own depth, or follow one that is kept once for several books that hear the
//! same market: those of a backtest's variants, or of a machine's strategies and its risk. What
//! such a book has to know of a record is [`Moved`], so that it is the same book either way.
//!
//! Hot path: yes. Allocates: only at creation.

use model::body::{BookLevels, Level, Side};
use model::event::Event;
use model::num::{Lots, Ticks};
use model::record::{Record, flags};

use super::half::{HalfBook, KEY_LIMIT};

/// See the module's header.
#[derive(Debug, Clone)]
pub struct Depth {
    pub(super) bids: HalfBook,
    pub(super) asks: HalfBook,
}

/// What a record did to a depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Best bid and ask behind a whole message, [`Level::UNUSED`] where a side is empty.
    pub(super) best: Option<[Level; 2]>,
    /// Whether no level was dropped that could be the best one.
    pub(super) complete: bool,
    /// Levels that made no sense and were left out.
    pub(super) malformed: u64,
}

impl Depth {
    /// Empty sides, each with a window of `width` ticks: a power of two of at least 4096.
    #[must_use]
    pub fn new(width: u32) -> Self {
        Self {
            bids: HalfBook::new(width as usize),
            asks: HalfBook::new(width as usize),
        }
    }

    /// Whether it is as [`Self::new`] of this width makes it.
    pub(crate) fn is_new(&self, width: u32) -> bool {
        let new = |half: &HalfBook| half.len() == 0 && half.window_ticks() == width;
        new(&self.bids) && new(&self.asks) && self.bids.dropped() + self.asks.dropped() == 0
    }

    /// What stands in a book that follows another depth: next to nothing.
    pub(super) fn placeholder() -> Self {
        Self {
            bids: HalfBook::placeholder(),
            asks: HalfBook::placeholder(),
        }
    }

    /// Applies a market event; `None` for one that no depth takes.
    #[inline]
    pub fn apply(&mut self, record: &Record, event: &Event<'_>) -> Option<Moved> {
        if let Event::BookLevels(levels) = event {
            return Some(self.levels(record, levels));
        }
        if let Event::BookReset(_) = event {
            return Some(self.reset());
        }
        None
    }

    /// Removes every level.
    pub(super) fn reset(&mut self) -> Moved {
        self.bids.clear();
        self.asks.clear();
        Moved {
            best: None,
            complete: self.is_complete(),
            malformed: 0,
        }
    }

    #[inline]
    pub(super) fn levels(&mut self, record: &Record, levels: &BookLevels) -> Moved {
        self.levels_noting(record, levels, |_, _, _| {})
    }

    /// As [`Self::levels`], and tells of each level with its side what was there before.
    #[inline]
    pub(super) fn levels_noting(
        &mut self,
        record: &Record,
        levels: &BookLevels,
        mut note: impl FnMut(Side, Level, Lots),
    ) -> Moved {
        let mut malformed = 0;
        for (side, level) in levels.iter(record.detail) {
            if !possible(level.price) || level.qty < Lots::ZERO {
                malformed += 1;
                continue;
            }
            let before = match side {
                Side::Buy => self.bids.set(-level.price.0, level.qty.0),
                Side::Sell => self.asks.set(level.price.0, level.qty.0),
            };
            note(side, level, Lots(before));
        }
        let ended = record.has(flags::LAST_OF_MESSAGE);
        let best = |side| self.best(side).unwrap_or(Level::UNUSED);
        Moved {
            best: ended.then(|| [best(Side::Buy), best(Side::Sell)]),
            complete: self.is_complete(),
            malformed,
        }
    }

    /// Whether no level was dropped that could be the best one.
    #[inline]
    pub(super) fn is_complete(&self) -> bool {
        self.bids.is_whole() && self.asks.is_whole()
    }

    /// Best level of a side.
    #[inline]
    pub(super) fn best(&self, side: Side) -> Option<Level> {
        let half = self.half(side);
        let key = half.best()?;
        Some(level(side, key, half.qty(key)))
    }

    /// Quantity at a price; 0 if there is no level.
    #[inline]
    pub(super) fn qty(&self, side: Side, price: Ticks) -> Lots {
        let key = match side {
            Side::Buy => price.0.saturating_neg(),
            Side::Sell => price.0,
        };
        Lots(self.half(side).qty(key))
    }

    /// Levels of a side, best first.
    pub(super) fn iter(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        let levels = self.half(side).iter();
        levels.map(move |(key, qty)| level(side, key, qty))
    }

    pub(super) const fn half(&self, side: Side) -> &HalfBook {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }
}

/// Whether a price is within what a side can hold.
#[inline]
pub(super) const fn possible(price: Ticks) -> bool {
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
