//! Snapshots beside the log: a state at one sequence, so that a restart applies only the tail.
//!
//! What a payload means is the caller's; here is its frame, with everything that has to be known
//! before it is read. `FORMAT.md` has every byte. A snapshot is written under another name, synced
//! and renamed, so there is a whole one or none. Nothing here is needed to understand the log: a
//! snapshot that cannot be used costs time, and never history.
//!
//! Thread: any, cold. Hot path: no. Allocates: yes, at most [`SNAPSHOT_BYTES_MAX`] and what the
//! file really holds.

use std::path::{Path, PathBuf};

use model::limits::SNAPSHOT_BYTES_MAX;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::directory::{Folder, unfinished};
use crate::error::OpenError;
use crate::format::VERSION;
use crate::storage::Access;

/// First bytes of each snapshot.
const MAGIC: [u8; 8] = *b"CARACALN";
/// Snapshots that are kept: the newest one, and two to fall back to.
pub const SNAPSHOTS_KEPT: usize = 3;

/// A state at one place of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Log sequence of the last record that is part of it.
    pub seq: u64,
    /// How often a writer had opened the journal when it was taken.
    pub epoch: u64,
    /// When it was taken, nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// Number of the payload's layout; the caller refuses those that it does not know.
    pub layout: u32,
    /// Hash of the state, for the caller to compare with what it reads from the payload.
    pub state_hash: [u8; 32],
    /// The state.
    pub payload: Vec<u8>,
}

/// Why there is no snapshot to go on from, or none could be written. No file was changed but those
/// that the variant names.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] OpenError),
    /// More bytes than a snapshot may have.
    #[error("a snapshot of {bytes} bytes is larger than the {SNAPSHOT_BYTES_MAX} that are allowed")]
    TooLarge {
        /// What it would need.
        bytes: usize,
    },
    /// The file cannot be used.
    #[error("snapshot {path} {what}", path = path.display())]
    Bad {
        /// The snapshot.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// What a walk over the snapshots found.
#[derive(Debug)]
pub struct Found<T> {
    /// What the caller made of the first one that it took, with its sequence.
    pub taken: Option<(u64, T)>,
    /// The ones before it, each with the reason why it could not be used.
    pub skipped: Vec<SnapshotError>,
}

/// The first 128 bytes of a file.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Frame {
    magic: [u8; 8],
    version: u32,
    layout: u32,
    journal_id: u64,
    epoch: u64,
    seq: u64,
    time_ns: u64,
    payload_bytes: u64,
    state_hash: [u8; 32],
    zero: u64,
    /// BLAKE3 of everything before, and of the payload.
    hash: [u8; 32],
}

const FRAME_BYTES: usize = size_of::<Frame>();
const HASHED_BYTES: usize = FRAME_BYTES - 32;

const _: () = {
    use std::mem::offset_of;
    assert!(FRAME_BYTES == 128 && offset_of!(Frame, hash) == HASHED_BYTES);
    assert!(offset_of!(Frame, version) == 8 && offset_of!(Frame, layout) == 12);
    assert!(offset_of!(Frame, journal_id) == 16 && offset_of!(Frame, epoch) == 24);
    assert!(offset_of!(Frame, seq) == 32 && offset_of!(Frame, time_ns) == 40);
    assert!(offset_of!(Frame, payload_bytes) == 48 && offset_of!(Frame, state_hash) == 56);
    assert!(offset_of!(Frame, zero) == 88);
};

impl Frame {
    fn hash(&self, payload: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.as_bytes()[..HASHED_BYTES]);
        hasher.update(payload);
        *hasher.finalize().as_bytes()
    }
}

fn path_of(folder: &Folder, seq: u64) -> PathBuf {
    folder.dir().join(format!("snapshot-{seq:020}"))
}

/// Sequences of the snapshots in `folder`, rising. Names only: nothing is opened.
///
/// # Errors
///
/// [`OpenError`] if the directory cannot be read.
pub fn list(folder: &Folder) -> Result<Vec<u64>, OpenError> {
    Ok(folder.list()?.snapshots)
}

