//! Each fill as risk watches it: its price, its fee in whatever asset, how like it is to others;
//! each at its level and one step beyond, and in the scope that answers for it.

use engine::machine::{LevelConfig, MachineConfig};
use model::body::{AssetName, Fill, NoticeCode, Side};
use model::control::{Control, Scope};
use model::ids::StrategyId;
use model::num::Money;
use model::record::Record;
use zerocopy::TryFromBytes as _;

use crate::control_kit::push;
use crate::kit::{INSTRUMENT, Rig, SECOND, config, fill, maker, new_order, taker, tick};
use crate::monitors::{level, notices, switch};

const MAKER: Scope = Scope::Strategy(StrategyId(0));
const TAKER: Scope = Scope::Strategy(StrategyId(1));

fn rig(levels: Vec<LevelConfig>, how: impl FnOnce(&mut MachineConfig)) -> Rig {
    let mut config = config(vec![maker(), taker()]);
    config.control.levels = levels;
    how(&mut config);
    let mut rig = Rig::new();
    rig.start(&config, 0);
    push(&mut rig, tick());
    rig
}

fn paused(rig: &Rig, scope: Scope) -> Option<Control> {
    switch(rig, scope).1
}

fn own(rig: &Rig) -> u64 {
    new_order(&rig.commands[0]).client_id
}

fn with_fee(record: Record, fee: &str, asset: &str) -> Record {
    let mut record = record;
    let body = Fill::try_mut_from_bytes(&mut record.body).unwrap();
    body.fee = Money::new(fee.parse().unwrap());
    body.fee_asset = AssetName::cut(asset);
    record
}

#[test]
fn fee_counts_against_the_value_in_quote_and_the_quantity_in_base_and_in_no_third_asset() {
    // 100 lots are 0.001 BTC, at 10,000.00 worth 10 USDT.
    let cases = [
        ("0.01", "USDT", 10),
        ("0.000001", "BTC", 10),
        // Rounded up.
        ("0.010001", "USDT", 11),
        ("0.0000010001", "BTC", 11),
    ];
    for (fee, asset, bps) in cases {
        for (hard, by) in [(bps, None), (bps - 1, Some(Control::FillFee))] {
            let mut rig = rig(vec![level(Control::FillFee, None, hard)], |_| {});
            let id = own(&rig);
            let one = fill(id, 1, Side::Buy, 1_000_000, 100);
            push(&mut rig, with_fee(one, fee, asset));
            assert_eq!(paused(&rig, MAKER), by, "{fee} {asset} {hard}");
            assert_eq!(paused(&rig, Scope::Instrument(INSTRUMENT)), None);
            assert_eq!(paused(&rig, TAKER), None);
        }
    }
    let mut rig = rig(vec![level(Control::FillFee, None, 0)], |_| {});
    let id = own(&rig);
    let one = fill(id, 1, Side::Buy, 1_000_000, 100);
    push(&mut rig, with_fee(one, "1000", "BNB"));
    assert_eq!(paused(&rig, MAKER), None, "not comparable");
    let rebate = fill(id, 2, Side::Buy, 1_000_000, 100);
    push(&mut rig, with_fee(rebate, "-1", "USDT"));
    assert_eq!(paused(&rig, MAKER), None, "a rebate is none");
}

#[test]
fn fill_away_from_the_middle_is_rounded_up_on_both_sides_of_it() {
    for (price, bps) in [
        (1_000_000, 0),
        (999_999, 1),
        (1_000_001, 1),
        (1_000_100, 1),
        (1_000_101, 2),
        (999_900, 1),
        (999_899, 2),
    ] {
        let one = |hard: i64| {
            let mut rig = rig(vec![level(Control::FillSlippage, None, hard)], |_| {});
            let id = own(&rig);
            push(&mut rig, fill(id, 1, Side::Buy, price, 1));
            paused(&rig, MAKER)
        };
        assert_eq!(one(bps), None, "{price}");
        if bps > 0 {
            assert_eq!(one(bps - 1), Some(Control::FillSlippage), "{price}");
        }
    }
}

#[test]
fn fill_of_nobodys_order_pauses_its_instrument() {
    let levels = vec![level(Control::FillSlippage, None, 0)];
    let mut rig = rig(levels, |_| {});
    push(&mut rig, fill(0, 77, Side::Sell, 999_999, 1));
    let instrument = Scope::Instrument(INSTRUMENT);
    assert_eq!(paused(&rig, instrument), Some(Control::FillSlippage));
    assert_eq!((paused(&rig, MAKER), paused(&rig, TAKER)), (None, None));
    let told = notices(&rig);
    let told = told.iter().find(|one| one.code == NoticeCode::Paused);
    let told = told.unwrap();
    assert_eq!((told.value, told.threshold, told.other), (1, 0, 77));
    assert_eq!(told.control, Control::FillSlippage.code());
}

