//! From client order id to slot: open addressing with linear probing in a table of fixed size.
//!
//! Nothing walks it, so where an id stands decides nothing. A removal moves the rest of its run
//! back, so there are no marks of the dead to clean up, and no moment at which the table is made
//! anew. At most half of the places are used.
//!
//! Hot path: yes. Allocates: only at creation.

use model::ids::ClientOrderId;

/// One place. Slot 0 stands for none; others are one more than the slot.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    id: u64,
    slot: u32,
}

/// See the module's header.
#[derive(Debug, Clone)]
pub(super) struct Index {
    places: Vec<Place>,
    shift: u32,
}

impl Index {
    /// With room for this many ids.
    pub(super) fn new(ids: usize) -> Self {
        let places = (2 * ids).next_power_of_two().max(2);
        Self {
            places: vec![Place::default(); places],
            shift: 64 - places.trailing_zeros(),
        }
    }

    /// Fibonacci hashing: ids are counters with a few fixed bits above.
    fn home(&self, id: u64) -> usize {
        (id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }

    /// Where it stands, or the empty place where it would.
    fn find(&self, id: u64) -> usize {
        let mut at = self.home(id);
        while self.places[at].slot != 0 && self.places[at].id != id {
            at = self.after(at);
        }
        at
    }

    /// The slot of an id.
    #[inline]
    pub(super) fn get(&self, id: ClientOrderId) -> Option<u32> {
        self.places[self.find(id.raw())].slot.checked_sub(1)
    }

    /// Puts an id that is not there.
    pub(super) fn insert(&mut self, id: ClientOrderId, slot: u32) {
        let at = self.find(id.raw());
        self.places[at] = Place {
            id: id.raw(),
            slot: slot + 1,
        };
    }

    /// Takes an id out, if it is there.
    pub(super) fn remove(&mut self, id: ClientOrderId) {
        let mut hole = self.find(id.raw());
        if self.places[hole].slot == 0 {
            return;
        }
        let mask = self.places.len() - 1;
        let mut at = self.after(hole);
        while self.places[at].slot != 0 {
            // It may move back into the hole if its home is not behind the hole.
            let home = self.home(self.places[at].id);
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                self.places[hole] = self.places[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.places[hole] = Place::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn index_agrees_with_a_map_over_random_inserts_and_removals() {
        let mut random = 7_u64;
        let mut next = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % bound
        };
        let mut index = Index::new(64);
        let mut map = BTreeMap::new();
        for _ in 0..200_000 {
            let raw = 1 << 40 | next(3) << 32 | next(60);
            let id = ClientOrderId::from_raw(raw).unwrap();
            let known = map.get(&raw).copied();
            assert_eq!(index.get(id), known);
            if known.is_some() {
                index.remove(id);
                map.remove(&raw);
            } else if map.len() < 64 {
                let slot = u32::try_from(next(1 << 20)).unwrap();
                index.insert(id, slot);
                map.insert(raw, slot);
            }
        }
        for (&raw, &slot) in &map {
            assert_eq!(index.get(ClientOrderId::from_raw(raw).unwrap()), Some(slot));
        }
    }
}
