//! What one check saw, and what it says.
//!
//! Money is compared in whole 1e-18 and shown in 1e-8, funds and free messages alike: a division
//! of wide numbers costs more than a check, so what is only shown is reckoned only for a refusal,
//! a soft limit that was passed, and `explain`. The comparison is the same as that of the shown
//! numbers (funds: stricter, as exact as the books).
//!
//! A measure is built and weighed where it is used (`inline(always)`): handed over in memory it
//! would be written in small pieces and read in large ones, which costs more than the check.
//!
//! Hot path: yes. Allocates: no.

use model::body::{NoticeLevel, RefusalReason};
use model::control::{Control, Scope};

use super::bounds::Bound;
use super::bucket::Credit;
use super::checks::Refused;
use super::trace::{Trace, Verdict};
use crate::machine::divide::{div_ceil, div_floor};

/// 1e-18 in 1e-8.
const E8: i128 = 10_000_000_000;

/// A value in 1e-18 as one in 1e-8, rounded up: what is counted is never too little. One beyond
/// the range, on either side, is the highest.
pub(super) fn e8_up(units: i128) -> i64 {
    i64::try_from(div_ceil(units, E8)).unwrap_or(i64::MAX)
}

/// What is held in 1e-18 as 1e-8, rounded down; never as much as no limit.
fn e8_down(units: i128) -> i64 {
    i64::try_from(div_floor(units, E8)).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX - 1 })
}

/// Below this, a value in 1e-18 is beyond the range of [`e8_up`].
const LEAST: i128 = (i64::MIN as i128 - 1) * E8;

/// Whether `e8_up(units) > limit`, without a division.
#[inline(always)]
const fn is_above(units: i128, limit: i64) -> bool {
    limit != i64::MAX && (units > limit as i128 * E8 || units <= LEAST)
}

/// Numbers of a verdict that are reckoned only when they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// None: all are there.
    Whole,
    /// The value is money, 1e-18.
    Money(i128),
    /// The value is what is needed, the limit what is free, 1e-18.
    Funds(i128, i128),
    /// The limit is the messages that are free.
    Messages(Credit),
}

/// See the module's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    /// But for what `shown` says.
    verdict: Verdict,
    shown: Shown,
    /// Whether the value is above the soft limit.
    above_soft: bool,
    level: NoticeLevel,
    /// What a refusal says instead of the verdict's value and limit.
    instead: Option<(i64, i64)>,
}

impl Measure {
    /// A check without a limit that a person sets: it holds or it does not.
    #[inline(always)]
    pub(super) const fn switch(control: Control, holds: bool, reason: RefusalReason) -> Self {
        let value = if holds { 0 } else { 1 };
        let whole = (value, Shown::Whole);
        let bound = (Scope::Overall, Bound::hard(0));
        Self::new(control, whole, bound, (!holds, false, false), reason).saying(0, 0)
    }

    /// A value that may not be above a bound. Between soft and hard it passes only if `allowed`:
    /// its intent says why.
    #[inline(always)]
    pub(super) const fn at_most(
        control: Control,
        value: i64,
        (scope, bound): (Scope, Bound),
        allowed: bool,
        reason: RefusalReason,
    ) -> Self {
        let above = (value > bound.hard, value > bound.soft, allowed);
        Self::new(
            control,
            (value, Shown::Whole),
            (scope, bound),
            above,
            reason,
        )
    }

    /// The same of money in 1e-18, as if it were rounded up to 1e-8.
    #[inline(always)]
    pub(super) const fn money(
        control: Control,
        units: i128,
        (scope, bound): (Scope, Bound),
        allowed: bool,
        reason: RefusalReason,
    ) -> Self {
        let above = (
            is_above(units, bound.hard),
            is_above(units, bound.soft),
            allowed,
        );
        let value = (0, Shown::Money(units));
        Self::new(control, value, (scope, bound), above, reason)
    }

    /// What is needed is free: both 1e-18, compared as they are.
    #[inline(always)]
    pub(super) const fn covered(
        control: Control,
        (needed, free): (i128, i128),
        reason: RefusalReason,
    ) -> Self {
        let value = (0, Shown::Funds(needed, free));
        let bound = (Scope::Overall, Bound::NONE);
        Self::new(control, value, bound, (needed > free, false, false), reason)
    }

