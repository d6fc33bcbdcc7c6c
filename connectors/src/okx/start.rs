//! What has to be known before anything runs: instruments with their tiers and numbers, the venue's
//! time, and that the account is set as we trade. Blocks.
//!
//! Control plane. Allocates.

use std::time::Duration;

use model::ids::VenueId;
use model::instrument::{Contract, InstrumentSpec};
use model::ports::Clock;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::gateway::check_keys;
use super::instruments::{Listed, Tiers, select};
use super::wire::query::{self, RestContext};
use super::wire::request::Keys;
use super::wire::rest::{ConfigRow, InstrumentRow, MarkRow, TierRow, TimeRow, rows};
use crate::link::venue_time::{TimeOffset, VenueTime};
use crate::load::{Caller, InstrumentError, LoadError, RestEndpoint, Wanted};
use crate::wire::{Text, WireError};

const TIME: &str = "/api/v5/public/time";
/// Room for a signed request.
const REQUEST_BYTES: usize = 1_024;

/// Which of the venue's markets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Market {
    /// Spot.
    Spot,
    /// Perpetuals.
    Swap,
}

impl Market {
    const fn word(self) -> &'static str {
        match self {
            Self::Spot => "SPOT",
            Self::Swap => "SWAP",
        }
    }
}

/// What is to be loaded, and as whom.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'k> {
    /// Which market.
    pub market: Market,
    /// The key; without one (a market that is only watched) neither the account nor its tiers are
    /// asked for.
    pub keys: Option<&'k Keys>,
    /// Whether it is the venue's own practice account.
    pub demo: bool,
}

/// What was loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The wanted instruments, in the wanted order.
    pub instruments: Vec<InstrumentSpec>,
    /// The venue's numbers for them, in the same order.
    pub codes: Vec<Option<u64>>,
    /// The venue's clock against ours.
    pub time: TimeOffset,
}

/// Loads instruments and the venue's time, or fails within `deadline`. Blocks.
///
/// With a key the maintenance tiers of perpetuals are the venue's, joined with half of the mark
/// price (see [`Tiers::Venue`]); without one they are [`Tiers::Highest`]. An account in long-short
/// mode, or one that cannot hold perpetuals, is refused.
///
/// # Errors
///
/// [`LoadError`], which says what, where and why.
pub fn load_okx(
    endpoint: &RestEndpoint,
    wish: Wish<'_>,
    venue: VenueId,
    wanted: &[Wanted],
    clock: &impl Clock,
    deadline: Duration,
) -> Result<Loaded, LoadError> {
    let mut caller = Caller::new(endpoint, deadline, clock)?;
    let time = caller.time(TIME, |status, body| {
        let rows: Vec<TimeRow<'_>> = read(TIME, status, body)?;
        let row = rows.first().ok_or(WireError::Missing { field: "data" });
        row.and_then(TimeRow::ms).map_err(unread(TIME, status))
    })?;
    if let Some(keys) = wish.keys {
        check_keys(keys).map_err(|_| setting("key or passphrase", "a text that cannot be sent"))?;
        let venue_ms = VenueTime::new(time, 0).now_ms(clock.now_ns());
        check_account(&mut caller, wish, keys, venue_ms)?;
    }
    let path = format!("/api/v5/public/instruments?instType={}", wish.market.word());
    let body = public(&mut caller, &path, wish.demo)?;
    let list: Vec<InstrumentRow<'_>> = read(&path, 200, &body)?;
    let mut listed: Vec<Listed> = Vec::with_capacity(wanted.len());
    for one in wanted {
        let tiers = match wish {
            Wish {
                market: Market::Swap,
                keys: Some(_),
                ..
            } => Some(tiers_of(&mut caller, one, wish.demo)?),
            Wish { .. } => None,
        };
        let rows: Option<Vec<TierRow<'_>>> = tiers
            .as_ref()
            .map(|(bytes, _)| read("/api/v5/public/position-tiers", 200, bytes))
            .transpose()?;
        let tiers = match (&rows, &tiers) {
            (Some(rows), Some((_, price))) => Tiers::Venue(rows, *price),
            _ => Tiers::Highest,
        };
        listed.extend(select(&list, tiers, venue, std::slice::from_ref(one))?);
    }
    // Limits of value are in the quote asset: of an inverse contract they would not hold.
    let inverse = |one: &&Listed| matches!(one.spec.contract, Contract::Inverse(_));
    if let Some(one) = listed.iter().find(inverse) {
        return Err(LoadError::Instrument(InstrumentError::Rule {
            symbol: one.spec.symbol.clone(),
            field: "ctType (only linear contracts are traded)",
            value: "inverse".to_owned(),
        }));
    }
    let (instruments, codes) = listed.into_iter().map(|one| (one.spec, one.code)).unzip();
    Ok(Loaded {
        instruments,
        codes,
        time,
    })
}

