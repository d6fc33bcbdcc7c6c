//! The records: read once, verified, hashed into the tree, and held against all that vouches for
//! them: footers, `leaves`, the sizes of the checkpoints.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::files;
use super::super::open::{footer_bytes, frontier_of_leaves};
use super::super::records::{Fault, Records, all_threads};
use super::super::tree::{Frontier, GROUP, Hash};
use super::notes::{Mismatch, Notes};
use super::places::At;
use super::{Claim, Verifier};
use crate::archive;
use crate::error::OpenError;
use crate::format::RECORD;
use crate::storage::{Access, StoredFile};

/// Groups between two reports of how far it is: 8 MiB of records.
const STEP_GROUPS: u64 = 2048;

/// What a walk over all segments found.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) records: u64,
    pub(super) last_seq: u64,
    pub(super) covered: u64,
    pub(super) held: u64,
    pub(super) sealed: u64,
    pub(super) archived: u64,
    pub(super) mismatch: Option<Mismatch>,
    /// The first group whose hash is not the one in `leaves`.
    pub(super) group: Option<u64>,
    /// The tree over whole groups; `None` where a record is missing whose hash is not known.
    pub(super) tree: Option<Frontier>,
    /// Chain of the last sealed segment.
    pub(super) chain: Option<Hash>,
    /// A full segment is not sealed.
    pub(super) has_unsealed: bool,
    /// The end was found; what follows is only prepared.
    ended: bool,
}

/// A segment's file and where it is.
type Opened = (Arc<dyn StoredFile>, PathBuf);

impl Walk {
    /// Nothing in a segment can be told. What follows is looked at all the same.
    fn skip_segment(&mut self, last_seq: u64, leaves: &[Hash]) {
        self.last_seq = last_seq;
        self.skip_to(last_seq, leaves);
        self.chain = None;
    }

    /// Goes on behind records that are missing, with their hashes from `leaves` if it has them.
    fn skip_to(&mut self, size: u64, leaves: &[Hash]) {
        let Some(tree) = &mut self.tree else {
            return;
        };
        while tree.size() < size {
            let group = usize::try_from(tree.size() / GROUP).ok();
            match group.and_then(|group| leaves.get(group)) {
                Some(hash) if *hash != [0; 32] => tree.push_group(*hash),
                Some(_) | None => {
                    self.tree = None;
                    return;
                }
            }
        }
    }
}

/// Good records from some place on: how many, and the roots of their whole groups.
struct Good {
    count: u64,
    hashes: Vec<Hash>,
}

