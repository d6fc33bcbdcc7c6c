//! The rules: lots from equity, prices and volatility.
//!
//! Every rounding is towards the smaller size. What is missing, zero or out of range is a typed
//! answer, never a guess.
//!
//! Hot path: yes (an order that risk sizes). Allocates: no.

use model::body::Side;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::machine::protection::SizingRule;

/// Why there is no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// No equity, or none above 0.
    Equity = 1,
    /// Too few returns, or the last one is too old.
    Volatility = 2,
    /// The order names no stop, or one on the wrong side of its price.
    Stop = 3,
    /// Kelly's fraction is not above 0: the strategy loses.
    Edge = 4,
    /// The rule gives less than one lot.
    Lot = 5,
    /// A number is out of range.
    Range = 6,
    /// The strategy has no rule, or asks for no quantity.
    Rule = 7,
}

/// What a size is found from. Prices and values are of the quote asset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    pub(crate) side: Side,
    /// Equity of the account.
    pub(crate) equity: Decimal,
    /// Worst price of the order.
    pub(crate) price: Decimal,
    /// Price at which the trade would be given up.
    pub(crate) stop: Option<Decimal>,
    /// Quantity of one lot.
    pub(crate) lot: Decimal,
    /// Standard deviation of one return, 1e-9.
    pub(crate) volatility_e9: Option<i64>,
}

fn part(bps: u32) -> Decimal {
    Decimal::new(i64::from(bps), 4)
}

/// How many lots the rule gives.
///
/// # Errors
///
/// [`Missing`].
pub(crate) fn lots(rule: &SizingRule, about: &Question) -> Result<i64, Missing> {
    if about.equity <= Decimal::ZERO {
        return Err(Missing::Equity);
    }
    let lot_value = about.price.checked_mul(about.lot).ok_or(Missing::Range)?;
    if lot_value <= Decimal::ZERO {
        return Err(Missing::Range);
    }
    let of_equity = |fraction: Decimal, per_lot: Decimal| {
        about
            .equity
            .checked_mul(fraction)
            .and_then(|value| value.checked_div(per_lot))
            .and_then(|lots| lots.floor().to_i64())
            .ok_or(Missing::Range)
    };
    let capped = |fraction: Decimal, cap: u32| of_equity(fraction.min(part(cap)), lot_value);
    let lots = match *rule {
        SizingRule::FixedFraction { fraction_bps } => of_equity(part(fraction_bps), lot_value)?,
        SizingRule::VolatilityTarget {
            target_bps,
            cap_bps,
            ..
        } => capped(by_volatility(part(target_bps), about)?, cap_bps)?,
        SizingRule::EqualRisk {
            target_bps,
            instruments,
            cap_bps,
            ..
        } => {
            let share = part(target_bps).checked_div(Decimal::from(instruments));
            let fraction = by_volatility(share.ok_or(Missing::Range)?, about)?;
            capped(fraction, cap_bps)?
        }
        SizingRule::Kelly {
            win_bps,
            payoff_bps,
            part_bps,
            cap_bps,
        } => {
            let fraction = kelly(part(win_bps), part(payoff_bps)).ok_or(Missing::Range)?;
            if fraction <= Decimal::ZERO {
                return Err(Missing::Edge);
            }
            let used = fraction.checked_mul(part(part_bps));
            capped(used.ok_or(Missing::Range)?, cap_bps)?
        }
        SizingRule::RiskPerTrade { risk_bps, cap_bps } => {
            let stop = about.stop.ok_or(Missing::Stop)?;
            let distance = match about.side {
                Side::Buy => about.price.checked_sub(stop),
                Side::Sell => stop.checked_sub(about.price),
            };
            let loss = distance
                .filter(|distance| *distance > Decimal::ZERO)
                .and_then(|distance| distance.checked_mul(about.lot))
                .filter(|loss| *loss > Decimal::ZERO && stop > Decimal::ZERO)
                .ok_or(Missing::Stop)?;
            let most = of_equity(part(cap_bps), lot_value)?;
            of_equity(part(risk_bps), loss)?.min(most)
        }
    };
    if lots > 0 {
        Ok(lots)
    } else {
        Err(Missing::Lot)
    }
}

/// `win - (1 - win) / payoff`.
fn kelly(win: Decimal, payoff: Decimal) -> Option<Decimal> {
    let lost = Decimal::ONE.checked_sub(win)?.checked_div(payoff)?;
    win.checked_sub(lost)
}

