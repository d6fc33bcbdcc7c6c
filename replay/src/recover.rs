//! Recovery: the machine as the journal left it.

use std::path::Path;

use journal::{OpenError, ReadError, Reader};

use crate::difference::Difference;
use crate::shadow::{Shadow, ShadowError};

/// Why a journal gives no machine. The files are untouched.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record cannot be applied.
    #[error(transparent)]
    Shadow(#[from] ShadowError),
    /// The machine computes other decisions than the log holds: another build wrote it, or the
    /// log was changed. Trading on would be trading on a state that never was.
    #[error("this journal was not made by the machine of this build: {0}")]
    Different(Box<Difference>),
}

/// What recovery found.
pub struct Recovered {
    /// The shadow, which holds the machine at the last event and can follow the log from here.
    pub shadow: Shadow,
    /// A reader behind the last record taken.
    pub reader: Reader,
    /// Log sequence of the last record; 0 for an empty journal.
    pub last_seq: u64,
    /// Commands in the log.
    pub commands_journaled: u64,
    /// Whether the last run ended in order (also true for an empty journal).
    pub ended_in_order: bool,
}

/// Applies the whole journal in `directory`.
///
/// `progress` is told the log sequence now and then.
///
/// # Errors
///
/// [`RecoverError`]; nothing is changed.
pub fn recover(directory: &Path, mut progress: impl FnMut(u64)) -> Result<Recovered, RecoverError> {
    let mut reader = Reader::open(directory)?;
    let mut shadow = Shadow::new();
    while let Some(record) = reader.next()? {
        if let Some(difference) = shadow.take(record)? {
            return Err(RecoverError::Different(Box::new(difference)));
        }
        if record.seq.is_multiple_of(1 << 16) {
            progress(record.seq);
        }
    }
    Ok(Recovered {
        last_seq: shadow.last_seq(),
        commands_journaled: shadow.commands_seen(),
        ended_in_order: shadow.ended() || shadow.last_seq() == 0,
        shadow,
        reader,
    })
}
