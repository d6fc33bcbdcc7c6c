//! A strategy that asks for nothing, for everything, or for less than nothing.

use engine::machine::{Action, Intent, Machine, Outputs, Place, Risk, Size};
use model::body::{OrderType, RefusalReason, Side, TimeInForce};
use model::event::{Event, event};
use model::ids::{ClientOrderId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use model::record::Record;

use crate::kit::{Rig, config, maker, tick};

/// Risk with a book and two resting quotes of the maker's, fed by hand from here on.
struct Desk {
    risk: Risk,
    out: Outputs,
    now: u64,
    counter: u32,
}

impl Desk {
    fn new() -> Self {
        let mut rig = Rig::new();
        rig.start(&config(vec![maker()]), 0);
        let now = rig.now;
        let machine = std::mem::replace(&mut rig.machine, Machine::new());
        Self {
            risk: machine.into_parts().risk,
            out: Outputs::new(),
            now,
            counter: 1_000,
        }
    }

    fn apply(&mut self, record: Record, action: Option<Action>) {
        let mut record = record;
        record.event = self.risk.last_event() + 1;
        record.time_ns = self.now;
        let intent = action.map(|action| Intent {
            event: record.event,
            strategy: StrategyId(0),
            intended_ns: 0,
            action,
        });
        let intents: Vec<Intent> = intent.into_iter().collect();
        self.risk.apply(&record, &intents, &mut self.out).unwrap();
    }

    /// The reason of the one refusal that an action leads to; it goes back as an event.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others are all alike here"
    )]
    fn refusal(&mut self, action: Action) -> RefusalReason {
        self.apply(tick(), Some(action));
        let back: Vec<Record> = self.out.refusals.clone();
        let refused = |record: &Record| match event(record).unwrap() {
            Event::RiskRefused(refusal) => Some(refusal.reason),
            _ => None,
        };
        let reasons: Vec<RefusalReason> = back.iter().filter_map(refused).collect();
        assert_eq!(reasons.len(), 1, "{action:?}");
        let before = self.risk.counts().refused;
        for record in back {
            self.apply(record, None);
        }
        assert_eq!(self.risk.counts().refused, before + 1);
        reasons[0]
    }

    fn place(&mut self, order_type: OrderType, price: i64, qty: i64) -> Place {
        self.counter += 1;
        let epoch = self.risk.epoch();
        Place {
            client_id: ClientOrderId::new(epoch, Some(StrategyId(0)), self.counter).unwrap(),
            instrument: InstrumentId(0),
            side: Side::Buy,
            order_type,
            time_in_force: match order_type {
                OrderType::Market => TimeInForce::Ioc,
                OrderType::Limit | OrderType::PostOnly => TimeInForce::Gtc,
            },
            price: Ticks(price),
            qty: Lots(qty),
            tag: 0,
            reduce_only: false,
            trigger: None,
            good_till_ns: None,
            link: None,
            size: Size::Exact,
            acknowledges: None,
        }
    }
}

const TYPES: [OrderType; 3] = [OrderType::Limit, OrderType::Market, OrderType::PostOnly];

#[test]
fn size_of_zero_or_below_is_malformed() {
    let mut desk = Desk::new();
    for order_type in TYPES {
        for qty in [0, -1, i64::MIN] {
            let place = desk.place(order_type, 999_900, qty);
            let reason = desk.refusal(Action::Place(place));
            assert_eq!(reason, RefusalReason::Malformed, "{order_type:?} of {qty}");
        }
    }
}

#[test]
fn size_of_two_to_the_63_is_refused_by_type_and_leaves_no_trace() {
    let mut desk = Desk::new();
    let live = desk.risk.orders().live_count();
    for order_type in TYPES {
        // 2^63 itself is no number of lots: it is the largest one, or below zero.
        for qty in [i64::MAX, i64::MAX - 1, 1 << 62] {
            let place = desk.place(order_type, 999_900, qty);
            let reason = desk.refusal(Action::Place(place));
            assert!(
                matches!(
                    reason,
                    RefusalReason::Overflow
                        | RefusalReason::QuantityFilter
                        | RefusalReason::NotionalFilter
                        | RefusalReason::MaxQuantity
                ),
                "{order_type:?} of {qty}: {reason:?}"
            );
        }
    }
    assert_eq!(desk.risk.orders().live_count(), live);
}

#[test]
fn price_that_is_none_is_refused_by_type() {
    let mut desk = Desk::new();
    for price in [i64::MIN, -1, 0] {
        let place = desk.place(OrderType::Limit, price, 100);
        assert_eq!(desk.refusal(Action::Place(place)), RefusalReason::Malformed);
    }
    for price in [i64::MAX, i64::MAX / 2] {
        let place = desk.place(OrderType::Limit, price, 100);
        let reason = desk.refusal(Action::Place(place));
        let typed = matches!(
            reason,
            RefusalReason::Overflow | RefusalReason::PriceFilter | RefusalReason::PriceCollar
        );
        assert!(typed, "{price}: {reason:?}");
    }
}

#[test]
fn change_of_an_order_that_is_not_there_is_refused_by_type() {
    let mut desk = Desk::new();
    let nobody = ClientOrderId::new(1, Some(StrategyId(0)), 999_999).unwrap();
    let place = desk.place(OrderType::Limit, 999_900, 100);
    let actions = [
        Action::Cancel { client_id: nobody },
        Action::Replace {
            cancel: nobody,
            place,
        },
    ];
    for action in actions {
        assert_eq!(desk.refusal(action), RefusalReason::NotOpen);
    }
}

#[test]
fn id_of_another_run_or_strategy_is_malformed() {
    let mut desk = Desk::new();
    let ids = [
        ClientOrderId::new(2, Some(StrategyId(0)), 5_000).unwrap(),
        ClientOrderId::new(1, Some(StrategyId(1)), 5_000).unwrap(),
        ClientOrderId::new(1, None, 5_000).unwrap(),
        // One that lives already.
        ClientOrderId::new(1, Some(StrategyId(0)), 1).unwrap(),
    ];
    for client_id in ids {
        let place = Place {
            client_id,
            ..desk.place(OrderType::Limit, 999_900, 100)
        };
        assert_eq!(desk.refusal(Action::Place(place)), RefusalReason::Malformed);
    }
}
