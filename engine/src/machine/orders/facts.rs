//! What was learned of one order, as a set: every field is a maximum, a union or the largest few,
//! so that the same facts give the same set in whatever order and however often they come.
//!
//! Absence is proven by 9.2's rule: the request's validity is over, and behind that, and behind the
//! last evidence of life, the venue denied knowing the order twice, apart, and a list of open
//! orders that was asked for does not hold it. The gateway asks for an order's fills with each
//! query.
//!
//! Hot path: yes. Allocates: no.

use model::num::Lots;
use serde::{Deserialize, Serialize};

use super::life::Fact;
use crate::machine::digest::{Digest, Sink};

/// Shortest time between the two absences that prove that the venue does not have an order.
pub(crate) const ABSENCE_SPACING_NS: u64 = 1_000_000_000;

/// Absences that are remembered: the latest ones. With a slowest pace of queries of at least half
/// of [`ABSENCE_SPACING_NS`] two of them are far enough apart.
const ABSENCES: usize = 4;

/// Number and time of the event that brought a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When {
    pub(crate) event: u64,
    pub(crate) time_ns: u64,
}

/// The venue refused it in answer to its placement. A fill takes that back: what is refused does
/// not fill. What the venue says when asked for the state is [`Fact::Rejected`].
const REFUSED: u16 = 1 << 15;

/// See the module's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Bit by [`Fact`], for those without a time.
    learned: u16,
    /// Latest evidence of life.
    exists_ns: Option<u64>,
    /// Latest absences, the latest first; 0 for none.
    absences: [u64; ABSENCES],
    /// When the latest list of open orders without it was asked for; 0 for none.
    listed_ns: u64,
    /// When a person decided that the venue never had it.
    decided_ns: Option<u64>,
    /// Longest validity of a request, as far as an absence was judged.
    window_ns: u64,
    /// Most that the venue counted as filled.
    counted: Lots,
    /// Event of the venue's latest word.
    heard: u64,
    /// Event at which the connection was lost last.
    lost: u64,
    /// Latest event that raised a doubt.
    doubt: u64,
    /// Latest event at which the venue said what the order's state is.
    cleared: u64,
}

impl Facts {
    pub(super) const NONE: Self = Self {
        learned: 0,
        exists_ns: None,
        absences: [0; ABSENCES],
        listed_ns: 0,
        decided_ns: None,
        window_ns: 0,
        counted: Lots::ZERO,
        heard: 0,
        lost: 0,
        doubt: 0,
        cleared: 0,
    };

    /// Those of an order that risk let through.
    pub(super) const APPROVED: Self = Self {
        learned: 1 << Fact::Approved as u16,
        ..Self::NONE
    };

    pub(super) const fn learn(&mut self, fact: Fact) {
        self.learned |= 1 << fact as u16;
    }

    pub(super) const fn refused(&mut self) {
        self.learned |= REFUSED;
    }

    pub(super) fn exists(&mut self, time_ns: u64) {
        self.exists_ns = self.exists_ns.max(Some(time_ns));
    }

    pub(super) fn absent(&mut self, time_ns: u64, window_ns: u64) {
        self.window_ns = self.window_ns.max(window_ns);
        if self.absences.contains(&time_ns) {
            return;
        }
        let mut newer = time_ns;
        for place in &mut self.absences {
            if newer > *place {
                std::mem::swap(place, &mut newer);
            }
        }
    }

    pub(super) fn not_listed(&mut self, asked_ns: u64) {
        self.listed_ns = self.listed_ns.max(asked_ns);
    }

    pub(super) fn decided_absent(&mut self, time_ns: u64) {
        self.decided_ns = self.decided_ns.max(Some(time_ns));
    }

    pub(super) fn counted(&mut self, filled: Lots) -> bool {
        let more = filled > self.counted;
        self.counted = self.counted.max(filled);
        more
    }

    pub(super) fn heard(&mut self, when: When) {
        self.heard = self.heard.max(when.event);
    }

    pub(super) fn lost(&mut self, event: u64) {
        self.lost = self.lost.max(event);
    }

    pub(super) fn doubt(&mut self, event: u64) {
        self.doubt = self.doubt.max(event);
    }

    pub(super) fn cleared(&mut self, when: When) {
        self.cleared = self.cleared.max(when.event);
    }

    /// Whether the venue said anything since the connection was last lost.
    pub(super) const fn is_confirmed(&self) -> bool {
        self.heard >= self.lost
    }

    /// Whether something contradicts what we know, and the venue was not heard on it since.
    pub(super) const fn is_doubtful(&self) -> bool {
        self.doubt > self.cleared
    }

    /// Filled as the venue counts it, of an order of this quantity.
    pub(super) fn reported(&self, qty: Lots) -> Lots {
        if self.has(Fact::FilledWhole) {
            self.counted.max(qty)
        } else {
            self.counted
        }
    }

    /// Whether the venue denied knowing it once in a way that counts, and only its list is missing.
    pub(super) fn wants_list(&self, sent_ns: u64) -> bool {
        let after = self.judged_from(sent_ns);
        self.absences[0] > after && self.listed_ns <= after && !self.is_absent(sent_ns)
    }

    /// Whether a fact holds, for an order that may have been sent up to `sent_ns` and of which
    /// something was filled or not.
    pub(super) fn holds(&self, fact: Fact, sent_ns: u64, has_fills: bool) -> bool {
        match fact {
            Fact::Exists => self.exists_ns.is_some() && !self.is_absent(sent_ns),
            // What never left us and was never seen needs no proof, and lists are not told to it.
            Fact::AbsenceProven => {
                self.is_absent(sent_ns) && (self.exists_ns.is_some() || !self.has(Fact::NotSent))
            }
            Fact::Rejected => self.has(fact) || self.learned & REFUSED != 0 && !has_fills,
            Fact::Approved
            | Fact::Sent
            | Fact::OutcomeUnknown
            | Fact::NotSent
            | Fact::Expired
            | Fact::Cancelled
            | Fact::FilledWhole => self.has(fact),
        }
    }

    const fn has(&self, fact: Fact) -> bool {
        self.learned & 1 << fact as u16 != 0
    }

    /// Absences up to this time prove nothing: the request may still arrive, or the order lived.
    fn judged_from(&self, sent_ns: u64) -> u64 {
        let valid = sent_ns.saturating_add(self.window_ns);
        valid.max(self.exists_ns.unwrap_or(0))
    }

    fn is_absent(&self, sent_ns: u64) -> bool {
        if self.decided_ns > self.exists_ns {
            return true;
        }
        let after = self.judged_from(sent_ns);
        let last = self.absences[0];
        let apart = |first: &u64| *first > after && last - first >= ABSENCE_SPACING_NS;
        self.listed_ns > after && self.absences.iter().any(apart)
    }
}

impl Digest for Facts {
    fn digest(&self, sink: &mut Sink) {
        let Self {
            learned,
            exists_ns,
            absences,
            listed_ns,
            decided_ns,
            window_ns,
            counted,
            heard,
            lost,
            doubt,
            cleared,
        } = self;
        sink.number(*learned);
        sink.optional(*exists_ns);
        for absence in absences {
            sink.number(*absence);
        }
        sink.optional(*decided_ns);
        sink.lots(*counted);
        for number in [listed_ns, window_ns, heard, lost, doubt, cleared] {
            sink.number(*number);
        }
    }
}
