//! The collector, over a handful of orders and fills reckoned by hand.

use model::body::{Liquidity, OrderType, Side, TimeInForce};
use model::ids::{AccountId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

use super::*;
use crate::backtest::{FillRow, Observer as _, OrderEnd, OrderRow, Sample};

const SECOND: u64 = 1_000_000_000;

fn order(end: OrderEnd, qty: i64, filled: i64) -> OrderRow {
    OrderRow {
        client_id: 1,
        strategy: Some(StrategyId(0)),
        account: AccountId(0),
        instrument: InstrumentId(0),
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price: Ticks(1_000),
        qty: Lots(qty),
        filled: Lots(filled),
        decided_ns: SECOND,
        arrived_ns: SECOND + 400_000,
        acked_ns: SECOND + 2_000_000,
        ended_ns: 3 * SECOND,
        end,
        middle_x2: 2_006,
    }
}

fn fill(side: Side, liquidity: Liquidity, middles_x2: [i64; 3]) -> FillRow {
    FillRow {
        client_id: 1,
        strategy: Some(StrategyId(0)),
        account: AccountId(0),
        instrument: InstrumentId(0),
        side,
        price: Ticks(1_000),
        qty: Lots(10),
        fee: Some(Decimal::new(5, 1)),
        liquidity,
        there_ns: 2 * SECOND,
        here_ns: 3 * SECOND,
        decided_ns: SECOND,
        middle_decided_x2: 2_006,
        middle_x2: middles_x2[0],
        middle_1s_x2: middles_x2[1],
        middle_10s_x2: middles_x2[2],
    }
}

fn sample(at_s: u64, profit: i64, lots: i64, middle_x2: i64) -> Sample {
    Sample {
        time_ns: at_s * SECOND,
        equity: Some(Decimal::from(1_000 + profit)),
        profits: vec![Some(Decimal::from(profit))],
        positions: vec![lots],
        middles_x2: vec![middle_x2],
    }
}

fn collected() -> Collector {
    // A tick is 0.1 quote, a lot 0.01 base.
    let units = Units {
        tick: 0.1,
        lot: 0.01,
        multiplier: 1.0,
        inverse: false,
    };
    let mut collector = Collector::new(vec![units], 0.0);
    collector.order(&order(OrderEnd::Filled, 10, 10));
    collector.order(&order(OrderEnd::Cancelled, 30, 10));
    collector.fill(&fill(Side::Buy, Liquidity::Maker, [2_004, 2_000, 1_990]));
    collector.fill(&fill(Side::Sell, Liquidity::Taker, [2_010, 2_000, 2_000]));
    // An hour lies between the second and the third.
    for (at_s, profit, lots, middle) in [(0, 0, 0, 2_000), (1, 2, 5, 2_002), (3_601, -1, 5, 2_100)]
    {
        collector.sample(&sample(at_s, profit, lots, middle));
    }
    collector
}

#[test]
fn collector_counts_what_its_words_say() {
    let trading = collected().trading();
    assert_eq!(
        (trading.orders, trading.orders_filled, trading.fills),
        (2, 2, 2)
    );
    assert_eq!(trading.fill_ratio, Some(0.5));
    assert_eq!(trading.maker_share, Some(0.5));
    assert!((trading.turnover - 20.0).abs() < 1e-9);
    assert!((trading.fees - 1.0).abs() < 1e-9);
    // The buy was 2 ticks below the middle, the sale 5 below it: 20 and -50 bps of 1,000 ticks.
    assert!((trading.edge_bps.unwrap() + 15.0).abs() < 1e-9);
    // The sale's order was decided at a middle 3 ticks above its price.
    assert!((trading.slippage_bps.unwrap() - 30.0).abs() < 1e-9);
    assert!(trading.markout_1s_bps.unwrap().abs() < 1e-9);
    assert!((trading.markout_10s_bps.unwrap() + 25.0).abs() < 1e-9);
    assert_eq!(trading.seconds_to_fill, Some(2.0));
    assert!((trading.time_in_position.unwrap() - 2.0 / 3.0).abs() < 1e-9);
}

#[test]
fn collector_values_contracts_by_their_terms() {
    let units = |multiplier, inverse| Units {
        tick: 0.1,
        lot: 1.0,
        multiplier,
        inverse,
    };
    // Ten contracts at 100 quote: of 0.01 base each, and of 100 quote each.
    for (units, value) in [(units(0.01, false), 10.0), (units(100.0, true), 1_000.0)] {
        let mut collector = Collector::new(vec![units], 0.0);
        collector.fill(&fill(Side::Buy, Liquidity::Maker, [2_000; 3]));
        collector.sample(&sample(0, 0, 0, 2_000));
        collector.sample(&sample(1, 0, -10, 2_000));
        let trading = collector.trading();
        assert!((trading.turnover - value).abs() < 1e-9);
        assert!((trading.gross_exposure.unwrap() - value / 2.0).abs() < 1e-9);
        assert!((trading.gross_exposure_max - value).abs() < 1e-9);
    }
}

#[test]
fn collector_says_which_fees_it_does_not_know() {
    let mut collector = Collector::new(Vec::new(), 0.0);
    let mut unknown = fill(Side::Buy, Liquidity::Maker, [2_000; 3]);
    unknown.fee = None;
    collector.fill(&unknown);
    collector.fill(&fill(Side::Buy, Liquidity::Maker, [2_000; 3]));
    let trading = collector.trading();
    assert_eq!(trading.fees_without_rate, 1);
    assert!((trading.fees - 0.5).abs() < 1e-9);
}

#[test]
fn regimes_keep_moves_of_one_size_together() {
    let mut collector = Collector::new(Vec::new(), 100.0);
    // Nine samples without a move, then one that moves: when they came does not matter.
    for (at_s, middle) in (0..10).map(|at_s| (at_s, 2_000)).chain([(10, 2_010)]) {
        let profit = i64::try_from(at_s).unwrap();
        collector.sample(&sample(at_s, profit, 0, middle));
    }
    let [quiet, middling, wild] = collector.regimes().map(|part| part.samples);
    assert_eq!((quiet, middling, wild), (9, 0, 1));
}

#[test]
fn report_in_numbers_keeps_its_form() {
    // WRITE_GOLDEN=1 writes the file anew; REPORT.md tells what each key is.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/report-form-1.json");
    let mut numbers = serde_json::to_string_pretty(&report(Run::default())).unwrap();
    numbers.push('\n');
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(path, &numbers).unwrap();
    }
    assert_eq!(numbers, std::fs::read_to_string(path).unwrap());
    let words = include_str!("../../REPORT.md");
    let value: serde_json::Value = serde_json::from_str(&numbers).unwrap();
    for (part, keys) in value.as_object().unwrap() {
        assert!(words.contains(&format!("`{part}`")), "{part}");
        for key in keys.as_object().into_iter().flatten().map(|(key, _)| key) {
            assert!(words.contains(&format!("`{key}`")), "{part}.{key}");
        }
    }
}

