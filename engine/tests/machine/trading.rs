//! Both strategies really trade in a lively little market, and the books agree with the venue.

use crate::kit::{ACCOUNT, INSTRUMENT, maker, taker};
use crate::sim::Sim;
use engine::machine::OrderState;
use model::record::Kind;

fn commands_of(sim: &Sim, kind: Kind, strategy: u16) -> usize {
    let by = |record: &&model::record::Record| {
        record.kind() == Some(kind) && record.strategy() == Some(model::ids::StrategyId(strategy))
    };
    sim.rig.commands.iter().filter(by).count()
}

#[test]
fn strategies_in_a_lively_market_place_orders_and_are_filled() {
    let mut sim = Sim::new(7, vec![maker(), taker()]);
    for _ in 0..3_000 {
        sim.step();
    }
    let machine = &sim.rig.machine;
    let counts = machine.counts();
    assert!(commands_of(&sim, Kind::NewOrder, 0) > 50, "{counts:?}");
    assert!(commands_of(&sim, Kind::ReplaceOrder, 0) > 50, "{counts:?}");
    assert!(commands_of(&sim, Kind::NewOrder, 1) > 5, "{counts:?}");
    assert!(counts.fills > 100, "{counts:?}");
    assert_eq!(counts.orphan_fills + counts.repeated_fills, 0);
    let position = machine.position(INSTRUMENT, ACCOUNT).unwrap();
    assert!(position.turnover > 1_000);
    let own: i64 = machine
        .strategies()
        .iter()
        .map(|s| s.position(INSTRUMENT).0)
        .sum();
    assert_eq!(own, position.lots.0);
    assert_eq!(machine.orders().live_count(), sim.resting());
    assert!(
        machine
            .orders()
            .live()
            .all(|order| order.state == OrderState::Open)
    );
}

#[test]
fn strategies_refused_do_not_storm() {
    let mut sim = Sim::new(11, vec![maker(), taker()]);
    for _ in 0..3_000 {
        sim.step();
    }
    // A minute of market: a refusal or reject pauses its side for a quarter of a second.
    let refused = sim.rig.refusals.len();
    assert!(
        refused < 500,
        "{refused} refusals: {:?}",
        sim.rig.refusal_reasons()
    );
    for strategy in sim.rig.machine.strategies() {
        assert_eq!(strategy.intents_in_flight(), 0);
    }
    assert_eq!(sim.rig.machine.risk().commands_in_flight(), 0);
}
