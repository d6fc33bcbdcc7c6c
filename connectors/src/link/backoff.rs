//! How long to wait before the next attempt: twice as long each time, up to a bound.
//!
//! The venue allows 300 connection attempts in five minutes for an address; from the fourth on
//! attempts are seconds apart. Hot path: no.

const FIRST_NS: u64 = 250_000_000;
const LONGEST_NS: u64 = 30_000_000_000;

/// Attempts that failed in a row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// One more failure; how long to wait now.
    pub(crate) fn failed(&mut self) -> u64 {
        let wait = FIRST_NS << self.failures.min(7);
        self.failures = self.failures.saturating_add(1);
        wait.min(LONGEST_NS)
    }

    /// It works again.
    pub(crate) const fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_begin_anew() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..10).map(|_| backoff.failed() / 1_000_000).collect();
        assert_eq!(waits[..4], [250, 500, 1_000, 2_000]);
        assert_eq!(waits[7..], [30_000, 30_000, 30_000]);
        backoff.succeeded();
        assert_eq!(backoff.failed(), FIRST_NS);
    }
}
