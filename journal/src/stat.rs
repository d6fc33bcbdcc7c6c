//! What `caracal journal stat` prints: one pass over a journal, counted.
//!
//! Thread: any, cold. Hot path: no.

use std::collections::BTreeSet;
use std::path::Path;

use model::record::{Kind, Record};

use crate::directory::Folder;
use crate::error::ReadError;
use crate::format::RECORD;
use crate::reader::Reader;

/// Records that are counted at once.
const BATCH: usize = 1_024;

/// A journal in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Segments, the archived and the prepared ones included.
    pub segments: u64,
    /// Size of one segment, bytes.
    pub segment_bytes: u64,
    /// Records.
    pub records: u64,
    /// Records times their size.
    pub bytes: u64,
    /// First sequence, if there is a record.
    pub first_seq: Option<u64>,
    /// Last sequence, if there is a record.
    pub last_seq: Option<u64>,
    /// Machine time of the first record, nanoseconds since the Unix epoch.
    pub first_time_ns: Option<u64>,
    /// Machine time of the last record.
    pub last_time_ns: Option<u64>,
    /// How often a writer has opened it.
    pub epoch: u64,
    /// Whether the last writer closed it in order.
    pub was_closed: bool,
    counts: [u64; 256],
}

impl Stat {
    /// Records of a kind.
    #[must_use]
    pub const fn count(&self, kind: Kind) -> u64 {
        self.counts[kind.code() as usize]
    }

    /// Every kind that occurs, with its count.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, u64)> + '_ {
        Kind::ALL
            .iter()
            .map(|&kind| (kind, self.count(kind)))
            .filter(|&(_, count)| count > 0)
    }

    /// Records of kinds that this build does not know.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.records - self.kinds().map(|(_, count)| count).sum::<u64>()
    }

    fn add(&mut self, record: &Record) {
        self.records += 1;
        self.bytes += RECORD;
        self.first_seq.get_or_insert(record.seq);
        self.first_time_ns.get_or_insert(record.time_ns);
        self.last_seq = Some(record.seq);
        self.last_time_ns = Some(record.time_ns);
        self.counts[usize::from(record.kind)] += 1;
    }
}

/// Reads all of the journal in `dir` and counts.
///
/// # Errors
///
/// [`ReadError`], as for a [`Reader`].
pub fn stat(dir: &Path) -> Result<Stat, ReadError> {
    let folder = Folder::on_disk(dir);
    let mut reader = Reader::open_in(&folder)?;
    let listing = folder.list()?;
    let segments: BTreeSet<u32> = listing
        .segments
        .into_iter()
        .chain(listing.archived)
        .collect();
    let mut stat = Stat {
        segments: segments.len() as u64,
        segment_bytes: reader.segment_bytes(),
        records: 0,
        bytes: 0,
        first_seq: None,
        last_seq: None,
        first_time_ns: None,
        last_time_ns: None,
        epoch: reader.epoch(),
        was_closed: reader.was_closed(),
        counts: [0; 256],
    };
    loop {
        let batch = reader.next_batch(BATCH)?;
        if batch.is_empty() {
            return Ok(stat);
        }
        batch.iter().for_each(|record| stat.add(record));
    }
}
