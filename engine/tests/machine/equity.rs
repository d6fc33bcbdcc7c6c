//! Equity that is kept event by event: what prices it, what restricts while it is unknown or old,
//! and the losses that are reckoned from it.

use engine::machine::LevelConfig;
use model::body::{AssetName, NoticeCode, Side, TransferKind};
use model::control::{Control, Scope};
use model::ids::{InstrumentId, StrategyId};
use model::instrument::{Contract, InstrumentSpec};
use model::record::Kind;
use rust_decimal::Decimal;

use crate::control_kit::push;
use crate::kit::{self, Rig, SECOND, fill, tick};
use crate::monitors::{E8, codes, level, notices, switch};
use crate::watches::{
    MAIN, book, funded, listed, mark, money, moved, perpetual, reducing, second, watched,
};

#[test]
fn fee_in_an_asset_with_an_instrument_is_priced_and_without_one_restricts_after_a_time() {
    let levels = vec![level(Control::EquityAge, None, (20 * SECOND).cast_signed())];
    let paid = || {
        let mut record = fill(0, 5, Side::Buy, 1_000_000, 1_000);
        let body: &mut model::body::Fill =
            zerocopy::TryFromBytes::try_mut_from_bytes(&mut record.body).unwrap();
        (body.fee, body.fee_asset) = (money("0.5"), AssetName::cut("BNB"));
        record
    };
    let after = |more: &[InstrumentSpec], priced: &[(u32, i64)]| {
        let mut rig = watched(levels.clone(), more);
        for (id, price) in priced {
            book(&mut rig, InstrumentId(*id), *price, 0);
        }
        push(&mut rig, paid());
        second(&mut rig);
        rig
    };
    let equity = |rig: &Rig| {
        let books = rig.machine.portfolio();
        let kept = books.running_equity(Scope::Overall);
        assert_eq!(books.equity_total(), kept.map(|kept| Decimal::new(kept, 8)));
        kept
    };
    let step = listed(1, "BNB", "BTC", Contract::Spot);
    let direct = listed(1, "BNB", "USDT", Contract::Spot);
    // 0.5 BNB at 500.00, and at 0.05 of 10,000.00.
    let rig = after(&[direct], &[(1, 50_000)]);
    assert_eq!(equity(&rig), Some((110_000 - 250) * E8));
    let rig = after(&[step], &[(1, 5)]);
    assert_eq!(equity(&rig), Some((110_000 - 250) * E8));
    assert!(!codes(&rig).contains(&NoticeCode::Unpriced));
    let mut rig = after(&[], &[]);
    assert_eq!(equity(&rig), None);
    // Since the last price by which all was known, two seconds before.
    for _ in 0..18 {
        book(&mut rig, kit::INSTRUMENT, 1_000_000, 0);
        second(&mut rig);
        assert_eq!(reducing(&rig, Scope::Overall), None);
    }
    let told = notices(&rig);
    let told = told
        .iter()
        .find(|one| one.code == NoticeCode::Unpriced)
        .unwrap();
    assert_eq!(told.other.to_le_bytes(), *b"BNB\0\0\0\0\0");
    second(&mut rig);
    assert_eq!(reducing(&rig, Scope::Overall), Some(Control::EquityAge));
}

#[test]
fn equity_by_old_prices_restricts_and_fresh_ones_end_it() {
    let hard = (20 * SECOND).cast_signed();
    let mut rig = watched(vec![level(Control::EquityAge, None, hard)], &[]);
    book(&mut rig, kit::INSTRUMENT, 1_000_000, 0);
    rig.pass(20 * SECOND);
    push(&mut rig, tick());
    assert_eq!(reducing(&rig, Scope::Overall), None, "at the level");
    second(&mut rig);
    assert_eq!(reducing(&rig, Scope::Overall), Some(Control::EquityAge));
    book(&mut rig, kit::INSTRUMENT, 1_000_000, 0);
    second(&mut rig);
    assert_eq!(reducing(&rig, Scope::Overall), None);
}

#[test]
fn deposit_is_no_profit_and_funding_and_a_fee_are_losses_of_their_account_and_strategy() {
    let own = |scope, hard| LevelConfig {
        scope,
        ..level(Control::DailyLoss, None, hard)
    };
    let strategy = Scope::Strategy(StrategyId(0));
    let levels = vec![
        own(MAIN, 10 * E8),
        own(strategy, E8),
        own(Scope::Overall, 9 * E8),
    ];
    let mut rig = watched(levels, &[perpetual()]);
    push(&mut rig, mark(1_000_000));
    push(
        &mut rig,
        moved(TransferKind::Withdrawal, 1, "USDT", "-50000"),
    );
    push(&mut rig, moved(TransferKind::Deposit, 2, "BTC", "3"));
    push(&mut rig, tick());
    assert_eq!(switch(&rig, MAIN).0, None);
    push(&mut rig, funded(1, "USDT", "-9"));
    assert_eq!(switch(&rig, Scope::Overall).0, None, "at the level");
    push(&mut rig, funded(2, "USDT", "-0.00000001"));
    assert_eq!(switch(&rig, Scope::Overall).0, Some(Control::DailyLoss));
    push(&mut rig, funded(3, "USDT", "-1"));
    assert_eq!(switch(&rig, MAIN).0, Some(Control::DailyLoss));
    assert_eq!(
        switch(&rig, strategy).0,
        None,
        "none of it is the strategy's"
    );
    // One that it bought a hundred too dear: 0.0101 BTC, with the fee of 0.0001.
    let id = rig
        .commands
        .iter()
        .find(|one| one.kind() == Some(Kind::NewOrder));
    let id = kit::new_order(id.unwrap()).client_id;
    push(&mut rig, fill(id, 8, Side::Buy, 1_009_990, 1_000));
    assert_eq!(switch(&rig, strategy).0, None, "0.9991");
    push(&mut rig, fill(id, 9, Side::Buy, 1_009_990, 1));
    assert_eq!(switch(&rig, strategy).0, Some(Control::DailyLoss));
}

#[test]
fn equity_by_an_old_price_of_a_perpetual_restricts_though_all_else_is_fresh() {
    let hard = (20 * SECOND).cast_signed();
    let contract = perpetual();
    let id = contract.id;
    let mut rig = watched(vec![level(Control::EquityAge, None, hard)], &[contract]);
    push(&mut rig, mark(1_000_000));
    let bought = fill(0, 5, Side::Buy, 990_000, 1_000).on_instrument(id);
    push(&mut rig, bought);
    for _ in 0..19 {
        book(&mut rig, kit::INSTRUMENT, 1_000_000, 0);
        second(&mut rig);
        assert_eq!(reducing(&rig, Scope::Overall), None);
    }
    for _ in 0..3 {
        book(&mut rig, kit::INSTRUMENT, 1_000_000, 0);
        second(&mut rig);
    }
    assert_eq!(reducing(&rig, Scope::Overall), Some(Control::EquityAge));
}
