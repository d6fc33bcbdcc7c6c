//! The journal's only writer: opens or makes a journal, appends, and closes it in order.
//!
//! Thread: opened anywhere, then owned by one. Hot path: [`Writer::append`]. Allocates: no.
//! Locks: no. Syscalls: none. Page faults: none, as long as the helpers keep up (`sync`).

use std::path::Path;
use std::sync::{Arc, Mutex};

use model::record::Record;

use crate::commit::{Commits, last_record};
use crate::directory::Folder;
use crate::error::{AppendError, CloseError, OpenError, SyncError};
use crate::failed_sync;
use crate::format::{Geometry, Mark, Slot};
use crate::helpers::{Helpers, Work};
use crate::options::{Durability, Options};
use crate::prepare::{Live, Preparer, SEGMENTS_AHEAD};
use crate::prune::{self, Pruner, WritersSlot};
use crate::recovery::{self, End, Recovery};
use crate::scan::{self, Marks};
use crate::seal;
use crate::seal::open::{Log, Plan};
use crate::seal::sealer::{self, Sealer};
use crate::segment::{Prepared, Recipe, Segment, SegmentWriter, prepare};
use crate::shared::{Shared, Space, Watch};
use crate::steps::Steps;
use crate::storage::{Access, Held, Memory};
use crate::sync::{Syncer, write_mark};
use crate::touch::Toucher;
use crate::{snapshot, superblock};

/// Bytes that are made present where a run or a segment starts; the thread `journal-touch` goes on
/// from there.
const POPULATE_START: usize = 1 << 20;

/// How a journal was left by [`Writer::close`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Last sequence; all of it is on stable storage, but in `volatile` durability.
    pub last_seq: u64,
    /// Records times their size.
    pub bytes: u64,
}

