//! Proof that a record is in a journal, for somebody who has only a checkpoint, or only the key.
//!
//! A JSON text: the record's bytes, its place, the hashes from its leaf up to the root (RFC 6962,
//! 2.1.1), and the signed note with that root; if asked for, also that this note's log goes on from
//! an older note's (2.1.2). It is written in one way only, so a changed byte is a refused proof.
//!
//! Thread: any, cold. Hot path: no.

use std::path::Path;

use model::limits::RECORD_BYTES;
use model::record::Record;
use serde::{Deserialize, Serialize};
use zerocopy::FromBytes;

use super::files;
use super::key::PublicKey;
use super::note::{Checkpoint, Note, NoteError, split};
use super::records::{Fault, Records};
use super::tree::{
    GROUP, Hash, Source, consistency, inclusion, is_consistent, leaf, root_by_inclusion,
};
use crate::directory::Folder;
use crate::error::OpenError;
use crate::superblock;

/// What a proof begins with.
const FORMAT: &str = "caracal inclusion proof v1";
/// A proof is some kilobytes; more is something else.
const PROOF_BYTES_MAX: usize = 64 << 10;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The journal cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No checkpoint covers the record.
    #[error(
        "record {seq} is under no checkpoint: {covered} records are; a running engine signs one \
         each second"
    )]
    NotCovered {
        /// The record.
        seq: u64,
        /// How far the checkpoints go.
        covered: u64,
    },
    /// The record is not there any more.
    #[error("record {seq} is not kept: the first one is {first}")]
    Pruned {
        /// The record.
        seq: u64,
        /// First record that is kept.
        first: u64,
    },
    /// The journal has no public key.
    #[error("the journal has no public key (seal.pub): it was never sealed")]
    NotSealed,
    /// The older checkpoint is not this journal's.
    #[error("the older checkpoint cannot be used: {0}")]
    Since(#[from] NoteError),
    /// The journal is not what its checkpoints say.
    #[error("the records are not those of the checkpoint over {size}; see `caracal verify`")]
    Changed {
        /// Size of the checkpoint.
        size: u64,
    },
}

/// Why a proof is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not the text of a proof, or not written as we write it.
    #[error("it is no proof as `caracal prove` writes it")]
    NotAProof,
    /// The note in it is not signed by the key.
    #[error("the checkpoint in it cannot be trusted: {0}")]
    Note(#[from] NoteError),
    /// It is for another key.
    #[error("it was made for the key {found}, and not for the one given")]
    OtherKey {
        /// What it says.
        found: PublicKey,
    },
    /// It does not lead from the checkpoint that somebody holds.
    #[error(
        "it says nothing about the checkpoint over {size} records that is held: let it be made \
         with --since"
    )]
    OtherCheckpoint {
        /// Size of the checkpoint that is held.
        size: u64,
    },
    /// The newer checkpoint's log does not go on from the older one's.
    #[error("the log of its checkpoint does not go on from that over {size} records")]
    NotConsistent {
        /// Size of the older checkpoint.
        size: u64,
    },
    /// The hashes do not lead to the root.
    #[error("record {seq} is not in the tree that was signed")]
    NotInTree {
        /// The record.
        seq: u64,
    },
}

/// The text, field by field.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: String,
    journal: String,
    seq: u64,
    record: String,
    size: u64,
    path: Vec<String>,
    note: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<SinceText>,
    key: String,
}

/// The older checkpoint, and the way from it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SinceText {
    note: String,
    path: Vec<String>,
}

/// An older checkpoint and the consistency proof from it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Since {
    note: String,
    path: Vec<Hash>,
}

/// Proof that a record is in a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The record's sequence.
    pub seq: u64,
    /// Its 128 bytes as stored.
    pub record: [u8; RECORD_BYTES],
    /// From the leaf up.
    path: Vec<Hash>,
    /// The signed note, as it stands in the journal.
    note: String,
    since: Option<Since>,
    /// The journal's own word for its key.
    key: PublicKey,
}

