//! What a world hears of the market and takes in later.
//!
//! Most of what the market does leads to nothing: no strategy is called, no control looks at it.
//! Such events wait in [`Common::waiting`], and each world takes in a run of them at once, before
//! anything that its machine could answer to. What it decides and its state are the same; its
//! memory is near meanwhile, which it is not where many worlds take turns at every event.
//!
//! Hot path: yes, of a backtest. Allocates: no.

use super::World;
use crate::backtest::BacktestError;
use crate::backtest::common::Common;

impl World {
    /// Whether what we hear of the market now may wait.
    #[inline]
    pub(in crate::backtest) const fn is_quiet(&self, now_ns: u64) -> bool {
        now_ns < self.quiet_ns
    }

    /// So many of [`Common::waiting`] need nothing done any more.
    #[inline]
    pub(in crate::backtest) const fn has_passed(&mut self, count: usize) {
        self.passed = count;
    }

    /// Takes in what it heard and let wait.
    #[inline]
    pub(in crate::backtest) fn catch_up(&mut self, common: &Common) -> Result<(), BacktestError> {
        let waiting = common.waiting.get(self.passed..).unwrap_or_default();
        let Some(last) = waiting.last() else {
            return Ok(());
        };
        for heard in waiting {
            self.clocks.heard(heard.there_ns, heard.record.time_ns);
        }
        self.now_ns = self.now_ns.max(last.record.time_ns);
        let now_ns = self.now_ns;
        let first = self.counts.events + 1;
        self.counts.events += waiting.len() as u64;
        self.passed = common.waiting.len();
        let passed = self.mind.pass(first, waiting);
        passed.map_err(|source| BacktestError::Apply { now_ns, source })
    }

    /// From here on its machine's books are its own.
    pub(in crate::backtest) fn leave(&mut self, common: &Common) -> Result<(), BacktestError> {
        self.catch_up(common)?;
        self.quiet_ns = 0;
        self.mind.leave(common);
        Ok(())
    }
}