/// The rows of an answer, or what the venue or its bytes say against it.
fn read<'a, T: Deserialize<'a>>(
    path: &str,
    status: u16,
    body: &'a [u8],
) -> Result<Vec<T>, LoadError> {
    match rows(body).map_err(unread(path, status))? {
        Ok(rows) => Ok(rows),
        Err(failure) => Err(LoadError::Refused {
            path: path.to_owned(),
            status,
            code: failure.code,
            message: failure.words.as_str().to_owned(),
        }),
    }
}

fn unread(path: &str, status: u16) -> impl Fn(WireError) -> LoadError {
    let path = path.to_owned();
    move |error| LoadError::Answer {
        path: path.clone(),
        status,
        error,
    }
}

/// A good answer's body.
fn public(
    caller: &mut Caller<'_, impl Clock>,
    path: &str,
    demo: bool,
) -> Result<Vec<u8>, LoadError> {
    let headers: &[(&str, &str)] = if demo {
        &[("x-simulated-trading", "1")]
    } else {
        &[]
    };
    // Signature and time are nothing for a log; here there are none.
    caller.get(path, headers, |status, body| {
        read::<serde::de::IgnoredAny>(path, status, body)?;
        Ok(body.to_vec())
    })
}

/// The tiers of an instrument's family, and half of its mark price.
fn tiers_of(
    caller: &mut Caller<'_, impl Clock>,
    wanted: &Wanted,
    demo: bool,
) -> Result<(Vec<u8>, Decimal), LoadError> {
    let symbol = &wanted.symbol;
    let family = symbol.strip_suffix("-SWAP").unwrap_or(symbol);
    let path =
        format!("/api/v5/public/position-tiers?instType=SWAP&tdMode=cross&instFamily={family}");
    let tiers = public(caller, &path, demo)?;
    let path = format!("/api/v5/public/mark-price?instType=SWAP&instId={symbol}");
    let body = public(caller, &path, demo)?;
    let marks: Vec<MarkRow<'_>> = read(&path, 200, &body)?;
    let text = marks.first().map_or("", |row| row.mark_px.as_str());
    let mark = Decimal::from_str_exact(text).ok();
    let mark = mark.filter(|mark| *mark > Decimal::ZERO);
    let mark = mark.ok_or_else(|| InstrumentError::Rule {
        symbol: symbol.clone(),
        field: "markPx",
        value: text.to_owned(),
    })?;
    Ok((tiers, mark / Decimal::TWO))
}

/// Asks how the account is set, and refuses what we do not trade with.
fn check_account(
    caller: &mut Caller<'_, impl Clock>,
    wish: Wish<'_>,
    keys: &Keys,
    venue_ms: u64,
) -> Result<(), LoadError> {
    let context = RestContext {
        keys,
        venue_ms,
        expires_ms: None,
        demo: wish.demo,
    };
    let mut buffer = [0; REQUEST_BYTES];
    let letter = query::account_config(&context, &mut buffer).map_err(|_| LoadError::TooLong {
        path: "/api/v5/account/config".to_owned(),
    })?;
    let text = |range: &std::ops::Range<usize>| {
        let bytes = buffer.get(range.clone()).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let path = text(&letter.path);
    let values: Vec<(&str, String)> = letter
        .headers
        .iter()
        .flatten()
        .map(|(name, range)| (*name, text(range)))
        .collect();
    let headers: Vec<(&str, &str)> = values
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    caller.get(&path, &headers, |status, body| {
        let rows: Vec<ConfigRow<'_>> = read(&path, status, body)?;
        let missing = WireError::Missing { field: "data" };
        let row = rows.first().ok_or(missing).map_err(unread(&path, status))?;
        check_setting(row, wish.market)
    })
}

fn check_setting(row: &ConfigRow<'_>, market: Market) -> Result<(), LoadError> {
    let word = |text: &Option<Text<'_>>| {
        text.as_ref()
            .map_or(String::new(), |text| text.as_str().to_owned())
    };
    if market == Market::Spot {
        return Ok(());
    }
    let (level, mode) = (word(&row.acct_lv), word(&row.pos_mode));
    if level == "1" {
        return Err(setting(
            "acctLv (switch the account to futures mode)",
            &level,
        ));
    }
    if mode != "net_mode" {
        return Err(setting("posMode (switch the account to net mode)", &mode));
    }
    Ok(())
}

fn setting(field: &'static str, value: &str) -> LoadError {
    LoadError::Instrument(InstrumentError::Rule {
        symbol: "account".to_owned(),
        field,
        value: value.to_owned(),
    })
}
