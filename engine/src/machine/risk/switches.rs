//! Switches of risk: kill, pause and reduce-only, each for a scope, and what they let through.
//!
//! A switch is a set of causes, so that one control's end does not undo another's. A kill is
//! latched: only a release ends it, over restarts too. A pause ends when people enable the scope.
//! Reduce-only ends when its control says so.
//!
//! Hot path: yes ([`Switches::permits`] is five loads). Allocates: only at creation.

use model::body::RefusalReason;
use model::control::{Control, Scope, ScopeKind};
use model::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use model::limits::{INSTRUMENTS_MAX, STRATEGIES_MAX};
use serde::{Deserialize, Serialize};

use super::Risk;
use crate::machine::config::{ACCOUNTS_MAX, StrategyConfig};
use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{Unsound, require};

/// Venues by raw id.
const VENUES: usize = 256;

/// Places of the scopes in the table: everything, venues, accounts, strategies, instruments.
const VENUES_AT: usize = 1;
const ACCOUNTS_AT: usize = VENUES_AT + VENUES;
const STRATEGIES_AT: usize = ACCOUNTS_AT + ACCOUNTS_MAX;
const INSTRUMENTS_AT: usize = STRATEGIES_AT + STRATEGIES_MAX;
const PLACES: usize = INSTRUMENTS_AT + INSTRUMENTS_MAX;

/// What may pull a switch. The place is the cause's bit: never reordered.
const CAUSES: [Control; 23] = [
    Control::KillSwitch,
    Control::RepeatedExecution,
    Control::CollarPeriod,
    Control::Position,
    Control::DailyLoss,
    Control::Drawdown,
    Control::DrawdownSpeed,
    Control::LossStreak,
    Control::ClockOffset,
    Control::ClockStep,
    Control::LiquidationDistance,
    Control::FundingPaid,
    Control::Borrowed,
    Control::VenueConcentration,
    Control::Depeg,
    Control::FillSlippage,
    Control::FillFee,
    Control::UnknownOrders,
    Control::UnknownValue,
    Control::Drift,
    Control::Deployment,
    Control::EquityAge,
    Control::VenueGross,
];

/// The bit of a cause; a control that is not among them counts as a person's decision.
fn bit(cause: Control) -> u32 {
    let place = CAUSES.iter().position(|known| *known == cause);
    1 << place.unwrap_or(0)
}

/// The first cause of a set.
fn first(causes: u32) -> Control {
    CAUSES
        .get(causes.trailing_zeros() as usize)
        .copied()
        .unwrap_or(Control::KillSwitch)
}

/// The state of one scope: for each switch, the causes that hold it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Switch {
    kill: u32,
    pause: u32,
    reduce: u32,
}

impl Switch {
    const fn is_off(self) -> bool {
        self.kill | self.pause | self.reduce == 0
    }

    /// Whether nothing may be placed at all.
    pub(crate) const fn is_killed(self) -> bool {
        self.kill != 0
    }

    /// Whether it waits for people to enable it.
    pub(crate) const fn is_paused(self) -> bool {
        self.pause != 0
    }

    /// Whether only what reduces may be placed.
    pub(crate) const fn is_reducing(self) -> bool {
        self.reduce != 0
    }
}

/// What a switch does not let through, and whose switch it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocked {
    /// `Killed`, `Paused`, `ReduceOnlyMode` or `Restricted`.
    pub(crate) reason: RefusalReason,
    /// What pulled it.
    pub(crate) control: Control,
    /// Where.
    pub(crate) scope: Scope,
}

/// What holds a scope, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchState {
    /// The scope.
    pub scope: Scope,
    /// Nothing may be placed; by what.
    pub killed: Option<Control>,
    /// It waits for two persons to enable it; by what.
    pub paused: Option<Control>,
    /// Only what reduces may be placed; by what.
    pub reducing: Option<Control>,
}

