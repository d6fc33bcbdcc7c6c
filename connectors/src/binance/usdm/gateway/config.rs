//! What an order gateway of USD-M is told at start.

use std::sync::Arc;
use std::time::Duration;

use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;

use super::dialect::{Keys, Usdm};
use crate::binance::gateway::config::check;
use crate::binance::usdm::start::UsdmLimits;
use crate::gateway::{GatewayError, GatewayTiming, Setup};
use crate::link::venue_time::TimeOffset;
use crate::sign::Signer;

/// An order gateway: one account at the venue's USD-M futures.
#[derive(Debug)]
pub struct UsdmGatewayConfig {
    /// The WebSocket API, for example `wss://ws-fapi.binance.com/ws-fapi/v1`; where the path is
    /// left out, the venue's own is taken.
    pub url: String,
    /// The host of the private stream, for example `wss://fstream.binance.com`.
    pub stream_url: String,
    /// The REST interface, for example `https://fapi.binance.com`.
    pub rest_url: String,
    /// TLS settings; needed for `wss` and `https`.
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
    /// What the venue allows; see `load_usdm`.
    pub limits: UsdmLimits,
    /// The venue's clock against ours, as far as it is known; measured again at each connect.
    pub time: TimeOffset,
    /// The last trade of ours that is known, by instrument: what came later is asked for. For an
    /// instrument that is left out, only what comes from now on counts.
    pub resume: Vec<(InstrumentId, u64)>,
    /// The venue cancels everything if it does not hear from us for so long; on unless `None`.
    pub dead_man: Option<Duration>,
    /// Times.
    pub timing: GatewayTiming,
}

/// How long the venue waits for a sign of life before it cancels everything, unless it is told
/// otherwise. It is set again three times as often.
pub const DEAD_MAN: Duration = Duration::from_mins(2);

impl UsdmGatewayConfig {
    /// What the session is told, and how it speaks.
    pub(crate) fn split(self) -> Result<(Setup, Usdm), GatewayError> {
        check(self.recv_window_ms, &self.api_key)?;
        let setup = Setup {
            account: self.account,
            venue: self.venue,
            instruments: self.instruments,
            time: self.time,
            resume: self.resume,
            timing: self.timing,
        };
        let keys = Keys {
            api_key: self.api_key,
            signer: self.signer,
        };
        let dialect = Usdm::new(keys, self.recv_window_ms, self.limits, self.dead_man);
        Ok((setup, dialect))
    }
}
