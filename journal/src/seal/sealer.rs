//! The thread `journal-seal`: hashes what is durable, signs checkpoints, seals full segments.
//!
//! A checkpoint each second in which something came, one at each seal, one at close. It covers what
//! the durability mode has put on stable storage (in `process` mode: what is appended), so after a
//! power failure the log is not shorter than what was signed, but in `process` mode.
//!
//! It reads through the page cache and never touches the writer's memory; when it is behind, the
//! writer does not wait: checkpoints come later, that is all. A journal that was written without a
//! seal is caught up with from where its seal ends.
//!
//! Thread: its own. Hot path: no.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::SealOptions;
use super::copies::{Copies, Elsewhere};
use super::error::{SealError, SealStop};
use super::files::{self, Leaves, Notes};
use super::footer::{Footer, Found};
use super::key::Key;
use super::note::Checkpoint;
use super::open::{Plan, footer_bytes};
use super::progress::Progress;
use super::records::{Fault, Records, all_threads};
use super::tree::{Frontier, GROUP, Hash};
use crate::directory::Folder;
use crate::error::OpenError;
use crate::format::{BLOCK_BYTES, Geometry, Slot};
use crate::options::Durability;
use crate::scan;
use crate::shared::Shared;
use crate::storage::{Access, StoredFile};

/// How often it looks.
const TICK: Duration = Duration::from_millis(50);
/// How often it signs, while something comes.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// Groups that are hashed between two looks at whether to stop: 65,536 records, some 20 ms.
const BLOCK_GROUPS: u64 = 2048;

/// State of the thread.
pub(crate) struct Sealer {
    folder: Folder,
    geometry: Geometry,
    key: Key,
    durability: Durability,
    records: Records,
    /// Tree over whole groups.
    base: Frontier,
    /// Tree before the present segment.
    start: Frontier,
    /// Chain of the segment before.
    chain: Hash,
    leaves: Leaves,
    notes: Notes,
    copies: Copies,
    /// Records that the last note covers.
    noted: u64,
    /// How many threads may hash.
    threads: u64,
}

/// Why a round did not get to its end.
enum Halt {
    /// The record is not what it was, or a seal does not fit.
    Changed(u64),
    /// Something could not be written or read; the next round tries again.
    Failed(i32),
    /// A segment could not be synced: nothing more may be promised.
    Unsynced(i32),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.raw_os_error().unwrap_or(-1))
    }
}

impl From<OpenError> for Halt {
    fn from(error: OpenError) -> Self {
        Self::Failed(crate::prepare::errno_of(&error))
    }
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Bad { seq } => Self::Changed(seq),
            Fault::Open(error) => error.into(),
        }
    }
}

impl Sealer {
    pub(crate) fn new(
        folder: &Folder,
        slot: &Slot,
        (durability, options): (Durability, &SealOptions),
        plan: Plan,
    ) -> Result<Self, OpenError> {
        let geometry = slot.geometry();
        let path = files::checkpoints_path(folder);
        let notes = Notes::open(folder.storage(), &path, plan.notes.whole)
            .map_err(OpenError::io("open", &path))?;
        let elsewhere = Elsewhere::new(folder, options.key.public(slot.journal_id), &options.also);
        Ok(Self {
            folder: folder.clone(),
            geometry,
            key: options.key.clone(),
            durability,
            records: Records::new(folder, geometry),
            leaves: Leaves::open(folder, plan.resume.base.size() / GROUP)?,
            base: plan.resume.base,
            start: plan.resume.start,
            chain: plan.resume.chain,
            notes,
            copies: Copies::Here(elsewhere),
            noted: plan.notes.last.map_or(0, |last| last.size),
            threads: 1,
        })
    }