/// Appends records to a journal.
pub struct Writer {
    pub(crate) current: SegmentWriter,
    geometry: Geometry,
    pub(crate) last_seq: u64,
    segment: u32,
    ready: rtrb::Consumer<Prepared>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) commits: Commits,
    folder: Folder,
    /// Above the lock: a pruner must know that this writer is gone before another one comes.
    slot: WritersSlot,
    pub(crate) helpers: Helpers,
    sealer: Option<Arc<Mutex<Sealer>>>,
    _lock: Held,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("dir", &self.dir())
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// Opens the journal in `dir` for writing: makes it if the directory is missing or empty,
    /// recovers it if its last writer did not close it. In `volatile` durability nothing is made
    /// on disk: the journal is in memory, and only this writer's [`Self::folder`] leads there.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; the files are left as they were found, but for what a crash inside of an
    /// earlier open left unfinished.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Recovery), OpenError> {
        let folder = match options.durability {
            Durability::Volatile => Folder::new(Arc::new(Memory::new()), dir),
            Durability::Process
            | Durability::Interval(_)
            | Durability::Group
            | Durability::Sync => Folder::on_disk(dir),
        };
        Self::open_in(&folder, options)
    }

    /// As [`Self::open`], in any storage.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_in(folder: &Folder, options: Options) -> Result<(Self, Recovery), OpenError> {
        let (mut writer, work, recovery) = Self::open_idle(folder, &options)?;
        writer.helpers = Helpers::start(work, options.durability)
            .map_err(OpenError::io("start the helper threads for", folder.dir()))?;
        Ok((writer, recovery))
    }

    /// As [`Self::open_in`], without helper threads: their work is done when the caller asks
    /// [`Steps`] for it, on the caller's thread. For models and tests, which must be repeatable.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_stepped(
        folder: &Folder,
        options: Options,
    ) -> Result<(Self, Steps, Recovery), OpenError> {
        let (writer, work, recovery) = Self::open_idle(folder, &options)?;
        let steps = Steps::new(work, options.durability);
        Ok((writer, steps, recovery))
    }

    /// Everything but the helper threads.
    fn open_idle(folder: &Folder, options: &Options) -> Result<(Self, Work, Recovery), OpenError> {
        options.check()?;
        refuse_unsafe(folder, options)?;
        folder.create()?;
        refuse_foreign(folder)?;
        let lock = folder.lock()?;
        let boot_id = folder.storage().boot_id();
        failed_sync::check(folder, boot_id)?;
        let created = create_if_missing(folder, options, boot_id)?;
        let slot = superblock::read(folder)?;
        let mut plan: Option<Plan> = None;
        let gate = |log: Log| {
            snapshot::refuse_ahead(folder, slot.journal_id, log.last_seq)?;
            let check = |seal| seal::open::check(folder, &slot, seal, log);
            plan = options.seal.as_ref().map(check).transpose()?;
            Ok(())
        };
        let end = recovery::recover(folder, &slot, boot_id, options.durability, gate)?;
        prune::remove_left(folder, &slot)?;
        let recovery = Recovery {
            created,
            clean: slot.clean_seq().is_some(),
            epoch: slot.epoch + 1,
            last_seq: end.last_seq,
            durable_mark: end.durable_mark,
            segment_bytes: slot.segment_bytes,
            removed: end.removed.clone(),
        };
        // Before the superblock says that a writer has it: a crash in between finds the same again.
        let sealer = match plan {
            Some(plan) => plan.start(folder, &slot, options, end.last_seq)?,
            None => None,
        };
        let slot = slot.opened(boot_id);
        let (mut writer, mut work) = Self::start(folder, slot, &end, options, lock)?;
        work.sealer = sealer.map(|sealer| Arc::new(Mutex::new(sealer)));
        writer.sealer.clone_from(&work.sealer);
        writer.begin_block()?;
        Ok((writer, work, recovery))
    }

    fn start(
        folder: &Folder,
        slot: Slot,
        end: &End,
        options: &Options,
        lock: Held,
    ) -> Result<(Self, Work), OpenError> {
        let last_seq = end.last_seq;
        let geometry = slot.geometry();
        let recipe = recipe(geometry, slot.epoch, options.durability);
        let place = geometry
            .place(last_seq + 1)
            .ok_or_else(|| full(folder.dir()))?;
        let last = last_of(folder, geometry, last_seq)?;
        let Prepared { segment, view } = prepare(folder, place.segment, recipe)?;
        let is_strict = options.durability.is_strict();
        let mark_count = mark_start(folder, geometry, &segment, end.durable_seq, is_strict)?;
        segment
            .region
            .populate(bytes(place.offset), recipe.populate);
        // A writer that was killed may have left names that are not durable yet; records go behind
        // them from now on.
        folder.sync()?;
        superblock::write(folder, &slot)?;

        let shared = Arc::new(Shared::new(last_seq, end.durable_seq, place.segment));
        let live: Arc<Live> = Arc::new(Mutex::new(vec![segment]));
        let (producer, ready) = rtrb::RingBuffer::new(SEGMENTS_AHEAD);
        let preparer = Preparer {
            folder: folder.clone(),
            recipe,
            next: place.segment.saturating_add(1),
            ready: producer,
            live: Arc::clone(&live),
            shared: Arc::clone(&shared),
        };
        let (for_touch, to_touch) = (Arc::clone(&shared), Arc::clone(&live));
        let toucher = Toucher::new(geometry, to_touch, for_touch, options.durability);
        let syncer = Arc::new(Mutex::new(Syncer {
            folder: folder.clone(),
            geometry,
            live,
            shared: Arc::clone(&shared),
            mark_count,
            mark_segment: place.segment,
            is_strict,
        }));
        let writer = Self {
            current: SegmentWriter::new(view, geometry, place.segment, place.offset),
            geometry,
            last_seq,
            segment: place.segment,
            ready,
            shared,
            commits: Commits::new(options, Arc::clone(&syncer), last, last_seq),
            helpers: Helpers::default(),
            sealer: None,
            folder: folder.clone(),
            slot: WritersSlot::new(slot),
            _lock: lock,
        };
        let work = Work {
            preparer,
            toucher,
            syncer,
            sealer: None,
        };
        Ok((writer, work))
    }

    /// Appends a record and publishes it to every reader; returns its sequence. The journal gives
    /// the record its `seq` and `checksum`; all else is stored as it is.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; the journal is unchanged then.
    #[inline]
    pub fn append(&mut self, record: &Record) -> Result<u64, AppendError> {
        if self.shared.wants_commit_now() && self.commits.committed < self.last_seq {
            self.commit();
        }
        if record.kind == 0 || record.kind == DURABLE_MARK {
            return Err(refusal_of(record.kind));
        }
        if self.current.is_full() {
            self.roll()?;
        }
        self.commits.last_event = record.event;
        self.commits.last_time_ns = record.time_ns;
        Ok(self.push(record))
    }

    /// Stores and publishes a record, for which there is room.
    #[inline]
    pub(crate) fn push(&mut self, record: &Record) -> u64 {
        let seq = self.last_seq + 1;
        self.current.append(record, seq);
        self.last_seq = seq;
        self.shared.set_appended(seq);
        seq
    }

    /// Goes on to the next segment, which the helper has made ready.
    #[cold]
    fn roll(&mut self) -> Result<(), AppendError> {
        let Ok(prepared) = self.ready.pop() else {
            return Err(match self.shared.no_space() {
                Some(errno) => AppendError::NoSpace { errno },
                None => AppendError::SegmentNotReady,
            });
        };
        let id = prepared.segment.id;
        assert_eq!(
            self.geometry.first_seq(id),
            self.last_seq + 1,
            "Invariant J2: segments follow each other"
        );
        let start = crate::format::HEADER_BYTES;
        // What is replaced here is still held by the helper, so nothing is unmapped on this thread.
        self.current = SegmentWriter::new(prepared.view, self.geometry, id, start);
        self.segment = id;
        Ok(())
    }

    /// Last sequence that was appended; 0 if there is none.
    #[inline]
    #[must_use]
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Last sequence that is on stable storage, as a successful `fdatasync` said.
    #[must_use]
    pub fn durable_seq(&self) -> u64 {
        self.shared.durable()
    }

    /// How much room there is; to be polled, see [`Space`].
    #[must_use]
    pub fn space(&self) -> Space {
        self.watch().space()
    }

    /// A handle that watches this journal from another thread.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch {
            shared: Arc::clone(&self.shared),
            geometry: self.geometry,
            durability: self.commits.durability,
        }
    }

    /// What an append survives.
    #[must_use]
    pub const fn durability(&self) -> Durability {
        self.commits.durability
    }

    /// The directory with its storage, for a reader of this journal.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.folder.dir()
    }

    /// A handle that removes old segments while this writer lives, from another thread.
    #[must_use]
    pub fn pruner(&self) -> Pruner {
        let shared = Arc::clone(&self.shared);
        Pruner::new(self.folder.clone(), self.slot.share(), shared)
    }

    /// How often a writer has opened this journal, this one included.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.slot.epoch()
    }

    /// Syncs everything and marks the journal as closed in order. A writer that is dropped instead
    /// leaves a journal that the next open recovers, as after a kill.
    ///
    /// # Errors
    ///
    /// [`CloseError`]; the journal is then left without the mark.
    pub fn close(mut self) -> Result<Summary, CloseError> {
        self.helpers.stop();
        if let Err(SyncError { errno }) = self.sync_now() {
            return Err(CloseError::Failed { errno });
        }
        if let Some(sealer) = &self.sealer {
            // What stands in the way is in the watch; the next open catches up.
            let _ = sealer::hold(sealer).finish(&self.shared);
        }
        if let Some(slot) = self.slot.take() {
            superblock::write(&self.folder, &slot.closed(self.last_seq))?;
        }
        Ok(Summary {
            last_seq: self.last_seq,
            bytes: self.last_seq * crate::format::RECORD,
        })
    }
}

