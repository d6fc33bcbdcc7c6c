//! The thread `journal-sync`: puts records on stable storage and says how far.
//!
//! In `interval` durability it syncs all that is appended, every interval; in `process` durability
//! only segments that are full, so that damage in history can be told from records that a power
//! loss took, and what a snapshot is about to stand on; in `group` durability one commit after the
//! other, as the writer fills them up (see `commit`). A segment is synced before a later one, so
//! nothing durable ever has a hole before it.
//!
//! The first failure is latched in [`Shared`] and ends the syncing: after a failed sync the kernel
//! may mark the lost pages clean, and the next sync would report success.
//!
//! Thread: its own. Hot path: no.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zerocopy::IntoBytes;

use crate::directory::Folder;
use crate::failed_sync;
use crate::format::{Geometry, MARK_OFFSETS, Mark};
use crate::options::Durability;
use crate::prepare::{Live, lock};
use crate::segment::Segment;
use crate::shared::Shared;
use crate::storage::StoredFile;

/// Tick of `process` durability.
const TICK: Duration = Duration::from_millis(5);

/// How long the thread of `group` durability spins for the next commit before it sleeps: longer
/// than the writer of a busy engine needs to come to its next poll.
const SPIN: Duration = Duration::from_micros(60);
/// How long a writer that does not poll may leave a record before its next append must commit.
const PATIENCE: Duration = Duration::from_micros(200);
/// Longest sleep: how late the thread notices its end, or a record behind which nobody polls.
const SLEEP: Duration = Duration::from_millis(2);

/// What is made writable behind a sync: the writer's page and the next.
const WRITABLE_BYTES: usize = 4 << 10;

/// Syncs segments and keeps the durable mark.
pub(crate) struct Syncer {
    pub(crate) folder: Folder,
    pub(crate) geometry: Geometry,
    pub(crate) live: Arc<Live>,
    pub(crate) shared: Arc<Shared>,
    /// Marks written to the segment `mark_segment`.
    pub(crate) mark_count: u64,
    pub(crate) mark_segment: u32,
    /// Whether commits are filled up, and the fillings carry the mark.
    pub(crate) is_strict: bool,
}

/// Locks the syncer, whatever became of its last holder.
pub(crate) fn hold(syncer: &Mutex<Syncer>) -> MutexGuard<'_, Syncer> {
    syncer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread of `process` and `interval` durability: works until the other end of `stop` is
