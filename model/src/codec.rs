//! The one place that turns variable-length values into bytes: bincode, fixed-width, with a limit.
//!
//! Decoding takes strings and byte strings out of the slice that is there, so a length that lies is
//! an error and never an allocation.
//!
//! Hot path: no. Allocates: yes.

use bincode::config::{self, Configuration, Fixint, Limit, LittleEndian};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::{BLOB_PART_BYTES, BLOB_PARTS_MAX, SNAPSHOT_BYTES_MAX};

const BYTES_MAX: usize = BLOB_PART_BYTES * BLOB_PARTS_MAX;

/// Why a value could not be encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The value cannot be written, or is larger than its limit.
    #[error("cannot encode: {0}")]
    Encode(#[from] bincode::error::EncodeError),
    /// The bytes are not such a value.
    #[error("cannot decode: {0}")]
    Decode(#[from] bincode::error::DecodeError),
    /// Bytes are left behind the value.
    #[error("{left} bytes behind the value")]
    TrailingBytes {
        /// How many.
        left: usize,
    },
}

fn configuration() -> Configuration<LittleEndian, Fixint, Limit<BYTES_MAX>> {
    config::legacy().with_limit::<BYTES_MAX>()
}

fn snapshot_configuration() -> Configuration<LittleEndian, Fixint, Limit<SNAPSHOT_BYTES_MAX>> {
    config::legacy().with_limit::<SNAPSHOT_BYTES_MAX>()
}

/// The bytes of `value`, which travels in the log: little-endian, fixed-width integers.
///
/// # Errors
///
/// [`CodecError::Encode`] if the value is larger than a blob (about 288 KiB) or cannot be
/// serialised.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    Ok(bincode::serde::encode_to_vec(value, configuration())?)
}

/// The value of `bytes`, all of which must be used.
///
/// # Errors
///
/// [`CodecError::Decode`] or [`CodecError::TrailingBytes`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, configuration())?;
    whole(value, used, bytes)
}

/// The bytes of a snapshot: as [`encode`], with a limit of [`SNAPSHOT_BYTES_MAX`].
///
/// # Errors
///
/// [`CodecError::Encode`] if the value is too large or cannot be serialised.
pub fn encode_snapshot<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    Ok(bincode::serde::encode_to_vec(
        value,
        snapshot_configuration(),
    )?)
}

/// The value of a snapshot's bytes, all of which must be used.
///
/// # Errors
///
/// [`CodecError::Decode`] or [`CodecError::TrailingBytes`].
pub fn decode_snapshot<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, snapshot_configuration())?;
    whole(value, used, bytes)
}

fn whole<T>(value: T, used: usize, bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.len().saturating_sub(used) {
        0 => Ok(value),
        left => Err(CodecError::TrailingBytes { left }),
    }
}