/// See the module's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Switches {
    places: Vec<Switch>,
    /// Places that are not off.
    on: u32,
    /// Places with a kill.
    kills: u32,
    /// Instruments that may not be bought into, and until when (0: for good). Sorted.
    restricted: Vec<(InstrumentId, u64)>,
}

/// The switches as a snapshot holds them: those that are on, and the restricted list.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedSwitches {
    on: Vec<(Scope, Switch)>,
    restricted: Vec<(InstrumentId, u64)>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            places: vec![Switch::default(); PLACES],
            on: 0,
            kills: 0,
            restricted: Vec::new(),
        }
    }
}

fn place(scope: Scope) -> Option<usize> {
    let (at, index, most) = match scope {
        Scope::Overall => return Some(0),
        Scope::Venue(venue) => (VENUES_AT, venue.index(), VENUES),
        Scope::Account(account) => (ACCOUNTS_AT, account.index(), ACCOUNTS_MAX),
        Scope::Strategy(strategy) => (STRATEGIES_AT, strategy.index(), STRATEGIES_MAX),
        Scope::Instrument(instrument) => (INSTRUMENTS_AT, instrument.index(), INSTRUMENTS_MAX),
    };
    (index < most).then_some(at + index)
}

fn scope_at(place: usize) -> Scope {
    let id = |at: usize| u32::try_from(place - at).unwrap_or(u32::MAX);
    let small = |at: usize| u16::try_from(place - at).unwrap_or(u16::MAX);
    match place {
        0 => Scope::Overall,
        VENUES_AT..ACCOUNTS_AT => {
            Scope::Venue(VenueId(u8::try_from(place - VENUES_AT).unwrap_or(u8::MAX)))
        }
        ACCOUNTS_AT..STRATEGIES_AT => Scope::Account(AccountId(small(ACCOUNTS_AT))),
        STRATEGIES_AT..INSTRUMENTS_AT => Scope::Strategy(StrategyId(small(STRATEGIES_AT))),
        _ => Scope::Instrument(InstrumentId(id(INSTRUMENTS_AT))),
    }
}

impl Switches {
    /// Whether an order of these scopes may be placed. `increases`: whether the worst case of the
    /// account's position in the instrument would grow. `strategy` is `None` for the engine's own.
    ///
    /// # Errors
    ///
    /// [`Blocked`]: a kill stops every order, a pause and reduce-only what increases.
    #[inline]
    pub(crate) fn permits(
        &self,
        strategy: Option<StrategyId>,
        instrument: InstrumentId,
        venue: VenueId,
        account: AccountId,
        increases: bool,
    ) -> Result<(), Blocked> {
        if self.on == 0 && self.restricted.is_empty() {
            return Ok(());
        }
        if increases && self.restricted_until(instrument).is_some() {
            return Err(Blocked {
                reason: RefusalReason::Restricted,
                control: Control::Restricted,
                scope: Scope::Instrument(instrument),
            });
        }
        let scopes = scopes(strategy, instrument, venue, account);
        for scope in scopes.into_iter().flatten() {
            let switch = self.of(scope);
            if switch.is_off() {
                continue;
            }
            let (reason, causes) = if switch.kill != 0 {
                (RefusalReason::Killed, switch.kill)
            } else if !increases {
                continue;
            } else if switch.pause != 0 {
                (RefusalReason::Paused, switch.pause)
            } else {
                (RefusalReason::ReduceOnlyMode, switch.reduce)
            };
            let control = first(causes);
            return Err(Blocked {
                reason,
                control,
                scope,
            });
        }
        Ok(())
    }

    /// Whether an order of these scopes is under a kill.
    #[inline]
    pub(crate) fn is_killed(
        &self,
        strategy: Option<StrategyId>,
        instrument: InstrumentId,
        venue: VenueId,
        account: AccountId,
    ) -> bool {
        self.kills > 0
            && scopes(strategy, instrument, venue, account)
                .into_iter()
                .flatten()
                .any(|scope| self.of(scope).is_killed())
    }

