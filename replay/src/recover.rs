//! Recovery: the machine as the journal left it.

use engine::strategy::Registry;
use journal::{Folder, OpenError, ReadError, Reader};

use crate::difference::Difference;
use crate::shadow::{Shadow, ShadowError};
use crate::start::{self, StartError};

/// Why a journal gives no machine. The files are untouched.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no place to start from.
    #[error(transparent)]
    Start(#[from] StartError),
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
    /// Log sequence of the snapshot that it went on from; `None` if the whole log was applied.
    pub snapshot_seq: Option<u64>,
    /// Records applied.
    pub applied: u64,
    /// Snapshots that were passed over, each with the reason, for a person.
    pub remarks: Vec<String>,
}

/// The machine at the end of the journal in `folder`: from the newest good snapshot and what stands
/// behind it. A snapshot that cannot be used is passed over for an older one, then for the whole
/// log, and leaves a remark.
///
/// `progress` is told the log sequence now and then.
///
/// # Errors
///
/// [`RecoverError`]; nothing is changed. A good snapshot ahead of the log's end is an error: the
/// log has lost records.
pub fn recover(
    folder: &Folder,
    registry: &Registry,
    mut progress: impl FnMut(u64),
) -> Result<Recovered, RecoverError> {
    let mut start = start::newest(folder, Reader::open_in(folder)?, registry)?;
    let mut applied = 0;
    while let Some(record) = start.reader.next()? {
        if let Some(difference) = start.shadow.take(record)? {
            return Err(RecoverError::Different(Box::new(difference)));
        }
        applied += 1;
        if record.seq.is_multiple_of(1 << 16) {
            progress(record.seq);
        }
    }
    let shadow = start.shadow;
    Ok(Recovered {
        last_seq: shadow.last_seq(),
        commands_journaled: shadow.commands_seen(),
        ended_in_order: shadow.ended() || shadow.last_seq() == 0,
        shadow,
        reader: start.reader,
        snapshot_seq: start.snapshot_seq,
        applied,
        remarks: start.remarks,
    })
}
