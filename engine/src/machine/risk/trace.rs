//! What each check of an order saw, for `caracal explain`: the same checks run, and whoever asks
//! gets every verdict. Live, nobody asks, and it costs nothing.

use std::fmt;

use model::control::{Control, Scope, Unit};
use model::ids::ClientOrderId;

use crate::machine::intent::Intent;

/// One check's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The control.
    pub control: Control,
    /// What its limit holds for.
    pub scope: Scope,
    /// What it saw; the control's unit.
    pub value: i64,
    /// The soft limit; `i64::MAX` for none.
    pub soft: i64,
    /// The hard limit; `i64::MAX` for none.
    pub hard: i64,
    /// Whether the order passed.
    pub passed: bool,
}

/// Everything that risk weighed about one intent, in the order in which it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Event that caused the intent.
    pub event: u64,
    /// The order that it would make, or is about; none for a cancel of everything.
    pub client_id: Option<ClientOrderId>,
    /// The checks.
    pub verdicts: Vec<Verdict>,
}

/// Who wants to know.
pub(super) trait Trace {
    /// An intent is judged now.
    fn begin(&mut self, intent: &Intent);
    /// A check's verdict on it.
    fn note(&mut self, verdict: &Verdict);
}

/// Nobody.
pub(super) struct Silent;

impl Trace for Silent {
    #[inline]
    fn begin(&mut self, _: &Intent) {}
    #[inline]
    fn note(&mut self, _: &Verdict) {}
}

impl Trace for Vec<Explanation> {
    fn begin(&mut self, intent: &Intent) {
        self.push(Explanation {
            event: intent.event,
            client_id: intent.action.client_id(),
            verdicts: Vec::new(),
        });
    }

    fn note(&mut self, verdict: &Verdict) {
        if let Some(last) = self.last_mut() {
            last.verdicts.push(*verdict);
        }
    }
}

impl Verdict {
    /// A value of its control with the unit, for a person. Lots and ticks are whole; money is
    /// exact to 1e-8.
    #[must_use]
    pub fn amount(&self, value: i64) -> String {
        amount(self.control.unit(), value)
    }
}

/// A value with its unit.
fn amount(unit: Unit, value: i64) -> String {
    if value == i64::MAX {
        return "none".to_owned();
    }
    match unit {
        Unit::Count => value.to_string(),
        Unit::Lots => format!("{value} lots"),
        Unit::Ticks => format!("{value} ticks"),
        Unit::Quote => format!("{} quote", e8(value)),
        Unit::Reporting => e8(value),
        Unit::ReportingPerSecond => format!("{}/s", e8(value)),
        Unit::Bps => format!("{value} bps"),
        Unit::Nanos => format!("{value} ns"),
        Unit::PerSecond => format!("{value}/s"),
        Unit::Ratio => format!("{}.{:02}", value / 100, (value % 100).abs()),
        Unit::Switch => if value == 0 { "off" } else { "on" }.to_owned(),
    }
}

fn e8(value: i64) -> String {
    rust_decimal::Decimal::new(value, 8).normalize().to_string()
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = match self.scope {
            Scope::Overall => "everything".to_owned(),
            Scope::Venue(id) => format!("venue {id}"),
            Scope::Account(id) => format!("account {id}"),
            Scope::Strategy(id) => format!("strategy {id}"),
            Scope::Instrument(id) => format!("instrument {id}"),
        };
        let verdict = if self.passed { "passed" } else { "refused" };
        write!(
            f,
            "{} ({scope}): {}, limit {}",
            self.control.name(),
            self.amount(self.value),
            self.amount(self.hard)
        )?;
        if self.soft != i64::MAX {
            write!(f, ", soft {}", self.amount(self.soft))?;
        }
        write!(f, ": {verdict}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ids::InstrumentId;

    #[test]
    fn verdict_reads_with_units() {
        let verdict = Verdict {
            control: Control::MaxValue,
            scope: Scope::Instrument(InstrumentId(3)),
            value: 61_250_000_000,
            soft: i64::MAX,
            hard: 200_000_000_000,
            passed: true,
        };
        let text = "value_max (instrument 3): 612.5 quote, limit 2000 quote: passed";
        assert_eq!(verdict.to_string(), text);
    }
}
