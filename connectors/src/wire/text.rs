//! Text of a message, borrowed from its bytes where it has no escapes.
//!
//! `Option<Cow<str>>` would always be copied; this type is not.
//!
//! Hot path: yes. Allocates: only for text with escapes.

use std::borrow::Cow;

use serde::Deserialize;

/// Text of a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Text<'_> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}
