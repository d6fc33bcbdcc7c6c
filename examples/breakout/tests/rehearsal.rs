//! The strategy alone on a stage: what it asks for, given what it sees.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use breakout::Breakout;
use caracal::strategy::{
    Action, ClientOrderId, InstrumentId, Lots, OrderType, Params, Place, Rehearsal, Side, Ticks,
    TimeInForce, TriggerKind,
};

const BTC: InstrumentId = InstrumentId(0);
const SECOND: u64 = 1_000_000_000;

fn stage() -> Rehearsal {
    let btc = Rehearsal::spot(0, "BTC", "USDT", "0.01", "0.00001").unwrap();
    let params = Params::new()
        .with("qty", 100)
        .with("interval", 1_000_000_000)
        .with("lookback", 3)
        .with("stop_ticks", 50)
        .with("target_ticks", 90)
        .with("hold", 30_000_000_000);
    let mut stage = Rehearsal::of::<Breakout>(vec![btc], params).unwrap();
    let level = |price| (Ticks(price), Lots(500));
    let asked = stage.book(BTC, level(9_999), level(10_001)).unwrap();
    assert_eq!(asked, []);
    stage
}

/// One trade at each second, at these prices; what was asked for at the end of the last one.
fn seconds(stage: &mut Rehearsal, prices: &[i64]) -> Vec<Action> {
    let mut asked = Vec::new();
    for price in prices {
        stage.trade(BTC, Ticks(*price), Lots(1), Side::Buy).unwrap();
        asked = stage.pass(SECOND).unwrap();
    }
    asked
}

fn placed(asked: &[Action]) -> Vec<Place> {
    let place = |action: &Action| match action {
        Action::Place(place) => Some(*place),
        _ => None,
    };
    asked.iter().filter_map(place).collect()
}

/// Entry, stop, target.
fn broken_out(stage: &mut Rehearsal) -> [ClientOrderId; 3] {
    let asked = seconds(stage, &[100, 105, 103, 104, 106]);
    let ids: Vec<ClientOrderId> = placed(&asked).iter().map(|one| one.client_id).collect();
    ids.try_into().unwrap()
}

#[test]
fn breakout_buys_above_the_highest_with_a_bracket() {
    let mut stage = stage();
    assert_eq!(seconds(&mut stage, &[100, 105, 103, 104]), [], "105 stands");
    let orders = placed(&seconds(&mut stage, &[106]));
    let [entry, stop, target] = orders.as_slice() else {
        panic!("{orders:?}");
    };
    assert_eq!(
        (entry.side, entry.price, entry.qty),
        (Side::Buy, Ticks(10_001), Lots(100))
    );
    assert_eq!(entry.time_in_force, TimeInForce::Ioc);
    let level = |place: &Place| place.trigger.unwrap().kind;
    assert_eq!(
        level(stop),
        TriggerKind::Stop {
            level: Ticks(9_951)
        }
    );
    assert_eq!(
        level(target),
        TriggerKind::TakeProfit {
            level: Ticks(10_091)
        }
    );
    for child in [stop, target] {
        assert_eq!(child.link.unwrap().parent, Some(entry.client_id));
        assert_eq!(child.link.unwrap().group, 1);
        assert!(child.reduce_only && child.order_type == OrderType::Market);
    }
}

#[test]
fn breakout_does_not_trust_a_candle_that_misses_trades() {
    let mut stage = stage();
    seconds(&mut stage, &[100, 105, 103, 104]);
    stage.market_link(false).unwrap();
    stage.market_link(true).unwrap();
    let level = |price| (Ticks(price), Lots(500));
    stage.book(BTC, level(9_999), level(10_001)).unwrap();
    assert_eq!(seconds(&mut stage, &[106]), []);
}

#[test]
fn breakout_gives_up_after_its_time_and_sells_what_is_left() {
    let mut stage = stage();
    let [entry, stop, target] = broken_out(&mut stage);
    stage.fill(entry, Lots(60)).unwrap();
    stage.cancelled(entry).unwrap();
    assert_eq!(stage.pass(29 * SECOND).unwrap(), []);
    let asked = stage.pass(SECOND).unwrap();
    assert_eq!(asked, [Action::CancelAll { instrument: None }]);
    stage.cancelled(stop).unwrap();
    let orders = placed(&stage.cancelled(target).unwrap());
    let [exit] = orders.as_slice() else {
        panic!("{orders:?}");
    };
    assert_eq!((exit.side, exit.qty), (Side::Sell, Lots(60)));
    assert_eq!(exit.order_type, OrderType::Market);
}

#[test]
fn breakout_goes_on_after_a_restart() {
    let mut stage = stage();
    seconds(&mut stage, &[100, 105, 103, 104]);
    stage.restart().unwrap();
    assert_eq!(placed(&seconds(&mut stage, &[106])).len(), 3);
    stage.restart().unwrap();
}
