//! One side of a book: a dense window of ticks that follows the market, and a sorted rest.
//!
//! Prices are held as *keys*: the price for asks, its negative for bids, so the best level always
//! has the smallest key. The window is a ring (place = key modulo its width), so moving it copies
//! only the levels that enter or leave.
//!
//! Invariants
//! - H1: no level has a key below `base`; a better one moves the window first.
//! - H2: keys below `base + width` are in the window, the others in `beyond`, sorted.
//! - H3: `best` is the smallest key.
//! - H4: a place of the window holds 0 where there is no level, and `occupied` says the same.
//!
//! Trade-offs: a level in the window costs one array store and one bit; one beyond it a binary
//! search and a move of at most `BEYOND_MAX` entries. Memory: 8 bytes a tick of the window, 128 KiB
//! for the rest. When the rest is full, the farthest level is dropped and counted, and the side
//! says that it is not whole once the market reaches the place of a dropped level.
//!
//! Hot path: yes. Allocates: only at creation.

use serde::{Deserialize, Serialize};

use super::bitmap::Bitmap;
use crate::machine::saved::{COUNT_MAX, Unsound, require};

/// Most levels behind the window.
pub(super) const BEYOND_MAX: usize = 8_192;
/// Keys are below this in magnitude, so that sums with the window's width do not overflow.
pub(super) const KEY_LIMIT: i64 = 1 << 61;

/// Levels of one side, best first.
#[derive(Debug, Clone)]
pub(super) struct HalfBook {
    base: i64,
    window: Vec<i64>,
    occupied: Bitmap,
    beyond: Vec<(i64, i64)>,
    best: Option<i64>,
    count: usize,
    dropped: u64,
    horizon: i64,
}

/// A side as a snapshot holds it. What is not here (places, the best key, the number of levels)
/// follows from it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedHalf {
    base: i64,
    levels: Vec<(i64, i64)>,
    dropped: u64,
    horizon: i64,
}

impl HalfBook {
    /// What a snapshot has to hold.
    pub(super) fn save(&self) -> SavedHalf {
        let Self {
            base,
            window: _,
            occupied: _,
            beyond: _,
            best: _,
            count: _,
            dropped,
            horizon,
        } = self;
        SavedHalf {
            base: *base,
            levels: self.iter().collect(),
            dropped: *dropped,
            horizon: *horizon,
        }
    }

    /// The side of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`]: levels that no side can hold (H1 to H3).
    pub(super) fn restore(saved: &SavedHalf, width: usize) -> Result<Self, Unsound> {
        let mut half = Self::new(width);
        let far = KEY_LIMIT + half.width();
        require((-far..far).contains(&saved.base), "window of a book side")?;
        require(saved.dropped < COUNT_MAX, "dropped levels of a book side")?;
        let sound = |&(key, qty): &(i64, i64)| {
            key.checked_abs().is_some_and(|key| key < KEY_LIMIT) && qty > 0 && key >= saved.base
        };
        let ascend = saved
            .levels
            .is_sorted_by(|(left, _), (right, _)| left < right);
        require(
            ascend && saved.levels.iter().all(sound),
            "levels of a book side",
        )?;
        half.base = saved.base;
        let end = half.end();
        let inside = saved.levels.partition_point(|&(key, _)| key < end);
        let (window, beyond) = saved.levels.split_at(inside);
        require(beyond.len() <= BEYOND_MAX, "levels behind a book's window")?;
        for &(key, qty) in window {
            let place = half.place(key);
            half.occupied.insert(place);
            half.window[place] = qty;
        }
        half.beyond.extend_from_slice(beyond);
        half.best = saved.levels.first().map(|&(key, _)| key);
        half.count = saved.levels.len();
        half.dropped = saved.dropped;
        half.horizon = saved.horizon;
        Ok(half)
    }

