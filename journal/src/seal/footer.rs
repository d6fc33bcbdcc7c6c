//! The footer of a sealed segment: its place in the chain, and the tree's frontier on both sides.
//!
//! ```text
//! 0        8       12      16        24       32             64      96      100        128
//! | magic  |version|segment|first seq|last seq|previous chain| chain | peaks | peaks    | 0 ...
//! |CARACALF| 1     |       |         |        |              |       | start | end, u32 |
//! 128                  128 + 32 * (start + end)                               4092   4096
//! | peaks at the start | peaks at the end      | zero ...                     | CRC  |
//! ```
//!
//! `chain = BLAKE3("caracal journal chain v1" || previous chain || header block || root)`, with the
//! segment's first 512 bytes and the tree's root at its end. The chain of the first segment that
//! was ever sealed starts from zeros. Everything follows from the records and the header, so a
//! footer can be made again, and is checked byte for byte.
//!
//! Thread: any, pure. Hot path: no.

use super::tree::{Frontier, HASH_BYTES, Hash, PEAKS_MAX};
use crate::format::{BLOCK_BYTES, FOOTER_BYTES, Geometry, VERSION};

/// First bytes of a footer.
const MAGIC: [u8; 8] = *b"CARACALF";
/// What a link of the chain is hashed behind.
const CHAIN_CONTEXT: &[u8] = b"caracal journal chain v1";
/// A footer's size in memory.
pub(crate) const FOOTER: usize = FOOTER_BYTES as usize;
/// Where the peaks start.
const PEAKS: usize = 128;
/// Where the checksum stands.
const CHECKSUM: usize = FOOTER - 4;

const _: () = assert!(PEAKS + 2 * PEAKS_MAX * HASH_BYTES <= CHECKSUM);

/// The seal of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) segment: u32,
    /// Chain of the segment before; zeros if that was not sealed.
    pub(crate) previous: Hash,
    pub(crate) chain: Hash,
    /// The tree before the segment's first record.
    pub(crate) start: Frontier,
    /// The tree behind its last record.
    pub(crate) end: Frontier,
}

/// What stands in the place of a footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Zeros: not sealed.
    Unsealed,
    /// A seal whose checksum is right.
    Sealed(Box<Footer>),
    /// Anything else.
    Bad,
}

