//! Volatility of an instrument, for the rules that size by it.
//!
//! Estimator: time is cut into equal spans of the epoch. The last trade of each span is its close.
//! A return is the change from one close to the next, in 1e-9 of the former, cut towards 0. The
//! volatility is the square root of the mean of the last `samples` squared returns, without taking
//! a mean off, rounded down. A span without a trade has no close, and the return over it counts as
//! one: the volatility is then too high rather than too low. All in integers.
//!
//! Hot path: yes (trades of such an instrument). Allocates: at configuration.

use model::ids::{InstrumentId, StrategyId};
use model::num::Ticks;
use serde::{Deserialize, Serialize};

use crate::machine::digest::{Digest, Sink};
use crate::machine::protection::VolatilityRule;
use crate::machine::saved::{Unsound, require};

/// Most returns in a mean.
const SAMPLES_MAX: usize = 256;
/// Largest return that counts: a hundredfold change, 1e-9.
const RETURN_MAX: i64 = 100_000_000_000;

/// The closes of one instrument for one strategy's rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sampler {
    strategy: StrategyId,
    instrument: InstrumentId,
    rule: VolatilityRule,
    /// Span of the last trade, and that trade's price.
    span: u64,
    last: Ticks,
    /// Close of the span before, 0 before there was one.
    close: Ticks,
    /// The last returns, 1e-9; the next one goes to `next`.
    returns: Vec<i64>,
    next: usize,
}

impl Sampler {
    fn new(strategy: StrategyId, instrument: InstrumentId, rule: VolatilityRule) -> Self {
        Self {
            strategy,
            instrument,
            rule,
            span: 0,
            last: Ticks::ZERO,
            close: Ticks::ZERO,
            returns: Vec::with_capacity(SAMPLES_MAX),
            next: 0,
        }
    }

    fn trade(&mut self, price: Ticks, now_ns: u64) {
        let span = now_ns / self.rule.span_ns.max(1);
        if span > self.span {
            self.end_span();
            self.span = span;
        }
        self.last = price;
    }

    /// The span of the last trade is over: its last price is a close.
    fn end_span(&mut self) {
        if self.last <= Ticks::ZERO {
            return;
        }
        if self.close > Ticks::ZERO {
            let change = i128::from(self.last.0) - i128::from(self.close.0);
            let change = change * 1_000_000_000 / i128::from(self.close.0);
            let change = i64::try_from(change).unwrap_or(RETURN_MAX);
            let change = change.clamp(-RETURN_MAX, RETURN_MAX);
            if self.returns.len() < self.rule.samples as usize {
                self.returns.push(change);
            } else if let Some(place) = self.returns.get_mut(self.next) {
                *place = change;
                self.next = (self.next + 1) % self.returns.len();
            }
        }
        self.close = self.last;
    }

    /// The volatility, 1e-9. `None` with too few returns, or without a trade for two spans.
    fn volatility_e9(&self, now_ns: u64) -> Option<i64> {
        let span = now_ns / self.rule.span_ns.max(1);
        let enough = self.returns.len() == self.rule.samples as usize;
        if !enough || self.returns.is_empty() || span > self.span.saturating_add(2) {
            return None;
        }
        let squares = self
            .returns
            .iter()
            .map(|change| i128::from(*change) * i128::from(*change));
        let count = i128::try_from(self.returns.len()).ok()?;
        let mean = squares.sum::<i128>() / count;
        i64::try_from(mean.isqrt()).ok()
    }
}

/// The samplers of all strategies whose rules need them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sizing(Vec<Sampler>);

/// The samplers as a snapshot holds them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedSizing(Vec<Sampler>);

impl Sizing {
    /// What a snapshot has to hold.
    pub(crate) fn save(&self) -> SavedSizing {
        let Self(samplers) = self;
        SavedSizing(samplers.clone())
    }

