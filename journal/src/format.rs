//! Byte layout of superblock, segment header and durable mark: the only file that knows where each
//! byte of them lives. `FORMAT.md` says the same in prose; the record itself is `model::record`.
//!
//! ```text
//! superblock   0        4096     8192
//!              | slot A | slot B |            512 bytes used of each 4096
//!
//! segment      0      512   1024    1536     2048    2560     4096            S-4096     S
//!              | head | 0   | mark A | 0     | mark B | 0     | records ...   | footer 0 |
//! ```
//!
//! Position is arithmetic: with `n = (segment_bytes - 8192) / 128` records to a segment, sequence
//! `s` is record `(s - 1) % n` of segment `(s - 1) / n`.
//!
//! Thread: any, pure functions. Hot path: [`record_checksum`]. Allocates: no. Syscalls: none.

use model::limits::RECORD_BYTES;
use model::record::Record;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::mapping::{checksum, words};

/// Version of the format that this crate writes and reads.
pub const VERSION: u32 = 1;
/// Smallest segment, bytes (448 records): for tests.
pub const SEGMENT_BYTES_MIN: u64 = 64 << 10;
/// Largest segment, bytes.
pub const SEGMENT_BYTES_MAX: u64 = 4 << 30;
/// Size of a segment unless the options say another one, bytes.
pub const SEGMENT_BYTES_DEFAULT: u64 = 256 << 20;

/// First bytes of each superblock slot.
pub(crate) const SUPERBLOCK_MAGIC: [u8; 8] = *b"CARACALJ";
/// First bytes of each segment.
pub(crate) const SEGMENT_MAGIC: [u8; 8] = *b"CARACALS";
/// Where the second superblock slot starts.
pub(crate) const SLOT_STRIDE: u64 = 4096;
/// Size of the superblock file.
pub(crate) const SUPERBLOCK_BYTES: u64 = 2 * SLOT_STRIDE;
/// Header page, before the records.
pub(crate) const HEADER_BYTES: u64 = 4096;
/// Room of the seal, behind the records.
pub(crate) const FOOTER_BYTES: u64 = 4096;
/// Where the two copies of the durable mark start; each has a sector to itself.
pub(crate) const MARK_OFFSETS: [u64; 2] = [1024, 2048];
/// Size of a superblock slot or segment header with its checksum.
pub(crate) const BLOCK_BYTES: usize = 512;
/// Where the checksum of such a block stands: its last word.
const BLOCK_CHECKSUM: usize = 508;
/// A record's size, for file offsets.
pub(crate) const RECORD: u64 = RECORD_BYTES as u64;

/// `state` of a superblock slot: a writer has the journal, or died with it.
pub(crate) const STATE_OPEN: u32 = 1;
/// `state` of a superblock slot: closed in order; `last_seq` holds.
pub(crate) const STATE_CLEAN: u32 = 2;

/// One slot of the superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Slot {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
    pub(crate) state: u32,
    /// Rises with each change; the higher valid slot holds.
    pub(crate) generation: u64,
    pub(crate) journal_id: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) created_ns: u64,
    /// How often a writer opened the journal.
    pub(crate) epoch: u64,
    /// Last record, when `state` is clean; else 0.
    pub(crate) last_seq: u64,
    /// First segment that is kept.
    pub(crate) first_segment: u32,
    pub(crate) zero: u32,
    /// Kernel's boot id at the last open; tells a killed process from a lost machine.
    pub(crate) boot_id: [u8; 16],
}

/// First block of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
    pub(crate) segment: u32,
    pub(crate) segment_bytes: u64,
    pub(crate) first_seq: u64,
    pub(crate) journal_id: u64,
    /// Epoch of the writer that made the segment.
    pub(crate) epoch: u64,
    pub(crate) created_ns: u64,
}

