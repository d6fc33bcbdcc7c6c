//! Evidence of tampering: a Merkle tree over the records, signed checkpoints, sealed segments.
//!
//! Where to look: the tree in `tree`, the signed text in `note`, keys in `key`, the seal of a
//! segment in `footer`, the files beside the segments in `files`, what is checked when a journal
//! is opened in `open`, the helper thread in `sealer`.

mod copies;
mod error;
mod files;
mod footer;
mod key;
mod note;
pub(crate) mod open;
pub(crate) mod progress;
mod proof;
mod records;
pub(crate) mod sealer;
mod tree;
mod verify;

use std::path::PathBuf;

pub(crate) use footer::Found;

pub use error::{SealError, SealStop};
pub use key::{Key, KeyError, PublicKey};
pub use note::{Checkpoint, Note, NoteError};
pub use progress::SealStatus;
pub use proof::{Proof, ProofError, ProveError, prove, read_notes};
pub use verify::{Bad, Progress, Verified, VerifyOptions, verify, verify_in};

/// How to seal a journal while it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealOptions {
    /// Signs the checkpoints; always the same for one journal.
    pub key: Key,
    /// Further files that get each checkpoint: elsewhere, where whoever can write to the journal
    /// cannot. One that fails is counted ([`SealStatus::copies_failed`]) and never waited for.
    pub also: Vec<PathBuf>,
}