    /// The samplers of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(crate) fn restore(saved: &SavedSizing) -> Result<Self, Unsound> {
        let SavedSizing(samplers) = saved;
        let sound = |sampler: &Sampler| {
            let most = sampler.rule.samples as usize;
            let bounded = |change: &i64| change.unsigned_abs() <= RETURN_MAX.unsigned_abs();
            most <= SAMPLES_MAX
                && sampler.returns.len() <= most
                && (sampler.next == 0 || sampler.next < sampler.returns.len())
                && sampler.returns.iter().all(bounded)
        };
        let few = samplers.len() <= model::limits::STRATEGIES_MAX;
        require(
            few && samplers.iter().all(sound),
            "returns of a sizing rule",
        )?;
        let again = |sampler: &Sampler| {
            let mut own = Sampler::new(sampler.strategy, sampler.instrument, sampler.rule);
            own.returns.extend(&sampler.returns);
            Sampler {
                returns: own.returns,
                ..*sampler
            }
        };
        Ok(Self(samplers.iter().map(again).collect()))
    }

    /// Takes the rules of a configuration: strategies, their instruments, their rules. One that
    /// stays keeps its returns.
    pub(crate) fn configure(
        &mut self,
        rules: impl Iterator<Item = (StrategyId, InstrumentId, VolatilityRule)>,
    ) {
        let old = std::mem::take(&mut self.0);
        self.0 = rules
            .map(|(strategy, instrument, rule)| {
                let same = |sampler: &&Sampler| {
                    (sampler.strategy, sampler.instrument) == (strategy, instrument)
                        && sampler.rule == rule
                };
                let kept = old.iter().find(same).cloned();
                kept.unwrap_or_else(|| Sampler::new(strategy, instrument, rule))
            })
            .collect();
    }

    /// Takes a trade of the market.
    #[inline]
    pub(crate) fn trade(&mut self, instrument: InstrumentId, price: Ticks, now_ns: u64) {
        for sampler in &mut self.0 {
            if sampler.instrument == instrument && price > Ticks::ZERO {
                sampler.trade(price, now_ns);
            }
        }
    }

    /// Volatility of the instrument by the strategy's rule, 1e-9.
    pub(crate) fn volatility_e9(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
        now_ns: u64,
    ) -> Option<i64> {
        self.0
            .iter()
            .find(|sampler| (sampler.strategy, sampler.instrument) == (strategy, instrument))?
            .volatility_e9(now_ns)
    }
}

impl Digest for Sizing {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.0.len() as u64);
        for sampler in &self.0 {
            sink.value(sampler);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: u64 = 1_000_000_000;

    fn sizing(samples: u32) -> Sizing {
        let rule = VolatilityRule {
            span_ns: SPAN,
            samples,
        };
        let mut sizing = Sizing::default();
        sizing.configure([(StrategyId(0), InstrumentId(3), rule)].into_iter());
        sizing
    }

    fn measure(sizing: &Sizing, now_ns: u64) -> Option<i64> {
        sizing.volatility_e9(StrategyId(0), InstrumentId(3), now_ns)
    }

    #[test]
    fn volatility_is_the_root_of_the_mean_square_of_the_closes_returns() {
        let mut sizing = sizing(2);
        let mut at = |span: u64, part: u64, price| {
            sizing.trade(InstrumentId(3), Ticks(price), span * SPAN + part);
            sizing.clone()
        };
        at(10, 0, 5);
        at(10, 9, 10_000);
        at(11, 0, 10_300);
        // Closes 10,000 and 10,300: one return is too few.
        assert_eq!(measure(&at(12, 0, 1), 12 * SPAN), None);
        at(12, 5, 9_888);
        let whole = at(13, 0, 7);
        // Returns 3 % and -4 %: the root of (9 + 16) / 2.
        assert_eq!(measure(&whole, 13 * SPAN), Some(35_355_339));
        assert_eq!(measure(&whole, 15 * SPAN), Some(35_355_339));
        assert_eq!(measure(&whole, 16 * SPAN), None, "too old");
    }

    #[test]
    fn volatility_over_a_gap_counts_as_one_return_and_old_ones_go() {
        let mut sizing = sizing(2);
        for (span, price) in [(1, 100), (2, 200), (9, 100), (10, 100), (11, 100)] {
            sizing.trade(InstrumentId(3), Ticks(price), span * SPAN);
            sizing.trade(InstrumentId(4), Ticks(1), span * SPAN);
        }
        // +100 % has gone; -50 % and 0 stay.
        assert_eq!(measure(&sizing, 11 * SPAN), Some(353_553_390));
    }
}