/// A promise kept: everything up to `durable_seq` was on stable storage when this was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Mark {
    pub(crate) durable_seq: u64,
    /// Rises with each mark in this segment, from 1; its lowest bit picks the copy.
    pub(crate) count: u64,
    /// CRC-32C of journal id, segment id and the sixteen bytes before.
    pub(crate) checksum: u32,
    pub(crate) zero: u32,
}

/// Size of a durable mark.
pub(crate) const MARK_BYTES: usize = size_of::<Mark>();

const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<Slot>() == 88 && size_of::<Header>() == 56 && MARK_BYTES == 24);
    assert!(size_of::<Slot>() <= BLOCK_CHECKSUM && BLOCK_CHECKSUM + 4 == BLOCK_BYTES);
    assert!(offset_of!(Slot, version) == 8 && offset_of!(Header, version) == 8);
    assert!(offset_of!(Slot, generation) == 16 && offset_of!(Slot, journal_id) == 24);
    assert!(offset_of!(Slot, segment_bytes) == 32 && offset_of!(Slot, created_ns) == 40);
    assert!(offset_of!(Slot, epoch) == 48 && offset_of!(Slot, last_seq) == 56);
    assert!(offset_of!(Slot, first_segment) == 64 && offset_of!(Slot, boot_id) == 72);
    assert!(offset_of!(Header, segment) == 12 && offset_of!(Header, segment_bytes) == 16);
    assert!(offset_of!(Header, first_seq) == 24 && offset_of!(Header, journal_id) == 32);
    assert!(offset_of!(Header, epoch) == 40 && offset_of!(Header, created_ns) == 48);
    assert!(offset_of!(Mark, checksum) == 16);
    assert!(HEADER_BYTES.is_multiple_of(RECORD) && FOOTER_BYTES.is_multiple_of(RECORD));
    assert!(SEGMENT_BYTES_MIN > HEADER_BYTES + FOOTER_BYTES + 2 * RECORD);
    assert!(SEGMENT_BYTES_MIN <= SEGMENT_BYTES_DEFAULT);
    assert!(SEGMENT_BYTES_DEFAULT <= SEGMENT_BYTES_MAX);
    // Sectors of the two marks must not touch each other or the header.
    assert!(MARK_OFFSETS[0] >= 512 && MARK_OFFSETS[1] >= MARK_OFFSETS[0] + 512);
    assert!(MARK_OFFSETS[1] + 512 <= HEADER_BYTES);
};

/// What a block of 512 bytes turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block<T> {
    /// Ours, this version, checksum right.
    Valid(T),
    /// The magic is ours, the version is not.
    Version(u32),
    /// Nothing that can be used.
    Bad,
}

/// A value with its zero padding and checksum, as it stands in the file.
pub(crate) fn seal_block<T: IntoBytes + Immutable>(value: &T) -> [u8; BLOCK_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    let bytes = value.as_bytes();
    block[..bytes.len()].copy_from_slice(bytes);
    let checksum = crc32c::crc32c(&block[..BLOCK_CHECKSUM]);
    block[BLOCK_CHECKSUM..].copy_from_slice(&checksum.to_le_bytes());
    block
}

