//! Perpetuals, transfers, sub-accounts and days: examples from venues' documents, and bad input.

use super::worth::Trade;
use super::*;
use crate::machine::market::tests::spec;
use model::body::{
    AssetName, Balance, Funding, Liquidity, MarginMode, PositionReport, Side, Transfer,
    TransferKind,
};
use model::ids::StrategyId;
use model::instrument::{Contract, MaintenanceTier, Perpetual};
use model::num::{Money, Scale};
use proptest::prelude::*;

const ACCOUNT: AccountId = AccountId(0);
const DAY: u64 = 86_400_000_000_000;

fn money(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn asset(name: &str) -> AssetName {
    AssetName::whole(name).unwrap()
}

fn perpetual(
    id: u32,
    base: &str,
    tick: &str,
    lot: &str,
    rate_bps: u32,
    cum: &str,
) -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(id),
        base: base.to_owned(),
        tick: Scale::from_text(tick).unwrap(),
        lot: Scale::from_text(lot).unwrap(),
        contract: Contract::Linear(Perpetual {
            multiplier: Decimal::ONE,
            settle: "USDT".to_owned(),
            maintenance: vec![MaintenanceTier {
                value_from: Decimal::ZERO,
                rate_bps,
                deduction: money(cum),
            }],
        }),
        ..spec()
    }
}

/// XBTUSD: contracts of 1 USD, settled in XBT.
fn inverse(id: u32) -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(id),
        base: "XBT".to_owned(),
        quote: "USD".to_owned(),
        tick: Scale::new(5, 1).unwrap(),
        lot: Scale::new(1, 0).unwrap(),
        contract: Contract::Inverse(Perpetual {
            multiplier: Decimal::ONE,
            settle: "XBT".to_owned(),
            maintenance: vec![MaintenanceTier {
                value_from: Decimal::ZERO,
                rate_bps: 50,
                deduction: Decimal::ZERO,
            }],
        }),
        ..spec()
    }
}

fn books(specs: &[InstrumentSpec]) -> Portfolio {
    let mut books = Portfolio::default();
    books.open("USDT", std::iter::once(VenueId(0)), specs.iter());
    books
}

fn fill(spec: &InstrumentSpec, side: Side, price: &str, qty: i64, fee: &str, paid: &str) -> Fill {
    Fill {
        client_id: 0,
        venue_order_id: 0,
        venue_time_ns: 0,
        trade_id: 0,
        price: Ticks(spec.tick.steps(money(price)).unwrap()),
        qty: Lots(qty),
        fee: Money::new(money(fee)),
        fee_asset: asset(paid),
        side,
        liquidity: Liquidity::Taker,
    }
}

fn moved(kind: TransferKind, id: u64, amount: &str, name: &str) -> Transfer {
    Transfer {
        amount: Money::new(money(amount)),
        id,
        venue_time_ns: 0,
        asset: asset(name),
        kind,
        reserved: [0; 33],
    }
}

fn paid(id: u64, amount: &str) -> Funding {
    Funding {
        amount: Money::new(money(amount)),
        id,
        rate_e9: 0,
        qty: Lots::ZERO,
        venue_time_ns: 0,
        asset: asset("USDT"),
        reserved: [0; 18],
    }
}

/// BitMEX, "Inverse Perpetual Contracts Guide" (bitmex.com/app/inversePerpetualsGuide, as of 2020):
/// profit is contracts * multiplier * (1 / entry - 1 / exit), the multiplier of XBTUSD is 1 USD.
/// The futures guide beside it (inverseFuturesGuide) sells 100,000 contracts from 10,000 at 10,500.
/// The numbers are that formula's, to four digits.
#[test]
fn inverse_profit_is_that_of_the_venues_document() {
    let xbt = inverse(0);
    for (exit, count, profit) in [
        ("11000", 50_000, "0.4545"),
        ("9000", 50_000, "-0.5556"),
        ("10500", 100_000, "0.4762"),
    ] {
        let mut books = books(std::slice::from_ref(&xbt));
        assert!(books.fill(
            &xbt,
            ACCOUNT,
            None,
            &fill(&xbt, Side::Buy, "10000", count, "0", "XBT")
        ));
        let position = books.position(ACCOUNT, xbt.id).unwrap();
        assert_eq!(position.average_price(&xbt), Some(Decimal::from(10_000)));
        assert!(books.fill(
            &xbt,
            ACCOUNT,
            None,
            &fill(&xbt, Side::Sell, exit, count, "0", "XBT")
        ));
        let position = *books.position(ACCOUNT, xbt.id).unwrap();
        assert_eq!(position.realised.round_dp(4), money(profit));
        let held = books.ledger(ACCOUNT).unwrap().total(&asset("XBT"));
        assert_eq!(held, position.realised);
        assert_eq!(books.lots(ACCOUNT, xbt.id).unwrap().realised(), held);
        assert!(books.holds());
    }
}

