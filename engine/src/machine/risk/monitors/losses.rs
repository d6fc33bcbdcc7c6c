//! Loss of the day, fall from the peak and its speed, losing exits in a row.
//!
//! Profit is equity less what came from outside, 1e-8 of the reporting currency: fees in any asset,
//! funding and interest are in it, a deposit is not. Of everything, of an account, and of a
//! strategy by its virtual sub-account. While equity is unknown the last known profit stands; how
//! long that may be is `equity_age_max`'s to say.
//!
//! Hot path: yes. Allocates: only in `make_room`.

use std::collections::VecDeque;

use model::body::{AssetName, Fill, NoticeCode, NoticeLevel};
use model::control::{Control, Scope};
use model::ids::StrategyId;
use model::limits::STRATEGIES_MAX;
use serde::{Deserialize, Serialize};

use super::{Answer, Risk, Told, beyond};
use crate::machine::portfolio::Position;
use crate::machine::risk::checks;
use crate::machine::risk::levels::Level;

const DAY_NS: u64 = 86_400_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// That equity is unknown is told after this time: at a start prices come within it.
const UNPRICED_TOLD_NS: u64 = 5 * SECOND_NS;
/// Parts of the window over which the speed of a loss is measured.
const WINDOW_PARTS: u64 = 16;

/// Profit over time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Curve {
    /// It was known once: what was before does not count.
    begun: bool,
    profit: i64,
    at_midnight: i64,
    peak: i64,
    /// Highest profit in each part of the window: number of the part, profit.
    recent: VecDeque<(u64, i64)>,
    /// When it was last looked at and known, by prices that were young enough; 0: never.
    known_ns: u64,
    /// That it is unknown was told.
    told: bool,
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
    /// By scope.
    curves: Vec<(Scope, Curve)>,
    /// By strategy.
    streaks: Vec<Streak>,
    day: u64,
}

