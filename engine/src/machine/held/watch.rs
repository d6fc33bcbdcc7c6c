//! A trigger against prices: pure functions, exact about gaps.
//!
//! Prices are in half ticks here, so that a middle is exact. A trigger sees single prices, never a
//! path: a market that jumps over the level triggers at the first price at it or beyond.
//!
//! Hot path: yes. Allocates: no.

use model::body::Side;
use model::num::Ticks;
use serde::{Deserialize, Serialize};

use super::terms::{Offset, Trigger, TriggerKind};

/// Largest price that a trigger may name, ticks.
const PRICE_MAX: i64 = 1 << 48;
/// One in basis points.
const BPS: i128 = 10_000;

/// A trigger at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Watch {
    pub(crate) trigger: Trigger,
    side: Side,
    /// Best price since it trails, half ticks.
    best: Option<i64>,
}

/// Prices between which nothing happens, half ticks; both ends are outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quiet {
    above: i64,
    below: i64,
}

impl Quiet {
    /// Nothing happens at any price.
    pub(crate) const ALWAYS: Self = Self {
        above: i64::MIN,
        below: i64::MAX,
    };

    #[inline]
    pub(crate) const fn holds(self, price: i64) -> bool {
        self.above < price && price < self.below
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            above: self.above.max(other.above),
            below: self.below.min(other.below),
        }
    }
}

/// Twice a price: half ticks.
pub(crate) const fn half_ticks(price: Ticks) -> i64 {
    price.0.saturating_mul(2)
}

impl Watch {
    /// A trigger that has seen no price yet.
    pub(crate) const fn new(trigger: Trigger, side: Side) -> Self {
        Self {
            trigger,
            side,
            best: None,
        }
    }

    /// Whether the numbers of a trigger make sense.
    pub(crate) fn is_sound(trigger: &Trigger) -> bool {
        let price = |level: Ticks| (1..=PRICE_MAX).contains(&level.0);
        match trigger.kind {
            TriggerKind::Stop { level } | TriggerKind::TakeProfit { level } => price(level),
            TriggerKind::Trailing { offset, activation } => {
                let sound = match offset {
                    Offset::Ticks(ticks) => (1..=PRICE_MAX).contains(&ticks),
                    Offset::Bps(bps) => (1..BPS).contains(&i128::from(bps)),
                };
                sound && activation.is_none_or(price)
            }
        }
    }

    /// Whether it triggers at low prices.
    const fn falls(&self) -> bool {
        let worse_is_low = matches!(self.side, Side::Sell);
        match self.trigger.kind {
            TriggerKind::Stop { .. } | TriggerKind::Trailing { .. } => worse_is_low,
            TriggerKind::TakeProfit { .. } => !worse_is_low,
        }
    }

    /// Where it triggers now, half ticks. `None` while it does not trail yet.
    pub(crate) fn level(&self) -> Option<i64> {
        let offset = match self.trigger.kind {
            TriggerKind::Stop { level } | TriggerKind::TakeProfit { level } => {
                return Some(half_ticks(level));
            }
            TriggerKind::Trailing { offset, .. } => offset,
        };
        let best = self.best?;
        let away = match offset {
            Offset::Ticks(ticks) => half_ticks(Ticks(ticks)),
            Offset::Bps(bps) => {
                // Rounded away from the best price: never before the offset is reached.
                let exact = i128::from(best) * i128::from(bps);
                let away = exact.div_euclid(BPS) + i128::from(exact.rem_euclid(BPS) != 0);
                i64::try_from(away).unwrap_or(i64::MAX)
            }
        };
        Some(if self.falls() {
            best.saturating_sub(away)
        } else {
            best.saturating_add(away)
        })
    }

    /// Sees a price; true if it triggers.
    pub(crate) fn see(&mut self, price: i64) -> bool {
        let falls = self.falls();
        if let TriggerKind::Trailing { activation, .. } = self.trigger.kind {
            let better = |than: i64| if falls { price > than } else { price < than };
            let moves = match (self.best, activation.map(half_ticks)) {
                (None, Some(from)) if price != from && !better(from) => return false,
                (None, _) => true,
                (Some(best), _) => better(best),
            };
            if moves {
                self.best = Some(price);
                return false;
            }
        }
        self.level().is_some_and(|level| {
            if falls {
                price <= level
            } else {
                price >= level
            }
        })
    }

