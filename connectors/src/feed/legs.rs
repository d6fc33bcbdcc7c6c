//! One book from one or two connections: which of them it can rely on, and what came already.
//!
//! With redundant connections every message comes twice, and the first one wins. An update that
//! does not continue the book need not be a gap then: the connection that brought it is ahead of
//! the other or lost something, and the other one brings what is missing. Such a leg is *apart*
//! until its updates continue the book again. When no leg is left that follows the book, or none
//! fills the hole for [`APART_MAX_NS`], it is a gap.
//!
//! Hot path: yes. Allocates: no.

/// Most connections that bring the same.
pub(super) const LEGS_MAX: usize = 2;
/// How long an update may wait for the other leg's to fill the hole before it.
const APART_MAX_NS: u64 = 1_000_000_000;

/// What a connection is to a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leg {
    /// Not connected, or without this book.
    Absent,
    /// Connected; nothing of this book came that follows it.
    Waiting,
    /// Its updates follow the book.
    Following,
    /// Its updates do not continue the book.
    Apart,
}

/// The legs of one book.
#[derive(Debug, Clone, Copy)]
pub(super) struct Legs {
    legs: [Leg; LEGS_MAX],
    /// When each brought the last depth message.
    heard_ns: [u64; LEGS_MAX],
    apart_since_ns: Option<u64>,
}

impl Legs {
    pub(super) const NONE: Self = Self {
        legs: [Leg::Absent; LEGS_MAX],
        heard_ns: [0; LEGS_MAX],
        apart_since_ns: None,
    };

    pub(super) const fn get(&self, leg: usize) -> Leg {
        self.legs[leg]
    }

    pub(super) const fn set(&mut self, leg: usize, now: Leg) {
        self.legs[leg] = now;
    }

    /// A depth message came on `leg`.
    #[inline]
    pub(super) const fn heard(&mut self, leg: usize, stamp_ns: u64) {
        self.heard_ns[leg] = stamp_ns;
    }

    /// Whether nothing came on `leg` for so long.
    pub(super) const fn is_quiet(&self, leg: usize, now_ns: u64, longest_ns: u64) -> bool {
        now_ns.saturating_sub(self.heard_ns[leg]) >= longest_ns
    }

    /// An update on `leg` was applied, or is older than the book: what it brings next follows.
    #[inline]
    pub(super) const fn follows(&mut self, leg: usize, was_applied: bool) {
        self.legs[leg] = Leg::Following;
        if was_applied {
            self.apart_since_ns = None;
        }
    }

    /// An update on `leg` does not continue the book; whether the other leg may yet do so.
    #[cold]
    pub(super) fn stands_apart(&mut self, leg: usize, stamp_ns: u64) -> bool {
        self.legs[leg] = Leg::Apart;
        let since_ns = *self.apart_since_ns.get_or_insert(stamp_ns);
        self.is_followed() && stamp_ns.saturating_sub(since_ns) < APART_MAX_NS
    }

    /// The book is void: no leg follows it.
    pub(super) fn lose(&mut self) {
        self.apart_since_ns = None;
        for leg in &mut self.legs {
            if *leg == Leg::Following {
                *leg = Leg::Apart;
            }
        }
    }

    /// The book is whole from what was held of all connected legs.
    pub(super) fn all_follow(&mut self) {
        for leg in &mut self.legs {
            if *leg != Leg::Absent {
                *leg = Leg::Following;
            }
        }
    }

    /// Whether any leg follows the book.
    pub(super) fn is_followed(&self) -> bool {
        self.legs.contains(&Leg::Following)
    }

    /// Whether any leg is connected.
    pub(super) fn is_connected(&self) -> bool {
        self.legs.iter().any(|leg| *leg != Leg::Absent)
    }
}

/// Which of the last 128 ids were seen; ids may come out of order by that much.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    highest: u64,
    /// Bit n: `highest - n` was seen.
    bits: u128,
}

impl Seen {
    /// Whether `id` comes for the first time. Ids that are too low to be known count as seen.
    #[inline]
    pub(super) fn is_new(&mut self, id: u64) -> bool {
        if self.bits == 0 || id > self.highest {
            let ahead = u32::try_from(id.saturating_sub(self.highest)).unwrap_or(u32::MAX);
            self.bits = self.bits.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = id;
            return true;
        }
        let Some(bit) = u32::try_from(self.highest - id)
            .ok()
            .and_then(|behind| 1_u128.checked_shl(behind))
        else {
            return false;
        };
        let is_new = self.bits & bit == 0;
        self.bits |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_new_once_and_late_ids_count() {
        let mut seen = Seen::default();
        let ids = [100, 100, 105, 101, 105, 101, 104, 300, 104, 173, 172, 173];
        let news: Vec<_> = ids.iter().map(|id| seen.is_new(*id)).collect();
        let want = [
            true, false, true, true, false, false, true, true, false, true, false, false,
        ];
        assert_eq!(news, want, "172 is too low to be known");
        assert!(Seen::default().is_new(0));
    }

    #[test]
    fn update_of_one_leg_waits_for_the_other_for_a_second() {
        let mut legs = Legs::NONE;
        legs.follows(0, true);
        assert!(!legs.stands_apart(0, 5), "alone: a gap");
        legs.lose();
        legs.follows(0, true);
        legs.follows(1, false);
        assert!(legs.stands_apart(0, 10));
        assert!(legs.stands_apart(0, 10 + APART_MAX_NS - 1));
        assert!(!legs.stands_apart(0, 10 + APART_MAX_NS), "for too long");
        legs.follows(1, true);
        assert!(legs.stands_apart(0, 20 + APART_MAX_NS), "a new hole");
        assert!(!legs.stands_apart(1, 30 + APART_MAX_NS), "both");
    }
}
