//! The damaged journal: whatever of it can be read, place by place, without believing more of it
//! than each record's own checksum proves.

use std::collections::BTreeSet;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::record::Record;
use zerocopy::IntoBytes;

use super::SalvageError;
use crate::archive;
use crate::directory::Folder;
use crate::error::OpenError;
use crate::format::{
    BLOCK_BYTES, Block, Geometry, Header, SEGMENT_MAGIC, VERSION, open_block, record_is_good,
};
use crate::scan::{self, Marks};
use crate::storage::{Access, Held, StoredFile};
use crate::superblock;

/// Places that are read at once, as long as the disk can.
const CHUNK: u64 = 2_048;

/// What a place holds.
pub(super) enum Found<'a> {
    /// The record that belongs there.
    Good(&'a Record),
    /// Anything else: nothing, or no such record.
    Nothing {
        /// The system could not read it.
        unreadable: bool,
    },
}

/// A segment's bytes, if there are any.
type File = Option<Arc<dyn StoredFile>>;

/// What is known of the source.
pub(super) struct Source {
    folder: Folder,
    pub(super) geometry: Geometry,
    /// How often a writer opened it, as far as that is known.
    pub(super) epoch: u64,
    /// First and last segment.
    pub(super) first: u32,
    pub(super) last: u32,
    /// Highest sequence that a clean close or a durable mark of a header page vouches for.
    pub(super) promised: u64,
    pub(super) snapshots: BTreeSet<u64>,
    pub(super) remarks: Vec<String>,
}

