//! What has to be known before anything runs: instruments, limits, the venue's time. Blocks.
//!
//! Control plane. Allocates.

use std::time::Duration;

use model::ids::VenueId;
use model::instrument::InstrumentSpec;
use model::ports::Clock;

use super::instruments::{Wanted, select};
use super::wire::rest::{self, ExchangeInfo, ServerTime};
use crate::link::venue_time::TimeOffset;
use crate::load::Caller;
pub(crate) use crate::load::percent_encoded;
pub use crate::load::{LoadError, RestEndpoint};

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
    let (instruments, limits) = caller.get(&path, &[], |status, body| {
        let info: ExchangeInfo<'_> = read(&path, status, body)?;
        let instruments = select(&info, venue, wanted)?;
        Ok((instruments, limits_of(&info)))
    })?;
    let time = server_time(&mut caller, "/api/v3/time")?;
    Ok(Loaded {
        instruments,
        limits,
        time,
    })
}

/// The venue's clock against ours, by the answers of `path`.
pub(super) fn server_time(
    caller: &mut Caller<'_, impl Clock>,
    path: &str,
) -> Result<TimeOffset, LoadError> {
    caller.time(path, |status, body| {
        read::<ServerTime>(path, status, body).map(|time| time.server_time)
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

/// The body of an answer, or what the venue or its bytes say against it.
pub(super) fn read<'a, T: serde::Deserialize<'a>>(
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