impl Losses {
    pub(super) fn make_room(&mut self, scopes: &[Scope]) {
        self.curves.retain(|(scope, _)| scopes.contains(scope));
        for scope in scopes {
            let found = self.curves.binary_search_by_key(scope, |one| one.0);
            if let Err(place) = found {
                self.curves.insert(place, (*scope, Curve::default()));
            }
        }
        for (_, curve) in &mut self.curves {
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
        self.curves
            .iter()
            .all(|(_, curve)| curve.recent.len() as u64 <= WINDOW_PARTS + 1)
            && self.curves.is_sorted_by(|left, right| left.0 < right.0)
            && self
                .streaks
                .is_sorted_by(|left, right| left.strategy < right.strategy)
    }

    fn curve(&mut self, scope: Scope) -> Option<&mut Curve> {
        let place = self.curves.binary_search_by_key(&scope, |one| one.0);
        place.ok().map(|place| &mut self.curves[place].1)
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
    fn set(&mut self, profit: i64, part: u64) {
        if !self.begun {
            self.begun = true;
            (self.at_midnight, self.peak) = (profit, profit);
        }
        self.profit = profit;
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
    /// The scopes whose profit is watched: everything, and those with a level of their own.
    pub(in crate::machine::risk) fn watched_worths(&self) -> Vec<Scope> {
        let of_worth = |control: Control| {
            matches!(
                control,
                Control::DailyLoss
                    | Control::Drawdown
                    | Control::DrawdownSpeed
                    | Control::EquityAge
            )
        };
        let own = self.levels.all().iter().map(|entry| entry.0);
        let own = own.filter(|(control, _)| of_worth(*control));
        let own = own.map(|(_, scope)| scope);
        let mut scopes: Vec<Scope> = own.filter(|scope| self.knows(*scope)).collect();
        if !self.levels.all().is_empty() {
            scopes.push(Scope::Overall);
        }
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    }

    /// Looks at the profits that an event moved.
    #[inline]
    pub(super) fn watch_worths(&mut self, moved: u128) {
        let mut moved = moved;
        while moved != 0 {
            let place = moved.trailing_zeros() as usize;
            moved &= moved - 1;
            if let Some((scope, Some(made))) = self.portfolio.made(place) {
                self.profit_moved(scope, made);
            }
        }
    }

    fn profit_moved(&mut self, scope: Scope, profit: i64) {
        let config = self.config.as_ref();
        let window = config
            .map_or(0, |config| config.control.loss_speed_window_ns)
            .max(WINDOW_PARTS);
        let part = self.time_ns / (window / WINDOW_PARTS);
        if let Some(curve) = self.watch.losses.curve(scope) {
            curve.set(profit, part);
            self.judge_losses(scope);
        }
    }

    fn judge_losses(&mut self, scope: Scope) {
        let Ok(place) = self
            .watch
            .losses
            .curves
            .binary_search_by_key(&scope, |one| one.0)
        else {
            return;
        };
        // Reduce-only by one of these: it may be over.
        let held = self.switches.of(scope).is_reducing();
        for control in [
            Control::DailyLoss,
            Control::Drawdown,
            Control::DrawdownSpeed,
        ] {
            // A limit of everything is one of the sum, not of each account.
            let level = self.levels.get(control, scope);
            if level == Level::NONE {
                continue;
            }
            let curve = &self.watch.losses.curves[place].1;
            let value = if control == Control::DailyLoss {
                curve.loss_of_day()
            } else if control == Control::Drawdown {
                curve.fall()
            } else {
                self.speed_of(curve)
            };
            let quiet = !beyond(control, value, level.soft) && !beyond(control, value, level.hard);
            if held || !quiet {
                self.apply_level((control, scope), scope, value, Answer::Kill);
            }
        }
    }

    fn speed_of(&self, curve: &Curve) -> i64 {
        let config = self.config.as_ref();
        let window = config
            .map_or(0, |config| config.control.loss_speed_window_ns)
            .max(SECOND_NS);
        let speed = i128::from(curve.recent_fall()) * i128::from(SECOND_NS) / i128::from(window);
        i64::try_from(speed).unwrap_or(i64::MAX)
    }

    /// At midnight (UTC) a new day's loss begins.
    pub(super) fn turn_day(&mut self) {
        let day = self.time_ns / DAY_NS;
        let losses = &mut self.watch.losses;
        if losses.day == day {
            return;
        }
        losses.day = day;
        for (_, curve) in &mut losses.curves {
            curve.at_midnight = curve.profit;
        }
        for index in 0..self.watch.losses.curves.len() {
            self.judge_losses(self.watch.losses.curves[index].0);
        }
        self.turn_funding_day();
    }

    /// How old the prices are that equity rests on. Too old, or missing for so long: only what
    /// reduces passes. That a price is missing is told in any case.
    pub(super) fn watch_equity_age(&mut self) {
        let now = self.time_ns;
        for place in 0..self.watch.losses.curves.len() {
            let Some(known) = self.portfolio.oldest_price_ns(place) else {
                return;
            };
            let (scope, curve) = &mut self.watch.losses.curves[place];
            let scope = *scope;
            if let Ok(oldest) = known {
                curve.known_ns = oldest.min(now);
            } else if curve.known_ns == 0 {
                curve.known_ns = now;
            }
            let age = now.saturating_sub(curve.known_ns);
            let newly = known.is_err() && !curve.told && age >= UNPRICED_TOLD_NS;
            curve.told = known.is_err() && (curve.told || newly);
            let age = checks::clamp(age);
            if newly {
                let asset = known.err().flatten();
                let told = Told::new(NoticeCode::Unpriced, NoticeLevel::Soft, scope)
                    .by(Control::EquityAge, age, 0)
                    .about(asset.map_or(0, |asset| short(&asset)));
                self.notice(told);
            }
            if self.levels.get(Control::EquityAge, scope) != Level::NONE {
                self.apply_level((Control::EquityAge, scope), scope, age, Answer::Block);
            }
        }
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

/// The first eight letters of an asset, as a number: what a notice has room for.
pub(in crate::machine::risk) fn short(asset: &AssetName) -> u64 {
    let mut letters = [0; 8];
    for (to, from) in letters.iter_mut().zip(asset.as_str().bytes()) {
        *to = from;
    }
    u64::from_le_bytes(letters)
}

/// The strategy whose order was filled.
pub(super) fn fill_strategy(fill: &Fill) -> Option<StrategyId> {
    model::ids::ClientOrderId::from_raw(fill.client_id)?.strategy()
}