/// Writes a snapshot and makes it durable, then removes the ones that are not needed any more:
/// [`SNAPSHOTS_KEPT`] good ones stay, and none that is ahead of this one is touched.
///
/// The caller sees to it that the log is durable up to its sequence: a snapshot ahead of the log
/// is refused at the next start.
///
/// # Errors
///
/// [`SnapshotError`]. The snapshots that were there are still there.
pub fn write(folder: &Folder, journal_id: u64, snapshot: &Snapshot) -> Result<(), SnapshotError> {
    let bytes = snapshot.payload.len();
    if SNAPSHOT_BYTES_MAX < bytes {
        return Err(SnapshotError::TooLarge { bytes });
    }
    let mut frame = Frame {
        magic: MAGIC,
        version: VERSION,
        layout: snapshot.layout,
        journal_id,
        epoch: snapshot.epoch,
        seq: snapshot.seq,
        time_ns: snapshot.time_ns,
        payload_bytes: bytes as u64,
        state_hash: snapshot.state_hash,
        zero: 0,
        hash: [0; 32],
    };
    frame.hash = frame.hash(&snapshot.payload);
    let path = path_of(folder, snapshot.seq);
    let new = unfinished(&path);
    let written = store(folder, &new, &frame, &snapshot.payload);
    if let Err(error) = written.and_then(|()| folder.publish(&new, &path)) {
        // What is left under the other name is removed by the next writer, if not here.
        let _not_there = folder.remove(&new);
        return Err(error.into());
    }
    remove_old(folder, journal_id, snapshot.seq)
}

fn store(folder: &Folder, new: &Path, frame: &Frame, payload: &[u8]) -> Result<(), OpenError> {
    let file = folder.open("create", new, Access::Create)?;
    file.write_all_at(frame.as_bytes(), 0)
        .and_then(|()| file.write_all_at(payload, FRAME_BYTES as u64))
        .and_then(|()| file.sync_all())
        .map_err(OpenError::io("write", new))
}

/// Removes what is older than the last good ones. A bad one between them stays, to be looked at.
fn remove_old(folder: &Folder, journal_id: u64, newest: u64) -> Result<(), SnapshotError> {
    let mut good = 1;
    let mut removed = false;
    for &seq in list(folder)?.iter().rev().filter(|&&seq| seq < newest) {
        if good < SNAPSHOTS_KEPT {
            good += usize::from(read(folder, journal_id, seq).is_ok());
        } else {
            folder.remove(&path_of(folder, seq))?;
            removed = true;
        }
    }
    if removed {
        folder.sync()?;
    }
    Ok(())
}

/// Reads the snapshot of this sequence and checks every byte of it.
///
/// # Errors
///
/// [`SnapshotError::Bad`] if it is not a whole snapshot of this journal and sequence.
pub fn read(folder: &Folder, journal_id: u64, seq: u64) -> Result<Snapshot, SnapshotError> {
    let path = path_of(folder, seq);
    let file = folder.open("open", &path, Access::Read)?;
    let io = |error| SnapshotError::Io(OpenError::io("read", &path)(error));
    let bad = |what: String| SnapshotError::Bad {
        path: path.clone(),
        what,
    };
    let size = file.size().map_err(io)?;
    let mut frame = Frame::new_zeroed();
    if size < FRAME_BYTES as u64 {
        return Err(bad(format!("has only {size} bytes")));
    }
    file.read_exact_at(frame.as_mut_bytes(), 0).map_err(io)?;
    if frame.magic != MAGIC {
        return Err(bad("is no snapshot: its first bytes are not ours".into()));
    }
    if frame.version != VERSION {
        let found = frame.version;
        return Err(bad(format!("has version {found}, and not {VERSION}")));
    }
    let claimed = frame.payload_bytes;
    let length = usize::try_from(claimed)
        .ok()
        .filter(|&length| length <= SNAPSHOT_BYTES_MAX)
        .filter(|_| claimed == size - FRAME_BYTES as u64);
    let Some(length) = length else {
        let what = format!("has {size} bytes, and says that its payload has {claimed}");
        return Err(bad(what));
    };
    let mut payload = vec![0; length];
    file.read_exact_at(&mut payload, FRAME_BYTES as u64)
        .map_err(io)?;
    if frame.hash != frame.hash(&payload) {
        return Err(bad("is damaged: its hash is not that of its bytes".into()));
    }
    if frame.journal_id != journal_id {
        let found = frame.journal_id;
        return Err(bad(format!(
            "is of another journal: {found:016x}, and not {journal_id:016x}"
        )));
    }
    if frame.seq != seq || frame.zero != 0 {
        let found = frame.seq;
        return Err(bad(format!("holds the state at sequence {found}")));
    }
    Ok(Snapshot {
        seq,
        epoch: frame.epoch,
        time_ns: frame.time_ns,
        layout: frame.layout,
        state_hash: frame.state_hash,
        payload,
    })
}

