//! `[[account]]` and `[[strategy]]`: who trades what, in the units that people use.
//!
//! Quantities are in the base asset here and become lots once the venue has said how large a lot
//! is ([`crate::config::MachineDraft::build`]).

use std::time::Duration;

use model::num::Ticks;
use rust_decimal::Decimal;

use super::protection_section::{self, ProtectionDraft};
use super::section::{Problems, Section};
use super::venue_section::VenueNames;

/// An account as configured.
#[derive(Debug, Clone)]
pub(crate) struct AccountDraft {
    /// Our name for it.
    pub(crate) name: String,
    /// Index of its venue.
    pub(crate) venue: usize,
}

/// A strategy as configured.
#[derive(Debug, Clone)]
pub(crate) struct StrategyDraft {
    /// Its name in reports.
    pub(crate) name: String,
    /// Index of its account.
    pub(crate) account: usize,
    /// The venue's symbol that it trades.
    pub(crate) symbol: String,
    /// What it does.
    pub(crate) kind: KindDraft,
    /// Its exits and sizes.
    pub(crate) protection: ProtectionDraft,
}

/// What a strategy does, with quantities in the base asset.
#[derive(Debug, Clone)]
pub(crate) enum KindDraft {
    /// Quotes both sides.
    MarketMaker {
        /// Quantity of a quote.
        qty: Decimal,
        /// Distance from the fair price.
        half_spread_ticks: Ticks,
        /// Shift of the fair price at the largest position.
        skew_ticks: Ticks,
        /// Largest position.
        position_max: Decimal,
        /// A quote this far from its place is left alone.
        requote_ticks: Ticks,
        /// Shortest time between two placements on a side.
        requote_pause: Duration,
        /// Pause after a refusal.
        backoff: Duration,
    },
    /// Takes when two averages cross.
    MovingAverage {
        /// Trades in the fast average.
        fast_trades: u32,
        /// Trades in the slow average.
        slow_trades: u32,
        /// Distance of the averages that counts as a signal.
        band_ticks: Ticks,
        /// Position after an upward signal.
        target_long: Decimal,
        /// Position after a downward signal.
        target_short: Decimal,
        /// Largest order.
        clip: Decimal,
        /// How far beyond the best price an order reaches.
        reach_ticks: Ticks,
        /// Shortest time between two orders.
        cooldown: Duration,
    },
}

pub(super) fn accounts(
    root: &mut Section<'_>,
    venues: &[VenueNames],
    problems: &mut Problems<'_>,
) -> Option<Vec<AccountDraft>> {
    let sections = root.tables(problems, "account");
    if sections.len() != 1 {
        let what = format!(
            "{} accounts: exactly one [[account]] is allowed so far",
            sections.len()
        );
        root.problem(problems, "account", what);
    }
    let names: Vec<(&str, usize)> = venues
        .iter()
        .enumerate()
        .map(|(index, venue)| (venue.name.as_str(), index))
        .collect();
    let read: Vec<Option<AccountDraft>> = sections
        .into_iter()
        .map(|mut section| {
            let name = section.text(problems, "name", None);
            let venue = section.choice(problems, "venue", &names, None);
            section.finish(problems);
            Some(AccountDraft {
                name: name?,
                venue: venue?,
            })
        })
        .collect();
    read.into_iter().collect()
}

pub(super) fn strategies(
    root: &mut Section<'_>,
    venues: &[VenueNames],
    accounts: &[AccountDraft],
    problems: &mut Problems<'_>,
) -> Option<Vec<StrategyDraft>> {
    let sections = root.tables(problems, "strategy");
    if sections.is_empty() {
        root.problem(
            problems,
            "strategy",
            "is missing: write at least one [[strategy]]",
        );
    }
    let read: Vec<Option<StrategyDraft>> = sections
        .into_iter()
        .map(|section| strategy(section, venues, accounts, problems))
        .collect();
    read.into_iter().collect()
}

#[derive(Clone, Copy)]
enum Kind {
    MarketMaker,
    MovingAverage,
}

