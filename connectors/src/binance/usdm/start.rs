//! What has to be known before anything runs: instruments with their tiers, limits, the venue's
//! time, and that the account is in one-way mode. Blocks.
//!
//! Control plane. Allocates.

use std::time::Duration;

use model::ids::VenueId;
use model::instrument::InstrumentSpec;
use model::ports::Clock;

use super::instruments::{Brackets, OrderRules, select};
use super::wire::info::{ExchangeInfo, SymbolBrackets};
use super::wire::query::RestContext;
use super::wire::rest;
use crate::binance::start::{read, server_time};
use crate::link::venue_time::{TimeOffset, VenueTime};
use crate::load::{Caller, InstrumentError, LoadError, RestEndpoint, Wanted};
use crate::sign::Signer;

const INFO: &str = "/fapi/v1/exchangeInfo";
const TIME: &str = "/fapi/v1/time";
/// Validity of the signed requests of a start, milliseconds.
const RECV_WINDOW_MS: u64 = 5_000;

/// What the venue allows, as `exchangeInfo` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsdmLimits {
    /// Request weight a minute, per address.
    pub weight_per_minute: u64,
    /// Orders in ten seconds, per account.
    pub orders_per_ten_seconds: u64,
    /// Orders a minute, per account.
    pub orders_per_minute: u64,
}

impl Default for UsdmLimits {
    /// The smallest numbers that the samples show.
    fn default() -> Self {
        Self {
            weight_per_minute: 2_400,
            orders_per_ten_seconds: 300,
            orders_per_minute: 1_200,
        }
    }
}

/// What signs the questions that only an account may ask.
#[derive(Debug, Clone, Copy)]
pub struct UsdmKey<'k> {
    /// The public half.
    pub api_key: &'k str,
    /// The secret half.
    pub signer: &'k Signer,
}

/// What was loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The wanted instruments, in the wanted order.
    pub instruments: Vec<InstrumentSpec>,
    /// The rest of their rules, in the same order.
    pub rules: Vec<OrderRules>,
    /// What the venue allows.
    pub limits: UsdmLimits,
    /// The venue's clock against ours.
    pub time: TimeOffset,
}

/// Loads instruments, limits and the venue's time, or fails within `deadline`. Blocks.
///
/// With a key the maintenance tiers are the venue's; without one (a market that is only watched)
/// they are [`Brackets::Highest`]. An account in hedge mode is refused: we keep one position an
/// instrument.
///
/// # Errors
///
/// [`LoadError`], which says what, where and why.
pub fn load_usdm(
    endpoint: &RestEndpoint,
    key: Option<UsdmKey<'_>>,
    venue: VenueId,
    wanted: &[Wanted],
    clock: &impl Clock,
    deadline: Duration,
) -> Result<Loaded, LoadError> {
    let mut caller = Caller::new(endpoint, deadline, clock)?;
    let time = server_time(&mut caller, TIME)?;
    let tiers = match key {
        Some(key) => {
            let context = RestContext {
                api_key: key.api_key,
                signer: key.signer,
                timestamp_ms: VenueTime::new(time, 0).now_ms(clock.now_ns()),
                recv_window_ms: RECV_WINDOW_MS,
            };
            refuse_hedge_mode(&mut caller, &context)?;
            Some(signed(
                &mut caller,
                &context,
                &rest::brackets,
                <[u8]>::to_vec,
            )?)
        }
        None => None,
    };
    let (listed, limits) = caller.get(INFO, &[], |status, body| {
        let info: ExchangeInfo<'_> = read(INFO, status, body)?;
        let rows: Option<Vec<SymbolBrackets<'_>>> = tiers
            .as_deref()
            .map(|bytes| read(INFO, 200, bytes))
            .transpose()?;
        let brackets = rows.as_deref().map_or(Brackets::Highest, Brackets::Venue);
        let listed = select(&info, brackets, venue, wanted)?;
        Ok((listed, limits_of(&info)))
    })?;
    let (instruments, rules) = listed.into_iter().map(|one| (one.spec, one.rules)).unzip();
    Ok(Loaded {
        instruments,
        rules,
        limits,
        time,
    })
}

type Write =
    dyn Fn(&RestContext<'_>, &mut [u8]) -> Result<rest::RestRequest, crate::wire::WriteError>;

/// Asks a signed question, and makes something of a good answer's body.
fn signed<T>(
    caller: &mut Caller<'_, impl Clock>,
    context: &RestContext<'_>,
    write: &Write,
    then: impl Fn(&[u8]) -> T,
) -> Result<T, LoadError> {
    let mut buffer = [0; 1_024];
    let too_long = |_| LoadError::TooLong {
        path: "a signed request".to_owned(),
    };
    let request = write(context, &mut buffer).map_err(too_long)?;
    let path = String::from_utf8_lossy(&buffer[..request.length]).into_owned();
    // Signature and time are nothing for a log.
    let shown = path.split('?').next().unwrap_or_default().to_owned();
    let headers = [("X-MBX-APIKEY", context.api_key)];
    caller.get(&path, &headers, |status, body| {
        read::<serde::de::IgnoredAny>(&shown, status, body)?;
        Ok(then(body))
    })
}

fn refuse_hedge_mode(
    caller: &mut Caller<'_, impl Clock>,
    context: &RestContext<'_>,
) -> Result<(), LoadError> {
    let body = signed(caller, context, &rest::position_mode, <[u8]>::to_vec)?;
    let mode: rest::PositionMode = read("/fapi/v1/positionSide/dual", 200, &body)?;
    if mode.dual_side_position {
        return Err(LoadError::Instrument(InstrumentError::Rule {
            symbol: "account".to_owned(),
            field: "dualSidePosition (switch the account to one-way mode)",
            value: "true".to_owned(),
        }));
    }
    Ok(())
}

fn limits_of(info: &ExchangeInfo<'_>) -> UsdmLimits {
    let mut limits = UsdmLimits::default();
    for limit in info.rate_limits() {
        let place = match (
            limit.rate_limit_type.as_str(),
            limit.interval.as_str(),
            limit.interval_num,
        ) {
            ("REQUEST_WEIGHT", "MINUTE", 1) => &mut limits.weight_per_minute,
            ("ORDERS", "SECOND", 10) => &mut limits.orders_per_ten_seconds,
            ("ORDERS", "MINUTE", 1) => &mut limits.orders_per_minute,
            _ => continue,
        };
        *place = limit.limit;
    }
    limits
}