fn ahead(folder: &Folder, seq: u64, last_seq: u64) -> OpenError {
    OpenError::SnapshotAhead {
        path: path_of(folder, seq),
        seq,
        last_seq,
    }
}

/// Refuses a log that ends before a good snapshot of it, for a writer that has changed nothing yet.
/// A snapshot that cannot be read says nothing about the log.
///
/// # Errors
///
/// [`OpenError::SnapshotAhead`], [`OpenError`] if the directory cannot be read.
pub(crate) fn refuse_ahead(
    folder: &Folder,
    journal_id: u64,
    last_seq: u64,
) -> Result<(), OpenError> {
    let mut beyond = list(folder)?.into_iter().filter(|&seq| last_seq < seq);
    match beyond.find(|&seq| read(folder, journal_id, seq).is_ok()) {
        Some(seq) => Err(ahead(folder, seq, last_seq)),
        None => Ok(()),
    }
}

/// The newest snapshot that can be used for a log that ends at `last_seq`: walks from the newest
/// to the oldest until `take` takes one. `take` says what is wrong with one that it does not take.
///
/// # Errors
///
/// [`SnapshotError::Io`] if a good snapshot is ahead of the log's end
/// ([`OpenError::SnapshotAhead`]), or the directory cannot be read. A snapshot that cannot be read
/// is skipped.
pub fn newest<T>(
    folder: &Folder,
    journal_id: u64,
    last_seq: u64,
    mut take: impl FnMut(Snapshot) -> Result<T, String>,
) -> Result<Found<T>, SnapshotError> {
    let sequences = list(folder)?;
    walk(folder, journal_id, sequences.into_iter().rev(), |found| {
        if last_seq < found.seq {
            return Err(ahead(folder, found.seq, last_seq).into());
        }
        Ok(take(found))
    })
}

/// The oldest snapshot from which a log that starts at `first_seq` can be followed: walks from
/// there to the newest until `take` takes one.
///
/// # Errors
///
/// [`SnapshotError::Io`] if the directory cannot be read.
pub fn oldest<T>(
    folder: &Folder,
    journal_id: u64,
    first_seq: u64,
    mut take: impl FnMut(Snapshot) -> Result<T, String>,
) -> Result<Found<T>, SnapshotError> {
    let sequences = list(folder)?;
    let covering = sequences
        .into_iter()
        .filter(|seq| first_seq <= seq.saturating_add(1));
    walk(folder, journal_id, covering, |found| Ok(take(found)))
}

/// Last sequence that no good snapshot needs any more: history up to here may be pruned. `None`
/// as long as there is no good snapshot: then nothing may.
///
/// # Errors
///
/// [`SnapshotError::Io`] if the directory cannot be read.
pub fn oldest_needed(folder: &Folder, journal_id: u64) -> Result<Option<u64>, SnapshotError> {
    let found = oldest(folder, journal_id, 0, |snapshot| Ok(snapshot.seq))?;
    Ok(found.taken.map(|(seq, _)| seq))
}

fn walk<T>(
    folder: &Folder,
    journal_id: u64,
    sequences: impl Iterator<Item = u64>,
    mut take: impl FnMut(Snapshot) -> Result<Result<T, String>, SnapshotError>,
) -> Result<Found<T>, SnapshotError> {
    let mut skipped = Vec::new();
    for seq in sequences {
        match read(folder, journal_id, seq) {
            Ok(snapshot) => match take(snapshot)? {
                Ok(taken) => {
                    let taken = Some((seq, taken));
                    return Ok(Found { taken, skipped });
                }
                Err(what) => skipped.push(SnapshotError::Bad {
                    path: path_of(folder, seq),
                    what,
                }),
            },
            Err(error) => skipped.push(error),
        }
    }
    let taken = None;
    Ok(Found { taken, skipped })
}