/// dropped or a sync fails.
pub(crate) fn run(syncer: &Mutex<Syncer>, durability: Durability, stop: &Receiver<()>) {
    let tick = match durability {
        Durability::Interval(interval) => interval,
        Durability::Process | Durability::Volatile | Durability::Group | Durability::Sync => TICK,
    };
    loop {
        let deadline = Instant::now() + tick;
        if hold(syncer).round(durability).is_err() {
            return;
        }
        match stop.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The thread of `group` durability: one commit after the other, until the other end of `stop` is
/// dropped or a sync fails. See `commit`.
pub(crate) fn run_group(syncer: &Mutex<Syncer>, stop: &Receiver<()>) {
    let shared = Arc::clone(&hold(syncer).shared);
    let mut spin = SPIN;
    while stop.try_recv() == Err(TryRecvError::Empty) {
        let asked_ns = shared.now_ns();
        if shared.appended() <= shared.durable() {
            shared.set_covered(asked_ns);
        }
        if shared.committed() <= shared.durable() {
            shared.want_commit();
        }
        if !wait_for_commit(&shared, spin) {
            spin = Duration::ZERO;
            continue;
        }
        if hold(syncer).round(Durability::Group).is_err() {
            return;
        }
        // The commit has everything that was appended before it was asked for.
        shared.set_covered(asked_ns);
        spin = SPIN;
    }
}

/// Waits for the writer's next commit, a little: spins, then sleeps once. Whether it is there.
fn wait_for_commit(shared: &Shared, spin: Duration) -> bool {
    let is_there = || shared.durable() < shared.committed();
    let began = Instant::now();
    while began.elapsed() < spin {
        if is_there() {
            return true;
        }
        std::hint::spin_loop();
    }
    shared.set_sleeps(true);
    // Again, behind the store: see `Shared::publish_commit`.
    if !is_there() {
        let waits = shared.durable() < shared.appended();
        std::thread::park_timeout(if waits { PATIENCE } else { SLEEP });
        if waits && !is_there() {
            shared.want_commit_now();
        }
    }
    shared.set_sleeps(false);
    is_there()
}

impl Syncer {
    /// Syncs what is to be synced now.
    ///
    /// # Errors
    ///
    /// The first failure; it is latched.
    pub(crate) fn round(&mut self, durability: Durability) -> io::Result<()> {
        let began_ns = self.shared.now_ns();
        let due = self.due(durability, self.shared.appended());
        if self.shared.durable() < due {
            self.sync_through(due)?;
            if !self.is_strict {
                self.make_writable();
            }
        }
        if !self.is_strict {
            self.shared.set_covered(began_ns);
        }
        Ok(())
    }

    /// How far to sync now.
    fn due(&self, durability: Durability, appended: u64) -> u64 {
        match durability {
            Durability::Interval(_) => appended,
            Durability::Process => {
                let full = self.geometry.full_segments_end(appended);
                full.max(self.shared.durable_wanted().min(appended))
            }
            Durability::Group | Durability::Sync => self.shared.committed(),
            Durability::Volatile => 0,
        }
    }

    /// Syncs every segment with records behind the durable one and up to `target`, in order, and
    /// then says so: in [`Shared`] at once, in the mark of the last of these segments for recovery.
    ///
    /// # Errors
    ///
    /// The first failure; it is latched, and every later call fails with it.
    pub(crate) fn sync_through(&mut self, target: u64) -> io::Result<()> {
        if let Some(errno) = self.shared.failed() {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let durable = self.shared.durable();
        if target <= durable {
            return Ok(());
        }
        self.shared.set_sync_since(self.shared.now_ns());
        let synced = self.sync_segments(durable + 1, target);
        self.shared.set_sync_since(0);
        synced.inspect_err(|error| self.latch(error))
    }

    fn sync_segments(&mut self, from: u64, target: u64) -> io::Result<()> {
        for segment in self.segments_of(from, target) {
            failed_sync::noted(&self.folder, segment.file.sync_data())?;
            let through = target.min(self.geometry.last_seq(segment.id));
            // J5: only now, and never past what this sync covered.
            self.shared.set_durable(through);
            if !self.is_strict {
                self.write_mark(&segment, through)?;
            }
        }
        Ok(())
    }

    /// The sync has made the page that the writer is on read-only again. In a quiet market nobody
    /// would notice before the next append faults on it, so it is made writable at once; the
    /// thread `journal-touch` does the rest when the writer moves.
    fn make_writable(&self) {
        let Some(place) = self.geometry.place(self.shared.appended() + 1) else {
            return;
        };
        let find = |segment: &&Arc<Segment>| segment.id == place.segment;
        let segment = lock(&self.live).iter().find(find).cloned();
        if let (Some(segment), Ok(offset)) = (segment, usize::try_from(place.offset)) {
            segment.region.populate(offset, WRITABLE_BYTES);
        }
    }

    fn latch(&self, error: &io::Error) {
        self.shared.fail(error.raw_os_error().unwrap_or(-1));
    }

    fn segments_of(&self, from: u64, through: u64) -> Vec<Arc<Segment>> {
        let in_range = |segment: &&Arc<Segment>| {
            self.geometry.last_seq(segment.id) >= from
                && self.geometry.first_seq(segment.id) <= through
        };
        lock(&self.live).iter().filter(in_range).cloned().collect()
    }

    /// Through the page cache, not the mapping: an error is a result here, and not a signal. It
    /// reaches the disk with the next sync, so the mark is late and never early (J5).
    fn write_mark(&mut self, segment: &Segment, durable_seq: u64) -> io::Result<()> {
        if segment.id != self.mark_segment {
            self.mark_segment = segment.id;
            self.mark_count = 0;
        }
        self.mark_count += 1;
        let seed = self.geometry.seed(segment.id);
        let mark = Mark::sealed(durable_seq, self.mark_count, seed);
        write_mark(&*segment.file, mark)
    }
}

/// Writes a mark to its place by its count.
pub(crate) fn write_mark(file: &dyn StoredFile, mark: Mark) -> io::Result<()> {
    let [even, odd] = MARK_OFFSETS;
    let offset = if mark.count.is_multiple_of(2) {
        even
    } else {
        odd
    };
    file.write_all_at(mark.as_bytes(), offset)
}

#[cfg(test)]
mod tests;