impl Proof {
    /// The proof as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let size = Note::parse(&self.note).map_or(0, |note| note.unverified().size);
        let text = Text {
            format: FORMAT.to_owned(),
            journal: format!("{:016x}", self.key.journal_id()),
            seq: self.seq,
            record: hex(&self.record),
            size,
            path: hexes(&self.path),
            note: self.note.clone(),
            since: self.since.as_ref().map(|since| SinceText {
                note: since.note.clone(),
                path: hexes(&since.path),
            }),
            key: self.key.to_string(),
        };
        // Texts and numbers only: nothing here can fail.
        let mut json = serde_json::to_string_pretty(&text).unwrap_or_default();
        json.push('\n');
        json
    }

    /// The record.
    #[must_use]
    pub fn decoded(&self) -> Option<Record> {
        Record::read_from_bytes(&self.record).ok()
    }

    /// Reads a proof's text.
    ///
    /// # Errors
    ///
    /// [`ProofError::NotAProof`] if it is not written as [`Self::to_text`] writes it.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let read = || {
            if text.len() > PROOF_BYTES_MAX {
                return None;
            }
            let fields: Text = serde_json::from_str(text).ok()?;
            let since = match fields.since {
                None => None,
                Some(since) => Some(Since {
                    note: since.note,
                    path: unhexes(&since.path)?,
                }),
            };
            Some(Self {
                seq: fields.seq,
                record: unhex(&fields.record)?.try_into().ok()?,
                path: unhexes(&fields.path)?,
                note: fields.note,
                since,
                key: fields.key.parse().ok()?,
            })
        };
        let proof = read().ok_or(ProofError::NotAProof)?;
        if proof.to_text() == text {
            Ok(proof)
        } else {
            Err(ProofError::NotAProof)
        }
    }

    /// Checks it without the journal; gives the checkpoint that has the record in it. Without
    /// `key`, the proof's own word for it is taken: then it shows only that the proof is in itself
    /// right.
    ///
    /// # Errors
    ///
    /// [`ProofError`].
    pub fn check(&self, key: Option<&PublicKey>) -> Result<Checkpoint, ProofError> {
        if key.is_some_and(|key| *key != self.key) {
            return Err(ProofError::OtherKey { found: self.key });
        }
        let said = files::plain(self.note.as_bytes(), &self.key)?;
        let seq = self.seq;
        let index = seq.checked_sub(1).ok_or(ProofError::NotInTree { seq })?;
        // The record says itself which one it is.
        let is_itself = self.record[8..16] == seq.to_le_bytes();
        let root = root_by_inclusion(leaf(&self.record), index, said.size, &self.path);
        if !is_itself || root != Some(said.root) {
            return Err(ProofError::NotInTree { seq });
        }
        if let Some(since) = &self.since {
            let old = files::plain(since.note.as_bytes(), &self.key)?;
            let size = old.size;
            if !is_consistent((size, &old.root), (said.size, &said.root), &since.path) {
                return Err(ProofError::NotConsistent { size });
            }
        }
        Ok(said)
    }

    /// [`Self::check`], and that it fits a checkpoint that somebody holds: the log of the proof's
    /// checkpoint is that one's, or goes on from it.
    ///
    /// # Errors
    ///
    /// [`ProofError`].
    pub fn check_with(
        &self,
        key: Option<&PublicKey>,
        held: &Note,
    ) -> Result<Checkpoint, ProofError> {
        let said = self.check(key)?;
        let held = held.verify(&self.key)?;
        let since = self.since.as_ref();
        let old = since.and_then(|since| files::plain(since.note.as_bytes(), &self.key).ok());
        let same = |a: &Checkpoint| (a.size, a.root) == (held.size, held.root);
        if same(&said) || old.is_some_and(|old| same(&old)) {
            Ok(said)
        } else {
            Err(ProofError::OtherCheckpoint { size: held.size })
        }
    }
}

/// Hashes of a stored tree: of groups from `leaves` as far as they are there, else from records.
struct Stored {
    leaves: Vec<Hash>,
    records: Records,
}

impl Source for Stored {
    type Error = Fault;

    fn leaf(&mut self, index: u64) -> Result<Hash, Fault> {
        Ok(leaf(self.records.read(index + 1, 1)?))
    }

    fn group(&mut self, index: u64) -> Result<Hash, Fault> {
        let group = index / GROUP;
        let stored = usize::try_from(group)
            .ok()
            .and_then(|at| self.leaves.get(at));
        match stored {
            Some(hash) if *hash != [0; 32] => Ok(*hash),
            Some(_) | None => {
                let hashes = self.records.groups(group, 1, 1)?;
                hashes.first().copied().ok_or(Fault::Bad { seq: index + 1 })
            }
        }
    }
}

