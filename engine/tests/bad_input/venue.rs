//! What a venue should not say: fills of nobody's order, balances below zero, rules that change
//! under resting orders.

use engine::machine::OrderState;
use model::blob::{self, BlobKind};
use model::body::{AssetName, NoticeCode, RefusalReason, Side};
use model::ids::{AccountId, ClientOrderId, InstrumentId, SourceId};
use model::num::{Lots, Scale};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use crate::kit::{
    ACCOUNT, INSTRUMENT, Rig, SECOND, balance, config, fill, kinds, maker, new_order, sent, spec,
    tick,
};
use crate::{notices, replays};

fn started() -> Rig {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    for command in rig.commands.clone() {
        rig.apply(sent(&command));
    }
    rig.apply(tick());
    rig.refusals.clear();
    rig
}

fn told(rig: &Rig, code: NoticeCode) -> usize {
    let all = notices(&rig.refusals);
    all.iter().filter(|notice| notice.code == code).count()
}

/// Notices travel back and stand in the log.
fn deliver(rig: &mut Rig) {
    for record in rig.refusals.clone() {
        rig.apply(record);
    }
}

#[test]
fn fill_of_an_order_never_sent_moves_the_books_and_tells_people() {
    let mut rig = started();
    rig.apply(fill(0xff_0000_0001, 41, Side::Sell, 1_000_000, 30));
    let position = rig.machine.position(INSTRUMENT, ACCOUNT).unwrap();
    assert_eq!(position.lots, Lots(-30));
    assert_eq!(told(&rig, NoticeCode::UnknownFill), 1);
    assert_eq!(notices(&rig.refusals)[0].other, 41);
    // The money moved, whoever asked for it; no strategy's position did.
    assert_eq!(rig.machine.strategies()[0].position(INSTRUMENT), Lots(0));
    assert_eq!(rig.machine.counts().orphan_fills, 1);
    deliver(&mut rig);
    replays(&rig);
}

#[test]
fn fill_without_a_place_or_a_quantity_is_kept_in_the_log_and_told() {
    let mut rig = started();
    let good = fill(0xff_0000_0001, 41, Side::Sell, 1_000_000, 30);
    let bad: [Record; 5] = [
        good.on_instrument(InstrumentId(77)),
        good.on_account(AccountId(31)),
        fill(0xff_0000_0001, 42, Side::Sell, 1_000_000, 0),
        fill(0xff_0000_0001, 43, Side::Sell, 1_000_000, -5),
        fill(0xff_0000_0001, 44, Side::Buy, 1_000_000, i64::MIN),
    ];
    for record in bad {
        rig.apply(record);
    }
    assert_eq!(
        rig.machine.position(INSTRUMENT, ACCOUNT).unwrap().lots,
        Lots(0)
    );
    let counted = rig.machine.counts().unplaced_fills + rig.machine.portfolio().unbooked();
    assert_eq!(counted, 5);
    assert!(told(&rig, NoticeCode::UnplacedFill) >= 4);
    deliver(&mut rig);
    replays(&rig);
}

#[test]
fn fill_beyond_every_number_is_kept_in_the_log_and_does_not_panic() {
    let mut rig = started();
    for (trade, (price, qty)) in (50..).zip([
        (i64::MAX, i64::MAX),
        (i64::MIN, i64::MAX),
        (1, i64::MAX),
        (i64::MAX, 1),
    ]) {
        rig.apply(fill(0xff_0000_0001, trade, Side::Buy, price, qty));
    }
    deliver(&mut rig);
    replays(&rig);
}

#[test]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are all alike here"
)]
fn balance_below_zero_stands_is_told_and_buys_nothing() {
    let mut rig = Rig::new();
    rig.begin(&config(vec![maker()]), 0);
    rig.apply(crate::kit::connection(
        model::body::Channel::Orders,
        model::body::LinkState::Up,
    ));
    rig.apply(tick());
    rig.apply(balance("BTC", 1));
    rig.apply(balance("USDT", -7));
    assert_eq!(told(&rig, NoticeCode::NegativeBalance), 1);
    let ledger = rig.machine.portfolio().ledger(ACCOUNT).unwrap();
    assert_eq!(ledger.total(&AssetName::cut("USDT")), Decimal::from(-7));
    let placed = rig.book(1, 999_998, 1_000_002);
    let buys = placed
        .iter()
        .filter(|record| record.kind() == Some(Kind::NewOrder))
        .filter(|record| new_order(record).side == Side::Buy);
    assert_eq!(buys.count(), 0);
    let reasons: Vec<RefusalReason> = rig
        .refusals
        .iter()
        .filter_map(|record| match model::event::event(record).unwrap() {
            model::event::Event::RiskRefused(refusal) => Some(refusal.reason),
            _ => None,
        })
        .collect();
    assert!(reasons.contains(&RefusalReason::Funds), "{reasons:?}");
    deliver(&mut rig);
    replays(&rig);
}

#[test]
fn tick_size_that_changes_under_resting_orders_halts_and_changes_no_meaning() {
    let mut rig = started();
    let quotes: Vec<Record> = rig.commands.clone();
    let mut other = spec();
    other.tick = Scale::new(5, 1).unwrap();
    for record in blob::records(BlobKind::Instrument, &other).unwrap() {
        rig.apply(record.from_source(SourceId(4)));
    }
    let known = rig.machine.instruments().next().unwrap();
    assert_eq!((known.tick, known.trading), (spec().tick, false));
    for quote in &quotes {
        let order = new_order(quote);
        let id = ClientOrderId::from_raw(order.client_id).unwrap();
        let known = rig.machine.orders().get(id).unwrap();
        assert_eq!((known.price, known.qty), (order.price, order.qty));
        assert_ne!(known.state, OrderState::Absent);
    }
    // A fill in the old steps is booked; nothing new is placed.
    let buy = new_order(&quotes[0]);
    rig.apply(fill(buy.client_id, 60, buy.side, buy.price.0, 20));
    let lots = rig.machine.position(INSTRUMENT, ACCOUNT).unwrap().lots;
    assert_eq!(lots.0, 20 * buy.side.sign());
    let before = rig.commands.len();
    for step in 0..20 {
        rig.pass(SECOND);
        rig.book(30 + step, 999_900, 999_904);
        rig.apply(tick());
    }
    let after = kinds(&rig.commands[before..]);
    assert!(!after.contains(&Kind::NewOrder) && !after.contains(&Kind::ReplaceOrder));
    deliver(&mut rig);
    replays(&rig);
}
