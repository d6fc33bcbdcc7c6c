//! What all workers share: the phase of the run, the first fault, the gauges.
//!
//! A fault stops the pipeline: the stage that finds it raises it here, every worker sees it before
//! its next turn and ends, and [`super::Running::shut_down`] hands it out. The first one is kept,
//! because what follows is only its consequence.
//!
//! Thread: any. Hot path: a relaxed load a turn. Allocates: only for a fault. Locks: no.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use model::event::BadRecord;
use model::ids::{AccountId, SourceId};

use super::gauges::Gauges;

/// Why the pipeline stopped by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The journal refused a record. Nothing that it does not hold was sent.
    #[error("the journal refused record of event {event}: {cause}")]
    Journal {
        /// Number of the event, or of the command's cause.
        event: u64,
        /// The journal's error.
        cause: String,
    },
    /// The machine could not apply an event.
    #[error("the machine cannot apply event {event}: {cause}")]
    Apply {
        /// Number of the event.
        event: u64,
        /// The machine's error.
        cause: String,
    },
    /// A source pushed a record that is no event. It did not enter the log.
    #[error("source {source_id} pushed a bad record: {cause}")]
    BadRecord {
        /// The source.
        source_id: SourceId,
        /// What is wrong with it.
        cause: BadRecord,
    },
    /// A recorded stream does not continue the log.
    #[error("recorded event {found} came where event {expected} was due, or its time fell back")]
    Recorded {
        /// Number that was due.
        expected: u64,
        /// Number that came.
        found: u64,
    },
    /// Risk approved a command for an account that no gateway serves. It was not journaled.
    #[error("no gateway serves account {account:?}; configure one")]
    NoGateway {
        /// The account.
        account: Option<AccountId>,
    },
    /// A queue that the credits bound was full, or a tag out of order: a fault in this program.
    #[error("Invariant {label} broken at event {event}")]
    Invariant {
        /// Label of the invariant, as in `pipeline::topology`.
        label: &'static str,
        /// Number of the event.
        event: u64,
    },
    /// A worker could not be pinned.
    #[error("worker {worker} could not be pinned to core {core}; is it in this process's cpuset?")]
    Pin {
        /// The worker's role name.
        worker: String,
        /// The core.
        core: usize,
    },
    /// A worker's thread could not be started.
    #[error("worker {worker} could not be started: {cause}")]
    Spawn {
        /// The worker's role name.
        worker: String,
        /// The system's error.
        cause: String,
    },
    /// A stage panicked.
    #[error("worker {worker} panicked: {message}")]
    Panicked {
        /// The worker's role name.
        worker: String,
        /// The panic's message.
        message: String,
    },
    /// The orderly end was not reached in time.
    #[error("the pipeline did not end within {waited_ms} ms; waiting for: {waiting_for}")]
    Stuck {
        /// How long it was given.
        waited_ms: u128,
        /// What had not ended.
        waiting_for: String,
    },
    /// The handle was dropped without an orderly end.
    #[error("the pipeline was abandoned without an orderly end")]
    Abandoned,
}

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Control {
    closing: AtomicBool,
    faulted: AtomicBool,
    first_fault: OnceLock<Fault>,
    /// The last line's latch of everything, for signals.
    pub(crate) latch: Arc<AtomicBool>,
    pub(crate) gauges: Gauges,
}

impl Control {
    pub(crate) fn new(gauges: Gauges) -> Self {
        Self {
            gauges,
            ..Self::default()
        }
    }

    /// Asks the sources to end; the rest follows once everything is drained.
    pub(crate) fn close(&self) {
        // Pairs with the load in `is_closing`.
        self.closing.store(true, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        // Pairs with the store in `close`.
        self.closing.load(Ordering::Acquire)
    }

    #[cold]
    pub(crate) fn raise(&self, fault: Fault) {
        // Err: an earlier fault stands, and it is the one to report.
        let _ = self.first_fault.set(fault);
        // Pairs with the load in `is_faulted`; the fault is set before.
        self.faulted.store(true, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_faulted(&self) -> bool {
        // Pairs with the store in `raise`.
        self.faulted.load(Ordering::Acquire)
    }

    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.first_fault.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_raised_twice_keeps_the_first_fault() {
        let control = Control::default();
        assert!(!control.is_faulted());
        control.raise(Fault::Abandoned);
        control.raise(Fault::NoGateway { account: None });
        assert!(control.is_faulted());
        assert_eq!(control.fault(), Some(&Fault::Abandoned));
    }
}