/// Reads a block back. The version is judged before the rest, so that a journal of another version
/// is refused by name.
pub(crate) fn open_block<T: FromBytes>(block: &[u8; BLOCK_BYTES], magic: [u8; 8]) -> Block<T> {
    let Some((version, _)) = u32_at(block, 8) else {
        return Block::Bad;
    };
    let intact = u32_at(block, BLOCK_CHECKSUM)
        .is_some_and(|(word, _)| word == crc32c::crc32c(&block[..BLOCK_CHECKSUM]));
    if block[..8] != magic {
        return Block::Bad;
    }
    if version != VERSION {
        return Block::Version(version);
    }
    match T::read_from_prefix(block) {
        Ok((value, _)) if intact => Block::Valid(value),
        Ok(_) | Err(_) => Block::Bad,
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<(u32, &[u8])> {
    u32::read_from_prefix(bytes.get(offset..)?).ok()
}

impl Mark {
    /// The mark with its checksum for this segment.
    pub(crate) fn sealed(durable_seq: u64, count: u64, seed: u32) -> Self {
        let mut mark = Self {
            durable_seq,
            count,
            checksum: 0,
            zero: 0,
        };
        mark.checksum = crc32c::crc32c_append(seed, &mark.as_bytes()[..16]);
        mark
    }

    /// Whether the checksum is right for this segment.
    pub(crate) fn is_valid(&self, seed: u32) -> bool {
        *self == Self::sealed(self.durable_seq, self.count, seed)
    }
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    /// From the start of the file.
    pub(crate) offset: u64,
}

/// What position and checksum of a record depend on; fixed for the life of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) journal_id: u64,
    pub(crate) segment_bytes: u64,
}

impl Geometry {
    /// Whether a segment may have this size.
    pub(crate) const fn is_segment_size(bytes: u64) -> bool {
        bytes.is_power_of_two() && bytes >= SEGMENT_BYTES_MIN && bytes <= SEGMENT_BYTES_MAX
    }

    /// Records in one segment.
    pub(crate) const fn records_per_segment(self) -> u64 {
        (self.segment_bytes - HEADER_BYTES - FOOTER_BYTES) / RECORD
    }

    /// Where the footer starts: the end of the records.
    pub(crate) const fn records_end(self) -> u64 {
        HEADER_BYTES + self.records_per_segment() * RECORD
    }

    /// Sequence of a segment's first record.
    pub(crate) const fn first_seq(self, segment: u32) -> u64 {
        segment as u64 * self.records_per_segment() + 1
    }

    /// Sequence of a segment's last record.
    pub(crate) const fn last_seq(self, segment: u32) -> u64 {
        (segment as u64 + 1) * self.records_per_segment()
    }

    /// Last sequence of the last segment that is full at `seq`.
    pub(crate) const fn full_segments_end(self, seq: u64) -> u64 {
        seq / self.records_per_segment() * self.records_per_segment()
    }

    /// Where sequence `seq` stands; `None` for 0 and beyond the last segment number.
    pub(crate) fn place(self, seq: u64) -> Option<Place> {
        let index = seq.checked_sub(1)?;
        let per_segment = self.records_per_segment();
        Some(Place {
            segment: u32::try_from(index / per_segment).ok()?,
            offset: HEADER_BYTES + index % per_segment * RECORD,
        })
    }

    /// Where every checksum in this segment starts from: CRC-32C of journal id and segment id.
    /// Two segments of one journal never share it, as a CRC maps 32 bits one to one.
    pub(crate) fn seed(self, segment: u32) -> u32 {
        let journal = crc32c::crc32c(&self.journal_id.to_le_bytes());
        crc32c::crc32c_append(journal, &segment.to_le_bytes())
    }

    /// The header that this segment must have, but for epoch and time.
    pub(crate) fn header(self, segment: u32, epoch: u64, created_ns: u64) -> Header {
        Header {
            magic: SEGMENT_MAGIC,
            version: VERSION,
            segment,
            segment_bytes: self.segment_bytes,
            first_seq: self.first_seq(segment),
            journal_id: self.journal_id,
            epoch,
            created_ns,
        }
    }
}

/// CRC-32C of a record's bytes 4..128, starting from its segment's seed.
#[inline]
pub(crate) fn record_checksum(seed: u32, record: &Record) -> u32 {
    let [head, seq, tail @ ..] = words(record);
    checksum(seed, *head, *seq, tail)
}

/// Whether `record` is the one that belongs at `seq` (J1).
#[inline]
pub(crate) fn record_is_good(seed: u32, seq: u64, record: &Record) -> bool {
    record.kind != 0 && record.seq == seq && record.checksum == record_checksum(seed, record)
}
