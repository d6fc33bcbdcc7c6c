//! Small integers that name things and index arrays, and the client order id.

use serde::{Deserialize, Serialize};

macro_rules! index_id {
    ($(#[$doc:meta])* $name:ident, $raw:ty) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub struct $name(pub $raw);

        impl $name {
            /// Position in an array that is indexed by this id.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

index_id!(
    /// A venue's market, in the order of the configuration.
    VenueId,
    u8
);
index_id!(
    /// An account at one venue.
    AccountId,
    u16
);
index_id!(
    /// An instrument, in the order of the configuration.
    InstrumentId,
    u32
);
index_id!(
    /// A strategy, in the order of the configuration.
    StrategyId,
    u16
);
index_id!(
    /// A lane into the sequencer. The sequencer polls lanes in ascending order of this id.
    SourceId,
    u8
);

/// Our name for an order: the run's epoch and a counter. Deterministic, and unique for ever within
/// one journal.
///
/// ```text
///   63                40 39                                    0
///  +--------------------+---------------------------------------+
///  |  epoch (24 bits)   |  counter within the epoch (40 bits)    |
///  +--------------------+---------------------------------------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientOrderId(u64);

impl ClientOrderId {
    const COUNTER_BITS: u32 = 40;

    /// Composes the id. `None` if the epoch is 0 or above 24 bits, or the counter above 40 bits.
    #[must_use]
    pub const fn new(epoch: u32, counter: u64) -> Option<Self> {
        if epoch == 0 || epoch >= 1 << 24 || counter >= 1 << Self::COUNTER_BITS {
            return None;
        }
        Some(Self(((epoch as u64) << Self::COUNTER_BITS) | counter))
    }

    /// The id from its 64-bit form. `None` for 0 epochs, which no run has.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Option<Self> {
        if raw >> Self::COUNTER_BITS == 0 {
            None
        } else {
            Some(Self(raw))
        }
    }

    /// The 64-bit form, as it stands in a record.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Epoch of the run that made it.
    #[must_use]
    pub const fn epoch(self) -> u32 {
        (self.0 >> Self::COUNTER_BITS) as u32
    }

    /// Counter within the epoch.
    #[must_use]
    pub const fn counter(self) -> u64 {
        self.0 & ((1 << Self::COUNTER_BITS) - 1)
    }
}

impl std::fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.epoch(), self.counter())
    }
}
