//! Loss of the day, fall from the peak and its speed, losing exits in a row.
//!
//! Profit is realised and unrealised at the middle of the book, after fees in base or quote, in
//! 1e-8 of the quote asset, which counts one to one as the reporting currency. It is kept for each
//! position and added up; a price changes only the positions in its instrument. Money that comes in
//! or goes out is no profit, so it moves none of this.
//!
//! Hot path: yes. Allocates: only in `make_room`.

use std::collections::VecDeque;

use model::body::{Fill, NoticeCode, NoticeLevel};
use model::control::{Control, Scope};
use model::ids::{AccountId, InstrumentId, StrategyId};
use model::limits::STRATEGIES_MAX;
use model::num::Lots;
use model::record::Record;
use serde::{Deserialize, Serialize};

use super::{Answer, Risk, Told, beyond};
use crate::machine::portfolio::Position;
use crate::machine::risk::checks;

const DAY_NS: u64 = 86_400_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// Parts of the window over which the speed of a loss is measured.
const WINDOW_PARTS: u64 = 16;

/// What one position made so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    instrument: InstrumentId,
    account: AccountId,
    profit: i64,
    is_open: bool,
    /// Twice the middle that it was valued at.
    mid_x2: i64,
}

/// Profit over time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Curve {
    profit: i64,
    at_midnight: i64,
    peak: i64,
    /// Highest profit in each part of the window: number of the part, profit.
    recent: VecDeque<(u64, i64)>,
}

/// Losing exits of a strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Streak {
    strategy: StrategyId,
    losses: u32,
    locked_until_ns: Option<u64>,
}

/// See the module's header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Losses {
    /// By instrument and account.
    parts: Vec<Part>,
    /// By account.
    accounts: Vec<Curve>,
    overall: Curve,
    /// By strategy.
    streaks: Vec<Streak>,
    day: u64,
}

impl Losses {
    pub(super) fn make_room(&mut self, accounts: usize, positions: usize) {
        self.parts
            .reserve(positions.saturating_sub(self.parts.len()));
        if self.accounts.len() < accounts {
            self.accounts.resize_with(accounts, Curve::default);
        }
        for curve in self.accounts.iter_mut().chain([&mut self.overall]) {
            // One more than stays: for the moment between a new part and the end of the oldest.
            let most = WINDOW_PARTS as usize + 2;
            curve
                .recent
                .reserve(most.saturating_sub(curve.recent.len()));
        }
        self.streaks
            .reserve(STRATEGIES_MAX.saturating_sub(self.streaks.len()));
    }

    pub(super) fn is_sound(&self) -> bool {
        let curves = self.accounts.iter().chain([&self.overall]);
        let key = |part: &Part| (part.instrument, part.account);
        curves
            .into_iter()
            .all(|curve| curve.recent.len() as u64 <= WINDOW_PARTS + 1)
            && self
                .parts
                .is_sorted_by(|left, right| key(left) < key(right))
            && self
                .streaks
                .is_sorted_by(|left, right| left.strategy < right.strategy)
    }

    fn curve(&mut self, account: AccountId) -> &mut Curve {
        if self.accounts.len() <= account.index() {
            self.accounts
                .resize_with(account.index() + 1, Curve::default);
        }
        &mut self.accounts[account.index()]
    }

    fn streak(&mut self, strategy: StrategyId) -> &mut Streak {
        let found = self
            .streaks
            .binary_search_by_key(&strategy, |one| one.strategy);
        let place = found.unwrap_or_else(|place| {
            let streak = Streak {
                strategy,
                losses: 0,
                locked_until_ns: None,
            };
            self.streaks.insert(place, streak);
            place
        });
        &mut self.streaks[place]
    }
}

impl Curve {
    fn add(&mut self, change: i64, part: u64) {
        self.profit = self.profit.saturating_add(change);
        self.peak = self.peak.max(self.profit);
        match self.recent.back_mut() {
            Some(last) if last.0 == part => last.1 = last.1.max(self.profit),
            _ => self.recent.push_back((part, self.profit)),
        }
        while self
            .recent
            .front()
            .is_some_and(|first| first.0 + WINDOW_PARTS < part)
        {
            self.recent.pop_front();
        }
    }

