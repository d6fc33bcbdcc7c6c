//! Why bytes from the venue are not a message that we know, and why a request cannot be written.
//!
//! Hot path: yes (it is what a decoder returns). Allocates: no.

use model::num::NumberError;

/// Why a message could not be read. Small and `Copy`: it is counted and shown, never unwound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not JSON, or a known key holds another type than documented.
    #[error("not the expected JSON at line {line} column {column}")]
    Json {
        /// Line, from 1.
        line: u32,
        /// Column, from 1; 0 at the end of a line.
        column: u32,
    },
    /// A web page where JSON was expected: a proxy or firewall answered, not the venue.
    #[error("HTML instead of JSON: a proxy or firewall answered")]
    Html,
    /// A field that the message must have.
    #[error("field {field} is missing")]
    Missing {
        /// Its key.
        field: &'static str,
    },
    /// A field whose value is none of the documented ones.
    #[error("field {field} has an unknown value")]
    Value {
        /// Its key.
        field: &'static str,
    },
    /// A number that does not fit the instrument.
    #[error("field {field}: {error}")]
    Number {
        /// Its key.
        field: &'static str,
        /// What is wrong.
        error: NumberError,
    },
    /// A symbol that is not configured.
    #[error("symbol is not configured")]
    UnknownSymbol,
    /// Valid JSON, and no message that the documentation knows.
    #[error("message of no known kind")]
    UnknownKind,
}

/// Why a request could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// It does not fit the caller's buffer.
    #[error("request does not fit the buffer")]
    TooLong,
    /// A price or quantity beyond 64 bits at its scale.
    #[error("price or quantity out of range")]
    OutOfRange,
    /// The venue has no such request.
    #[error("the venue has no such request")]
    NotThere,
}

const _: () = assert!(size_of::<WireError>() <= 24);

impl From<&serde_json::Error> for WireError {
    fn from(error: &serde_json::Error) -> Self {
        Self::Json {
            line: u32::try_from(error.line()).unwrap_or(u32::MAX),
            column: u32::try_from(error.column()).unwrap_or(u32::MAX),
        }
    }
}

/// Reads `bytes` as `T`, and tells a web page from broken JSON.
pub(crate) fn from_json<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, WireError> {
    serde_json::from_slice(bytes).map_err(|error| {
        match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'<') => WireError::Html,
            Some(_) | None => WireError::from(&error),
        }
    })
}

/// Reads a raw part of a message as `T`.
pub(crate) fn from_raw<'a, T: serde::Deserialize<'a>>(
    raw: crate::wire::raw::Raw<'a>,
) -> Result<T, WireError> {
    from_json(raw.get().as_bytes())
}

/// Milliseconds of the venue as nanoseconds.
pub(crate) fn nanoseconds(ms: u64, field: &'static str) -> Result<u64, WireError> {
    ms.checked_mul(1_000_000).ok_or(WireError::Number {
        field,
        error: NumberError::OutOfRange,
    })
}
