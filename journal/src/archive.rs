//! Archived segments: a full segment, packed, beside the journal's other files.
//!
//! ```text
//! | one zstd frame                          | skippable frame                               |
//! | with content length and checksum        | magic u32 | 32 u32 | BLAKE3 of what is before |
//! ```
//!
//! Any zstd tool unpacks that to the raw segment. The hash is there because a frame has bits that
//! change nothing: with it, every bit of the file is checked.
//!
//! Thread: any, cold. Hot path: no.

pub(crate) mod read;
mod write;

pub use write::{ArchiveOptions, Archived, archive};

/// Bytes behind the frame.
const TRAILER_BYTES: usize = 8 + blake3::OUT_LEN;

/// What stands behind a frame whose bytes gave `hash`.
pub(crate) fn trailer(hash: &blake3::Hash) -> [u8; TRAILER_BYTES] {
    const SKIPPABLE: u32 = 0x184D_2A50;
    let mut trailer = [0; TRAILER_BYTES];
    trailer[..4].copy_from_slice(&SKIPPABLE.to_le_bytes());
    trailer[4] = blake3::OUT_LEN as u8;
    trailer[8..].copy_from_slice(hash.as_bytes());
    trailer
}
