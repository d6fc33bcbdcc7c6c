//! A shadow as bytes: what a snapshot of the journal holds.
//!
//! Everything that the rest of the log is compared with is here: the machine, the decisions that
//! the log does not hold yet, and the checkpoints that wait for their record. Not the outputs of
//! the last event, which are in those queues already.
//!
//! Thread: any, cold. Hot path: no. Allocates: yes.

use std::collections::VecDeque;

use engine::machine::{Machine, Outputs};
use model::codec::{self, CodecError};
use model::limits::RECORD_BYTES;
use model::record::Record;
use serde::{Deserialize, Serialize};
use zerocopy::{FromBytes, IntoBytes};

use crate::shadow::{CHECKPOINTS_KEPT, Shadow};

/// A shadow at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Log sequence of the last record it has taken.
    pub seq: u64,
    /// Machine time, nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// State hash of its machine.
    pub state_hash: [u8; 32],
    /// Its bytes, at most `SNAPSHOT_BYTES_MAX`.
    pub payload: Vec<u8>,
}

/// Why bytes give no shadow. Nothing is done with them then.
#[derive(Debug, thiserror::Error)]
pub enum ThawError {
    /// The bytes are not such a value, or one that no machine can be in.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The parts contradict each other.
    #[error("its {0} cannot be")]
    Unsound(&'static str),
    /// The bytes are another state than the one that they were taken from.
    #[error("the machine read from it does not have the state hash that was taken with it")]
    StateHash,
    /// The bytes are those of another place of the log.
    #[error("it says sequence {claimed}, and holds the state at {got}")]
    Seq {
        /// As claimed.
        claimed: u64,
        /// As found.
        got: u64,
    },
}

/// Layout of the bytes. Written from the first form and read into the second one.
#[derive(Serialize)]
struct Saved<'a> {
    last_seq: u64,
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
    last_seq: u64,
    commands_seen: u64,
    ended: bool,
    commands: Vec<Words>,
    refusals: Vec<Words>,
    checkpoints: Vec<(u64, [u8; 32])>,
    machine: Machine,
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
    /// What a snapshot has to hold of this shadow. The shadow goes on as before.
    ///
    /// # Errors
    ///
    /// [`CodecError`]: the state is larger than a snapshot may be.
    pub fn freeze(&self) -> Result<Frozen, CodecError> {
        let Self {
            machine,
            outputs: _,
            commands,
            refusals,
            checkpoints,
            commands_seen,
            last_seq,
            ended,
        } = self;
        let saved = Saved {
            last_seq: *last_seq,
            commands_seen: *commands_seen,
            ended: *ended,
            commands: words(commands),
            refusals: words(refusals),
            checkpoints: checkpoints.iter().copied().collect(),
            machine,
        };
        Ok(Frozen {
            seq: *last_seq,
            time_ns: machine.time_ns(),
            state_hash: machine.state_hash(),
            payload: codec::encode_snapshot(&saved)?,
        })
    }

    /// The shadow of these bytes. Its machine has the room of a new one.
    ///
    /// # Errors
    ///
    /// [`ThawError`]: not such bytes, or not those of this sequence and state hash.
    pub fn thaw(payload: &[u8], seq: u64, state_hash: &[u8; 32]) -> Result<Self, ThawError> {
        let loaded: Loaded = codec::decode_snapshot(payload)?;
        if loaded.last_seq != seq {
            return Err(ThawError::Seq {
                claimed: seq,
                got: loaded.last_seq,
            });
        }
        let pending = loaded.commands.len() as u64;
        let decided = loaded.machine.commands_decided();
        if loaded.commands_seen.checked_add(pending) != Some(decided) {
            return Err(ThawError::Unsound("number of commands"));
        }
        if loaded.checkpoints.len() > CHECKPOINTS_KEPT {
            return Err(ThawError::Unsound("number of checkpoints"));
        }
        if loaded.machine.state_hash() != *state_hash {
            return Err(ThawError::StateHash);
        }
        Ok(Self {
            commands: records(&loaded.commands)?,
            refusals: records(&loaded.refusals)?,
            checkpoints: loaded.checkpoints.into(),
            commands_seen: loaded.commands_seen,
            last_seq: loaded.last_seq,
            ended: loaded.ended,
            machine: loaded.machine,
            outputs: Outputs::default(),
        })
    }
}
