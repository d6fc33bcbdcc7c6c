//! A strategy that holds orders, changes them and ends them: what it sees, and that its credits
//! come back.

use engine::machine::{Machine, MachineConfig, OrderState, StrategyConfig};
use engine::strategy::{
    Asks, Cause, InstrumentId, Lots, Params, PriceSource, Registry, Setup, SetupError, Side,
    Strategy, Ticks, View, Wish,
};
use model::ids::ClientOrderId;
use model::record::{Kind, Record};
use serde::{Deserialize, Serialize};

use crate::kit::{ACCOUNT, INSTRUMENT, Rig, config, tick};

/// Does one thing at each trade: hold, make smaller, replace, ask again, end everything.
#[derive(Debug)]
struct Keeper(InstrumentId);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Step {
    trades: u64,
    order: Option<ClientOrderId>,
}

impl Strategy for Keeper {
    const KIND: &'static str = "keeper";
    type State = Step;

    fn new(setup: &Setup<'_>) -> Result<Self, SetupError> {
        Ok(Self(setup.instrument(0)?))
    }

    fn on_event(&self, step: &mut Step, cause: Cause, _: &View<'_>, asks: &mut Asks<'_>) {
        if !matches!(cause, Cause::Trade(..)) {
            return;
        }
        let stop = |level| {
            let wish = Wish::market(self.0, Side::Buy, Lots(1_000));
            wish.stop_at(Ticks(level), PriceSource::Mid)
        };
        step.trades += 1;
        match (step.trades, step.order) {
            (1, _) => step.order = Some(asks.place(stop(1_010_000)).unwrap()),
            (2, Some(order)) => asks.amend(order, Lots(600)).unwrap(),
            (3, Some(order)) => step.order = Some(asks.replace(order, stop(1_020_000)).unwrap()),
            // Risk refuses it: what would be left, the venue does not take.
            (4, Some(order)) => asks.amend(order, Lots(1)).unwrap(),
            (5, Some(order)) => asks.amend(order, Lots(700)).unwrap(),
            _ => asks.cancel_all(None).unwrap(),
        }
    }
}

fn keeper() -> MachineConfig {
    let mut config = config(vec![StrategyConfig {
        name: "keeper".to_owned(),
        account: ACCOUNT,
        instruments: vec![INSTRUMENT],
        kind: Keeper::KIND.to_owned(),
        params: Params::new(),
    }]);
    config.limits.orders.collar_bps = 500;
    config
}

/// One trade, and what risk tells comes back.
fn trade(rig: &mut Rig) -> (usize, Vec<(OrderState, i64)>) {
    let body = model::body::Trade {
        trade_id: rig.now,
        venue_time_ns: rig.now,
        price: Ticks(1_000_000),
        qty: Lots(7),
        aggressor: Side::Buy,
        reserved: [0; 47],
    };
    let told = rig.refusals.len();
    let commands = rig.apply(Record::new(Kind::Trade, &body).on_instrument(INSTRUMENT));
    assert!(commands.is_empty(), "nothing of it is the venue's");
    let mut at = told;
    while let Some(record) = rig.refusals.get(at).copied() {
        rig.apply(record);
        at += 1;
    }
    rig.pass(1_000_000_000);
    let strategy = &rig.machine.strategies()[0];
    let orders = strategy.orders().live();
    let orders = orders.map(|order| (order.state, order.qty.0)).collect();
    (strategy.intents_in_flight(), orders)
}

#[test]
fn strategy_sees_what_becomes_of_its_held_orders_and_gets_its_credits_back() {
    let mut rig = Rig::new();
    rig.machine = Machine::with(Registry::standard().with::<Keeper>().unwrap());
    rig.start(&keeper(), 0);
    rig.apply(tick());
    let held = |qty| (0, vec![(OrderState::Held, qty)]);
    assert_eq!(trade(&mut rig), held(1_000), "held");
    assert_eq!(trade(&mut rig), held(600), "made smaller");
    assert_eq!(trade(&mut rig), held(1_000), "another in its place");
    assert_eq!(trade(&mut rig), held(1_000), "refused, and it stands");
    assert_eq!(trade(&mut rig), held(700), "made smaller after all");
    assert_eq!(trade(&mut rig), (0, Vec::new()), "ended");
}
