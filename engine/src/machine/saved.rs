//! The machine as a snapshot holds it: everything that a later decision depends on.
//!
//! [`Machine`] is `Serialize`; [`SavedMachine`] is what is read, and becomes a machine with the
//! program's strategies. What is derived (indices, places in a ring, best
//! prices) is not stored but made again, with the room that a new machine has, so that the hot path
//! does not allocate. Reading checks every length, index and counter: bytes that are no machine are
//! an error, never a panic; but whether they are *this* machine only its state hash can say.
//!
//! A change of what is stored here needs another [`SNAPSHOT_LAYOUT`].
//!
//! Thread: any. Hot path: no. Allocates: yes.

use model::codec::{self, CodecError};
use model::ids::StrategyId;
use serde::{Deserialize, Serialize, Serializer};

use super::risk::{Risk, SavedRisk};
use super::strategy::{Registry, SavedRunner, StrategyRunner};
use super::{Machine, Parts};

/// Number of the layout of a saved machine. Bytes of another layout must not be read.
pub const SNAPSHOT_LAYOUT: u32 = 4;

/// Counters that rise by one are below this, so that none can overflow in any run.
pub(crate) const COUNT_MAX: u64 = 1 << 62;

/// Bytes that are no machine: what is wrong with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no machine can have this: {0}")]
pub struct Unsound(pub(crate) &'static str);

/// `holds`, or the error that names what does not.
pub(crate) const fn require(holds: bool, what: &'static str) -> Result<(), Unsound> {
    if holds { Ok(()) } else { Err(Unsound(what)) }
}

/// A machine as it was read, not yet checked.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedMachine {
    risk: SavedRisk,
    strategies: Vec<SavedRunner>,
}

impl Serialize for Machine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            strategies,
            risk,
            // The program's own.
            registry: _,
            // Made anew at each event.
            intents: _,
            buffer: _,
        } = self;
        let strategies = strategies.iter().map(StrategyRunner::save).collect();
        let risk = risk.save();
        SavedMachine { risk, strategies }.serialize(serializer)
    }
}

/// Why a saved machine cannot be gone on from.
#[derive(Debug, thiserror::Error)]
pub enum ThawError {
    /// The bytes are no saved machine.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// They are one that cannot be.
    #[error(transparent)]
    Unsound(#[from] Unsound),
}

impl Machine {
    /// The machine of a snapshot's bytes, as `codec::encode_snapshot` made them of a machine.
    ///
    /// # Errors
    ///
    /// [`ThawError`].
    pub fn from_snapshot(bytes: &[u8], registry: &Registry) -> Result<Self, ThawError> {
        let saved: SavedMachine = codec::decode_snapshot(bytes)?;
        Ok(saved.restore(registry)?)
    }
}

impl SavedMachine {
    /// The machine, with the room that a new one has.
    ///
    /// # Errors
    ///
    /// [`Unsound`]: no machine can have this.
    pub fn restore(self, registry: &Registry) -> Result<Machine, Unsound> {
        let risk = Risk::restore(self.risk)?;
        let configs = match risk.config() {
            Some(config) => config.strategies.as_slice(),
            None => &[],
        };
        require(
            configs.len() == self.strategies.len(),
            "number of strategies",
        )?;
        let mut strategies = Vec::with_capacity(configs.len());
        for ((config, runner), id) in configs.iter().zip(self.strategies).zip(0..) {
            let runner = StrategyRunner::restore(StrategyId(id), config.clone(), runner, registry)?;
            require(
                runner.last_event() == risk.last_event(),
                "last event of a strategy",
            )?;
            strategies.push(runner);
        }
        let registry = registry.clone();
        Ok(Machine::from_parts(Parts {
            strategies,
            risk,
            registry,
        }))
    }
}

/// A decimal as its sixteen bytes: exact, trailing zeros too.
pub(crate) mod decimal {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Decimal, to: S) -> Result<S::Ok, S::Error> {
        value.serialize().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Decimal, D::Error> {
        Ok(Decimal::deserialize(<[u8; 16]>::deserialize(from)?))
    }
}

/// A decimal that may be missing.
pub(crate) mod decimal_option {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Decimal>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(|value| value.serialize()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Decimal>, D::Error> {
        let bytes = Option::<[u8; 16]>::deserialize(from)?;
        Ok(bytes.map(Decimal::deserialize))
    }
}

/// The name of an asset as the bytes that its event brought.
pub(crate) mod asset {
    use model::body::AssetName;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &AssetName, to: S) -> Result<S::Ok, S::Error> {
        let bytes: [u8; size_of::<AssetName>()] = zerocopy::transmute!(*value);
        bytes.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<AssetName, D::Error> {
        let bytes = <[u8; size_of::<AssetName>()]>::deserialize(from)?;
        Ok(zerocopy::transmute!(bytes))
    }
}