/// Proves that record `seq` is in the journal in `dir`, with its newest checkpoint; and, given an
/// older checkpoint, that the log goes on from that.
///
/// # Errors
///
/// [`ProveError`].
pub fn prove(dir: &Path, seq: u64, since: Option<&Note>) -> Result<Proof, ProveError> {
    let folder = Folder::on_disk(dir);
    let slot = superblock::read(&folder)?;
    let geometry = slot.geometry();
    let first = geometry.first_seq(slot.first_segment);
    let text = files::read_all(folder.storage(), &files::public_key_path(&folder))?;
    let key: PublicKey = text
        .and_then(|text| String::from_utf8(text).ok()?.trim_end().parse().ok())
        .ok_or(ProveError::NotSealed)?;
    let (note, said) = newest_over(&folder, &key, seq)?;
    let old = since.map(|note| note.verify(&key)).transpose()?;
    if let Some(old) = old.filter(|old| old.size > said.size) {
        let (seq, covered) = (old.size, said.size);
        return Err(ProveError::NotCovered { seq, covered });
    }
    if seq < first {
        return Err(ProveError::Pruned { seq, first });
    }
    // Stored hashes are quick, and may be missing or wrong; the records decide.
    for leaves in [files::read_leaves(&folder)?, Vec::new()] {
        let records = Records::new(&folder, geometry);
        let mut stored = Stored { leaves, records };
        let made = make(&mut stored, seq, &said, note.clone(), key);
        let made = made.and_then(|proof| add_since(&mut stored, proof, old.zip(since), &said));
        match made {
            Ok(proof) if proof.check(Some(&key)).is_ok() => return Ok(proof),
            Err(Fault::Open(error)) => return Err(error.into()),
            Ok(_) | Err(Fault::Bad { .. }) => {}
        }
    }
    Err(ProveError::Changed { size: said.size })
}

fn make(
    stored: &mut Stored,
    seq: u64,
    said: &Checkpoint,
    note: String,
    key: PublicKey,
) -> Result<Proof, Fault> {
    let mut record = [0; RECORD_BYTES];
    record.copy_from_slice(stored.records.read(seq, 1)?);
    let path = inclusion(stored, seq - 1, said.size)?;
    Ok(Proof {
        seq,
        record,
        path,
        note,
        since: None,
        key,
    })
}

fn add_since(
    stored: &mut Stored,
    mut proof: Proof,
    old: Option<(Checkpoint, &Note)>,
    said: &Checkpoint,
) -> Result<Proof, Fault> {
    if let Some((old, note)) = old {
        let path = consistency(stored, old.size, said.size)?;
        let note = note.plain_text(&proof.key);
        proof.since = Some(Since { note, path });
    }
    Ok(proof)
}

/// The newest checkpoint that has record `seq` in it and that no later one voids.
fn newest_over(
    folder: &Folder,
    key: &PublicKey,
    seq: u64,
) -> Result<(String, Checkpoint), ProveError> {
    let path = files::checkpoints_path(folder);
    let bytes = files::read_all(folder.storage(), &path)?.unwrap_or_default();
    let (ranges, _torn) = split(&bytes);
    let mut covered = None;
    for range in ranges.into_iter().rev() {
        let Ok(said) = files::plain(&bytes[range.clone()], key) else {
            continue;
        };
        covered.get_or_insert(said.size);
        if (1..=said.size).contains(&seq) {
            let note = String::from_utf8_lossy(&bytes[range]).into_owned();
            return Ok((note, said));
        }
        if said.cut {
            break;
        }
    }
    let covered = covered.unwrap_or(0);
    Err(ProveError::NotCovered { seq, covered })
}

/// Reads the notes in a file that was kept elsewhere: one, or many behind each other. A torn last
/// one is left out.
///
/// # Errors
///
/// [`OpenError::Io`]; [`super::SealError::Note`] if something else stands between, or no note.
pub fn read_notes(path: &Path) -> Result<Vec<Note>, OpenError> {
    let bytes = files::read_all(&crate::storage::Disk, path)?.unwrap_or_default();
    let wrong = |offset: usize, why| {
        let path = path.to_path_buf();
        let offset = offset as u64;
        OpenError::Seal(super::SealError::Note { path, offset, why })
    };
    let (ranges, _torn) = split(&bytes);
    if ranges.is_empty() {
        return Err(wrong(0, NoteError::NotANote));
    }
    let read = |range: std::ops::Range<usize>| {
        let text = std::str::from_utf8(&bytes[range.clone()]);
        let note = text.map_err(|_| NoteError::NotANote).and_then(Note::parse);
        note.map_err(|why| wrong(range.start, why))
    };
    ranges.into_iter().map(read).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn hexes(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| hex(hash)).collect()
}

fn unhexes(texts: &[String]) -> Option<Vec<Hash>> {
    texts
        .iter()
        .map(|text| unhex(text)?.try_into().ok())
        .collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}
