//! What the writer, its helper threads and whoever watches share: a few atomics, one writer each.
//!
//! Hot path: the writer stores `appended` and loads `wanted`. Locks: none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::options::Durability;

use crate::seal::SealStatus;
use crate::seal::progress::Progress;

/// Keeps a value away from its neighbours: two cache lines, as processors fetch them in pairs.
#[repr(align(128))]
pub(crate) struct Padded<T>(T);

/// How much a commit is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Wanted {
    /// The sync thread is at work, or there is none.
    No = 0,
    /// The sync thread is idle: the next poll is to commit what there is.
    ByPoll = 1,
    /// Nobody polls: the next append is to commit what there is.
    ByAppend = 2,
}

pub(crate) struct Shared {
    /// Last sequence that is published. Written by the writer's thread only.
    appended: Padded<AtomicU64>,
    /// Last sequence on stable storage. Written by who holds the syncer.
    durable: Padded<AtomicU64>,
    /// Whether a commit is wanted, and of whom: one of [`Wanted`]. Raised by the sync thread,
    /// lowered by the writer.
    wanted: Padded<AtomicU8>,
    /// End of the last commit that the writer filled up. Written by the writer's thread only.
    committed: Padded<AtomicU64>,
    /// Whether the sync thread sleeps and must be woken. Written by the sync thread only.
    sleeps: AtomicBool,
    /// First errno of a sync, 0 if none. Written by who holds the syncer, once.
    failed: Padded<AtomicI32>,
    /// Times: nanoseconds since this.
    origin: Instant,
    /// What was appended by this time is durable. Written by the sync thread.
    covered_ns: AtomicU64,
    /// When the sync that runs now began; 0 if none runs. Written by who holds the syncer.
    sync_since_ns: AtomicU64,
    /// Sequence up to which somebody wants the journal durable. Written by whoever watches.
    durable_wanted: AtomicU64,
    /// Errno of the last try to make a segment, 0 if it worked. Written by the prepare thread.
    no_space: AtomicI32,
    /// Segments that are ready behind the present one. Written by the prepare thread: last number.
    ready_through: AtomicU64,
    /// Written by the seal thread.
    pub(crate) seal: Progress,
}

impl Shared {
    pub(crate) fn new(last_seq: u64, durable_seq: u64, segment: u32) -> Self {
        Self {
            appended: Padded(AtomicU64::new(last_seq)),
            durable: Padded(AtomicU64::new(durable_seq)),
            wanted: Padded(AtomicU8::new(Wanted::No as u8)),
            committed: Padded(AtomicU64::new(last_seq)),
            sleeps: AtomicBool::new(false),
            failed: Padded(AtomicI32::new(0)),
            origin: Instant::now(),
            covered_ns: AtomicU64::new(0),
            sync_since_ns: AtomicU64::new(0),
            durable_wanted: AtomicU64::new(0),
            no_space: AtomicI32::new(0),
            ready_through: AtomicU64::new(u64::from(segment)),
            seal: Progress::default(),
        }
    }

    #[inline]
    pub(crate) fn set_appended(&self, seq: u64) {
        // Pairs with the load in `appended`: the sync thread syncs what it saw here.
        self.appended.0.store(seq, Ordering::Release);
    }

    pub(crate) fn appended(&self) -> u64 {
        self.appended.0.load(Ordering::Acquire)
    }

    pub(crate) fn set_durable(&self, seq: u64) {
        // Pairs with the load in `durable`: whoever acts on it acts after the sync.
        self.durable.0.store(seq, Ordering::Release);
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable.0.load(Ordering::Acquire)
    }

    /// Asks for durability up to `seq`, whatever the mode; never less than was asked before.
    pub(crate) fn want_durable(&self, seq: u64) {
        self.durable_wanted.fetch_max(seq, Ordering::Relaxed);
    }

    /// How far somebody wants the journal durable.
    pub(crate) fn durable_wanted(&self) -> u64 {
        self.durable_wanted.load(Ordering::Relaxed)
    }

    /// Whether the writer's next poll is to commit.
    #[inline]
    pub(crate) fn wants_commit(&self) -> bool {
        // Nothing is read through it.
        self.wanted.0.load(Ordering::Relaxed) != Wanted::No as u8
    }

    /// Whether the writer's next append is to commit what stands before it.
    #[inline]
    pub(crate) fn wants_commit_now(&self) -> bool {
        self.wanted.0.load(Ordering::Relaxed) == Wanted::ByAppend as u8
    }

    /// Asks the writer for a commit. For the sync thread, when the last commit is durable.
    pub(crate) fn want_commit(&self) {
        self.wanted.0.store(Wanted::ByPoll as u8, Ordering::Relaxed);
    }

