//! Money: entries sum to zero, profit is cash plus value, the venue's reports are compared.

use super::postings::Postings;
use super::*;
use crate::machine::market::tests::spec;
use model::body::{AssetName, Balance, Liquidity, Side};
use model::num::Money;
use proptest::prelude::*;

const ACCOUNT: AccountId = AccountId(0);

fn fill(side: Side, price: i64, qty: i64, fee: Decimal, asset: &str) -> Fill {
    Fill {
        client_id: 0,
        venue_order_id: 0,
        venue_time_ns: 0,
        trade_id: 0,
        price: Ticks(price),
        qty: Lots(qty),
        fee: Money::new(fee),
        fee_asset: AssetName::cut(asset),
        side,
        liquidity: Liquidity::Maker,
    }
}

fn balance(asset: &str, free: i64, locked: i64) -> Balance {
    Balance {
        free: Money::new(Decimal::from(free)),
        locked: Money::new(Decimal::from(locked)),
        venue_time_ns: 0,
        asset: AssetName::cut(asset),
        reserved: [0; 26],
    }
}

fn portfolio() -> Portfolio {
    let mut portfolio = Portfolio::default();
    let venue = std::iter::once(model::ids::VenueId(0));
    portfolio.open("USDT", venue, std::iter::once(&spec()));
    portfolio
}

fn any_fill() -> impl Strategy<Value = Fill> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let asset = prop_oneof![Just("BTC"), Just("USDT"), Just("BNB")];
    (
        side,
        1_i64..10_000_000,
        1_i64..1_000_000,
        -50_i64..5_000,
        asset,
    )
        .prop_map(|(side, price, qty, fee, asset)| {
            fill(side, price, qty, Decimal::new(fee, 8), asset)
        })
}

proptest! {
    #[test]
    fn prop_fill_entries_sum_to_zero_for_each_asset(fill in any_fill()) {
        let postings = Postings::of_fill(&spec(), &fill, Decimal::ZERO).unwrap();
        for posting in postings.iter() {
            let same = postings.iter().filter(|other| other.asset == posting.asset);
            let sum: Decimal = same.map(|other| other.amount).sum();
            prop_assert_eq!(sum, Decimal::ZERO);
        }
        prop_assert!(postings.balanced());
    }

    #[test]
    fn prop_position_profit_is_cash_plus_value_of_what_is_held(
        fills in proptest::collection::vec(any_fill(), 0..60),
        mid in 1_i64..10_000_000,
    ) {
        let spec = spec();
        let mut portfolio = portfolio();
        let mut cash = Decimal::ZERO;
        let mut held = 0;
        for fill in &fills {
            portfolio.fill(&spec, ACCOUNT, None, fill);
            let value = spec.notional(fill.price, fill.qty).unwrap();
            cash -= value * Decimal::from(fill.side.sign());
            held += fill.qty.0 * fill.side.sign();
        }
        prop_assert_eq!(portfolio.unbooked(), 0);
        prop_assert!(portfolio.holds());
        let position = portfolio.position(ACCOUNT, InstrumentId(0)).unwrap();
        prop_assert_eq!(position.lots, Lots(held));
        let worth = spec.notional(Ticks(mid), Lots(held)).unwrap();
        let profit = position.realised + position.unrealised(&spec, 2 * mid).unwrap();
        prop_assert_eq!(profit, cash + worth);
        if held == 0 {
            prop_assert_eq!(position.cost, Decimal::ZERO);
        }
    }
}

#[test]
fn position_average_cost_closes_and_turns() {
    let spec = spec();
    let mut portfolio = portfolio();
    let none = Decimal::ZERO;
    portfolio.fill(
        &spec,
        ACCOUNT,
        None,
        &fill(Side::Buy, 1_000_000, 100_000, none, "USDT"),
    );
    portfolio.fill(
        &spec,
        ACCOUNT,
        None,
        &fill(Side::Buy, 1_200_000, 100_000, none, "USDT"),
    );
    let position = *portfolio.position(ACCOUNT, InstrumentId(0)).unwrap();
    assert_eq!(position.average_price(&spec), Some(Decimal::from(11_000)));
    portfolio.fill(
        &spec,
        ACCOUNT,
        None,
        &fill(Side::Sell, 1_300_000, 300_000, none, "USDT"),
    );
    let position = *portfolio.position(ACCOUNT, InstrumentId(0)).unwrap();
    assert_eq!(position.realised, Decimal::from(4_000));
    assert_eq!(position.lots, Lots(-100_000));
    assert_eq!(position.average_price(&spec), Some(Decimal::from(13_000)));
    assert_eq!(
        position.unrealised(&spec, 2 * 1_250_000),
        Some(Decimal::from(500))
    );
}