/// Code of the kind of the journal's own fillings.
const DURABLE_MARK: u8 = model::record::Kind::DurableMark.code();

#[cold]
const fn refusal_of(kind: u8) -> AppendError {
    if kind == DURABLE_MARK {
        AppendError::OwnKind
    } else {
        AppendError::NoKind
    }
}

/// What the segments of this run are made with.
const fn recipe(geometry: Geometry, epoch: u64, durability: Durability) -> Recipe {
    // In the strict modes what is made writable is written with the next commit.
    let populate = if durability.is_strict() {
        0
    } else {
        POPULATE_START
    };
    Recipe {
        geometry,
        epoch,
        populate,
        durability,
    }
}

/// Refuses a file system that cannot keep the promise, if that is asked for. Files on the heap are
/// no file system: who gives them knows what they are.
fn refuse_unsafe(folder: &Folder, options: &Options) -> Result<(), OpenError> {
    if !options.only_safe_file_systems || !options.durability.survives_power_loss() {
        return Ok(());
    }
    let storage = folder.storage();
    let is_there = |path: &&Path| storage.exists(path).unwrap_or(false);
    // Before the directory is made, it will be where the nearest one above it is.
    let existing = folder.dir().ancestors().find(is_there);
    let found = storage.file_system(existing.unwrap_or(Path::new(".")));
    let found = found.map_err(OpenError::io("find the file system of", folder.dir()))?;
    if found.safe {
        return Ok(());
    }
    Err(OpenError::UnsafeFileSystem {
        path: folder.dir().to_path_buf(),
        name: found.name,
        mode: options.durability.name(),
    })
}

