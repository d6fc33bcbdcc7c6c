//! Mapped memory of a segment: the only unsafe code of this crate, behind safe functions.
//!
//! [`WriteView`] stores records, [`ReadView`] lends them, [`Region`] keeps the memory alive and
//! makes its pages present. The views speak of byte offsets and whole records only. [`checksum`]
//! is here because calling a function that needs a processor feature is unsafe as well.
//!
//! Invariants
//! - M1: an access is inside the region and aligned to a record.
//! - M2: one [`WriteView`] per region; it stores a record's bytes 8..128 first, then bytes 0..8 as
//!   one atomic word with release order. A reader loads that word, fences with acquire order, and
//!   only then looks at the rest (J4, `publication`).
//! - M4: a published place is not stored to again while a reader may look: the writer only stores
//!   behind the frontier, and a recovery clears only what does not verify, or what a power failure
//!   left behind a hole, when no reader of the writer's boot can live. So a reader may lend what
//!   it saw published without copying it. Another process that breaks this, like one that cuts a
//!   mapped file, breaks the journal; the checksum of a record is for accidents below us.
//! - M3: the file behind a region has the region's length, and nobody cuts it (the writer holds the
//!   directory's lock and preallocated the file; readers check the length before they map).
//!
//! Thread: a `WriteView` belongs to one thread; the rest is shared. Hot path: yes.
//! Allocates: no. Locks: no. Syscalls: only in [`Region::populate`] and when mapping.
//! Not here: what the bytes mean (`format`), which file (`segment`).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

use memmap2::{Advice, MmapOptions, MmapRaw};
use model::limits::RECORD_BYTES;
use model::record::Record;
use zerocopy::IntoBytes;

use crate::publication::{self, Place};
use crate::storage::Pages;

enum Memory {
    File(MmapRaw),
    Heap(Arc<Pages>),
}

/// Memory that shows a whole file, as a [`crate::storage::StoredFile`] maps it.
pub struct Mapping {
    memory: Memory,
    len: usize,
    writable: bool,
}

impl Mapping {
    /// Maps all of `file`, which must be `len` bytes long (M3).
    ///
    /// # Errors
    ///
    /// What the system says; [`io::ErrorKind::InvalidData`] for another length.
    pub fn file(file: &File, len: usize, writable: bool) -> io::Result<Self> {
        let found = file.metadata()?.len();
        if u64::try_from(len) != Ok(found) {
            return Err(wrong_len(found, len));
        }
        let mut options = MmapOptions::new();
        let map = if writable {
            options.len(len).map_raw(file)?
        } else {
            options.len(len).map_raw_read_only(file)?
        };
        Ok(Self {
            memory: Memory::File(map),
            len,
            writable,
        })
    }

    /// The first `len` bytes of heap memory, or all of it if it has less.
    #[must_use]
    pub fn heap(pages: Arc<Pages>, len: usize) -> Self {
        let len = len.min(pages.size());
        Self {
            memory: Memory::Heap(pages),
            len,
            writable: true,
        }
    }
}