    const fn loss_of_day(&self) -> i64 {
        self.at_midnight.saturating_sub(self.profit)
    }

    const fn fall(&self) -> i64 {
        self.peak.saturating_sub(self.profit)
    }

    /// What was lost since the best moment of the window.
    fn recent_fall(&self) -> i64 {
        let best = self.recent.iter().map(|one| one.1).max();
        best.unwrap_or(self.profit).saturating_sub(self.profit)
    }
}

impl Risk {
    /// The middle of a book moved: values the open positions in its instrument.
    pub(super) fn watch_prices(&mut self, record: &Record) {
        let Some(instrument) = record.instrument() else {
            return;
        };
        let parts = &self.watch.losses.parts;
        let first = parts.partition_point(|part| part.instrument < instrument);
        let Some(top) = parts
            .get(first)
            .filter(|part| part.instrument == instrument)
            .and_then(|_| self.listing(instrument)?.book().top())
        else {
            return;
        };
        let mid_x2 = top.mid_x2();
        let mut index = first;
        while let Some(part) = self.watch.losses.parts.get(index).copied()
            && part.instrument == instrument
        {
            if part.is_open && part.mid_x2 != mid_x2 {
                self.value_position(part.account, instrument, Some(mid_x2));
            }
            index += 1;
        }
    }

    /// A fill changed a position.
    pub(super) fn watch_position(&mut self, account: AccountId, instrument: InstrumentId) {
        let listing = self.listing(instrument);
        let mid_x2 = listing
            .and_then(|listing| listing.book().top())
            .map(|top| top.mid_x2());
        self.value_position(account, instrument, mid_x2);
    }

    fn value_position(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        mid_x2: Option<i64>,
    ) {
        let key = (instrument, account);
        let losses = &mut self.watch.losses;
        let by_key = |part: &Part| (part.instrument, part.account);
        let place = losses
            .parts
            .binary_search_by_key(&key, by_key)
            .unwrap_or_else(|place| {
                let part = Part {
                    instrument,
                    account,
                    profit: 0,
                    is_open: false,
                    mid_x2: 0,
                };
                losses.parts.insert(place, part);
                place
            });
        let mid_x2 = mid_x2.unwrap_or(losses.parts[place].mid_x2);
        let Some(profit) = self.profit_of(account, instrument, mid_x2) else {
            return;
        };
        let position = self.portfolio.position(account, instrument);
        let is_open = position.is_some_and(|position| position.lots != Lots::ZERO);
        let part = &mut self.watch.losses.parts[place];
        let change = profit.saturating_sub(part.profit);
        (part.profit, part.is_open, part.mid_x2) = (profit, is_open, mid_x2);
        if change != 0 {
            self.profit_moved(account, change);
        }
    }

    fn profit_of(&self, account: AccountId, instrument: InstrumentId, mid_x2: i64) -> Option<i64> {
        let position = self.portfolio.position(account, instrument)?;
        let spec = self.listing(instrument)?.spec();
        let open = position.unrealised(spec, mid_x2)?;
        let closed = position.realised.checked_sub(position.fees)?;
        Some(checks::e8(open.checked_add(closed)?))
    }

