//! What an account holds beside our orders: orders that are not ours, and what the venue says is
//! locked.

use connectors::practice::{OrderKind, SeedOrder, SelfTrade, Side as VenueSide};
use model::body::{Operator, OperatorAction, OrderType, Side, Text, TimeInForce};
use model::ids::ClientOrderId;
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use crate::kit::{self, ACCOUNT, START, Terms, World};

const SEED: u64 = 11;
const SECOND: u64 = kit::SECOND;

/// An order that somebody placed by hand, far from the market.
fn foreign() -> SeedOrder {
    SeedOrder {
        instrument: 0,
        client_id: "by-hand".to_owned(),
        venue_order_id: 7,
        side: VenueSide::Buy,
        kind: OrderKind::Limit,
        self_trade: SelfTrade::ExpireMaker,
        price: Ticks(START / 2),
        qty: Lots(100),
        executed: Lots(0),
        executed_quote: Decimal::ZERO,
        created_ms: 1_795_341_000_000,
    }
}

/// Orders that rest, in turn on both sides, far from the market.
fn place(world: &mut World, count: u32) -> Vec<ClientOrderId> {
    let mut placed = Vec::new();
    for number in 0..count {
        let buys = number.is_multiple_of(2);
        let away = 50_000 + i64::from(number);
        let terms = Terms {
            side: if buys { Side::Buy } else { Side::Sell },
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            price: Ticks(if buys { START - away } else { START + away }),
            qty: Lots(1_000 + i64::from(number)),
        };
        placed.push(world.place(terms));
        world.step();
    }
    assert!(world.step_until(20 * SECOND, World::is_settled));
    world.step_for(SECOND);
    assert_eq!(world.live().len(), count as usize);
    placed
}

fn kill() -> Record {
    let body = Operator {
        action: OperatorAction::Kill,
        reserved: [0; 7],
        text: Text::cut("drill"),
    };
    Record::new(Kind::Operator, &body)
}

#[test]
fn kill_takes_foreign_orders_of_its_account_and_instrument_from_eight_orders_on() {
    for (ours, left) in [(7, 1), (8, 0)] {
        let mut venue = kit::venue_config(SEED);
        venue.accounts[0].open_orders = vec![foreign()];
        let mut world = World::open_at(&venue, &kit::machine_config());
        place(&mut world, ours);
        let truth = world.gateway.truth();
        assert_eq!(truth.open_orders.len(), ours as usize + 1);
        world.tell(&kill());
        assert!(world.step_until(20 * SECOND, |world| world.live().is_empty()));
        world.step_for(2 * SECOND);
        let truth = world.gateway.truth();
        assert_eq!(truth.open_orders.len(), left, "{ours} of ours");
        let foreign = truth.open_orders.iter();
        assert!(
            foreign
                .into_iter()
                .all(|order| order.client_id == "by-hand")
        );
    }
}

#[test]
fn locked_balances_are_the_venues_and_sum_what_our_orders_hold() {
    let mut world = World::open(SEED);
    place(&mut world, 9);
    let mut held = [Decimal::ZERO; 2];
    for order in world.risk.orders().live() {
        let rest = Decimal::new(order.exposure().0, 5);
        match order.side {
            Side::Buy => held[1] += rest * Decimal::new(order.price.0, 2),
            Side::Sell => held[0] += rest,
        }
    }
    let ledger = world.risk.portfolio().ledger(ACCOUNT).unwrap();
    let locked = |name: &str| {
        let asset = model::body::AssetName::whole(name).unwrap();
        ledger.holding(&asset).unwrap().locked
    };
    assert!(held.iter().all(|held| *held > Decimal::ZERO));
    assert_eq!([locked("BTC"), locked("USDT")], held);
    // All cancelled, nothing is locked.
    world.tell(&kill());
    assert!(world.step_until(20 * SECOND, |world| world.live().is_empty()));
    world.step_for(2 * SECOND);
    let ledger = world.risk.portfolio().ledger(ACCOUNT).unwrap();
    let holdings = ledger.holdings().iter();
    assert!(holdings.into_iter().all(|held| held.locked.is_zero()));
}
