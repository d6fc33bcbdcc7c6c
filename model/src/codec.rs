//! The one place that turns variable-length values into bytes: bincode, fixed-width, with a limit.

use bincode::config::{self, Configuration, Fixint, Limit, LittleEndian};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::{BLOB_PART_BYTES, BLOB_PARTS_MAX};

const BYTES_MAX: usize = BLOB_PART_BYTES * BLOB_PARTS_MAX;

/// Why a value could not be encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The value cannot be written, or is larger than the limit of about 288 KiB.
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

/// The bytes of `value`: little-endian, fixed-width integers.
///
/// # Errors
///
/// [`CodecError::Encode`] if the value is too large or cannot be serialised.
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
    if used != bytes.len() {
        return Err(CodecError::TrailingBytes {
            left: bytes.len() - used,
        });
    }
    Ok(value)
}
