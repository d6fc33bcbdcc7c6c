//! Messages of Binance USD-M futures about orders and money: bytes in, typed values out, and back.
//! No I/O, no clock, no state.
//!
//! The envelope of the WebSocket API, its signatures, and answers about orders are spot's
//! (`binance/wire`). What differs stands here: requests ([`request`], and [`rest`] over HTTP),
//! private events ([`user`]), accounts ([`account`]), instruments ([`info`]), error codes
//! ([`codes`]).
//!
//! Hot path: `request`, `user`. Allocates: only where a module says so.

pub mod account;
pub mod codes;
pub mod info;
pub mod query;
pub mod request;
pub mod rest;
mod terms;
pub mod user;

pub use codes::classify;
