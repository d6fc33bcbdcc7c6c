//! How far the seal is, for whoever watches: a few atomics, written by the thread `journal-seal`.
//!
//! Thread: any. Hot path: no. Locks: none.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::SealStop;

/// Values of `why`.
const FINE: u64 = 0;
const CHANGED: u64 = 1;
const FAILED: u64 = 2;

/// What the sealer says; zeros if there is none.
#[derive(Default)]
pub(crate) struct Progress {
    covered: AtomicU64,
    notes: AtomicU64,
    copies_failed: AtomicU64,
    /// Sequence or errno of `why`; stored before it.
    detail: AtomicU64,
    why: AtomicU64,
}

/// How far the seal of a journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SealStatus {
    /// Records that the last checkpoint of this run covers; 0 before the first one.
    pub covered_seq: u64,
    /// Checkpoints of this run.
    pub notes: u64,
    /// Checkpoints that a file elsewhere did not take.
    pub copies_failed: u64,
    /// Why there are no more at present.
    pub stopped: Option<SealStop>,
}

impl Progress {
    pub(crate) fn noted(&self, covered: u64, copies_failed: u64) {
        // One writer, and nothing is read through these: no order is needed.
        self.covered.store(covered, Ordering::Relaxed);
        self.notes.fetch_add(1, Ordering::Relaxed);
        self.copies_failed(copies_failed);
    }

    /// Files elsewhere that did not take a note.
    pub(crate) fn copies_failed(&self, count: u64) {
        self.copies_failed.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn set_stopped(&self, stopped: Option<SealStop>) {
        let (why, detail) = match stopped {
            None => (FINE, 0),
            Some(SealStop::Changed { seq }) => (CHANGED, seq),
            Some(SealStop::Failed { errno }) => (FAILED, u64::from(errno.cast_unsigned())),
        };
        self.detail.store(detail, Ordering::Relaxed);
        // Pairs with the load in `stopped`.
        self.why.store(why, Ordering::Release);
    }

    pub(crate) fn stopped(&self) -> Option<SealStop> {
        // Pairs with the store in `set_stopped`.
        let why = self.why.load(Ordering::Acquire);
        let detail = self.detail.load(Ordering::Relaxed);
        match why {
            FINE => None,
            CHANGED => Some(SealStop::Changed { seq: detail }),
            _ => Some(SealStop::Failed {
                errno: u32::try_from(detail).map_or(-1, u32::cast_signed),
            }),
        }
    }

    pub(crate) fn status(&self) -> SealStatus {
        SealStatus {
            covered_seq: self.covered.load(Ordering::Relaxed),
            notes: self.notes.load(Ordering::Relaxed),
            copies_failed: self.copies_failed.load(Ordering::Relaxed),
            stopped: self.stopped(),
        }
    }
}
