//! A synthetic market: seeded order flow that looks like one, in a matching engine.
//!
//! Orders arrive like a Poisson process around a reference price that walks at random; most of
//! them rest near it, some far away, some cross because the reference moved. Market orders have
//! heavy-tailed sizes. Now and then a burst multiplies the rate and the walk for a moment.
//!
//! Deterministic: the same seed and the same client orders between the same arrivals give the same
//! book. Floats are used for the dice only; what enters the book is whole ticks and lots.
//!
//! Thread: the practice server's.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::matching::{Incoming, MARKET, Matched, MatchingEngine};
use super::types::{OrderKind, SelfTrade, Side, TimeInForce};

/// Ids of the market's own orders start here, far above any account's.
const MARKET_ORDER_IDS: u64 = 1 << 63;
/// Resting orders that the flow tends to keep in the book, both sides together.
const RESTING_TARGET: usize = 1_600;
/// Standard deviation of the reference price after one second, in ticks at [`FULL_PRICE`].
const WALK_TICKS_PER_SECOND: f64 = 12.0;
/// From this price on, in ticks, distances are as written here; below it they shrink with the root
/// of the price, so that a market of few ticks does not jump by percents and still has levels.
const FULL_PRICE: f64 = 1_000_000.0;
/// How much of its distance to the price that two other markets imply a cross gives up an arrival.
const CROSS_PULL: f64 = 0.05;
/// Mean seconds between two bursts, and the longest burst.
const BURST_EVERY_SECONDS: f64 = 20.0;
const BURST_SECONDS_MAX: f64 = 0.8;
const BURST_FACTOR: f64 = 4.0;
/// Largest order, in lots: 20 whole coins of a five-digit lot.
const LOTS_MAX: f64 = 2_000_000.0;

/// What the flow did to the book.
#[derive(Debug)]
pub(crate) struct Step {
    /// Side of the order that took.
    pub(crate) side: Side,
    pub(crate) matched: Matched,
}

/// The generator of one instrument's flow.
#[derive(Debug)]
pub(crate) struct OrderFlow {
    dice: Pcg64,
    events_per_second: f64,
    reference: f64,
    /// What distances in ticks are multiplied by, 0 to 1.
    shrink: f64,
    burst_until_ns: u64,
    due_ns: u64,
    next_id: u64,
    resting: Vec<u64>,
    /// What sizes are multiplied by, for lots that are finer than a coin's five digits.
    unit: i64,
}

