//! Commits of the strict modes: filled up to a block, so that no later one writes there again.
//!
//! A disk writes a block whole or tears it. A commit that shared a block with an earlier one could
//! take that one back. So the writer fills each commit up with records of kind 57 before it is
//! synced, and the next record stands in a block of its own.
//!
//! Who does what: the sync thread, when it has nothing to do, asks for a commit. The writer answers
//! at its next poll: it fills up, publishes the end, and wakes the thread if that sleeps. While the
//! sync runs nothing is asked, so all that is appended meanwhile is one commit: one sync each. If
//! the writer is not polled, its next append answers.
//!
//! Invariant J6: in a strict mode, no byte of a block that holds a durable record is stored to. The
//! one exception is the first block of a run on a journal that another mode left inside a block.
//!
//! Thread: the writer's. Hot path: yes, but for `sync_now`. Allocates: no. Locks: `sync_now` only.
//! Syscalls: one to wake the sync thread, if it sleeps.

use std::sync::{Arc, Mutex, PoisonError};

use model::body::DurableMark;
use model::record::{Kind, Record};

use crate::error::{OpenError, SyncError};
use crate::format::{Geometry, RECORD};
use crate::options::{Durability, Options};
use crate::scan;
use crate::storage::StoredFile;
use crate::sync::Syncer;
use crate::writer::Writer;

/// What the writer knows of its commits.
pub(crate) struct Commits {
    pub(crate) durability: Durability,
    /// Block to fill up to; `None` in the modes that do not.
    block: Option<u64>,
    /// Last sequence of the last commit.
    pub(crate) committed: u64,
    /// Event number and time of the last record, which a filling takes over.
    pub(crate) last_event: u64,
    pub(crate) last_time_ns: u64,
    pub(crate) syncer: Arc<Mutex<Syncer>>,
}

impl Commits {
    /// For a journal that goes on behind `last_seq`.
    pub(crate) fn new(
        options: &Options,
        syncer: Arc<Mutex<Syncer>>,
        (last_event, last_time_ns): (u64, u64),
        last_seq: u64,
    ) -> Self {
        Self {
            durability: options.durability,
            block: options
                .durability
                .is_strict()
                .then_some(options.commit_block),
            committed: last_seq,
            last_event,
            last_time_ns,
            syncer,
        }
    }
}

/// Event number and time of record `seq`, which is in `file`; zeros if there is none.
pub(crate) fn last_record(
    file: &dyn StoredFile,
    geometry: Geometry,
    seq: u64,
) -> std::io::Result<(u64, u64)> {
    let Some(place) = geometry.place(seq).filter(|_| seq > 0) else {
        return Ok((0, 0));
    };
    let record = scan::record_at(file, place.offset)?;
    Ok((record.event, record.time_ns))
}

impl Writer {
    /// Does what must not wait for the next append: in `group` durability, answers the sync thread.
    /// To be called whenever the caller has nothing to append for now; cheap, never blocks.
    #[inline]
    pub fn poll(&mut self) {
        if self.shared.wants_commit() && self.commits.committed < self.last_seq {
            self.commit();
        }
    }

    /// Fills up, publishes the end of the commit, and wakes the sync thread.
    #[cold]
    pub(crate) fn commit(&mut self) {
        self.fill_up();
        self.commits.committed = self.last_seq;
        let sleeps = self.shared.publish_commit(self.last_seq);
        if sleeps && let Some(thread) = &self.helpers.sync {
            thread.unpark();
        }
    }

    /// Appends fillings up to the end of the block. There is room: blocks divide a segment.
    pub(crate) fn fill_up(&mut self) {
        let Some(block) = self.commits.block else {
            return;
        };
        let mark = DurableMark {
            durable_seq: self.shared.durable(),
            reserved: [0; 72],
        };
        let mut filling = Record::new(Kind::DurableMark, &mark);
        filling.event = self.commits.last_event;
        filling.time_ns = self.commits.last_time_ns;
        while !self.current.offset().is_multiple_of(block) {
            self.push(&filling);
        }
    }

    /// Puts everything that is appended on stable storage, and waits for that: one `fdatasync`,
    /// two where a segment ends. Returns the last durable sequence. In `volatile` durability there
    /// is nothing to do.
    ///
    /// # Errors
    ///
    /// [`SyncError`]: this sync or an earlier one failed.
    pub fn sync_now(&mut self) -> Result<u64, SyncError> {
        if let Some(errno) = self.shared.failed() {
            return Err(SyncError { errno });
        }
        if self.commits.durability == Durability::Volatile {
            return Ok(self.shared.durable());
        }
        if self.commits.committed < self.last_seq {
            self.fill_up();
            self.commits.committed = self.last_seq;
            self.shared.publish_commit(self.last_seq);
        }
        let syncer = Arc::clone(&self.commits.syncer);
        let mut syncer = syncer.lock().unwrap_or_else(PoisonError::into_inner);
        syncer
            .sync_through(self.last_seq)
            .map_err(|error| SyncError {
                errno: error.raw_os_error().unwrap_or(-1),
            })?;
        Ok(self.shared.durable())
    }

    /// At the start of a run in a strict mode: leaves the block that the log ends in, and makes
    /// what stands there durable.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`]
    pub(crate) fn begin_block(&mut self) -> Result<(), OpenError> {
        let Some(block) = self.commits.block else {
            return Ok(());
        };
        let is_whole = self.current.offset().is_multiple_of(block);
        if is_whole && self.shared.durable() == self.last_seq {
            return Ok(());
        }
        self.fill_up();
        self.sync_now().map(|_durable| ()).map_err(|error| {
            OpenError::io("sync", self.dir())(std::io::Error::from_raw_os_error(error.errno))
        })
    }
}

const _: () = assert!(512 % RECORD == 0);