    /// An empty side with a window of `width` ticks: a power of two of at least 4096.
    pub(super) fn new(width: usize) -> Self {
        // Written once with something else, so that every page is here before the first event.
        let mut window = vec![1; width];
        std::hint::black_box(&mut window).fill(0);
        Self {
            base: 0,
            window,
            occupied: Bitmap::new(width),
            beyond: Vec::with_capacity(BEYOND_MAX),
            best: None,
            count: 0,
            dropped: 0,
            horizon: i64::MAX,
        }
    }

    /// A side that is never used: it has no room.
    pub(super) fn placeholder() -> Self {
        Self {
            base: 0,
            window: Vec::new(),
            occupied: Bitmap::placeholder(),
            beyond: Vec::new(),
            best: None,
            count: 0,
            dropped: 0,
            horizon: i64::MAX,
        }
    }

    /// Removes every level. The count of dropped levels stays.
    pub(super) fn clear(&mut self) {
        let mut next = self.first_in_window();
        while let Some(key) = next {
            let place = self.place(key);
            self.window[place] = 0;
            next = self.in_window_from(key + 1);
        }
        self.occupied.clear();
        self.beyond.clear();
        self.best = None;
        self.count = 0;
        self.horizon = i64::MAX;
    }

    /// Sets the quantity at `key`; 0 removes the level. Returns what was there.
    #[inline]
    pub(super) fn set(&mut self, key: i64, qty: i64) -> i64 {
        debug_assert!(key.abs() < KEY_LIMIT && qty >= 0);
        if qty == 0 {
            self.remove(key)
        } else {
            self.insert(key, qty)
        }
    }

    #[inline]
    fn insert(&mut self, key: i64, qty: i64) -> i64 {
        if self.count == 0 {
            self.base = key - self.lead();
        } else if key < self.base {
            self.move_down(key - self.lead());
        }
        if key < self.end() {
            let place = self.place(key);
            let before = std::mem::replace(&mut self.window[place], qty);
            if before != 0 {
                return before;
            }
            self.occupied.insert(place);
            self.count += 1;
            if self.best.is_none_or(|best| key < best) {
                self.best = Some(key);
            }
            0
        } else {
            self.insert_beyond(key, qty)
        }
    }

    #[inline]
    fn remove(&mut self, key: i64) -> i64 {
        if self.count == 0 || key < self.base {
            return 0;
        }
        if key >= self.end() {
            let found = self.beyond.binary_search_by_key(&key, |&(key, _)| key);
            let Ok(index) = found else {
                return 0;
            };
            self.count -= 1;
            return self.beyond.remove(index).1;
        }
        let place = self.place(key);
        let before = std::mem::take(&mut self.window[place]);
        if before == 0 {
            return 0;
        }
        self.occupied.remove(place);
        self.count -= 1;
        if self.best == Some(key) {
            self.best = self.first_from(key);
            self.follow_up();
        }
        before
    }

    fn insert_beyond(&mut self, key: i64, qty: i64) -> i64 {
        match self.beyond.binary_search_by_key(&key, |&(key, _)| key) {
            Ok(index) => return std::mem::replace(&mut self.beyond[index].1, qty),
            Err(index) if self.beyond.len() < BEYOND_MAX => {
                self.beyond.insert(index, (key, qty));
                self.count += 1;
            }
            Err(index) if index == BEYOND_MAX => self.note_dropped(key),
            Err(index) => {
                self.drop_farthest();
                self.beyond.insert(index, (key, qty));
                self.count += 1;
            }
        }
        0
    }

    fn drop_farthest(&mut self) {
        if let Some((key, _)) = self.beyond.pop() {
            self.count -= 1;
            self.note_dropped(key);
        }
    }

    fn note_dropped(&mut self, key: i64) {
        self.dropped += 1;
        self.horizon = self.horizon.min(key);
    }

    /// Moves the window after the best price when that has gone far from it.
    fn follow_up(&mut self) {
        if let Some(best) = self.best
            && best - self.base > self.width() / 8 * 7
        {
            self.move_up(best - self.lead());
        }
    }

