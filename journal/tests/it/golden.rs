//! Bytes of version 1 that must never change.