/// Binance, "How to Calculate Liquidation Price of USDS-M Futures Contracts" (support FAQ
/// b3c689c1f50a44cabb3a84e663b81d93, 2020-08-14), its example of cross margin with two positions:
/// wallet 1,535,443.01; ETHUSDT 3,683.979 at 1,456.84, mark 1,335.18, 10 %, cum 135,365; BTCUSDT
/// 109.488 at 32,481.98, mark 31,967.27, 2.5 %, cum 16,300. Liquidation at 1,153.26 and 26,316.89.
#[test]
fn liquidation_price_in_cross_margin_is_that_of_the_venues_document() {
    let eth = perpetual(0, "ETH", "0.01", "0.001", 1_000, "135365");
    let btc = perpetual(1, "BTC", "0.001", "0.001", 250, "16300");
    let mut books = books(&[eth.clone(), btc.clone()]);
    books.transfer(
        ACCOUNT,
        &moved(TransferKind::Deposit, 1, "1535443.01", "USDT"),
    );
    let long = |spec, price, qty| fill(spec, Side::Buy, price, qty, "0", "USDT");
    assert!(books.fill(&eth, ACCOUNT, None, &long(&eth, "1456.84", 3_683_979)));
    assert!(books.fill(&btc, ACCOUNT, None, &long(&btc, "32481.98", 109_488)));
    assert_eq!(
        books.liquidation_distance_bps(ACCOUNT, eth.id),
        None,
        "no mark yet"
    );
    assert_eq!(books.equity(ACCOUNT), None);
    assert!(books.take_mark(eth.id, Ticks(133_518), 1));
    assert_eq!(
        books.liquidation_distance_bps(ACCOUNT, eth.id),
        None,
        "the other has none"
    );
    assert!(books.take_mark(btc.id, Ticks(31_967_270), 1));
    for (spec, mark, price) in [(&eth, "1335.18", "1153.26"), (&btc, "31967.27", "26316.89")] {
        let bps = books.liquidation_distance_bps(ACCOUNT, spec.id).unwrap();
        let want = (money(mark) - money(price)) * Decimal::from(10_000) / money(mark);
        assert_eq!(Decimal::from(bps), want.floor());
    }
    let profit = money("3683.979") * money("-121.66") + money("109.488") * money("-514.71");
    assert_eq!(books.unrealised(), Some(profit));
    assert_eq!(books.equity_total(), Some(money("1535443.01") + profit));
    assert_eq!(books.venue_equity(VenueId(0)), books.equity_total());
}

/// A margin of its own: by the same FAQ the other contracts' TMM and UPNL are 0 in isolated margin.
/// Long 1 at 10,000 with 1,000 behind it and 0.5 %: (10,000 - 1,000) / (1 - 0.005) = 9,045.2261.
/// Short: 11,000 / 1.005 = 10,945.2736.
#[test]
fn liquidation_in_isolated_margin_counts_its_own_margin_and_the_nearer_price() {
    let btc = perpetual(0, "BTC", "0.01", "0.001", 50, "0");
    for (side, want) in [(Side::Buy, 954), (Side::Sell, 945)] {
        let mut books = books(std::slice::from_ref(&btc));
        books.transfer(ACCOUNT, &moved(TransferKind::Deposit, 1, "900000", "USDT"));
        assert!(books.fill(
            &btc,
            ACCOUNT,
            None,
            &fill(&btc, side, "10000", 1_000, "0", "USDT")
        ));
        assert!(books.take_mark(btc.id, Ticks(1_000_000), 1));
        let rich = books.liquidation_distance_bps(ACCOUNT, btc.id).unwrap();
        assert!(rich > 10_000);
        let mut report = PositionReport {
            qty: Lots(1_000 * side.sign()),
            entry: Money::new(Decimal::from(10_000)),
            liquidation: Ticks::ZERO,
            margin: Money::new(Decimal::from(1_000)),
            venue_time_ns: 0,
            leverage_bps: 100_000,
            mode: MarginMode::Isolated,
            reserved: [0; 19],
        };
        assert!(books.report_position(ACCOUNT, btc.id, &report));
        assert_eq!(books.liquidation_distance_bps(ACCOUNT, btc.id), Some(want));
        let nearer = Ticks(1_000_000 - 50_000 * side.sign());
        report.liquidation = nearer;
        report.qty = Lots(5);
        assert!(books.report_position(ACCOUNT, btc.id, &report));
        assert_eq!(books.liquidation_distance_bps(ACCOUNT, btc.id), Some(500));
        let venue = books.position(ACCOUNT, btc.id).unwrap().venue.unwrap();
        assert_eq!(venue.drift, Lots(5 - 1_000 * side.sign()));
        assert!(books.take_mark(btc.id, Ticks(1_000_000 - 96_000 * side.sign()), 2));
        assert_eq!(books.liquidation_distance_bps(ACCOUNT, btc.id), Some(0));
    }
}

