//! Binance spot: messages, market data, orders. Facts: `connectors/SOURCES.md`.
//!
//! Reading order: [`wire`] reads and writes messages without I/O; [`instruments`] loads what is
//! traded; [`feed`] is the market data, the gateway has the orders; [`practice`] is
//! the other side. What finds no place in a lane is kept in a [`lane`]; the venue's time is reckoned in
//! [`venue_time`].

mod backoff;
pub mod feed;
pub mod instruments;
mod lane;
mod link;
pub mod practice;
pub mod start;
mod venue_time;
pub mod wire;

pub use instruments::{InstrumentError, Wanted};
pub use start::{LoadError, Loaded, load_instruments};
pub use venue_time::{TimeOffset, VenueTime};
