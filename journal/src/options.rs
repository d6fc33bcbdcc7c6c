//! What a caller chooses when a journal is opened for writing.

use std::time::Duration;

use crate::error::OpenError;
use crate::format::{Geometry, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use crate::seal::SealOptions;

/// What an appended record survives. [`Durability::sentence`] is the promise, word for word; the
/// README and a run print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing is ever synced. For [`crate::storage::Memory`].
    Volatile,
    /// Full segments are synced behind the writer's back, so that damage in history can be told
    /// from records that a power loss took.
    Process,
    /// Everything that is appended is synced once an interval.
    Interval(Duration),
    /// Continuous group commit: as soon as one sync ends, everything that was appended meanwhile
    /// is the next one. The writer must be polled ([`crate::Writer::poll`]). Whoever must not act
    /// before it is durable waits for [`crate::Watch::durable_seq`].
    Group,
    /// The writer's owner syncs itself, with [`crate::Writer::sync_now`], before it lets anybody
    /// act.
    Sync,
}

impl Durability {
    /// Its name in a configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Volatile => "volatile",
            Self::Process => "process",
            Self::Interval(_) => "interval",
            Self::Group => "group",
            Self::Sync => "sync",
        }
    }

    /// The promise, word for word.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Volatile => {
                "Events are kept in memory only. Any crash loses them. For benchmarks and tests."
            }
            Self::Process => {
                "An accepted event survives death of the engine process by any signal. It may be \
                 lost if the kernel or the power fails; Linux gives no bound (typically the last \
                 30 to 40 s); recovery keeps the longest intact prefix."
            }
            Self::Interval(_) => {
                "As `process`, and after power loss at most the last T + X of accepted events is \
                 lost, never an earlier event while a later one is kept. If an event waits longer \
                 than T + X for the disk (X: `sync_stall`, default 250 ms) the engine goes \
                 cancel-only and says so, so the window cannot grow unseen."
            }
            Self::Group => {
                "As `process`, and outgoing orders, cancels and queries excepted, leave only after \
                 they and the event that caused them are durable. After power loss every order we \
                 sent is in the journal."
            }
            Self::Sync => {
                "Every accepted event is durable before any stage acts on it, and every command \
                 before it leaves."
            }
        }
    }

    /// Whether it promises anything about a failure of the kernel or the power.
    #[must_use]
    pub const fn survives_power_loss(self) -> bool {
        match self {
            Self::Volatile | Self::Process => false,
            Self::Interval(_) | Self::Group | Self::Sync => true,
        }
    }

    /// Whether a commit never shares a block with an earlier one: what is durable is not written
    /// again, so no torn write can take it back.
    #[must_use]
    pub const fn is_strict(self) -> bool {
        match self {
            Self::Volatile | Self::Process | Self::Interval(_) => false,
            Self::Group | Self::Sync => true,
        }
    }
}

/// Shortest interval: below it, a disk does nothing but sync.
const INTERVAL_MIN: Duration = Duration::from_millis(1);
/// Longest interval: a longer one is `process` in disguise.
const INTERVAL_MAX: Duration = Duration::from_secs(60);
/// What a commit may be filled up to: a sector of old disks, or a page and a sector of new ones.
const COMMIT_BLOCKS: [u64; 2] = [512, 4096];

/// How to open a journal for writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Size of a segment of a *new* journal, bytes: a power of two from [`SEGMENT_BYTES_MIN`] to
    /// [`SEGMENT_BYTES_MAX`]. An existing journal keeps the size it was made with.
    pub segment_bytes: u64,
    /// What an append survives.
    pub durability: Durability,
    /// What a commit is filled up to in the strict modes, bytes: 4096 or 512. It should be no
    /// smaller than what the disk writes whole.
    pub commit_block: u64,
    /// Whether a file system on which a sync is not known to survive a power failure is refused
    /// for a durability that promises that.
    pub only_safe_file_systems: bool,
    /// Whether and how it is sealed; without it nothing is signed.
    pub seal: Option<SealOptions>,
}

impl Options {
    /// The default segment size with this durability; any file system.
    #[must_use]
    pub const fn new(durability: Durability) -> Self {
        Self {
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            durability,
            commit_block: 4096,
            only_safe_file_systems: false,
            seal: None,
        }
    }

    /// The same with another size for the segments of a new journal.
    #[must_use]
    pub const fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// The same with another block for the commits of the strict modes: 4096 or 512.
    #[must_use]
    pub const fn commit_block(mut self, bytes: u64) -> Self {
        self.commit_block = bytes;
        self
    }

    /// The same, refusing file systems that cannot keep the durability's promise; see
    /// [`crate::storage::FileSystem`].
    #[must_use]
    pub const fn only_safe_file_systems(mut self) -> Self {
        self.only_safe_file_systems = true;
        self
    }

    /// The same with a seal.
    #[must_use]
    pub fn seal(mut self, seal: SealOptions) -> Self {
        self.seal = Some(seal);
        self
    }

    /// # Errors
    ///
    /// [`OpenError::SegmentBytes`], [`OpenError::Interval`] and [`OpenError::CommitBlock`], with
    /// the allowed range.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        if !Geometry::is_segment_size(self.segment_bytes) {
            return Err(OpenError::SegmentBytes {
                given: self.segment_bytes,
                min: SEGMENT_BYTES_MIN,
                max: SEGMENT_BYTES_MAX,
            });
        }
        if !COMMIT_BLOCKS.contains(&self.commit_block) {
            let given = self.commit_block;
            return Err(OpenError::CommitBlock { given });
        }
        match self.durability {
            Durability::Interval(given) if !(INTERVAL_MIN..=INTERVAL_MAX).contains(&given) => {
                Err(OpenError::Interval { given })
            }
            Durability::Volatile
            | Durability::Process
            | Durability::Interval(_)
            | Durability::Group
            | Durability::Sync => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: [Durability; 5] = [
        Durability::Volatile,
        Durability::Process,
        Durability::Interval(Duration::from_millis(10)),
        Durability::Group,
        Durability::Sync,
    ];

    #[test]
    fn sentences_stand_word_for_word_in_the_readme() {
        let readme = include_str!("../../README.md");
        for durability in EVERY {
            let row = format!("| `{}` | {} |", durability.name(), durability.sentence());
            assert!(readme.contains(&row), "README.md has no line {row:?}");
        }
    }

    #[test]
    fn commit_block_that_no_disk_writes_whole_is_refused() {
        for bytes in [0, 128, 1024, 8192] {
            let options = Options::new(Durability::Group).commit_block(bytes);
            let error = options.check().unwrap_err().to_string();
            assert!(error.contains(&bytes.to_string()), "{error}");
        }
        for bytes in COMMIT_BLOCKS {
            let options = Options::new(Durability::Group).commit_block(bytes);
            options.check().unwrap();
        }
    }
}
