//! Gross value and capital over accounts: controls 102, 110 and 111 of RISK.md.

use engine::machine::{LevelConfig, MachineConfig, Place, PriceSource, Trigger, TriggerKind};
use engine::strategy::Registry;
use model::body::{RefusalReason, Side};
use model::codec::encode_snapshot;
use model::control::{Control, Scope};
use model::ids::{AccountId, ClientOrderId, StrategyId, VenueId};
use model::num::{Lots, Ticks};

use crate::kit::{INSTRUMENT, Rig, config, fill, maker, sent, taker, tick};
use crate::limits::{Desk, desk};

/// 1e-8 of a dollar.
const DOLLAR: i64 = 100_000_000;

fn level(control: Control, scope: Scope, soft: Option<i64>, hard: i64) -> LevelConfig {
    LevelConfig {
        control,
        scope,
        soft,
        hard,
    }
}

/// The middle is 10,000.00 and a lot is 0.00001 BTC: 1,000 lots are worth 100 dollars.
fn limited(levels: Vec<LevelConfig>) -> Desk {
    desk(|config| config.control.levels = levels)
}

fn of(side: Side, qty: i64) -> impl FnOnce(&mut Place) {
    move |place| {
        place.side = side;
        place.qty = Lots(qty);
        place.price = match side {
            Side::Buy => Ticks(999_000),
            Side::Sell => Ticks(1_001_000),
        };
    }
}

#[test]
fn gross_value_counts_the_worst_case_in_each_scope_and_lets_reductions_pass() {
    let account = Scope::Account(AccountId(0));
    let strategy = Scope::Strategy(StrategyId(0));
    for scope in [Scope::Overall, Scope::Venue(VenueId(0)), account, strategy] {
        let hard = 300 * DOLLAR;
        let mut desk = limited(vec![level(Control::GrossValue, scope, None, hard)]);
        let bought = desk.open(of(Side::Buy, 1_000));
        desk.event(fill(bought.raw(), 1, Side::Buy, 999_000, 1_000));
        desk.open(of(Side::Buy, 1_000));
        assert_eq!(
            desk.place(of(Side::Buy, 1_001)).unwrap_err().0,
            RefusalReason::PositionValue
        );
        desk.open(of(Side::Buy, 1_000));
        let (reason, value, limit) = desk.place(of(Side::Buy, 60)).unwrap_err();
        assert_eq!(
            (reason, limit),
            (RefusalReason::PositionValue, hard),
            "{scope:?}"
        );
        assert_eq!(value, hard + 6 * DOLLAR, "a lot is worth 0.1 dollars");
        assert_eq!(
            desk.place(of(Side::Sell, 1_000)),
            Ok(1),
            "it can only reduce"
        );
        // After all sells it would be short 3,000 lots, as much as it is long after all buys.
        desk.open(of(Side::Sell, 3_000));
        let (reason, ..) = desk.place(of(Side::Sell, 60)).unwrap_err();
        assert_eq!(reason, RefusalReason::PositionValue);
    }
    let other = Scope::Account(AccountId(1));
    let mut desk = limited(vec![level(Control::GrossValue, other, None, 0)]);
    assert_eq!(
        desk.place(of(Side::Buy, 1_000)),
        Ok(1),
        "another account's limit"
    );
}

#[test]
fn gross_value_and_capital_of_a_strategy_count_its_own_orders_and_fills_alone() {
    let controls = [
        (Control::GrossValue, RefusalReason::PositionValue),
        (Control::Capital, RefusalReason::Capital),
    ];
    for (control, expected) in controls {
        let scope = Scope::Strategy(StrategyId(0));
        let mut desk = limited(vec![level(control, scope, None, 100 * DOLLAR)]);
        desk.wish(1, of(Side::Buy, 5_000));
        assert_eq!(desk.verdict(), Ok(1), "another strategy's order");
        let others = *desk.out.commands[0].as_ref();
        desk.event(sent(&others));
        let fill_of =
            |id: ClientOrderId, trade, qty| fill(id.raw(), trade, Side::Buy, 999_000, qty);
        let stranger = ClientOrderId::new(1, Some(StrategyId(1)), 1).unwrap();
        desk.event(fill_of(stranger, 1, 5_000));
        let own = desk.open(of(Side::Buy, 1_000));
        desk.event(fill_of(own, 2, 1_000));
        desk.event(tick());
        let (reason, value, limit) = desk.place(of(Side::Buy, 60)).unwrap_err();
        assert_eq!((reason, limit), (expected, 100 * DOLLAR));
        assert_eq!(value, 106 * DOLLAR, "its own position and the order");
        desk.wish(1, of(Side::Buy, 60));
        assert_eq!(desk.verdict(), Ok(1), "another strategy's");
        assert_eq!(
            desk.place(of(Side::Sell, 1_000)),
            Ok(1),
            "it can only reduce"
        );
    }
}

