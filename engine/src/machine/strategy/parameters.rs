//! What a strategy can be configured with: named integers with a unit and a range.
//!
//! A person writes `qty = 0.01` or `pause = "250ms"`; a strategy gets whole lots, ticks or
//! nanoseconds. Only integers: they mean the same on every machine, and they travel in the log.
//!
//! Hot path: no. Allocates: yes, at configuration.

use std::ops::RangeInclusive;

use model::ids::InstrumentId;
use model::num::{Lots, Ticks};
use serde::{Deserialize, Serialize};

/// What a parameter's integer counts, and so how a person writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Whole lots. Written in the base asset of the strategy's instrument at this place (0 is the
    /// first one).
    Lots {
        /// Place of the instrument.
        of: usize,
    },
    /// A price in ticks. Written in the quote asset of the instrument at this place.
    Price {
        /// Place of the instrument.
        of: usize,
    },
    /// A distance in ticks, written as such.
    Ticks,
    /// Nanoseconds. Written as a duration: `"250ms"`.
    Nanos,
    /// 1/10_000, written as such.
    Bps,
    /// A plain number.
    Count,
    /// 0 or 1. Written `true` or `false`.
    Flag,
}

impl Unit {
    /// How a person writes it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Lots { .. } => "base asset",
            Self::Price { .. } => "quote asset",
            Self::Ticks => "ticks",
            Self::Nanos => "duration",
            Self::Bps => "1/10000",
            Self::Count => "count",
            Self::Flag => "true or false",
        }
    }
}

/// One parameter of a strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its key in `[[strategy]]`.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What is allowed, in the unit's integers.
    pub range: RangeInclusive<i64>,
    /// What it is if the key is not there; without one the key must be there.
    pub default: Option<i64>,
    /// What it does, one short line.
    pub help: &'static str,
}

impl Parameter {
    /// A parameter that must be given.
    #[must_use]
    pub const fn new(
        name: &'static str,
        unit: Unit,
        range: RangeInclusive<i64>,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            unit,
            range,
            default: None,
            help,
        }
    }

    /// The same with a value for when it is not given.
    #[must_use]
    pub const fn or(self, default: i64) -> Self {
        let Self {
            name,
            unit,
            range,
            default: _,
            help,
        } = self;
        Self {
            name,
            unit,
            range,
            default: Some(default),
            help,
        }
    }
}

/// The values of a strategy's parameters, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params(Vec<(String, i64)>);

impl Params {
    /// No parameters.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The same with this value; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: &str, value: i64) -> Self {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
        self
    }

    /// Every value with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// A value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<i64> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }
}

/// What a strategy is made of: its parameters, checked against what it said of them, and its
/// instruments.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    pub(super) params: &'a Params,
    pub(super) instruments: &'a [InstrumentId],
}

/// Why a strategy cannot be made of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: must be {allowed}")]
pub struct SetupError {
    /// The parameter, or `instruments`.
    pub key: &'static str,
    /// What may stand there.
    pub allowed: &'static str,
}

impl SetupError {
    /// `key` must be `allowed`, and is not.
    #[must_use]
    pub const fn new(key: &'static str, allowed: &'static str) -> Self {
        Self { key, allowed }
    }
}

impl<'a> Setup<'a> {
    /// The instruments, in configured order.
    #[must_use]
    pub const fn instruments(&self) -> &'a [InstrumentId] {
        self.instruments
    }

    /// The instrument at a place of the configuration, 0 the first.
    ///
    /// # Errors
    ///
    /// [`SetupError`]: it was configured with fewer.
    pub fn instrument(&self, place: usize) -> Result<InstrumentId, SetupError> {
        let few = SetupError::new("symbols", "as many as the strategy needs");
        self.instruments.get(place).copied().ok_or(few)
    }

    /// A parameter in its unit's integers.
    ///
    /// # Errors
    ///
    /// [`SetupError`]: not one of the strategy's own.
    pub fn integer(&self, name: &'static str) -> Result<i64, SetupError> {
        let unknown = SetupError::new(name, "one of the strategy's parameters");
        self.params.get(name).ok_or(unknown)
    }

    /// A quantity.
    ///
    /// # Errors
    ///
    /// As [`Self::integer`].
    pub fn lots(&self, name: &'static str) -> Result<Lots, SetupError> {
        self.integer(name).map(Lots)
    }

    /// A price or a distance.
    ///
    /// # Errors
    ///
    /// As [`Self::integer`].
    pub fn ticks(&self, name: &'static str) -> Result<Ticks, SetupError> {
        self.integer(name).map(Ticks)
    }

    /// A duration, nanoseconds.
    ///
    /// # Errors
    ///
    /// As [`Self::integer`], or it is below zero.
    pub fn nanos(&self, name: &'static str) -> Result<u64, SetupError> {
        let below = SetupError::new(name, "0 or more");
        u64::try_from(self.integer(name)?).map_err(|_| below)
    }

    /// A flag.
    ///
    /// # Errors
    ///
    /// As [`Self::integer`].
    pub fn flag(&self, name: &'static str) -> Result<bool, SetupError> {
        self.integer(name).map(|value| value != 0)
    }
}
