//! What follows a kill: its scope is emptied, the gateways are latched, and the venue's word is
//! asked for until it holds; over restarts too.

use engine::machine::ChangeRefusal;
use model::body::{ControlAction, NoticeCode, OrderStatus, RejectReason};
use model::command::{CommandView, command};
use model::control::Scope;
use model::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use model::record::{Kind, Record};

use crate::kit::{
    self, Rig, SECOND, approval, config, kinds, maker, new_order, report, request, sent, taker,
    tick,
};
use crate::sim::Sim;

use crate::control_kit::{answer, codes, notices, placements, push, refused, trading};

const KILLS: [Scope; 5] = [
    Scope::Overall,
    Scope::Venue(VenueId(0)),
    Scope::Account(AccountId(0)),
    Scope::Strategy(StrategyId(0)),
    Scope::Instrument(InstrumentId(0)),
];

fn refusals(rig: &Rig) -> usize {
    let all = kinds(&rig.refusals);
    all.iter()
        .filter(|kind| **kind == Kind::RiskRefused)
        .count()
}

#[test]
fn kill_in_every_level_empties_its_scope_and_two_persons_release_it() {
    for scope in KILLS {
        let mut sim = trading();
        sim.push(request(1, 0, ControlAction::Kill, scope));
        assert_eq!(
            answer(&sim.rig, 1).0,
            NoticeCode::ChangeApplied,
            "{scope:?}"
        );
        sim.push(tick());
        assert_eq!(sim.resting(), 0, "{scope:?}");
        let before = sim.rig.commands.len();
        let wishes = refusals(&sim.rig);
        for _ in 0..200 {
            sim.step();
        }
        assert_eq!(placements(&sim.rig.commands[before..]), 0, "{scope:?}");
        // The strategy knows, and wishes for nothing.
        assert_eq!(refusals(&sim.rig), wishes, "{scope:?}");
        let told = codes(&sim.rig);
        assert!(told.contains(&NoticeCode::Killed) && told.contains(&NoticeCode::ConfirmedEmpty));
        sim.push(request(2, 1, ControlAction::Release, scope));
        sim.push(approval(3, 1, 2));
        assert_eq!(refused(&sim.rig, 3), ChangeRefusal::SamePerson);
        sim.push(approval(4, 0, 2));
        let before = sim.rig.commands.len();
        for _ in 0..200 {
            sim.step();
        }
        assert!(placements(&sim.rig.commands[before..]) > 5, "{scope:?}");
    }
}

#[test]
fn kill_of_another_scope_leaves_the_others_alone() {
    let mut sim = Sim::new(3, vec![maker(), taker()]);
    while sim.resting() < 2 {
        sim.step();
    }
    sim.push(request(
        1,
        0,
        ControlAction::Kill,
        Scope::Strategy(StrategyId(1)),
    ));
    let before = sim.rig.commands.len();
    for _ in 0..200 {
        sim.step();
    }
    let after = &sim.rig.commands[before..];
    assert!(placements(after) > 5);
    let by_killed = after
        .iter()
        .filter(|record| record.strategy() == Some(StrategyId(1)));
    assert_eq!(placements(&by_killed.copied().collect::<Vec<_>>()), 0);
}

#[test]
fn kill_latches_every_account_and_a_release_takes_the_latch_off() {
    let mut sim = trading();
    let latches = |rig: &Rig| -> Vec<bool> {
        let latch = |record: &Record| match command(record) {
            Ok(CommandView::Latch(latch)) => Some(latch.on.is_yes()),
            _ => None,
        };
        rig.commands.iter().filter_map(latch).collect()
    };
    sim.push(tick());
    sim.push(request(1, 0, ControlAction::Kill, Scope::Overall));
    assert_eq!(latches(&sim.rig), [true]);
    sim.push(request(2, 0, ControlAction::Release, Scope::Overall));
    sim.push(approval(3, 1, 2));
    assert_eq!(latches(&sim.rig), [true, false]);
}

