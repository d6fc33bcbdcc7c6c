//! What an order gateway is told at start.

use std::sync::Arc;

use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;

use crate::binance::start::Limits;
use crate::link::venue_time::TimeOffset;
use crate::net::EndpointError;
use crate::sign::Signer;
use crate::wire::symbols::SymbolError;

/// The venue bounds the receive window.
const RECV_WINDOW_MS_MAX: u64 = 60_000;
const SECOND_NS: u64 = 1_000_000_000;

/// An order gateway: one account at one venue.
#[derive(Debug)]
pub struct GatewayConfig {
    /// The WebSocket API, for example `wss://ws-api.binance.com:443/ws-api/v3`; where the path is
    /// left out, the venue's own is taken.
    pub url: String,
    /// TLS settings; needed for `wss`.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The public half of the key.
    pub api_key: String,
    /// The secret half. An Ed25519 key logs the connection on; with another each request is signed.
    pub signer: Signer,
    /// Our account.
    pub account: AccountId,
    /// Our venue.
    pub venue: VenueId,
    /// What may be traded.
    pub instruments: Arc<[InstrumentSpec]>,
    /// How long after its timestamp the venue may still act on a request, milliseconds.
    pub recv_window_ms: u64,
    /// What the venue allows; see `load_instruments`.
    pub limits: Limits,
    /// The venue's clock against ours, as far as it is known; measured again at each connect.
    pub time: TimeOffset,
    /// The last trade of ours that is known, by instrument: what came later is asked for. For an
    /// instrument that is left out, only what comes from now on counts.
    pub resume: Vec<(InstrumentId, u64)>,
    /// Times.
    pub timing: GatewayTiming,
}

/// Times of an order gateway, nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct GatewayTiming {
    /// A request that is not answered by then has an unknown outcome.
    pub request_ns: u64,
    /// After so long a silence the venue is asked for a sign of life.
    pub probe_ns: u64,
    /// The venue's time is measured again after this.
    pub measure_ns: u64,
    /// Each instrument's own trades are asked for at least this often, but one a second in all.
    pub trades_ns: u64,
    /// A fill older than this that the private stream did not bring shows that the stream is dead.
    pub stream_lag_ns: u64,
    /// A connection is replaced at this age; the venue ends it after 24 hours.
    pub renew_ns: u64,
    /// Wait before the first attempt to connect again; later ones wait longer.
    pub first_retry_ns: u64,
    /// Wait after a refusal that needs a person.
    pub refused_retry_ns: u64,
}

impl Default for GatewayTiming {
    fn default() -> Self {
        Self {
            request_ns: 5 * SECOND_NS,
            probe_ns: 10 * SECOND_NS,
            measure_ns: 300 * SECOND_NS,
            trades_ns: 30 * SECOND_NS,
            stream_lag_ns: 5 * SECOND_NS,
            renew_ns: 84_600 * SECOND_NS,
            first_retry_ns: SECOND_NS / 10,
            refused_retry_ns: 60 * SECOND_NS,
        }
    }
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address is wrong, or its host has no address.
    #[error("{url}: {error}")]
    Endpoint {
        /// The address.
        url: String,
        /// What is wrong.
        error: EndpointError,
    },
    /// The instruments cannot be put on the wire.
    #[error(transparent)]
    Symbols(#[from] SymbolError),
    /// The key would break the requests.
    #[error("the API key is empty or holds something else than ASCII letters and digits")]
    ApiKey,
    /// The receive window is out of range.
    #[error("a receive window of {0} ms: the venue allows 1 to 60000")]
    RecvWindow(u64),
    /// No socket could be made.
    #[error("cannot make a socket: {0}")]
    Socket(std::io::Error),
}

impl GatewayConfig {
    /// What can be checked without a network.
    pub(super) fn check(&self) -> Result<(), GatewayError> {
        if !(1..=RECV_WINDOW_MS_MAX).contains(&self.recv_window_ms) {
            return Err(GatewayError::RecvWindow(self.recv_window_ms));
        }
        let usable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if self.api_key.is_empty() || !self.api_key.bytes().all(usable) {
            return Err(GatewayError::ApiKey);
        }
        Ok(())
    }
}
