//! Binance USD-M futures: what differs from spot. Facts: `connectors/SOURCES.md`.
//!
//! Reading order: [`wire`] writes and reads messages without I/O, with spot's envelope and answers
//! where they are the same; [`instruments`] and [`start`] load what is traded; [`feed`] is the
//! market data, [`gateway`] the orders; [`practice`] is the venue's side of it all.

pub mod feed;
pub mod gateway;
pub mod instruments;
pub mod practice;
pub mod start;
pub mod wire;

pub use gateway::{Usdm, UsdmGateway, UsdmGatewayConfig};
pub use instruments::{Brackets, Listed, OrderRules};
pub use practice::{usdm_instrument, usdm_symbols};
pub use start::{Loaded, UsdmKey, UsdmLimits, load_usdm};