    /// Moves the window towards better keys: its far end falls into `beyond`.
    fn move_down(&mut self, base: i64) {
        let (width, end) = (self.width(), self.end());
        let first_leaving = (base + width).max(self.base);
        let mut leaving = 0;
        let mut next = self.in_window_from(first_leaving);
        while let Some(key) = next {
            leaving += 1;
            next = self.in_window_from(key + 1);
        }
        let kept = leaving.min(BEYOND_MAX);
        while self.beyond.len() + kept > BEYOND_MAX {
            self.drop_farthest();
        }
        let mut moved = 0;
        let mut next = self.in_window_from(first_leaving);
        while let Some(key) = next {
            let place = self.place(key);
            self.occupied.remove(place);
            let qty = std::mem::take(&mut self.window[place]);
            if moved < kept {
                self.beyond.push((key, qty));
                moved += 1;
            } else {
                self.count -= 1;
                self.note_dropped(key);
            }
            next = self.in_window_from(key + 1);
        }
        self.beyond.rotate_right(moved);
        debug_assert!(end >= first_leaving);
        self.base = base;
    }

    /// Moves the window towards worse keys: the near end of `beyond` falls into it.
    fn move_up(&mut self, base: i64) {
        self.base = base;
        let end = self.end();
        let entering = self.beyond.partition_point(|&(key, _)| key < end);
        for index in 0..entering {
            let (key, qty) = self.beyond[index];
            let place = self.place(key);
            self.occupied.insert(place);
            self.window[place] = qty;
        }
        self.beyond.drain(..entering);
    }

    /// The best key, or `None` for an empty side.
    #[inline]
    pub(super) const fn best(&self) -> Option<i64> {
        self.best
    }

    /// The quantity at `key`; 0 if there is no level.
    #[inline]
    pub(super) fn qty(&self, key: i64) -> i64 {
        if self.count == 0 || key < self.base {
            return 0;
        }
        if key < self.end() {
            return self.window[self.place(key)];
        }
        self.beyond
            .binary_search_by_key(&key, |&(key, _)| key)
            .map_or(0, |index| self.beyond[index].1)
    }

    /// Width of the window, ticks.
    pub(super) fn window_ticks(&self) -> u32 {
        u32::try_from(self.window.len()).unwrap_or(u32::MAX)
    }

    /// Levels held.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Levels that found no place since the start.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether no level was dropped that could be the best one.
    #[inline]
    pub(super) fn is_whole(&self) -> bool {
        self.horizon == i64::MAX || self.best.is_some_and(|best| best < self.horizon)
    }

    /// Levels as key and quantity, best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let first = self.first_in_window();
        let window = std::iter::successors(first, |&key| self.in_window_from(key + 1))
            .map(|key| (key, self.window[self.place(key)]));
        window.chain(self.beyond.iter().copied())
    }

    /// The first occupied key of the window.
    fn first_in_window(&self) -> Option<i64> {
        if self.count == 0 {
            None
        } else {
            self.in_window_from(self.base)
        }
    }

    /// The first occupied key at or behind `key`.
    fn first_from(&self, key: i64) -> Option<i64> {
        self.in_window_from(key)
            .or_else(|| self.beyond.first().map(|&(key, _)| key))
    }

    fn in_window_from(&self, key: i64) -> Option<i64> {
        if key >= self.end() {
            return None;
        }
        let found = self.occupied.next_cyclic(self.place(key))?;
        let mask = self.window.len() - 1;
        let offset = found.wrapping_sub(self.place(self.base)) & mask;
        let at = self.base + i64::try_from(offset).unwrap_or(0);
        (at >= key).then_some(at)
    }

    #[inline]
    fn place(&self, key: i64) -> usize {
        // Two's complement: the low bits count up through zero, so negative keys need no case.
        (key as usize) & (self.window.len() - 1)
    }

    #[inline]
    const fn width(&self) -> i64 {
        self.window.len() as i64
    }

    #[inline]
    const fn end(&self) -> i64 {
        self.base + self.width()
    }

    /// Room left in front of the best price when the window is placed.
    #[inline]
    const fn lead(&self) -> i64 {
        self.width() / 4
    }
}
