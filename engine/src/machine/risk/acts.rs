//! What persons and controls do to the switches: pause, enable, restrict, resolve. Each tells.
//!
//! Hot path: no. Allocates: no.

use model::body::{NoticeCode, NoticeLevel, OrderReport, Outcome, RejectReason};
use model::control::{Control, Scope};
use model::ids::{ClientOrderId, InstrumentId};
use model::record::Record;

use super::Risk;
use super::changes::Decision;
use super::notices::Told;
use super::order_events::told;
use crate::machine::LastLineStop;
use crate::machine::orders::{Fact, OrderState};

impl Risk {
    /// Pauses a scope until two persons enable it. Whether it was not paused before.
    pub(crate) fn pause(
        &mut self,
        scope: Scope,
        by: Control,
        (value, threshold): (i64, i64),
        request: u64,
    ) -> bool {
        let changed = self.switches.pause(scope, by);
        if changed {
            let told = Told::new(NoticeCode::Paused, NoticeLevel::Hard, scope);
            self.notice(told.by(by, value, threshold).about(request));
        }
        changed
    }

    /// Lets a scope trade again. Whether something held it. A control whose limit is still
    /// exceeded stops it anew at its next look.
    pub(super) fn enable(&mut self, scope: Scope, request: u64) -> bool {
        let changed = self.switches.enable(scope);
        if changed {
            let told = Told::new(NoticeCode::Enabled, NoticeLevel::Info, scope);
            self.notice(told.by(Control::KillSwitch, 0, 0).about(request));
        }
        changed
    }

    /// Puts an instrument on the restricted list, until a time (0: for good), and takes its orders
    /// off the venue. Whether that is new.
    pub(crate) fn restrict(&mut self, instrument: InstrumentId, until: u64, request: u64) -> bool {
        if (until != 0 && until <= self.time_ns) || !self.switches.restrict(instrument, until) {
            return false;
        }
        let scope = Scope::Instrument(instrument);
        let shown = i64::try_from(until).unwrap_or(i64::MAX);
        let told = Told::new(NoticeCode::Restricted, NoticeLevel::Soft, scope);
        self.notice(told.by(Control::Restricted, shown, 0).about(request));
        self.orders.update_live(|order| {
            if order.instrument == instrument && !order.reduce_only {
                order.cancel_wanted = true;
            }
        });
        true
    }

    pub(super) fn is_restricted(&self, instrument: InstrumentId) -> bool {
        self.switches.restricted_until(instrument).is_some()
    }

    /// Takes it off. Whether it was on the list.
    pub(super) fn unrestrict(&mut self, instrument: InstrumentId, request: u64) -> bool {
        let changed = self.switches.unrestrict(instrument);
        if changed {
            let scope = Scope::Instrument(instrument);
            let told = Told::new(NoticeCode::Unrestricted, NoticeLevel::Info, scope);
            self.notice(told.by(Control::Restricted, 0, 0).about(request));
        }
        changed
    }

    /// Takes those off the restricted list whose time is over.
    pub(super) fn end_restrictions(&mut self) {
        while let Some(instrument) = self.switches.restriction_over(self.time_ns) {
            self.unrestrict(instrument, 0);
        }
    }

    /// The gateway's last line stopped an order. One that latched itself, or cannot count, says
    /// that risk let through what it must not: kill everything.
    pub(super) fn hear_last_line(&mut self, record: &Record, report: &OrderReport) {
        if report.reason != RejectReason::LastLine {
            return;
        }
        let stop = LastLineStop::from_code(report.code).unwrap_or(LastLineStop::Unreadable);
        let control = match stop {
            LastLineStop::Latched => Control::KillSwitch,
            LastLineStop::Orders => Control::LastLineOrders,
            LastLineStop::Value | LastLineStop::NoValue | LastLineStop::Unreadable => {
                Control::LastLineValue
            }
        };
        let scope = record.account().map_or(Scope::Overall, Scope::Account);
        let told = Told::new(NoticeCode::LastLine, NoticeLevel::Hard, scope);
        let told = told.by(control, i64::from(report.code), 0);
        self.notice(told.about(report.client_id));
        self.closing_stopped(report.client_id);
        if stop != LastLineStop::Latched {
            self.pull_kill(Scope::Overall, control, 0);
        }
    }

    /// Whether a person may decide what became of an order: it lives, and nobody can say how.
    pub(super) fn may_resolve(&self, id: ClientOrderId) -> bool {
        let order = self.orders.get_live(id);
        order.is_some_and(|order| order.state == OrderState::Unknown)
    }

    /// Two persons decided what became of an order.
    pub(super) fn resolve(&mut self, id: ClientOrderId, decision: Decision) {
        let fact = match decision {
            Decision::Absent => Fact::AbsenceProven,
            Decision::Cancelled => Fact::Cancelled,
        };
        let outcome = match decision {
            Decision::Absent => Outcome::Absent,
            Decision::Cancelled => Outcome::Cancelled,
        };
        let now = self.time_ns;
        let order = self.orders.update(id, |order| {
            let before = *order;
            order.learn(fact, now);
            before
        });
        if let Some(order) = order {
            // The strategy takes it from there, as of this time.
            let numbers = (outcome as i64, i64::try_from(now).unwrap_or(i64::MAX));
            let (code, level) = (NoticeCode::Resolved, NoticeLevel::Info);
            self.notice(told(code, level, &order, numbers));
        }
    }
}
