//! Which places of a ring are occupied, with a fast search for the next one.
//!
//! Two layers: a bit for each place, and a bit for each non-empty word of those. A search touches
//! at most one word of the first layer on each side of the wrap and a few of the second.
//!
//! Hot path: yes. Allocates: only at creation.

/// A set of places `0..size`.
#[derive(Debug, Clone)]
pub(super) struct Bitmap {
    words: Vec<u64>,
    summary: Vec<u64>,
}

impl Bitmap {
    /// An empty set. `size` is a power of two of at least 4096.
    pub(super) fn new(size: usize) -> Self {
        debug_assert!(size.is_power_of_two() && size >= 4096);
        Self {
            words: vec![0; size / 64],
            summary: vec![0; size / 4096],
        }
    }

    /// A set without places.
    pub(super) const fn placeholder() -> Self {
        Self {
            words: Vec::new(),
            summary: Vec::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.words.fill(0);
        self.summary.fill(0);
    }

    #[cfg(test)]
    pub(super) fn contains(&self, place: usize) -> bool {
        self.words[place / 64] >> (place % 64) & 1 == 1
    }

    #[inline]
    pub(super) fn insert(&mut self, place: usize) {
        let word = place / 64;
        self.words[word] |= 1 << (place % 64);
        self.summary[word / 64] |= 1 << (word % 64);
    }

    #[inline]
    pub(super) fn remove(&mut self, place: usize) {
        let word = place / 64;
        self.words[word] &= !(1 << (place % 64));
        if self.words[word] == 0 {
            self.summary[word / 64] &= !(1 << (word % 64));
        }
    }

    /// The first occupied place at or behind `from`, going round the end once.
    #[inline]
    pub(super) fn next_cyclic(&self, from: usize) -> Option<usize> {
        self.next(from).or_else(|| self.next(0))
    }

    #[inline]
    fn next(&self, from: usize) -> Option<usize> {
        let word = from / 64;
        let rest = self.words[word] >> (from % 64);
        if rest != 0 {
            return Some(from + rest.trailing_zeros() as usize);
        }
        let word = self.next_word(word + 1)?;
        Some(word * 64 + self.words[word].trailing_zeros() as usize)
    }

    #[inline]
    fn next_word(&self, from: usize) -> Option<usize> {
        let first = from / 64;
        let rest = self.summary.get(first)? >> (from % 64);
        if rest != 0 {
            return Some(from + rest.trailing_zeros() as usize);
        }
        let behind = self.summary[first + 1..]
            .iter()
            .position(|&bits| bits != 0)?;
        let index = first + 1 + behind;
        Some(index * 64 + self.summary[index].trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn prop_bitmap_finds_what_a_sorted_set_finds(
            places in proptest::collection::vec((0_usize..8192, any::<bool>()), 0..200),
            from in 0_usize..8192,
        ) {
            let mut bitmap = Bitmap::new(8192);
            let mut set = BTreeSet::new();
            for (place, add) in places {
                if add {
                    bitmap.insert(place);
                    set.insert(place);
                } else {
                    bitmap.remove(place);
                    set.remove(&place);
                }
                prop_assert_eq!(bitmap.contains(place), add);
            }
            let want = set.range(from..).next().or_else(|| set.iter().next());
            prop_assert_eq!(bitmap.next_cyclic(from), want.copied());
        }
    }
}
