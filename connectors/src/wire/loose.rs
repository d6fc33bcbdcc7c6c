//! Values of messages whose type is decided by something else in the message.
//!
//! Control plane and general parsers. Allocates: only for text with escapes.

use model::num::NumberError;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::wire::error::WireError;
use crate::wire::raw::Raw;
use crate::wire::text::Text;

/// A value whose type depends on the kind of message.
pub(crate) type Loose<'a> = Option<Raw<'a>>;

pub(crate) fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|IgnoredAny| true)
}

pub(crate) fn required<'a, T: Deserialize<'a>>(
    raw: Loose<'a>,
    field: &'static str,
) -> Result<T, WireError> {
    let raw = raw.ok_or(WireError::Missing { field })?;
    serde_json::from_str(raw.get()).map_err(|_| WireError::Value { field })
}

pub(crate) fn number(
    raw: Loose<'_>,
    field: &'static str,
    read: impl Fn(&[u8]) -> Result<i64, NumberError>,
) -> Result<i64, WireError> {
    let text: Text<'_> = required(raw, field)?;
    read(text.as_bytes()).map_err(|error| WireError::Number { field, error })
}
