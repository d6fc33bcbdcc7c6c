//! Row 30: what the venue reports against our own books, balances and positions.
//!
//! A report and the fill behind it come on their own ways, so a difference counts once it was there
//! at every look for `drift_time_max`: at each report, and at each event that changes the books.
//! It begins with a report that differs, and ends as soon as both agree. What counts is the least
//! that it was in that time, in the reporting currency. Soft: reduce-only in the account; hard:
//! kill of the account. Without a price for what differs: reduce-only. Nothing is ever adjusted.
//!
//! Hot path: yes (a look at an empty list). Allocates: only beyond the room that was made.

use model::body::{AssetName, NoticeCode, NoticeLevel};
use model::control::{Control, Scope};
use model::event::Event;
use model::ids::{AccountId, InstrumentId};
use model::num::{Lots, Ticks};
use model::record::Record;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::losses::short;
use super::{Answer, Risk, Told};
use crate::machine::config::ACCOUNTS_MAX;
use crate::machine::risk::checks;

/// Without `drift_time_max`.
const TIME_NS: u64 = 10_000_000_000;
/// Differences for which room is made.
const ROOM: usize = 256;
/// Stands for a difference without a price.
const UNPRICED: i64 = i64::MAX - 1;

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum What {
    Asset(#[serde(with = "crate::machine::saved::asset")] AssetName),
    Position(InstrumentId),
}

/// One difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Doubt {
    account: AccountId,
    what: What,
    /// Since when it is looked at for the least of it.
    from_ns: u64,
    /// The least that it was since then, 1e-8 of the reporting currency.
    least: i64,
    /// The least that it was in the last whole time; 0 before the first.
    proved: i64,
}

/// See the module's header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Drifts {
    doubts: Vec<Doubt>,
}

impl Drifts {
    pub(super) fn make_room(&mut self) {
        self.doubts.reserve(ROOM.saturating_sub(self.doubts.len()));
    }

    pub(super) fn is_sound(&self) -> bool {
        self.doubts.iter().all(|doubt| {
            doubt.account.index() < ACCOUNTS_MAX && doubt.least >= 0 && doubt.proved >= 0
        })
    }
}

impl Risk {
    /// Looks at a report, or at the books that an event changed.
    pub(super) fn watch_drift(&mut self, record: &Record, event: &Event<'_>) {
        let Some(account) = record.account() else {
            return;
        };
        match (event, record.instrument()) {
            (Event::Balance(balance), _) => self.suspect(account, What::Asset(balance.asset)),
            (Event::PositionReport(_), Some(id)) => self.suspect(account, What::Position(id)),
            _ => {}
        }
        let mut index = 0;
        while let Some(doubt) = self.watch.drifts.doubts.get(index).copied() {
            if doubt.account != account || !self.see_again(index, doubt) {
                index += 1;
            }
        }
    }

    /// From here on reduce-only, or a kill.
    fn drift_level(&self, account: AccountId) -> i64 {
        let level = self.levels.of(Control::Drift, Scope::Account(account));
        level.soft.min(level.hard)
    }

    fn suspect(&mut self, account: AccountId, what: What) {
        let level = self.drift_level(account);
        let same = |doubt: &Doubt| (doubt.account, doubt.what) == (account, what);
        if level == i64::MAX || self.watch.drifts.doubts.iter().any(same) {
            return;
        }
        let value = self.difference(account, what);
        if value > level {
            self.watch.drifts.doubts.push(Doubt {
                account,
                what,
                from_ns: self.time_ns,
                least: value,
                proved: 0,
            });
        }
    }

    /// Whether the difference is over.
    fn see_again(&mut self, index: usize, doubt: Doubt) -> bool {
        let value = self.difference(doubt.account, doubt.what);
        if value > self.drift_level(doubt.account) {
            let least = &mut self.watch.drifts.doubts[index].least;
            *least = value.min(*least);
            return false;
        }
        self.watch.drifts.doubts.remove(index);
        if doubt.proved > 0 {
            self.tell_drift(&doubt, NoticeCode::DriftEnded, NoticeLevel::Info, value);
            self.judge_drift(doubt.account);
        }
        true
    }

