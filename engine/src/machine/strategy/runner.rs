//! One strategy with its own view of the market, its orders and its position.
//!
//! Thread: one worker. Hot path: yes. Allocates: only when it is configured.

use model::ids::StrategyId;
use model::record::Record;

use crate::machine::error::ApplyError;
use crate::machine::intent::IntentBuffer;

/// A strategy and what it knows.
#[derive(Debug)]
pub struct StrategyRunner {
    id: StrategyId,
    name: String,
    last_event: u64,
}

impl StrategyRunner {
    /// Applies one event and raises the intents that it causes. What `intents` held is replaced.
    ///
    /// # Errors
    ///
    /// [`ApplyError`].
    pub fn apply(&mut self, record: &Record, intents: &mut IntentBuffer) -> Result<(), ApplyError> {
        intents.clear();
        crate::machine::check_next(self.last_event, record)?;
        self.last_event = record.event;
        Ok(())
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> StrategyId {
        self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of the event that was applied last.
    #[must_use]
    pub const fn last_event(&self) -> u64 {
        self.last_event
    }
}
