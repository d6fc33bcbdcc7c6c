//! Records as the tree takes them: read from the segments' files with `pread`, each with its
//! checksum verified before it is hashed, by groups, on as many threads as is wanted.
//!
//! Reading a live segment through the page cache is sound for what was published before: the
//! writer's mapping is the same memory, and a published record is not stored to again.
//!
//! Thread: any, cold. Hot path: no.

use std::io;
use std::sync::Arc;

use super::tree::{Frontier, GROUP, GROUP_BYTES, Hash, group};
use crate::directory::Folder;
use crate::error::OpenError;
use crate::format::{Geometry, Place, RECORD};
use crate::scan;
use crate::storage::{Access, StoredFile};

/// Groups that are read at once: 1 MiB.
const CHUNK_GROUPS: u64 = 256;
/// Fewer groups than this are not worth a thread.
const THREAD_GROUPS: u64 = 512;

/// Why records could not be hashed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The record that belongs at `seq` is not there.
    Bad {
        /// Its sequence.
        seq: u64,
    },
    /// A segment could not be read.
    Open(OpenError),
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

/// Reads records of one journal.
pub(crate) struct Records {
    folder: Folder,
    geometry: Geometry,
    open: Option<(u32, Arc<dyn StoredFile>)>,
    buffer: Vec<u8>,
}

impl Records {
    pub(crate) fn new(folder: &Folder, geometry: Geometry) -> Self {
        Self {
            folder: folder.clone(),
            geometry,
            open: None,
            buffer: Vec::new(),
        }
    }

    /// Another reader of the same journal; an archive is unpacked once for all.
    fn again(&self) -> Self {
        let open = self.open.clone();
        Self {
            open,
            ..Self::new(&self.folder, self.geometry)
        }
    }

    /// The stored bytes of `count` records from `seq` on, all in one segment, each verified.
    pub(crate) fn read(&mut self, seq: u64, count: u64) -> Result<&[u8], Fault> {
        let place = self.geometry.place(seq).ok_or(Fault::Bad { seq })?;
        let file = self.file(place.segment)?;
        let len = usize::try_from(count * RECORD).unwrap_or(usize::MAX);
        self.buffer.resize(len, 0);
        file.read_exact_at(&mut self.buffer, place.offset)
            .map_err(|error| self.unreadable(place, error))?;
        let seed = self.geometry.seed(place.segment);
        let records = self.buffer.chunks_exact(RECORD as usize);
        for (seq, record) in (seq..).zip(records) {
            if !is_good(seed, seq, record) {
                return Err(Fault::Bad { seq });
            }
        }
        Ok(&self.buffer)
    }

    fn file(&mut self, segment: u32) -> Result<Arc<dyn StoredFile>, Fault> {
        if let Some((open, file)) = &self.open
            && *open == segment
        {
            return Ok(Arc::clone(file));
        }
        let file = scan::open(&self.folder, self.geometry, segment, Access::Read)?;
        self.open = Some((segment, Arc::clone(&file)));
        Ok(file)
    }

    fn unreadable(&self, place: Place, error: io::Error) -> Fault {
        let path = self.folder.segment_path(place.segment);
        Fault::Open(OpenError::io("read", &path)(error))
    }

    /// Roots of `count` groups from `first` on (group `g` begins with sequence `32 g + 1`).
    fn groups_alone(&mut self, first: u64, count: u64) -> Result<Vec<Hash>, Fault> {
        let mut hashes = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
        let mut at = first;
        while at < first + count {
            let in_segment = self.geometry.records_per_segment() / GROUP;
            let to_end = in_segment - at % in_segment;
            let some = CHUNK_GROUPS.min(to_end).min(first + count - at);
            let bytes = self.read(at * GROUP + 1, some * GROUP)?;
            hashes.extend(bytes.chunks_exact(GROUP_BYTES).map(group));
            at += some;
        }
        Ok(hashes)
    }

    /// Roots of `count` groups from `first` on, computed on up to `threads` threads.
    pub(crate) fn groups(
        &mut self,
        first: u64,
        count: u64,
        threads: u64,
    ) -> Result<Vec<Hash>, Fault> {
        let threads = threads.min(count / THREAD_GROUPS);
        if threads <= 1 {
            return self.groups_alone(first, count);
        }
        let share = count.div_ceil(threads);
        if let Some(place) = self.geometry.place(first * GROUP + 1) {
            self.file(place.segment)?;
        }
        let parts = std::thread::scope(|scope| {
            let handles: Vec<_> = (first..first + count)
                .step_by(usize::try_from(share).unwrap_or(usize::MAX))
                .map(|from| {
                    let mut records = self.again();
                    let some = share.min(first + count - from);
                    scope.spawn(move || records.groups_alone(from, some))
                })
                .collect();
            let join = |handle: std::thread::ScopedJoinHandle<'_, _>| {
                handle.join().unwrap_or_else(|_| {
                    let error = io::Error::other("a hashing thread ended in a panic");
                    let dir = self.folder.dir();
                    Err(Fault::Open(OpenError::io("hash the records of", dir)(
                        error,
                    )))
                })
            };
            handles.into_iter().map(join).collect::<Vec<_>>()
        });
        let mut hashes = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
        // In order, so that the first fault is the first in the log.
        for part in parts {
            hashes.extend(part?);
        }
        Ok(hashes)
    }

    /// Root over the first `size` records, from `base`, which holds all whole groups of them.
    pub(crate) fn root_at(&mut self, base: &Frontier, size: u64) -> Result<Hash, Fault> {
        let rest = size - base.size();
        if rest == 0 {
            return Ok(base.root());
        }
        let mut frontier = base.clone();
        frontier.push_records(self.read(base.size() + 1, rest)?);
        Ok(frontier.root())
    }
}

/// Whether these 128 bytes are the record that belongs at `seq`. For any alignment.
pub(crate) fn is_good(seed: u32, seq: u64, record: &[u8]) -> bool {
    let checksum = crc32c::crc32c_append(seed, &record[4..]);
    record[4] != 0 && record[8..16] == seq.to_le_bytes() && record[..4] == checksum.to_le_bytes()
}

/// Threads that a check may use: all, as somebody waits for it.
pub(crate) fn all_threads() -> u64 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u64)
}

const _: () = {
    // Groups do not straddle segments.
    use crate::format::SEGMENT_BYTES_MIN;
    let smallest = Geometry {
        journal_id: 0,
        segment_bytes: SEGMENT_BYTES_MIN,
    };
    assert!(smallest.records_per_segment().is_multiple_of(GROUP));
    // A larger one has a multiple of the smallest one's 512 places more.
    assert!((SEGMENT_BYTES_MIN / RECORD).is_multiple_of(GROUP));
};
