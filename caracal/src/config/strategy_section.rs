//! `[[account]]` and `[[strategy]]`: who trades what, in the units that people use.
//!
//! Quantities are in the base asset here and become lots once the venue has said how large a lot
//! is ([`crate::config::MachineDraft::build`]).

use std::ops::RangeInclusive;
use std::time::Duration;

use engine::strategy::{Parameter, Registry, Unit};
use rust_decimal::Decimal;

use super::account_section::AccountDraft;
use super::protection_section::{self, ProtectionDraft};
use super::section::{Problems, Section};
use super::venue_section::VenueNames;

/// A strategy as configured.
#[derive(Debug, Clone)]
pub(crate) struct StrategyDraft {
    /// Its name in reports.
    pub(crate) name: String,
    /// Index of its account.
    pub(crate) account: usize,
    /// The venue's symbols that it watches and trades, at least one.
    pub(crate) symbols: Vec<String>,
    /// What it does: the name of one of the program's strategies.
    pub(crate) kind: String,
    /// With which values.
    pub(crate) params: Vec<ParamDraft>,
    /// Its exits and sizes.
    pub(crate) protection: ProtectionDraft,
}

/// A parameter as configured.
#[derive(Debug, Clone)]
pub(crate) struct ParamDraft {
    /// Which one.
    pub(crate) parameter: Parameter,
    /// Its value.
    pub(crate) written: Written,
}

/// A parameter's value, as far as it is known before the venue has defined its instruments.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Written {
    /// In the parameter's own integers.
    Integer(i64),
    /// In base asset (of lots) or quote asset (of prices).
    Decimal(Decimal),
}

pub(super) fn strategies(
    root: &mut Section<'_>,
    venues: &[VenueNames],
    accounts: &[AccountDraft],
    registry: &Registry,
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
        .map(|section| strategy(section, venues, accounts, registry, problems))
        .collect();
    read.into_iter().collect()
}

fn strategy(
    mut section: Section<'_>,
    venues: &[VenueNames],
    accounts: &[AccountDraft],
    registry: &Registry,
    problems: &mut Problems<'_>,
) -> Option<StrategyDraft> {
    let name = section.text(problems, "name", None);
    let names: Vec<(&str, usize)> = accounts
        .iter()
        .enumerate()
        .map(|(index, a)| (a.name.as_str(), index))
        .collect();
    let account = section.choice(problems, "account", &names, None);
    let symbols = symbols(&mut section, venues, problems);
    let kinds: Vec<(&str, &str)> = registry.kinds().map(|kind| (kind, kind)).collect();
    let kind = section.choice(problems, "kind", &kinds, None)?;
    let parameters = registry.parameters(kind).unwrap_or_default();
    let params: Vec<Option<ParamDraft>> = parameters
        .iter()
        .map(|parameter| {
            Some(ParamDraft {
                written: written(&mut section, parameter, problems)?,
                parameter: parameter.clone(),
            })
        })
        .collect();
    let several = symbols.as_ref().is_some_and(|symbols| symbols.len() > 1);
    let protection = protection_section::protection(&mut section, problems);
    let clipped = protection.as_ref().is_some_and(|one| !one.clip.is_zero());
    if several && clipped {
        let what = "must be 0 with several symbols: it is in the base asset of one";
        section.problem(problems, "exits.clip", what);
    }
    section.finish(problems);
    Some(StrategyDraft {
        name: name?,
        account: account?,
        symbols: symbols?,
        kind: kind.to_owned(),
        params: params.into_iter().collect::<Option<_>>()?,
        protection: protection?,
    })
}

/// `symbol = "A"`, or `symbols = ["A", "B"]`.
fn symbols(
    section: &mut Section<'_>,
    venues: &[VenueNames],
    problems: &mut Problems<'_>,
) -> Option<Vec<String>> {
    let names = VenueNames::instruments(venues);
    let known: Vec<(&str, &str)> = names
        .iter()
        .map(|(text, name)| (text.as_str(), name.as_str()))
        .collect();
    if !section.has("symbols") {
        let symbol = section.choice(problems, "symbol", &known, None)?;
        return Some(vec![symbol.to_owned()]);
    }
    let texts = section.texts(problems, "symbols")?;
    let meant = |text: &String| known.iter().find(|(known, _)| known == text);
    let found: Option<Vec<String>> = texts
        .iter()
        .map(|text| meant(text).map(|(_, name)| (*name).to_owned()))
        .collect();
    let symbols = found.unwrap_or_default();
    let each_once = (1..symbols.len()).all(|at| !symbols[..at].contains(&symbols[at]));
    if !symbols.is_empty() && each_once {
        return Some(symbols);
    }
    let names: Vec<String> = known
        .iter()
        .map(|(name, _)| format!("\"{name}\""))
        .collect();
    let what = format!(
        "{texts:?} is not allowed: a list out of {}, each once, is",
        names.join(", ")
    );
    section.problem(problems, "symbols", what);
    None
}

/// The value of a parameter, by its unit.
fn written(
    section: &mut Section<'_>,
    parameter: &Parameter,
    problems: &mut Problems<'_>,
) -> Option<Written> {
    let (key, range, default) = (parameter.name, &parameter.range, parameter.default);
    if let (Some(default), false) = (default, section.has(key)) {
        return Some(Written::Integer(default));
    }
    match parameter.unit {
        Unit::Lots { .. } | Unit::Price { .. } => {
            let range = decimals(range);
            section
                .decimal(problems, key, range, None)
                .map(Written::Decimal)
        }
        Unit::Nanos => {
            let nanos = |bound: &i64| Duration::from_nanos(u64::try_from(*bound).unwrap_or(0));
            let range = nanos(range.start())..=nanos(range.end());
            let duration = section.duration(problems, key, range, None)?;
            i64::try_from(duration.as_nanos())
                .ok()
                .map(Written::Integer)
        }
        Unit::Flag => section
            .flag(problems, key, false)
            .map(|flag| Written::Integer(flag.into())),
        Unit::Ticks | Unit::Bps | Unit::Count => section
            .integer(problems, key, range.clone(), None)
            .map(Written::Integer),
    }
}

/// Which decimals can be within a range of whole steps: its sign decides. The range itself is
/// looked at once the steps are known.
fn decimals(range: &RangeInclusive<i64>) -> RangeInclusive<Decimal> {
    let (most, least) = (Decimal::from(1_000_000_000), Decimal::new(1, 12));
    let from = match range.start().signum() {
        1 => least,
        0 => Decimal::ZERO,
        _ => -most,
    };
    let to = match range.end().signum() {
        1 => most,
        0 => Decimal::ZERO,
        _ => -least,
    };
    from..=to
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
