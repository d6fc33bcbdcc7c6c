//! Where to start following a journal: behind a snapshot, or at its first record.

use engine::strategy::Registry;
use journal::snapshot::{self, Found, Snapshot, SnapshotError};
use journal::{Folder, ReadError, Reader};

use crate::frozen::{TakenBy, ThawError};
use crate::shadow::Shadow;

/// Why a journal cannot be followed from anywhere. The files are untouched.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A snapshot is ahead of the log's end, or the directory cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A good snapshot is of another log than the one that is here.
    #[error(
        "the snapshot at sequence {seq} was taken behind another record {seq} than the one that \
         the journal holds: the journal was cut and written anew, or is an older copy; restore \
         its segments, or, to go on with what is here, move the snapshot away"
    )]
    OtherHistory {
        /// The snapshot's sequence.
        seq: u64,
    },
    /// History was pruned, and no snapshot covers what is left.
    #[error(
        "the journal starts at sequence {first_seq}, and no snapshot that can be used reaches \
         there{}; restore a snapshot or the segments before",
        listed(remarks)
    )]
    Pruned {
        /// First sequence that is kept.
        first_seq: u64,
        /// Why snapshots could not be used, a line each.
        remarks: Vec<String>,
    },
}

fn listed(remarks: &[String]) -> String {
    let mut text = String::new();
    for remark in remarks {
        text.push_str(": ");
        text.push_str(remark);
    }
    text
}

/// A shadow, and a reader at the record that it takes next.
pub(crate) struct Start {
    pub(crate) shadow: Shadow,
    pub(crate) reader: Reader,
    /// Sequence of the snapshot that it comes from; `None` for the first record of all.
    pub(crate) snapshot_seq: Option<u64>,
    /// What could not be used, for a person.
    pub(crate) remarks: Vec<String>,
}

/// As near to the end as a snapshot allows.
///
/// # Errors
///
/// [`StartError`].
pub(crate) fn newest(
    folder: &Folder,
    reader: Reader,
    registry: &Registry,
) -> Result<Start, StartError> {
    let take = thaw(reader.first_seq(), registry);
    let found = snapshot::newest(folder, reader.journal_id(), reader.last_seq()?, take)?;
    start(found, reader, registry)
}

/// As near to the first record as can be: there, unless history was pruned.
///
/// # Errors
///
/// [`StartError`].
pub(crate) fn oldest(
    folder: &Folder,
    reader: Reader,
    registry: &Registry,
) -> Result<Start, StartError> {
    if reader.first_seq() == 1 {
        let nothing = Found {
            taken: None,
            skipped: Vec::new(),
        };
        return start(nothing, reader, registry);
    }
    let first_seq = reader.first_seq();
    let found = snapshot::oldest(
        folder,
        reader.journal_id(),
        first_seq,
        thaw(first_seq, registry),
    )?;
    start(found, reader, registry)
}

/// A thawed shadow, with a remark if another build took it.
type Thawed = (Shadow, Option<String>);

/// What takes a snapshot of a log that starts at `first_seq`: one of another build only where the
/// log's own start is gone.
fn thaw(first_seq: u64, registry: &Registry) -> impl Fn(Snapshot) -> Result<Thawed, String> {
    move |snapshot| match Shadow::thaw(&snapshot, TakenBy::ThisBuild, registry) {
        Ok(shadow) => Ok((shadow, None)),
        Err(error @ ThawError::Build { .. }) if first_seq > 1 => {
            let shadow = Shadow::thaw(&snapshot, TakenBy::AnyBuild, registry);
            let note = format!(
                "the snapshot at sequence {} {error}; it is gone on from, as history before \
                 sequence {first_seq} was pruned",
                snapshot.seq
            );
            shadow
                .map(|shadow| (shadow, Some(note)))
                .map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn start(
    found: Found<Thawed>,
    mut reader: Reader,
    registry: &Registry,
) -> Result<Start, StartError> {
    let skipped = found.skipped.iter();
    let mut remarks: Vec<String> = skipped.map(|why| format!("passed over: {why}")).collect();
    let first_seq = reader.first_seq();
    match found.taken {
        Some((seq, (shadow, note))) if first_seq <= seq.saturating_add(1) => {
            check_history(&mut reader, &shadow)?;
            reader.seek(seq.saturating_add(1));
            remarks.extend(note);
            Ok(Start {
                shadow,
                reader,
                snapshot_seq: Some(seq),
                remarks,
            })
        }
        None if first_seq == 1 => Ok(Start {
            shadow: Shadow::with(registry.clone()),
            reader,
            snapshot_seq: None,
            remarks,
        }),
        Some(_) | None => Err(StartError::Pruned { first_seq, remarks }),
    }
}

/// The last record that the snapshot has seen must be the one that stands there.
fn check_history(reader: &mut Reader, shadow: &Shadow) -> Result<(), StartError> {
    let seq = shadow.last_seq();
    if seq < reader.first_seq() {
        // Pruned up to the snapshot: the event numbers of what follows have to do.
        return Ok(());
    }
    reader.seek(seq);
    match reader.next()? {
        Some(record) if record.checksum == shadow.last_checksum => Ok(()),
        Some(_) | None => Err(StartError::OtherHistory { seq }),
    }
}
