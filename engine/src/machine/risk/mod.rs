//! Risk: the only maker of commands. Trusts no number of a strategy's.
//!
//! Thread: one worker. Hot path: yes. Allocates: only when it is configured.

mod approved;
mod limits;

pub use approved::Approved;
pub use limits::{InstrumentLimits, OrderLimits, RiskLimits};

use model::record::Record;

use super::error::ApplyError;
use super::intent::Intent;
use super::outputs::Outputs;

/// Risk's own view of everything, from the same events as the strategies'.
#[derive(Debug, Default)]
pub struct Risk {
    last_event: u64,
    time_ns: u64,
}

impl Risk {
    /// Applies one event, then judges the intents that it caused, strategies in configured order.
    /// What `out` held is replaced.
    ///
    /// # Errors
    ///
    /// [`ApplyError`].
    pub fn apply(
        &mut self,
        record: &Record,
        intents: &[Intent],
        out: &mut Outputs,
    ) -> Result<(), ApplyError> {
        debug_assert!(intents.iter().all(|intent| intent.event == record.event));
        out.clear();
        super::check_next(self.last_event, record)?;
        self.last_event = record.event;
        self.time_ns = record.time_ns;
        Ok(())
    }

    /// Number of the event that was applied last; 0 before the first.
    #[must_use]
    pub const fn last_event(&self) -> u64 {
        self.last_event
    }

    /// Machine time: that of the last event.
    #[must_use]
    pub const fn time_ns(&self) -> u64 {
        self.time_ns
    }
}
