//! Looks at every byte of a journal's directory and says where the first one is that is not as it
//! must be.
//!
//! What is checked against what
//! - Superblock, header pages, durable marks: their CRC, their zeros, and that they agree.
//! - Records: CRC and sequence; then the Merkle tree over them against every signed checkpoint,
//!   those held elsewhere too, against the footers, and against the file `leaves`, which names the
//!   place of a change to within 32 records.
//! - Everything behind the end, prepared segments: zeros.
//! - Snapshots, archives, `.broken` files: their hashes. Any other file is not ours.
//!
//! A journal that is being written is looked at up to its end of that moment. Nothing is locked:
//! what is not as expected is looked at again for a while, as the writer may have been at it.
//!
//! Thread: any, cold. Hot path: no. Locks: none.

mod ends;
mod log;
mod notes;
mod others;
mod pages;
mod places;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files;
use super::key::PublicKey;
use super::note::{Checkpoint, Note};
use crate::archive;
use crate::directory::Folder;
use crate::error::OpenError;
use crate::format::{Geometry, Slot};
use crate::reader::not_a_journal;
use crate::superblock;

/// Most findings that are kept.
const FINDINGS_MAX: usize = 64;
/// How often something is looked at again while a writer may be at it, and how long apart.
const LOOKS: u32 = 40;
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// How often all is begun anew because a writer opened or closed the journal meanwhile.
const ROUNDS: u32 = 3;

/// What a journal is held against, besides itself.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// The public key, held elsewhere. Without it the journal's own `seal.pub` is used, which
    /// proves nothing against somebody who could change that too.
    pub key: Option<PublicKey>,
    /// Checkpoints that were held elsewhere, each with the name of its file.
    pub held: Vec<(PathBuf, Note)>,
}

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// The file.
    pub path: PathBuf,
    /// The first byte in it that is wrong or, if records are wrong, where the first one starts.
    pub offset: u64,
    /// The records among which the change is, first and last.
    pub seqs: Option<(u64, u64)>,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Bad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "byte {} of {}", self.offset, self.path.display())?;
        match self.seqs {
            None => {}
            Some((from, to)) if from == to => write!(f, ", record {from}")?,
            Some((from, to)) => write!(f, ", between record {from} and record {to}")?,
        }
        write!(f, ": {}", self.what)
    }
}

/// What there is, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Tells this journal from others.
    pub journal_id: u64,
    /// Records that were looked at.
    pub records: u64,
    /// Last sequence; 0 if there is none.
    pub last_seq: u64,
    /// Records up to here are under a checkpoint with a right signature; behind, only CRCs.
    pub covered_seq: u64,
    /// Checkpoints in the journal.
    pub notes: u64,
    /// Checkpoints that void larger ones, as a power failure took the log's end.
    pub cuts: u64,
    /// Checkpoints held elsewhere that match.
    pub held: u64,
    /// Sealed segments.
    pub sealed: u64,
    /// Segments that are only there archived.
    pub archived: u64,
    /// The key that the signatures were checked with.
    pub key: Option<PublicKey>,
    /// A writer has the journal, or died with it.
    pub is_open: bool,
    /// Everything that is wrong, at most 64 findings; the first in the log comes first.
    pub findings: Vec<Bad>,
}

impl Verified {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn ok(&self) -> bool {
        self.findings.is_empty()
    }

    /// The first place that is wrong.
    #[must_use]
    pub fn first_bad(&self) -> Option<&Bad> {
        self.findings.first()
    }
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that were looked at.
    pub done: u64,
    /// Bytes that there are.
    pub total: u64,
}

/// Verifies the journal in `dir`; see the module.
///
/// # Errors
///
/// [`OpenError`] if it is no journal of this version, or cannot be read. What is wrong *in* a
/// journal is no error but a finding.
pub fn verify(
    dir: &Path,
    options: &VerifyOptions,
    progress: impl FnMut(Progress),
) -> Result<Verified, OpenError> {
    verify_in(&Folder::on_disk(dir), options, progress)
}

/// As [`verify`], in any storage.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_in(
    folder: &Folder,
    options: &VerifyOptions,
    mut progress: impl FnMut(Progress),
) -> Result<Verified, OpenError> {
    let mut round = 1;
    loop {
        refuse_foreign(folder)?;
        let before = superblock::read(folder)?;
        let verified = Verifier::new(folder, before, options, &mut progress).run();
        // A writer may have opened, closed or pruned the journal in between.
        let is_same = superblock::read(folder).is_ok_and(|after| after == before);
        let is_fine = verified.as_ref().is_ok_and(Verified::ok);
        if is_fine || is_same || round == ROUNDS {
            return verified;
        }
        round += 1;
    }
}

fn refuse_foreign(folder: &Folder) -> Result<(), OpenError> {
    if folder.has(&folder.superblock_path())? {
        return Ok(());
    }
    Err(not_a_journal(folder)?)
}

