//! Who watches which price: by instrument and source, each with the prices between which it does
//! nothing. So a market event costs what its instrument's triggers cost, however many are held.
//!
//! An event between the nearest triggers of its instrument costs one comparison. One beyond them
//! costs a comparison for each trigger of the instrument and source, and only those that move or
//! fire are looked at. All of it follows from the held orders: a snapshot does not hold it.
//!
//! Hot path: yes. Allocates: only when an instrument is first watched.

use std::ops::Range;

use model::ids::{ClientOrderId, InstrumentId};

use super::entry::{Held, Phase};
use super::table::{HELD_MAX, HeldOrders};
use super::terms::PriceSource;
use super::watch::{Quiet, Watch};

/// A price that is watched.
pub(super) type Watched = (InstrumentId, PriceSource);

#[derive(Debug, Clone, Copy)]
struct Watcher {
    instrument: InstrumentId,
    source: u8,
    id: ClientOrderId,
    quiet: Quiet,
}

impl Watcher {
    const fn key(&self) -> (InstrumentId, u8, ClientOrderId) {
        (self.instrument, self.source, self.id)
    }
}

/// See the module's header.
#[derive(Debug, Clone)]
pub(super) struct Watchers {
    /// By instrument, source and id.
    list: Vec<Watcher>,
    /// By instrument, then source: where none of them does anything.
    quiet: Vec<[Quiet; 3]>,
}

impl Default for Watchers {
    fn default() -> Self {
        Self {
            list: Vec::with_capacity(HELD_MAX),
            quiet: Vec::new(),
        }
    }
}

impl Watchers {
    fn place_of(&self, (instrument, source): Watched, id: ClientOrderId) -> Result<usize, usize> {
        let key = (instrument, source as u8, id);
        self.list.binary_search_by_key(&key, Watcher::key)
    }

    fn of(&self, (instrument, source): Watched) -> Range<usize> {
        let key = (instrument, source as u8);
        let of = |watcher: &Watcher| (watcher.instrument, watcher.source);
        let from = self.list.partition_point(|watcher| of(watcher) < key);
        let rest = self.list[from..].iter();
        from..from + rest.take_while(|watcher| of(watcher) == key).count()
    }

    fn set(&mut self, watched: Watched, id: ClientOrderId, quiet: Quiet) {
        match self.place_of(watched, id) {
            Ok(place) => self.list[place].quiet = quiet,
            Err(place) => self.list.insert(
                place,
                Watcher {
                    instrument: watched.0,
                    source: watched.1 as u8,
                    id,
                    quiet,
                },
            ),
        }
    }

    fn remove(&mut self, watched: Watched, id: ClientOrderId) {
        if let Ok(place) = self.place_of(watched, id) {
            self.list.remove(place);
        }
    }

    /// Finds anew where nothing happens.
    fn hush(&mut self, watched: Watched) {
        let index = watched.0.index();
        if self.quiet.len() <= index {
            self.quiet.resize(index + 1, [Quiet::ALWAYS; 3]);
        }
        let all = self.list[self.of(watched)].iter();
        self.quiet[index][watched.1 as usize] =
            all.fold(Quiet::ALWAYS, |quiet, watcher| quiet.and(watcher.quiet));
    }
}

impl HeldOrders {
    /// Whether nothing watches a price of this instrument that is at or beyond where it moves.
    #[inline]
    pub(crate) fn is_quiet(
        &self,
        instrument: InstrumentId,
        source: PriceSource,
        price: i64,
    ) -> bool {
        self.watchers
            .quiet
            .get(instrument.index())
            .is_none_or(|sources| sources[source as usize].holds(price))
    }

    /// Brings the index to what an order watches now; `before`: what it watched.
    pub(super) fn rewatch(&mut self, id: ClientOrderId, before: Option<Watched>) {
        let now = self
            .get(id)
            .and_then(|held| held.watches().zip(held.watch.as_ref().map(Watch::quiet)));
        if let Some(before) = before
            && now.map(|(watched, _)| watched) != Some(before)
        {
            self.watchers.remove(before, id);
            self.watchers.hush(before);
        }
        if let Some((watched, quiet)) = now {
            self.watchers.set(watched, id, quiet);
            self.watchers.hush(watched);
        }
    }

    /// Shows a price to what watches it; `told` hears of each one that triggers.
    pub(crate) fn see(
        &mut self,
        instrument: InstrumentId,
        source: PriceSource,
        price: i64,
        now_ns: u64,
        mut told: impl FnMut(&Held),
    ) {
        let watched = (instrument, source);
        let mut at = self.watchers.of(watched).start;
        while let Some(watcher) = self.watchers.list.get(at).copied() {
            if (watcher.instrument, watcher.source) != (instrument, source as u8) {
                break;
            }
            at += 1;
            if watcher.quiet.holds(price) {
                continue;
            }
            let Some(held) = self.get_mut(watcher.id) else {
                continue;
            };
            if !held.watch.as_mut().is_some_and(|watch| watch.see(price)) {
                let quiet = held.watch.as_ref().map(Watch::quiet);
                self.watchers.list[at - 1].quiet = quiet.unwrap_or(Quiet::ALWAYS);
                continue;
            }
            held.phase = Phase::Going;
            held.since_ns = now_ns;
            held.retry_ns = now_ns;
            let fired = *held;
            told(&fired);
            // A trigger fires once.
            held.watch = None;
            self.due_ns = 0;
            self.watchers.remove(watched, fired.id);
            self.end_siblings(&fired);
            self.end_parent(&fired);
            // Some of those behind it, or in front, may have gone with it.
            at = self
                .watchers
                .place_of(watched, fired.id)
                .unwrap_or_else(|next| next);
        }
        self.watchers.hush(watched);
    }
}
