//! Slots in the order in which they came: a doubly linked chain in an array.
//!
//! Hot path: yes. Allocates: only at creation.

const NONE: u32 = u32::MAX;

/// See the module's header.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// Before and behind each slot.
    links: Vec<(u32, u32)>,
    first: u32,
    last: u32,
    len: usize,
}

impl Chain {
    /// With room for this many slots.
    pub(super) fn new(slots: usize) -> Self {
        Self {
            links: Vec::with_capacity(slots),
            first: NONE,
            last: NONE,
            len: 0,
        }
    }

    /// One more slot, not in the chain.
    pub(super) fn grow(&mut self) {
        self.links.push((NONE, NONE));
    }

    /// Puts a slot that is not in the chain at its end.
    pub(super) fn push(&mut self, slot: u32) {
        self.links[slot as usize] = (self.last, NONE);
        match self.last {
            NONE => self.first = slot,
            last => self.links[last as usize].1 = slot,
        }
        self.last = slot;
        self.len += 1;
    }

    /// Takes a slot that is in the chain out.
    pub(super) fn remove(&mut self, slot: u32) {
        let (before, behind) = self.links[slot as usize];
        match before {
            NONE => self.first = behind,
            before => self.links[before as usize].1 = behind,
        }
        match behind {
            NONE => self.last = before,
            behind => self.links[behind as usize].0 = before,
        }
        self.links[slot as usize] = (NONE, NONE);
        self.len -= 1;
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    pub(super) fn next(&self, slot: u32) -> Option<u32> {
        let behind = self.links[slot as usize].1;
        (behind != NONE).then_some(behind)
    }

    /// From the first that came.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(self.first(), |&slot| self.next(slot))
    }
}
