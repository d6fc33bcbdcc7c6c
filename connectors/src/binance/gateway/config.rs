//! What an order gateway is told at start.

use std::sync::Arc;

use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;

use super::dialect::Spot;
use crate::binance::start::Limits;
use crate::gateway::{GatewayError, GatewayTiming, Setup};
use crate::link::venue_time::TimeOffset;
use crate::sign::Signer;

/// The venue bounds the receive window.
const RECV_WINDOW_MS_MAX: u64 = 60_000;

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

impl GatewayConfig {
    /// What the session is told, and how it speaks.
    pub(crate) fn split(self) -> Result<(Setup, Spot), GatewayError> {
        self.check()?;
        let setup = Setup {
            account: self.account,
            venue: self.venue,
            instruments: self.instruments,
            time: self.time,
            resume: self.resume,
            timing: self.timing,
        };
        let dialect = Spot::new(self.api_key, self.signer, self.recv_window_ms, self.limits);
        Ok((setup, dialect))
    }

    /// What can be checked without a network.
    fn check(&self) -> Result<(), GatewayError> {
        check(self.recv_window_ms, &self.api_key)
    }
}

/// What can be checked of every Binance gateway without a network.
pub(in crate::binance) fn check(recv_window_ms: u64, api_key: &str) -> Result<(), GatewayError> {
    if !(1..=RECV_WINDOW_MS_MAX).contains(&recv_window_ms) {
        return Err(GatewayError::RecvWindow(recv_window_ms));
    }
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if api_key.is_empty() || !api_key.bytes().all(usable) {
        return Err(GatewayError::ApiKey);
    }
    Ok(())
}
