//! What a practice USD-M says: its calls, rules and words. The server, the sessions, the faults and
//! the matching are those of the practice spot venue (`binance/practice`), which asks here wherever
//! the protocol is USD-M's.
//!
//! Source: the venue's pages of 2025-11 and the samples; see `connectors/SOURCES.md`. Left out, and
//! refused as the venue refuses them on this call: conditional orders (-4120), price match, hedge
//! mode, good-till-date, several assets behind one position.

pub(in crate::binance) mod calls;
pub(in crate::binance) mod info;
pub(in crate::binance) mod lists;
pub(in crate::binance) mod orders;
pub(in crate::binance) mod reports;
pub(in crate::binance) mod state;
pub(in crate::binance) mod streams;
mod turn;

pub use info::{usdm_instrument, usdm_symbols};