pub(crate) fn wrong_len(found: u64, len: usize) -> io::Error {
    let message = format!("it is {found} bytes long instead of {len}");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Memory of one segment.
pub(crate) struct Region {
    memory: Memory,
    /// Start of `memory`, so that the hot path need not ask which kind it is. Never changed.
    base: AtomicPtr<u8>,
    len: usize,
}

impl Region {
    /// The region of a mapping, with its only writer (M2).
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::PermissionDenied`] for a mapping that can only be read.
    pub(crate) fn writable(mapping: Mapping) -> io::Result<(Arc<Self>, WriteView)> {
        if !mapping.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let region = Arc::new(Self::new(mapping));
        let view = WriteView {
            region: Arc::clone(&region),
        };
        Ok((region, view))
    }

    /// A reader of a mapping.
    pub(crate) fn readable(mapping: Mapping) -> ReadView {
        ReadView::new(Arc::new(Self::new(mapping)))
    }

    fn new(mapping: Mapping) -> Self {
        let Mapping { memory, len, .. } = mapping;
        let base = match &memory {
            Memory::File(map) => map.as_mut_ptr(),
            Memory::Heap(pages) => pages.base(),
        };
        Self {
            memory,
            base: AtomicPtr::new(base),
            len,
        }
    }

    /// Zeroed memory of this process, with its only writer and a reader.
    #[cfg(test)]
    pub(crate) fn heap(len: usize) -> (WriteView, ReadView) {
        let pages = Arc::new(Pages::zeroed(len));
        let region = Arc::new(Self::new(Mapping::heap(pages, len)));
        let view = WriteView {
            region: Arc::clone(&region),
        };
        (view, ReadView::new(region))
    }

    /// Makes the pages of a range present and writable, so that a store to them does not fault.
    /// Best effort: beyond the end is cut off, and a kernel that cannot (before 5.14) leaves the
    /// faults to the writer, which costs time and nothing else.
    pub(crate) fn populate(&self, offset: usize, len: usize) {
        let offset = offset.min(self.len);
        let len = len.min(self.len - offset);
        match &self.memory {
            Memory::File(map) if len > 0 => {
                // An error here is a slower store later, not a wrong one: nothing to report.
                let _ = map.advise_range(Advice::PopulateWrite, offset, len);
            }
            Memory::File(_) | Memory::Heap(_) => {}
        }
    }

    /// Makes the pages of a range present for reading, so that loads from them do not fault one by
    /// one. Beyond the end is cut off; a kernel that cannot (before 5.14) leaves the faults.
    ///
    /// # Errors
    ///
    /// Where a load would end in a signal: the file's bytes cannot be read.
    fn populate_read(&self, offset: usize, len: usize) -> io::Result<()> {
        let offset = offset.min(self.len);
        let len = len.min(self.len - offset);
        match &self.memory {
            Memory::File(map) if len > 0 => {
                match map.advise_range(Advice::PopulateRead, offset, len) {
                    Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(error),
                    Ok(()) | Err(_) => Ok(()),
                }
            }
            Memory::File(_) | Memory::Heap(_) => Ok(()),
        }
    }

    #[inline]
    fn base(&self) -> *mut u8 {
        self.base.load(Ordering::Relaxed)
    }

    /// Start of the record at `offset`.
    #[inline]
    fn record_at(&self, offset: usize) -> *mut u8 {
        assert!(
            offset.is_multiple_of(RECORD_BYTES),
            "Invariant M1: aligned to a record"
        );
        assert!(
            offset < self.len && self.len - offset >= RECORD_BYTES,
            "Invariant M1: inside the region"
        );
        // SAFETY: `base` points at `len` bytes for as long as `self` lives (made in `new`, never
        // replaced), and M1 above keeps the record inside them.
        // Seen by: `region_offset_outside_is_refused`.
        unsafe { self.base().add(offset) }
    }

    /// The word of the record at `offset` that is stored last.
    #[inline]
    fn word_at(&self, offset: usize) -> &AtomicU64 {
        let record = self.record_at(offset).cast::<u64>();
        // SAFETY:
        // - Aligned: the base is aligned to a page or to a u64, the offset to a record (M1).
        // - Valid: eight bytes inside the region (M1), which outlives the returned reference.
        // - No mixed access: where a reader can look, these eight bytes are touched through this
        //   function only (`WriteView::copy` is for tapes); stores come from the only writer, and a
        //   read-only mapping is never stored to.
        // Seen by: `view_published_record_is_read_back`.
        unsafe { AtomicU64::from_ptr(record) }
    }
}

/// The place of one record in a region.
struct RegionPlace<'a> {
    word: &'a AtomicU64,
    /// Where it starts: 128 bytes inside the region.
    start: *mut u64,
}

impl Region {
    #[inline]
    fn place_at(&self, offset: usize) -> RegionPlace<'_> {
        RegionPlace {
            word: self.word_at(offset),
            start: self.record_at(offset).cast(),
        }
    }
}

impl Place for RegionPlace<'_> {
    #[inline]
    fn word(&self, order: Ordering) -> u64 {
        self.word.load(order)
    }

    #[inline]
    fn set_word(&self, word: u64, order: Ordering) {
        self.word.store(word, order);
    }

    #[inline]
    fn store_rest(&self, seq: u64, tail: &[u64; 14]) {
        // SAFETY: the second word of a record that `record_at` checked to be inside the region.
        let second = unsafe { self.start.add(1) };
        // SAFETY:
        // - Valid for writes and aligned: the second word of a checked, aligned record (M1).
        // - No race: only `WriteView::publish` calls this, with the only writer (M2), and readers
        //   stop at the word that is stored after this, which for this place is still zero.
        // Seen by: `reader_beside_writer_sees_whole_records_only`.
        unsafe { second.write(seq) };
        // SAFETY: as above, the third word.
        let third = unsafe { self.start.add(2) };
        // SAFETY:
        // - Valid for writes: the 14 words behind the second one of a checked record (M1).
        // - No overlap: `tail` is a Rust reference to something else: what is lent from a region
        //   is published, and this place is not.
        // - No race: as above (M2).
        unsafe { ptr::copy_nonoverlapping(tail.as_ptr(), third, tail.len()) };
    }

    #[inline]
    fn fence(order: Ordering) {
        fence(order);
    }
}

/// A record as the words that are stored and summed.
#[inline]
pub(crate) fn words(record: &Record) -> &[u64; 16] {
    zerocopy::transmute_ref!(record)
}

/// CRC-32C of a record's bytes 4..128, given as its words, starting from `seed`.
#[inline]
pub(crate) fn checksum(seed: u32, head: u64, seq: u64, tail: &[u64; 14]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("sse4.2") && is_x86_feature_detected!("pclmulqdq") {
        // SAFETY: the processor has both features that the function asks for; just checked.
        // Seen by: `checksum_by_hand_equals_the_library`.
        return unsafe { crate::checksum::hardware(seed, head, seq, tail) };
    }
    library_checksum(seed, head, seq, tail)
}

fn library_checksum(seed: u32, head: u64, seq: u64, tail: &[u64; 14]) -> u32 {
    let head = crc32c::crc32c_append(seed, &head.as_bytes()[4..]);
    let seq = crc32c::crc32c_append(head, seq.as_bytes());
    crc32c::crc32c_append(seq, tail.as_bytes())
}

/// How many of `records`, from the first on, are the ones that belong at `first_seq` and behind it
/// (J1). The processor's features are looked up once for all of them.
pub(crate) fn good_prefix(seed: u32, first_seq: u64, records: &[Record]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("sse4.2") && is_x86_feature_detected!("pclmulqdq") {
        // SAFETY: the processor has both features that the function asks for; just checked.
        // Seen by: `good_prefix_ends_at_the_first_bad_record`.
        return unsafe { crate::checksum::good_prefix(seed, first_seq, records) };
    }
    library_good_prefix(seed, first_seq, records)
}

fn library_good_prefix(seed: u32, first_seq: u64, records: &[Record]) -> usize {
    let good = |(record, seq): &(&Record, u64)| {
        let [head, own, tail @ ..] = words(record);
        record.kind != 0
            && record.seq == *seq
            && record.checksum == library_checksum(seed, *head, *own, tail)
    };
    records.iter().zip(first_seq..).take_while(good).count()
}

/// The only way to store into a region.
pub(crate) struct WriteView {
    region: Arc<Region>,
}

impl WriteView {
    /// Stores a record at `offset`, and publishes it to readers with its first word, `head`.
    #[inline]
    pub(crate) fn publish(&mut self, offset: usize, head: u64, seq: u64, tail: &[u64; 14]) {
        // `&mut self` is the only writer (M2).
        publication::publish(&self.region.place_at(offset), head, seq, tail);
    }

    /// The region, without its writer.
    #[cfg(test)]
    pub(crate) fn into_region(self) -> Arc<Region> {
        self.region
    }

    /// Copies a record to `offset` and nothing else: what the benches compare `publish` with.
    #[inline]
    pub(crate) fn copy(&mut self, offset: usize, record: &Record) {
        let place = self.region.record_at(offset);
        // SAFETY: as in `publish`; the caller is a tape, which no reader ever sees.
        unsafe { ptr::copy_nonoverlapping(record.as_bytes().as_ptr(), place, RECORD_BYTES) };
    }
}

/// A way to look at a region: lends the records that it saw published.
pub(crate) struct ReadView {
    region: Arc<Region>,
    /// Bytes whose places were seen published.
    seen: Range<usize>,
}

impl ReadView {
    const fn new(region: Arc<Region>) -> Self {
        Self { region, seen: 0..0 }
    }

    /// The first word of the record at `offset`; zero as long as nothing is published there.
    #[inline]
    pub(crate) fn word(&self, offset: usize) -> u64 {
        self.region.word_at(offset).load(Ordering::Relaxed)
    }

    /// As [`Region::populate_read`].
    pub(crate) fn populate(&self, offset: usize, len: usize) -> io::Result<()> {
        self.region.populate_read(offset, len)
    }

    /// How many places from `offset` on are published without a gap, up to `max`; these can be lent
    /// then. Where it goes on from the look before, what that saw can still be lent. Whether they
    /// verify is the caller's to check: after a power loss the bytes may be anything.
    #[inline]
    pub(crate) fn look(&mut self, offset: usize, max: usize) -> usize {
        let room = self.region.len.saturating_sub(offset) / RECORD_BYTES;
        let place = |index| self.region.place_at(offset + index * RECORD_BYTES);
        let count = publication::published(max.min(room), place);
        let end = offset + count * RECORD_BYTES;
        if offset == self.seen.end {
            self.seen.end = end;
        } else {
            self.seen = offset..end;
        }
        count
    }

    /// The `count` records from `offset` on, which must have been seen published.
    #[inline]
    pub(crate) fn lend(&self, offset: usize, count: usize) -> &[Record] {
        let first = self.region.record_at(offset).cast_const().cast::<Record>();
        let seen = self.seen.end.saturating_sub(offset) / RECORD_BYTES;
        assert!(
            self.seen.start <= offset && count <= seen,
            "Invariant M4: only what was seen published is lent"
        );
        // SAFETY:
        // - Valid and aligned: `offset` is inside the region and aligned to a record, as its base
        //   is (M1), and so are the places up to `seen.end`, each of which `look` checked. The
        //   region lives as long as the reference.
        // - Initialised: any bytes are a record.
        // - No race: their words were not zero and `look` has fenced since, so the writer stored
        //   these bytes before, and nobody stores to them again (M2, M4). Other views load the
        //   words atomically at the same time, which is no store.
        // Seen by: `reader_beside_writer_sees_whole_records_only`; `publication_*` for the order.
        unsafe { slice::from_raw_parts(first, count) }
    }
}

#[cfg(test)]
mod tests;