    fn profit_moved(&mut self, account: AccountId, change: i64) {
        let config = self.config.as_ref();
        let window = config
            .map_or(0, |config| config.control.loss_speed_window_ns)
            .max(WINDOW_PARTS);
        let part = self.time_ns / (window / WINDOW_PARTS);
        let losses = &mut self.watch.losses;
        losses.curve(account).add(change, part);
        losses.overall.add(change, part);
        self.judge_losses(Scope::Account(account));
        self.judge_losses(Scope::Overall);
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others are all alike here"
    )]
    fn judge_losses(&mut self, scope: Scope) {
        let config = self.config.as_ref();
        let window = config
            .map_or(0, |config| config.control.loss_speed_window_ns)
            .max(SECOND_NS);
        let losses = &self.watch.losses;
        let curve = match scope {
            Scope::Account(account) => match losses.accounts.get(account.index()) {
                Some(curve) => curve,
                None => return,
            },
            _ => &losses.overall,
        };
        let speed = i128::from(curve.recent_fall()) * i128::from(SECOND_NS) / i128::from(window);
        let values = [
            (Control::DailyLoss, curve.loss_of_day()),
            (Control::Drawdown, curve.fall()),
            (
                Control::DrawdownSpeed,
                i64::try_from(speed).unwrap_or(i64::MAX),
            ),
        ];
        for (control, value) in values {
            // A limit of everything is one of the sum, not of each account.
            if self.levels.get(control, scope) != super::super::levels::Level::NONE {
                self.apply_level((control, scope), scope, value, Answer::Kill);
            }
        }
    }

    /// At midnight (UTC) a new day's loss begins.
    pub(super) fn turn_day(&mut self) {
        let day = self.time_ns / DAY_NS;
        let losses = &mut self.watch.losses;
        if losses.day == day {
            return;
        }
        losses.day = day;
        let accounts = losses.accounts.len();
        for curve in losses.accounts.iter_mut().chain([&mut losses.overall]) {
            curve.at_midnight = curve.profit;
        }
        self.judge_losses(Scope::Overall);
        for account in (0..).map(AccountId).take(accounts) {
            self.judge_losses(Scope::Account(account));
        }
        self.turn_funding_day();
    }

    /// Losing exits in a row: a fill that closed something at a loss, after its fee.
    pub(super) fn watch_exit(&mut self, fill: &Fill, before: &Position, after: &Position) {
        let Some(strategy) = fill_strategy(fill) else {
            return;
        };
        if before.realised == after.realised {
            return;
        }
        let made = after.realised.checked_sub(before.realised);
        let fees = after.fees.checked_sub(before.fees);
        let (Some(made), Some(fees)) = (made, fees) else {
            return;
        };
        let lost = made < fees;
        let streak = self.watch.losses.streak(strategy);
        streak.losses = if lost {
            streak.losses.saturating_add(1)
        } else {
            0
        };
        let losses = i64::from(streak.losses);
        let scope = Scope::Strategy(strategy);
        let level = self.levels.of(Control::LossStreak, scope);
        if !beyond(Control::LossStreak, losses, level.hard) {
            return;
        }
        let lock = self.levels.of(Control::LossLock, scope).hard;
        let until = self.time_ns.saturating_add(lock.unsigned_abs());
        let streak = self.watch.losses.streak(strategy);
        (streak.losses, streak.locked_until_ns) = (0, Some(until));
        self.switches.reduce_only(scope, Control::LossStreak, true);
        let told = Told::new(NoticeCode::LossLock, NoticeLevel::Soft, scope);
        self.notice(told.by(Control::LossStreak, losses, level.hard));
    }

    /// Locks whose time is over.
    pub(super) fn end_loss_locks(&mut self) {
        let now = self.time_ns;
        for index in 0..self.watch.losses.streaks.len() {
            let streak = &mut self.watch.losses.streaks[index];
            if streak.locked_until_ns.is_none_or(|until| now < until) {
                continue;
            }
            streak.locked_until_ns = None;
            let scope = Scope::Strategy(streak.strategy);
            if self.switches.reduce_only(scope, Control::LossStreak, false) {
                let told = Told::new(NoticeCode::LimitCleared, NoticeLevel::Info, scope);
                self.notice(told.by(Control::LossStreak, 0, 0));
            }
        }
    }
}

/// The strategy whose order was filled.
pub(super) fn fill_strategy(fill: &Fill) -> Option<StrategyId> {
    model::ids::ClientOrderId::from_raw(fill.client_id)?.strategy()
}