impl Verifier<'_> {
    pub(super) fn walk_segments(
        &mut self,
        leaves: &[Hash],
        notes: &Notes,
    ) -> Result<Walk, OpenError> {
        let first = self.slot.first_segment;
        let mut walk = Walk {
            last_seq: self.geometry.first_seq(first) - 1,
            ..Walk::default()
        };
        walk.tree = frontier_of_leaves(leaves, walk.last_seq / GROUP);
        let binding = notes.binding();
        let mut sizes = binding.as_slice();
        let mut segments = files::segments(self.folder)?;
        // What a prune has not removed yet is no part of the log.
        segments.retain(|&id| id >= first);
        for (expected, &id) in (first..).zip(&segments) {
            let path = self.folder.segment_path(expected);
            if id != expected {
                let what = "this segment is missing";
                self.bad(&path, 0, what);
                break;
            }
            if let Some((file, path)) = self.open_segment(&mut walk, id)? {
                self.check_segment(&mut walk, &*file, &path, id, leaves, &mut sizes)?;
            } else {
                walk.skip_segment(self.geometry.last_seq(id), leaves);
            }
        }
        if segments.is_empty() && self.slot.epoch > 0 {
            let path = self.folder.segment_path(first);
            self.bad(&path, 0, "this segment is missing");
        }
        let held = |claim: &&&Claim| notes.held.iter().any(|held| std::ptr::eq(held, **claim));
        let fits = |claim: &&&Claim| {
            let limit = walk.mismatch.as_ref().map_or(walk.last_seq, |m| m.agreed);
            claim.said.size <= limit && walk.tree.is_some()
        };
        walk.held = binding.iter().filter(held).filter(fits).count() as u64;
        Ok(walk)
    }

    /// A segment, raw or unpacked; both are looked at if there are both.
    fn open_segment(&mut self, walk: &mut Walk, id: u32) -> Result<Option<Opened>, OpenError> {
        let path = self.folder.segment_path(id);
        let raw = match self.folder.has(&path)? {
            true => Some(self.folder.open("open", &path, Access::Read)?),
            false => None,
        };
        let archive_path = archive::read::path_of(self.folder, id);
        let archived = match archive::read::open(self.folder, self.geometry, id) {
            Ok(archived) => archived,
            Err(OpenError::SegmentWrong { what, .. }) => {
                self.bad(&archive_path, 0, format!("the archive {what}"));
                return Ok(raw.map(|raw| (raw, path)));
            }
            Err(error) => return Err(error),
        };
        let (Some(raw), Some(unpacked)) = (&raw, &archived) else {
            walk.archived += u64::from(archived.is_some());
            return Ok(raw
                .map(|raw| (raw, path))
                .or(archived.map(|file| (file, archive_path))));
        };
        let footer = |file: &dyn StoredFile| footer_bytes(file, self.geometry);
        let same = footer(&**raw).and_then(|raw| Ok(raw == footer(&**unpacked)?));
        if !same.map_err(OpenError::io("read", &path))? {
            self.bad(
                &archive_path,
                0,
                "the archive is not that of the segment beside it",
            );
        }
        Ok(Some((Arc::clone(raw), path)))
    }

    fn check_segment(
        &mut self,
        walk: &mut Walk,
        file: &dyn StoredFile,
        path: &Path,
        id: u32,
        leaves: &[Hash],
        sizes: &mut &[&Claim],
    ) -> Result<(), OpenError> {
        let len = file.size().map_err(OpenError::io("read", path))?;
        let expected = self.geometry.segment_bytes;
        if len != expected {
            let what = format!("the segment is {len} bytes long instead of {expected}");
            self.bad(path, len.min(expected), what);
            walk.ended = true;
            return Ok(());
        }
        let header = self.check_header(file, path, id)?;
        let first = self.geometry.first_seq(id);
        if walk.ended {
            self.check_behind(file, path, id, 0)?;
            self.check_footer(walk, file, path, id, None)?;
            self.tell(self.begun + len);
            self.begun += len;
            return Ok(());
        }
        if header.is_none() {
            walk.skip_segment(self.geometry.last_seq(id), leaves);
            return Ok(());
        }
        let start = walk.tree.clone();
        let places = self.geometry.records_per_segment();
        let end = self.walk_segment(walk, file, path, id, leaves, sizes)?;
        walk.last_seq = first + end - 1;
        if end < places {
            walk.ended = true;
            self.check_behind(file, path, id, end)?;
            self.check_footer(walk, file, path, id, None)?;
        } else {
            let sealed = header.zip(start).filter(|_| walk.tree.is_some());
            self.check_footer(walk, file, path, id, Some(sealed))?;
        }
        self.tell(self.begun + len);
        self.begun += len;
        Ok(())
    }

    /// Reads a segment's records into the tree, damage passed over; says where they end.
    fn walk_segment(
        &mut self,
        walk: &mut Walk,
        file: &dyn StoredFile,
        path: &Path,
        id: u32,
        leaves: &[Hash],
        sizes: &mut &[&Claim],
    ) -> Result<u64, OpenError> {
        let first = self.geometry.first_seq(id);
        let places = self.geometry.records_per_segment();
        let mut end = 0;
        while end < places {
            let is_aligned = end.is_multiple_of(GROUP);
            if is_aligned {
                let good = self.read_good(id, end / GROUP)?;
                self.fold(walk, first + end, &good, leaves, sizes)?;
                end += good.count;
                walk.records += good.count;
                walk.last_seq = first + end - 1;
            } else {
                // The rest of a group with damage in it.
                while !end.is_multiple_of(GROUP) && self.is_record(file, path, id, end)? {
                    end += 1;
                    walk.records += 1;
                }
                if end.is_multiple_of(GROUP) {
                    walk.skip_to(first + end - 1, leaves);
                    continue;
                }
            }
            if end == places {
                break;
            }
            match self.look_at(file, path, id, end)? {
                At::End => break,
                // The writer was there in between: its group is read again.
                At::Record if is_aligned => {
                    walk.records -= end % GROUP;
                    end -= end % GROUP;
                }
                At::Record => {}
                At::Damage(next) => {
                    let what = "missing or damaged, and there are records behind it";
                    self.bad_records(first + end, first + next - 1, what);
                    end = next;
                    if end.is_multiple_of(GROUP) {
                        walk.skip_to(first + end - 1, leaves);
                    }
                }
            }
        }
        Ok(end)
    }

    /// Reads records from group `from` of a segment on, up to the first place that is not good.
    fn read_good(&mut self, id: u32, from: u64) -> Result<Good, OpenError> {
        let first = (self.geometry.first_seq(id) - 1) / GROUP;
        let groups = self.geometry.records_per_segment() / GROUP;
        let mut records = Records::new(self.folder, self.geometry);
        let mut hashes = Vec::new();
        let mut at = from;
        while at < groups {
            let some = STEP_GROUPS.min(groups - at);
            match records.groups(first + at, some, all_threads()) {
                Ok(more) => {
                    hashes.extend(more);
                    at += some;
                    self.tell(self.begun + at * GROUP * RECORD);
                }
                Err(Fault::Bad { seq }) => {
                    let whole = (seq - 1) / GROUP - first - at;
                    match records.groups(first + at, whole, all_threads()) {
                        Ok(more) => hashes.extend(more),
                        Err(Fault::Bad { .. }) => {}
                        Err(Fault::Open(error)) => return Err(error),
                    }
                    let count = seq - (first + from) * GROUP - 1;
                    return Ok(Good { count, hashes });
                }
                Err(Fault::Open(error)) => return Err(error),
            }
        }
        let count = (groups - from) * GROUP;
        Ok(Good { count, hashes })
    }

    /// Takes a segment's groups into the tree; compares them with `leaves`, and the tree with each
    /// checkpoint whose size it passes.
    fn fold(
        &mut self,
        walk: &mut Walk,
        first: u64,
        good: &Good,
        leaves: &[Hash],
        sizes: &mut &[&Claim],
    ) -> Result<(), OpenError> {
        let mut records = Records::new(self.folder, self.geometry);
        let end = first + good.count - 1;
        let start = (first - 1) / GROUP;
        let mut hashes = (start..).zip(&good.hashes);
        loop {
            let next = hashes.next();
            if let (Some((group, hash)), None) = (next, walk.group) {
                let stored = usize::try_from(group).ok().and_then(|at| leaves.get(at));
                let differs = stored.is_some_and(|stored| *stored != [0; 32] && stored != hash);
                walk.group = differs.then_some(group);
            }
            let base = walk.tree.as_ref().map(Frontier::size);
            while let Some((claim, rest)) = sizes.split_first()
                && claim.said.size <= end
                && base.is_none_or(|base| claim.said.size < base + GROUP)
            {
                *sizes = rest;
                self.compare(walk, &mut records, claim)?;
            }
            let Some((_, hash)) = next else {
                return Ok(());
            };
            if let Some(tree) = &mut walk.tree {
                tree.push_group(*hash);
            }
        }
    }

    fn compare(
        &mut self,
        walk: &mut Walk,
        records: &mut Records,
        claim: &Claim,
    ) -> Result<(), OpenError> {
        let size = claim.said.size;
        let (Some(tree), None) = (&walk.tree, &walk.mismatch) else {
            return Ok(());
        };
        if size < tree.size() {
            // Before the first record that is kept: nothing is left to compare with.
            return Ok(());
        }
        let root = match records.root_at(tree, size) {
            Ok(root) => root,
            Err(Fault::Open(error)) => return Err(error),
            Err(Fault::Bad { seq }) => {
                self.bad_records(seq, seq, "the record changed while it was looked at");
                return Ok(());
            }
        };
        if root == claim.said.root {
            walk.covered = walk.covered.max(size);
            return Ok(());
        }
        let group = walk
            .group
            .map(|group| (group * GROUP + 1, (group + 1) * GROUP));
        walk.mismatch = Some(Mismatch {
            size,
            path: claim.path.clone(),
            offset: claim.offset,
            agreed: walk.covered,
            group,
        });
        Ok(())
    }
}
