//! Reads a segment's file with `pread` and says what is in it: for recovery, where a bad disk must
//! be an error and not a signal.
//!
//! Thread: the caller's, cold. Hot path: no.

use std::io;
use std::sync::Arc;

use model::body::DurableMark;
use model::record::Record;
use zerocopy::{FromBytes, IntoBytes};

use crate::archive;
use crate::directory::Folder;
use crate::error::OpenError;
use crate::format::{
    BLOCK_BYTES, Block, Geometry, HEADER_BYTES, Header, MARK_BYTES, MARK_OFFSETS, Mark, RECORD,
    SEGMENT_MAGIC, VERSION, open_block, record_is_good,
};
use crate::mapping::{good_prefix, words};
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
    /// Highest sequence that a good record of kind 57 calls durable; 0 if there is none.
    pub(crate) mark: u64,
}

/// Opens a segment's file and checks that it is the one that its name says. To be read, one that is
/// there as an archive only is unpacked.
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
            let archived = match access {
                Access::Read => archive::read::open(folder, geometry, id)?,
                Access::Write | Access::Create => None,
            };
            archived.ok_or(OpenError::SegmentMissing { path: path.clone() })?
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

/// Reads every place of a segment, in order, once.
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
    let (seed, first) = (geometry.seed(segment), geometry.first_seq(segment));
    each_chunk(file, geometry, 0, |start, chunk| {
        let (mut index, mut rest) = (start, chunk);
        if content.good == start {
            // No gap so far: one checksum after the other, without asking what else it may be.
            let good = good_prefix(seed, first + start, chunk);
            content.add_good(&chunk[..good]);
            rest = &chunk[good..];
            index += good as u64;
        }
        if !is_zero(rest) {
            for (index, record) in (index..).zip(rest) {
                content.add(index, judge(seed, first + index, record), record);
            }
        }
    })?;
    Ok(content)
}

/// Whether any place from `from` on has the record that belongs there, and if so, the newest
/// durable mark among such records; 0 without one.
///
/// # Errors
///
/// What the system says.
pub(crate) fn good_from(
    file: &dyn StoredFile,
    geometry: Geometry,
    segment: u32,
    from: u64,
) -> io::Result<Option<u64>> {
    let (seed, first) = (geometry.seed(segment), geometry.first_seq(segment));
    let mut newest = None;
    each_chunk(file, geometry, from, |start, chunk| {
        if is_zero(chunk) {
            return;
        }
        for (seq, record) in (first + start..).zip(chunk) {
            if record_is_good(seed, seq, record) {
                newest = newest.max(Some(durable_mark(record)));
            }
        }
    })?;
    Ok(newest)
}

/// Reads the places from `from` on in large pieces; `each` gets the first place's number.
fn each_chunk(
    file: &dyn StoredFile,
    geometry: Geometry,
    from: u64,
    mut each: impl FnMut(u64, &[Record]),
) -> io::Result<()> {
    let total = geometry.records_per_segment();
    let mut buffer = vec![Record::ZERO; usize::try_from(CHUNK_RECORDS.min(total)).unwrap_or(1)];
    let mut index = from;
    while index < total {
        let want = usize::try_from(total - index).unwrap_or(usize::MAX);
        let count = buffer.len().min(want);
        let chunk = &mut buffer[..count];
        file.read_exact_at(chunk.as_mut_bytes(), offset_of(index))?;
        each(index, chunk);
        index += count as u64;
    }
    Ok(())
}

/// The first word of a place; zero as long as nothing is published there.
///
/// # Errors
///
/// What the system says.
pub(crate) fn word(file: &dyn StoredFile, index: u64) -> io::Result<u64> {
    let mut word = [0; size_of::<u64>()];
    file.read_exact_at(&mut word, offset_of(index))?;
    Ok(u64::from_le_bytes(word))
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
    let record = record_at(file, offset_of(index))?;
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

/// The bytes of the record at `offset`, unchecked.
///
/// # Errors
///
/// What the system says.
pub(crate) fn record_at(file: &dyn StoredFile, offset: u64) -> io::Result<Record> {
    let mut record = Record::ZERO;
    file.read_exact_at(record.as_mut_bytes(), offset)?;
    Ok(record)
}

/// Code of the kind of the fillings.
const DURABLE_MARK: u8 = model::record::Kind::DurableMark.code();

/// What a filling calls durable, never more than what stands before it; 0 for other records.
pub(crate) fn durable_mark(record: &Record) -> u64 {
    if record.kind != DURABLE_MARK {
        return 0;
    }
    DurableMark::ref_from_bytes(&record.body)
        .map_or(0, |mark| mark.durable_seq)
        .min(record.seq.saturating_sub(1))
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
    /// That of a segment which is full and on stable storage.
    pub(crate) fn full(geometry: Geometry, segment: u32) -> Self {
        let good = geometry.records_per_segment();
        Self {
            good,
            good_behind: 0,
            used: good,
            mark: geometry.last_seq(segment),
        }
    }

    /// Counts good records that follow the good ones there are.
    fn add_good(&mut self, records: &[Record]) {
        let mark = records.iter().map(durable_mark).max();
        self.mark = self.mark.max(mark.unwrap_or(0));
        self.good += records.len() as u64;
        self.used = self.used.max(self.good);
    }

    fn add(&mut self, index: u64, kind: Kind, record: &Record) {
        match kind {
            Kind::Zero => return,
            Kind::Good if self.good == index => self.good += 1,
            Kind::Good => self.good_behind += 1,
            Kind::Bad => {}
        }
        self.used = index + 1;
        if kind == Kind::Good {
            self.mark = self.mark.max(durable_mark(record));
        }
    }
}
