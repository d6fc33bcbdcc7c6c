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

/// Our name for an order: the run's epoch, who asked, and a counter. Deterministic, and unique for
/// ever within one journal.
///
/// ```text
///   63                40 39        32 31                       0
///  +--------------------+------------+--------------------------+
///  |  epoch (24 bits)   | owner (8)  |  counter (32 bits)       |
///  +--------------------+------------+--------------------------+
/// ```
///
/// The owner is 0 for the engine itself, otherwise the strategy's id plus one. So each strategy
/// numbers its own orders, and knows an order's id the moment it asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientOrderId(u64);

const _: () = assert!(crate::limits::STRATEGIES_MAX < u8::MAX as usize);

impl ClientOrderId {
    const EPOCH_SHIFT: u32 = 40;
    const OWNER_SHIFT: u32 = 32;

    /// Composes the id. `None` if the epoch is 0 or above 24 bits, or the strategy's id too large.
    #[must_use]
    pub fn new(epoch: u32, strategy: Option<StrategyId>, counter: u32) -> Option<Self> {
        if epoch == 0 || epoch >= 1 << 24 {
            return None;
        }
        let owner = match strategy {
            Some(strategy) => u8::try_from(strategy.0.checked_add(1)?).ok()?,
            None => 0,
        };
        let high = u64::from(epoch) << Self::EPOCH_SHIFT;
        Some(Self(
            high | u64::from(owner) << Self::OWNER_SHIFT | u64::from(counter),
        ))
    }

    /// The id from its 64-bit form. `None` for epoch 0, which no run has.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Option<Self> {
        if raw >> Self::EPOCH_SHIFT == 0 {
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
        (self.0 >> Self::EPOCH_SHIFT) as u32
    }

    /// The strategy that asked for the order; `None` for the engine's own.
    #[must_use]
    pub const fn strategy(self) -> Option<StrategyId> {
        match ((self.0 >> Self::OWNER_SHIFT) as u8).checked_sub(1) {
            Some(id) => Some(StrategyId(id as u16)),
            None => None,
        }
    }

    /// Counter within the epoch and owner.
    #[must_use]
    pub const fn counter(self) -> u32 {
        self.0 as u32
    }
}

impl std::fmt::Display for ClientOrderId {
    /// `epoch-owner-counter`, the owner as `e` for the engine or the strategy's id.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.strategy() {
            Some(strategy) => write!(f, "{}-{}-{}", self.epoch(), strategy, self.counter()),
            None => write!(f, "{}-e-{}", self.epoch(), self.counter()),
        }
    }
}
