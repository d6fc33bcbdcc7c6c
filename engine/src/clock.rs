//! Wall time for the edges: anchored once, drift-free, cheap, and never falling.
//!
//! Only edges read it: feeds and gateways, the timer, and the latency stamps of the stages. The
//! machine never does.
//!
//! The system's wall clock is read once, at start. From there `std::time::Instant` counts, so a
//! step of the wall clock never moves machine time, while the kernel's frequency correction still
//! holds it near true time. It does not count while the machine sleeps: after a resume the venues
//! will say that the clock is off, and a restart anchors anew.
//!
//! An `Instant` costs 35 ns on a 2.6 GHz virtual machine, a reading of the processor's counter 10
//! (22 November 2026), and an order meets six stamps. So a stage's clock counts on from its last
//! `Instant` with the counter, and takes a new one after a millisecond: what the counter's
//! calibration is off (some parts in a million) stays below the stamps' resolution.
//!
//! Invariant: one clock never falls. Two of them differ by some ns at most; the sequencer takes
//! the larger of the last time and the stamp, so machine time does not fall either.
//!
//! Hot path: yes. Allocates: no. Locks: no. Syscalls: none (the vDSO).

use std::cell::Cell;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use model::ports::Clock;

/// Nanoseconds since the Unix epoch, never falling within the process.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    anchor: Instant,
    anchor_ns: u64,
}

impl WallClock {
    /// Anchors to the system's wall clock of this moment. Make one, and give its copies away.
    #[must_use]
    pub fn anchored_now() -> Self {
        let anchor = Instant::now();
        // A system clock before 1970 has no meaning; 0 is then as good as any anchor.
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            anchor,
            anchor_ns: u64::try_from(since_epoch.as_nanos()).unwrap_or(0),
        }
    }
}

impl Clock for WallClock {
    #[inline]
    fn now_ns(&self) -> u64 {
        let since = self.anchor.elapsed();
        let since_ns = since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos());
        self.anchor_ns + since_ns
    }
}

/// How long a stage's clock counts on with the processor's counter alone.
const COUNTED_NS_MAX: u64 = 1_000_000;

/// The wall clock as a stage reads it. One for each stage: it remembers what it said.
#[derive(Debug)]
pub(crate) struct StageClock {
    wall: WallClock,
    counter: quanta::Clock,
    last: Cell<Reading>,
}

/// The last `Instant`, the counter then, and what was said last.
#[derive(Debug, Clone, Copy)]
struct Reading {
    wall_ns: u64,
    counter: u64,
    said_ns: u64,
}

impl StageClock {
    /// A clock of the same anchor. The first one of a process calibrates the counter, which takes
    /// some milliseconds.
    pub(crate) fn of(wall: WallClock) -> Self {
        let counter = quanta::Clock::new();
        let last = Cell::new(Self::reading(&wall, &counter));
        Self {
            wall,
            counter,
            last,
        }
    }

    fn reading(wall: &WallClock, counter: &quanta::Clock) -> Reading {
        let wall_ns = wall.now_ns();
        Reading {
            wall_ns,
            counter: counter.raw(),
            said_ns: wall_ns,
        }
    }
}

impl Clock for StageClock {
    #[inline]
    fn now_ns(&self) -> u64 {
        let last = self.last.get();
        let counted_ns = self
            .counter
            .delta_as_nanos(last.counter, self.counter.raw());
        let mut now = if counted_ns < COUNTED_NS_MAX {
            Reading {
                said_ns: last.wall_ns + counted_ns,
                ..last
            }
        } else {
            Self::reading(&self.wall, &self.counter)
        };
        now.said_ns = now.said_ns.max(last.said_ns);
        self.last.set(now);
        now.said_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_read_often_never_falls_and_is_near_the_system() {
        let clock = WallClock::anchored_now();
        let mut last_ns = clock.now_ns();
        for _ in 0..100_000 {
            let now_ns = clock.now_ns();
            assert!(last_ns <= now_ns);
            last_ns = now_ns;
        }
        let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let system_ns = u64::try_from(system.as_nanos()).unwrap();
        assert!(system_ns.abs_diff(last_ns) < 1_000_000_000);
    }

    #[test]
    fn clock_copies_share_one_anchor() {
        let clock = WallClock::anchored_now();
        let copy = clock;
        let first_ns = clock.now_ns();
        assert!(first_ns <= copy.now_ns());
    }

    #[test]
    fn stage_clock_never_falls() {
        let clock = StageClock::of(WallClock::anchored_now());
        let began = Instant::now();
        let mut last_ns = clock.now_ns();
        while began.elapsed().as_millis() < 50 {
            let now_ns = clock.now_ns();
            assert!(last_ns <= now_ns);
            last_ns = now_ns;
        }
    }

    #[test]
    fn stage_clock_says_what_the_wall_clock_says() {
        let wall = WallClock::anchored_now();
        let clock = StageClock::of(wall);
        // Readings within a millisecond of each other count, those after longer pauses look.
        for pause_us in [1, 10, 100, 900, 1_100, 5_000, 20_000] {
            std::thread::sleep(std::time::Duration::from_micros(pause_us));
            let before_ns = wall.now_ns();
            let now_ns = clock.now_ns();
            let after_ns = wall.now_ns();
            // 100 us in a millisecond would be a calibration off by a tenth.
            assert!(before_ns < now_ns + 100_000 && now_ns < after_ns + 100_000);
        }
    }
}
