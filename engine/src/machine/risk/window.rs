//! A sum over a rolling window of machine time, in sixteen parts.
//!
//! Counted at the worst case: the oldest part counts whole until the window has left it, so the sum
//! covers at least the window and at most a sixteenth more.
//!
//! Hot path: yes. Allocates: no.

use serde::{Deserialize, Serialize};

/// Parts of a window.
const PARTS: usize = 16;

/// See the module's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Window {
    /// Number of the newest part: machine time over the width of a part.
    newest: u64,
    /// One more than the parts of the window: the newest is only begun.
    parts: [i64; PARTS + 1],
}

const fn width(window_ns: u64) -> u64 {
    let width = window_ns.div_ceil(PARTS as u64);
    if width == 0 { 1 } else { width }
}

impl Window {
    /// Adds an amount now.
    pub(super) fn add(&mut self, now_ns: u64, window_ns: u64, amount: i64) {
        self.advance(now_ns / width(window_ns));
        let part = &mut self.parts[place(self.newest)];
        *part = part.saturating_add(amount);
    }

    fn advance(&mut self, to: u64) {
        let passed = to.saturating_sub(self.newest);
        for step in 1..=passed.min(PARTS as u64 + 1) {
            self.parts[place(self.newest + step)] = 0;
        }
        if passed > PARTS as u64 {
            self.parts = [0; PARTS + 1];
        }
        self.newest = self.newest.max(to);
    }

    /// What was added within the window before now.
    pub(super) fn sum(&self, now_ns: u64, window_ns: u64) -> i64 {
        self.sum_at(Self::part(now_ns, window_ns))
    }

    /// Number of the part that now is in: the same for all windows of a width.
    pub(super) const fn part(now_ns: u64, window_ns: u64) -> u64 {
        now_ns / width(window_ns)
    }

    /// As [`Self::sum`], in a part.
    #[inline]
    pub(super) fn sum_at(&self, now: u64) -> i64 {
        // All parts count while the newest is not over. If each is below 2^58 and none is
        // negative, their plain sum needs no check, and no part a look at its number.
        let all = self.parts.iter().fold(0, |all, part| all | part);
        if self.newest == now && (0..1 << 58).contains(&all) {
            return self.parts.iter().sum();
        }
        self.sum_within(now)
    }

    fn sum_within(&self, now: u64) -> i64 {
        let oldest = now.saturating_sub(PARTS as u64);
        // A part's number is the newest one's, less how far its place is behind.
        (0..=PARTS as u64)
            .filter_map(|back| self.newest.checked_sub(back))
            .filter(|number| (oldest..=now).contains(number))
            .fold(0_i64, |sum, number| {
                sum.saturating_add(self.parts[place(number)])
            })
    }
}

const fn place(number: u64) -> usize {
    (number % (PARTS as u64 + 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: u64 = 1_600;

    fn amounts() -> impl Strategy<Value = i64> {
        prop_oneof![
            0_i64..9,
            -9_i64..9,
            any::<i64>(),
            Just((1 << 58) - 1),
            Just(1 << 58)
        ]
    }

    #[test]
    fn window_forgets_what_left_it() {
        let mut window = Window::default();
        window.add(1_000, WINDOW, 5);
        assert_eq!(window.sum(1_000, WINDOW), 5);
        assert_eq!(window.sum(2_600, WINDOW), 5, "just inside");
        assert_eq!(window.sum(2_700 + 1, WINDOW), 0);
        window.add(100_000, WINDOW, 7);
        assert_eq!(window.sum(100_000, WINDOW), 7);
    }

    proptest! {
        #[test]
        fn prop_window_sums_the_same_by_both_ways(
            steps in proptest::collection::vec((0_u64..700, amounts()), 1..60),
            later in 0_u64..2_000,
        ) {
            let (mut window, mut now) = (Window::default(), 0);
            for (step, amount) in steps {
                now += step;
                window.add(now, WINDOW, amount);
                for now in [now, now + later] {
                    let part = Window::part(now, WINDOW);
                    prop_assert_eq!(window.sum_at(part), window.sum_within(part));
                }
            }
        }

        #[test]
        fn prop_window_counts_all_within_and_little_more(
            steps in proptest::collection::vec((0_u64..700, 0_i64..9), 1..60),
        ) {
            let (mut window, mut now, mut log) = (Window::default(), 5_000, Vec::new());
            for (step, amount) in steps {
                now += step;
                window.add(now, WINDOW, amount);
                log.push((now, amount));
                let within = |span: u64| -> i64 {
                    log.iter().filter(|(at, _)| now - at <= span).map(|(_, amount)| amount).sum()
                };
                let sum = window.sum(now, WINDOW);
                prop_assert!(sum >= within(WINDOW), "too little");
                prop_assert!(sum <= within(WINDOW + WINDOW / 16), "too much");
            }
        }
    }
}
