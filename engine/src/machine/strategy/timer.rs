//! Timers of a strategy: each has a number of its own, and rings once.
//!
//! Hot path: yes. Allocates: no.

use serde::{Deserialize, Serialize};

use crate::machine::digest::{Digest, Sink};

/// Timers of one strategy.
pub const TIMERS_MAX: usize = 16;

/// Name of a timer: a strategy gives each of its timers a constant.
///
/// ```
/// use engine::strategy::Timer;
/// const REQUOTE: Timer = Timer(0);
/// const GIVE_UP: Timer = Timer(1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer(
    /// Below [`TIMERS_MAX`].
    pub u8,
);

/// The timers that are set: machine time at which each rings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timers([Option<u64>; TIMERS_MAX]);

impl Timers {
    /// Sets one; what it was set to before is forgotten. False if there is no such timer.
    pub(super) fn set(&mut self, timer: Timer, at_ns: Option<u64>) -> bool {
        let place = self.0.get_mut(usize::from(timer.0));
        let known = place.is_some();
        if let Some(place) = place {
            *place = at_ns;
        }
        known
    }

    /// The timers that are due, a bit each.
    pub(super) fn due(&self, now_ns: u64) -> u16 {
        let due =
            |(n, at): (u16, &Option<u64>)| at.is_some_and(|at| at <= now_ns).then_some(1 << n);
        (0_u16..).zip(&self.0).filter_map(due).sum()
    }

    /// Takes the one of `due` that rings first and is still due: of several at one time the lowest
    /// number.
    pub(super) fn take(&mut self, now_ns: u64, due: &mut u16) -> Option<Timer> {
        let set = (0_u8..).zip(self.0);
        let asked = set.filter(|(number, _)| *due >> number & 1 == 1);
        let (at_ns, number) = asked.filter_map(|(n, at)| Some((at?, n))).min()?;
        *due &= !(1 << number);
        (at_ns <= now_ns).then(|| {
            self.0[usize::from(number)] = None;
            Timer(number)
        })
    }

    /// Time of the one that rings first; `u64::MAX` if none is set.
    pub(super) fn next_ns(&self) -> u64 {
        self.0.iter().flatten().copied().min().unwrap_or(u64::MAX)
    }
}

impl Digest for Timers {
    fn digest(&self, sink: &mut Sink) {
        for timer in self.0 {
            sink.optional(timer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_ring_by_time_then_number_and_once() {
        let mut timers = Timers::default();
        assert!(timers.set(Timer(3), Some(20)));
        assert!(timers.set(Timer(2), Some(20)));
        assert!(timers.set(Timer(9), Some(10)));
        assert!(timers.set(Timer(9), Some(15)), "the later word counts");
        assert!(!timers.set(Timer(16), Some(1)));
        assert_eq!(timers.next_ns(), 15);
        assert_eq!(timers.due(14), 0);
        let mut due = timers.due(30);
        assert_eq!(due, 1 << 9 | 1 << 3 | 1 << 2);
        assert_eq!(timers.take(30, &mut due), Some(Timer(9)));
        assert_eq!(timers.take(30, &mut due), Some(Timer(2)));
        assert!(timers.set(Timer(2), Some(1)), "set again while it rings");
        assert!(timers.set(Timer(3), None));
        assert_eq!(
            timers.take(30, &mut due),
            None,
            "it waits for the next event"
        );
        assert!(timers.set(Timer(2), None));
        assert_eq!(timers.next_ns(), u64::MAX);
    }
}
