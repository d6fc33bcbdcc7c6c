//! Changes that a strategy may ask for: a smaller quantity, the end of one order or of all.

use crate::kit::{self, ACCOUNT, INSTRUMENT, Rig, config, kinds, maker, new_order, report, sent};
use engine::machine::{Action, Intent, Machine, Order, OrderState, Outputs, Risk};
use model::body::{Amended, OrderStatus, RefusalReason, RejectReason};
use model::command::{CommandView, command};
use model::event::{Event, event};
use model::ids::{ClientOrderId, StrategyId};
use model::num::Lots;
use model::record::{Kind, Record};

/// Risk alone, with the two quotes of a maker, whose wishes the test makes.
struct Alone {
    risk: Risk,
    out: Outputs,
    now: u64,
    quotes: [ClientOrderId; 2],
    placed: Vec<Record>,
}

impl Alone {
    fn new() -> Self {
        let mut rig = Rig::new();
        rig.start(&config(vec![maker()]), 0);
        let placed = rig.commands.clone();
        assert_eq!(kinds(&placed), [Kind::NewOrder, Kind::NewOrder]);
        let id = |command: &Record| ClientOrderId::from_raw(new_order(command).client_id).unwrap();
        Self {
            quotes: [id(&placed[0]), id(&placed[1])],
            placed,
            now: rig.now,
            out: Outputs::new(),
            risk: std::mem::replace(&mut rig.machine, Machine::new())
                .into_parts()
                .risk,
        }
    }

    fn open() -> Self {
        let mut alone = Self::new();
        for quote in 0..2 {
            alone.apply(sent(&alone.placed[quote]), &[]);
            alone.say(Kind::OrderAcked, quote, RejectReason::None);
        }
        alone
    }

    fn apply(&mut self, record: Record, wishes: &[Action]) -> Vec<Record> {
        let mut record = record;
        record.event = self.risk.last_event() + 1;
        record.time_ns = self.now;
        let intents: Vec<Intent> = wishes
            .iter()
            .map(|&action| Intent {
                event: record.event,
                strategy: StrategyId(0),
                intended_ns: 0,
                action,
            })
            .collect();
        self.risk.apply(&record, &intents, &mut self.out).unwrap();
        let commands = self.out.commands.iter();
        commands.map(|command| *command.as_ref()).collect()
    }

    fn wish(&mut self, action: Action) -> Vec<Record> {
        self.apply(kit::tick(), &[action])
    }

    fn say(&mut self, kind: Kind, quote: usize, reason: RejectReason) -> Vec<Record> {
        let id = self.quotes[quote].raw();
        self.apply(report(kind, id, OrderStatus::NotStated, 0, reason), &[])
    }

    fn amended(&mut self, quote: usize, qty: i64) {
        let body = Amended {
            client_id: self.quotes[quote].raw(),
            venue_order_id: 0,
            venue_time_ns: 0,
            qty: Lots(qty),
            cum_qty: Lots(0),
            reserved: [0; 40],
        };
        let record = Record::new(Kind::OrderAmended, &body)
            .on_instrument(INSTRUMENT)
            .on_account(ACCOUNT);
        self.apply(record, &[]);
    }

    fn order(&self, quote: usize) -> Order {
        *self.risk.orders().get(self.quotes[quote]).unwrap()
    }

    fn refused(&self) -> Vec<RefusalReason> {
        let reasons = self.out.refusals.iter().filter_map(|record| {
            if let Ok(Event::RiskRefused(refusal)) = event(record) {
                Some(refusal.reason)
            } else {
                None
            }
        });
        reasons.collect()
    }
}

