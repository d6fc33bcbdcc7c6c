//! What each check of an order saw, for `caracal explain`: the same checks run, and whoever asks
//! gets every verdict. Live, nobody asks, and it costs nothing.

use std::fmt;

use model::body::RefusalReason;
use model::control::{Control, Scope, Unit};
use model::ids::ClientOrderId;

use super::checks::Refused;
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
    /// What a refusal by it says.
    pub reason: RefusalReason,
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
    /// Whether anybody listens: what only a listener needs is not even made without one.
    const LISTENS: bool;
    /// An intent is judged now.
    fn begin(&mut self, intent: &Intent);
    /// A check's verdict on it.
    fn note(&mut self, verdict: &Verdict);
    /// It was refused: the verdict that says so, unless a check's was noted already.
    fn refused(&mut self, refused: &Refused);
}

/// Nobody.
pub(super) struct Silent;

impl Trace for Silent {
    const LISTENS: bool = false;

    #[inline]
    fn begin(&mut self, _: &Intent) {}
    #[inline]
    fn note(&mut self, _: &Verdict) {}
    #[inline]
    fn refused(&mut self, _: &Refused) {}
}

impl Trace for Vec<Explanation> {
    const LISTENS: bool = true;

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

    fn refused(&mut self, refused: &Refused) {
        let noted = self.last().and_then(|last| last.verdicts.last());
        if noted.is_some_and(|noted| !noted.passed) {
            return;
        }
        self.note(&Verdict {
            control: refused.control.unwrap_or(control_of(refused.reason)),
            scope: refused.scope,
            value: refused.value,
            soft: i64::MAX,
            hard: refused.threshold,
            passed: false,
            reason: refused.reason,
        });
    }
}

/// The control of a refusal that names none.
fn control_of(reason: RefusalReason) -> Control {
    let table = [
        (RefusalReason::Size, Control::Sizing),
        (RefusalReason::Held, Control::Held),
        // While an exit closes, and for a while behind it.
        (RefusalReason::Paused, Control::StopLoss),
        (RefusalReason::OpenOrders, Control::OpenOrders),
        (RefusalReason::StaleBook, Control::BookAge),
        (RefusalReason::NoPrice, Control::BookAge),
    ];
    let found = table.into_iter().find(|(of, _)| *of == reason);
    found.map_or(Control::Form, |(_, control)| control)
}

impl Verdict {
    /// What was checked, as people call it: the switches of one control have names of their own.
    #[must_use]
    pub fn name(&self) -> &'static str {
        use RefusalReason as Why;
        match (self.reason, self.control) {
            (Why::Killed, _) => "kill",
            (Why::Stopping, _) => "stop",
            (Why::CancelOnly, _) => "cancel_only",
            (Why::Paused, Control::StopLoss) => "reentry_pause",
            (Why::Paused, _) => "pause",
            (Why::ReduceOnlyMode, _) => "reduce_only_mode",
            (Why::Restricted, _) => "restricted",
            (Why::NotTrading, _) => "trading",
            (Why::NotOpen, _) => "order_is_open",
            (Why::Overflow, _) => "number_range",
            (Why::Malformed, Control::Duplicate) => "client_order_id",
            (_, control) => control.name(),
        }
    }

    /// A value of its control with the unit, for a person. Lots and ticks are whole; money is
    /// exact to 1e-8.
    #[must_use]
    pub fn amount(&self, value: i64) -> String {
        amount(self.control.unit(), value)
    }

    /// What it saw, and against what.
    fn seen(&self) -> String {
        use RefusalReason as Why;
        let pause = self.reason == Why::Paused && self.control != Control::StopLoss;
        let on = pause
            || matches!(
                self.reason,
                Why::Killed
                    | Why::Stopping
                    | Why::CancelOnly
                    | Why::ReduceOnlyMode
                    | Why::Restricted
            );
        if on && self.passed {
            // A kill lets its own flatten through.
            let state = if self.value == 0 { "off" } else { "on, closes" };
            return state.to_owned();
        }
        match (self.reason, self.control) {
            // What pulled it may be a control, or a person.
            (_, Control::KillSwitch | Control::Restricted) if on => "on".to_owned(),
            (_, by) if on => format!("on, by {}", by.name()),
            (Why::Paused, _) => format!("{} left", amount(Unit::Nanos, self.value)),
            (Why::NoPrice, _) => "no price or rate".to_owned(),
            (Why::Size, _) => format!("no size ({}), least {}", self.value, self.hard),
            (Why::Held, _) if self.hard > 0 => format!("{}, limit {}", self.value, self.hard),
            (Why::Held | Why::NotTrading | Why::NotOpen | Why::Overflow, _) => "no".to_owned(),
            (Why::Malformed, Control::Duplicate) => "not its own, or not new".to_owned(),
            _ if self.control.unit() == Unit::Switch => {
                if self.passed { "yes" } else { "no" }.to_owned()
            }
            _ => {
                let (value, hard) = (self.amount(self.value), self.amount(self.hard));
                match self.soft {
                    i64::MAX => format!("{value}, limit {hard}"),
                    soft => format!("{value}, limit {hard}, soft {}", self.amount(soft)),
                }
            }
        }
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
        write!(f, "{} ({scope}): {}: {verdict}", self.name(), self.seen())
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
            reason: RefusalReason::MaxValue,
        };
        let text = "value_max (instrument 3): 612.5 quote, limit 2000 quote: passed";
        assert_eq!(verdict.to_string(), text);
    }

    #[test]
    fn verdicts_of_switches_are_told_apart() {
        let scope = Scope::Overall;
        let with = |reason, control, passed: bool| {
            let verdict = Verdict {
                control,
                scope,
                value: i64::from(!passed),
                soft: i64::MAX,
                hard: 0,
                passed,
                reason,
            };
            verdict.to_string()
        };
        let switch = Control::KillSwitch;
        let texts = [
            with(RefusalReason::Killed, switch, true),
            with(RefusalReason::Stopping, switch, true),
            with(RefusalReason::CancelOnly, switch, false),
            with(RefusalReason::ReduceOnlyMode, Control::DailyLoss, false),
            with(RefusalReason::Malformed, Control::Form, true),
            with(RefusalReason::Malformed, Control::Duplicate, false),
        ];
        let expected = [
            "kill (everything): off: passed",
            "stop (everything): off: passed",
            "cancel_only (everything): on: refused",
            "reduce_only_mode (everything): on, by daily_loss_max: refused",
            "form (everything): yes: passed",
            "client_order_id (everything): not its own, or not new: refused",
        ];
        assert_eq!(texts, expected);
    }
}