/// Long 10,000 contracts of 1 USD at 10,000 (1 XBT) with 0.1 XBT behind: y = (0.1 + 1) / 1.005 XBT,
/// so at 10,000 * 1.005 / 1.1 = 9,136.36.
#[test]
fn liquidation_of_an_inverse_contract_by_hand() {
    let xbt = inverse(0);
    let mut books = books(std::slice::from_ref(&xbt));
    books.transfer(ACCOUNT, &moved(TransferKind::Deposit, 1, "0.1", "XBT"));
    assert!(books.fill(
        &xbt,
        ACCOUNT,
        None,
        &fill(&xbt, Side::Buy, "10000", 10_000, "0", "XBT")
    ));
    assert!(books.take_mark(xbt.id, Ticks(20_000), 1));
    assert_eq!(books.liquidation_distance_bps(ACCOUNT, xbt.id), Some(863));
}

#[test]
fn funding_and_rebates_move_money_once_and_strategies_get_their_part() {
    let btc = perpetual(0, "BTC", "0.01", "0.001", 50, "0");
    let mut books = books(std::slice::from_ref(&btc));
    let [one, two] = [StrategyId(0), StrategyId(1)];
    let buy = |qty| fill(&btc, Side::Buy, "10000", qty, "-0.5", "USDT");
    assert!(books.fill(&btc, ACCOUNT, Some(one), &buy(1_000)));
    assert!(books.fill(&btc, ACCOUNT, Some(two), &buy(1_000)));
    assert!(books.fill(&btc, ACCOUNT, None, &buy(1_000)));
    assert!(books.funding(ACCOUNT, btc.id, &paid(7, "-10")));
    assert!(books.funding(ACCOUNT, btc.id, &paid(7, "-10")));
    assert_eq!(books.repeated(), 1);
    let usdt = asset("USDT");
    assert_eq!(books.ledger(ACCOUNT).unwrap().total(&usdt), money("-8.5"));
    assert_eq!(
        books.ledger(ACCOUNT).unwrap().holding(&usdt).unwrap().fees,
        money("-1.5")
    );
    let part = money("-3.333333333333") + money("0.5");
    assert_eq!(books.strategy_amount(one, ACCOUNT, usdt), part);
    assert_eq!(
        books.unattributed(ACCOUNT, usdt),
        Some(money("-8.5") - part - part)
    );
    assert_eq!(
        books.position(ACCOUNT, btc.id).unwrap().funding,
        money("-10")
    );
    assert_eq!(books.strategy_pnl(one), None, "no mark yet");
    assert!(books.take_mark(btc.id, Ticks(1_010_000), 1));
    assert_eq!(books.strategy_pnl(one), Some(part + Decimal::from(100)));
    assert_eq!(books.strategy_position(two, btc.id), Lots(1_000));
    assert_eq!(books.unattributed_lots(ACCOUNT, btc.id), Some(Lots(1_000)));
    assert!(books.holds());
}

#[test]
fn funding_of_one_contract_is_no_part_of_what_is_held_of_another() {
    let btc = perpetual(0, "BTC", "0.01", "0.001", 50, "0");
    let eth = perpetual(1, "ETH", "0.01", "0.001", 50, "0");
    let mut books = books(&[btc.clone(), eth.clone()]);
    let [one, two] = [StrategyId(0), StrategyId(1)];
    for (spec, strategy) in [(&btc, one), (&eth, two)] {
        let fill = fill(spec, Side::Buy, "10000", 1_000, "0", "USDT");
        assert!(books.fill(spec, ACCOUNT, Some(strategy), &fill));
    }
    assert!(books.funding(ACCOUNT, btc.id, &paid(7, "-10")));
    let part = |strategy| books.strategy_amount(strategy, ACCOUNT, asset("USDT"));
    assert_eq!((part(one), part(two)), (money("-10"), Decimal::ZERO));
}

