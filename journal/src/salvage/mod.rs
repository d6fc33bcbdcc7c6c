//! Salvage: a new, whole journal from what is intact of a damaged one.
//!
//! Two rules. The source is never changed, and it is read with `pread`, place by place where a disk
//! cannot read more. And what is made can be trusted like any journal: it holds the records from
//! the first one to the last one before the first damage, and no other, since a log with a hole is
//! no log. What is intact behind that is handed to the caller, each record with its own sequence.
//!
//! The new journal has an id of its own, so no record of one is ever taken for one of the other;
//! sequences stay, so snapshots, which name them, come along.
//!
//! Thread: any, cold. Hot path: no. Allocates: buffers of a fixed size.

mod source;
mod target;

use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use model::record::Record;

use crate::directory::Folder;
use crate::error::OpenError;
use crate::snapshot::{self, SnapshotError};

use source::{Found, Source};
use target::Target;

/// Lost ranges that are named one by one; more are counted only.
const RANGES_MAX: usize = 1_000;

/// What a salvage found and made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Salvaged {
    /// Id of the new journal.
    pub journal_id: u64,
    /// First sequence that is copied.
    pub first_seq: u64,
    /// Last sequence that is copied; one less than the first if none is.
    pub last_seq: u64,
    /// Records in the new journal.
    pub copied: u64,
    /// Intact records behind the damage: not in the new journal, given to the caller.
    pub behind: u64,
    /// Sequences that were once there and cannot be read: with an intact record behind them, or
    /// promised by a durable mark or a clean close. Rising; the first thousand ranges.
    pub lost: Vec<RangeInclusive<u64>>,
    /// How many sequences that is, in all ranges.
    pub lost_records: u64,
    /// Places that the system could not read.
    pub unreadable: u64,
    /// Snapshots that came along.
    pub snapshots: u64,
    /// What is wrong with the files besides, for a person.
    pub remarks: Vec<String>,
}

/// Why nothing was salvaged. The source is unchanged; of the target at most files without a
/// superblock are there, which no journal is made of.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    /// A directory or file could not be opened, read or written.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The target is not new.
    #[error("{path} is not empty; salvage writes into a new directory", path = path.display())]
    TargetInUse {
        /// The target.
        path: PathBuf,
    },
    /// Neither the superblock nor any segment's header says how the source is laid out.
    #[error(
        "{path} has no superblock and no segment header that can be read; nothing can be salvaged",
        path = path.display()
    )]
    NoGeometry {
        /// The source.
        path: PathBuf,
    },
    /// The first record that is kept is damaged already.
    #[error(
        "{path}: the damage begins with the first record, {first_seq}; no journal was made, and \
         {behind} intact records behind it were given to the caller", path = path.display()
    )]
    NothingIntact {
        /// The source.
        path: PathBuf,
        /// Its first sequence.
        first_seq: u64,
        /// Intact records that are no log.
        behind: u64,
    },
    /// The caller could not take an intact record.
    #[error("cannot keep the records behind the damage: {0}")]
    Behind(io::Error),
    /// A snapshot could not be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// Copies what is intact of the journal in `from` into a new journal in `to`. Each intact record
/// behind the damage goes to `behind`; `progress` is told how many of how many segments are done.
///
/// # Errors
///
/// [`SalvageError`]; [`OpenError::Locked`] if a writer has the source.
pub fn salvage(
    from: &Folder,
    to: &Folder,
    behind: &mut dyn FnMut(&Record) -> io::Result<()>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Salvaged, SalvageError> {
    let _lock = source::lock_if_possible(from)?;
    refuse_used(to)?;
    let source = Source::open(from)?;
    let first_seq = source.geometry.first_seq(source.first);
    let mut sorter = Sorter {
        target: Target::new(to, &source)?,
        found: Salvaged {
            first_seq,
            last_seq: first_seq - 1,
            remarks: source.remarks.clone(),
            ..Salvaged::default()
        },
        gap: None,
        promised: source.promised,
        behind,
    };
    let total = source.segments().count() as u64;
    for (done, segment) in source.segments().enumerate() {
        progress(done as u64, total);
        let remark = source.read(segment, &mut |seq, found| sorter.take(seq, found))?;
        sorter.found.remarks.extend(remark);
    }
    progress(total, total);
    sorter.finish(from, to, &source)
}

fn refuse_used(to: &Folder) -> Result<(), SalvageError> {
    to.create()?;
    let names = to.storage().list(to.dir());
    let names = names.map_err(OpenError::io("read directory", to.dir()))?;
    if names.is_empty() {
        return Ok(());
    }
    let path = to.dir().to_path_buf();
    Err(SalvageError::TargetInUse { path })
}

/// Sorts the places of the source, in order, into what is log, what is behind, and what is lost.
struct Sorter<'a> {
    target: Target,
    found: Salvaged,
    /// First place that is not good, since the last one that is.
    gap: Option<u64>,
    promised: u64,
    behind: &'a mut dyn FnMut(&Record) -> io::Result<()>,
}

impl Sorter<'_> {
    fn take(&mut self, seq: u64, found: Found<'_>) -> Result<(), SalvageError> {
        let record = match found {
            Found::Good(record) => record,
            Found::Nothing { unreadable } => {
                self.found.unreadable += u64::from(unreadable);
                self.gap.get_or_insert(seq);
                return Ok(());
            }
        };
        self.promised = self.promised.max(crate::scan::durable_mark(record));
        if let Some(from) = self.gap.take() {
            self.lose(from..=seq - 1);
        }
        if self.found.lost_records == 0 {
            self.found.last_seq = seq;
            self.found.copied += 1;
            return Ok(self.target.push(record)?);
        }
        self.found.behind += 1;
        (self.behind)(record).map_err(SalvageError::Behind)
    }

    fn lose(&mut self, range: RangeInclusive<u64>) {
        self.found.lost_records += range.end() - range.start() + 1;
        if self.found.lost.len() < RANGES_MAX {
            self.found.lost.push(range);
        }
    }

    fn finish(
        mut self,
        from: &Folder,
        to: &Folder,
        source: &Source,
    ) -> Result<Salvaged, SalvageError> {
        // What was promised at the end, and is not there.
        let end = source.geometry.last_seq(source.last) + 1;
        let gap = self.gap.unwrap_or(end);
        if gap <= self.promised {
            self.lose(gap..=self.promised);
        }
        if self.found.copied == 0 && self.found.lost_records > 0 {
            return Err(SalvageError::NothingIntact {
                path: from.dir().to_path_buf(),
                first_seq: self.found.first_seq,
                behind: self.found.behind,
            });
        }
        let journal_id = self.target.journal_id();
        self.found.journal_id = journal_id;
        self.found.snapshots = copy_snapshots(from, to, source, &self.found, journal_id)?;
        // Last: a directory without a superblock is no journal.
        self.target.finish(self.found.last_seq)?;
        Ok(self.found)
    }
}

/// Copies the good snapshots that the new journal reaches, with its id in them.
fn copy_snapshots(
    from: &Folder,
    to: &Folder,
    source: &Source,
    found: &Salvaged,
    journal_id: u64,
) -> Result<u64, SalvageError> {
    let mut copied = 0;
    let reach = found.first_seq.saturating_sub(1)..=found.last_seq;
    for &seq in source.snapshots.iter().filter(|seq| reach.contains(seq)) {
        if let Ok(snapshot) = snapshot::read(from, source.geometry.journal_id, seq) {
            snapshot::write(to, journal_id, &snapshot)?;
            copied += 1;
        }
    }
    Ok(copied)
}
