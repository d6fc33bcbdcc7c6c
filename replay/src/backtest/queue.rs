//! Where in a level's queue an order of ours stands: estimated from what the market shows.
//!
//! A level of a depth feed says how much rests at a price, not in which order. When less rests
//! there, somebody traded or cancelled; whether in front of us or behind is what a model guesses.
//! Quantities are lots as floats: an estimate, never money. `1/(1+x)`-like shares are not whole.

use std::fmt::Debug;

/// The market's quantity ahead of an order, and what a model keeps beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Standing {
    /// Lots of others ahead; below 0, what traded beyond the queue and may fill the order.
    pub ahead: f64,
    /// Lots that traded at the price since the level was last shown.
    pub traded: f64,
}

/// How an order's place in the queue moves. Implement it to bring your own.
pub trait QueueModel: Debug + Send + Sync {
    /// The place of an order that arrives where `resting` lots of others are.
    fn arrive(&self, resting: f64) -> Standing {
        Standing {
            ahead: resting,
            traded: 0.0,
        }
    }

    /// `qty` lots traded at its price.
    fn trade(&self, standing: &mut Standing, qty: f64) {
        standing.ahead -= qty;
        standing.traded += qty;
    }

    /// The level went from `before` to `now` lots.
    fn level(&self, standing: &mut Standing, before: f64, now: f64);

    /// Share of a trade at its price that an order of `own` lots gets at once, besides what the
    /// queue lets through. 0 for every model of a queue.
    fn share(&self, _own: f64, _level: f64) -> f64 {
        0.0
    }

    /// Whether places are not estimated: the data shows each order of the venue's, so an order of
    /// ours is met before those that came behind it, and after those that came before.
    fn by_order(&self) -> bool {
        false
    }
}

/// First come, first served, by the venue's own orders. The data must show each of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fifo;

impl QueueModel for Fifo {
    fn trade(&self, _standing: &mut Standing, _qty: f64) {}

    fn level(&self, _standing: &mut Standing, _before: f64, _now: f64) {}

    fn by_order(&self) -> bool {
        true
    }
}

/// The place moves by trades only; cancels are all behind us, unless less is left than was ahead.
#[derive(Debug, Clone, Copy, Default)]
pub struct RiskAverse;

impl QueueModel for RiskAverse {
    fn level(&self, standing: &mut Standing, _before: f64, now: f64) {
        standing.traded = 0.0;
        standing.ahead = standing.ahead.min(now);
    }
}

/// What share of a cancel lies behind us, given `ahead` and `behind`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Share {
    /// `f(behind) / (f(behind) + f(ahead))`, `f(x) = x^n`.
    Power(f64),
    /// `f(behind) / f(behind + ahead)`, `f(x) = x^n`.
    PowerOfAll(f64),
    /// `1 - f(ahead / (ahead + behind))`, `f(x) = x^n`.
    PowerOfRatio(f64),
    /// `f(behind) / (f(behind) + f(ahead))`, `f(x) = ln(1 + x)`.
    Log,
    /// `f(behind) / f(behind + ahead)`, `f(x) = ln(1 + x)`.
    LogOfAll,
}

impl Share {
    /// Probability that a cancel lies behind the order; not a number where both are empty.
    #[must_use]
    pub fn behind(self, ahead: f64, behind: f64) -> f64 {
        let log = |x: f64| (1.0 + x).ln();
        match self {
            Self::Power(n) => behind.powf(n) / (behind.powf(n) + ahead.powf(n)),
            Self::PowerOfAll(n) => behind.powf(n) / (behind + ahead).powf(n),
            Self::PowerOfRatio(n) => 1.0 - (ahead / (ahead + behind)).powf(n),
            Self::Log => log(behind) / (log(behind) + log(ahead)),
            Self::LogOfAll => log(behind) / log(behind + ahead),
        }
    }
}

/// Cancels fall ahead of us or behind us by a probability. The functions are those that
/// hftbacktest documents, so that results can be compared.
///
/// The unit of a quantity matters to the logarithms: `scale` is base units in a lot.
#[derive(Debug, Clone, Copy)]
pub struct Probable {
    share: Share,
    scale: f64,
}

