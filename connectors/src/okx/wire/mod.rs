//! Messages of OKX (API version 5): bytes in, typed values out, and back. No I/O, no clock, no
//! state.
//!
//! Market data goes through a hand-written scanner ([`market::decode`]) that takes the members of
//! books, best prices and trades in any order; whatever looks otherwise goes through a typed
//! general parser, with the same result. Keys that we do not know are ignored everywhere; bytes
//! that we cannot read are a [`crate::wire::WireError`], never a panic.
//!
//! Every number of the venue's is a text, but for sequence ids and checksums; an empty text stands
//! for nothing.
//!
//! Hot path: yes. Allocates: only where a module says so.

pub mod account;
pub mod codes;
pub mod frame;
pub(super) mod general;
pub mod market;
pub mod private;
pub mod query;
pub mod request;
pub mod rest;
pub(super) mod rung;
mod time;

pub use codes::classify;
