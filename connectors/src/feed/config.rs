//! What a market feed is told at start.

use std::sync::Arc;

use model::ids::{SourceId, VenueId};
use model::instrument::InstrumentSpec;

use super::dialect::Contents;
use crate::load::RestEndpoint;
use crate::net::{CloseReason, EndpointError};
use crate::wire::symbols::SymbolError;

/// Most connections of one feed.
pub(super) const LINES_MAX: usize = 64;

/// A market feed.
#[derive(Debug, Clone)]
pub struct FeedConfig {
    /// Market streams without path, for example `wss://stream.binance.com:9443`.
    pub stream_url: String,
    /// Where snapshots come from, and TLS settings for both.
    pub rest: RestEndpoint,
    /// The venue.
    pub venue: VenueId,
    /// The feed's lane.
    pub source: SourceId,
    /// What is followed.
    pub instruments: Arc<[InstrumentSpec]>,
    /// Levels a side in a snapshot, where one is asked for. Binance spot: 100, 500, 1000 or 5000,
    /// of weight 5, 25, 50 and 250.
    pub snapshot_levels: u32,
    /// What is subscribed to, and over which connections.
    pub scope: FeedScope,
    /// Times.
    pub timing: FeedTiming,
}

/// What is subscribed to, and how it is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedScope {
    /// Kinds of data.
    pub contents: Contents,
    /// Most topics of one connection, if fewer than the venue allows.
    pub topics_per_connection: Option<usize>,
    /// Whether everything comes over two connections, of which the first one wins.
    pub redundant: bool,
}

impl Default for FeedScope {
    /// Trades, best prices and levels over as few connections as the venue allows.
    fn default() -> Self {
        Self {
            contents: Contents::BOOK,
            topics_per_connection: None,
            redundant: false,
        }
    }
}

/// Times of a market feed, nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct FeedTiming {
    /// A connection on which no message came for so long is replaced.
    pub silence_ns: u64,
    /// A new connection on which no first message came for so long is replaced.
    pub first_message_ns: u64,
    /// A connection on which best prices move for so long without an update of levels is replaced.
    pub lag_ns: u64,
    /// A connection is replaced at this age; the venue ends it after 24 hours.
    pub renew_ns: u64,
    /// A snapshot that takes longer is asked for again.
    pub snapshot_ns: u64,
}

impl Default for FeedTiming {
    fn default() -> Self {
        const SECOND: u64 = 1_000_000_000;
        Self {
            silence_ns: 60 * SECOND,
            first_message_ns: 15 * SECOND,
            lag_ns: 10 * SECOND,
            renew_ns: 23 * 3_600 * SECOND + 1_800 * SECOND,
            snapshot_ns: 10 * SECOND,
        }
    }
}

/// Why a connector cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address is wrong, or its host has no address.
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
    /// No instrument, or more than the feed's connections carry.
    #[error("{count} instruments need {connections} connections; a feed has 1 to {max}")]
    InstrumentCount {
        /// How many instruments there are.
        count: usize,
        /// Connections that they need.
        connections: usize,
        /// Connections that a feed has at most.
        max: usize,
    },
    /// No socket could be made.
    #[error("cannot make a socket: {0}")]
    Socket(std::io::Error),
    /// The client could not be made.
    #[error("cannot make a client: {0}")]
    Client(CloseReason),
}
