//! What the loaders of all venues share: which instruments are wanted, why a start failed, and a
//! client that blocks.
//!
//! The only part of the crate that blocks: it drives the non-blocking client in a loop with a
//! deadline, on the thread that starts the engine. Control plane. Allocates.

use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token};
use model::ids::InstrumentId;
use model::ports::Clock;

use crate::link::venue_time::TimeOffset;
use crate::net::{
    CloseReason, Endpoint, EndpointError, HttpClient, HttpConfig, HttpFailure, HttpRequest, Method,
    Target,
};
use crate::wire::WireError;

/// Measurements of the venue's time at the start.
const TIME_SAMPLES: usize = 5;

/// An instrument that is to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Our id for it.
    pub id: InstrumentId,
    /// The venue's symbol, for example `BTCUSDT`.
    pub symbol: String,
    /// Our name, for example `BTC-USDT.BINANCE`.
    pub name: String,
}

/// Why an instrument cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstrumentError {
    /// The venue does not list it.
    #[error("the venue has no symbol {0}: check how the venue writes it")]
    Unlisted(String),
    /// A rule of it cannot be read.
    #[error("symbol {symbol}: {field} of the venue's rules is {value:?}, which cannot be used")]
    Rule {
        /// The symbol.
        symbol: String,
        /// The rule's field.
        field: &'static str,
        /// What stands there.
        value: String,
    },
}

/// Why the start failed.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The address is wrong, or its host has no address.
    #[error("rest url: {0}")]
    Endpoint(#[from] EndpointError),
    /// No connection or no answer.
    #[error("{path}: {reason}")]
    Connection {
        /// What was asked for.
        path: String,
        /// Why there is no answer.
        reason: CloseReason,
    },
    /// The request does not fit; a list of instruments that is too long.
    #[error("{path}: the request is too long")]
    TooLong {
        /// What was asked for.
        path: String,
    },
    /// The venue refused.
    #[error("{path}: the venue answered {status}, code {code}: {message}")]
    Refused {
        /// What was asked for.
        path: String,
        /// HTTP status.
        status: u16,
        /// The venue's code.
        code: i32,
        /// The venue's words.
        message: String,
    },
    /// The answer is not what the documentation says.
    #[error("{path}: HTTP {status}: {error}")]
    Answer {
        /// What was asked for.
        path: String,
        /// HTTP status.
        status: u16,
        /// What is wrong.
        error: WireError,
    },
    /// An instrument cannot be used.
    #[error(transparent)]
    Instrument(#[from] InstrumentError),
    /// No socket could be made.
    #[error("cannot make a socket: {0}")]
    Socket(std::io::Error),
}

/// Where the venue's REST interface is and whom to trust.
#[derive(Debug, Clone)]
pub struct RestEndpoint {
    /// For example `https://api.binance.com`; a path of `/api` at its end is understood.
    pub url: String,
    /// TLS settings; needed for `https`.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

impl RestEndpoint {
    /// Resolves the address.
    ///
    /// # Errors
    ///
    /// [`EndpointError`].
    pub(crate) fn target(&self) -> Result<Target, EndpointError> {
        let url = self.url.trim_end_matches('/');
        let url = url.strip_suffix("/api").unwrap_or(url);
        Target::resolve(&Endpoint::parse(url)?, self.tls.as_ref())
    }
}

/// Text as it may stand in a query.
pub(crate) fn percent_encoded(text: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for half in [byte >> 4, byte & 0xf] {
                encoded.push(char::from(b"0123456789ABCDEF"[usize::from(half)]));
            }
        }
    }
    encoded
}

/// The client in a loop, with one deadline for everything that is asked.
pub(crate) struct Caller<'c, C> {
    http: HttpClient,
    poll: Poll,
    clock: &'c C,
    deadline_ns: u64,
}

impl<'c, C: Clock> Caller<'c, C> {
    pub(crate) fn new(
        rest: &RestEndpoint,
        deadline: Duration,
        clock: &'c C,
    ) -> Result<Self, LoadError> {
        let poll = Poll::new().map_err(LoadError::Socket)?;
        let mut config = HttpConfig::new(rest.target()?);
        // The whole list of a venue has several megabytes; ours is a part of it.
        config.response_bytes_max = 64 << 20;
        let http = HttpClient::new(config, poll.registry(), Token(0)).map_err(|reason| {
            LoadError::Connection {
                path: rest.url.clone(),
                reason,
            }
        })?;
        let deadline_ns = u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX);
        Ok(Self {
            http,
            poll,
            clock,
            deadline_ns: clock.now_ns().saturating_add(deadline_ns),
        })
    }

    /// Gets `path` with these headers, and hands status and body to `then`.
    pub(crate) fn get<T>(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        then: impl FnOnce(u16, &[u8]) -> Result<T, LoadError>,
    ) -> Result<T, LoadError> {
        let request = HttpRequest {
            method: Method::Get,
            path,
            headers,
            body: &[],
            deadline_ns: self.deadline_ns,
        };
        let submitted = self.http.submit(&request);
        submitted.map_err(|_| LoadError::TooLong {
            path: path.to_owned(),
        })?;
        let mut events = Events::with_capacity(4);
        // Ends: at the latest the client reports that the request's deadline has passed.
        loop {
            if let Some(outcome) = self.http.poll(self.clock.now_ns()) {
                let failed = |reason| LoadError::Connection {
                    path: path.to_owned(),
                    reason,
                };
                return match outcome.result {
                    Ok(response) => then(response.status, response.body),
                    Err(HttpFailure::NeverSent(reason) | HttpFailure::Unknown(reason)) => {
                        Err(failed(reason))
                    }
                };
            }
            let wait = self.poll.poll(&mut events, Some(Duration::from_millis(5)));
            match wait {
                Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                    return Err(LoadError::Socket(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// The venue's clock against ours: the best of several measurements. `read` takes the time, in
    /// milliseconds since the Unix epoch, out of an answer of `path`.
    pub(crate) fn time(
        &mut self,
        path: &str,
        read: impl Fn(u16, &[u8]) -> Result<u64, LoadError>,
    ) -> Result<TimeOffset, LoadError> {
        let mut best: Option<TimeOffset> = None;
        for _ in 0..TIME_SAMPLES {
            let sample = self.time_sample(path, &read)?;
            best = Some(best.map_or(sample, |best| best.or_better(sample)));
        }
        best.ok_or_else(|| wrong_time(path, 0))
    }

    fn time_sample(
        &mut self,
        path: &str,
        read: &impl Fn(u16, &[u8]) -> Result<u64, LoadError>,
    ) -> Result<TimeOffset, LoadError> {
        let clock = self.clock;
        let sent_ns = clock.now_ns();
        self.get(path, &[], |status, body| {
            let received_ns = clock.now_ns();
            let venue_ms = read(status, body)?;
            TimeOffset::measured(sent_ns, received_ns, venue_ms)
                .ok_or_else(|| wrong_time(path, status))
        })
    }
}

fn wrong_time(path: &str, status: u16) -> LoadError {
    LoadError::Answer {
        path: path.to_owned(),
        status,
        error: WireError::Value {
            field: "serverTime",
        },
    }
}