    /// Asks more loudly, if the writer has not answered yet.
    pub(crate) fn want_commit_now(&self) {
        let (poll, append) = (Wanted::ByPoll as u8, Wanted::ByAppend as u8);
        // Err: it has answered, or was asked so before.
        let _ = self
            .wanted
            .0
            .compare_exchange(poll, append, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Says how far the writer has filled up a commit; whether the sync thread must be woken.
    pub(crate) fn publish_commit(&self, seq: u64) -> bool {
        self.wanted.0.store(Wanted::No as u8, Ordering::Relaxed);
        // Sequentially consistent with `sleeps` in `fall_asleep`: either that thread sees this
        // commit, or this one sees that it sleeps.
        self.committed.0.store(seq, Ordering::SeqCst);
        self.sleeps.load(Ordering::SeqCst)
    }

    pub(crate) fn committed(&self) -> u64 {
        self.committed.0.load(Ordering::SeqCst)
    }

    /// For the sync thread: says that it sleeps, or that it is awake.
    pub(crate) fn set_sleeps(&self, sleeps: bool) {
        // See `publish_commit`.
        self.sleeps.store(sleeps, Ordering::SeqCst);
    }

    /// Now, for the times here; never 0.
    pub(crate) fn now_ns(&self) -> u64 {
        let elapsed = self.origin.elapsed().as_nanos();
        u64::try_from(elapsed).unwrap_or(u64::MAX).max(1)
    }

    /// What was appended by `at_ns` is durable.
    pub(crate) fn set_covered(&self, at_ns: u64) {
        self.covered_ns.store(at_ns, Ordering::Relaxed);
    }

    /// A sync began at this time; 0: it has ended.
    pub(crate) fn set_sync_since(&self, at_ns: u64) {
        self.sync_since_ns.store(at_ns, Ordering::Relaxed);
    }

    fn lag(&self, durability: Durability) -> Duration {
        let since = match durability {
            Durability::Volatile | Durability::Process => return Duration::ZERO,
            // In this order: what is appended behind the load of `durable` must not count.
            Durability::Interval(_) | Durability::Group => {
                let (covered, appended) =
                    (self.covered_ns.load(Ordering::Relaxed), self.appended());
                if appended <= self.durable() {
                    return Duration::ZERO;
                }
                covered
            }
            Durability::Sync => match self.sync_since_ns.load(Ordering::Relaxed) {
                0 => return Duration::ZERO,
                since => since,
            },
        };
        Duration::from_nanos(self.now_ns().saturating_sub(since))
    }

    /// Latches the first failure of a sync.
    pub(crate) fn fail(&self, errno: i32) {
        // A failure without a number must not look like none.
        let errno = if errno == 0 { -1 } else { errno };
        // Nothing is read through it, so the order does not matter; a later failure is not kept.
        let _ = self
            .failed
            .0
            .compare_exchange(0, errno, Ordering::Relaxed, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn failed(&self) -> Option<i32> {
        match self.failed.0.load(Ordering::Relaxed) {
            0 => None,
            errno => Some(errno),
        }
    }

    /// Says whether the last try to make a segment worked (0) or why not.
    pub(crate) fn set_no_space(&self, errno: i32) {
        self.no_space.store(errno, Ordering::Relaxed);
    }

    pub(crate) fn no_space(&self) -> Option<i32> {
        match self.no_space.load(Ordering::Relaxed) {
            0 => None,
            errno => Some(errno),
        }
    }

    pub(crate) fn set_ready_through(&self, segment: u32) {
        self.ready_through
            .store(u64::from(segment), Ordering::Relaxed);
    }

    pub(crate) fn ready_through(&self) -> u32 {
        u32::try_from(self.ready_through.load(Ordering::Relaxed)).unwrap_or(u32::MAX)
    }
}

/// How much room the journal has. The engine polls it: on [`Space::Low`] it stops opening risk
/// while there still is room to journal the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// The helper makes segments as they are needed.
    Enough,
    /// The helper cannot make the next segment; it tries on.
    Low {
        /// Records that still fit into the segments there are.
        records_left: u64,
        /// What the system said.
        errno: i32,
    },
}

/// Watches a journal from any thread while its writer works.
#[derive(Clone)]
pub struct Watch {
    pub(crate) shared: Arc<Shared>,
    pub(crate) geometry: crate::format::Geometry,
    pub(crate) durability: Durability,
}

impl Watch {
    /// Last sequence that is appended.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.shared.appended()
    }

    /// Asks the sync thread to make everything up to `seq` durable soon. In `process` durability it
    /// would otherwise wait until the segment is full; in the other modes it comes by itself.
    pub fn want_durable(&self, seq: u64) {
        self.shared.want_durable(seq);
    }

    /// Last sequence that is on stable storage, as a successful `fdatasync` said.
    #[must_use]
    pub fn durable_seq(&self) -> u64 {
        self.shared.durable()
    }

    /// How long the oldest record that is not durable has waited for the disk, at most. Zero if
    /// all is durable, and in the modes that promise nothing about a power failure. In `sync`
    /// durability: how long the sync that runs now takes.
    #[must_use]
    pub fn sync_lag(&self) -> Duration {
        self.shared.lag(self.durability)
    }

    /// What the journal was opened with.
    #[must_use]
    pub const fn durability(&self) -> Durability {
        self.durability
    }

    /// Errno of the first sync that failed. Nothing becomes durable behind it, and nobody tries;
    /// appending goes on.
    #[must_use]
    pub fn failed(&self) -> Option<i32> {
        self.shared.failed()
    }

    /// How far the seal is; all zero if the journal is not sealed.
    #[must_use]
    pub fn seal(&self) -> SealStatus {
        self.shared.seal.status()
    }

    /// How much room there is.
    #[must_use]
    pub fn space(&self) -> Space {
        match self.shared.no_space() {
            None => Space::Enough,
            Some(errno) => {
                let end = self.geometry.last_seq(self.shared.ready_through());
                Space::Low {
                    records_left: end.saturating_sub(self.shared.appended()),
                    errno,
                }
            }
        }
    }
}