    /// Signs that the log now ends at `last_seq`, and that what was signed beyond is void.
    pub(crate) fn write_cut(&mut self, last_seq: u64) -> Result<(), OpenError> {
        let fail = |halt| {
            let path = files::checkpoints_path(&self.folder);
            let errno = match halt {
                Halt::Failed(errno) | Halt::Unsynced(errno) => errno,
                Halt::Changed(_) => -1,
            };
            OpenError::io("write", &path)(io::Error::from_raw_os_error(errno))
        };
        self.threads = all_threads();
        // Up to the end, without sealing: nothing here is durable yet.
        let mut base = self.base.clone();
        let first = base.size() / GROUP;
        let count = (last_seq / GROUP).saturating_sub(first);
        let hashes = self.records.groups(first, count, self.threads);
        for hash in hashes.map_err(Halt::from).map_err(fail)? {
            base.push_group(hash);
        }
        self.threads = 1;
        let root = self
            .records
            .root_at(&base, last_seq)
            .map_err(Halt::from)
            .map_err(fail)?;
        let failed = self.note(last_seq, root, true, None).err();
        failed.map_or(Ok(()), |halt| {
            let path = files::checkpoints_path(&self.folder);
            let Halt::Failed(errno) = halt else {
                return Ok(());
            };
            Err(OpenError::io("write", &path)(io::Error::from_raw_os_error(
                errno,
            )))
        })
    }

    /// Hashes and seals what may be covered now, and signs it if `sign`. Says whether it signed.
    pub(crate) fn round(
        &mut self,
        shared: &Shared,
        sign: bool,
        go_on: impl Fn() -> bool,
    ) -> Result<bool, SealStop> {
        let progress = &shared.seal;
        if let Some(stop @ SealStop::Changed { .. }) = progress.stopped() {
            return Err(stop);
        }
        let target = if self.durability.survives_power_loss() {
            shared.durable()
        } else {
            shared.appended()
        };
        let result = self.cover(target, shared, sign, go_on);
        match result {
            Ok(signed) => {
                progress.set_stopped(None);
                Ok(signed)
            }
            Err(halt) => {
                let stop = match halt {
                    Halt::Changed(seq) => SealStop::Changed { seq },
                    Halt::Failed(errno) => SealStop::Failed { errno },
                    Halt::Unsynced(errno) => {
                        shared.fail(errno);
                        SealStop::Failed { errno }
                    }
                };
                progress.set_stopped(Some(stop));
                Err(stop)
            }
        }
    }

    /// All that is left to do before the journal is closed at `last_seq`, which is durable.
    pub(crate) fn finish(&mut self, shared: &Shared) -> Result<bool, SealStop> {
        self.threads = all_threads();
        let signed = self.round(shared, true, || true);
        if let Err(error) = self.leaves.sync() {
            let errno = error.raw_os_error().unwrap_or(-1);
            shared.seal.set_stopped(Some(SealStop::Failed { errno }));
        }
        self.copies.finish();
        signed
    }

    fn cover(
        &mut self,
        target: u64,
        shared: &Shared,
        sign: bool,
        go_on: impl Fn() -> bool,
    ) -> Result<bool, Halt> {
        let progress = &shared.seal;
        let mut signed = false;
        loop {
            let end = self.start.size() + self.geometry.records_per_segment();
            self.hash_to(target.min(end), &go_on)?;
            if self.base.size() < end {
                break;
            }
            // J5 for the seal: it vouches for what is on stable storage.
            if self.durability != Durability::Volatile && shared.durable() < end {
                return Ok(signed);
            }
            self.seal()?;
            signed |= self.sign(end, Some(progress))?;
            if !go_on() {
                return Ok(signed);
            }
        }
        // Behind in its work: what is hashed so far is signed.
        let size = if self.base.size() / GROUP < target / GROUP {
            self.base.size()
        } else {
            target
        };
        if sign {
            signed |= self.sign(size, Some(progress))?;
        }
        Ok(signed)
    }