#[test]
fn kill_of_many_orders_cancels_them_with_one_request_and_again_while_they_rest() {
    let mut config = config(vec![maker(); 5]);
    config.limits.messages_per_second = 100_000;
    config.limits.messages_burst = 100_000;
    let mut rig = Rig::new();
    rig.start(&config, 0);
    rig.apply(tick());
    for placed in rig.commands.clone() {
        rig.apply(sent(&placed));
        let id = new_order(&placed).client_id;
        rig.apply(report(
            Kind::OrderAcked,
            id,
            OrderStatus::Open,
            0,
            RejectReason::None,
        ));
    }
    assert_eq!(rig.commands.len(), 10);
    let caused = rig.apply(request(1, 0, ControlAction::Kill, Scope::Overall));
    assert_eq!(kinds(&caused), [Kind::Latch, Kind::CancelAll]);
    for command in caused {
        assert_eq!(kinds(&rig.apply(sent(&command))), []);
    }
    rig.pass(SECOND / 2);
    assert_eq!(kinds(&rig.apply(tick())), [Kind::CancelAll]);
    // A strategy's own: the others' orders rest in the same place, so one by one.
    let mut rig = Rig::new();
    rig.start(&config, 0);
    rig.apply(tick());
    let caused = rig.apply(request(
        1,
        0,
        ControlAction::Kill,
        Scope::Strategy(StrategyId(0)),
    ));
    assert!(!kinds(&caused).contains(&Kind::CancelAll));
}

#[test]
fn kill_is_latched_over_a_restart_and_worked_at_anew() {
    let mut sim = trading();
    sim.push(request(1, 0, ControlAction::Kill, Scope::Venue(VenueId(0))));
    sim.push(tick());
    let journaled = sim.rig.machine.commands_decided();
    let config = config(vec![maker()]);
    sim.rig.start(&config, journaled);
    let before = sim.rig.commands.len();
    sim.push(tick());
    let after = kinds(&sim.rig.commands[before..]);
    assert!(after.contains(&Kind::Latch), "{after:?}");
    for _ in 0..100 {
        sim.step();
    }
    assert_eq!(placements(&sim.rig.commands[before..]), 0);
}

#[test]
fn venue_that_still_lists_an_order_is_asked_again() {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    rig.apply(tick());
    push(&mut rig, request(1, 0, ControlAction::Kill, Scope::Overall));
    for placed in rig.commands.clone() {
        if placed.kind() == Some(Kind::NewOrder) {
            let id = new_order(&placed).client_id;
            rig.apply(report(
                Kind::OrderRejected,
                id,
                OrderStatus::Rejected,
                0,
                RejectReason::Other,
            ));
        }
    }
    let list = |ours| {
        let body = model::body::OpenOrders {
            ours,
            foreign: 3,
            reserved: [0; 64],
        };
        Record::new(Kind::OpenOrders, &body).on_account(kit::ACCOUNT)
    };
    let asks = |rig: &Rig| {
        let all = kinds(&rig.commands);
        all.iter()
            .filter(|kind| **kind == Kind::QueryOpenOrders)
            .count()
    };
    assert_eq!(asks(&rig), 1);
    push(&mut rig, list(1));
    rig.pass(SECOND);
    push(&mut rig, tick());
    assert_eq!(asks(&rig), 2);
    assert!(!codes(&rig).contains(&NoticeCode::ConfirmedEmpty));
    push(&mut rig, list(0));
    let empty = notices(&rig);
    let empty = empty
        .iter()
        .find(|notice| notice.code == NoticeCode::ConfirmedEmpty);
    assert!(empty.is_some_and(|notice| notice.value >= SECOND.cast_signed()));
    rig.pass(10 * SECOND);
    push(&mut rig, tick());
    assert_eq!(asks(&rig), 2, "done");
}
