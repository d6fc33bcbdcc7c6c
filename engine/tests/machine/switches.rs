//! Stop, kill, release and the confirmed-empty proof.

use crate::kit::{approval, config, kinds, maker, operator, report, request, taker, tick};
use crate::sim::Sim;
use engine::machine::ApplyError;
use model::blob::{self, BlobKind};
use model::body::{
    ControlAction, OperatorAction, OrderStatus, RefusalReason, RejectReason, RunStarted,
};
use model::control::Scope;
use model::event::Event;
use model::ids::SourceId;
use model::record::{Kind, Record};

fn placements(commands: &[Record]) -> usize {
    kinds(commands)
        .iter()
        .filter(|kind| matches!(kind, Kind::NewOrder | Kind::ReplaceOrder))
        .count()
}

fn trading() -> Sim {
    let mut sim = Sim::new(3, vec![maker(), taker()]);
    while sim.resting() < 2 {
        sim.step();
    }
    sim
}

#[test]
fn stop_cancels_everything_and_places_nothing() {
    let mut sim = trading();
    let before = sim.rig.commands.len();
    sim.push(operator(OperatorAction::Stop));
    assert_eq!(sim.resting(), 0);
    assert_eq!(sim.rig.machine.orders().live_count(), 0);
    for _ in 0..200 {
        sim.step();
    }
    assert_eq!(placements(&sim.rig.commands[before..]), 0);
}

#[test]
fn kill_holds_until_it_is_released() {
    let mut sim = trading();
    sim.push(operator(OperatorAction::Kill));
    assert_eq!(sim.resting(), 0);
    let before = sim.rig.commands.len();
    for _ in 0..200 {
        sim.step();
    }
    assert_eq!(placements(&sim.rig.commands[before..]), 0);
    sim.push(operator(OperatorAction::Release));
    assert!(sim.rig.machine.kill_latched(), "one voice is not enough");
    sim.push(request(1, 0, ControlAction::Release, Scope::Overall));
    assert!(sim.rig.machine.kill_latched());
    sim.push(approval(2, 1, 1));
    assert!(!sim.rig.machine.kill_latched());
    for _ in 0..200 {
        sim.step();
    }
    assert!(placements(&sim.rig.commands[before..]) > 5);
}

#[test]
fn confirm_flat_asks_each_account_once() {
    let mut sim = trading();
    sim.push(operator(OperatorAction::Stop));
    let before = sim.rig.commands.len();
    sim.push(operator(OperatorAction::ConfirmFlat));
    sim.push(tick());
    assert_eq!(kinds(&sim.rig.commands[before..]), [Kind::QueryOpenOrders]);
    let counts = sim.rig.machine.counts();
    assert_eq!((counts.lists, counts.listed_ours), (1, 0));
}

#[test]
fn stop_while_an_order_is_on_its_way_cancels_it_when_it_is_sent() {
    let mut rig = crate::kit::Rig::new();
    rig.start(&config(vec![maker()]), 0);
    let quotes = rig.commands.clone();
    assert_eq!(kinds(&rig.apply(operator(OperatorAction::Stop))), []);
    let cancel = rig.apply(crate::kit::sent(&quotes[0]));
    assert_eq!(kinds(&cancel), [Kind::CancelOrder]);
    let id = crate::kit::new_order(&quotes[0]).client_id;
    let none = OrderStatus::NotStated;
    let unknown = report(
        Kind::CancelRejected,
        id,
        none,
        0,
        RejectReason::UnknownOrder,
    );
    assert_eq!(kinds(&rig.apply(unknown)), [Kind::QueryOrder]);
}

#[test]
fn configuration_with_problems_or_another_account_is_refused() {
    let mut bad = config(vec![maker()]);
    bad.limits.messages_reserved = bad.limits.messages_burst;
    bad.book_window_ticks = 5_000;
    assert_eq!(bad.check().len(), 2);
    let mut other = config(vec![maker()]);
    other.accounts[0].name = "other".to_owned();
    assert!(other.check().is_empty());
    for (config, renamed) in [(bad, false), (other, true)] {
        let mut sim = trading();
        let mut last = Ok(());
        for record in blob::records(BlobKind::MachineConfig, &config).unwrap() {
            let mut record = record.from_source(SourceId(9));
            record.event = sim.rig.machine.last_event() + 1;
            record.time_ns = sim.rig.now;
            last = sim.rig.machine.apply(&record, &mut sim.rig.out);
        }
        match last {
            Err(ApplyError::Renamed { .. }) => assert!(renamed),
            Err(ApplyError::Config { count, .. }) => assert!(!renamed && count == 2),
            other => panic!("{other:?}"),
        }
    }
}

