//! What the writer, its helper threads and whoever watches share: a few atomics, one writer each.
//!
//! Hot path: the writer stores `appended` and loads `failed`. Locks: none.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// Keeps a value away from its neighbours: two cache lines, as processors fetch them in pairs.
#[repr(align(128))]
pub(crate) struct Padded<T>(T);

pub(crate) struct Shared {
    /// Last sequence that is published. Written by the writer's thread only.
    appended: Padded<AtomicU64>,
    /// Last sequence on stable storage. Written by the sync thread, and by close after its end.
    durable: Padded<AtomicU64>,
    /// First errno of a sync, 0 if none. Written by the sync thread, once.
    failed: Padded<AtomicI32>,
    /// Errno of the last try to make a segment, 0 if it worked. Written by the prepare thread.
    no_space: AtomicI32,
    /// Segments that are ready behind the present one. Written by the prepare thread: last number.
    ready_through: AtomicU64,
}

impl Shared {
    pub(crate) fn new(last_seq: u64, durable_seq: u64, segment: u32) -> Self {
        Self {
            appended: Padded(AtomicU64::new(last_seq)),
            durable: Padded(AtomicU64::new(durable_seq)),
            failed: Padded(AtomicI32::new(0)),
            no_space: AtomicI32::new(0),
            ready_through: AtomicU64::new(u64::from(segment)),
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
}

impl Watch {
    /// Last sequence that is appended.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.shared.appended()
    }

    /// Last sequence that is on stable storage, as a successful `fdatasync` said.
    #[must_use]
    pub fn durable_seq(&self) -> u64 {
        self.shared.durable()
    }

    /// Errno of the first sync that failed.
    #[must_use]
    pub fn failed(&self) -> Option<i32> {
        self.shared.failed()
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