    /// Whether any scope is under a kill.
    #[inline]
    pub(crate) const fn any_kill(&self) -> bool {
        self.kills > 0
    }

    /// State of one scope. A scope that cannot be is off.
    #[inline]
    pub(crate) fn of(&self, scope: Scope) -> Switch {
        place(scope)
            .and_then(|place| self.places.get(place))
            .copied()
            .unwrap_or_default()
    }

    /// Every scope with a switch that is on, in the order of the scopes.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Scope, Switch)> {
        let places = if self.on == 0 { &[] } else { &self.places[..] };
        let on = places.iter().enumerate().filter(|(_, one)| !one.is_off());
        on.map(|(place, switch)| (scope_at(place), *switch))
    }

    /// Pulls the kill of a scope. Whether the scope was not under a kill before.
    pub(crate) fn kill(&mut self, scope: Scope, by: Control) -> bool {
        self.change(scope, |switch| switch.kill |= bit(by))
            .is_some_and(|(old, new)| !old.is_killed() && new.is_killed())
    }

    /// Releases the kill of a scope, whatever pulled it. Whether it was on.
    pub(crate) fn release(&mut self, scope: Scope) -> bool {
        self.change(scope, |switch| switch.kill = 0)
            .is_some_and(|(old, _)| old.is_killed())
    }

    /// Pauses a scope. Whether it was not paused before.
    pub(crate) fn pause(&mut self, scope: Scope, by: Control) -> bool {
        self.change(scope, |switch| switch.pause |= bit(by))
            .is_some_and(|(old, new)| !old.is_paused() && new.is_paused())
    }

    /// Ends a pause and reduce-only, whatever caused them. Whether one of them was on.
    pub(crate) fn enable(&mut self, scope: Scope) -> bool {
        self.change(scope, |switch| (switch.pause, switch.reduce) = (0, 0))
            .is_some_and(|(old, _)| old.is_paused() || old.is_reducing())
    }

    /// Puts an instrument on the restricted list. Whether that is new.
    pub(crate) fn restrict(&mut self, instrument: InstrumentId, until: u64) -> bool {
        if instrument.index() >= INSTRUMENTS_MAX {
            return false;
        }
        match self
            .restricted
            .binary_search_by_key(&instrument, |one| one.0)
        {
            Ok(place) => std::mem::replace(&mut self.restricted[place].1, until) != until,
            Err(place) => {
                self.restricted.insert(place, (instrument, until));
                true
            }
        }
    }

    /// Takes it off. Whether it was on the list.
    pub(crate) fn unrestrict(&mut self, instrument: InstrumentId) -> bool {
        let before = self.restricted.len();
        self.restricted.retain(|one| one.0 != instrument);
        self.restricted.len() < before
    }

    /// Until when an instrument is on the list: 0 for good; `None` if it is not.
    #[inline]
    pub(crate) fn restricted_until(&self, instrument: InstrumentId) -> Option<u64> {
        let place = self
            .restricted
            .binary_search_by_key(&instrument, |one| one.0);
        place.ok().map(|place| self.restricted[place].1)
    }

    /// An instrument whose time on the list is over.
    pub(crate) fn restriction_over(&self, now_ns: u64) -> Option<InstrumentId> {
        let over = |until: u64| until != 0 && until <= now_ns;
        let found = self.restricted.iter().find(|one| over(one.1));
        found.map(|one| one.0)
    }

    /// Sets or ends reduce-only of a scope by one control. Whether that changed anything.
    pub(crate) fn reduce_only(&mut self, scope: Scope, by: Control, on: bool) -> bool {
        let bit = bit(by);
        self.change(scope, |switch| {
            switch.reduce = (switch.reduce & !bit) | if on { bit } else { 0 };
        })
        .is_some_and(|(old, new)| old.reduce != new.reduce)
    }

    fn change(&mut self, scope: Scope, how: impl FnOnce(&mut Switch)) -> Option<(Switch, Switch)> {
        let switch = self.places.get_mut(place(scope)?)?;
        let old = *switch;
        how(switch);
        let new = *switch;
        self.on = self.on + u32::from(!new.is_off()) - u32::from(!old.is_off());
        self.kills = self.kills + u32::from(new.is_killed()) - u32::from(old.is_killed());
        Some((old, new))
    }

    /// What a snapshot has to hold.
    pub(crate) fn save(&self) -> SavedSwitches {
        SavedSwitches {
            on: self.all().collect(),
            restricted: self.restricted.clone(),
        }
    }

    /// The switches of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(crate) fn restore(saved: &SavedSwitches) -> Result<Self, Unsound> {
        let mut switches = Self::default();
        let known = (1_u32 << CAUSES.len()) - 1;
        for (scope, switch) in &saved.on {
            let sound = (switch.kill | switch.pause | switch.reduce) & !known == 0;
            let fresh = !switch.is_off() && switches.of(*scope).is_off();
            require(sound && fresh && place(*scope).is_some(), "switches")?;
            switches.change(*scope, |one| *one = *switch);
        }
        let sorted = saved
            .restricted
            .is_sorted_by(|left, right| left.0 < right.0);
        let known = |one: &(InstrumentId, u64)| one.0.index() < INSTRUMENTS_MAX;
        require(
            sorted && saved.restricted.iter().all(known),
            "restricted list",
        )?;
        switches.restricted.clone_from(&saved.restricted);
        Ok(switches)
    }
}

