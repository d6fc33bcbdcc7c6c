//! Controls behind the order: what is watched at each event, and what its levels do.
//!
//! Each control is a small function that sees a value, looks up the levels of its scope, and hands
//! both to [`Risk::apply_level`]: at the level nothing happens, one step beyond it the switch of
//! the scope goes on at this event. A soft level means reduce-only, a hard one kill, or reduce-only
//! too where a kill would not help ([`Answer::Block`]). Without a level nothing is watched. Each
//! change is told with value, level, scope and version.
//!
//! Hot path: yes. Market data costs a look at what rests on the instrument's price. Allocates: only
//! for configuration and instruments.

mod deployment;
mod drift;
mod fills;
mod losses;
mod venues;
mod weights;

use model::body::{NoticeCode, NoticeLevel};
use model::control::{Control, Scope, Stricter};
use model::event::Event;
use model::record::Record;
use serde::{Deserialize, Serialize};

use self::drift::Drifts;
use self::fills::Fills;
use self::losses::Losses;
pub(super) use self::losses::short;
use self::venues::Venues;
use super::Risk;
use super::notices::Told;
use crate::machine::control_config::FeatureConfig;
use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{Unsound, require};

const SECOND_NS: u64 = 1_000_000_000;

/// What the controls behind the order remember.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Watch {
    losses: Losses,
    fills: Fills,
    venues: Venues,
    drifts: Drifts,
    /// Second of the last slow look.
    second: u64,
    /// Every feature that ever was switched on, by number.
    features: Vec<FeatureConfig>,
}

/// What a hard level does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It pulls the kill switch.
    Kill,
    /// Reduce-only, as the soft one; but a person must look.
    Block,
}

impl Watch {
    /// Makes room for all that these accounts and positions may come to need.
    pub(super) fn make_room(&mut self, accounts: usize, scopes: &[Scope]) {
        self.losses.make_room(scopes);
        self.fills.make_room();
        self.venues.make_room(accounts);
        self.drifts.make_room();
    }

    /// Whether a snapshot's watch is within its bounds.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(super) fn check(&self) -> Result<(), Unsound> {
        let Self {
            losses,
            fills,
            venues,
            drifts,
            second: _,
            features,
        } = self;
        let sound = losses.is_sound() && fills.is_sound() && venues.is_sound();
        let sound = sound && drifts.is_sound();
        let sound = sound && features.is_sorted_by(|left, right| left.number < right.number);
        require(sound, "what is watched")
    }
}

/// Whether a value is beyond a level. At the level it is not; without one it never is.
const fn beyond(control: Control, value: i64, level: i64) -> bool {
    if level == i64::MAX {
        return false;
    }
    match control.stricter() {
        Stricter::Lower => value > level,
        Stricter::Higher => value < level,
    }
}

impl Risk {
    /// Looks at an event that the state has taken.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others are all alike here"
    )]
    pub(super) fn watch(&mut self, record: &Record, event: &Event<'_>) {
        let moved = self.portfolio.take_moved();
        if self.levels.all().is_empty() {
            return;
        }
        self.watch_worths(moved);
        match event {
            Event::BookLevels(_) | Event::Quote(_) | Event::Trade(_) => {}
            Event::Mark(_) => {
                if let Some(instrument) = record.instrument() {
                    self.watch_liquidation(instrument);
                }
            }
            Event::Tick(_) => {
                self.turn_day();
                self.watch_slowly();
                self.end_loss_locks();
                self.watch_unknown();
            }
            Event::Rate(rate) => self.watch_peg(rate),
            Event::Funding(funding) => self.watch_funding(record, funding),
            Event::OrderUnknown(_) => self.watch_unknown(),
            _ => {}
        }
        if let Event::OrderFilled(_)
        | Event::Balance(_)
        | Event::Transfer(_)
        | Event::Funding(_)
        | Event::PositionReport(_) = event
        {
            self.watch_books(record, event);
        }
        self.watch_clock(record, event);
    }

    /// Before this machine time no book, quote or trade can lead to anything that is watched here;
    /// 0 while a limit rests on what prices make of equity.
    pub(in crate::machine::risk) fn unwatched_until_ns(&self) -> u64 {
        let levels = self.levels.all();
        let of_prices = |control: Control| {
            matches!(
                control,
                Control::DailyLoss | Control::Drawdown | Control::DrawdownSpeed
            )
        };
        if levels.iter().any(|((control, _), _)| of_prices(*control)) {
            return 0;
        }
        if levels.is_empty() {
            return u64::MAX;
        }
        self.clocks_quiet_until_ns()
    }

    /// The books of an account changed, or the venue spoke of them.
    fn watch_books(&mut self, record: &Record, event: &Event<'_>) {
        if let Some(account) = record.account() {
            self.watch_drift(record, event);
            self.watch_liquidation_of(account);
            self.watch_debt(account);
        }
    }

    /// Once a second: what does not change with a price alone, or takes long to reckon.
    fn watch_slowly(&mut self) {
        let second = self.time_ns / SECOND_NS;
        if self.watch.second != second {
            self.watch.second = second;
            self.watch_equity_age();
            self.watch_concentration();
            self.watch_rates();
            self.prove_drifts();
        }
    }

    /// Compares a value with the levels of `control` in exactly this scope, and acts on `on`.
    fn apply_level(
        &mut self,
        (control, scope): (Control, Scope),
        on: Scope,
        value: i64,
        answer: Answer,
    ) {
        let level = self.levels.of(control, scope);
        if beyond(control, value, level.hard) {
            let acts = match answer {
                Answer::Kill => !self.switches.of(on).is_killed(),
                Answer::Block => self.switches.reduce_only(on, control, true),
            };
            if acts {
                let told = Told::new(NoticeCode::HardLimit, NoticeLevel::Hard, on);
                self.notice(told.by(control, value, level.hard));
            }
            if answer == Answer::Kill {
                self.pull_kill(on, control, 0);
            }
            return;
        }
        let soft = beyond(control, value, level.soft);
        if self.switches.reduce_only(on, control, soft) {
            let (code, gravity, threshold) = if soft {
                (NoticeCode::SoftLimit, NoticeLevel::Soft, level.soft)
            } else {
                (NoticeCode::LimitCleared, NoticeLevel::Info, level.soft)
            };
            let told = Told::new(code, gravity, on);
            self.notice(told.by(control, value, threshold));
        }
    }
}

impl Digest for Watch {
    fn digest(&self, sink: &mut Sink) {
        sink.value(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_at_it_is_kept_and_one_beyond_is_not_either_way() {
        assert!(!beyond(Control::DailyLoss, 100, 100));
        assert!(beyond(Control::DailyLoss, 101, 100));
        assert!(!beyond(Control::LiquidationDistance, 100, 100));
        assert!(beyond(Control::LiquidationDistance, 99, 100));
        for control in [Control::DailyLoss, Control::LiquidationDistance] {
            assert!(!beyond(control, i64::MAX, i64::MAX));
            assert!(!beyond(control, i64::MIN, i64::MAX));
        }
    }
}
