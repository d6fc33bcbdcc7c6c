//! What a caller chooses when a journal is opened for writing.

use std::time::Duration;

use crate::error::OpenError;
use crate::format::{Geometry, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};

/// What an appended record survives. The sentences are the promise; the README prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// "An accepted event survives death of the engine process by any signal. It may be lost if the
    /// kernel or the power fails; Linux gives no bound (typically the last 30 to 40 s); recovery
    /// keeps the longest intact prefix." Full segments are synced behind the writer's back.
    Process,
    /// "As `process`, and after power loss at most the last T plus the time of one sync of accepted
    /// events is lost, never an earlier event while a later one is kept."
    Interval(Duration),
}

/// Shortest interval: below it, a disk does nothing but sync.
const INTERVAL_MIN: Duration = Duration::from_millis(1);
/// Longest interval: a longer one is `process` in disguise.
const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// How to open a journal for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Size of a segment of a *new* journal, bytes: a power of two from [`SEGMENT_BYTES_MIN`] to
    /// [`SEGMENT_BYTES_MAX`]. An existing journal keeps the size it was made with.
    pub segment_bytes: u64,
    /// What an append survives.
    pub durability: Durability,
}

impl Options {
    /// The default segment size with this durability.
    #[must_use]
    pub const fn new(durability: Durability) -> Self {
        Self {
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            durability,
        }
    }

    /// The same with another size for the segments of a new journal.
    #[must_use]
    pub const fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// # Errors
    ///
    /// [`OpenError::SegmentBytes`] and [`OpenError::Interval`], with the allowed range.
    pub(crate) fn check(self) -> Result<(), OpenError> {
        if !Geometry::is_segment_size(self.segment_bytes) {
            return Err(OpenError::SegmentBytes {
                given: self.segment_bytes,
                min: SEGMENT_BYTES_MIN,
                max: SEGMENT_BYTES_MAX,
            });
        }
        match self.durability {
            Durability::Interval(given) if !(INTERVAL_MIN..=INTERVAL_MAX).contains(&given) => {
                Err(OpenError::Interval { given })
            }
            Durability::Interval(_) | Durability::Process => Ok(()),
        }
    }
}
