//! What is due when: a binary heap of (time, id) that knows where each order stands in it, so that
//! an order has one entry, which moves when its time does.
//!
//! The order in which entries come out depends on times and ids only, never on how they came in.
//!
//! Hot path: yes. Allocates: only at creation.

/// No place in the heap.
const NONE: u32 = u32::MAX;

/// One slot's entry.
#[derive(Debug, Clone, Copy)]
struct Entry {
    due_ns: u64,
    id: u64,
    at: u32,
}

/// See the module's header.
#[derive(Debug, Clone)]
pub(super) struct Agenda {
    heap: Vec<u32>,
    entries: Vec<Entry>,
}

impl Agenda {
    /// With room for this many slots.
    pub(super) fn new(slots: usize) -> Self {
        Self {
            heap: Vec::with_capacity(slots),
            entries: Vec::with_capacity(slots),
        }
    }

    /// One more slot, with nothing due.
    pub(super) fn grow(&mut self) {
        self.entries.push(Entry {
            due_ns: 0,
            id: 0,
            at: NONE,
        });
    }

    /// The slot that is due first, and when.
    #[inline]
    pub(super) fn first(&self) -> Option<(u64, u32)> {
        let &slot = self.heap.first()?;
        Some((self.entries[slot as usize].due_ns, slot))
    }

    /// Sets when a slot, which holds the order `id`, is due; `None` for not at all.
    pub(super) fn set(&mut self, slot: u32, id: u64, due_ns: Option<u64>) {
        let entry = self.entries[slot as usize];
        let Some(due_ns) = due_ns else {
            if entry.at != NONE {
                self.remove(slot);
            }
            return;
        };
        if entry.at == NONE {
            self.entries[slot as usize] = Entry {
                due_ns,
                id,
                at: NONE,
            };
            self.heap.push(slot);
            self.rise(self.heap.len() - 1);
            return;
        }
        if (entry.due_ns, entry.id) == (due_ns, id) {
            return;
        }
        self.entries[slot as usize] = Entry {
            due_ns,
            id,
            at: entry.at,
        };
        self.place(entry.at as usize);
    }

    fn remove(&mut self, slot: u32) {
        let at = self.entries[slot as usize].at as usize;
        self.entries[slot as usize].at = NONE;
        let Some(last) = self.heap.pop() else {
            return;
        };
        if last != slot {
            self.heap[at] = last;
            self.place(at);
        }
    }

    fn place(&mut self, at: usize) {
        let at = self.rise(at);
        self.sink(at);
    }

    fn before(&self, left: u32, right: u32) -> bool {
        let key = |slot: u32| {
            let entry = &self.entries[slot as usize];
            (entry.due_ns, entry.id)
        };
        key(left) < key(right)
    }

    fn rise(&mut self, from: usize) -> usize {
        let slot = self.heap[from];
        let mut at = from;
        while at > 0 {
            let above = (at - 1) / 2;
            if !self.before(slot, self.heap[above]) {
                break;
            }
            self.put(at, self.heap[above]);
            at = above;
        }
        self.put(at, slot);
        at
    }

    fn sink(&mut self, from: usize) {
        let slot = self.heap[from];
        let mut at = from;
        loop {
            let mut below = 2 * at + 1;
            if below >= self.heap.len() {
                break;
            }
            if below + 1 < self.heap.len() && self.before(self.heap[below + 1], self.heap[below]) {
                below += 1;
            }
            if !self.before(self.heap[below], slot) {
                break;
            }
            self.put(at, self.heap[below]);
            at = below;
        }
        self.put(at, slot);
    }

    fn put(&mut self, at: usize, slot: u32) {
        self.heap[at] = slot;
        // Slots are fewer than the places of a u32.
        self.entries[slot as usize].at = at as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn agenda_agrees_with_a_sorted_map_over_random_changes() {
        let mut random = 11_u64;
        let mut next = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % bound
        };
        let mut agenda = Agenda::new(40);
        let mut due: BTreeMap<u32, u64> = BTreeMap::new();
        for _ in 0..40 {
            agenda.grow();
        }
        for _ in 0..100_000 {
            let slot = u32::try_from(next(40)).unwrap();
            if next(4) == 0 {
                agenda.set(slot, u64::from(slot), None);
                due.remove(&slot);
            } else {
                let time = next(1_000);
                agenda.set(slot, u64::from(slot), Some(time));
                due.insert(slot, time);
            }
            let first = due.iter().map(|(&slot, &time)| (time, slot)).min();
            assert_eq!(agenda.first(), first);
        }
    }
}
