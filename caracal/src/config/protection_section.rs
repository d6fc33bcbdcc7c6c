//! `[risk.held]`, `[strategy.exits]` and `[strategy.sizing]`: what protects positions.
//!
//! Quantities are in the base asset here and become lots once the venue has said how large a lot
//! is.

use std::time::Duration;

use engine::machine::{
    ExitRules, HeldRules, PriceSource, SizingRule, StrategyRules, VolatilityRule,
};
use model::num::Lots;
use rust_decimal::Decimal;

use super::section::{Problems, Section};

const DAY: Duration = Duration::from_secs(86_400);

/// Exits and sizing of a strategy as configured.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProtectionDraft {
    /// Everything but the clip.
    pub(crate) rules: StrategyRules,
    /// Largest order of an exit, base asset; 0 for all at once.
    pub(crate) clip: Decimal,
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A whole number that is small by its range.
fn bps(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
    key: &str,
    range: std::ops::RangeInclusive<i64>,
    default: Option<i64>,
) -> Option<u32> {
    let value = section.integer(problems, key, range, default)?;
    u32::try_from(value).ok()
}

/// `[risk.held]`; every key has a default.
pub(super) fn held(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<HeldRules> {
    let default = HeldRules::default();
    if !section.has("held") {
        return Some(default);
    }
    let mut held = section.table(problems, "held");
    let most = i64::from(default.orders_max);
    let orders_max = bps(&mut held, problems, "orders_max", 0..=1_024, Some(most));
    let times = Duration::from_millis(1)..=DAY * 366;
    let patience = Duration::from_nanos(default.patience_ns);
    let patience = held.duration(problems, "stop_patience", times.clone(), Some(patience));
    let pause = Duration::from_nanos(default.retry_pause_ns);
    let pause = held.duration(problems, "retry_pause", times, Some(pause));
    held.finish(problems);
    Some(HeldRules {
        orders_max: orders_max?,
        patience_ns: nanos(patience?),
        retry_pause_ns: nanos(pause?),
    })
}

/// `[strategy.exits]` and `[strategy.sizing]`; a strategy without them has none.
pub(super) fn protection(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
) -> Option<ProtectionDraft> {
    let mut draft = ProtectionDraft::default();
    if section.has("exits") {
        let mut exits = section.table(problems, "exits");
        let read = read_exits(&mut exits, problems);
        exits.finish(problems);
        let (rules, clip) = read?;
        draft.rules.exits = Some(rules);
        draft.clip = clip;
    }
    if section.has("sizing") {
        let mut sizing = section.table(problems, "sizing");
        let read = read_sizing(&mut sizing, problems);
        sizing.finish(problems);
        draft.rules.sizing = Some(read?);
    }
    Some(draft)
}

fn read_exits(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
) -> Option<(ExitRules, Decimal)> {
    let sources = [
        ("last", PriceSource::Last),
        ("mid", PriceSource::Mid),
        ("mark", PriceSource::Mark),
    ];
    let none = Some(0);
    let source = section.choice(problems, "price", &sources, Some(PriceSource::Mid));
    let stop_loss_bps = bps(section, problems, "stop_loss_bps", 0..=9_999, none);
    let take_profit_bps = bps(section, problems, "take_profit_bps", 0..=1_000_000, none);
    let trailing_bps = bps(section, problems, "trailing_bps", 0..=9_999, none);
    let trailing_from_bps = bps(section, problems, "trailing_from_bps", 0..=1_000_000, none);
    let times = Duration::ZERO..=DAY * 366;
    let zero = Some(Duration::ZERO);
    let time_stop = section.duration(problems, "time_stop", times.clone(), zero);
    let reentry = section.duration(problems, "reentry_pause", times, zero);
    let pauses = Duration::from_millis(1)..=DAY * 366;
    let retry = Some(Duration::from_millis(250));
    let retry = section.duration(problems, "retry_pause", pauses, retry);
    let clips = Decimal::ZERO..=Decimal::from(1_000_000_000);
    let clip = section.decimal(problems, "clip", clips, Some(Decimal::ZERO));
    let rules = ExitRules {
        source: source?,
        stop_loss_bps: stop_loss_bps?,
        take_profit_bps: take_profit_bps?,
        trailing_bps: trailing_bps?,
        trailing_from_bps: trailing_from_bps?,
        time_stop_ns: nanos(time_stop?),
        clip: Lots::ZERO,
        retry_pause_ns: nanos(retry?),
        reentry_pause_ns: nanos(reentry?),
    };
    Some((rules, clip?))
}

#[derive(Clone, Copy)]
enum Rule {
    FixedFraction,
    VolatilityTarget,
    Kelly,
    RiskPerTrade,
    EqualRisk,
}

fn read_sizing(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<SizingRule> {
    let rules = [
        ("fixed-fraction", Rule::FixedFraction),
        ("volatility-target", Rule::VolatilityTarget),
        ("kelly", Rule::Kelly),
        ("risk-per-trade", Rule::RiskPerTrade),
        ("equal-risk", Rule::EqualRisk),
    ];
    let rule = section.choice(problems, "rule", &rules, None)?;
    let mut cap = || bps(section, problems, "cap_bps", 1..=100_000, Some(10_000));
    Some(match rule {
        Rule::FixedFraction => SizingRule::FixedFraction {
            fraction_bps: bps(section, problems, "fraction_bps", 1..=100_000, None)?,
        },
        Rule::VolatilityTarget => SizingRule::VolatilityTarget {
            cap_bps: cap()?,
            target_bps: bps(section, problems, "target_bps", 1..=10_000, None)?,
            volatility: volatility(section, problems)?,
        },
        Rule::Kelly => SizingRule::Kelly {
            cap_bps: cap()?,
            win_bps: bps(section, problems, "win_bps", 1..=9_999, None)?,
            payoff_bps: bps(section, problems, "payoff_bps", 1..=1_000_000, None)?,
            part_bps: bps(section, problems, "part_bps", 1..=10_000, Some(5_000))?,
        },
        Rule::RiskPerTrade => SizingRule::RiskPerTrade {
            cap_bps: cap()?,
            risk_bps: bps(section, problems, "risk_bps", 1..=10_000, None)?,
        },
        Rule::EqualRisk => SizingRule::EqualRisk {
            cap_bps: cap()?,
            target_bps: bps(section, problems, "target_bps", 1..=10_000, None)?,
            instruments: bps(section, problems, "instruments", 1..=4_096, None)?,
            volatility: volatility(section, problems)?,
        },
    })
}

fn volatility(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<VolatilityRule> {
    let spans = Duration::from_millis(1)..=DAY * 366;
    let span = section.duration(problems, "span", spans, Some(Duration::from_secs(60)));
    let samples = bps(section, problems, "samples", 2..=256, Some(30));
    Some(VolatilityRule {
        span_ns: nanos(span?),
        samples: samples?,
    })
}