/// Takes the writer's lock, if the source has one and can be written to at all.
pub(super) fn lock_if_possible(folder: &Folder) -> Result<Option<Held>, OpenError> {
    if !folder.has(&folder.dir().join("lock"))? {
        return Ok(None);
    }
    match folder.lock() {
        Ok(held) => Ok(Some(held)),
        // On a read-only medium, or of another user: there is no writer that we could stop.
        Err(OpenError::Io { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Source {
    /// Looks at the names, the superblock and the segments' headers.
    pub(super) fn open(folder: &Folder) -> Result<Self, SalvageError> {
        let names = folder.storage().list(folder.dir());
        let names = names.map_err(OpenError::io("read directory", folder.dir()))?;
        let (mut segments, mut snapshots) = (BTreeSet::new(), BTreeSet::new());
        for name in &names {
            let number = |text: &str| text.parse::<u64>().ok();
            if let Some(digits) = name.strip_prefix("segment-") {
                let digits = digits.strip_suffix(".zst").unwrap_or(digits);
                segments.extend(number(digits).and_then(|number| u32::try_from(number).ok()));
            } else if let Some(digits) = name.strip_prefix("snapshot-") {
                snapshots.extend(number(digits));
            }
        }
        let mut remarks = Vec::new();
        let slot = match superblock::read(folder) {
            Ok(slot) => Some(slot),
            Err(error @ OpenError::Version { .. }) => return Err(error.into()),
            Err(error) => {
                remarks.push(error.to_string());
                None
            }
        };
        let headers: Vec<Header> = segments
            .iter()
            .filter_map(|&segment| header(folder, segment).transpose())
            .collect::<Result<_, _>>()?;
        let geometry = match (slot, headers.first()) {
            (Some(slot), _) => slot.geometry(),
            (None, Some(header)) => Geometry {
                journal_id: header.journal_id,
                segment_bytes: header.segment_bytes,
            },
            (None, None) => {
                let path = folder.dir().to_path_buf();
                return Err(SalvageError::NoGeometry { path });
            }
        };
        let epochs = headers.iter().map(|header| header.epoch).max();
        // What a prune left behind is not part of the log any more.
        let first = slot.map_or_else(
            || segments.first().copied().unwrap_or(0),
            |slot| slot.first_segment,
        );
        let last = segments.last().copied().unwrap_or(first).max(first);
        let mut source = Self {
            folder: folder.clone(),
            geometry,
            epoch: slot.map_or(0, |slot| slot.epoch).max(epochs.unwrap_or(0)),
            first,
            last,
            promised: slot.and_then(|slot| slot.clean_seq()).unwrap_or(0),
            snapshots,
            remarks,
        };
        source.promised = source.promised.max(source.marks());
        Ok(source)
    }

    /// All segments that there should be, from the first to the last.
    pub(super) fn segments(&self) -> RangeInclusive<u32> {
        self.first..=self.last
    }

    /// The highest durable mark of the header pages that can be read.
    fn marks(&self) -> u64 {
        let mark = |segment| {
            let path = self.folder.segment_path(segment);
            let file = self.folder.storage().open(&path, Access::Read).ok()?;
            match scan::marks(&*file, self.geometry.seed(segment)) {
                Ok(Marks::Valid(mark)) => Some(mark.durable_seq),
                Ok(Marks::None | Marks::Bad) | Err(_) => None,
            }
        };
        self.segments().filter_map(mark).max().unwrap_or(0)
    }

    /// Shows every place of a segment, in order. Says what is wrong with its file, if that is more
    /// than single places.
    pub(super) fn read(
        &self,
        segment: u32,
        each: &mut dyn FnMut(u64, Found<'_>) -> Result<(), SalvageError>,
    ) -> Result<Option<String>, SalvageError> {
        let (file, remark) = self.file(segment)?;
        let geometry = self.geometry;
        let (first, total) = (geometry.first_seq(segment), geometry.records_per_segment());
        let Some(file) = file else {
            for seq in first..first + total {
                each(seq, Found::Nothing { unreadable: false })?;
            }
            return Ok(remark);
        };
        let seed = geometry.seed(segment);
        let mut buffer = vec![Record::ZERO; usize::try_from(CHUNK.min(total)).unwrap_or(1)];
        let mut index = 0;
        let mut second = None;
        while index < total {
            let left = usize::try_from(total - index).unwrap_or(usize::MAX);
            let some = buffer.len().min(left);
            let chunk = &mut buffer[..some];
            let whole = file.read_exact_at(chunk.as_mut_bytes(), scan::offset_of(index));
            for record in chunk {
                let seq = first + index;
                // Where the disk cannot read all of a piece, it may still read the rest of it.
                let unreadable = whole.is_err() && !read_alone(&*file, index, record);
                let mut good = !unreadable && record_is_good(seed, seq, record);
                if !good && (unreadable || *record != Record::ZERO) {
                    let second = second
                        .get_or_insert_with(|| self.archived(segment))
                        .as_ref();
                    good = second.is_some_and(|file| read_alone(&**file, index, record))
                        && record_is_good(seed, seq, record);
                }
                let found = if good {
                    Found::Good(record)
                } else {
                    Found::Nothing { unreadable }
                };
                each(seq, found)?;
                index += 1;
            }
        }
        Ok(remark)
    }

    /// The archive of a segment that is there raw as well, if it can be unpacked.
    fn archived(&self, segment: u32) -> File {
        archive::read::open(&self.folder, self.geometry, segment).ok()?
    }

    /// The raw file, or the unpacked archive; with a remark if it is not what it should be.
    fn file(&self, segment: u32) -> Result<(File, Option<String>), SalvageError> {
        match scan::open(&self.folder, self.geometry, segment, Access::Read) {
            Ok(file) => Ok((Some(file), None)),
            Err(error @ OpenError::Version { .. }) => Err(error.into()),
            Err(error) => {
                // Its records prove themselves, whatever its header or length.
                let path = self.folder.segment_path(segment);
                let raw = self.folder.storage().open(&path, Access::Read).ok();
                Ok((raw, Some(error.to_string())))
            }
        }
    }
}

/// Reads one place again, on its own; whether that worked.
fn read_alone(file: &dyn StoredFile, index: u64, record: &mut Record) -> bool {
    *record = Record::ZERO;
    match file.read_exact_at(record.as_mut_bytes(), scan::offset_of(index)) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            // A file that was cut: nothing is there, and that is no fault of the disk.
            *record = Record::ZERO;
            true
        }
        Err(_) => false,
    }
}

/// A segment's header, if it can be read and is one.
fn header(folder: &Folder, segment: u32) -> Result<Option<Header>, OpenError> {
    let path = folder.segment_path(segment);
    let mut block = [0; BLOCK_BYTES];
    let file = folder.storage().open(&path, Access::Read);
    if file
        .and_then(|file| file.read_exact_at(&mut block, 0))
        .is_err()
    {
        return Ok(None);
    }
    match open_block::<Header>(&block, SEGMENT_MAGIC) {
        Block::Valid(header) if Geometry::is_segment_size(header.segment_bytes) => Ok(Some(header)),
        Block::Version(found) => Err(OpenError::Version {
            path,
            found,
            known: VERSION,
        }),
        Block::Valid(_) | Block::Bad => Ok(None),
    }
}