    /// Hashes whole groups up to `end`.
    fn hash_to(&mut self, end: u64, go_on: impl Fn() -> bool) -> Result<(), Halt> {
        while self.base.size() / GROUP < end / GROUP {
            let first = self.base.size() / GROUP;
            let count = (end / GROUP - first).min(BLOCK_GROUPS * self.threads);
            let hashes = self.records.groups(first, count, self.threads)?;
            self.leaves.write(first, &hashes)?;
            for hash in hashes {
                self.base.push_group(hash);
            }
            if !go_on() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Writes the footer of the segment that is hashed to its end.
    fn seal(&mut self) -> Result<(), Halt> {
        let first = self.start.size() + 1;
        let place = self.geometry.place(first).ok_or(Halt::Changed(first))?;
        let segment = place.segment;
        let file = scan::open(&self.folder, self.geometry, segment, Access::Read)?;
        let mut header = [0; BLOCK_BYTES];
        file.read_exact_at(&mut header, 0)?;
        let footer = Footer::new(
            segment,
            self.chain,
            &header,
            self.start.clone(),
            self.base.clone(),
        );
        let bytes = footer.encode(self.geometry);
        let found = footer_bytes(&*file, self.geometry)?;
        match Footer::decode(&found, self.geometry, segment) {
            // Perhaps by a run that was killed before it synced.
            Found::Sealed(found) if *found == footer => {
                self.leaves.sync()?;
                // An archived one was on stable storage before.
                if self.folder.has(&self.folder.segment_path(segment))? {
                    sync_footer(&*file)?;
                }
            }
            // It was sealed, and its records or its header were other ones then.
            Found::Sealed(_) => return Err(Halt::Changed(first)),
            Found::Unsealed | Found::Bad => {
                // Before the footer that covers them can reach the disk.
                self.leaves.sync()?;
                let file = scan::open(&self.folder, self.geometry, segment, Access::Write)?;
                file.write_all_at(&bytes, self.geometry.records_end())?;
                sync_footer(&*file)?;
            }
        }
        self.start = self.base.clone();
        self.chain = footer.chain;
        Ok(())
    }

    /// Signs the first `size` records, if no note has them yet.
    fn sign(&mut self, size: u64, progress: Option<&Progress>) -> Result<bool, Halt> {
        if size <= self.noted {
            return Ok(false);
        }
        let root = self.records.root_at(&self.base, size)?;
        self.note(size, root, false, progress)?;
        Ok(true)
    }

    fn note(
        &mut self,
        size: u64,
        root: Hash,
        cut: bool,
        progress: Option<&Progress>,
    ) -> Result<(), Halt> {
        let checkpoint = Checkpoint {
            journal_id: self.geometry.journal_id,
            size,
            root,
            time_ns: self.folder.storage().now_ns(),
            cut,
        };
        let note = checkpoint.sign(&self.key).map_err(|_| Halt::Failed(-1))?;
        self.notes.append(&note)?;
        self.noted = size;
        let failed = self.copies.append(&note);
        if let Some(progress) = progress {
            progress.noted(size, failed);
        }
        Ok(())
    }
}

/// Works until the other end of `stop` is dropped or history is found changed.
pub(crate) fn run(sealer: &Mutex<Sealer>, shared: &Arc<Shared>, stop: &Receiver<()>) {
    hold(sealer).copies.start(shared);
    let mut signed_at = Instant::now();
    loop {
        let due = signed_at.elapsed() >= NOTE_EVERY;
        let go_on = || matches!(stop.try_recv(), Err(TryRecvError::Empty));
        match hold(sealer).round(shared, due, go_on) {
            Ok(signed) if signed || due => signed_at = Instant::now(),
            Ok(_) => {}
            Err(SealStop::Changed { .. }) => return,
            // What failed is tried again, but not in a hurry.
            Err(SealStop::Failed { .. }) => signed_at = Instant::now(),
        }
        match stop.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The sealer, whatever became of whoever held it.
pub(crate) fn hold(sealer: &Mutex<Sealer>) -> MutexGuard<'_, Sealer> {
    sealer.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<SealError> for OpenError {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

/// Syncs a segment with its footer.
fn sync_footer(file: &dyn StoredFile) -> Result<(), Halt> {
    file.sync_data()
        .map_err(|error| Halt::Unsynced(error.raw_os_error().unwrap_or(-1)))
}