#[test]
fn level_of_one_instrument_is_none_of_another() {
    let other = Scope::Instrument(model::ids::InstrumentId(INSTRUMENT.0 + 1));
    for control in [Control::FillSlippage, Control::FillFee] {
        for (scope, by) in [
            (other, None),
            (Scope::Instrument(INSTRUMENT), Some(control)),
        ] {
            let levels = vec![LevelConfig {
                control,
                scope,
                soft: None,
                hard: 0,
            }];
            let mut rig = rig(levels, |_| {});
            let id = own(&rig);
            push(&mut rig, fill(id, 1, Side::Buy, 990_000, 1));
            assert_eq!(paused(&rig, MAKER), by, "{scope:?}");
        }
    }
}

/// What pauses the maker when two orders of these fills were executed one after another.
fn repeated(first: Record, second: Record, pause_ns: u64) -> Option<Control> {
    let levels = vec![
        level(Control::RepeatedExecution, None, 1),
        level(Control::RepeatedWindow, None, 30 * SECOND.cast_signed()),
    ];
    let mut rig = rig(levels, |config| {
        config.control.repeated_price_bps = 100;
        config.control.repeated_qty_bps = 200;
    });
    push(&mut rig, first);
    assert_eq!(paused(&rig, MAKER), None, "one is no repetition");
    rig.pass(pause_ns);
    push(&mut rig, second);
    paused(&rig, MAKER)
}

#[test]
fn executions_are_the_same_up_to_the_bands_of_price_and_quantity_and_the_window() {
    let id = model::ids::ClientOrderId::new(1, Some(StrategyId(0)), 500).unwrap();
    let id = id.raw();
    let one = |n: u64, price: i64, lots: i64| fill(id + n, n + 1, Side::Buy, price, lots);
    let first = || one(0, 1_000_000, 100);
    let paused = Some(Control::RepeatedExecution);
    // The bands are parts of the later one: 1 % of 1,010,101 is 10,101.01.
    for (second, by) in [
        (one(1, 1_010_101, 100), paused),
        (one(1, 1_010_102, 100), None),
        // 1 % of 990,100 is 9,901, and of 990,099 it is 9,900.99.
        (one(1, 990_100, 100), paused),
        (one(1, 990_099, 100), None),
        // 2 % of 102 is 2.04, of 103 it is 2.06; of 99 it is 1.98, of 98 it is 1.96.
        (one(1, 1_000_000, 102), paused),
        (one(1, 1_000_000, 103), None),
        (one(1, 1_000_000, 99), paused),
        (one(1, 1_000_000, 98), None),
        // The other side is another execution.
        (fill(id + 1, 2, Side::Sell, 1_000_000, 100), None),
        // Another part of the same order is none.
        (one(0, 1_000_000, 100), None),
    ] {
        let mut second = second;
        Fill::try_mut_from_bytes(&mut second.body).unwrap().trade_id = 2;
        assert_eq!(repeated(first(), second, SECOND), by);
    }
    let again = || one(1, 1_000_000, 100);
    assert_eq!(repeated(first(), again(), 30 * SECOND), paused);
    assert_eq!(repeated(first(), again(), 30 * SECOND + 1), None);
    // Another strategy's is not the maker's.
    let other = model::ids::ClientOrderId::new(1, Some(StrategyId(1)), 500).unwrap();
    let other = fill(other.raw(), 2, Side::Buy, 1_000_000, 100);
    assert_eq!(repeated(first(), other, SECOND), None);
}

#[test]
fn repetition_tells_its_count_and_the_fill_that_made_it() {
    let levels = vec![
        level(Control::RepeatedExecution, None, 1),
        level(Control::RepeatedWindow, None, 30 * SECOND.cast_signed()),
    ];
    let mut rig = rig(levels, |_| {});
    let id = own(&rig) + 1_000;
    for n in 0..3 {
        push(&mut rig, fill(id + n, 40 + n, Side::Buy, 1_000_000, 9));
    }
    let told = notices(&rig);
    let mut told = told.iter().filter(|one| one.code == NoticeCode::Repeated);
    let first = told.next().unwrap();
    assert_eq!((first.value, first.threshold, first.other), (2, 1, 41));
    assert_eq!((first.price.0, first.qty.0), (1_000_000, 9));
    assert_eq!(told.next(), None, "once for a pause");
}
