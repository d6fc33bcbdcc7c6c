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
//! Markets with chained updates (USD-M) name the last id of the update before in each: there an
//! update continues a book at `id` if it names just that, and the first one behind a snapshot of
//! `id` if `before <= id <= last`, for then all that lies between is in the snapshot.
//!
//! Sans I/O: it is told what came and says what to do. Hot path: [`BookSync::update`] when live.
//! Allocates: while not live only.

use model::body::Level;

use super::dialect::Chain;

/// Most updates that are held while the snapshot is on its way: over three minutes of them.
const HELD_MAX: usize = 2_048;
/// Updates in a row that look old while ids may fall: more of them, and it is the book that is.
const OLD_MAX: u32 = 1_024;

/// What to do with an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
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
pub enum Fit {
    /// It is the book, and the held updates follow it.
    Fits,
    /// It is older than the held updates: ask for another.
    TooOld,
    /// Nobody waits for it.
    Unwanted,
}

/// Bounds of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Id of the first update in the message.
    pub first_id: u64,
    /// Id of the last.
    pub last_id: u64,
    /// Last id of the message before, where the market chains its messages.
    pub before_id: Option<u64>,
    /// The venue's time of the message, nanoseconds since the Unix epoch; 0 if it gave none.
    pub venue_time_ns: u64,
}

impl Span {
    /// Of a snapshot: the one update that it stands for.
    #[must_use]
    pub const fn at(id: u64) -> Self {
        Self {
            first_id: id,
            last_id: id,
            before_id: None,
            venue_time_ns: 0,
        }
    }

    /// Whether messages between a book at `id` and this one were lost.
    const fn leaves_a_gap(&self, id: u64) -> bool {
        match self.before_id {
            Some(before) => before != id,
            None => self.first_id > id.saturating_add(1),
        }
    }

    /// Whether a snapshot of `id` is too old for this to be the first update behind it.
    const fn is_beyond(&self, id: u64) -> bool {
        match self.before_id {
            Some(before) => before > id,
            None => self.first_id > id.saturating_add(1),
        }
    }
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
pub struct Replayed<'a> {
    /// Its bounds.
    pub span: Span,
    /// Its bids, then its asks.
    pub levels: &'a [Level],
    /// How many of them are bids.
    pub bids: usize,
}

/// State of one book's synchronisation.
#[derive(Debug)]
pub struct BookSync {
    phase: Phase,
    held: Vec<HeldUpdate>,
    levels: Vec<Level>,
    /// Live at a snapshot that no update followed yet.
    behind_snapshot: bool,
    chain: Chain,
    /// Whether a second connection brings the same updates, later.
    doubled: bool,
    /// Old updates since the last that was applied.
    old: u32,
}

impl Default for BookSync {
    fn default() -> Self {
        Self::new()
    }
}

impl BookSync {
    /// A book of which nothing came yet, with ids that rise, from one connection.
    #[must_use]
    pub const fn new() -> Self {
        Self::of(Chain::Rising, false)
    }

    /// A book of which nothing came yet; `doubled`: two connections bring its updates.
    #[must_use]
    pub const fn of(chain: Chain, doubled: bool) -> Self {
        Self {
            phase: Phase::Empty,
            held: Vec::new(),
            levels: Vec::new(),
            behind_snapshot: false,
            chain,
            doubled,
            old: 0,
        }
    }

    const fn is_gap(&self, span: Span, id: u64) -> bool {
        if self.behind_snapshot {
            span.is_beyond(id)
        } else {
            span.leaves_a_gap(id)
        }
    }

    /// Whether `span` brings nothing to a book at `id`.
    const fn is_old(&self, span: Span, id: u64) -> bool {
        let Chain::Linked = self.chain else {
            return span.last_id <= id;
        };
        match span.before_id {
            // Continues the book, be its id lower: old only if it changes nothing.
            Some(before) if before == id => span.last_id == id,
            _ => span.last_id == id || (self.doubled && span.last_id < id && self.old < OLD_MAX),
        }
    }

    /// What [`Self::update`] would say of an update, without its consequences. A book that is not
    /// live holds it.
    #[inline]
    #[must_use]
    pub const fn judge(&self, span: Span) -> Verdict {
        let Phase::Live { id } = self.phase else {
            return Verdict::Hold;
        };
        let is_broken = matches!(self.chain, Chain::Rising) && span.last_id < span.first_id;
        if !is_broken && self.is_old(span, id) {
            return Verdict::Old;
        }
        if is_broken || self.is_gap(span, id) {
            return Verdict::Gap;
        }
        Verdict::Apply
    }

    /// Whether the book is in step.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
    }

    /// Last update of a book that is in step.
    #[inline]
    #[must_use]
    pub const fn id(&self) -> Option<u64> {
        match self.phase {
            Phase::Live { id } => Some(id),
            Phase::Empty | Phase::Held => None,
        }
    }

    /// Whether nothing came at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self.phase, Phase::Empty)
    }

    /// Whether a snapshot would help: not before the first update, or it might be older.
    #[must_use]
    pub const fn wants_snapshot(&self) -> bool {
        matches!(self.phase, Phase::Held)
    }

    /// The connection is gone: whatever is known may be out of date.
    pub fn lose(&mut self) {
        self.phase = Phase::Empty;
        self.old = 0;
        self.held.clear();
        self.levels.clear();
    }

    /// Judges an update; `levels` are its bids and then its asks.
    #[inline]
    pub fn update(&mut self, span: Span, levels: &[Level], bids: usize) -> Verdict {
        let verdict = self.judge(span);
        match verdict {
            Verdict::Apply => {
                self.behind_snapshot = false;
                self.old = 0;
                self.phase = Phase::Live { id: span.last_id };
            }
            Verdict::Old => self.old = self.old.saturating_add(1),
            Verdict::Gap => {
                self.lose();
                self.hold(span, levels, bids);
            }
            Verdict::Hold => self.hold(span, levels, bids),
        }
        verdict
    }

    /// A snapshot stood in the stream: the book is live at `id`.
    pub fn begin(&mut self, id: u64) {
        self.lose();
        self.behind_snapshot = false;
        self.phase = Phase::Live { id };
    }

    fn hold(&mut self, span: Span, levels: &[Level], bids: usize) {
        if matches!(self.chain, Chain::Linked) {
            return; // Its snapshot comes before what follows it.
        }
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
            if span.leaves_a_gap(id) || self.held.len() >= HELD_MAX {
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
    pub fn snapshot(&mut self, id: u64) -> Fit {
        if self.phase != Phase::Held {
            return Fit::Unwanted;
        }
        let next = self.held.iter().find(|held| held.span.last_id > id);
        match next {
            Some(next) if next.span.is_beyond(id) => return Fit::TooOld,
            Some(_) | None => {}
        }
        let last = self.held.last().map_or(id, |held| held.span.last_id);
        self.phase = Phase::Live { id: last.max(id) };
        self.behind_snapshot = next.is_none();
        Fit::Fits
    }

    /// The held updates that follow the snapshot of `id`, in order.
    pub fn replay(&self, id: u64) -> impl Iterator<Item = Replayed<'_>> {
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
    pub fn settle(&mut self) {
        self.held.clear();
        self.levels.clear();
    }
}
