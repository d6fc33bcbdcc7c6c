//! Why a person's request was refused, by code and in words.
//!
//! Hot path: no. Allocates: no.

/// Why a request was refused: the value of the notice `ChangeRefused`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ChangeRefusal {
    /// The person is not in the configuration.
    UnknownPerson = 1,
    /// There is no such venue, account, strategy or instrument, or not for this request.
    UnknownScope = 2,
    /// There is no such control, or it has no limit in this scope.
    UnknownControl = 3,
    /// The limit is not the one that the person saw.
    OldDiffers = 4,
    /// The soft limit is not stricter than the hard one, or the value is out of range.
    Contradiction = 5,
    /// The same person proposed it.
    SamePerson = 6,
    /// No such proposal waits (any more).
    NoProposal = 7,
    /// Too many proposals wait.
    TooMany = 8,
    /// A request of this number was taken already.
    Repeated = 9,
    /// It is so already.
    NothingToDo = 10,
    /// The order is not known, or its outcome is not in doubt.
    NotResolvable = 11,
    /// The gateway's last line lets no closing order pass.
    FlattenBlocked = 12,
}

impl ChangeRefusal {
    /// Every reason, by code.
    const ALL: [Self; 12] = [
        Self::UnknownPerson,
        Self::UnknownScope,
        Self::UnknownControl,
        Self::OldDiffers,
        Self::Contradiction,
        Self::SamePerson,
        Self::NoProposal,
        Self::TooMany,
        Self::Repeated,
        Self::NothingToDo,
        Self::NotResolvable,
        Self::FlattenBlocked,
    ];

    /// The reason of a notice's value.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        let index = usize::try_from(code.checked_sub(1)?).ok()?;
        Self::ALL.get(index).copied()
    }

    /// What a person has to know.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::UnknownPerson => "the person is not in the running configuration ([[person]])",
            Self::UnknownScope => "the engine has no such venue, account, strategy or instrument",
            Self::UnknownControl => "there is no such control with a limit in this scope",
            Self::OldDiffers => "the limit is not what --old says; look again with `show`",
            Self::Contradiction => {
                "the limits contradict each other or are out of range; nothing was changed"
            }
            Self::SamePerson => "the person who proposed it cannot approve it; ask another one",
            Self::NoProposal => "no such proposal waits; it was applied, withdrawn, or it expired",
            Self::TooMany => "too many proposals wait; approve or withdraw one",
            Self::Repeated => "a request of this number was taken already",
            Self::NothingToDo => "it is so already; nothing was changed",
            Self::NotResolvable => "the order is not known here, or its outcome is not in doubt",
            Self::FlattenBlocked => {
                "the gateway would stop its orders; configure flatten_passes = true in \
                 [engine.last_line] and start again, or close the positions at the venue"
            }
        }
    }
}