/// One verification.
struct Verifier<'a> {
    folder: &'a Folder,
    slot: Slot,
    geometry: Geometry,
    options: &'a VerifyOptions,
    /// A writer may be at it; then what looks wrong is looked at again.
    is_open: bool,
    progress: &'a mut dyn FnMut(Progress),
    done: Progress,
    /// Bytes of the segments that are done.
    begun: u64,
    findings: Vec<Bad>,
    /// The highest sequence that a durable mark promises, and where.
    promised: Option<(u64, Bad)>,
}

impl<'a> Verifier<'a> {
    fn new(
        folder: &'a Folder,
        slot: Slot,
        options: &'a VerifyOptions,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Self {
        Self {
            folder,
            slot,
            geometry: slot.geometry(),
            options,
            is_open: slot.clean_seq().is_none(),
            progress,
            done: Progress { done: 0, total: 0 },
            begun: 0,
            findings: Vec::new(),
            promised: None,
        }
    }

    fn run(mut self) -> Result<Verified, OpenError> {
        // The evidence first: it covers what was there then, and the log only grows.
        let key = self.key()?;
        let leaves = files::read_leaves(self.folder)?;
        let notes = self.read_notes(key.as_ref())?;
        let names = self.names()?;
        self.done.total = self.size_of_all(&names);
        self.check_superblock()?;
        let walk = self.walk_segments(&leaves, &notes)?;
        self.check_ends(&walk);
        self.check_notes(&notes, &walk);
        self.check_leaves(&leaves, &walk)?;
        self.check_others(&names, walk.last_seq)?;
        self.tell(self.done.total);
        let order = |bad: &Bad| bad.seqs.map_or(u64::MAX, |(from, _)| from);
        self.findings.sort_by_key(order);
        Ok(Verified {
            journal_id: self.slot.journal_id,
            records: walk.records,
            last_seq: walk.last_seq,
            covered_seq: walk.covered,
            notes: notes.own.len() as u64,
            cuts: notes.own.iter().filter(|claim| claim.said.cut).count() as u64,
            held: walk.held,
            sealed: walk.sealed,
            archived: walk.archived,
            key,
            is_open: self.is_open,
            findings: self.findings,
        })
    }

    fn bad(&mut self, path: &Path, offset: u64, what: impl Into<String>) {
        self.finding(Bad {
            path: path.to_path_buf(),
            offset,
            seqs: None,
            what: what.into(),
        });
    }

    fn bad_records(&mut self, from: u64, to: u64, what: impl Into<String>) {
        let place = self.geometry.place(from);
        let segment = place.map_or(u32::MAX, |place| place.segment);
        let raw = self.folder.segment_path(segment);
        let is_raw = self.folder.has(&raw).unwrap_or(true);
        self.finding(Bad {
            path: if is_raw {
                raw
            } else {
                archive::read::path_of(self.folder, segment)
            },
            offset: place.map_or(0, |place| place.offset),
            seqs: Some((from, to)),
            what: what.into(),
        });
    }

    fn finding(&mut self, bad: Bad) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(bad);
        }
    }

    fn tell(&mut self, done: u64) {
        self.done.done = done;
        (self.progress)(self.done);
    }

    /// Looks, and looks again for a while if something seems wrong and a writer may be at it.
    fn settle<T>(
        &self,
        mut look: impl FnMut() -> Result<T, OpenError>,
        is_fine: impl Fn(&T) -> bool,
    ) -> Result<T, OpenError> {
        let mut looks = 1;
        loop {
            let found = look()?;
            if !self.is_open || looks == LOOKS || is_fine(&found) {
                return Ok(found);
            }
            looks += 1;
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// The key to check signatures with, and whether `seal.pub` is as it must be.
    fn key(&mut self) -> Result<Option<PublicKey>, OpenError> {
        let path = files::public_key_path(self.folder);
        let found = files::read_all(self.folder.storage(), &path)?;
        let own = found.as_deref().map(|bytes| {
            let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
            let key: PublicKey = text.parse().ok()?;
            Some(key).filter(|key| key.journal_id() == self.slot.journal_id)
        });
        match (own, self.options.key) {
            (Some(None), _) => {
                let what = "it is not the public key of this journal as it was written";
                self.bad(&path, 0, what);
            }
            (Some(Some(own)), Some(given)) if own != given => {
                self.bad(
                    &path,
                    0,
                    format!("it is not the key given, which is {given}"),
                );
            }
            (None, None) if self.folder.has(&files::checkpoints_path(self.folder))? => {
                self.bad(&path, 0, "it is missing, though there are checkpoints");
            }
            _ => {}
        }
        Ok(self.options.key.or(own.flatten()))
    }
}

/// A checkpoint and where it stands.
struct Claim {
    said: Checkpoint,
    path: PathBuf,
    offset: u64,
}
