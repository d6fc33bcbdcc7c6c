//! The life of an order: what each fact makes of each state, as one table.
//!
//! States are listed by rank, and every cell but one is the higher of the two ranks: so facts may
//! come twice and in any order. The exception is the pair *exists* and *proven absent*, where the
//! later evidence wins. [`super::Order`] decides that by the facts' own times before it asks the
//! table, so that there, too, the order in which they came is nothing.
//!
//! Above the table lie three overlays, which are about what we asked or owe and never about what is
//! true: pending-cancel, pending-amend, and needs-human ([`Overlays`]).
//!
//! Hot path: yes. Allocates: no.

/// Where an order is in its life.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum OrderState {
    /// The engine holds it until its condition is met; no command was made of it yet.
    Held = 0,
    /// Risk let it through; whether it left us is not known yet.
    Approved = 1,
    /// Written to the venue's socket.
    Sent = 2,
    /// Sent, perhaps, and the outcome is not known. Its exposure stays reserved.
    Unknown = 3,
    /// Never left us. Ended.
    NotSent = 4,
    /// The venue has it.
    Open = 5,
    /// Proven that the venue does not have it. Ended.
    Absent = 6,
    /// The venue refused it. Ended.
    Rejected = 7,
    /// The venue ended it. Ended.
    Expired = 8,
    /// Cancelled. Ended.
    Cancelled = 9,
    /// Filled wholly. Ended.
    Filled = 10,
}

/// Number of states.
pub(super) const STATES: usize = 11;

impl OrderState {
    /// Whether the venue will not fill any more of it.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        match self {
            Self::Held | Self::Approved | Self::Sent | Self::Unknown | Self::Open => false,
            Self::NotSent
            | Self::Absent
            | Self::Rejected
            | Self::Expired
            | Self::Cancelled
            | Self::Filled => true,
        }
    }

    /// Whether it may be on its way: the venue has not confirmed it, one way or the other.
    #[must_use]
    pub const fn is_unconfirmed(self) -> bool {
        match self {
            Self::Approved | Self::Sent | Self::Unknown => true,
            Self::Held
            | Self::NotSent
            | Self::Open
            | Self::Absent
            | Self::Rejected
            | Self::Expired
            | Self::Cancelled
            | Self::Filled => false,
        }
    }
}

/// Something learned about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// Risk let it through: a command was made of it.
    Approved = 0,
    /// The gateway wrote it.
    Sent = 1,
    /// Nobody can say what became of it.
    OutcomeUnknown = 2,
    /// The gateway did not write it, the journal never held it, or it was held and let go.
    NotSent = 3,
    /// The venue knows it, or filled some of it.
    Exists = 4,
    /// The venue denied knowing it, twice, late enough, and does not list it; or a person decided.
    AbsenceProven = 5,
    /// The venue refused it.
    Rejected = 6,
    /// The venue ended it.
    Expired = 7,
    /// It is cancelled.
    Cancelled = 8,
    /// All of it is filled.
    FilledWhole = 9,
}

/// Number of facts.
pub(super) const FACTS: usize = 10;

impl Fact {
    /// Every fact, by rank.
    pub(crate) const ALL: [Self; FACTS] = [
        Self::Approved,
        Self::Sent,
        Self::OutcomeUnknown,
        Self::NotSent,
        Self::Exists,
        Self::AbsenceProven,
        Self::Rejected,
        Self::Expired,
        Self::Cancelled,
        Self::FilledWhole,
    ];
}

/// What lies above an order's state: what was asked of the venue, or is owed by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overlays {
    /// A cancel is under way.
    pub pending_cancel: bool,
    /// An amendment is under way.
    pub pending_amend: bool,
    /// Its outcome stays unknown after all the queries: a person must decide.
    pub needs_human: bool,
}

impl Overlays {
    /// What is left of them above `state`: nothing above an end, and only an unknown order needs a
    /// person.
    #[must_use]
    pub(super) const fn above(self, state: OrderState) -> Self {
        let lives = !state.is_ended();
        Self {
            pending_cancel: self.pending_cancel && lives,
            pending_amend: self.pending_amend && lives,
            needs_human: self.needs_human && matches!(state, OrderState::Unknown),
        }
    }
}

