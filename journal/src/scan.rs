//! Reads a segment's file with `pread` and says what is in it: for recovery, where a bad disk must
//! be an error and not a signal.
//!
//! Thread: the caller's, cold. Hot path: no.

use std::io;
use std::sync::Arc;

use model::record::Record;
use zerocopy::{FromBytes, IntoBytes};

use crate::directory::Folder;
use crate::error::OpenError;
use crate::format::{
    BLOCK_BYTES, Block, Geometry, HEADER_BYTES, Header, MARK_BYTES, MARK_OFFSETS, Mark, RECORD,
    SEGMENT_MAGIC, VERSION, open_block, record_is_good,
};
use crate::mapping::words;
use crate::storage::{Access, StoredFile};

/// Records that are read at once.
const CHUNK_RECORDS: u64 = 2_048;

/// What the place of one record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 128 zero bytes.
    Zero,
    /// The record that belongs there.
    Good,
    /// Anything else.
    Bad,
}

/// What a segment's places hold, from the first one on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Content {
    /// Good records from the start without a gap.
    pub(crate) good: u64,
    /// Good records behind the first place that is not.
    pub(crate) good_behind: u64,
    /// End of the last place that is not zero, as a count of places.
    pub(crate) used: u64,
}

/// Opens a segment's file and checks that it is the one that its name says.
///
/// # Errors
///
/// [`OpenError::SegmentMissing`], [`OpenError::SegmentWrong`] with what is wrong,
/// [`OpenError::Version`], [`OpenError::Io`].
pub(crate) fn open(
    folder: &Folder,
    geometry: Geometry,
    id: u32,
    access: Access,
) -> Result<Arc<dyn StoredFile>, OpenError> {
    let path = folder.segment_path(id);
    let file = match folder.storage().open(&path, access) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::SegmentMissing { path });
        }
        Err(error) => return Err(OpenError::io("open", &path)(error)),
    };
    match wrong_with(&*file, geometry, id).map_err(OpenError::io("read", &path))? {
        None => Ok(file),
        Some(Wrong::Version(found)) => Err(OpenError::Version {
            path,
            found,
            known: VERSION,
        }),
        Some(Wrong::What(what)) => Err(OpenError::SegmentWrong { path, what }),
    }
}

enum Wrong {
    Version(u32),
    What(String),
}

fn wrong_with(file: &dyn StoredFile, geometry: Geometry, id: u32) -> io::Result<Option<Wrong>> {
    let len = file.size()?;
    if len != geometry.segment_bytes {
        let expected = geometry.segment_bytes;
        let what = format!("is {len} bytes long instead of {expected}");
        return Ok(Some(Wrong::What(what)));
    }
    let mut block = [0; BLOCK_BYTES];
    file.read_exact_at(&mut block, 0)?;
    Ok(match open_block::<Header>(&block, SEGMENT_MAGIC) {
        Block::Bad => Some(Wrong::What("has a damaged header".to_owned())),
        Block::Version(found) => Some(Wrong::Version(found)),
        Block::Valid(found) => {
            let expected = geometry.header(id, found.epoch, found.created_ns);
            if found == expected {
                None
            } else if found.journal_id != geometry.journal_id {
                Some(Wrong::What("belongs to another journal".to_owned()))
            } else {
                let other = found.segment;
                Some(Wrong::What(format!("says that it is segment {other}")))
            }
        }
    })
}

/// What the two copies of a segment's durable mark say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    /// Never written.
    None,
    /// The newest whole one.
    Valid(Mark),
    /// There was one, and none can be read. A crash tears one copy at most.
    Bad,
}

/// Reads both copies of the durable mark.
///
/// # Errors
///
/// What the system says.
pub(crate) fn marks(file: &dyn StoredFile, seed: u32) -> io::Result<Marks> {
    let mut best: Option<Mark> = None;
    let mut bad = 0;
    for offset in MARK_OFFSETS {
        let mut bytes = [0; MARK_BYTES];
        file.read_exact_at(&mut bytes, offset)?;
        match Mark::read_from_bytes(&bytes) {
            Ok(mark) if mark.is_valid(seed) => {
                if best.is_none_or(|best| mark.count > best.count) {
                    best = Some(mark);
                }
            }
            Ok(_) | Err(_) => bad += u32::from(bytes != [0; MARK_BYTES]),
        }
    }
    Ok(match (best, bad) {
        (Some(mark), _) => Marks::Valid(mark),
        (None, 0 | 1) => Marks::None,
        (None, _) => Marks::Bad,
    })
}

/// Reads every place of a segment.
///
/// # Errors
///
/// What the system says.
pub(crate) fn content(
    file: &dyn StoredFile,
    geometry: Geometry,
    segment: u32,
) -> io::Result<Content> {
    let mut content = Content::default();
    let total = geometry.records_per_segment();
    let (seed, first) = (geometry.seed(segment), geometry.first_seq(segment));
    let mut buffer = vec![Record::ZERO; usize::try_from(CHUNK_RECORDS.min(total)).unwrap_or(1)];
    let mut index = 0;
    while index < total {
        let want = usize::try_from(total - index).unwrap_or(usize::MAX);
        let count = buffer.len().min(want);
        let chunk = &mut buffer[..count];
        file.read_exact_at(chunk.as_mut_bytes(), offset_of(index))?;
        if is_zero(chunk) {
            index += count as u64;
            continue;
        }
        for record in chunk.iter() {
            content.add(index, judge(seed, first + index, record));
            index += 1;
        }
    }
    Ok(content)
}

/// Reads one place: whether the record that belongs there is there, and whether anything is.
///
/// # Errors
///
/// What the system says.
pub(crate) fn place(
    file: &dyn StoredFile,
    geometry: Geometry,
    segment: u32,
    index: u64,
) -> io::Result<(bool, bool)> {
    let mut record = Record::ZERO;
    file.read_exact_at(record.as_mut_bytes(), offset_of(index))?;
    Ok(
        match judge(
            geometry.seed(segment),
            geometry.first_seq(segment) + index,
            &record,
        ) {
            Kind::Zero => (false, false),
            Kind::Good => (true, true),
            Kind::Bad => (false, true),
        },
    )
}

/// Where place `index` of a segment starts.
pub(crate) const fn offset_of(index: u64) -> u64 {
    HEADER_BYTES + index * RECORD
}

/// Most of a segment is zeros when its writer was killed early; this passes over them quickly.
fn is_zero(chunk: &[Record]) -> bool {
    chunk
        .iter()
        .map(|record| words(record).iter().fold(0, |all, word| all | word))
        .fold(0, |all, word| all | word)
        == 0
}

fn judge(seed: u32, seq: u64, record: &Record) -> Kind {
    if *record == Record::ZERO {
        Kind::Zero
    } else if record_is_good(seed, seq, record) {
        Kind::Good
    } else {
        Kind::Bad
    }
}

impl Content {
    fn add(&mut self, index: u64, kind: Kind) {
        match kind {
            Kind::Zero => {}
            Kind::Good if self.good == index => {
                self.good += 1;
                self.used = index + 1;
            }
            Kind::Good => {
                self.good_behind += 1;
                self.used = index + 1;
            }
            Kind::Bad => self.used = index + 1,
        }
    }
}