/// The bit of a kind of scope in what a strategy knows of its kills.
pub(crate) const fn kill_bit(kind: ScopeKind) -> u8 {
    1 << kind as u8
}

impl Risk {
    /// The kills that stop a strategy: a bit for each kind of scope.
    pub(crate) fn kills_of(&self, id: StrategyId, venue: VenueId, config: &StrategyConfig) -> u8 {
        let own = [
            Some(Scope::Overall),
            Some(Scope::Venue(venue)),
            Some(Scope::Account(config.account)),
            Some(Scope::Strategy(id)),
            match config.instruments.as_slice() {
                [only] => Some(Scope::Instrument(*only)),
                _ => None,
            },
        ];
        let killed = own.into_iter().flatten();
        let killed = killed.filter(|scope| self.switches.of(*scope).is_killed());
        killed.fold(0, |bits, scope| bits | kill_bit(scope.kind()))
    }

    /// Every scope that a switch holds.
    pub fn switches_on(&self) -> impl Iterator<Item = SwitchState> {
        let by = |causes: u32| (causes != 0).then(|| first(causes));
        self.switches.all().map(move |(scope, switch)| SwitchState {
            scope,
            killed: by(switch.kill),
            paused: by(switch.pause),
            reducing: by(switch.reduce),
        })
    }

    /// The restricted list: instrument, and until when (machine time; 0: for good).
    #[must_use]
    pub fn restricted(&self) -> &[(InstrumentId, u64)] {
        &self.switches.restricted
    }
}

fn scopes(
    strategy: Option<StrategyId>,
    instrument: InstrumentId,
    venue: VenueId,
    account: AccountId,
) -> [Option<Scope>; 5] {
    [
        Some(Scope::Overall),
        Some(Scope::Venue(venue)),
        Some(Scope::Account(account)),
        strategy.map(Scope::Strategy),
        Some(Scope::Instrument(instrument)),
    ]
}

impl Digest for Switches {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.on);
        sink.value(&self.restricted);
        for (scope, switch) in self.all() {
            sink.number(scope.kind() as u8);
            sink.number(scope.id());
            for causes in [switch.kill, switch.pause, switch.reduce] {
                sink.number(causes);
            }
        }
    }
}

#[cfg(test)]
#[path = "switches_tests.rs"]
mod tests;
