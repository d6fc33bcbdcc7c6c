//! Soft and hard levels of the controls, as they are now.
//!
//! A level that persons changed stays changed over a restart, as long as the configuration says
//! the same about it as before; where it says something else, the configuration holds.
//!
//! Hot path: yes (a binary search in a short list). Allocates: only at configuration.

use model::control::{Control, Scope};
use serde::{Deserialize, Serialize};

use super::Risk;
use super::changes::{ChangeRefusal, LimitChange};
use crate::machine::config::MachineConfig;
use crate::machine::control_config::{LevelConfig, watched_scopes};
use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{Unsound, require};

/// A control's values in a scope; `i64::MAX` for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Level {
    pub(crate) soft: i64,
    pub(crate) hard: i64,
}

impl Level {
    /// No level at all.
    pub(crate) const NONE: Self = Self {
        soft: i64::MAX,
        hard: i64::MAX,
    };
}

/// Control and scope, and what holds there.
type Entry = ((Control, Scope), Level);

/// See the module's header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Levels {
    /// Sorted.
    entries: Vec<Entry>,
    /// How often one changed.
    version: u32,
}

/// The levels as a snapshot holds them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedLevels {
    entries: Vec<Entry>,
    version: u32,
}

impl Levels {
    /// What holds for a control in a scope.
    #[inline]
    pub(crate) fn get(&self, control: Control, scope: Scope) -> Level {
        self.find(control, scope)
            .map_or(Level::NONE, |place| self.entries[place].1)
    }

    /// The level of a scope, or that of everything where it has none of its own.
    #[inline]
    pub(crate) fn of(&self, control: Control, scope: Scope) -> Level {
        match self.find(control, scope) {
            Ok(place) => self.entries[place].1,
            Err(_) => self.get(control, Scope::Overall),
        }
    }

    fn find(&self, control: Control, scope: Scope) -> Result<usize, usize> {
        self.entries
            .binary_search_by_key(&(control, scope), |entry| entry.0)
    }

    fn set(&mut self, control: Control, scope: Scope, level: Level) {
        self.version = self.version.saturating_add(1);
        match self.find(control, scope) {
            Ok(place) => self.entries[place].1 = level,
            Err(place) => self.entries.insert(place, ((control, scope), level)),
        }
    }

    /// How often a level changed.
    pub(crate) const fn version(&self) -> u32 {
        self.version
    }

    /// Takes a configuration's levels; `old` are those of the one before.
    pub(super) fn configure(&mut self, old: &[LevelConfig], new: &[LevelConfig]) {
        let gone = |entry: &Entry| {
            !new.iter()
                .any(|level| (level.control, level.scope) == entry.0)
        };
        self.entries.retain(|entry| !gone(entry));
        for level in new.iter().filter(|level| !old.contains(level)) {
            let soft = level.soft.unwrap_or(i64::MAX);
            let hard = level.hard;
            self.set(level.control, level.scope, Level { soft, hard });
        }
    }

    /// Every level, by control and scope.
    pub(crate) fn all(&self) -> &[Entry] {
        &self.entries
    }

    /// What a snapshot has to hold.
    pub(super) fn save(&self) -> SavedLevels {
        let Self { entries, version } = self;
        SavedLevels {
            entries: entries.clone(),
            version: *version,
        }
    }

    /// The levels of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(super) fn restore(saved: &SavedLevels) -> Result<Self, Unsound> {
        let sorted = saved.entries.is_sorted_by(|left, right| left.0 < right.0);
        require(sorted && saved.version < 1 << 31, "levels")?;
        Ok(Self {
            entries: saved.entries.clone(),
            version: saved.version,
        })
    }
}

/// Every level of a configuration: those of `[risk]`, then those of `[[limit]]`. No control has two
/// in a scope, or the configuration would not be one.
pub(crate) fn of(config: &MachineConfig) -> Vec<LevelConfig> {
    let mut levels = config.limits.levels();
    levels.extend(&config.control.levels);
    levels
}

impl Risk {
    /// The hard and the soft limit of a control in a scope; `i64::MAX` for none.
    pub(super) fn limit_of(
        &self,
        control: Control,
        scope: Scope,
    ) -> Result<(i64, i64), ChangeRefusal> {
        if !watched_scopes(control).contains(&scope.kind()) {
            return Err(ChangeRefusal::UnknownControl);
        }
        let level = self.levels.get(control, scope);
        Ok((level.hard, level.soft))
    }

    /// Sets it. The caller has checked the change.
    pub(super) fn set_limit(&mut self, change: &LimitChange) -> Result<(), ChangeRefusal> {
        self.limit_of(change.control, change.scope)?;
        let level = Level {
            soft: change.soft,
            hard: change.new,
        };
        self.levels.set(change.control, change.scope, level);
        self.compile_bounds();
        self.open_capital();
        self.find_pairs();
        Ok(())
    }

    /// Every limit: control, scope, soft, hard; `i64::MAX` for none.
    pub fn watched_limits(&self) -> impl Iterator<Item = (Control, Scope, i64, i64)> {
        let all = self.levels.all().iter();
        all.map(|((control, scope), level)| (*control, *scope, level.soft, level.hard))
    }
}

impl Digest for Levels {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.version);
        sink.number(self.entries.len() as u64);
        for entry in &self.entries {
            sink.value(entry);
        }
    }
}
