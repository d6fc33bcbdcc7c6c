//! Audit: the whole log applied again, every decision compared.

use std::path::Path;
use std::time::{Duration, Instant};

use engine::strategy::Registry;
use journal::{Folder, OpenError, ReadError, Reader};

use crate::difference::Difference;
use crate::shadow::ShadowError;
use crate::start::{self, StartError};

/// Why an audit could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
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
}

/// What an audit found.
#[derive(Debug)]
pub struct Audit {
    /// Log sequence of the snapshot that it went on from, because history before that was pruned;
    /// `None` if the whole log was applied.
    pub snapshot_seq: Option<u64>,
    /// Number of the last event.
    pub events: u64,
    /// Commands compared.
    pub commands: u64,
    /// Decisions that differ, within the range asked for.
    pub differences: u64,
    /// The first of them.
    pub first_difference: Option<Difference>,
    /// Commands that the machine decided and the log does not hold, because the run was cut off.
    pub void_commands: usize,
    /// Log sequence of the last record.
    pub last_seq: u64,
    /// State hash after it.
    pub state_hash: [u8; 32],
    /// Whether the last run ended in order.
    pub ended_in_order: bool,
    /// Wall time.
    pub took: Duration,
}

/// Applies the journal in `directory` up to log sequence `to`, comparing from `from` on: all of it,
/// whatever snapshots there are. Only where history was pruned it goes on from the oldest snapshot
/// that covers the first record kept.
///
/// `progress` is told the log sequence now and then.
///
/// # Errors
///
/// [`AuditError`]: the journal cannot be followed to the end.
pub fn audit(
    directory: &Path,
    registry: &Registry,
    from: u64,
    to: Option<u64>,
    mut progress: impl FnMut(u64),
) -> Result<Audit, AuditError> {
    let started = Instant::now();
    let folder = Folder::on_disk(directory);
    let start = start::oldest(&folder, Reader::open_in(&folder)?, registry)?;
    let (mut reader, mut shadow) = (start.reader, start.shadow);
    let (mut differences, mut first_difference) = (0, None);
    while let Some(record) = reader.next()? {
        if to.is_some_and(|to| to < record.seq) {
            break;
        }
        let difference = shadow.take(record)?;
        if let Some(difference) = difference.filter(|difference| from <= difference.seq()) {
            differences += 1;
            first_difference.get_or_insert(difference);
        }
        if record.seq.is_multiple_of(1 << 16) {
            progress(record.seq);
        }
    }
    Ok(Audit {
        snapshot_seq: start.snapshot_seq,
        events: shadow.machine().last_event(),
        commands: shadow.commands_seen(),
        differences,
        first_difference,
        void_commands: shadow.commands_pending(),
        last_seq: shadow.last_seq(),
        state_hash: shadow.machine().state_hash(),
        ended_in_order: shadow.ended(),
        took: started.elapsed(),
    })
}
