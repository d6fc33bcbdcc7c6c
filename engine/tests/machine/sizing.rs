//! Sizes by rule through risk: what is taken, what it is clamped to, and what has no size.

use engine::machine::{Size, SizingRule, StrategyRules, VolatilityRule};
use model::body::{
    AssetName, NoticeCode, Rate, RefusalReason, Side, Trade, Transfer, TransferKind,
};
use model::num::{Lots, Money, Ticks};
use model::record::{Kind, Record};

use crate::held::desk::{Desk, quiet};
use crate::kit::{ACCOUNT, INSTRUMENT, SECOND, balance, new_order, tick};
use rust_decimal::Decimal;

fn desk_with(rule: Option<SizingRule>, btc: i64, usdt: i64) -> Desk {
    let config = quiet(|config| {
        config.protection.strategies = vec![StrategyRules {
            exits: None,
            sizing: rule,
        }];
    });
    Desk::with(1, &config, btc, usdt)
}

fn desk(rule: Option<SizingRule>) -> Desk {
    desk_with(rule, 0, 100_000)
}

/// Asks to buy at 1,000,000 ticks, which is 10,000 USDT: a lot is worth 0.1.
fn ask(desk: &mut Desk, qty: i64, size: Size) -> Result<i64, RefusalReason> {
    let (orders, refusals) = (desk.commands.len(), desk.refusals.len());
    desk.wish(|place| {
        place.side = Side::Buy;
        place.reduce_only = false;
        place.order_type = model::body::OrderType::Limit;
        place.time_in_force = model::body::TimeInForce::Ioc;
        place.price = Ticks(1_000_000);
        place.qty = Lots(qty);
        place.size = size;
    });
    desk.event(tick());
    if desk.refusals.len() > refusals {
        return Err(*desk.refusals.last().unwrap());
    }
    let order = new_order(&desk.commands[orders]);
    while desk.deliver() {}
    Ok(order.qty.0)
}

const SIZED: Size = Size::Sized { stop: None };

#[test]
fn sizing_fixed_fraction_is_taken_told_and_follows_the_equity() {
    let rule = SizingRule::FixedFraction { fraction_bps: 5 };
    let mut desk = desk(Some(rule));
    // 0.05 % of 100,000 USDT is 50: 500 lots.
    assert_eq!(ask(&mut desk, 1_000, SIZED), Ok(500));
    let told = desk.notices.iter().find(|told| told.0 == NoticeCode::Sized);
    assert_eq!(told.map(|told| (told.1, told.2)), Some((500, 1_000)));
    assert_eq!(
        ask(&mut desk, 300, SIZED),
        Ok(300),
        "no more than asked for"
    );
    assert_eq!(
        ask(&mut desk, 1_000, Size::Exact),
        Ok(500),
        "the rule holds for all"
    );
    let mut desk = desk_with(Some(rule), 0, 40_000);
    assert_eq!(ask(&mut desk, 1_000, SIZED), Ok(200));
    // 2 BTC at 10,000 and 40,000 are 60,000.
    let mut desk = desk_with(Some(rule), 2, 40_000);
    assert_eq!(ask(&mut desk, 1_000, SIZED), Ok(300));
    // The market falls by a twentieth: 59,000, and a lot is worth as much as the order may pay.
    desk.market(949_990, 950_010);
    assert_eq!(ask(&mut desk, 1_000, SIZED), Ok(295));
}

/// A rate of an asset in the reporting currency, which is USDT.
fn rate(asset: &str, rate: i64) -> Record {
    let body = Rate {
        rate: Money::new(Decimal::from(rate)),
        venue_time_ns: 0,
        asset: AssetName::cut(asset),
        reserved: [0; 42],
    };
    Record::new(Kind::Rate, &body)
}

fn moved(amount: i64, kind: TransferKind) -> Record {
    let body = Transfer {
        amount: Money::new(Decimal::from(amount)),
        id: amount.unsigned_abs(),
        venue_time_ns: 0,
        asset: AssetName::cut("USDT"),
        kind,
        reserved: [0; 33],
    };
    Record::new(Kind::Transfer, &body).on_account(ACCOUNT)
}