/// Event number and time of the last record.
fn last_of(folder: &Folder, geometry: Geometry, last_seq: u64) -> Result<(u64, u64), OpenError> {
    let Some(place) = geometry.place(last_seq).filter(|_| last_seq > 0) else {
        return Ok((0, 0));
    };
    let path = folder.segment_path(place.segment);
    let file = scan::open(folder, geometry, place.segment, Access::Read)?;
    last_record(&*file, geometry, last_seq).map_err(OpenError::io("read", &path))
}

/// Refuses a directory with files of somebody else and no superblock, before anything is made.
fn refuse_foreign(folder: &Folder) -> Result<(), OpenError> {
    let listing = folder.list()?;
    if listing.superblock || (listing.segments.is_empty() && listing.foreign.is_none()) {
        return Ok(());
    }
    let found = listing.instead();
    let path = folder.dir().to_path_buf();
    Err(OpenError::NotAJournal { path, found })
}

fn create_if_missing(
    folder: &Folder,
    options: &Options,
    boot_id: [u8; 16],
) -> Result<bool, OpenError> {
    if folder.has(&folder.superblock_path())? {
        return Ok(false);
    }
    let created_ns = folder.storage().now_ns();
    let pid = u64::from(std::process::id());
    // Told apart from other journals by when and by whom it was made; hashed, to fill all bits.
    let low = crc32c::crc32c(&created_ns.to_le_bytes());
    let high = crc32c::crc32c_append(low, &pid.to_le_bytes());
    let journal_id = u64::from(high) << 32 | u64::from(low);
    let slot = superblock::new_slot(journal_id, options.segment_bytes, created_ns, boot_id);
    superblock::create(folder, &slot)?;
    Ok(true)
}

/// Writes what this run starts with as the durable mark, and returns the count that it has.
fn mark_start(
    folder: &Folder,
    geometry: Geometry,
    segment: &Segment,
    durable_seq: u64,
    is_strict: bool,
) -> Result<u64, OpenError> {
    let path = folder.segment_path(segment.id);
    let seed = geometry.seed(segment.id);
    let marks = scan::marks(&*segment.file, seed).map_err(OpenError::io("read", &path))?;
    let count = match marks {
        Marks::Valid(mark) => mark.count + 1,
        Marks::None | Marks::Bad => 1,
    };
    // The last writer's mark may not be on the disk yet; both copies on the way could both tear.
    failed_sync::noted(folder, segment.file.sync_data()).map_err(OpenError::io("sync", &path))?;
    if !is_strict {
        // In the strict modes fillings carry the mark (J6): the header's block is durable.
        write_mark(&*segment.file, Mark::sealed(durable_seq, count, seed))
            .map_err(OpenError::io("write", &path))?;
    }
    Ok(count)
}

fn full(dir: &Path) -> OpenError {
    OpenError::SegmentWrong {
        path: dir.to_path_buf(),
        what: "is the last one that a journal can have".to_owned(),
    }
}

fn bytes(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
