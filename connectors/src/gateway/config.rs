//! What an order gateway is told at start, whichever the venue.

use std::sync::Arc;

use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;

use crate::link::venue_time::TimeOffset;
use crate::net::{CloseReason, EndpointError, Target};
use crate::wire::SymbolError;

const SECOND_NS: u64 = 1_000_000_000;

/// Who trades what, and what is known already.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Our account.
    pub account: AccountId,
    /// Our venue.
    pub venue: VenueId,
    /// What may be traded.
    pub instruments: Arc<[InstrumentSpec]>,
    /// The venue's clock against ours, as far as it is known; measured again at each connect.
    pub time: TimeOffset,
    /// The last trade of ours that is known, by instrument: what came later is asked for. For an
    /// instrument that is left out, only what comes from now on counts.
    pub resume: Vec<(InstrumentId, u64)>,
    /// Times.
    pub timing: GatewayTiming,
}

/// The ways to the venue.
#[derive(Debug, Clone)]
pub struct Ways {
    /// The order connection, with its path.
    pub socket: Target,
    /// The host of the private stream, where that is another connection.
    pub stream: Option<Target>,
    /// The host of requests over HTTP, where the venue needs them.
    pub rest: Option<Target>,
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
    /// A connection is replaced at this age; a venue ends it after 24 hours.
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
    /// The passphrase would break the requests.
    #[error(
        "the passphrase is empty, or not of printable ASCII, or has a quotation mark or backslash"
    )]
    Passphrase,
    /// The countdown of the dead man's switch is out of range.
    #[error("a dead man's switch of {0} s: the venue allows 10 to 120")]
    DeadMan(u64),
    /// The receive window is out of range.
    #[error("a receive window of {0} ms: the venue allows 1 to 60000")]
    RecvWindow(u64),
    /// No socket could be made.
    #[error("cannot make a socket: {0}")]
    Socket(std::io::Error),
    /// No HTTP client could be made.
    #[error("cannot make an HTTP client: {0}")]
    Client(CloseReason),
}
