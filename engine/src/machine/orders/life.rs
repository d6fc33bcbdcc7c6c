//! The life of an order: what each fact makes of each state, as one table.
//!
//! States are listed by rank, and almost every cell is the higher of the two ranks: so facts may
//! come twice and in any order. The only exception is the pair *exists* and *proven absent*: there
//! the later evidence wins, which [`super::Order`] decides by the facts' times.
//!
//! Hot path: yes. Allocates: no.

/// Where an order is in its life.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum OrderState {
    /// Risk let it through; whether it left us is not known yet.
    Approved = 0,
    /// Written to the venue's socket.
    Sent = 1,
    /// Sent, perhaps, and the outcome is not known. Its exposure stays reserved.
    Unknown = 2,
    /// Never left us. Ended.
    NotSent = 3,
    /// The venue has it.
    Open = 4,
    /// The venue proved that it does not have it. Ended.
    Absent = 5,
    /// The venue refused it. Ended.
    Rejected = 6,
    /// The venue ended it. Ended.
    Expired = 7,
    /// Cancelled. Ended.
    Cancelled = 8,
    /// Filled wholly. Ended.
    Filled = 9,
}

/// Number of states.
pub(super) const STATES: usize = 10;

impl OrderState {
    /// Whether the venue will not fill any more of it.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        match self {
            Self::Approved | Self::Sent | Self::Unknown | Self::Open => false,
            Self::NotSent
            | Self::Absent
            | Self::Rejected
            | Self::Expired
            | Self::Cancelled
            | Self::Filled => true,
        }
    }

    /// Whether the venue has not confirmed it yet, one way or the other.
    #[must_use]
    pub const fn is_unconfirmed(self) -> bool {
        match self {
            Self::Approved | Self::Sent | Self::Unknown => true,
            Self::NotSent
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
    /// The gateway wrote it.
    Sent = 0,
    /// Nobody can say what became of it.
    OutcomeUnknown = 1,
    /// The gateway did not write it, or the journal never held it.
    NotSent = 2,
    /// The venue knows it, or filled some of it.
    Exists = 3,
    /// The venue denied knowing it, twice, late enough.
    AbsenceProven = 4,
    /// The venue refused it.
    Rejected = 5,
    /// The venue ended it.
    Expired = 6,
    /// It is cancelled.
    Cancelled = 7,
    /// All of it is filled.
    FilledWhole = 8,
}

/// Number of facts.
pub(super) const FACTS: usize = 9;

/// The state that follows: row by state, column by fact. Legend: `=` stays, `>` rises to the fact's
/// own state, `!` the later evidence wins.
///
/// ```text
///              sent  unkn  nots  exis  absn  rejd  expd  cand  fill
/// Approved      >     >     >     >     >     >     >     >     >
/// Sent          =     >     >     >     >     >     >     >     >
/// Unknown       =     =     >     >     >     >     >     >     >
/// NotSent       =     =     =     >     >     >     >     >     >
/// Open          =     =     =     =     !     >     >     >     >
/// Absent        =     =     =     !     =     >     >     >     >
/// Rejected      =     =     =     =     =     =     >     >     >
/// Expired       =     =     =     =     =     =     =     >     >
/// Cancelled     =     =     =     =     =     =     =     =     >
/// Filled        =     =     =     =     =     =     =     =     =
/// ```
const NEXT: [[OrderState; FACTS]; STATES] = {
    use OrderState::{
        Absent as A, Cancelled as C, Expired as E, Filled as F, NotSent as N, Open as O,
        Rejected as R, Sent as S, Unknown as U,
    };
    [
        [S, U, N, O, A, R, E, C, F],
        [S, U, N, O, A, R, E, C, F],
        [U, U, N, O, A, R, E, C, F],
        [N, N, N, O, A, R, E, C, F],
        [O, O, O, O, A, R, E, C, F],
        [A, A, A, O, A, R, E, C, F],
        [R, R, R, R, R, R, E, C, F],
        [E, E, E, E, E, E, E, C, F],
        [C, C, C, C, C, C, C, C, F],
        [F, F, F, F, F, F, F, F, F],
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
        Approved, Sent, Unknown, NotSent, Open, Absent, Rejected, Expired, Cancelled, Filled,
    ];
    const ALL_FACTS: [(Fact, OrderState); FACTS] = [
        (Fact::Sent, Sent),
        (Fact::OutcomeUnknown, Unknown),
        (Fact::NotSent, NotSent),
        (Fact::Exists, Open),
        (Fact::AbsenceProven, Absent),
        (Fact::Rejected, Rejected),
        (Fact::Expired, Expired),
        (Fact::Cancelled, Cancelled),
        (Fact::FilledWhole, Filled),
    ];

    #[test]
    fn life_every_state_and_fact_gives_the_higher_rank() {
        for (row, &state) in ALL_STATES.iter().enumerate() {
            assert_eq!(state as usize, row);
            for (column, &(fact, own)) in ALL_FACTS.iter().enumerate() {
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
            for (fact, _) in ALL_FACTS {
                let once = next(state, fact);
                assert_eq!(next(once, fact), once);
            }
        }
    }

    #[test]
    fn life_an_end_named_by_the_venue_is_left_for_a_higher_one_only() {
        for state in [Rejected, Expired, Cancelled, Filled] {
            assert!(state.is_ended());
            for (fact, _) in ALL_FACTS {
                assert!(next(state, fact) >= state);
                assert!(next(state, fact).is_ended());
            }
        }
    }
}