#[test]
fn transfers_count_once_and_a_sign_against_its_kind_is_counted_and_changes_nothing() {
    let mut books = books(&[spec()]);
    let usdt = asset("USDT");
    assert!(books.transfer(ACCOUNT, &moved(TransferKind::Deposit, 1, "100", "USDT")));
    assert!(books.transfer(ACCOUNT, &moved(TransferKind::Deposit, 1, "100", "USDT")));
    assert!(books.transfer(ACCOUNT, &moved(TransferKind::Borrow, 2, "50", "USDT")));
    assert!(books.transfer(ACCOUNT, &moved(TransferKind::Interest, 3, "-1", "USDT")));
    assert!(books.transfer(ACCOUNT, &moved(TransferKind::Repay, 4, "-20", "USDT")));
    assert!(books.transfer(ACCOUNT, &moved(TransferKind::Internal, 5, "-9", "USDT")));
    let before = *books.ledger(ACCOUNT).unwrap().holding(&usdt).unwrap();
    assert_eq!(
        (before.total, before.borrowed),
        (Decimal::from(120), Decimal::from(30))
    );
    assert_eq!(books.equity(ACCOUNT), Some(Decimal::from(90)));
    for (kind, amount) in [
        (TransferKind::Deposit, "-1"),
        (TransferKind::Withdrawal, "1"),
        (TransferKind::Borrow, "-1"),
        (TransferKind::Repay, "1"),
        (TransferKind::Internal, "0"),
    ] {
        assert!(!books.transfer(ACCOUNT, &moved(kind, 6, amount, "USDT")));
    }
    assert!(!books.transfer(AccountId(9), &moved(TransferKind::Deposit, 7, "1", "USDT")));
    assert!(!books.funding(ACCOUNT, InstrumentId(9), &paid(8, "1")));
    assert_eq!(books.unbooked(), 7);
    assert_eq!(
        *books.ledger(ACCOUNT).unwrap().holding(&usdt).unwrap(),
        before
    );
    assert!(books.holds());
}

#[test]
fn adjustment_is_the_only_thing_that_takes_a_drift_away() {
    let mut books = books(&[spec()]);
    let usdt = asset("USDT");
    let report = |free: i64| Balance {
        free: Money::new(Decimal::from(free)),
        locked: Money::new(Decimal::from(-3)),
        venue_time_ns: 0,
        asset: asset("USDT"),
        reserved: [0; 26],
    };
    assert_eq!(books.drift(ACCOUNT, &usdt), None);
    assert!(books.report(ACCOUNT, &report(103)));
    assert!(books.report(ACCOUNT, &report(108)));
    assert!(books.transfer(ACCOUNT, &moved(TransferKind::Deposit, 1, "7", "USDT")));
    assert_eq!(books.drift(ACCOUNT, &usdt), Some(Decimal::from(5)));
    assert!(books.transfer(ACCOUNT, &moved(TransferKind::Adjustment, 2, "5", "USDT")));
    assert_eq!(books.drift(ACCOUNT, &usdt), Some(Decimal::ZERO));
    let holding = books.ledger(ACCOUNT).unwrap().holding(&usdt).unwrap();
    assert_eq!(holding.total, Decimal::from(112));
    assert_eq!(
        (holding.locked, holding.free()),
        (Decimal::from(-3), Some(Decimal::from(115)))
    );
    assert!(books.holds());
}

