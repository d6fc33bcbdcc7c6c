//! Why a sealed journal cannot be opened for writing, and why sealing stopped.

use std::path::PathBuf;

use super::key::{KeyError, PublicKey};
use super::note::NoteError;

/// Why a journal cannot be opened for sealed writing. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The crypto library refuses.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It was sealed with another key.
    #[error(
        "{path} says that this journal is sealed with the key {found}, but the private key given \
         is that of {ours}; give the key that it was sealed with", path = path.display()
    )]
    OtherKey {
        /// The file `seal.pub`.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What we have.
        ours: PublicKey,
    },
    /// A checkpoint is not what was signed.
    #[error(
        "the note at byte {offset} of {path} cannot be trusted: {why}; checkpoints were changed, \
         restore them from a copy", path = path.display()
    )]
    Note {
        /// File with the note.
        path: PathBuf,
        /// Where the note starts.
        offset: u64,
        /// What is wrong.
        why: NoteError,
    },
    /// Bytes behind the last checkpoint of a journal that was closed in order.
    #[error(
        "{path} has bytes that are no note from byte {offset} on, though the journal was closed \
         in order; checkpoints were changed, restore them from a copy", path = path.display()
    )]
    Behind {
        /// File with the notes.
        path: PathBuf,
        /// Where they start.
        offset: u64,
    },
    /// The log is shorter than what was signed, and no power failure explains it.
    #[error(
        "the log ends at record {last_seq}, but {path} vouches for records up to {covered}: \
         history was removed, or an older copy was put in its place; restore the newer one",
        path = path.display()
    )]
    Shorter {
        /// File with the checkpoint or footer.
        path: PathBuf,
        /// What it covers.
        covered: u64,
        /// Last record that is there.
        last_seq: u64,
    },
    /// Records are not those that were signed.
    #[error(
        "history was changed: somewhere from record {from} to record {to} (first in {segment} at \
         byte {offset}) stands what the checkpoint over {size} records in {path} was not signed \
         for; the journal is left as it is, restore it from a copy",
        path = path.display(), segment = segment.display()
    )]
    Changed {
        /// First record that may be changed.
        from: u64,
        /// Last record that may be changed.
        to: u64,
        /// Segment of the first one.
        segment: PathBuf,
        /// Its place there.
        offset: u64,
        /// Size of the checkpoint.
        size: u64,
        /// File with the checkpoint.
        path: PathBuf,
    },
    /// Old records are gone, and nothing is left to begin the tree with.
    #[error(
        "{path} was never sealed and no longer has its first records, which a seal begins with; \
         go on without a seal (seal = false) or begin a new journal", path = path.display()
    )]
    Pruned {
        /// The journal.
        path: PathBuf,
    },
}

/// Why sealing stopped. The journal itself works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealStop {
    /// A record changed behind its append, or a seal does not fit the records before it.
    Changed {
        /// The record.
        seq: u64,
    },
    /// The system refused, and will be asked again; or a sync failed, and it will not.
    Failed {
        /// What the system said; -1 if it has no number.
        errno: i32,
    },
}