/// The part of the equity whose standard deviation is the target.
fn by_volatility(target: Decimal, about: &Question) -> Result<Decimal, Missing> {
    let measured = about.volatility_e9.ok_or(Missing::Volatility)?;
    // A market that did not move at all counts as one that moves by the smallest unit: the cap
    // decides.
    let measured = Decimal::new(measured.max(1), 9);
    target.checked_div(measured).ok_or(Missing::Range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::protection::VolatilityRule;

    const VOLATILITY: VolatilityRule = VolatilityRule {
        span_ns: 1_000_000_000,
        samples: 20,
    };

    /// 100,000 of equity, 50,000 a unit, 0.001 a lot: a lot is worth 50.
    fn question() -> Question {
        Question {
            side: Side::Buy,
            equity: Decimal::from(100_000),
            price: Decimal::from(50_000),
            stop: Some(Decimal::from(49_000)),
            lot: Decimal::new(1, 3),
            volatility_e9: Some(2_000_000),
        }
    }

    #[test]
    fn sizing_rules_give_what_their_formulas_say() {
        // 2.5 % of 100,000 is 2,500; at 50 a lot that is 50 lots.
        let fixed = SizingRule::FixedFraction { fraction_bps: 250 };
        assert_eq!(lots(&fixed, &question()), Ok(50));
        let mut target = SizingRule::VolatilityTarget {
            target_bps: 10,
            volatility: VOLATILITY,
            cap_bps: 10_000,
        };
        // 0.1 % wanted, 0.2 % measured: half of the equity, 50,000, which is 1,000 lots.
        assert_eq!(lots(&target, &question()), Ok(1_000));
        // With a cap of 10 %: 10,000, which is 200 lots.
        if let SizingRule::VolatilityTarget { cap_bps, .. } = &mut target {
            *cap_bps = 1_000;
        }
        assert_eq!(lots(&target, &question()), Ok(200));
        // 0.6 - 0.4 / 1.5 = 1/3, a quarter of it: 8.33 %, 8,333.33, which is 166 lots and a rest.
        let kelly = SizingRule::Kelly {
            win_bps: 6_000,
            payoff_bps: 15_000,
            part_bps: 2_500,
            cap_bps: 10_000,
        };
        assert_eq!(lots(&kelly, &question()), Ok(166));
        // 1 % is 1,000; a lot of 0.001 loses 1 between 50,000 and 49,000: 1,000 lots.
        let risk = SizingRule::RiskPerTrade {
            risk_bps: 100,
            cap_bps: 100_000,
        };
        assert_eq!(lots(&risk, &question()), Ok(1_000));
        // With a cap of 20 %: 20,000, which is 400 lots.
        let capped = SizingRule::RiskPerTrade {
            risk_bps: 100,
            cap_bps: 2_000,
        };
        assert_eq!(lots(&capped, &question()), Ok(400));
        // 0.4 % over 10 instruments is 0.04 % each; at 0.2 % measured that is a fifth of the
        // equity: 20,000, which is 400 lots.
        let equal = SizingRule::EqualRisk {
            target_bps: 40,
            instruments: 10,
            volatility: VOLATILITY,
            cap_bps: 10_000,
        };
        assert_eq!(lots(&equal, &question()), Ok(400));
    }

    #[test]
    fn sizing_equal_risk_gives_every_instrument_the_same_deviation() {
        let rule = SizingRule::EqualRisk {
            target_bps: 100,
            instruments: 4,
            volatility: VOLATILITY,
            cap_bps: 100_000,
        };
        for volatility in [700_000, 3_000_000, 25_000_000] {
            let about = Question {
                volatility_e9: Some(volatility),
                ..question()
            };
            let value = Decimal::from(lots(&rule, &about).unwrap() * 50);
            let deviation = value * Decimal::new(volatility, 9);
            // 0.25 % of 100,000, less at most one lot's share.
            let short = Decimal::from(250) - deviation;
            let one_lot = Decimal::from(50) * Decimal::new(volatility, 9);
            assert!(short >= Decimal::ZERO && short <= one_lot, "{deviation}");
        }
    }

    #[test]
    fn sizing_follows_the_equity_and_never_rounds_up() {
        let rule = SizingRule::FixedFraction { fraction_bps: 100 };
        for cents in [1, 4_999_999, 5_000_000, 10_000_001, 987_654_321_i64] {
            let about = Question {
                equity: Decimal::new(cents, 2),
                ..question()
            };
            let want = cents / 100 / 5_000;
            let got = lots(&rule, &about);
            assert_eq!(got.unwrap_or(0), want, "{cents}");
            assert_eq!(got.is_err(), want == 0);
        }
    }

    #[test]
    fn sizing_without_data_or_edge_has_no_size() {
        let risk = SizingRule::RiskPerTrade {
            risk_bps: 100,
            cap_bps: 10_000,
        };
        let stopped = |stop, side| {
            let about = Question {
                stop,
                side,
                ..question()
            };
            lots(&risk, &about)
        };
        assert_eq!(stopped(None, Side::Buy), Err(Missing::Stop));
        let above = Some(Decimal::from(50_000));
        assert_eq!(stopped(above, Side::Buy), Err(Missing::Stop));
        assert_eq!(stopped(above, Side::Sell), Err(Missing::Stop));
        assert_eq!(stopped(Some(Decimal::ZERO), Side::Buy), Err(Missing::Stop));
        let about = Question {
            volatility_e9: None,
            ..question()
        };
        let target = SizingRule::VolatilityTarget {
            target_bps: 10,
            volatility: VOLATILITY,
            cap_bps: 10_000,
        };
        assert_eq!(lots(&target, &about), Err(Missing::Volatility));
        let loses = SizingRule::Kelly {
            win_bps: 4_000,
            payoff_bps: 15_000,
            part_bps: 10_000,
            cap_bps: 10_000,
        };
        assert_eq!(lots(&loses, &question()), Err(Missing::Edge));
        for equity in [Decimal::ZERO, Decimal::NEGATIVE_ONE] {
            let about = Question {
                equity,
                ..question()
            };
            assert_eq!(lots(&risk, &about), Err(Missing::Equity));
        }
        let about = Question {
            equity: Decimal::MAX,
            ..question()
        };
        let fixed = SizingRule::FixedFraction {
            fraction_bps: 100_000,
        };
        assert_eq!(lots(&fixed, &about), Err(Missing::Range));
    }
}
