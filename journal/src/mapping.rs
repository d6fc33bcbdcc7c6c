//! Mapped memory of a segment: the only unsafe code of this crate, behind safe functions.
//!
//! [`WriteView`] stores records, [`ReadView`] loads them, [`Region`] keeps the memory alive and
//! makes its pages present. The views speak of byte offsets and whole records only. [`checksum`]
//! is here because calling a function that needs a processor feature is unsafe as well.
//!
//! Invariants
//! - M1: an access is inside the region and aligned to a record.
//! - M2: one [`WriteView`] per region; it stores a record's bytes 8..128 first, then bytes 0..8 as
//!   one atomic word with release order. A reader loads that word, fences with acquire order, and
//!   only then copies the rest (J4). A place is stored to once, so a published record stays.
//! - M3: the file behind a region has the region's length, and nobody cuts it (the writer holds the
//!   directory's lock and preallocated the file; readers check the length before they map).
//!
//! Thread: a `WriteView` belongs to one thread; the rest is shared. Hot path: yes.
//! Allocates: no. Locks: no. Syscalls: only in [`Region::populate`] and when mapping.
//! Not here: what the bytes mean (`format`), which file (`segment`).

use std::fs::File;
use std::io;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

use memmap2::{Advice, MmapOptions, MmapRaw};
use model::limits::RECORD_BYTES;
use model::record::Record;
use zerocopy::IntoBytes;

use crate::storage::Pages;

/// Bytes of the word that is stored last.
const WORD: usize = size_of::<u64>();

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
        let region = Arc::new(Self::new(mapping));
        ReadView { region }
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
        (view, ReadView { region })
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
    let head = crc32c::crc32c_append(seed, &head.as_bytes()[4..]);
    let seq = crc32c::crc32c_append(head, seq.as_bytes());
    crc32c::crc32c_append(seq, tail.as_bytes())
}

/// The only way to store into a region.
pub(crate) struct WriteView {
    region: Arc<Region>,
}

impl WriteView {
    /// Stores a record at `offset`, and publishes it to readers with its first word, `head`.
    #[inline]
    pub(crate) fn publish(&mut self, offset: usize, head: u64, seq: u64, tail: &[u64; 14]) {
        let place = self.region.record_at(offset).cast::<u64>();
        // SAFETY: the second word of a record that `record_at` checked to be inside the region.
        let second = unsafe { place.add(1) };
        // SAFETY:
        // - Valid for writes and aligned: the second word of a checked, aligned record (M1).
        // - No race: `&mut self` is the only writer (M2), and readers stop at the word that is
        //   stored below, which for this place is still zero.
        // Seen by: `reader_beside_writer_sees_whole_records_only`.
        unsafe { second.write(seq) };
        // SAFETY: as above, the third word.
        let third = unsafe { place.add(2) };
        // SAFETY:
        // - Valid for writes: the 14 words behind the second one of a checked record (M1).
        // - No overlap: `tail` is a Rust reference; nothing hands out references into a region.
        // - No race: as above (M2).
        unsafe { ptr::copy_nonoverlapping(tail.as_ptr(), third, tail.len()) };
        // Pairs with the fence in `ReadView::load`.
        self.region.word_at(offset).store(head, Ordering::Release);
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

/// A way to load from a region.
pub(crate) struct ReadView {
    region: Arc<Region>,
}

impl ReadView {
    /// The first word of the record at `offset`; zero as long as nothing is published there.
    #[inline]
    pub(crate) fn word(&self, offset: usize) -> u64 {
        self.region.word_at(offset).load(Ordering::Relaxed)
    }

    /// Copies the record at `offset` to `out` if one is published there. Its checksum is the
    /// caller's to check: after a power loss the bytes may be anything.
    #[inline]
    pub(crate) fn load(&self, offset: usize, out: &mut Record) -> bool {
        // A relaxed load and a fence, because an acquire load is not promised to work on pages that
        // are mapped read-only.
        let word = self.word(offset);
        if word == 0 {
            return false;
        }
        // Pairs with the release store in `WriteView::publish`.
        fence(Ordering::Acquire);
        let place = self.region.record_at(offset);
        // SAFETY: `WORD` is less than a record, which `record_at` checked to be inside the region.
        let rest = unsafe { place.add(WORD) };
        let bytes = out.as_mut_bytes();
        bytes[..WORD].copy_from_slice(&word.to_le_bytes());
        // SAFETY:
        // - Valid for reads: the 120 bytes behind the first word of a checked record (M1).
        // - No overlap: `out` is a Rust reference; nothing hands out references into a region.
        // - No race: the word was not zero, so the writer stored these bytes before it and never
        //   stores to them again (M2). The checksum finds a process that breaks this.
        // Seen by: `reader_beside_writer_sees_whole_records_only`.
        unsafe {
            let from = rest.cast_const();
            ptr::copy_nonoverlapping(from, bytes[WORD..].as_mut_ptr(), RECORD_BYTES - WORD);
        }
        true
    }
}

#[cfg(test)]
mod tests;
