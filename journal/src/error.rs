//! Why an operation on a journal was refused: what, where, and what to do. One enum an operation.
//!
//! Only [`AppendError`] is met on the hot path; it is `Copy` and holds no text.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A record or place that is not what the journal promised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} at byte {offset} of {path} {what}", path = path.display())]
pub struct Damage {
    /// Segment.
    pub path: PathBuf,
    /// First sequence that cannot be trusted.
    pub seq: u64,
    /// Where it starts in the segment.
    pub offset: u64,
    /// What is wrong with it.
    pub what: &'static str,
}

/// Why a journal could not be opened. No file was changed, unless the variant says so.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refused.
    #[error("cannot {what} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Segment size out of range.
    #[error("segment size {given} is not a power of two from {min} to {max} bytes")]
    SegmentBytes {
        /// What was asked for.
        given: u64,
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Sync interval out of range.
    #[error("sync interval {given:?} is outside 1ms to 60s")]
    Interval {
        /// What was asked for.
        given: Duration,
    },
    /// Commit block that no disk writes whole.
    #[error("commit block {given} is not 512 or 4096 bytes")]
    CommitBlock {
        /// What was asked for.
        given: u64,
    },
    /// The file system cannot keep the durability's promise.
    #[error(
        "{path} is on a file system ({name}) on which a sync is not known to survive a power \
         failure, and durability {mode} promises that: put the journal on a local disk, choose \
         durability process, or allow it with allow_unsafe_fs", path = path.display()
    )]
    UnsafeFileSystem {
        /// Directory.
        path: PathBuf,
        /// The file system.
        name: &'static str,
        /// The durability.
        mode: &'static str,
    },
    /// Somebody writes to it.
    #[error(
        "journal {path} is locked by another writer; stop that engine or give this one a \
         directory of its own", path = path.display()
    )]
    Locked {
        /// Directory.
        path: PathBuf,
    },
    /// The directory has no superblock.
    #[error("{path} is not a journal: {found}", path = path.display())]
    NotAJournal {
        /// Directory.
        path: PathBuf,
        /// What was found instead of one, in words.
        found: String,
    },
    /// Written by another version.
    #[error(
        "{path} has journal format version {found}, this build reads version {known}; \
         use the build that wrote it", path = path.display()
    )]
    Version {
        /// File with the version.
        path: PathBuf,
        /// What it says.
        found: u32,
        /// What this build knows.
        known: u32,
    },
    /// Neither slot of the superblock can be read.
    #[error(
        "both copies of the superblock {path} are damaged; restore the directory from a copy",
        path = path.display()
    )]
    SuperblockDamaged {
        /// The superblock.
        path: PathBuf,
    },
    /// The log ends before a snapshot of it: records that were taken into account are missing.
    #[error(
        "snapshot {path} holds the state at sequence {seq}, but the journal ends at sequence \
         {last_seq}: the journal has lost its end, and what was traded there; restore the \
         journal's segments, or, to go on without them, move the snapshot away",
        path = path.display()
    )]
    SnapshotAhead {
        /// The snapshot.
        path: PathBuf,
        /// Its sequence.
        seq: u64,
        /// Where the journal ends.
        last_seq: u64,
    },
    /// A segment is not there.
    #[error("segment {path} is missing; restore it from a copy", path = path.display())]
    SegmentMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A segment is not what its name says.
    #[error("segment {path} {what}; restore it from a copy", path = path.display())]
    SegmentWrong {
        /// The segment.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A sync of this journal failed since the machine was started.
    #[error(
        "a sync failed since the machine was started: what is read may not be on the disk; check \
         the storage and start the machine again (or mount the file system again and remove \
         {path})", path = path.display()
    )]
    SyncFailed {
        /// File that says so.
        path: PathBuf,
    },
    /// History is damaged: records that were promised are missing or changed.
    #[error("damaged history: {0}; the journal is left as it is, restore it from a copy")]
    Damaged(Damage),
    /// The journal is not what was sealed.
    #[error(transparent)]
    Seal(crate::seal::SealError),
}

impl OpenError {
    /// Wraps a system error with what was tried and where.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { what, path, source }
    }

    /// A segment with both copies of its durable mark damaged.
    pub(crate) fn bad_mark(path: PathBuf) -> Self {
        let what = "has no readable durable mark".to_owned();
        Self::SegmentWrong { path, what }
    }
}

/// Why [`crate::Writer::append`] refused a record. The journal is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The next segment is not there yet: the helper is behind. Keep the record and try again.
    #[error("the next segment is not ready yet")]
    SegmentNotReady,
    /// The next segment cannot be made, and this one is full. Free space; the helper tries on.
    #[error("no room for the next segment (errno {errno}): free disk space")]
    NoSpace {
        /// What the system said.
        errno: i32,
    },
    /// A record without a kind: an empty place looks like that, so it can never be stored.
    #[error("a record of kind 0 cannot be journaled")]
    NoKind,
    /// The kind of the journal's own filling, which only the journal appends.
    #[error("a record of kind 57 (durable mark) is the journal's own")]
    OwnKind,
}

const _: () = assert!(size_of::<AppendError>() <= 8);

/// A sync failed. It is latched: no sync is tried again, as the kernel may have dropped the pages
/// and would then report success. Appending goes on, and survives the process; nothing that is not
/// durable by now is ever called so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal could not be synced (errno {errno}); restart on checked storage")]
pub struct SyncError {
    /// What the system said at the first failure.
    pub errno: i32,
}

/// Why [`crate::Writer::close`] could not end in order. What was appended is in the files, as far
/// as the durability mode promises; the next open recovers.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// An earlier sync failed.
    #[error("the journal could not be synced (errno {errno}); check the storage")]
    Failed {
        /// What the system said.
        errno: i32,
    },
    /// The system refused.
    #[error(transparent)]
    Io(#[from] OpenError),
}

/// Why a reader could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A record is not what the journal promised.
    #[error("damaged history: {0}")]
    Damaged(Damage),
    /// The disk could not read a record.
    #[error(
        "record {seq} at byte {offset} of {path} cannot be read: {source}; copy what can be read \
         to another disk (journal salvage)", path = path.display()
    )]
    Unreadable {
        /// Segment.
        path: PathBuf,
        /// The record's sequence.
        seq: u64,
        /// Where it starts in the segment.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The segment that would be read next was removed by retention meanwhile.
    #[error("history before record {first_kept} was pruned while it was read; go on from there")]
    Pruned {
        /// First sequence that is kept.
        first_kept: u64,
    },
    /// A segment could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}
