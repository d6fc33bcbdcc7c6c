//! Messages of Binance spot: bytes in, typed values out, and back. No I/O, no clock, no state.
//!
//! Market data goes through a hand-written scanner ([`market::decode`]) that knows the venue's
//! key order; whatever looks otherwise goes through a typed general parser, with the same result.
//! Answers and private events ([`frame`], [`user`], [`order`], [`rest`]) are typed serde over
//! borrowed text. Keys that we do not know are ignored everywhere; bytes that we cannot read are a
//! [`crate::wire::WireError`], never a panic.
//!
//! Hot path: yes. Allocates: only where a module says so.

pub mod codes;
pub mod frame;
pub(in crate::binance) mod general;
pub(in crate::binance) mod kline;
pub mod market;
pub mod order;
pub mod request;
pub mod rest;
pub mod user;
pub(super) mod write;

pub use codes::classify;
pub use market::{Depth, DepthPart, Market, decode, decode_snapshot};