impl OrderFlow {
    /// A flow around `start_price` (ticks) with a mean of `events_per_second`, first due at 0.
    pub(crate) fn new(seed: u64, events_per_second: f64, start_price: i64) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a price in ticks is far below 2^52"
        )]
        let reference = start_price as f64;
        Self {
            dice: Pcg64::seed_from_u64(seed),
            events_per_second: events_per_second.max(0.001),
            reference,
            shrink: (reference / FULL_PRICE).clamp(0.0, 1.0).sqrt(),
            burst_until_ns: 0,
            due_ns: 0,
            next_id: MARKET_ORDER_IDS,
            resting: Vec::with_capacity(2 * RESTING_TARGET),
            unit: 1,
        }
    }

    /// The same flow, with orders that many times as large.
    pub(crate) fn in_units(mut self, unit: i64) -> Self {
        self.unit = unit.max(1);
        self
    }

    /// Fills an empty (or nearly empty) book. Orders that would cross are left out, so restored
    /// client orders stay whole.
    pub(crate) fn open(&mut self, engine: &mut MatchingEngine) {
        for _ in 0..RESTING_TARGET {
            let side = self.side();
            let price = self.price(side);
            let qty = self.size(2_000.0, 1.3);
            let order = self.order(side, OrderKind::PostOnly, price, qty);
            if engine.submit(&order).is_ok() {
                self.resting.push(order.id);
            }
        }
        self.advance(self.events_per_second, false);
    }

    /// When the next order arrives, nanoseconds of the server's clock.
    pub(crate) const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Does what is due at [`OrderFlow::due_ns`] and draws when the next thing is.
    pub(crate) fn step(&mut self, engine: &mut MatchingEngine) -> Option<Step> {
        let burst = self.due_ns < self.burst_until_ns;
        let factor = if burst { BURST_FACTOR } else { 1.0 };
        let rate = self.events_per_second * factor;
        self.advance(rate, burst);
        let move_ticks = WALK_TICKS_PER_SECOND * self.shrink * factor / rate.sqrt();
        self.reference =
            (self.reference + self.normal() * move_ticks).max(1_000.0 * self.shrink * self.shrink);
        let crowd = ratio(self.resting.len(), RESTING_TARGET);
        let roll: f64 = self.dice.random();
        if roll < 0.08 {
            return self.market_order(engine);
        }
        if roll < 0.08 + 0.44 * crowd {
            self.cancel_one(engine);
            return None;
        }
        self.limit_order(engine)
    }

    fn advance(&mut self, rate: f64, burst: bool) {
        let wait = -(1.0 - self.dice.random::<f64>()).ln() / rate;
        if !burst && self.dice.random::<f64>() < wait / BURST_EVERY_SECONDS {
            let length = BURST_SECONDS_MAX * self.dice.random::<f64>();
            self.burst_until_ns = self.due_ns.saturating_add(nanos(length));
        }
        self.due_ns = self.due_ns.saturating_add(nanos(wait).max(1));
    }

    /// Does not let the past pile up: the next arrival is no earlier than `now_ns`.
    pub(crate) fn skip_to(&mut self, now_ns: u64) {
        self.due_ns = self.due_ns.max(now_ns);
    }

    /// Draws the reference price nearer to `target` ticks: what other markets say that this one is
    /// worth.
    pub(crate) fn pull(&mut self, target: f64) {
        if target.is_finite() && target > 0.0 {
            self.reference += (target - self.reference) * CROSS_PULL;
        }
    }

    fn limit_order(&mut self, engine: &mut MatchingEngine) -> Option<Step> {
        let side = self.side();
        let price = self.price(side);
        let qty = self.size(2_000.0, 1.3);
        let order = self.order(side, OrderKind::Limit, price, qty);
        let matched = engine.submit(&order).ok()?;
        if matched.resting > 0 {
            self.resting.push(order.id);
        }
        Some(Step { side, matched })
    }

    fn market_order(&mut self, engine: &mut MatchingEngine) -> Option<Step> {
        let side = self.side();
        let qty = self.size(1_500.0, 1.5);
        let order = self.order(side, OrderKind::Market, 0, qty);
        let matched = engine.submit(&order).ok()?;
        Some(Step { side, matched })
    }

    /// Cancels one of the resting orders; those that filled meanwhile are forgotten on the way.
    fn cancel_one(&mut self, engine: &mut MatchingEngine) {
        while !self.resting.is_empty() {
            let index = self.dice.random_range(0..self.resting.len());
            let id = self.resting.swap_remove(index);
            if engine.cancel(id).is_some() {
                return;
            }
        }
    }

    fn order(&mut self, side: Side, kind: OrderKind, price: i64, qty: i64) -> Incoming {
        self.next_id += 1;
        Incoming {
            id: self.next_id,
            owner: MARKET,
            side,
            kind,
            time_in_force: TimeInForce::Gtc,
            self_trade: SelfTrade::Allow,
            price,
            qty,
        }
    }

    fn side(&mut self) -> Side {
        if self.dice.random() {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    /// A price on `side` of the reference: most near, some further, few far away.
    fn price(&mut self, side: Side) -> i64 {
        let roll: f64 = self.dice.random();
        let mean = if roll < 0.55 {
            1.5
        } else if roll < 0.85 {
            60.0
        } else {
            700.0
        };
        let offset = -(1.0 - self.dice.random::<f64>()).ln() * mean * self.shrink;
        match side {
            Side::Buy => whole(self.reference - offset).max(1),
            Side::Sell => whole(self.reference + offset).saturating_add(1),
        }
    }

    /// A log-normal size in lots.
    fn size(&mut self, median: f64, spread: f64) -> i64 {
        let lots = median * (self.normal() * spread).exp();
        whole(lots.min(LOTS_MAX)).max(10).saturating_mul(self.unit)
    }

    /// A standard normal number (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.dice.random::<f64>()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.dice.random::<f64>()).cos()
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let (part, whole) = (part as f64, whole as f64);
    (part / whole).min(2.0)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, and is bounded by the caller"
)]
fn whole(value: f64) -> i64 {
    value.floor() as i64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a waiting time, not negative; saturates"
)]
fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, steps: usize) -> (OrderFlow, MatchingEngine, Vec<i64>, usize) {
        let mut engine = MatchingEngine::new(0);
        let mut flow = OrderFlow::new(seed, 300.0, 6_000_000);
        flow.open(&mut engine);
        let mut spreads = Vec::new();
        let mut trades = 0;
        for _ in 0..steps {
            if let Some(step) = flow.step(&mut engine) {
                trades += step.matched.fills.len();
            }
            let (bid, _) = engine.best(Side::Buy).unwrap();
            let (ask, _) = engine.best(Side::Sell).unwrap();
            assert!(bid < ask, "Invariant M1");
            spreads.push(ask - bid);
        }
        (flow, engine, spreads, trades)
    }

    #[test]
    fn flow_of_a_minute_looks_like_a_market() {
        let (flow, engine, mut spreads, trades) = run(7, 18_000);
        spreads.sort_unstable();
        let narrow = spreads.iter().filter(|spread| **spread <= 5).count();
        assert!(
            narrow * 10 > spreads.len() * 7,
            "only {narrow} of {} narrow",
            spreads.len()
        );
        assert!(
            engine.half(Side::Buy).len() > 100,
            "{} bids",
            engine.half(Side::Buy).len()
        );
        assert!(
            engine.half(Side::Sell).len() > 100,
            "{} asks",
            engine.half(Side::Sell).len()
        );
        assert!(trades > 500, "{trades} trades");
        assert!(
            flow.resting.len() < 4 * RESTING_TARGET,
            "the book grows without end"
        );
        let seconds = flow.due_ns / 1_000_000_000;
        assert!(
            (25..=70).contains(&seconds),
            "18,000 events took {seconds} s"
        );
    }

    #[test]
    fn flow_with_the_same_seed_is_the_same() {
        let (one, first, ..) = run(3, 2_000);
        let (two, second, ..) = run(3, 2_000);
        assert_eq!(one.due_ns, two.due_ns);
        for side in [Side::Buy, Side::Sell] {
            assert!(first.half(side).levels().eq(second.half(side).levels()));
        }
        let (other, ..) = run(4, 2_000);
        assert_ne!(one.due_ns, other.due_ns);
    }
}
