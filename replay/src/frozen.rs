//! A shadow as bytes: what a snapshot of the journal holds.
//!
//! Everything that the rest of the log is compared with is here: the machine, the decisions that
//! the log does not hold yet, and the checkpoints that wait for their record. Not the outputs of
//! the last event, which are in those queues already.
//!
//! Thread: any, cold. Hot path: no. Allocates: yes.

use std::collections::VecDeque;

use engine::machine::{Machine, Outputs, SavedMachine};
use engine::strategy::Registry;
use journal::snapshot::Snapshot;
use model::codec::{self, CodecError};
use model::limits::RECORD_BYTES;
use model::record::Record;
use serde::{Deserialize, Serialize};
use zerocopy::{FromBytes, IntoBytes};

use crate::shadow::{CHECKPOINTS_KEPT, Shadow};

/// Number of the payload's layout: that of a shadow above, that of a machine below.
const LAYOUT: u32 = 2 << 16 | engine::machine::SNAPSHOT_LAYOUT;

/// Names the sources of the machine, as the build script hashed them.
const SOURCES: &str = env!("MACHINE_BUILD");

/// Names all that decides: the machine's sources, and the versions of the strategies.
fn build(registry: &Registry) -> String {
    format!("{SOURCES} with {}", registry.versions())
}

/// Whose snapshots are good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenBy {
    /// This build's: another machine's decisions have to be compared from the start of the log.
    ThisBuild,
    /// Any build's that has this layout: for a log whose start is gone.
    AnyBuild,
}

/// Why a snapshot gives no shadow. Nothing is done with it then.
#[derive(Debug, thiserror::Error)]
pub enum ThawError {
    /// Another build wrote it.
    #[error("has layout {found:#x} of another build; this one reads {LAYOUT:#x}")]
    Layout {
        /// As found.
        found: u32,
    },
    /// A machine of other sources took it.
    #[error("was taken by another build of the machine ({found:?}, this one is {here:?})")]
    Build {
        /// This build.
        here: String,
        /// What it says of its build.
        found: String,
    },
    /// The bytes are not such a value, or one that no machine can be in.
    #[error("cannot be read: {0}")]
    Codec(#[from] CodecError),
    /// No machine can have what stands there.
    #[error(transparent)]
    Machine(#[from] engine::machine::Unsound),
    /// The parts contradict each other.
    #[error("contradicts itself: its {0} cannot be")]
    Unsound(&'static str),
    /// The bytes are another state than the one that they were taken from.
    #[error("gives a machine that does not have the snapshot's state hash")]
    StateHash,
}

/// Layout of the bytes. Written from the first form and read into the second one.
#[derive(Serialize)]
struct Saved<'a> {
    build: &'a str,
    last_seq: u64,
    last_checksum: u32,
    commands_seen: u64,
    ended: bool,
    commands: Vec<Words>,
    refusals: Vec<Words>,
    checkpoints: Vec<(u64, [u8; 32])>,
    machine: &'a Machine,
}

/// See [`Saved`].
#[derive(Deserialize)]
struct Loaded {
    build: String,
    last_seq: u64,
    last_checksum: u32,
    commands_seen: u64,
    ended: bool,
    commands: Vec<Words>,
    refusals: Vec<Words>,
    checkpoints: Vec<(u64, [u8; 32])>,
    machine: SavedMachine,
}

/// The bytes of a record, in pieces that serde knows.
type Words = [[u8; 32]; RECORD_BYTES / 32];

fn words(records: &VecDeque<Record>) -> Vec<Words> {
    let pieces = |record: &Record| {
        let mut words = [[0; 32]; RECORD_BYTES / 32];
        words.as_mut_bytes().copy_from_slice(record.as_bytes());
        words
    };
    records.iter().map(pieces).collect()
}

fn records(words: &[Words]) -> Result<VecDeque<Record>, ThawError> {
    let whole = |words: &Words| Record::read_from_bytes(words.as_bytes()).ok();
    let records: Option<_> = words.iter().map(whole).collect();
    records.ok_or(ThawError::Unsound("pending decision"))
}

impl Shadow {
    /// This shadow as a snapshot, in the journal's present `epoch`. It goes on as before.
    ///
    /// # Errors
    ///
    /// [`CodecError`]: the state is larger than a snapshot may be.
    pub fn freeze(&self, epoch: u64) -> Result<Snapshot, CodecError> {
        let Self {
            machine,
            outputs: _,
            commands,
            refusals,
            checkpoints,
            commands_seen,
            last_seq,
            last_checksum,
            ended,
        } = self;
        let saved = Saved {
            build: &build(machine.registry()),
            last_seq: *last_seq,
            last_checksum: *last_checksum,
            commands_seen: *commands_seen,
            ended: *ended,
            commands: words(commands),
            refusals: words(refusals),
            checkpoints: checkpoints.iter().copied().collect(),
            machine,
        };
        Ok(Snapshot {
            seq: *last_seq,
            epoch,
            time_ns: machine.time_ns(),
            layout: LAYOUT,
            state_hash: machine.state_hash(),
            payload: codec::encode_snapshot(&saved)?,
        })
    }

    /// The shadow of a snapshot. Its machine has the room of a new one.
    ///
    /// # Errors
    ///
    /// [`ThawError`].
    pub fn thaw(
        snapshot: &Snapshot,
        taken_by: TakenBy,
        registry: &Registry,
    ) -> Result<Self, ThawError> {
        if snapshot.layout != LAYOUT {
            let found = snapshot.layout;
            return Err(ThawError::Layout { found });
        }
        let loaded: Loaded = codec::decode_snapshot(&snapshot.payload)?;
        let here = build(registry);
        if taken_by == TakenBy::ThisBuild && loaded.build != here {
            let found = loaded.build;
            return Err(ThawError::Build { here, found });
        }
        if loaded.last_seq != snapshot.seq {
            return Err(ThawError::Unsound("sequence"));
        }
        let pending = loaded.commands.len() as u64;
        let machine = loaded.machine.restore(registry)?;
        let decided = machine.commands_decided();
        if loaded.commands_seen.checked_add(pending) != Some(decided) {
            return Err(ThawError::Unsound("number of commands"));
        }
        if loaded.checkpoints.len() > CHECKPOINTS_KEPT {
            return Err(ThawError::Unsound("number of checkpoints"));
        }
        if machine.state_hash() != snapshot.state_hash {
            return Err(ThawError::StateHash);
        }
        Ok(Self {
            commands: records(&loaded.commands)?,
            refusals: records(&loaded.refusals)?,
            checkpoints: loaded.checkpoints.into(),
            commands_seen: loaded.commands_seen,
            last_seq: loaded.last_seq,
            last_checksum: loaded.last_checksum,
            ended: loaded.ended,
            machine,
            outputs: Outputs::default(),
        })
    }
}
