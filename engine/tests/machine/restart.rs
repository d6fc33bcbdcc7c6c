//! A crash and a new run: what was never sent is void, what may have been sent is unknown.

use crate::kit::{
    Rig, SECOND, approval, config, connection, kinds, maker, new_order, report, request,
    run_started, sent, taker,
};
use crate::sim::Sim;
use engine::machine::{ApplyError, Machine, OrderState, Outputs};
use model::body::{Channel, ControlAction, LinkState, OperatorAction, OrderStatus, RejectReason};
use model::control::Scope;
use model::ids::ClientOrderId;
use model::num::Lots;
use model::record::{Kind, Record};

fn state(rig: &Rig, command: &Record) -> OrderState {
    let id = ClientOrderId::from_raw(new_order(command).client_id).unwrap();
    rig.machine.orders().get(id).unwrap().state
}

#[test]
fn restart_voids_what_the_journal_never_held_and_asks_for_the_rest() {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    let quotes = rig.commands.clone();
    assert_eq!(rig.machine.commands_decided(), 2);
    rig.begin(&config(vec![maker()]), 1);
    assert_eq!(rig.machine.commands_decided(), 1);
    assert_eq!(rig.machine.epoch(), 2);
    assert_eq!(state(&rig, &quotes[0]), OrderState::Unknown);
    assert_eq!(state(&rig, &quotes[1]), OrderState::NotSent);
    let runner = &rig.machine.strategies()[0];
    assert_eq!(runner.orders().live_count(), 1);
    assert_eq!(runner.intents_in_flight(), 0);
    let asks = rig.apply(connection(Channel::Orders, LinkState::Up));
    // The maker, without a book, wants its order cancelled; risk wants to know what became of it.
    assert_eq!(kinds(&asks), [Kind::CancelOrder, Kind::QueryOrder]);
    // The answer frees trading, although it proves nothing yet: the exposure stays reserved.
    for ask in &asks {
        rig.apply(sent(ask));
    }
    rig.pass(SECOND);
    let blocked = rig.book(2, 999_998, 1_000_002);
    assert!(!kinds(&blocked).contains(&Kind::NewOrder));
    for refusal in rig.refusals.clone() {
        rig.apply(refusal);
    }
    let id = new_order(&quotes[0]).client_id;
    let none = OrderStatus::NotStated;
    rig.apply(report(
        Kind::OrderAbsent,
        id,
        none,
        0,
        RejectReason::UnknownOrder,
    ));
    rig.pass(SECOND);
    let placed = rig.book(3, 999_998, 1_000_002);
    let new: Vec<&Record> = placed
        .iter()
        .filter(|record| record.kind() == Some(Kind::NewOrder))
        .collect();
    assert_eq!(new.len(), 1, "{:?}", rig.refusal_reasons());
    let fresh = ClientOrderId::from_raw(new_order(new[0]).client_id).unwrap();
    assert_eq!((fresh.epoch(), fresh.counter()), (2, 2));
    let lost = ClientOrderId::from_raw(id).unwrap();
    assert_eq!(
        rig.machine.orders().get(lost).unwrap().exposure(),
        Lots(100)
    );
}

#[test]
fn restart_with_everything_journaled_keeps_every_order() {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    let quotes = rig.commands.clone();
    rig.apply(sent(&quotes[0]));
    let id = new_order(&quotes[0]).client_id;
    rig.apply(report(
        Kind::OrderAcked,
        id,
        OrderStatus::Open,
        0,
        RejectReason::None,
    ));
    rig.begin(&config(vec![maker()]), 2);
    assert_eq!(state(&rig, &quotes[0]), OrderState::Open);
    assert_eq!(state(&rig, &quotes[1]), OrderState::Unknown);
    let asks = rig.apply(connection(Channel::Orders, LinkState::Up));
    let queries = kinds(&asks)
        .into_iter()
        .filter(|kind| *kind == Kind::QueryOrder);
    assert_eq!(queries.count(), 2);
}

#[test]
fn restart_keeps_a_kill_and_forgets_a_stop() {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    rig.apply(crate::kit::operator(OperatorAction::Kill));
    rig.apply(crate::kit::operator(OperatorAction::Stop));
    let journaled = rig.machine.commands_decided();
    rig.begin(&config(vec![maker()]), journaled);
    assert!(rig.machine.kill_latched());
    assert!(!rig.machine.risk().is_stopping());
    rig.apply(request(1, 0, ControlAction::Release, Scope::Overall));
    rig.apply(approval(2, 1, 1));
    assert!(!rig.machine.kill_latched());
}

#[test]
fn restart_with_more_commands_than_decided_or_an_old_epoch_is_refused() {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    let next = |rig: &Rig, record: Record| {
        let mut record = record;
        record.event = rig.machine.last_event() + 1;
        record.time_ns = rig.now;
        record
    };
    let ahead = next(&rig, run_started(2, 3));
    let mut out = Outputs::new();
    let refused = rig.machine.apply(&ahead, &mut out);
    assert!(matches!(refused, Err(ApplyError::CommandsAhead { .. })));
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    let old = next(&rig, run_started(1, 0));
    let refused = rig.machine.apply(&old, &mut out);
    assert!(matches!(refused, Err(ApplyError::Epoch { .. })));
}

#[test]
fn restart_with_another_strategy_cancels_the_orders_of_the_old_one() {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    for command in rig.commands.clone() {
        rig.apply(sent(&command));
        let id = new_order(&command).client_id;
        rig.apply(report(
            Kind::OrderAcked,
            id,
            OrderStatus::Open,
            0,
            RejectReason::None,
        ));
    }
    rig.begin(&config(vec![taker()]), 2);
    let commands = rig.apply(connection(Channel::Orders, LinkState::Up));
    let cancels = kinds(&commands)
        .iter()
        .filter(|kind| **kind == Kind::CancelOrder)
        .count();
    assert_eq!(cancels, 2);
}

#[test]
fn restart_at_any_event_of_a_run_replays_and_trades_on() {
    let mut sim = Sim::new(21, vec![maker(), taker()]);
    for _ in 0..60 {
        sim.step();
    }
    let log = &sim.rig.log;
    for cut in (log.len() / 4..log.len()).step_by(41) {
        let mut rig = Rig::new();
        for record in &log[..cut] {
            rig.now = record.time_ns;
            rig.apply(*record);
        }
        let decided = rig.machine.commands_decided();
        let before = rig.machine.orders().live_count();
        rig.begin(&config(vec![maker(), taker()]), decided.saturating_sub(1));
        assert!(rig.machine.orders().live_count() + 1 >= before);
        rig.apply(connection(Channel::Orders, LinkState::Up));
        let live: Vec<u64> = rig
            .machine
            .orders()
            .live()
            .map(|o| o.client_id.raw())
            .collect();
        for id in live {
            let status = report(
                Kind::OrderStatus,
                id,
                OrderStatus::Cancelled,
                0,
                RejectReason::None,
            );
            rig.apply(status);
        }
        rig.pass(2 * SECOND);
        let placed = rig.book(1_000_000, 6_000_000, 6_000_010);
        assert!(kinds(&placed).contains(&Kind::NewOrder), "cut at {cut}");
        let mut again = Machine::new();
        let mut out = Outputs::new();
        for record in &rig.log {
            again.apply(record, &mut out).unwrap();
        }
        assert_eq!(again.state_hash(), rig.machine.state_hash());
    }
}
