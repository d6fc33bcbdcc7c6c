//! Binance spot: messages, market data, orders. Facts: `connectors/SOURCES.md`.
//!
//! Reading order: [`wire`] reads and writes messages without I/O; [`instruments`] and [`start`]
//! load what is traded; [`feed`] is the market data, [`gateway`] the orders; [`practice`] is the
//! venue's side of it all, and [`drill`] joins both without a socket. What finds no place in a lane
//! is kept in a `lane::Backlog`. [`capture`] reads recorded frames, of USD-M futures too.

mod backoff;
pub mod capture;
pub mod drill;
pub mod feed;
pub mod gateway;
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
