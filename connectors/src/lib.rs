//! connectors.
#![forbid(unsafe_code)]
