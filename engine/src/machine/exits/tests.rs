//! Exits against an oracle in exact decimals, over random fills and paths with gaps. Seeded.

use model::body::Side;
use model::control::Control;
use model::ids::{AccountId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

use super::Guard;
use crate::machine::held::PriceSource;
use crate::machine::protection::ExitRules;

fn random(state: &mut u64, bound: i64) -> i64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    i64::try_from(*state >> 33).unwrap() % bound
}

fn rules(state: &mut u64) -> ExitRules {
    let mut bps = |most| u32::try_from(random(state, most)).unwrap();
    ExitRules {
        source: PriceSource::Last,
        stop_loss_bps: bps(300),
        take_profit_bps: bps(400),
        trailing_bps: bps(200),
        trailing_from_bps: bps(100),
        time_stop_ns: 0,
        clip: Lots(0),
        retry_pause_ns: 1_000_000,
        reentry_pause_ns: 0,
    }
}

fn guard() -> Guard {
    Guard::new(InstrumentId(0), StrategyId(0), AccountId(0))
}

fn part(bps: u32) -> Decimal {
    Decimal::new(i64::from(bps), 4)
}

/// The same rules, said in decimals of one entry price and the prices since then, half ticks.
fn oracle(entry: Decimal, long: bool, seen: &[i64], rules: &ExitRules) -> Option<Control> {
    let entry = entry * Decimal::TWO;
    let gain = |price: i64| {
        let change = Decimal::from(price) - entry;
        if long { change } else { -change }
    };
    let now = *seen.last().unwrap();
    let best = if long {
        *seen.iter().max().unwrap()
    } else {
        *seen.iter().min().unwrap()
    };
    let away = Decimal::from((best - now).abs());
    let trails =
        rules.trailing_from_bps == 0 || gain(best) >= entry * part(rules.trailing_from_bps);
    if rules.stop_loss_bps > 0 && gain(now) <= -entry * part(rules.stop_loss_bps) {
        Some(Control::StopLoss)
    } else if rules.trailing_bps > 0
        && trails
        && away >= Decimal::from(best) * part(rules.trailing_bps)
    {
        Some(Control::TrailingStop)
    } else if rules.take_profit_bps > 0 && gain(now) >= entry * part(rules.take_profit_bps) {
        Some(Control::TakeProfit)
    } else {
        None
    }
}

#[test]
fn exits_random_paths_with_gaps_fire_at_the_first_price_at_or_beyond() {
    let (mut state, mut fired) = (408_u64, [0; 3]);
    for _ in 0..20_000 {
        let rules = rules(&mut state);
        let long = random(&mut state, 2) == 0;
        let side = if long { Side::Buy } else { Side::Sell };
        let mut guard = guard();
        let (mut cost, mut lots) = (Decimal::ZERO, Decimal::ZERO);
        for _ in 0..=random(&mut state, 3) {
            let (price, qty) = (
                9_000 + random(&mut state, 2_000),
                1 + random(&mut state, 50),
            );
            guard.fill(side, Ticks(price), Lots(qty), 7).unwrap();
            cost += Decimal::from(price) * Decimal::from(qty);
            lots += Decimal::from(qty);
        }
        let mut price = 2 * 10_000;
        let mut seen = Vec::new();
        for _ in 0..60 {
            let reach = if random(&mut state, 12) == 0 { 801 } else { 81 };
            price += random(&mut state, reach) - reach / 2;
            seen.push(price);
            let got = guard.see(price, &rules).map(|(control, _)| control);
            let want = oracle(cost / lots, long, &seen, &rules);
            assert_eq!(got, want, "{rules:?} {guard:?} {seen:?}");
            if let Some(control) = got {
                fired[usize::from(control.code() - Control::StopLoss.code())] += 1;
                break;
            }
        }
    }
    assert!(fired.iter().all(|count| *count > 500), "{fired:?}");
}

#[test]
fn exits_position_follows_the_fills_through_closings_and_turns() {
    let mut guard = guard();
    let stop = ExitRules {
        stop_loss_bps: 100,
        take_profit_bps: 0,
        trailing_bps: 0,
        ..rules(&mut 1)
    };
    guard.fill(Side::Buy, Ticks(10_000), Lots(10), 5).unwrap();
    guard.fill(Side::Sell, Ticks(20_000), Lots(4), 6).unwrap();
    assert_eq!((guard.lots, guard.since_ns), (6, 5));
    assert_eq!(guard.see(19_801, &stop), None, "the entry price stays");
    assert_eq!(guard.see(19_800, &stop), Some((Control::StopLoss, 19_800)));
    guard.fill(Side::Sell, Ticks(12_000), Lots(9), 8).unwrap();
    assert_eq!((guard.lots, guard.since_ns), (-3, 8), "turned: a new entry");
    assert_eq!(guard.see(24_239, &stop), None);
    assert_eq!(guard.see(24_240, &stop), Some((Control::StopLoss, 24_240)));
    guard.fill(Side::Buy, Ticks(12_000), Lots(3), 9).unwrap();
    assert_eq!((guard.lots, guard.see(1, &stop)), (0, None));
}
