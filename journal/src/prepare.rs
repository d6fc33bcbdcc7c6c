//! The thread `journal-prep`: keeps the next segments ready, and unmaps the ones that are done.
//!
//! The writer takes a ready segment from a lock-free queue and never waits for this thread; it
//! gives nothing back: this thread holds every live segment too and drops one when the writer has
//! left it and all of it is synced, so that unmapping (slow, a system call) happens here.
//!
//! Thread: its own. Hot path: no.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::directory::Folder;
use crate::error::OpenError;
use crate::segment::{Prepared, Recipe, Segment, prepare};
use crate::shared::Shared;

/// Segments that wait ahead of the writer's.
pub(crate) const SEGMENTS_AHEAD: usize = 2;
/// How often it looks whether the writer took one: microseconds for each 8 KiB of a segment, so
/// that it looks many times while the fastest writer fills one, and seldom in real life.
const TICK_MICROS: std::ops::RangeInclusive<u64> = 1_000..=20_000;
/// How long it waits after a segment could not be made.
const RETRY: Duration = Duration::from_millis(200);

/// Segments that are mapped for writing, oldest first. Locked by the two helper threads only.
pub(crate) type Live = Mutex<Vec<Arc<Segment>>>;

/// The live segments, whatever became of the other helper.
pub(crate) fn lock(live: &Live) -> std::sync::MutexGuard<'_, Vec<Arc<Segment>>> {
    live.lock().unwrap_or_else(PoisonError::into_inner)
}

/// State of the thread.
pub(crate) struct Preparer {
    pub(crate) folder: Folder,
    pub(crate) recipe: Recipe,
    pub(crate) next: u32,
    pub(crate) ready: rtrb::Producer<Prepared>,
    pub(crate) live: Arc<Live>,
    pub(crate) shared: Arc<Shared>,
}

impl Preparer {
    /// Works until the other end of `stop` is dropped.
    pub(crate) fn run(mut self, stop: &Receiver<()>) {
        let mut retry_at = None;
        let micros = self.recipe.geometry.segment_bytes >> 13;
        let tick = Duration::from_micros(micros.clamp(*TICK_MICROS.start(), *TICK_MICROS.end()));
        loop {
            if retry_at.is_none_or(|at| Instant::now() >= at) {
                retry_at = self.round().err().map(|_| Instant::now() + RETRY);
            } else {
                self.retire();
            }
            match stop.recv_timeout(tick) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// One look: makes what is missing, unmaps what is done.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if a segment cannot be made; whoever watches is told too.
    pub(crate) fn round(&mut self) -> Result<(), OpenError> {
        let filled = self.fill();
        if let Err(error) = &filled {
            self.shared.set_no_space(errno_of(error));
        }
        self.retire();
        filled
    }

    fn fill(&mut self) -> Result<(), OpenError> {
        while !self.ready.is_full() {
            let prepared = prepare(&self.folder, self.next, self.recipe)?;
            lock(&self.live).push(Arc::clone(&prepared.segment));
            // There is room: this is the queue's only producer.
            let _ = self.ready.push(prepared);
            self.shared.set_no_space(0);
            self.shared.set_ready_through(self.next);
            self.next = self.next.saturating_add(1);
        }
        Ok(())
    }

    /// Drops segments that the writer has left and that are synced to their end.
    fn retire(&self) {
        let geometry = self.recipe.geometry;
        let durable = self.shared.durable();
        let done: Vec<_> = lock(&self.live)
            .extract_if(.., |segment| {
                // The writer's view holds the region as well; alone here means that it left.
                geometry.last_seq(segment.id) <= durable && Arc::strong_count(&segment.region) == 1
            })
            .collect();
        // Unmapped here, outside of the lock.
        drop(done);
    }
}

/// The system's number for an error; -1 if it has none.
pub(crate) fn errno_of(error: &OpenError) -> i32 {
    match error {
        OpenError::Io { source, .. } => source.raw_os_error().unwrap_or(-1),
        OpenError::SegmentBytes { .. }
        | OpenError::Interval { .. }
        | OpenError::CommitBlock { .. }
        | OpenError::UnsafeFileSystem { .. }
        | OpenError::Locked { .. }
        | OpenError::NotAJournal { .. }
        | OpenError::Version { .. }
        | OpenError::SuperblockDamaged { .. }
        | OpenError::SnapshotAhead { .. }
        | OpenError::SyncFailed { .. }
        | OpenError::SegmentMissing { .. }
        | OpenError::SegmentWrong { .. }
        | OpenError::Damaged(_)
        | OpenError::Seal(_) => -1,
    }
}
