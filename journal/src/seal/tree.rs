//! The Merkle tree over a journal's records: RFC 6962 (section 2.1) with BLAKE3 as its hash.
//!
//! ```text
//! leaf(record) = BLAKE3(0x00 || the record's 128 bytes as stored)
//! node(l, r)   = BLAKE3(0x01 || l || r)
//! root(n)      = node(root of the first k, root of the rest), k the largest power of two below n
//! ```
//!
//! Leaf `i` is the record with sequence `i + 1`. A [`Frontier`] is all that appending needs: the
//! roots of the complete subtrees (*peaks*) that the size's binary digits stand for. 32 records
//! from a multiple of 32 on are a [`GROUP`]: a complete subtree that the file `leaves` has by hash.
//!
//! Thread: any, pure. Hot path: no. Allocates: proofs only, and a frontier's first growth.

use model::limits::RECORD_BYTES;

/// A BLAKE3 hash.
pub(crate) type Hash = [u8; 32];
/// Size of a hash.
pub(crate) const HASH_BYTES: usize = 32;
/// Records of a group.
pub(crate) const GROUP: u64 = 1 << GROUP_HEIGHT;
/// Levels between a group's root and its leaves.
const GROUP_HEIGHT: u32 = 5;
/// Bytes of a group's records.
pub(crate) const GROUP_BYTES: usize = RECORD_BYTES << GROUP_HEIGHT;
/// Most peaks that a frontier can have: sequences are below 2^60.
pub(crate) const PEAKS_MAX: usize = 60;

/// Hash of one record; `record` is 128 bytes.
pub(crate) fn leaf(record: &[u8]) -> Hash {
    let mut input = [0; 1 + RECORD_BYTES];
    input[1..].copy_from_slice(record);
    *blake3::hash(&input).as_bytes()
}

/// Hash over two subtrees.
pub(crate) fn node(left: &Hash, right: &Hash) -> Hash {
    let mut input = [1; 1 + 2 * HASH_BYTES];
    input[1..=HASH_BYTES].copy_from_slice(left);
    input[1 + HASH_BYTES..].copy_from_slice(right);
    *blake3::hash(&input).as_bytes()
}

/// Root of a group's 32 records, given as their bytes.
pub(crate) fn group(records: &[u8]) -> Hash {
    let mut level = [[0; HASH_BYTES]; 1 << GROUP_HEIGHT];
    for (hash, record) in level.iter_mut().zip(records.chunks_exact(RECORD_BYTES)) {
        *hash = leaf(record);
    }
    let mut width = level.len();
    while width > 1 {
        width /= 2;
        for i in 0..width {
            level[i] = node(&level[2 * i], &level[2 * i + 1]);
        }
    }
    level[0]
}

/// The right edge of a tree: enough to append to it and to know its root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Frontier {
    size: u64,
    /// Roots of the complete subtrees, the largest (leftmost) first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// A frontier as it was stored; `None` if the count of peaks is not that of the size.
    pub(crate) fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (size.count_ones() as usize == peaks.len() && peaks.len() <= PEAKS_MAX)
            .then_some(Self { size, peaks })
    }

    /// Records under it.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, the largest first.
    pub(crate) fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends one leaf.
    pub(crate) fn push(&mut self, leaf: Hash) {
        self.push_subtree(0, leaf);
    }

    /// Appends a group; the size must be a multiple of [`GROUP`].
    pub(crate) fn push_group(&mut self, hash: Hash) {
        self.push_subtree(GROUP_HEIGHT, hash);
    }

    /// Appends the leaves of whole records, by groups where they are aligned.
    pub(crate) fn push_records(&mut self, mut records: &[u8]) {
        while records.len() >= RECORD_BYTES {
            let at = if self.size.is_multiple_of(GROUP) && records.len() >= GROUP_BYTES {
                self.push_group(group(&records[..GROUP_BYTES]));
                GROUP_BYTES
            } else {
                self.push(leaf(&records[..RECORD_BYTES]));
                RECORD_BYTES
            };
            records = &records[at..];
        }
    }

    fn push_subtree(&mut self, height: u32, mut hash: Hash) {
        let mut complete = self.size >> height;
        assert_eq!(
            complete << height,
            self.size,
            "a subtree of 2^{height} leaves begins at a multiple of its size"
        );
        self.size += 1 << height;
        while complete & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = node(&left, &hash);
            complete >>= 1;
        }
        self.peaks.push(hash);
    }

    /// Root of the tree; for no records the hash of nothing, as the RFC says.
    pub(crate) fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(&last) = peaks.next() else {
            return *blake3::hash(&[]).as_bytes();
        };
        peaks.fold(last, |right, left| node(left, &right))
    }
}

mod proofs;

pub(crate) use proofs::{Source, consistency, inclusion, is_consistent, root_by_inclusion};
#[cfg(test)]
mod tests;
