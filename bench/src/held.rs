//! Held orders for the crowd: 1,000 on its 200 instruments.

#![expect(
    clippy::unwrap_used,
    reason = "fixed data; whoever uses it may fail by a panic"
)]

use engine::machine::{Action, Offset, PriceSource, Trigger, TriggerKind};
use model::body::{OrderType, Side, TimeInForce};
use model::ids::{ClientOrderId, InstrumentId, StrategyId};
use model::num::Ticks;

use crate::crowd::{self, Crowd, INSTRUMENTS, TRADERS, instruments_of};

/// Held orders of each instrument.
const HELD_EACH: u32 = 5;

/// Five orders for each instrument that the engine holds: stops, a take-profit, and a trailing
/// stop, all to protect a position, far from the market.
///
/// # Panics
///
/// If one is refused.
pub fn hold(crowd: &mut Crowd) {
    let mut held = 0;
    for strategy in 0..=TRADERS {
        for instrument in instruments_of(strategy) {
            for number in 0..HELD_EACH {
                held += hold_one(crowd, strategy, instrument, i64::from(number));
            }
        }
    }
    assert_eq!(held, HELD_EACH * INSTRUMENTS, "all of them");
}

fn hold_one(crowd: &mut Crowd, strategy: u16, instrument: InstrumentId, number: i64) -> u32 {
    let kind = match number {
        0 => TriggerKind::Trailing {
            offset: Offset::Ticks(5_000_000),
            activation: None,
        },
        1 => TriggerKind::TakeProfit {
            level: Ticks(90_000_000),
        },
        _ => TriggerKind::Stop {
            level: Ticks(1_000_000 * number),
        },
    };
    let mut intent = crowd.intent();
    intent.strategy = StrategyId(strategy);
    if let Action::Place(place) = &mut intent.action {
        let number = place.client_id.counter();
        place.client_id = ClientOrderId::new(1, Some(intent.strategy), number).unwrap();
        place.instrument = instrument;
        (place.side, place.order_type) = (Side::Sell, OrderType::Market);
        place.time_in_force = TimeInForce::Ioc;
        place.reduce_only = true;
        let source = PriceSource::Mid;
        place.trigger = Some(Trigger { kind, source });
    }
    let tick = crowd.next(crowd::tick());
    intent.event = tick.event;
    crowd.feed(&tick, &[intent]);
    crowd.hear()
}