    /// A message is free.
    #[inline(always)]
    pub(super) const fn has_message(
        control: Control,
        credit: Credit,
        reason: RefusalReason,
    ) -> Self {
        let value = (1, Shown::Messages(credit));
        let above = (!credit.has_message(), false, false);
        let bound = (Scope::Overall, Bound::NONE);
        Self::new(control, value, bound, above, reason)
    }

    #[inline(always)]
    const fn new(
        control: Control,
        (value, shown): (i64, Shown),
        (scope, bound): (Scope, Bound),
        (hard, above_soft, allowed): (bool, bool, bool),
        reason: RefusalReason,
    ) -> Self {
        let soft = above_soft && !allowed;
        let (reason, level) = if hard || !soft {
            (reason, NoticeLevel::Hard)
        } else {
            (RefusalReason::SoftLimit, NoticeLevel::Soft)
        };
        Self {
            verdict: Verdict {
                control,
                scope,
                value,
                soft: bound.soft,
                hard: bound.hard,
                passed: !hard && !soft,
                reason,
            },
            shown,
            above_soft,
            level,
            instead: None,
        }
    }

    /// With other numbers in a refusal.
    #[inline(always)]
    pub(super) const fn saying(self, value: i64, threshold: i64) -> Self {
        Self {
            instead: Some((value, threshold)),
            ..self
        }
    }

    /// In a scope.
    #[inline(always)]
    pub(super) const fn of(self, scope: Scope) -> Self {
        Self {
            verdict: Verdict {
                scope,
                ..self.verdict
            },
            ..self
        }
    }

    /// That passes only if something else holds, too.
    #[inline(always)]
    pub(super) const fn only_if(self, holds: bool) -> Self {
        Self {
            verdict: Verdict {
                passed: self.verdict.passed && holds,
                ..self.verdict
            },
            ..self
        }
    }

    /// The verdict, for whoever wants to know, and its consequence.
    #[inline(always)]
    pub(super) fn pass<T: Trace>(&self, trace: &mut T) -> Result<(), Refused> {
        if T::LISTENS {
            trace.note(&self.verdict());
        }
        self.result()
    }

    /// The verdict, if a soft limit was passed.
    #[inline(always)]
    pub(super) fn overrode(&self) -> Option<Verdict> {
        (self.verdict.passed && self.above_soft).then(|| self.verdict())
    }

    /// Its consequence.
    #[inline(always)]
    pub(super) fn result(&self) -> Result<(), Refused> {
        if self.verdict.passed {
            return Ok(());
        }
        Err(self.refused())
    }

    /// The limit that it broke, if it did.
    #[inline(always)]
    pub(super) const fn broken(&self) -> Option<i64> {
        match (self.verdict.passed, self.level) {
            (true, _) => None,
            (false, NoticeLevel::Soft) => Some(self.verdict.soft),
            (false, NoticeLevel::Info | NoticeLevel::Hard) => Some(self.verdict.hard),
        }
    }

    /// All numbers of the verdict.
    #[cold]
    pub(super) fn verdict(&self) -> Verdict {
        let verdict = self.verdict;
        let (value, hard) = match self.shown {
            Shown::Whole => (verdict.value, verdict.hard),
            Shown::Money(units) => (e8_up(units), verdict.hard),
            Shown::Funds(needed, free) => (e8_up(needed), e8_down(free)),
            Shown::Messages(credit) => (verdict.value, credit.messages()),
        };
        Verdict {
            value,
            hard,
            ..verdict
        }
    }

    #[cold]
    fn refused(&self) -> Refused {
        let verdict = self.verdict();
        let limit = match self.level {
            NoticeLevel::Soft => verdict.soft,
            NoticeLevel::Info | NoticeLevel::Hard => verdict.hard,
        };
        let (value, threshold) = self.instead.unwrap_or((verdict.value, limit));
        Refused {
            reason: verdict.reason,
            value,
            threshold,
            control: Some(verdict.control),
            scope: verdict.scope,
            level: self.level,
        }
    }
}

#[cfg(test)]
#[path = "measure_tests.rs"]
mod tests;