#[test]
fn day_begins_at_midnight_and_knows_nothing_while_a_rate_is_missing() {
    let spec = spec();
    let mut books = books(std::slice::from_ref(&spec));
    books.tick(5 * DAY);
    assert_eq!(books.profit_today(), Some(Decimal::ZERO));
    assert!(books.transfer(ACCOUNT, &moved(TransferKind::Deposit, 1, "2", "BTC")));
    assert_eq!(
        (books.equity_total(), books.flows(), books.profit_today()),
        (None, None, None)
    );
    assert_eq!(books.realised_today(), None, "something waits for its rate");
    books.middle(spec.id, 2 * 1_000_000, 9);
    assert_eq!(books.rate(&asset("BTC")), Some(Decimal::from(10_000)));
    assert_eq!(books.rate_ns(&asset("BTC")), Some(9));
    books.tick(5 * DAY + 1);
    assert_eq!(books.flows(), Some(Decimal::from(20_000)));
    assert_eq!(books.profit_today(), Some(Decimal::ZERO));
    assert!(books.fill(
        &spec,
        ACCOUNT,
        None,
        &fill(&spec, Side::Sell, "10000", 100_000, "1", "USDT")
    ));
    assert!(books.fill(
        &spec,
        ACCOUNT,
        None,
        &fill(&spec, Side::Buy, "9900", 100_000, "1", "USDT")
    ));
    assert_eq!(books.realised_today(), Some(Decimal::from(98)));
    assert_eq!(books.profit_today(), Some(Decimal::from(98)));
    books.middle(spec.id, 2 * 990_000, 10);
    assert_eq!(books.profit_today(), Some(Decimal::from(98 - 200)));
    books.tick(6 * DAY);
    assert_eq!(books.equity_at_day_start(), Some(Decimal::from(19_898)));
    assert_eq!(books.profit_today(), Some(Decimal::ZERO));
    assert_eq!(books.realised_today(), Some(Decimal::ZERO));
    assert_eq!(books.profit_total(), Some(Decimal::from(-102)));
    assert!(!books.take_rate(
        &Rate {
            rate: Money::new(Decimal::ZERO),
            venue_time_ns: 0,
            asset: asset("BTC"),
            reserved: [0; 42],
        },
        11
    ));
    assert!(!books.take_mark(spec.id, Ticks(-1), 11));
}

#[test]
fn lots_beyond_their_room_merge_the_two_oldest_at_their_exact_cost() {
    let spec = spec();
    let mut lots = Fifo::default();
    let mut held = 0;
    let mut trade = |side, price, qty| {
        let trade = Trade::new(&spec, held, side, Ticks(price), Lots(qty)).unwrap();
        held += trade.sign * qty;
        trade
    };
    let mut cost = Decimal::ZERO;
    for index in 0..40 {
        let bought = trade(Side::Buy, 1_000 + index, 1_000);
        cost += bought.opening_worth;
        lots = lots.after(&bought).unwrap();
    }
    assert_eq!(
        (lots.merged(), lots.cost(), lots.total()),
        (8, Some(cost), 40_000)
    );
    lots = lots.after(&trade(Side::Sell, 1_000, 40_000)).unwrap();
    assert_eq!((lots.total(), lots.cost()), (0, Some(Decimal::ZERO)));
    assert_eq!(lots.realised(), money("4") - cost);
}

proptest! {
    #[test]
    fn prop_books_of_three_contracts_hold_after_every_event(
        steps in proptest::collection::vec(
            (
                0_usize..3,
                any::<bool>(),
                1_i64..400_000,
                1_i64..90_000,
                -20_i64..50,
                0_u16..3,
                0_u8..8,
            ),
            0..80,
        ),
    ) {
        let spot = InstrumentSpec { id: InstrumentId(2), ..spec() };
        let specs = [perpetual(0, "ETH", "0.01", "0.001", 50, "0"), inverse(1), spot];
        let mut books = books(&specs);
        for (number, (which, buy, price, qty, fee, owner, what)) in (1_u64..).zip(steps) {
            let spec = &specs[which];
            let strategy = (owner > 0).then(|| StrategyId(owner - 1));
            let side = if buy { Side::Buy } else { Side::Sell };
            let amount = Decimal::new(qty, 3).to_string();
            let done = match what {
                0 => books.funding(ACCOUNT, spec.id, &paid(number, &amount)),
                1 => {
                    let internal = moved(TransferKind::Internal, number, &amount, "XBT");
                    books.transfer(ACCOUNT, &internal)
                }
                _ => {
                    let fee = Decimal::new(fee, 5).to_string();
                    let mut fill = fill(spec, side, "1", qty, &fee, "USDT");
                    fill.price = Ticks(price);
                    books.fill(spec, ACCOUNT, strategy, &fill)
                }
            };
            prop_assert!(done);
            prop_assert!(books.holds());
            for spec in &specs {
                let shares = [StrategyId(0), StrategyId(1)]
                    .map(|id| books.strategy_position(id, spec.id).0);
                let rest = books.unattributed_lots(ACCOUNT, spec.id).unwrap();
                let all = books.position(ACCOUNT, spec.id).unwrap().lots;
                prop_assert_eq!(shares[0] + shares[1] + rest.0, all.0);
            }
        }
    }
}
