//! The helper threads' work by hand: one round at a time, on the caller's thread.
//!
//! For models and tests: with it, what a journal does depends on nothing but what its caller does.
//!
//! Thread: the caller's. Hot path: no.

use crate::error::{CloseError, OpenError};
use crate::options::Durability;
use crate::prepare::Preparer;
use crate::sync::Syncer;
use crate::writer::{Summary, Writer};

/// What the helper threads of a writer would do; see [`Writer::open_stepped`].
pub struct Steps {
    preparer: Preparer,
    syncer: Syncer,
    durability: Durability,
}

impl Steps {
    pub(crate) fn new(preparer: Preparer, syncer: Syncer, durability: Durability) -> Self {
        Self {
            preparer,
            syncer,
            durability,
        }
    }

    /// Makes the segments ahead, and unmaps those that are done.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`] if a segment cannot be made. The writer's [`crate::Watch::space`] says so
    /// too, and a later round tries again.
    pub fn prepare(&mut self) -> Result<(), OpenError> {
        self.preparer.round()
    }

    /// Syncs what the durability mode wants synced now. A failure is latched: see
    /// [`crate::Watch::failed`].
    pub fn sync(&mut self) {
        // The latch has it.
        let _ = self.syncer.round(self.durability);
    }

    /// [`Writer::close`] for a writer without helper threads.
    ///
    /// # Errors
    ///
    /// As [`Writer::close`].
    pub fn close(self, writer: Writer) -> Result<Summary, CloseError> {
        writer.close_with(Some(self.syncer))
    }
}
