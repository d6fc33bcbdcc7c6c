//! replay.
#![forbid(unsafe_code)]
