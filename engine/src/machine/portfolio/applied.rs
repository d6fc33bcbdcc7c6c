//! Which transfers and funding payments were booked already: each counts once, by the venue's id.
//!
//! The last [`REMEMBERED`] are known. One that comes again after so many others is booked again,
//! and shows as drift at the venue's next report.
//!
//! Hot path: no (money rarely moves). Allocates: only at creation.

use std::collections::VecDeque;

use model::ids::{AccountId, InstrumentId};
use serde::{Deserialize, Serialize};

use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{COUNT_MAX, Unsound, require};

/// Movements that are remembered.
const REMEMBERED: usize = 1_024;

/// What makes a movement unique; a transfer has no instrument.
pub(super) type MovementKey = (AccountId, Option<InstrumentId>, u64);

/// The last movements.
#[derive(Debug, Clone)]
pub(super) struct Applied {
    keys: VecDeque<MovementKey>,
    repeated: u64,
}

/// The same as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedApplied {
    keys: Vec<MovementKey>,
    repeated: u64,
}

impl Default for Applied {
    fn default() -> Self {
        Self {
            keys: VecDeque::with_capacity(REMEMBERED),
            repeated: 0,
        }
    }
}

impl Applied {
    pub(super) fn save(&self) -> SavedApplied {
        let Self { keys, repeated } = self;
        SavedApplied {
            keys: keys.iter().copied().collect(),
            repeated: *repeated,
        }
    }

    /// # Errors
    ///
    /// [`Unsound`]: more than are remembered.
    pub(super) fn restore(saved: &SavedApplied) -> Result<Self, Unsound> {
        let sound = saved.keys.len() <= REMEMBERED && saved.repeated < COUNT_MAX;
        require(sound, "remembered transfers")?;
        let mut applied = Self::default();
        applied.keys.extend(&saved.keys);
        applied.repeated = saved.repeated;
        Ok(applied)
    }

    /// Whether it came before; then it is counted.
    pub(super) fn came_before(&mut self, key: MovementKey) -> bool {
        let before = self.keys.contains(&key);
        self.repeated += u64::from(before);
        before
    }

    pub(super) fn remember(&mut self, key: MovementKey) {
        if self.keys.len() == REMEMBERED {
            self.keys.pop_front();
        }
        self.keys.push_back(key);
    }

    pub(super) const fn repeated(&self) -> u64 {
        self.repeated
    }
}

impl Digest for Applied {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.keys.len() as u64);
        for (account, instrument, id) in &self.keys {
            sink.number(account.0);
            sink.number(instrument.map_or(-1, |instrument| i128::from(instrument.0)));
            sink.number(*id);
        }
        sink.number(self.repeated);
    }
}
