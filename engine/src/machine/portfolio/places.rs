//! Where the position of an account in an instrument stands: one step instead of a search, for
//! every order and fill asks. It follows from the positions, so a snapshot does not hold it.
//!
//! Hot path: yes. Allocates: only when instruments or accounts come.

use model::ids::{AccountId, InstrumentId};

use super::Position;

const NONE: u32 = u32::MAX;

/// See the module's header.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// Instruments in a row.
    width: usize,
    /// By account, then instrument.
    places: Vec<u32>,
}

impl Places {
    /// Of these positions.
    pub(super) fn of(positions: &[Position]) -> Self {
        let most = |of: fn(&Position) -> usize| positions.iter().map(of).max();
        let width = most(|held| held.instrument.index()).map_or(0, |index| index + 1);
        let rows = most(|held| held.account.index()).map_or(0, |index| index + 1);
        let mut places = vec![NONE; width * rows];
        for (place, held) in (0..).zip(positions) {
            places[held.account.index() * width + held.instrument.index()] = place;
        }
        Self { width, places }
    }

    /// Its place among the positions.
    #[inline]
    pub(super) fn get(&self, account: AccountId, instrument: InstrumentId) -> Option<usize> {
        if instrument.index() >= self.width {
            return None;
        }
        let at = account.index() * self.width + instrument.index();
        let place = self.places.get(at).copied()?;
        (place != NONE).then_some(place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_a_search() {
        let held = [(0, 1), (0, 4), (2, 0), (2, 4)];
        let flat =
            |(account, instrument)| Position::flat(AccountId(account), InstrumentId(instrument));
        let positions: Vec<Position> = held.into_iter().map(flat).collect();
        let places = Places::of(&positions);
        for account in 0..4 {
            for instrument in 0..7 {
                let want = held.iter().position(|at| *at == (account, instrument));
                let got = places.get(AccountId(account), InstrumentId(instrument));
                assert_eq!(got, want);
            }
        }
        assert_eq!(Places::of(&[]).get(AccountId(0), InstrumentId(0)), None);
    }
}