#[test]
fn capital_counts_a_held_order_from_its_placement_on() {
    let limit = level(Control::GrossValue, Scope::Overall, None, 150 * DOLLAR);
    let mut desk = limited(vec![limit]);
    let stop = |place: &mut Place| {
        of(Side::Buy, 1_000)(place);
        place.price = Ticks(1_002_000);
        place.trigger = Some(Trigger {
            source: PriceSource::Last,
            kind: TriggerKind::Stop {
                level: Ticks(1_001_000),
            },
        });
    };
    desk.wish(0, stop);
    // In the same event, in another instrument or not, there is room for no more than 50 dollars.
    desk.wish(1, of(Side::Buy, 501));
    assert_eq!(desk.verdict().unwrap_err().0, RefusalReason::PositionValue);
    desk.wish(1, of(Side::Buy, 500));
    assert_eq!(desk.verdict(), Ok(1));
}

#[test]
fn capital_is_the_value_after_the_instruments_haircut() {
    let hard = 100 * DOLLAR;
    let whole = vec![level(Control::Capital, Scope::Overall, None, hard)];
    let mut desk = limited(whole.clone());
    assert_eq!(
        desk.place(of(Side::Buy, 1_001)).unwrap_err().0,
        RefusalReason::Capital
    );
    assert_eq!(
        desk.place(of(Side::Buy, 1_000)),
        Ok(1),
        "without a haircut all of it"
    );
    let cut = level(Control::Haircut, Scope::Instrument(INSTRUMENT), None, 2_500);
    let mut desk = limited([whole, vec![cut]].concat());
    let (reason, value, limit) = desk.place(of(Side::Buy, 4_001)).unwrap_err();
    assert_eq!((reason, limit), (RefusalReason::Capital, hard));
    assert_eq!(value, hard + DOLLAR / 40);
    assert_eq!(
        desk.place(of(Side::Buy, 4_000)),
        Ok(1),
        "a quarter of 400 dollars"
    );
}

#[test]
fn capital_between_soft_and_hard_takes_a_reason() {
    let limit = level(
        Control::Capital,
        Scope::Overall,
        Some(50 * DOLLAR),
        100 * DOLLAR,
    );
    let mut desk = limited(vec![limit]);
    let soft = desk.place(of(Side::Buy, 600)).unwrap_err();
    assert_eq!((soft.0, soft.2), (RefusalReason::SoftLimit, 50 * DOLLAR));
    let with_reason = |place: &mut Place| {
        of(Side::Buy, 600)(place);
        place.acknowledges = Some(engine::machine::SoftReason::Hedge);
    };
    assert_eq!(desk.place(with_reason), Ok(1));
}

#[test]
fn capital_follows_prices_at_the_tick_and_what_ended_is_given_back_then() {
    let limit = level(Control::GrossValue, Scope::Overall, None, 200 * DOLLAR);
    let mut desk = limited(vec![limit]);
    let bought = desk.open(of(Side::Buy, 1_500));
    desk.event(fill(bought.raw(), 1, Side::Buy, 999_000, 1_500));
    desk.event(tick());
    desk.book(1_099_999, 1_100_001);
    desk.event(tick());
    // 1,500 lots are worth 165 dollars now, and 300 more make 198.
    let near = |qty| {
        move |place: &mut Place| {
            of(Side::Buy, qty)(place);
            place.price = Ticks(1_099_000);
        }
    };
    assert_eq!(
        desk.place(near(319)).unwrap_err().0,
        RefusalReason::PositionValue
    );
    assert_eq!(desk.place(near(300)), Ok(1));
}

#[test]
fn capital_without_a_price_lets_nothing_increase() {
    let limit = level(
        Control::GrossValue,
        Scope::Overall,
        None,
        1_000_000 * DOLLAR,
    );
    let mut desk = desk(|config| {
        config.control.levels = vec![limit];
        config.reporting = "EUR".to_owned();
    });
    let (reason, ..) = desk.place(of(Side::Buy, 60)).unwrap_err();
    assert_eq!(reason, RefusalReason::NoPrice, "no rate from USDT to EUR");
}

/// A session of two strategies with these limits, frozen and read again at every event.
#[test]
fn capital_of_a_snapshot_is_the_same_at_every_event() {
    let mut limited: MachineConfig = config(vec![maker(), taker()]);
    limited.control.levels = vec![
        level(
            Control::GrossValue,
            Scope::Account(AccountId(0)),
            None,
            150 * DOLLAR,
        ),
        level(
            Control::GrossValue,
            Scope::Strategy(StrategyId(1)),
            None,
            80 * DOLLAR,
        ),
        level(Control::Capital, Scope::Overall, None, 400 * DOLLAR),
        level(Control::Haircut, Scope::Overall, None, 3_000),
    ];
    let mut sim = crate::sim::Sim::with(7, &limited);
    for _ in 0..400 {
        sim.step();
    }
    sim.drain();
    let binds = |record: &model::record::Record| {
        let event = model::event::event(record).unwrap();
        matches!(event, model::event::Event::RiskRefused(refusal)
            if refusal.reason == RefusalReason::PositionValue)
    };
    assert!(sim.rig.refusals.iter().any(binds), "it binds");
    let mut twin = Rig::new();
    for (at, record) in sim.rig.log.iter().enumerate() {
        twin.now = record.time_ns;
        twin.apply(*record);
        if at % 3 == 0 {
            let bytes = encode_snapshot(&twin.machine).unwrap();
            let again = engine::machine::Machine::from_snapshot(&bytes, &Registry::standard());
            twin.machine = again.unwrap();
        }
    }
    assert_eq!(twin.machine.state_hash(), sim.rig.machine.state_hash());
    assert_eq!(twin.commands, sim.rig.commands);
}
