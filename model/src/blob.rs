//! Variable-length values in the log: bincode over serde, cut into consecutive records.
//!
//! Rare by design (configuration, instruments), so these functions may allocate.
//! Invariant B1: the parts of one blob come from one lane, in order, with nothing of that lane
//! between them. Records of other lanes may stand between; [`Assembler`] is kept per lane.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::body::BlobPart;
use crate::codec::{self, CodecError};
use crate::limits::{BLOB_PART_BYTES, BLOB_PARTS_MAX};
use crate::record::{Kind, Record};

/// What a blob holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum BlobKind {
    /// The machine's configuration: strategies, limits, accounts.
    MachineConfig = 1,
    /// An [`crate::instrument::InstrumentSpec`].
    Instrument = 2,
}

impl BlobKind {
    /// The kind of a code, if version 1 knows it.
    #[must_use]
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            1 => Some(Self::MachineConfig),
            2 => Some(Self::Instrument),
            _ => None,
        }
    }
}

/// Why parts do not make a blob.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Unknown kind of blob.
    #[error("unknown blob kind {0}")]
    UnknownKind(u16),
    /// A part is missing, repeated, too long or of another blob.
    #[error("blob part {part} of {parts} does not follow {have} parts")]
    OutOfOrder {
        /// Index of the part.
        part: u16,
        /// Number of parts it claims.
        parts: u16,
        /// Parts held so far.
        have: u16,
    },
    /// The bytes are not such a value, or the value is too large.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// The records of `value`, ready for a lane.
///
/// # Errors
///
/// [`BlobError::Codec`] if the value is larger than a blob may be.
pub fn records<T: Serialize>(kind: BlobKind, value: &T) -> Result<Vec<Record>, BlobError> {
    let bytes = codec::encode(value)?;
    let parts = bytes.len().div_ceil(BLOB_PART_BYTES).max(1);
    let total = u16::try_from(parts).unwrap_or(u16::MAX);
    let mut records = Vec::with_capacity(parts);
    for part in 0..total {
        let start = usize::from(part) * BLOB_PART_BYTES;
        let chunk = &bytes[start..bytes.len().min(start + BLOB_PART_BYTES)];
        let mut body = BlobPart {
            kind: kind as u16,
            part,
            parts: total,
            used: u16::try_from(chunk.len()).unwrap_or(0),
            bytes: [0; BLOB_PART_BYTES],
        };
        body.bytes[..chunk.len()].copy_from_slice(chunk);
        records.push(Record::new(Kind::BlobPart, &body));
    }
    Ok(records)
}

/// Collects the parts of one lane's blobs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "UncheckedAssembler")]
pub struct Assembler {
    kind: u16,
    parts: u16,
    have: u16,
    bytes: Vec<u8>,
}

/// Parts held so far as a snapshot claims them.
#[derive(Deserialize)]
struct UncheckedAssembler {
    kind: u16,
    parts: u16,
    have: u16,
    bytes: Vec<u8>,
}

impl TryFrom<UncheckedAssembler> for Assembler {
    type Error = BlobError;

    fn try_from(raw: UncheckedAssembler) -> Result<Self, BlobError> {
        let UncheckedAssembler {
            kind,
            parts,
            have,
            bytes,
        } = raw;
        if have > 0 && BlobKind::from_code(kind).is_none() {
            return Err(BlobError::UnknownKind(kind));
        }
        let fits = (have < parts || (have == 0 && parts == 0))
            && usize::from(parts) <= BLOB_PARTS_MAX
            && bytes.len() <= usize::from(have) * BLOB_PART_BYTES;
        if !fits {
            let part = have;
            return Err(BlobError::OutOfOrder { part, parts, have });
        }
        Ok(Self {
            kind,
            parts,
            have,
            bytes,
        })
    }
}

impl Assembler {
    /// Takes the next part. When it was the last one, returns the kind and the whole bytes.
    ///
    /// # Errors
    ///
    /// [`BlobError`]; what was held so far is dropped.
    pub fn push(&mut self, part: &BlobPart) -> Result<Option<(BlobKind, Vec<u8>)>, BlobError> {
        let held = std::mem::take(self);
        let kind = BlobKind::from_code(part.kind).ok_or(BlobError::UnknownKind(part.kind))?;
        let fits = held.have == part.part
            && (held.have == 0 || (held.kind == part.kind && held.parts == part.parts))
            && part.part < part.parts
            && usize::from(part.parts) <= BLOB_PARTS_MAX
            && usize::from(part.used) <= BLOB_PART_BYTES;
        if !fits {
            return Err(BlobError::OutOfOrder {
                part: part.part,
                parts: part.parts,
                have: held.have,
            });
        }
        let mut bytes = held.bytes;
        bytes.extend_from_slice(&part.bytes[..usize::from(part.used)]);
        if part.part + 1 == part.parts {
            return Ok(Some((kind, bytes)));
        }
        *self = Self {
            kind: part.kind,
            parts: part.parts,
            have: part.part + 1,
            bytes,
        };
        Ok(None)
    }
}

/// The value of a whole blob's bytes.
///
/// # Errors
///
/// [`BlobError::Codec`].
pub fn value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BlobError> {
    Ok(codec::decode(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, event};

    fn parts_of(records: &[Record]) -> Vec<BlobPart> {
        records
            .iter()
            .map(|record| {
                let Event::BlobPart(part) = event(record).unwrap() else {
                    panic!("not a part: {record:?}")
                };
                *part
            })
            .collect()
    }

    #[test]
    fn blob_of_any_length_comes_back_whole() {
        for length in [0_usize, 1, 71, 72, 73, 500, 5_000] {
            let text = "x".repeat(length);
            let records = records(BlobKind::Instrument, &text).unwrap();
            let mut assembler = Assembler::default();
            let mut whole = None;
            for part in parts_of(&records) {
                assert!(whole.is_none());
                whole = assembler.push(&part).unwrap();
            }
            let (kind, bytes) = whole.unwrap();
            assert_eq!(kind, BlobKind::Instrument);
            assert_eq!(value::<String>(&bytes).unwrap(), text);
        }
    }

    #[test]
    fn blob_part_missing_is_refused_and_the_next_blob_still_works() {
        let text = "y".repeat(300);
        let parts = parts_of(&records(BlobKind::Instrument, &text).unwrap());
        let mut assembler = Assembler::default();
        assembler.push(&parts[0]).unwrap();
        assert!(matches!(
            assembler.push(&parts[2]),
            Err(BlobError::OutOfOrder { .. })
        ));
        let mut whole = None;
        for part in &parts {
            whole = assembler.push(part).unwrap();
        }
        assert_eq!(value::<String>(&whole.unwrap().1).unwrap(), text);
    }
}