impl Probable {
    /// A model with this share; `scale` is what one lot is in base units, above 0.
    #[must_use]
    pub const fn new(share: Share, scale: f64) -> Self {
        Self { share, scale }
    }
}

impl QueueModel for Probable {
    fn level(&self, standing: &mut Standing, before: f64, now: f64) {
        // What traded is part of the change and has moved us already.
        let cancelled = before - now - standing.traded;
        standing.traded = 0.0;
        if cancelled < 0.0 {
            standing.ahead = standing.ahead.min(now);
            return;
        }
        let (ahead, behind) = (standing.ahead, before - standing.ahead);
        let share = self.share.behind(ahead * self.scale, behind * self.scale);
        let share = if share.is_infinite() { 1.0 } else { share };
        let beyond = (behind - share * cancelled).min(0.0);
        let estimate = ahead - (1.0 - share) * cancelled + beyond;
        // `min` takes the number where the estimate is none: both sides were empty.
        standing.ahead = estimate.min(now);
    }
}

/// Every order of the level gets its share of each trade; nobody stands ahead of anybody.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProRata;

impl QueueModel for ProRata {
    fn arrive(&self, _resting: f64) -> Standing {
        Standing {
            ahead: f64::INFINITY,
            traded: 0.0,
        }
    }

    fn trade(&self, _standing: &mut Standing, _qty: f64) {}

    fn level(&self, _standing: &mut Standing, _before: f64, _now: f64) {}

    fn share(&self, own: f64, level: f64) -> f64 {
        own / (own + level.max(0.0))
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the models are exact in these cases")]
mod tests {
    use super::*;

    fn after(model: &dyn QueueModel, moves: impl Fn(&dyn QueueModel, &mut Standing)) -> f64 {
        let mut standing = model.arrive(10.0);
        moves(model, &mut standing);
        standing.ahead
    }

    #[test]
    fn risk_averse_moves_by_trades_and_by_a_level_that_is_smaller_than_the_queue() {
        let model = RiskAverse;
        assert_eq!(after(&model, |m, s| m.trade(s, 4.0)), 6.0);
        assert_eq!(after(&model, |m, s| m.level(s, 15.0, 12.0)), 10.0);
        assert_eq!(after(&model, |m, s| m.level(s, 15.0, 3.0)), 3.0);
    }

    #[test]
    fn probable_divides_a_cancel_by_the_share_behind() {
        // Half is behind: half of what was cancelled was ahead.
        let model = Probable::new(Share::Power(1.0), 1.0);
        assert_eq!(after(&model, |m, s| m.level(s, 20.0, 16.0)), 8.0);
        // What traded is not counted twice.
        let traded = after(&model, |m, s| {
            m.trade(s, 4.0);
            m.level(s, 20.0, 16.0);
        });
        assert_eq!(traded, 6.0);
        // A level that grows leaves us where we are.
        assert_eq!(after(&model, |m, s| m.level(s, 10.0, 30.0)), 10.0);
    }

    #[test]
    fn shares_agree_with_their_formulas_and_lie_between_none_and_all() {
        let shares = [
            (Share::Power(2.0), 9.0 / 10.0),
            (Share::PowerOfAll(2.0), 9.0 / 16.0),
            (Share::PowerOfRatio(2.0), 15.0 / 16.0),
            (Share::Log, 4.0_f64.ln() / (4.0_f64.ln() + 2.0_f64.ln())),
            (Share::LogOfAll, 4.0_f64.ln() / 5.0_f64.ln()),
        ];
        for (share, wanted) in shares {
            assert!((share.behind(1.0, 3.0) - wanted).abs() < 1e-12, "{share:?}");
            for (ahead, behind) in [(0.5, 0.0), (0.0, 7.0), (123.0, 45.0)] {
                let value = share.behind(ahead, behind);
                assert!((0.0..=1.0).contains(&value), "{share:?} {ahead} {behind}");
            }
        }
    }

    #[test]
    fn pro_rata_shares_every_trade_and_never_waits() {
        let model = ProRata;
        assert_eq!(model.share(1.0, 3.0), 0.25);
        assert!(after(&model, |m, s| m.trade(s, 1e9)) > 0.0);
    }
}
