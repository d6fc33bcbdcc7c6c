//! The helper threads' work by hand: one round at a time, on the caller's thread.
//!
//! For models and tests: with it, what a journal does depends on nothing but what its caller does.
//!
//! Thread: the caller's. Hot path: no.

use std::sync::{Arc, Mutex};

use crate::error::{CloseError, OpenError};
use crate::helpers::Work;
use crate::options::Durability;
use crate::prepare::Preparer;
use crate::seal::sealer::{self, Sealer};
use crate::shared::Shared;
use crate::sync::{self, Syncer};
use crate::writer::{Summary, Writer};

/// What the helper threads of a writer would do; see [`Writer::open_stepped`].
pub struct Steps {
    preparer: Preparer,
    syncer: Arc<Mutex<Syncer>>,
    sealer: Option<Arc<Mutex<Sealer>>>,
    shared: Arc<Shared>,
    durability: Durability,
}

impl Steps {
    pub(crate) fn new(work: Work, durability: Durability) -> Self {
        Self {
            shared: Arc::clone(&work.preparer.shared),
            preparer: work.preparer,
            syncer: work.syncer,
            sealer: work.sealer,
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
    /// [`crate::Watch::failed`]. In `group` durability: the last commit of the writer, and then
    /// asks for the next one, which the writer's next poll or append fills up.
    pub fn sync(&mut self) {
        let mut syncer = sync::hold(&self.syncer);
        // The latch has a failure.
        let synced = syncer.round(self.durability);
        if synced.is_ok() && self.durability == Durability::Group {
            syncer.shared.want_commit();
            syncer.shared.want_commit_now();
        }
    }

    /// Seals what may be sealed now, and signs a checkpoint if something came. What stands in the
    /// way is in [`crate::Watch::seal`]. Without [`crate::Options::seal`] it does nothing.
    pub fn seal(&mut self) {
        if let Some(sealer) = &self.sealer {
            // The status has what stands in the way.
            let _ = sealer::hold(sealer).round(&self.shared, true, || true);
        }
    }

    /// [`Writer::close`] for a writer without helper threads.
    ///
    /// # Errors
    ///
    /// As [`Writer::close`].
    pub fn close(self, writer: Writer) -> Result<Summary, CloseError> {
        writer.close()
    }
}