#[test]
fn position_fees_in_base_and_quote_count_in_quote_others_in_the_ledger() {
    let spec = spec();
    let mut portfolio = portfolio();
    for (fee, asset) in [
        (Decimal::new(1, 3), "BTC"),
        (Decimal::TWO, "USDT"),
        (Decimal::TEN, "BNB"),
    ] {
        portfolio.fill(
            &spec,
            ACCOUNT,
            None,
            &fill(Side::Buy, 1_000_000, 100_000, fee, asset),
        );
    }
    let position = portfolio.position(ACCOUNT, InstrumentId(0)).unwrap();
    assert_eq!(position.fees, Decimal::from(12));
    let ledger = portfolio.ledger(ACCOUNT).unwrap();
    assert_eq!(ledger.total(&AssetName::cut("BNB")), Decimal::from(-10));
    assert_eq!(ledger.total(&AssetName::cut("BTC")), Decimal::new(2_999, 3));
    assert_eq!(
        ledger.total(&AssetName::cut("USDT")),
        Decimal::from(-30_002)
    );
}

#[test]
fn ledger_first_report_sets_it_and_later_ones_show_drift() {
    let spec = spec();
    let mut portfolio = portfolio();
    portfolio.report(ACCOUNT, &balance("USDT", 90_000, 10_000));
    portfolio.fill(
        &spec,
        ACCOUNT,
        None,
        &fill(Side::Buy, 1_000_000, 100_000, Decimal::ZERO, "USDT"),
    );
    portfolio.report(ACCOUNT, &balance("USDT", 90_000, 0));
    let holding = *portfolio
        .ledger(ACCOUNT)
        .unwrap()
        .holdings()
        .first()
        .unwrap();
    assert_eq!(
        (holding.total, holding.drift),
        (Decimal::from(90_000), Decimal::ZERO)
    );
    portfolio.report(ACCOUNT, &balance("USDT", 90_500, 0));
    let holding = *portfolio
        .ledger(ACCOUNT)
        .unwrap()
        .holdings()
        .first()
        .unwrap();
    assert_eq!(holding.total, Decimal::from(90_000));
    assert_eq!(holding.drift, Decimal::from(500));
}

#[test]
fn portfolio_fill_of_an_unknown_account_or_beyond_range_is_counted_and_changes_nothing() {
    let spec = spec();
    let mut portfolio = portfolio();
    portfolio.fill(
        &spec,
        AccountId(7),
        None,
        &fill(Side::Buy, 1, 1, Decimal::ZERO, "USDT"),
    );
    assert_eq!(portfolio.unbooked(), 1);
    portfolio.fill(
        &spec,
        ACCOUNT,
        None,
        &fill(Side::Buy, i64::MAX, i64::MAX, Decimal::MAX, "USDT"),
    );
    assert_eq!(portfolio.unbooked(), 2);
    assert_eq!(
        portfolio.position(ACCOUNT, InstrumentId(0)).unwrap().fills,
        0
    );
}

proptest! {
    #[test]
    fn prop_money_of_any_bytes_is_booked_or_counted_and_never_panics(
        bytes in proptest::collection::vec(any::<[u8; 16]>(), 3),
        price in any::<i64>(),
        qty in 1_i64..i64::MAX,
    ) {
        use zerocopy::FromBytes;
        let money = |index: usize| Money::read_from_bytes(&bytes[index]).unwrap();
        let mut portfolio = portfolio();
        let mut odd = fill(Side::Sell, price, qty, Decimal::ZERO, "BTC");
        odd.fee = money(0);
        portfolio.fill(&spec(), ACCOUNT, None, &odd);
        let mut report = balance("BTC", 0, 0);
        report.free = money(1);
        report.locked = money(2);
        portfolio.report(ACCOUNT, &report);
        portfolio.report(ACCOUNT, &balance("BTC", 1, 1));
        prop_assert!(portfolio.unbooked() <= 3);
    }
}