#[test]
fn sizing_takes_the_equity_of_the_portfolio() {
    let rule = SizingRule::FixedFraction { fraction_bps: 5 };
    let mut desk = desk_with(Some(rule), 0, 40_000);
    // 0.05 % of 40,000 is 20; a lot is worth 0.1: 200 lots.
    assert_eq!(ask(&mut desk, 1_000, SIZED), Ok(200));
    // 10 of an asset without a rate: nobody knows what the account is worth.
    desk.event(balance("ETH", 10));
    assert_eq!(ask(&mut desk, 1_000, SIZED), Err(RefusalReason::Size));
    // At 2,000 each it is 60,000: 30 are 300 lots. The rate falls to 1,000: 50,000, and 250 lots.
    desk.event(rate("ETH", 2_000));
    assert_eq!(ask(&mut desk, 1_000, SIZED), Ok(300));
    desk.event(rate("ETH", 1_000));
    assert_eq!(ask(&mut desk, 1_000, SIZED), Ok(250));
    // What is paid out is not ours any more: 20,000 and 10,000 are 30,000, and 150 lots.
    desk.event(moved(-20_000, TransferKind::Withdrawal));
    assert_eq!(ask(&mut desk, 1_000, SIZED), Ok(150));
    // What is borrowed never was.
    desk.event(moved(8_000, TransferKind::Borrow));
    assert_eq!(ask(&mut desk, 1_000, SIZED), Ok(150));
    desk.freeze_and_thaw();
    assert_eq!(ask(&mut desk, 1_000, SIZED), Ok(150), "in a snapshot, too");
}

#[test]
fn sizing_without_a_size_is_refused() {
    let rule = SizingRule::FixedFraction { fraction_bps: 5 };
    let mut some = desk(Some(rule));
    let mut refused = |qty| ask(&mut some, qty, SIZED);
    assert_eq!(refused(0), Err(RefusalReason::Size));
    assert_eq!(refused(-5), Err(RefusalReason::Size));
    // 2^63 - 1 lots is a bound like any other: the rule decides.
    assert_eq!(refused(i64::MAX), Ok(500));
    // 1 USDT is below the venue's least of 5; nothing is no equity.
    for usdt in [0, 2_000] {
        let mut poor = desk_with(Some(rule), 0, usdt);
        assert_eq!(ask(&mut poor, 1_000, SIZED), Err(RefusalReason::Size));
    }
    let mut none = desk(None);
    assert_eq!(ask(&mut none, 1_000, SIZED), Err(RefusalReason::Size));
    assert_eq!(ask(&mut none, 1_000, Size::Exact), Ok(1_000));
}

#[test]
fn sizing_by_the_stop_needs_one_on_the_right_side() {
    let mut desk = desk(Some(SizingRule::RiskPerTrade {
        risk_bps: 1,
        cap_bps: 10_000,
    }));
    let stop = |ticks| Size::Sized {
        stop: Some(Ticks(ticks)),
    };
    // 0.01 % is 10 USDT; a lot loses 0.02 between 10,000 and 8,000.
    assert_eq!(ask(&mut desk, 1_000, stop(800_000)), Ok(500));
    for wrong in [SIZED, stop(1_000_000), stop(0), stop(i64::MAX)] {
        assert_eq!(ask(&mut desk, 1_000, wrong), Err(RefusalReason::Size));
    }
}

#[test]
fn sizing_is_clamped_to_the_limits() {
    let rule = SizingRule::FixedFraction {
        fraction_bps: 5_000,
    };
    let mut desk = desk(Some(rule));
    desk.market(999_990, 1_000_000);
    for _ in 0..5 {
        assert_eq!(
            ask(&mut desk, 100_000, SIZED),
            Ok(1_000),
            "one order's limit"
        );
    }
    // The position limit of 5,000 leaves nothing.
    let left = ask(&mut desk, 100_000, SIZED);
    assert_eq!(left, Err(RefusalReason::Size));
}

#[test]
fn sizing_by_volatility_waits_for_its_returns_and_survives_a_freeze() {
    let volatility = VolatilityRule {
        span_ns: SECOND,
        samples: 2,
    };
    let mut desk = desk(Some(SizingRule::VolatilityTarget {
        target_bps: 1,
        volatility,
        cap_bps: 10_000,
    }));
    let mut last = Err(RefusalReason::Size);
    for (step, price) in [1_000_000, 1_200_000, 960_000, 960_000, 960_000]
        .into_iter()
        .enumerate()
    {
        last = ask(&mut desk, 1_000, SIZED);
        assert_eq!(last.is_ok(), step == 4, "step {step}");
        let body = Trade {
            trade_id: 1,
            venue_time_ns: 0,
            price: Ticks(price),
            qty: Lots(1),
            aggressor: Side::Buy,
            reserved: [0; 47],
        };
        desk.event(Record::new(Kind::Trade, &body).on_instrument(INSTRUMENT));
        desk.freeze_and_thaw();
        desk.now += SECOND;
        let (bid, ask) = (desk.bid, desk.ask);
        desk.market(bid, ask);
    }
    // Returns 20 % and -20 %: 0.01 % of 100,000 is 10 USDT a deviation, so 50 USDT.
    assert_eq!(last, Ok(500));
}
