//! Scopes, controls and values as people write them, and back.
//!
//! A scope is `everything`, `venue:NAME`, `account:NAME`, `strategy:NAME` or `instrument:SYMBOL`.
//! A value is a decimal in the control's unit: money in units (not in 1e-8), shares in 1/10_000,
//! times as durations (`250ms`, `5s`, `2h`). `none` is no limit.

use engine::machine::Machine;
use model::control::{Control, Scope, Unit};
use model::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use model::instrument::InstrumentSpec;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::config::parse_duration;

/// Stands for no limit.
const NONE: i64 = i64::MAX;

/// What the scopes are called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Venues, by id.
    pub(crate) venues: Vec<String>,
    /// Accounts, by id.
    pub(crate) accounts: Vec<String>,
    /// Strategies, by id.
    pub(crate) strategies: Vec<String>,
    /// Instruments with their ids: the symbol where only one venue has it, else our own name.
    pub(crate) instruments: Vec<(InstrumentId, String)>,
    /// What else may be written for an instrument.
    pub(crate) aliases: Vec<(InstrumentId, String)>,
}

impl Names {
    /// The names of a running machine; the venues' come from the configuration.
    pub(crate) fn of(machine: &Machine, venues: &[String]) -> Self {
        let config = machine.config();
        let accounts = config.map_or(&[][..], |config| &config.accounts);
        let strategies = config.map_or(&[][..], |config| &config.strategies);
        Self {
            venues: venues.to_vec(),
            accounts: accounts.iter().map(|one| one.name.clone()).collect(),
            strategies: strategies.iter().map(|one| one.name.clone()).collect(),
            instruments: instrument_names(machine.instruments()),
            aliases: instrument_aliases(machine.instruments()),
        }
    }

    /// The scope of a text.
    ///
    /// # Errors
    ///
    /// One line: what is allowed.
    pub(crate) fn scope(&self, text: &str) -> Result<Scope, String> {
        if text == "everything" {
            return Ok(Scope::Overall);
        }
        let (kind, name) = text.split_once(':').ok_or_else(|| {
            format!(
                "scope \"{text}\": write everything, venue:NAME, account:NAME, strategy:NAME or \
                 instrument:SYMBOL"
            )
        })?;
        let place = |names: &[String]| names.iter().position(|known| known == name);
        let scope = match kind {
            "venue" => place(&self.venues)
                .and_then(|place| u8::try_from(place).ok())
                .map(|id| Scope::Venue(VenueId(id))),
            "account" => place(&self.accounts)
                .and_then(|place| u16::try_from(place).ok())
                .map(|id| Scope::Account(AccountId(id))),
            "strategy" => place(&self.strategies)
                .and_then(|place| u16::try_from(place).ok())
                .map(|id| Scope::Strategy(StrategyId(id))),
            "instrument" => {
                let mut known = self.instruments.iter().chain(&self.aliases);
                let found = known.find(|(_, known)| known == name);
                found.map(|(id, _)| Scope::Instrument(*id))
            }
            _ => None,
        };
        scope.ok_or_else(|| format!("scope \"{text}\": there is no such thing here"))
    }

    /// A scope's text.
    pub(crate) fn scope_text(&self, scope: Scope) -> String {
        let named = |kind: &str, name: Option<&String>, id: u32| match name {
            Some(name) => format!("{kind}:{name}"),
            None => format!("{kind}:{id}"),
        };
        match scope {
            Scope::Overall => "everything".to_owned(),
            Scope::Venue(id) => named("venue", self.venues.get(id.index()), id.0.into()),
            Scope::Account(id) => named("account", self.accounts.get(id.index()), id.0.into()),
            Scope::Strategy(id) => named("strategy", self.strategies.get(id.index()), id.0.into()),
            Scope::Instrument(id) => {
                let mut known = self.instruments.iter();
                let found = known.find(|(known, _)| *known == id);
                named("instrument", found.map(|(_, symbol)| symbol), id.0)
            }
        }
    }
}

/// Each instrument's shortest name that no other has, with its id.
pub(crate) fn instrument_names<'a>(
    specs: impl Iterator<Item = &'a InstrumentSpec>,
) -> Vec<(InstrumentId, String)> {
    let specs: Vec<&InstrumentSpec> = specs.collect();
    let name = |spec: &&InstrumentSpec| {
        let having = specs.iter().filter(|other| other.symbol == spec.symbol);
        let name = if having.count() == 1 {
            &spec.symbol
        } else {
            &spec.name
        };
        (spec.id, name.clone())
    };
    specs.iter().map(name).collect()
}