fn strategy(
    mut section: Section<'_>,
    venues: &[VenueNames],
    accounts: &[AccountDraft],
    problems: &mut Problems<'_>,
) -> Option<StrategyDraft> {
    let name = section.text(problems, "name", None);
    let names: Vec<(&str, usize)> = accounts
        .iter()
        .enumerate()
        .map(|(index, a)| (a.name.as_str(), index))
        .collect();
    let account = section.choice(problems, "account", &names, None);
    let symbols: Vec<(&str, &str)> = venues
        .iter()
        .flat_map(|venue| venue.symbols.iter())
        .map(|symbol| (symbol.as_str(), symbol.as_str()))
        .collect();
    let symbol = section
        .choice(problems, "symbol", &symbols, None)
        .map(ToOwned::to_owned);
    let kinds = [
        ("market-maker", Kind::MarketMaker),
        ("moving-average", Kind::MovingAverage),
    ];
    let kind = match section.choice(problems, "kind", &kinds, None) {
        Some(Kind::MarketMaker) => market_maker(&mut section, problems),
        Some(Kind::MovingAverage) => moving_average(&mut section, problems),
        None => return None,
    };
    let protection = protection_section::protection(&mut section, problems);
    section.finish(problems);
    Some(StrategyDraft {
        name: name?,
        account: account?,
        symbol: symbol?,
        kind: kind?,
        protection: protection?,
    })
}

fn market_maker(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<KindDraft> {
    let qty = quantity(section, problems, "qty");
    let half_spread_ticks = ticks(section, problems, "half_spread_ticks", 1);
    let skew_ticks = ticks(section, problems, "skew_ticks", 0);
    let position_max = quantity(section, problems, "position_max");
    let requote_ticks = ticks(section, problems, "requote_ticks", 0);
    let range = Duration::ZERO..=Duration::from_secs(3600);
    let requote_pause = section.duration(problems, "requote_pause", range, None);
    let backoff = pause(section, problems, "backoff");
    Some(KindDraft::MarketMaker {
        qty: qty?,
        half_spread_ticks: half_spread_ticks?,
        skew_ticks: skew_ticks?,
        position_max: position_max?,
        requote_ticks: requote_ticks?,
        requote_pause: requote_pause?,
        backoff: backoff?,
    })
}

fn moving_average(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<KindDraft> {
    let fast_trades = section.integer(problems, "fast_trades", 1..=65_535, None);
    let slow_trades = section.integer(problems, "slow_trades", 2..=65_536, None);
    if let (Some(fast), Some(slow)) = (fast_trades, slow_trades)
        && fast >= slow
    {
        section.problem(
            problems,
            "fast_trades",
            format!("{fast} must be below slow_trades"),
        );
    }
    let band_ticks = ticks(section, problems, "band_ticks", 0);
    let target_long = quantity(section, problems, "target_long");
    let zero_or_less = Decimal::from(-1_000_000)..=Decimal::ZERO;
    let target_short = section.decimal(problems, "target_short", zero_or_less, Some(Decimal::ZERO));
    let clip = quantity(section, problems, "clip");
    let reach_ticks = ticks(section, problems, "reach_ticks", 0);
    let cooldown = pause(section, problems, "cooldown");
    Some(KindDraft::MovingAverage {
        fast_trades: u32::try_from(fast_trades?).ok()?,
        slow_trades: u32::try_from(slow_trades?).ok()?,
        band_ticks: band_ticks?,
        target_long: target_long?,
        target_short: target_short?,
        clip: clip?,
        reach_ticks: reach_ticks?,
        cooldown: cooldown?,
    })
}

/// A quantity above zero, base asset.
pub(super) fn quantity(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
    key: &str,
) -> Option<Decimal> {
    section.decimal(
        problems,
        key,
        Decimal::new(1, 12)..=Decimal::from(1_000_000_000),
        None,
    )
}

fn ticks(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
    key: &str,
    least: i64,
) -> Option<Ticks> {
    section
        .integer(problems, key, least..=1_000_000_000, None)
        .map(Ticks)
}

fn pause(section: &mut Section<'_>, problems: &mut Problems<'_>, key: &str) -> Option<Duration> {
    let range = Duration::from_millis(1)..=Duration::from_secs(3600);
    section.duration(problems, key, range, None)
}
