//! Finds the first record at or after a time.
//!
//! Machine time never falls from event to event, and a command has its cause's time, which stands
//! before it: so the first record at or after a time is an event, and events can be bisected. Where
//! a probe lands on commands, or on records that carry no time, it goes on to the next event that
//! carries one.
//!
//! First over segments, of which only the start is read (of archived ones too), then inside of one.
//!
//! Thread: the reader's. Hot path: no.

use model::record::{Kind, Record};
use zerocopy::IntoBytes;

use super::Reader;
use crate::archive;
use crate::error::{OpenError, ReadError};
use crate::mapping::good_prefix;
use crate::scan;
use crate::storage::Access;

/// Places at a segment's start that are looked at first.
const HEAD_PLACES: u64 = 512;
/// How often a search begins again when segments are pruned under it.
const PRUNED_MAX: u32 = 3;
/// Records that a probe verifies at once.
const PROBE: usize = 16;

/// An event with its time.
#[derive(Debug, Clone, Copy)]
struct Timed {
    seq: u64,
    time_ns: u64,
}

impl Timed {
    /// The first event of `records` that carries a time.
    fn first_of(records: &[Record]) -> Option<Self> {
        let is_timed = |record: &&Record| record.kind < Kind::FIRST_COMMAND && record.time_ns > 0;
        records.iter().find(is_timed).map(|record| Self {
            seq: record.seq,
            time_ns: record.time_ns,
        })
    }
}

impl Reader {
    /// Makes the first record at or after `time_ns` (machine time, nanoseconds since the Unix
    /// epoch) the next one, and returns its sequence. That is an event: a command has the time of
    /// its cause, which stands before it. Records without a time count with those before them. If
    /// all that is published is earlier, the place behind the last record is next.
    ///
    /// Reads a logarithm of the journal. If time falls somewhere, which no engine of ours writes,
    /// it finds some event at or after the time that has an earlier one before it.
    ///
    /// # Errors
    ///
    /// As [`Self::next`]; the next record is the same as before then.
    pub fn seek_time(&mut self, time_ns: u64) -> Result<u64, ReadError> {
        let before = self.next_seq;
        let mut found = self.find_time(time_ns);
        for _ in 0..PRUNED_MAX {
            if !matches!(found, Err(ReadError::Pruned { .. })) {
                break;
            }
            found = self.find_time(time_ns);
        }
        self.seek(*found.as_ref().unwrap_or(&before));
        found
    }

    fn find_time(&mut self, time_ns: u64) -> Result<u64, ReadError> {
        let end = self.last_seq()? + 1;
        let (mut low, mut high) = self.segments_around(time_ns, end)?;
        let mut found = end;
        // What is before `low` is earlier; `found` is not, or is the end.
        while low < high {
            let middle = low + (high - low) / 2;
            match self.timed_from(middle, end)? {
                Some(event) if event.time_ns < time_ns => low = event.seq + 1,
                Some(event) => {
                    high = middle;
                    found = event.seq;
                }
                None => high = middle,
            }
        }
        Ok(found)
    }

    /// The sequences between which the first event at or after a time is: that of a segment's first
    /// record, and the one behind another segment's first event.
    fn segments_around(&mut self, time_ns: u64, end: u64) -> Result<(u64, u64), ReadError> {
        let last = self
            .geometry
            .place(end - 1)
            .map_or(0, |place| place.segment);
        let (mut low, mut high) = (self.slot.first_segment, last + 1);
        let mut bound = end;
        while high.saturating_sub(low) > 1 {
            let middle = low + (high - low) / 2;
            let mut event = None;
            let mut segment = middle;
            while event.is_none() && segment < high {
                event = self.first_timed(segment, end)?;
                segment += 1;
            }
            match event {
                Some(event) if event.time_ns < time_ns => low = segment - 1,
                Some(event) => {
                    high = middle;
                    bound = event.seq + 1;
                }
                None => high = middle,
            }
        }
        Ok((self.geometry.first_seq(low), bound))
    }

    /// The first event with a time in a segment.
    fn first_timed(&mut self, segment: u32, end: u64) -> Result<Option<Timed>, ReadError> {
        let first = self.geometry.first_seq(segment);
        let mut head = match self.head_of(segment) {
            Err(OpenError::SegmentMissing { path }) => {
                // Pruned under the search, or archived between two looks.
                self.missing(segment, path)?;
                self.head_of(segment)?
            }
            found => found?,
        };
        head.truncate(good_prefix(self.geometry.seed(segment), first, &head));
        let found = Timed::first_of(&head);
        if found.is_some() || head.len() as u64 != HEAD_PLACES {
            return Ok(found);
        }
        let through = self.geometry.last_seq(segment).min(end - 1);
        self.timed_from(first + HEAD_PLACES, through + 1)
    }

    fn head_of(&self, segment: u32) -> Result<Vec<Record>, OpenError> {
        let path = self.folder.segment_path(segment);
        if !self.folder.has(&path)? {
            return archive::read::head(&self.folder, self.geometry, segment, HEAD_PLACES);
        }
        let file = scan::open(&self.folder, self.geometry, segment, Access::Read)?;
        let count = HEAD_PLACES.min(self.geometry.records_per_segment());
        let mut head = vec![Record::ZERO; usize::try_from(count).unwrap_or(0)];
        file.read_exact_at(head.as_mut_bytes(), scan::offset_of(0))
            .map_err(OpenError::io("read", &path))?;
        Ok(head)
    }

    /// The first event with a time at or behind `seq` and before `end`.
    fn timed_from(&mut self, seq: u64, end: u64) -> Result<Option<Timed>, ReadError> {
        self.seek(seq);
        while self.next_seq < end {
            let left = usize::try_from(end - self.next_seq).unwrap_or(usize::MAX);
            let batch = self.next_batch(PROBE.min(left))?;
            if batch.is_empty() {
                break;
            }
            let found = Timed::first_of(batch);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}
