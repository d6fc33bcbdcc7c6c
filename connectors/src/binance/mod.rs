//! Binance spot: messages, market data, orders. Facts: `connectors/SOURCES.md`.
//!
//! Reading order: [`wire`] reads and writes messages without I/O; [`instruments`] loads what is
//! traded; [`feed`] is the market data, [`gateway`] the orders; [`practice`] is the other side.

pub mod practice;
pub mod wire;