    /// Where [`Watch::see`] would change nothing.
    pub(crate) fn quiet(&self) -> Quiet {
        // The side on which it triggers, and the one on which a better price moves it.
        let (worst, best) = match (self.trigger.kind, self.best) {
            (TriggerKind::Stop { level } | TriggerKind::TakeProfit { level }, _) => {
                (Some(half_ticks(level)), None)
            }
            (TriggerKind::Trailing { .. }, Some(best)) => {
                let beyond = if self.falls() { 1 } else { -1 };
                (self.level(), Some(best.saturating_add(beyond)))
            }
            (
                TriggerKind::Trailing {
                    activation: Some(from),
                    ..
                },
                None,
            ) => (None, Some(half_ticks(from))),
            // The first price decides, whatever it is.
            (TriggerKind::Trailing { .. }, None) if self.falls() => (Some(i64::MAX), None),
            (TriggerKind::Trailing { .. }, None) => (Some(i64::MIN), None),
        };
        let (above, below) = if self.falls() {
            (worst, best)
        } else {
            (best, worst)
        };
        Quiet {
            above: above.unwrap_or(i64::MIN),
            below: below.unwrap_or(i64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::held::terms::PriceSource;

    fn watch(kind: TriggerKind, side: Side) -> Watch {
        let source = PriceSource::Last;
        Watch::new(Trigger { kind, source }, side)
    }

    fn random(state: &mut u64, bound: i64) -> i64 {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(*state >> 33).unwrap() % bound
    }

    /// What a trigger is, said again from the whole path.
    fn first(kind: TriggerKind, side: Side, path: &[i64]) -> Option<usize> {
        let sell = side == Side::Sell;
        let level = |ticks: Ticks| ticks.0 * 2;
        match kind {
            TriggerKind::Stop { level: at } => path
                .iter()
                .position(|&p| if sell { p <= level(at) } else { p >= level(at) }),
            TriggerKind::TakeProfit { level: at } => path
                .iter()
                .position(|&p| if sell { p >= level(at) } else { p <= level(at) }),
            TriggerKind::Trailing { offset, activation } => {
                let starts = |&p: &i64| match activation {
                    None => true,
                    Some(from) if sell => p >= level(from),
                    Some(from) => p <= level(from),
                };
                let from = path.iter().position(starts)?;
                (from..path.len()).find(|&at| {
                    let seen = &path[from..=at];
                    let best = i128::from(if sell {
                        *seen.iter().max().unwrap()
                    } else {
                        *seen.iter().min().unwrap()
                    });
                    let back = (best - i128::from(path[at])).abs();
                    match offset {
                        Offset::Ticks(ticks) => back >= i128::from(2 * ticks),
                        Offset::Bps(bps) => back * BPS >= best * i128::from(bps),
                    }
                })
            }
        }
    }

    fn kind_of(state: &mut u64) -> TriggerKind {
        let level = Ticks(900 + random(state, 200));
        match random(state, 4) {
            0 => TriggerKind::Stop { level },
            1 => TriggerKind::TakeProfit { level },
            2 => TriggerKind::Trailing {
                offset: Offset::Ticks(1 + random(state, 40)),
                activation: (random(state, 2) == 0).then_some(level),
            },
            _ => TriggerKind::Trailing {
                offset: Offset::Bps(u32::try_from(1 + random(state, 400)).unwrap()),
                activation: (random(state, 2) == 0).then_some(level),
            },
        }
    }

    #[test]
    fn watch_random_paths_with_gaps_trigger_at_the_first_price_at_or_beyond() {
        let (mut state, mut fired) = (4_004_u64, 0);
        for _ in 0..20_000 {
            let kind = kind_of(&mut state);
            let side = if random(&mut state, 2) == 0 {
                Side::Buy
            } else {
                Side::Sell
            };
            let mut price = 1_800 + random(&mut state, 400);
            let path: Vec<i64> = (0..60)
                .map(|_| {
                    // Mostly small steps; sometimes the market jumps.
                    let reach = if random(&mut state, 12) == 0 { 81 } else { 9 };
                    price = (price + random(&mut state, reach) - reach / 2).max(2);
                    price
                })
                .collect();
            let mut watch = watch(kind, side);
            let want = first(kind, side, &path);
            let mut got = None;
            for (at, &price) in path.iter().enumerate() {
                let (before, quiet) = (watch, watch.quiet());
                let hit = watch.see(price);
                if quiet.holds(price) {
                    assert!(!hit && watch == before, "{kind:?} {side:?} not quiet");
                }
                if hit {
                    got = Some(at);
                    break;
                }
            }
            assert_eq!(got, want, "{kind:?} {side:?} {path:?}");
            fired += usize::from(got.is_some());
        }
        assert!(fired > 5_000, "{fired} fired");
    }

    #[test]
    fn watch_terms_without_sense_are_refused() {
        let source = PriceSource::Mid;
        let sound = |kind| Watch::is_sound(&Trigger { kind, source });
        let trailing = |offset, activation| TriggerKind::Trailing { offset, activation };
        assert!(sound(TriggerKind::Stop { level: Ticks(1) }));
        assert!(!sound(TriggerKind::Stop { level: Ticks(0) }));
        let level = Ticks(i64::MAX);
        assert!(!sound(TriggerKind::TakeProfit { level }));
        assert!(sound(trailing(Offset::Bps(9_999), None)));
        assert!(!sound(trailing(Offset::Bps(10_000), None)));
        assert!(!sound(trailing(Offset::Ticks(0), None)));
        assert!(!sound(trailing(Offset::Ticks(-1), None)));
        assert!(!sound(trailing(Offset::Ticks(5), Some(Ticks(0)))));
    }
}
