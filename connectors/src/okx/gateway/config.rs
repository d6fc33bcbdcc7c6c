//! What an order gateway of OKX is told at start.

use std::sync::Arc;
use std::time::Duration;

use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;

use super::dialect::Okx;
use crate::gateway::{GatewayError, GatewayTiming, Setup};
use crate::link::venue_time::TimeOffset;
use crate::okx::wire::request::{Keys, TradeMode};

/// How long after it was sent the venue may still act on an order, at most, milliseconds.
const VALIDITY_MS_MAX: u64 = 60_000;
/// The countdowns that the venue takes, seconds.
const DEAD_MAN_S: std::ops::RangeInclusive<u64> = 10..=120;

/// How long the venue waits for a sign of life before it cancels everything, unless it is told
/// otherwise. It is set again three times as often.
pub const DEAD_MAN: Duration = Duration::from_mins(1);

/// An order gateway: one account, and either spot or perpetuals.
#[derive(Debug)]
pub struct OkxGatewayConfig {
    /// The private connection, for example `wss://ws.okx.com:8443/ws/v5/private`; where the path is
    /// left out, the venue's own is taken.
    pub url: String,
    /// The REST interface, for example `https://openapi.okx.com`.
    pub rest_url: String,
    /// TLS settings; needed for `wss` and `https`.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The key.
    pub keys: Keys,
    /// What stands behind orders: cash is spot, the others are perpetuals.
    pub mode: TradeMode,
    /// Whether it is the venue's own practice account.
    pub demo: bool,
    /// Our account.
    pub account: AccountId,
    /// Our venue.
    pub venue: VenueId,
    /// What may be traded.
    pub instruments: Arc<[InstrumentSpec]>,
    /// The venue's numbers of the instruments, in the same order; see `load_okx`. Orders of one
    /// without a number go over REST.
    pub codes: Vec<Option<u64>>,
    /// How long after it was sent the venue may still act on an order or an amendment,
    /// milliseconds.
    pub validity_ms: u64,
    /// The venue's clock against ours, as far as it is known; measured again at each connect.
    pub time: TimeOffset,
    /// The last trade of ours that is known, by instrument: what came later is asked for. For an
    /// instrument that is left out, only what comes from now on counts.
    pub resume: Vec<(InstrumentId, u64)>,
    /// The venue cancels everything of the account if it does not hear from us for so long, 10 to
    /// 120 seconds; on unless `None`.
    pub dead_man: Option<Duration>,
    /// Times.
    pub timing: GatewayTiming,
}

impl OkxGatewayConfig {
    /// What the session is told, and how it speaks.
    pub(crate) fn split(self) -> Result<(Setup, Okx), GatewayError> {
        self.check()?;
        let dialect = Okx::new(
            self.keys,
            self.mode,
            self.codes,
            self.validity_ms,
            self.dead_man,
            self.demo,
        );
        let setup = Setup {
            account: self.account,
            venue: self.venue,
            instruments: self.instruments,
            time: self.time,
            resume: self.resume,
            timing: self.timing,
        };
        Ok((setup, dialect))
    }

    fn check(&self) -> Result<(), GatewayError> {
        check_keys(&self.keys)?;
        if !(1..=VALIDITY_MS_MAX).contains(&self.validity_ms) {
            return Err(GatewayError::RecvWindow(self.validity_ms));
        }
        match self.dead_man {
            Some(wait) if !DEAD_MAN_S.contains(&wait.as_secs()) => {
                Err(GatewayError::DeadMan(wait.as_secs()))
            }
            _ => Ok(()),
        }
    }
}

/// Key and passphrase stand in JSON and in headers as they are.
pub(in crate::okx) fn check_keys(keys: &Keys) -> Result<(), GatewayError> {
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if keys.api_key.is_empty() || !keys.api_key.bytes().all(usable) {
        return Err(GatewayError::ApiKey);
    }
    let usable = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if keys.passphrase.is_empty() || !keys.passphrase.bytes().all(usable) {
        return Err(GatewayError::Passphrase);
    }
    Ok(())
}