/// The story: a refused cancel is an event, and that event must not cause the next attempt.
#[test]
fn stop_with_cancels_unanswered_and_a_stale_book_does_not_storm() {
    let mut rig = crate::kit::Rig::new();
    rig.start(&config(vec![maker()]), 0);
    for command in rig.commands.clone() {
        rig.apply(crate::kit::sent(&command));
    }
    rig.apply(operator(OperatorAction::Stop));
    for id in 2..1_000 {
        rig.pass(100_000);
        rig.apply(crate::kit::reset(id, 1));
        for refusal in rig.out.refusals.clone() {
            rig.apply(refusal);
        }
    }
    let refused = rig.refusals.len();
    assert!(refused <= 4, "{refused} refusals in a tenth of a second");
}

#[test]
fn cancel_only_refuses_what_is_new_until_it_is_resumed() {
    let mut sim = trading();
    sim.push(operator(OperatorAction::CancelOnly));
    let risk = sim.rig.machine.risk();
    assert!(risk.is_cancel_only() && !risk.is_stopping() && !risk.kill_latched());
    let (before, refused) = (sim.rig.commands.len(), sim.rig.refusals.len());
    for _ in 0..200 {
        sim.step();
    }
    assert_eq!(placements(&sim.rig.commands[before..]), 0);
    let reasons: Vec<RefusalReason> = sim.rig.refusals[refused..]
        .iter()
        .filter_map(|record| match model::event::event(record) {
            Ok(Event::RiskRefused(refusal)) => Some(refusal.reason),
            _ => None,
        })
        .collect();
    assert!(reasons.contains(&RefusalReason::CancelOnly), "{reasons:?}");
    sim.push(operator(OperatorAction::Resume));
    assert!(!sim.rig.machine.risk().is_cancel_only());
    for _ in 0..200 {
        sim.step();
    }
    assert!(placements(&sim.rig.commands[before..]) > 5);
}

#[test]
fn cancel_only_is_state_and_a_new_run_starts_without_it() {
    let mut sim = trading();
    let mut plain = sim.rig.machine.clone();
    let mut record = operator(OperatorAction::ConfirmFlat);
    record.event = plain.last_event() + 1;
    record.time_ns = sim.rig.now;
    plain.apply(&record, &mut sim.rig.out).unwrap();
    sim.push(operator(OperatorAction::CancelOnly));
    assert_ne!(sim.rig.machine.state_hash(), plain.state_hash());
    let epoch = sim.rig.machine.epoch() + 1;
    let commands = sim.rig.machine.commands_decided();
    let started = RunStarted {
        epoch,
        reserved0: 0,
        commands_journaled: commands,
        reserved: [0; 64],
    };
    sim.rig.apply(Record::new(Kind::RunStarted, &started));
    assert!(!sim.rig.machine.risk().is_cancel_only());
}

/// The story: a replacement is refused, but the quote at the old price must not stay.
#[test]
fn cancel_only_keeps_the_cancel_of_a_replacement() {
    let mut sim = Sim::new(3, vec![maker()]);
    while sim.resting() < 2 {
        sim.step();
    }
    sim.push(operator(OperatorAction::CancelOnly));
    for _ in 0..2_000 {
        sim.step();
        if sim.resting() == 0 {
            break;
        }
    }
    assert_eq!(
        sim.resting(),
        0,
        "the maker's requotes took its orders away"
    );
    let risk = sim.rig.machine.risk();
    assert!(risk.is_cancel_only());
    assert!(
        sim.rig
            .machine
            .strategies()
            .iter()
            .all(|s| s.intents_in_flight() <= 16)
    );
}