    /// Once a second: differences that were there for the whole time.
    pub(super) fn prove_drifts(&mut self) {
        let now = self.time_ns;
        for index in 0..self.watch.drifts.doubts.len() {
            let doubt = self.watch.drifts.doubts[index];
            let scope = Scope::Account(doubt.account);
            let time = match self.levels.of(Control::DriftTime, scope).hard {
                i64::MAX => TIME_NS,
                time => time.unsigned_abs(),
            };
            if now.saturating_sub(doubt.from_ns) <= time {
                continue;
            }
            let value = self.difference(doubt.account, doubt.what);
            let one = &mut self.watch.drifts.doubts[index];
            (one.proved, one.least, one.from_ns) = (doubt.least.min(value), value, now);
            if doubt.proved == 0 {
                let proved = self.watch.drifts.doubts[index];
                self.tell_drift(&proved, NoticeCode::Drift, NoticeLevel::Hard, proved.proved);
            }
            self.judge_drift(doubt.account);
        }
    }

    fn judge_drift(&mut self, account: AccountId) {
        let of_account = |doubt: &&Doubt| doubt.account == account;
        let doubts = self.watch.drifts.doubts.iter().filter(of_account);
        let worst = doubts.map(|doubt| doubt.proved).max().unwrap_or(0);
        let scope = Scope::Account(account);
        // A kill for want of a price would stop what reduces, too.
        let answer = if worst == UNPRICED {
            Answer::Block
        } else {
            Answer::Kill
        };
        self.apply_level((Control::Drift, scope), scope, worst, answer);
    }

    fn tell_drift(&mut self, doubt: &Doubt, code: NoticeCode, level: NoticeLevel, value: i64) {
        let scope = match doubt.what {
            What::Asset(_) => Scope::Account(doubt.account),
            What::Position(id) => Scope::Instrument(id),
        };
        let threshold = self.drift_level(doubt.account);
        let told = Told::new(code, level, scope).by(Control::Drift, value, threshold);
        self.notice(match doubt.what {
            What::Asset(asset) => told.about(short(&asset)),
            What::Position(id) => told.at(Ticks::ZERO, self.lots_apart(doubt.account, id)),
        });
    }

    fn lots_apart(&self, account: AccountId, instrument: InstrumentId) -> Lots {
        let position = self.portfolio.position(account, instrument);
        let apart = position.and_then(|own| own.venue?.lots.checked_sub(own.lots));
        apart.unwrap_or(Lots::ZERO)
    }

    /// How far the venue's word is from our books, 1e-8 of the reporting currency, rounded up.
    fn difference(&self, account: AccountId, what: What) -> i64 {
        let (asset, apart) = match what {
            What::Asset(asset) => {
                let held = self.portfolio.ledger(account);
                let held = held.and_then(|ledger| ledger.holding(&asset));
                let apart = held.and_then(|held| held.reported?.checked_sub(held.total));
                (Some(asset), apart.unwrap_or(Decimal::ZERO))
            }
            What::Position(id) => match self.lots_apart(account, id) {
                Lots::ZERO => return 0,
                apart => match self.portfolio.worth_of(id, apart) {
                    Some((asset, worth)) => (Some(asset), worth),
                    None => (None, Decimal::ONE),
                },
            },
        };
        if apart.is_zero() {
            return 0;
        }
        let value = asset.and_then(|asset| self.portfolio.in_reporting(&asset, apart.abs()));
        value.map_or(UNPRICED, |value| {
            let cut = checks::e8(value.abs());
            cut.saturating_add(1).min(UNPRICED - 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::beyond;
    use super::*;

    #[test]
    fn unpriced_difference_is_beyond_any_level() {
        assert!(beyond(Control::Drift, UNPRICED, i64::MAX - 2));
        assert!(!beyond(Control::Drift, UNPRICED, i64::MAX));
    }
}
