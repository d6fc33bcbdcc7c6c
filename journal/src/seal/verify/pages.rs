//! Superblock and header pages, byte by byte.

use std::io;
use std::path::Path;

use zerocopy::FromBytes;

use super::{Bad, Verifier};
use crate::error::OpenError;
use crate::format::{
    BLOCK_BYTES, Block, HEADER_BYTES, Header, MARK_BYTES, MARK_OFFSETS, Mark, SEGMENT_MAGIC,
    SLOT_STRIDE, SUPERBLOCK_BYTES, SUPERBLOCK_MAGIC, Slot, open_block,
};
use crate::storage::{Access, StoredFile};

/// First byte that is not zero, if there is one.
pub(super) fn first_set(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte != 0)
}

impl Verifier<'_> {
    pub(super) fn check_superblock(&mut self) -> Result<(), OpenError> {
        let path = self.folder.superblock_path();
        let look = || {
            let file = self.folder.open("open", &path, Access::Read)?;
            let mut bytes = Vec::new();
            let wrong = read_whole(&*file, &mut bytes).map(|()| wrong_in_superblock(&bytes));
            wrong.map_err(OpenError::io("read", &path))
        };
        if let Some((offset, what)) = self.settle(look, Option::is_none)? {
            self.bad(&path, offset, what);
        }
        Ok(())
    }

    /// Checks the header page of a segment; gives the header block if it is right.
    pub(super) fn check_header(
        &mut self,
        file: &dyn StoredFile,
        path: &Path,
        id: u32,
    ) -> Result<Option<[u8; BLOCK_BYTES]>, OpenError> {
        let geometry = self.geometry;
        let look = || {
            let mut page = [0; HEADER_BYTES as usize];
            file.read_exact_at(&mut page, 0)
                .map_err(OpenError::io("read", path))?;
            let mut block = [0; BLOCK_BYTES];
            block.copy_from_slice(&page[..BLOCK_BYTES]);
            let is_right = match open_block::<Header>(&block, SEGMENT_MAGIC) {
                Block::Valid(found) => {
                    found == geometry.header(id, found.epoch, found.created_ns)
                        && first_set(&block[size_of::<Header>()..BLOCK_BYTES - 4]).is_none()
                }
                Block::Version(_) | Block::Bad => false,
            };
            if !is_right {
                let what = "the segment's header is damaged, or not that of this segment";
                return Ok((None, Some((0, what.to_owned())), 0));
            }
            let (wrong, promised) = wrong_in_marks(&page, geometry.seed(id));
            Ok((Some(block), wrong, promised))
        };
        let (header, wrong, promised) = self.settle(look, |(_, wrong, _)| wrong.is_none())?;
        if let Some((offset, what)) = wrong {
            self.bad(path, offset, what);
        }
        if self
            .promised
            .as_ref()
            .is_none_or(|(seq, _)| *seq < promised)
        {
            let bad = Bad {
                path: path.to_path_buf(),
                offset: MARK_OFFSETS[0],
                seqs: None,
                what: format!("the durable mark promises records up to {promised}"),
            };
            self.promised = Some((promised, bad));
        }
        Ok(header)
    }
}

fn read_whole(file: &dyn StoredFile, bytes: &mut Vec<u8>) -> io::Result<()> {
    let len = usize::try_from(file.size()?).unwrap_or(usize::MAX);
    // Far more than a superblock has; a larger file is wrong anyway.
    bytes.resize(len.min(1 << 20), 0);
    file.read_exact_at(bytes, 0)
}

type Wrong = Option<(u64, String)>;

fn wrong_in_superblock(bytes: &[u8]) -> Wrong {
    let len = bytes.len() as u64;
    if len != SUPERBLOCK_BYTES {
        let what = format!("the superblock is {len} bytes long instead of {SUPERBLOCK_BYTES}");
        return Some((len.min(SUPERBLOCK_BYTES), what));
    }
    let mut slots = Vec::new();
    for (name, start) in [("A", 0), ("B", SLOT_STRIDE)] {
        let at = start as usize;
        let mut block = [0; BLOCK_BYTES];
        block.copy_from_slice(&bytes[at..at + BLOCK_BYTES]);
        let Block::Valid(slot) = open_block::<Slot>(&block, SUPERBLOCK_MAGIC) else {
            return Some((start, format!("slot {name} of the superblock is damaged")));
        };
        let zeros = [
            (at + size_of::<Slot>(), at + BLOCK_BYTES - 4),
            (at + BLOCK_BYTES, at + SLOT_STRIDE as usize),
        ];
        for (from, to) in zeros {
            if let Some(set) = first_set(&bytes[from..to]) {
                let what = format!("behind slot {name} of the superblock stands what is not zero");
                return Some(((from + set) as u64, what));
            }
        }
        slots.push(slot);
    }
    let [a, b] = slots[..] else {
        return None;
    };
    let what = "the superblock's slots tell of two journals, or of two states of one";
    let mut same = b;
    (same.generation, same.state, same.epoch) = (a.generation, a.state, a.epoch);
    (same.last_seq, same.boot_id, same.first_segment) = (a.last_seq, a.boot_id, a.first_segment);
    let is_between = a.generation == b.generation + 1;
    let fits = same == a && (a == b || is_between);
    (!fits).then(|| (SLOT_STRIDE, what.to_owned()))
}

/// What is wrong behind a header block, and the highest promise.
fn wrong_in_marks(page: &[u8], seed: u32) -> (Wrong, u64) {
    let mut promised = 0;
    let mut at = BLOCK_BYTES;
    for start in MARK_OFFSETS {
        let start = start as usize;
        if let Some(set) = first_set(&page[at..start]) {
            return (not_zero(at + set), promised);
        }
        at = start + MARK_BYTES;
        let bytes = &page[start..at];
        if first_set(bytes).is_none() {
            continue;
        }
        let expected = |count: u64| MARK_OFFSETS[usize::from(!count.is_multiple_of(2))];
        match Mark::read_from_bytes(bytes) {
            Ok(mark) if mark.is_valid(seed) && expected(mark.count) == start as u64 => {
                promised = promised.max(mark.durable_seq);
            }
            Ok(_) | Err(_) => {
                let what = "this copy of the durable mark is damaged";
                return (Some((start as u64, what.to_owned())), promised);
            }
        }
    }
    let wrong = first_set(&page[at..]).and_then(|set| not_zero(at + set));
    (wrong, promised)
}

fn not_zero(at: usize) -> Wrong {
    let what = "in the header page stands what is not zero";
    Some((at as u64, what.to_owned()))
}
