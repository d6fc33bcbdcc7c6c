//! Venues: everything that speaks to the outside, and nothing that knows the engine.
//!
//! `net` owns sockets, TLS, WebSocket and HTTP framing without a word about any venue; `sign` owns
//! keys and signatures.

#![forbid(unsafe_code)]
// A row of a venue's practice server has a hundred members.
#![recursion_limit = "256"]

pub mod binance;
pub mod drill;
pub mod feed;
pub mod gateway;
pub mod link;
pub mod load;
pub mod net;
pub mod okx;
pub mod practice;
pub mod protocol;
pub mod sign;
pub mod wire;