#[test]
fn amend_makes_an_order_smaller_when_the_venue_confirms_it_and_not_before() {
    let mut alone = Alone::open();
    let (client_id, qty) = (alone.quotes[0], Lots(60));
    let commands = alone.wish(Action::Amend { client_id, qty });
    let Ok(CommandView::AmendOrder(amend)) = command(&commands[0]) else {
        panic!("{commands:?}")
    };
    assert_eq!((amend.client_id, amend.qty), (client_id.raw(), qty));
    assert_eq!(commands[0].strategy(), Some(StrategyId(0)));
    let order = alone.order(0);
    assert!(order.overlays().pending_amend);
    assert_eq!((order.qty, order.exposure()), (Lots(100), Lots(100)));
    alone.wish(Action::Amend { client_id, qty });
    assert_eq!(alone.refused(), [RefusalReason::NotOpen], "one at a time");
    alone.amended(0, 60);
    let order = alone.order(0);
    assert!(!order.overlays().pending_amend);
    assert_eq!((order.qty, order.exposure()), (Lots(60), Lots(60)));
    assert_eq!(order.state, OrderState::Open);
}

#[test]
fn amend_is_refused_if_it_is_no_decrease_or_leaves_nothing() {
    let mut alone = Alone::open();
    let client_id = alone.quotes[0];
    let fill = kit::fill(client_id.raw(), 5, model::body::Side::Buy, 999_990, 30);
    alone.apply(fill, &[]);
    for qty in [100, 101, 30, 0, -1, i64::MIN, i64::MAX] {
        let qty = Lots(qty);
        assert!(alone.wish(Action::Amend { client_id, qty }).is_empty());
        assert_eq!(alone.refused(), [RefusalReason::Malformed], "{qty:?}");
    }
    let qty = Lots(5);
    alone.wish(Action::Amend { client_id, qty });
    assert_eq!(alone.refused(), [RefusalReason::Malformed]);
    let qty = Lots(40);
    alone.wish(Action::Amend { client_id, qty });
    assert_eq!(alone.refused(), [RefusalReason::NotionalFilter]);
    let qty = Lots(60);
    let commands = alone.wish(Action::Amend { client_id, qty });
    assert_eq!(kinds(&commands), [Kind::AmendOrder]);
    let stranger = ClientOrderId::new(1, Some(StrategyId(3)), 1).unwrap();
    alone.wish(Action::Amend {
        client_id: stranger,
        qty,
    });
    assert_eq!(alone.refused(), [RefusalReason::NotOpen]);
}

#[test]
fn amend_refused_by_the_venue_keeps_the_quantity_and_asks() {
    let mut alone = Alone::open();
    let (client_id, qty) = (alone.quotes[0], Lots(60));
    alone.wish(Action::Amend { client_id, qty });
    let asks = alone.say(Kind::AmendRejected, 0, RejectReason::Other);
    assert_eq!(kinds(&asks), [Kind::QueryOrder]);
    let order = alone.order(0);
    assert!(!order.overlays().pending_amend && order.doubtful);
    assert_eq!(order.exposure(), Lots(100));
}

#[test]
fn amend_without_an_answer_is_given_up_and_asked_for() {
    let mut alone = Alone::open();
    let (client_id, qty) = (alone.quotes[0], Lots(60));
    alone.wish(Action::Amend { client_id, qty });
    alone.now += 2 * kit::SECOND;
    let asks = alone.apply(kit::tick(), &[]);
    assert_eq!(kinds(&asks), [Kind::QueryOrder]);
    assert!(alone.order(0).doubtful);
}

#[test]
fn cancel_all_cancels_what_can_be_cancelled_now_and_the_rest_when_it_can() {
    let mut alone = Alone::new();
    alone.apply(sent(&alone.placed[0]), &[]);
    let other = Action::CancelAll {
        instrument: Some(model::ids::InstrumentId(1)),
    };
    assert!(alone.wish(other).is_empty());
    let all = Action::CancelAll { instrument: None };
    let commands = alone.wish(all);
    assert_eq!(kinds(&commands), [Kind::CancelOrder]);
    assert_eq!(commands[0].strategy(), None, "it takes no credit");
    assert!(alone.refused().is_empty());
    assert!(alone.order(0).overlays().pending_cancel);
    let commands = alone.apply(sent(&alone.placed[1]), &[]);
    assert_eq!(kinds(&commands), [Kind::CancelOrder]);
    alone.say(Kind::OrderCancelled, 0, RejectReason::None);
    alone.say(Kind::OrderCancelled, 1, RejectReason::None);
    assert_eq!(alone.risk.orders().live_count(), 0);
}
