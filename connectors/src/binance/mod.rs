//! Binance spot: messages, market data, orders; and in [`usdm`] what differs for USD-M futures.
//! Facts: `connectors/SOURCES.md`.
//!
//! Reading order: [`wire`] reads and writes messages without I/O; [`instruments`] and [`start`]
//! load what is traded; [`feed`] is the market data, [`gateway`] the orders; [`practice`] is the
//! venue's side of it all. [`capture`] reads recorded frames, of USD-M futures too.

pub mod capture;
pub mod feed;
pub mod gateway;
pub mod instruments;
pub mod practice;
pub mod start;
pub mod usdm;
pub mod wire;

pub use instruments::{InstrumentError, Wanted};
pub use start::{LoadError, Loaded, load_instruments};
