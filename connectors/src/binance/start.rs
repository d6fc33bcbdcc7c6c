//! What has to be known before anything runs: instruments, limits, the venue's time.
//!
//! The only part of this folder that blocks: it drives the non-blocking client in a loop with a
//! deadline, on the thread that starts the engine. Control plane. Allocates.

use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token};
use model::ids::VenueId;
use model::instrument::InstrumentSpec;
use model::ports::Clock;

use super::instruments::{InstrumentError, Wanted, select};
use super::wire::rest::{self, ExchangeInfo, ServerTime};
use crate::link::venue_time::TimeOffset;
use crate::net::{
    CloseReason, Endpoint, EndpointError, HttpClient, HttpConfig, HttpFailure, HttpRequest, Method,
    Target,
};
use crate::wire::WireError;

/// Measurements of the venue's time at the start.
const TIME_SAMPLES: usize = 5;

/// What the venue allows, as `exchangeInfo` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Request weight a minute, per address.
    pub weight_per_minute: u64,
    /// Unfilled orders in ten seconds, per account.
    pub orders_per_ten_seconds: u64,
    /// Unfilled orders a day, per account.
    pub orders_per_day: u64,
}

impl Default for Limits {
    /// The smallest numbers that the documentation's samples show.
    fn default() -> Self {
        Self {
            weight_per_minute: 6_000,
            orders_per_ten_seconds: 50,
            orders_per_day: 160_000,
        }
    }
}

/// What was loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The wanted instruments, in the wanted order.
    pub instruments: Vec<InstrumentSpec>,
    /// What the venue allows.
    pub limits: Limits,
    /// The venue's clock against ours.
    pub time: TimeOffset,
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

/// Loads instruments, limits and the venue's time, or fails within `deadline`. Blocks.
///
/// # Errors
///
/// [`LoadError`], which says what, where and why.
pub fn load_instruments(
    rest: &RestEndpoint,
    venue: VenueId,
    wanted: &[Wanted],
    clock: &impl Clock,
    deadline: Duration,
) -> Result<Loaded, LoadError> {
    let mut caller = Caller::new(rest, deadline, clock)?;
    let symbols: Vec<_> = wanted.iter().map(|wanted| wanted.symbol.as_str()).collect();
    let list = serde_json::to_string(&symbols).unwrap_or_default();
    let path = format!(
        "/api/v3/exchangeInfo?symbols={}",
        percent_encoded(list.as_bytes())
    );
    let (instruments, limits) = caller.get(&path, |status, body| {
        let info: ExchangeInfo<'_> = read(&path, status, body)?;
        let instruments = select(&info, venue, wanted)?;
        Ok((instruments, limits_of(&info)))
    })?;
    let mut time = caller.time_sample()?;
    for _ in 1..TIME_SAMPLES {
        time = time.or_better(caller.time_sample()?);
    }
    Ok(Loaded {
        instruments,
        limits,
        time,
    })
}

fn limits_of(info: &ExchangeInfo<'_>) -> Limits {
    let mut limits = Limits::default();
    for limit in info.rate_limits() {
        let place = match (
            limit.rate_limit_type.as_str(),
            limit.interval.as_str(),
            limit.interval_num,
        ) {
            ("REQUEST_WEIGHT", "MINUTE", 1) => &mut limits.weight_per_minute,
            ("ORDERS", "SECOND", 10) => &mut limits.orders_per_ten_seconds,
            ("ORDERS", "DAY", 1) => &mut limits.orders_per_day,
            _ => continue,
        };
        *place = limit.limit;
    }
    limits
}

fn read<'a, T: serde::Deserialize<'a>>(
    path: &str,
    status: u16,
    body: &'a [u8],
) -> Result<T, LoadError> {
    match rest::read(status, body) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(LoadError::Refused {
            path: path.to_owned(),
            status,
            code: error.code,
            message: error.message().to_owned(),
        }),
        Err(error) => Err(LoadError::Answer {
            path: path.to_owned(),
            status,
            error,
        }),
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

/// The client in a loop.
struct Caller<'c, C> {
    http: HttpClient,
    poll: Poll,
    clock: &'c C,
    deadline_ns: u64,
}

impl<'c, C: Clock> Caller<'c, C> {
    fn new(rest: &RestEndpoint, deadline: Duration, clock: &'c C) -> Result<Self, LoadError> {
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

    fn get<T>(
        &mut self,
        path: &str,
        then: impl FnOnce(u16, &[u8]) -> Result<T, LoadError>,
    ) -> Result<T, LoadError> {
        let request = HttpRequest {
            method: Method::Get,
            path,
            headers: &[],
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

    fn time_sample(&mut self) -> Result<TimeOffset, LoadError> {
        const PATH: &str = "/api/v3/time";
        let clock = self.clock;
        let sent_ns = clock.now_ns();
        self.get(PATH, |status, body| {
            let received_ns = clock.now_ns();
            let time: ServerTime = read(PATH, status, body)?;
            TimeOffset::measured(sent_ns, received_ns, time.server_time).ok_or(LoadError::Answer {
                path: PATH.to_owned(),
                status,
                error: WireError::Value {
                    field: "serverTime",
                },
            })
        })
    }
}
