//! Keeps one book in step with the venue: which updates count, and when the book is void.
//!
//! ```text
//!            first update            snapshot fits the held updates
//!   Empty ------------------> Held --------------------------------> Live(id)
//!     ^                        |  ^ too old: ask again                  |
//!     |  connection lost       |  +---+     gap: hold from here on      |
//!     +------------------------+------+---------------------------------+
//! ```
//!
//! The venue's rules: an update of `first..=last` continues a book at `id` if
//! `first <= id + 1 <= last`; one with `last <= id` is old; one with `first > id + 1` means that
//! updates were lost. Quantities are absolute.
//!
//! Sans I/O: it is told what came and says what to do. Hot path: [`BookSync::update`] when live.
//! Allocates: while not live only.

use model::body::Level;

/// Most updates that are held while the snapshot is on its way: over three minutes of them.
const HELD_MAX: usize = 2_048;

/// What to do with an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Apply it to the book.
    Apply,
    /// It is held for the snapshot, or forgotten: the book is not live.
    Hold,
    /// It is older than the book.
    Old,
    /// Updates were lost: the book is void. The update is held for the next snapshot.
    Gap,
}

/// What to do with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It is the book, and the held updates follow it.
    Fits,
    /// It is older than the held updates: ask for another.
    TooOld,
    /// Nobody waits for it.
    Unwanted,
}

/// Bounds of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first_id: u64,
    pub(crate) last_id: u64,
    pub(crate) venue_time_ns: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Empty,
    Held,
    Live { id: u64 },
}

#[derive(Debug, Clone, Copy)]
struct HeldUpdate {
    span: Span,
    /// End of its levels in the common list, and how many of them are bids.
    end: usize,
    bids: usize,
}

/// An update that was held and now follows the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Replayed<'a> {
    pub(crate) span: Span,
    pub(crate) levels: &'a [Level],
    pub(crate) bids: usize,
}

/// State of one book's synchronisation.
#[derive(Debug)]
pub(crate) struct BookSync {
    phase: Phase,
    held: Vec<HeldUpdate>,
    levels: Vec<Level>,
}

impl BookSync {
    pub(crate) const fn new() -> Self {
        Self {
            phase: Phase::Empty,
            held: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// Whether the book is in step.
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
    }

    /// Last update of a book that is in step.
    #[inline]
    pub(crate) const fn id(&self) -> Option<u64> {
        match self.phase {
            Phase::Live { id } => Some(id),
            Phase::Empty | Phase::Held => None,
        }
    }

    /// Whether nothing came at all.
    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self.phase, Phase::Empty)
    }

    /// Whether a snapshot would help: not before the first update, or it might be older.
    pub(crate) const fn wants_snapshot(&self) -> bool {
        matches!(self.phase, Phase::Held)
    }

    /// The connection is gone: whatever is known may be out of date.
    pub(crate) fn lose(&mut self) {
        self.phase = Phase::Empty;
        self.held.clear();
        self.levels.clear();
    }

    /// Judges an update; `levels` are its bids and then its asks.
    #[inline]
    pub(crate) fn update(&mut self, span: Span, levels: &[Level], bids: usize) -> Verdict {
        match self.phase {
            Phase::Live { id } => {
                if span.last_id < span.first_id || span.first_id > id.saturating_add(1) {
                    self.lose();
                    self.hold(span, levels, bids);
                    return Verdict::Gap;
                }
                if span.last_id <= id {
                    return Verdict::Old;
                }
                self.phase = Phase::Live { id: span.last_id };
                Verdict::Apply
            }
            Phase::Empty | Phase::Held => {
                self.hold(span, levels, bids);
                Verdict::Hold
            }
        }
    }

    fn hold(&mut self, span: Span, levels: &[Level], bids: usize) {
        if span.last_id < span.first_id {
            self.lose();
            return;
        }
        if let Some(last) = self.held.last() {
            let id = last.span.last_id;
            if span.last_id <= id {
                return;
            }
            // A gap among the held ones, or too many of them: only what follows is of use.
            if span.first_id > id.saturating_add(1) || self.held.len() >= HELD_MAX {
                self.lose();
            }
        }
        self.levels.extend_from_slice(levels);
        self.held.push(HeldUpdate {
            span,
            end: self.levels.len(),
            bids,
        });
        self.phase = Phase::Held;
    }

    /// Judges a snapshot. If it fits, the book is live at the last held update, and
    /// [`Self::replay`] gives those that follow the snapshot.
    pub(crate) fn snapshot(&mut self, id: u64) -> Fit {
        if self.phase != Phase::Held {
            return Fit::Unwanted;
        }
        let next = self.held.iter().find(|held| held.span.last_id > id);
        match next {
            Some(next) if next.span.first_id > id.saturating_add(1) => return Fit::TooOld,
            Some(_) | None => {}
        }
        let last = self.held.last().map_or(id, |held| held.span.last_id);
        self.phase = Phase::Live { id: last.max(id) };
        Fit::Fits
    }

    /// The held updates that follow the snapshot of `id`, in order.
    pub(crate) fn replay(&self, id: u64) -> impl Iterator<Item = Replayed<'_>> {
        let mut start = 0;
        self.held
            .iter()
            .map(move |held| {
                let levels = &self.levels[start..held.end];
                start = held.end;
                Replayed {
                    span: held.span,
                    levels,
                    bids: held.bids,
                }
            })
            .filter(move |update| update.span.last_id > id)
    }

    /// Forgets the held updates, which are now part of the book.
    pub(crate) fn settle(&mut self) {
        self.held.clear();
        self.levels.clear();
    }
}