/// Each instrument's other names: our own, and its symbol with the venue behind it.
pub(crate) fn instrument_aliases<'a>(
    specs: impl Iterator<Item = &'a InstrumentSpec>,
) -> Vec<(InstrumentId, String)> {
    let names = |spec: &InstrumentSpec| {
        let venue = spec.name.rsplit('.').next().unwrap_or_default();
        let with_venue = format!("{}.{venue}", spec.symbol);
        [(spec.id, spec.name.clone()), (spec.id, with_venue)]
    };
    specs.flat_map(names).collect()
}

/// The control of a name.
///
/// # Errors
///
/// One line.
pub(crate) fn control(name: &str) -> Result<Control, String> {
    let mut all = Control::ALL.iter();
    let found = all.find(|control| control.name() == name);
    found.copied().ok_or_else(|| {
        format!("there is no control \"{name}\"; `caracal control show` lists those with a limit")
    })
}

/// How many of the smallest steps one of the unit has.
const fn steps(unit: Unit) -> i64 {
    match unit {
        Unit::Quote | Unit::Reporting | Unit::ReportingPerSecond => 100_000_000,
        Unit::Ratio => 100,
        Unit::Count
        | Unit::Lots
        | Unit::Ticks
        | Unit::Bps
        | Unit::Nanos
        | Unit::PerSecond
        | Unit::Switch => 1,
    }
}

/// The value of a text in a control's unit.
///
/// # Errors
///
/// One line: what is allowed.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are all alike here"
)]
pub(crate) fn value(control: Control, text: &str) -> Result<i64, String> {
    if text == "none" {
        return Ok(NONE);
    }
    let unit = control.unit();
    let bad = |what: &str| format!("{} = \"{text}\": must be {what}", control.name());
    if unit == Unit::Nanos {
        let nanos = parse_duration(text).and_then(|time| i64::try_from(time.as_nanos()).ok());
        return nanos.ok_or_else(|| bad("a duration such as 250ms, 5s or 2h, or none"));
    }
    let scaled = text
        .parse::<Decimal>()
        .ok()
        .and_then(|number| number.checked_mul(Decimal::from(steps(unit))))
        .filter(|scaled| scaled.is_integer() && !scaled.is_sign_negative())
        .and_then(|scaled| scaled.to_i64())
        .filter(|scaled| *scaled < NONE);
    scaled.ok_or_else(|| match unit {
        Unit::Quote | Unit::Reporting | Unit::ReportingPerSecond => {
            bad("a sum of at least 0, with at most 8 decimals, or none")
        }
        _ => bad("a number of at least 0, or none"),
    })
}

/// A value as people read it.
pub(crate) fn value_text(control: Control, value: i64) -> String {
    if value == NONE {
        return "none".to_owned();
    }
    let unit = control.unit();
    if unit == Unit::Nanos {
        let nanos = u64::try_from(value).unwrap_or(0);
        return match nanos {
            0 => "0s".to_owned(),
            nanos if nanos.is_multiple_of(1_000_000_000) => format!("{}s", nanos / 1_000_000_000),
            nanos if nanos.is_multiple_of(1_000_000) => format!("{}ms", nanos / 1_000_000),
            nanos => format!("{nanos}ns"),
        };
    }
    let scale = Decimal::from(steps(unit));
    (Decimal::from(value) / scale).normalize().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            venues: vec!["BINANCE".to_owned()],
            accounts: vec!["main".to_owned(), "hedge".to_owned()],
            strategies: vec!["maker".to_owned()],
            instruments: vec![(InstrumentId(4), "BTCUSDT".to_owned())],
            aliases: vec![(InstrumentId(4), "BTC-USDT.BINANCE".to_owned())],
        }
    }

    #[test]
    fn scope_reads_back_and_what_is_not_there_is_refused() {
        let names = names();
        for text in [
            "everything",
            "venue:BINANCE",
            "account:hedge",
            "strategy:maker",
            "instrument:BTCUSDT",
        ] {
            assert_eq!(names.scope_text(names.scope(text).unwrap()), text);
        }
        for text in [
            "",
            "all",
            "account:",
            "account:other",
            "desk:main",
            "venue:0",
        ] {
            assert!(names.scope(text).is_err(), "{text}");
        }
    }

    #[test]
    fn value_is_exact_in_its_unit_and_reads_back() {
        let cases = [
            (Control::DailyLoss, "500.25", 50_025_000_000),
            (Control::ClockOffset, "250ms", 250_000_000),
            (Control::FillSlippage, "75", 75),
            (Control::Drift, "none", i64::MAX),
        ];
        for (control, text, steps) in cases {
            assert_eq!(value(control, text), Ok(steps));
            assert_eq!(value_text(control, steps), text);
        }
        for (control, text) in [
            (Control::DailyLoss, "-1"),
            (Control::DailyLoss, "0.000000001"),
            (Control::DailyLoss, "1e30"),
            (Control::FillSlippage, "1.5"),
            (Control::ClockOffset, "5"),
            (Control::DailyLoss, ""),
        ] {
            assert!(value(control, text).is_err(), "{text}");
        }
    }
}