/// The state that follows: row by state, column by fact. Legend: `=` stays, `>` rises to the fact's
/// own state, `!` the later evidence wins.
///
/// ```text
///              appr  sent  unkn  nots  exis  absn  rejd  expd  cand  fill
/// Held          >     >     >     >     >     >     >     >     >     >
/// Approved      =     >     >     >     >     >     >     >     >     >
/// Sent          =     =     >     >     >     >     >     >     >     >
/// Unknown       =     =     =     >     >     >     >     >     >     >
/// NotSent       =     =     =     =     >     >     >     >     >     >
/// Open          =     =     =     =     =     !     >     >     >     >
/// Absent        =     =     =     =     !     =     >     >     >     >
/// Rejected      =     =     =     =     =     =     =     >     >     >
/// Expired       =     =     =     =     =     =     =     =     >     >
/// Cancelled     =     =     =     =     =     =     =     =     =     >
/// Filled        =     =     =     =     =     =     =     =     =     =
/// ```
const NEXT: [[OrderState; FACTS]; STATES] = {
    use OrderState::{
        Absent as A, Approved as P, Cancelled as C, Expired as E, Filled as F, NotSent as N,
        Open as O, Rejected as R, Sent as S, Unknown as U,
    };
    [
        [P, S, U, N, O, A, R, E, C, F],
        [P, S, U, N, O, A, R, E, C, F],
        [S, S, U, N, O, A, R, E, C, F],
        [U, U, U, N, O, A, R, E, C, F],
        [N, N, N, N, O, A, R, E, C, F],
        [O, O, O, O, O, A, R, E, C, F],
        [A, A, A, A, O, A, R, E, C, F],
        [R, R, R, R, R, R, R, E, C, F],
        [E, E, E, E, E, E, E, E, C, F],
        [C, C, C, C, C, C, C, C, C, F],
        [F, F, F, F, F, F, F, F, F, F],
    ]
};

/// The state after `fact`.
#[inline]
pub(super) const fn next(state: OrderState, fact: Fact) -> OrderState {
    NEXT[state as usize][fact as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use OrderState::*;

    const ALL_STATES: [OrderState; STATES] = [
        Held, Approved, Sent, Unknown, NotSent, Open, Absent, Rejected, Expired, Cancelled, Filled,
    ];
    const OWN: [OrderState; FACTS] = [
        Approved, Sent, Unknown, NotSent, Open, Absent, Rejected, Expired, Cancelled, Filled,
    ];

    #[test]
    fn life_every_state_and_fact_gives_the_higher_rank() {
        for (row, &state) in ALL_STATES.iter().enumerate() {
            assert_eq!(state as usize, row);
            for (column, (&fact, own)) in Fact::ALL.iter().zip(OWN).enumerate() {
                assert_eq!(fact as usize, column);
                let want = match (state, fact) {
                    (Absent, Fact::Exists) => Open,
                    _ => state.max(own),
                };
                assert_eq!(next(state, fact), want, "{state:?} after {fact:?}");
            }
        }
    }

    #[test]
    fn life_a_fact_twice_is_the_fact_once() {
        for state in ALL_STATES {
            for fact in Fact::ALL {
                let once = next(state, fact);
                assert_eq!(next(once, fact), once);
            }
        }
    }

    #[test]
    fn life_an_end_named_by_the_venue_is_left_for_a_higher_one_only() {
        for state in [Rejected, Expired, Cancelled, Filled] {
            assert!(state.is_ended());
            for fact in Fact::ALL {
                assert!(next(state, fact) >= state);
                assert!(next(state, fact).is_ended());
            }
        }
    }

    #[test]
    fn life_overlays_over_every_state_and_fact_end_with_the_order() {
        for (state, fact) in ALL_STATES
            .into_iter()
            .flat_map(|state| Fact::ALL.map(|fact| (state, fact)))
        {
            let after = next(state, fact);
            for bits in 0..8_u8 {
                let before = Overlays {
                    pending_cancel: bits & 1 != 0,
                    pending_amend: bits & 2 != 0,
                    needs_human: bits & 4 != 0,
                }
                .above(state);
                let left = before.above(after);
                let lives = !after.is_ended();
                assert_eq!(left.pending_cancel, before.pending_cancel && lives);
                assert_eq!(left.pending_amend, before.pending_amend && lives);
                assert!(!left.needs_human || after == Unknown);
                assert_eq!(left.above(after), left, "{state:?} {fact:?}");
            }
        }
    }
}
