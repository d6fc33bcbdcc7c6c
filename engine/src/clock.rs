//! Wall time for the edges: one anchor, taken at start, and a monotonic clock from there on.
//!
//! Only edges read it: feeds and gateways, the timer, and the latency stamps of the stages. The
//! machine never does.
//!
//! The system's wall clock is read once. After that `std::time::Instant` counts (a vDSO read of
//! `CLOCK_MONOTONIC`), so a step of the wall clock never moves machine time, while the kernel's
//! frequency correction still holds it near true time. It does not count while the machine
//! sleeps: after a resume the venues will say that the clock is off, and a restart anchors anew.
//!
//! Thread: any; every clone shares the anchor. Hot path: yes. Allocates: no. Locks: no.

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
}
