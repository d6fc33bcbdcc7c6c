//! The machine: books, strategies, risk, orders and portfolio as a pure function of the events.
//!
//! `state = fold(apply, events)`. No clock, socket, file, thread, random number, float, or hash-map
//! iteration: two machines that applied the same events are equal, and so are their commands.
//!
//! Hot path: yes. Allocates: only for configuration and instruments.

mod config;
mod error;
mod intent;
mod outputs;
mod risk;
mod strategy;

pub use config::{
    ACCOUNTS_MAX, AccountConfig, BOOK_WINDOW_MAX, BOOK_WINDOW_MIN, ConfigProblem, MachineConfig,
    MarketMakerParams, MovingAverageParams, StrategyConfig, StrategyKind,
};
pub use error::ApplyError;
pub use intent::{Action, Intent, IntentBuffer, Place};
pub use outputs::{Outputs, REFUSALS_PER_EVENT_MAX};
pub use risk::{Approved, InstrumentLimits, OrderLimits, Risk, RiskLimits};
pub use strategy::StrategyRunner;

use model::record::Record;

/// The parts of a machine, as the live pipeline runs them on their workers.
#[derive(Debug)]
pub struct Parts {
    /// In the order of the configuration.
    pub strategies: Vec<StrategyRunner>,
    /// Risk.
    pub risk: Risk,
}

/// The whole machine on one thread: replay, recovery, audit, backtest.
#[derive(Debug)]
pub struct Machine {
    strategies: Vec<StrategyRunner>,
    risk: Risk,
    intents: Vec<Intent>,
    buffer: IntentBuffer,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// An empty machine; everything else comes from events.
    #[must_use]
    pub fn new() -> Self {
        Self::from_parts(Parts {
            strategies: Vec::new(),
            risk: Risk::default(),
        })
    }

    /// A machine of these parts, which have all applied the same events.
    #[must_use]
    pub fn from_parts(parts: Parts) -> Self {
        Self {
            strategies: parts.strategies,
            risk: parts.risk,
            intents: Vec::with_capacity(REFUSALS_PER_EVENT_MAX),
            buffer: IntentBuffer::new(),
        }
    }

    /// Its parts.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        Parts {
            strategies: self.strategies,
            risk: self.risk,
        }
    }

    /// Applies one event. What `out` held is replaced by what the event causes.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]: the event cannot be applied, and the machine must not be used any more.
    pub fn apply(&mut self, record: &Record, out: &mut Outputs) -> Result<(), ApplyError> {
        self.intents.clear();
        for strategy in &mut self.strategies {
            strategy.apply(record, &mut self.buffer)?;
            self.intents.extend(self.buffer.iter().copied());
        }
        self.risk.apply(record, &self.intents, out)
    }

    /// Number of the event that was applied last; 0 before the first.
    #[must_use]
    pub const fn last_event(&self) -> u64 {
        self.risk.last_event()
    }

    /// Machine time: that of the last event.
    #[must_use]
    pub const fn time_ns(&self) -> u64 {
        self.risk.time_ns()
    }

    /// Digest of all decided state: equal for equal events, whatever ran them.
    #[must_use]
    pub fn state_hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.risk.last_event().to_le_bytes());
        hasher.update(&self.risk.time_ns().to_le_bytes());
        *hasher.finalize().as_bytes()
    }
}

fn check_next(last: u64, record: &Record) -> Result<(), ApplyError> {
    let expected = last + 1;
    if record.event == expected {
        Ok(())
    } else {
        Err(ApplyError::Gap {
            expected,
            got: record.event,
        })
    }
}