impl Footer {
    /// Seals a segment.
    pub(crate) fn new(
        segment: u32,
        previous: Hash,
        header: &[u8; BLOCK_BYTES],
        start: Frontier,
        end: Frontier,
    ) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(CHAIN_CONTEXT).update(&previous);
        hasher.update(header).update(&end.root());
        Self {
            segment,
            previous,
            chain: *hasher.finalize().as_bytes(),
            start,
            end,
        }
    }

    /// The footer as it stands in the file.
    pub(crate) fn encode(&self, geometry: Geometry) -> [u8; FOOTER] {
        let mut bytes = [0; FOOTER];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&MAGIC);
        put(&VERSION.to_le_bytes());
        put(&self.segment.to_le_bytes());
        put(&geometry.first_seq(self.segment).to_le_bytes());
        put(&geometry.last_seq(self.segment).to_le_bytes());
        put(&self.previous);
        put(&self.chain);
        put(&(self.start.peaks().len() as u32).to_le_bytes());
        put(&(self.end.peaks().len() as u32).to_le_bytes());
        put(&[0; PEAKS - 104]);
        for peak in self.start.peaks().iter().chain(self.end.peaks()) {
            put(peak);
        }
        let checksum = crc32c::crc32c_append(geometry.seed(self.segment), &bytes[..CHECKSUM]);
        bytes[CHECKSUM..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads what stands where a segment's footer belongs.
    pub(crate) fn decode(bytes: &[u8; FOOTER], geometry: Geometry, segment: u32) -> Found {
        if bytes.iter().all(|&byte| byte == 0) {
            return Found::Unsealed;
        }
        let sealed =
            Self::read(bytes, geometry, segment).filter(|footer| footer.encode(geometry) == *bytes);
        sealed.map_or(Found::Bad, |footer| Found::Sealed(Box::new(footer)))
    }

    fn read(bytes: &[u8; FOOTER], geometry: Geometry, segment: u32) -> Option<Self> {
        let hash = |at: usize| bytes.get(at..at + HASH_BYTES)?.try_into().ok();
        let count = |at: usize| {
            let word = bytes.get(at..at + 4)?.try_into().ok()?;
            let count = usize::try_from(u32::from_le_bytes(word)).ok()?;
            Some(count).filter(|&count| count <= PEAKS_MAX)
        };
        let (starts, ends) = (count(96)?, count(100)?);
        let peaks = |from: usize, count: usize| -> Option<Vec<Hash>> {
            (from..from + count)
                .map(|i| hash(PEAKS + i * HASH_BYTES))
                .collect()
        };
        let first = geometry.first_seq(segment) - 1;
        Some(Self {
            segment,
            previous: hash(32)?,
            chain: hash(64)?,
            start: Frontier::from_peaks(first, peaks(0, starts)?)?,
            end: Frontier::from_peaks(geometry.last_seq(segment), peaks(starts, ends)?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GEOMETRY: Geometry = Geometry {
        journal_id: 77,
        segment_bytes: 64 << 10,
    };

    fn frontier(size: u64) -> Frontier {
        let mut frontier = Frontier::default();
        for n in 0..size {
            frontier.push(*blake3::hash(&n.to_le_bytes()).as_bytes());
        }
        frontier
    }

    fn footer(segment: u32) -> Footer {
        let (start, end) = (GEOMETRY.first_seq(segment) - 1, GEOMETRY.last_seq(segment));
        Footer::new(
            segment,
            [5; 32],
            &[6; BLOCK_BYTES],
            frontier(start),
            frontier(end),
        )
    }

    #[test]
    fn footer_is_read_as_it_was_written() {
        for segment in [0, 1, 2, 7] {
            let footer = footer(segment);
            let bytes = footer.encode(GEOMETRY);
            let found = Footer::decode(&bytes, GEOMETRY, segment);
            assert_eq!(found, Found::Sealed(Box::new(footer)));
            assert_eq!(Footer::decode(&bytes, GEOMETRY, segment + 1), Found::Bad);
        }
        assert_eq!(Footer::decode(&[0; FOOTER], GEOMETRY, 0), Found::Unsealed);
    }

    #[test]
    fn footer_with_any_bit_changed_is_bad() {
        let good = footer(3).encode(GEOMETRY);
        for bit in 0..8 * FOOTER {
            let mut bytes = good;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Footer::decode(&bytes, GEOMETRY, 3), Found::Bad, "bit {bit}");
        }
    }

    /// Goal: the layout that FORMAT.md describes.
    #[test]
    fn footer_layout() {
        let footer = footer(1);
        let bytes = footer.encode(GEOMETRY);
        assert_eq!(bytes[..16], *b"CARACALF\x01\0\0\0\x01\0\0\0");
        assert_eq!(bytes[16..24], 449_u64.to_le_bytes());
        assert_eq!(bytes[24..32], 896_u64.to_le_bytes());
        assert_eq!(bytes[32..64], [5; 32]);
        let mut input = b"caracal journal chain v1".to_vec();
        input.extend_from_slice(&[5; 32]);
        input.extend_from_slice(&[6; 512]);
        input.extend_from_slice(&footer.end.root());
        assert_eq!(bytes[64..96], *blake3::hash(&input).as_bytes());
        // 448 and 896 have three binary ones each.
        assert_eq!(bytes[96..104], [3, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(bytes[128..160], footer.start.peaks()[0]);
        assert_eq!(bytes[128 + 96..128 + 128], footer.end.peaks()[0]);
        assert!(bytes[128 + 192..CHECKSUM].iter().all(|&byte| byte == 0));
    }
}