#[test]
fn collector_divides_profit_by_hours_and_by_the_sizes_of_moves() {
    let collector = collected();
    assert!((collector.hours()[0].profit - 2.0).abs() < 1e-9);
    assert!((collector.hours()[1].profit + 3.0).abs() < 1e-9);
    let regimes = collector.regimes();
    let sum: f64 = regimes.iter().map(|part| part.profit).sum();
    assert!((sum + 1.0).abs() < 1e-9);
    let performance = collector.performance();
    assert_eq!(performance.capital, Some(1_000.0));
    assert!((performance.max_drawdown - 3.0).abs() < 1e-9);
    let marks: Vec<&FillMark> = collector.marks().collect();
    assert!(marks[0].buy && marks[0].maker && (marks[0].price - 100.0).abs() < 1e-9);
}

#[test]
fn collector_of_a_long_run_loses_no_profit_of_any_regime() {
    let mut collector = Collector::new(Vec::new(), 100.0);
    let mut profit = 0;
    for at_s in 0..200_001_u64 {
        // A move of two ticks every seventh second, and all of the profit comes then.
        let moved = i64::from(at_s % 7 == 6);
        profit += moved;
        let middle = 2_000 + 4 * i64::try_from(at_s / 7).unwrap();
        collector.sample(&sample(at_s, profit, 0, middle));
    }
    let regimes = collector.regimes();
    let sum: f64 = regimes.iter().map(|part| part.profit).sum();
    assert!((sum - 28_571.0).abs() < 1e-6, "{sum}");
    assert!((collector.performance().profit - 28_571.0).abs() < 1e-9);
    assert!(regimes.iter().map(|part| part.samples).sum::<u64>() <= 65_536);
}

#[test]
fn page_holds_the_whole_report_and_no_text_can_end_its_script() {
    let run = Run {
        config: "# </script><b>".to_owned(),
        ..Run::default()
    };
    let report = report(run);
    let page = page(&report).unwrap();
    assert_eq!(page.matches("</script>").count(), 1);
    assert!(page.contains("\"market_records\":7"));
    let numbers = serde_json::to_value(&report).unwrap();
    assert_eq!(numbers["counted"]["pnl"], "-1");
    assert_eq!(numbers["form"], 1);
    assert_eq!(numbers["plot"]["profit"].as_array().unwrap().len(), 3);
    assert_eq!(numbers["counted"]["state_hash"].as_str().unwrap().len(), 64);
}

fn report(run: Run) -> Report {
    let outcome = Outcome {
        counts: crate::backtest::Counts::default(),
        market_records: 7,
        late: 0,
        malformed: 0,
        data: vec![0xfeed],
        span_ns: (0, 3_601 * SECOND),
        profit: Some(Decimal::from(-1)),
        fees: Decimal::ONE,
        liquidations: 0,
        state_hash: [0xab; 32],
    };
    Report::new(run, &outcome, &collected())
}
