//! Practice venues: real servers on loopback that speak a venue's protocol and have its rules.
//!
//! This folder knows no venue's format: the matching engine, the accounts and their
//! positions, the synthetic market, the recording's player, the schedule of faults, and the
//! server's loop. A venue's own formats and rules are in its folder (`binance/practice`,
//! `okx/practice`).
//!
//! Nothing here is shared with the client's parsers: a practice venue is the other side, and
//! would otherwise agree with the client's mistakes.
//!
//! Thread: the server's own, ordinary. Hot path: no; market data leaves within microseconds.

mod accounts;
mod config;
pub(crate) mod delivery;
pub(crate) mod exchange;
pub(crate) mod faults;
mod instruments;
mod ledger;
pub(crate) mod limits;
pub(crate) mod liquidity;
mod market;
pub(crate) mod matching;
pub(crate) mod perps;
pub(crate) mod recorded;
pub(crate) mod recording;
pub(crate) mod request_log;
pub(crate) mod server;
pub(crate) mod setup;
pub(crate) mod truth;
pub(crate) mod types;

pub use accounts::Balance;
pub(crate) use config::EVENTS_PER_SECOND;
pub use config::{
    AccountSeed, Credential, FirstIds, MarketConfig, PracticeConfig, PracticeInstrument,
    RequestLimits, SeedOrder, SeedPosition, Speed,
};
pub use exchange::FeeRates;
pub use faults::{DropScope, FaultError, FaultKind, FaultSpec, FaultWhen};
pub use perps::{Income, IncomeKind, MarginMode, PerpConfig, VenuePosition};
pub use recording::RecordingError;
pub use request_log::OrderRequest;
pub use server::{PracticeServer, SocketStamp, StampKind};
pub use truth::{BookTruth, RecordingProgress, Truth};
pub use types::{OrderKind, OrderStatus, SelfTrade, Side, TimeInForce, VenueOrder, VenueTrade};

/// Why a practice venue did not start, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum PracticeError {
    /// The port is taken, or the address is not ours.
    #[error("practice venue cannot listen on {addr}: {source}; choose another port, or 0 for any")]
    Listen {
        /// The wanted address.
        addr: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificate could not be made.
    #[error("practice venue has no certificate: {0}")]
    Certificate(String),
    /// A field of the configuration is wrong.
    #[error("practice venue: {field}: {problem}")]
    Config {
        /// Which field.
        field: String,
        /// What is wrong, and what is allowed.
        problem: String,
    },
    /// The recording is missing, damaged or edited.
    #[error("practice venue: {0}")]
    Recording(#[from] RecordingError),
    /// The server's thread has ended.
    #[error("practice venue has stopped")]
    Gone,
}
