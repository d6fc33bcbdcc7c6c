//! Change control: who may do what, and how each request is answered.

use engine::machine::{ChangeRefusal, LevelConfig};
use model::body::{
    ControlAction, ControlRequest, NoticeCode, OrderStatus, Outcome, RefusalReason, RejectReason,
};
use model::control::{Control, Scope};
use model::event::{Event, event};
use model::ids::{InstrumentId, StrategyId, VenueId};
use model::record::{Kind, Record};
use zerocopy::TryFromBytes as _;

use crate::kit::{Rig, SECOND, approval, config, maker, new_order, report, request, sent, tick};

use crate::control_kit::{
    answer, change, codes, levelled, limit, notices, placements, push, refused, trading,
};

fn daily_loss(rig: &Rig) -> Option<i64> {
    let mut limits = rig.machine.risk().watched_limits();
    limits
        .find(|one| one.0 == Control::DailyLoss)
        .map(|one| one.3)
}

#[test]
fn limit_tightened_holds_at_once_and_loosened_waits_for_another_person() {
    let mut rig = levelled();
    let hard = |rig: &Rig| daily_loss(rig).unwrap();
    push(&mut rig, limit(1, 0, Control::DailyLoss, (100, 80, 50)));
    assert_eq!(
        (answer(&rig, 1), hard(&rig)),
        ((NoticeCode::ChangeApplied, 80), 80)
    );
    push(&mut rig, limit(2, 0, Control::DailyLoss, (80, 90, 50)));
    assert_eq!(
        (answer(&rig, 2).0, hard(&rig)),
        (NoticeCode::ChangeProposed, 80)
    );
    push(&mut rig, approval(3, 0, 2));
    assert_eq!(refused(&rig, 3), ChangeRefusal::SamePerson);
    push(&mut rig, approval(4, 1, 2));
    assert_eq!(
        (answer(&rig, 4), hard(&rig)),
        ((NoticeCode::ChangeApplied, 90), 90)
    );
    push(&mut rig, approval(5, 1, 2));
    assert_eq!(refused(&rig, 5), ChangeRefusal::NoProposal);
    // A soft limit that goes away is looser, too.
    push(
        &mut rig,
        limit(6, 0, Control::DailyLoss, (90, 80, i64::MAX)),
    );
    assert_eq!(answer(&rig, 6).0, NoticeCode::ChangeProposed);
}

#[test]
fn limit_changed_by_people_survives_a_restart_until_the_configuration_says_otherwise() {
    let mut config = config(vec![maker()]);
    config.control.levels = vec![LevelConfig {
        control: Control::DailyLoss,
        scope: Scope::Overall,
        soft: None,
        hard: 100,
    }];
    let mut rig = Rig::new();
    rig.start(&config, 0);
    rig.apply(tick());
    push(
        &mut rig,
        limit(1, 0, Control::DailyLoss, (100, 80, i64::MAX)),
    );
    let hard = daily_loss;
    let journaled = rig.machine.commands_decided();
    rig.start(&config, journaled);
    assert_eq!(hard(&rig), Some(80));
    config.control.levels[0].hard = 120;
    rig.start(&config, journaled);
    assert_eq!(hard(&rig), Some(120));
    config.control.levels.clear();
    rig.start(&config, journaled);
    assert_eq!(hard(&rig), None);
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "every field is named once, so that a new one does not compile unsaved"
)]
fn requests_that_cannot_be_are_refused_each_with_its_reason() {
    let mut rig = levelled();
    let unknown_order = |number| {
        let asked = request(number, 0, ControlAction::Resolve, Scope::Overall);
        change(asked, |body| {
            (body.target, body.outcome) = (1 << 41, Outcome::Absent);
        })
    };
    let cases = [
        (
            limit(1, 9, Control::DailyLoss, (100, 80, 50)),
            ChangeRefusal::UnknownPerson,
        ),
        (
            limit(2, 0, Control::DailyLoss, (99, 80, 50)),
            ChangeRefusal::OldDiffers,
        ),
        (
            limit(3, 0, Control::DailyLoss, (100, 40, 50)),
            ChangeRefusal::Contradiction,
        ),
        (
            limit(4, 0, Control::DailyLoss, (100, -1, 50)),
            ChangeRefusal::Contradiction,
        ),
        (
            limit(5, 0, Control::DailyLoss, (100, 100, 50)),
            ChangeRefusal::NothingToDo,
        ),
        (
            limit(6, 0, Control::Form, (i64::MAX, 1, 1)),
            ChangeRefusal::UnknownControl,
        ),
        (
            request(7, 0, ControlAction::Kill, Scope::Venue(VenueId(9))),
            ChangeRefusal::UnknownScope,
        ),
        (
            request(8, 0, ControlAction::Release, Scope::Overall),
            ChangeRefusal::NothingToDo,
        ),
        (
            request(9, 0, ControlAction::Enable, Scope::Overall),
            ChangeRefusal::NothingToDo,
        ),
        (
            request(10, 0, ControlAction::Restrict, Scope::Overall),
            ChangeRefusal::UnknownScope,
        ),
        (approval(11, 0, 77), ChangeRefusal::NoProposal),
        (unknown_order(12), ChangeRefusal::NotResolvable),
        (
            limit(0, 0, Control::DailyLoss, (100, 80, 50)),
            ChangeRefusal::Repeated,
        ),
    ];
    for (record, reason) in cases {
        let number = ControlRequest::try_ref_from_bytes(&record.body)
            .unwrap()
            .number;
        push(&mut rig, record);
        assert_eq!(refused(&rig, number), reason);
    }
    let pause = request(20, 0, ControlAction::Pause, Scope::Overall);
    push(&mut rig, pause);
    push(
        &mut rig,
        request(21, 0, ControlAction::Enable, Scope::Overall),
    );
    push(
        &mut rig,
        request(21, 1, ControlAction::Enable, Scope::Overall),
    );
    let repeated = notices(&rig);
    let repeated = repeated.iter().rfind(|notice| notice.other == 21).unwrap();
    assert_eq!(repeated.value, ChangeRefusal::Repeated as i64);
}

#[test]
fn proposals_are_bounded_expire_and_can_be_withdrawn() {
    let mut rig = levelled();
    for number in 1..=33 {
        push(
            &mut rig,
            limit(number, 0, Control::DailyLoss, (100, 200, 50)),
        );
        rig.pass(SECOND);
    }
    assert_eq!(rig.machine.risk().changes_waiting(), 32);
    assert_eq!(refused(&rig, 33), ChangeRefusal::TooMany);
    let withdraw = request(40, 0, ControlAction::Withdraw, Scope::Overall);
    push(&mut rig, change(withdraw, |body| body.target = 5));
    assert_eq!(rig.machine.risk().changes_waiting(), 31);
    // The first was made at second 0 and lives for 60 seconds; 33 have passed.
    rig.pass(27 * SECOND);
    push(&mut rig, tick());
    assert_eq!(rig.machine.risk().changes_waiting(), 30);
    assert!(codes(&rig).contains(&NoticeCode::ChangeExpired));
    rig.pass(60 * SECOND);
    push(&mut rig, approval(41, 1, 32));
    assert_eq!(refused(&rig, 41), ChangeRefusal::NoProposal);
    assert_eq!(rig.machine.risk().changes_waiting(), 0);
}

#[test]
fn pause_stops_what_is_new_until_two_persons_enable_it() {
    let mut sim = trading();
    sim.push(request(
        1,
        0,
        ControlAction::Pause,
        Scope::Strategy(StrategyId(0)),
    ));
    let (before, refusals) = (sim.rig.commands.len(), sim.rig.refusals.len());
    for _ in 0..200 {
        sim.step();
    }
    assert_eq!(placements(&sim.rig.commands[before..]), 0);
    let reason = |record: &Record| match event(record) {
        Ok(Event::RiskRefused(refusal)) => Some(refusal.reason),
        _ => None,
    };
    let reasons = sim.rig.refusals[refusals..].iter().filter_map(reason);
    assert!(reasons.into_iter().any(|one| one == RefusalReason::Paused));
    sim.push(request(
        2,
        0,
        ControlAction::Enable,
        Scope::Strategy(StrategyId(0)),
    ));
    sim.push(approval(3, 1, 2));
    for _ in 0..200 {
        sim.step();
    }
    assert!(placements(&sim.rig.commands[before..]) > 5);
}

#[test]
fn restricted_instrument_is_cleared_and_comes_back_when_its_time_is_over() {
    let mut sim = trading();
    let until = i64::try_from(sim.rig.now + 2 * SECOND).unwrap();
    let asked = request(
        1,
        0,
        ControlAction::Restrict,
        Scope::Instrument(InstrumentId(0)),
    );
    sim.push(change(asked, |body| body.new = until));
    sim.push(tick());
    assert_eq!(sim.resting(), 0);
    let before = sim.rig.commands.len();
    for _ in 0..50 {
        sim.step();
    }
    assert_eq!(placements(&sim.rig.commands[before..]), 0);
    sim.rig.pass(2 * SECOND);
    sim.push(tick());
    for _ in 0..200 {
        sim.step();
    }
    assert!(placements(&sim.rig.commands[before..]) > 5);
    assert!(codes(&sim.rig).contains(&NoticeCode::Unrestricted));
}

#[test]
fn order_in_doubt_ends_by_two_persons_and_by_no_fewer() {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    rig.apply(tick());
    let placed = rig.commands[0];
    let id = new_order(&placed).client_id;
    rig.apply(sent(&placed));
    let resolve = |number| {
        let asked = request(number, 0, ControlAction::Resolve, Scope::Overall);
        change(asked, |body| {
            (body.target, body.outcome) = (id, Outcome::Cancelled)
        })
    };
    push(&mut rig, resolve(1));
    assert_eq!(
        refused(&rig, 1),
        ChangeRefusal::NotResolvable,
        "not in doubt"
    );
    rig.apply(report(
        Kind::OrderUnknown,
        id,
        OrderStatus::NotStated,
        0,
        RejectReason::NoAnswer,
    ));
    push(&mut rig, resolve(2));
    assert_eq!(answer(&rig, 2).0, NoticeCode::ChangeProposed);
    let live = rig.machine.orders().live_count();
    push(&mut rig, approval(3, 1, 2));
    assert_eq!(rig.machine.orders().live_count(), live - 1);
    assert!(codes(&rig).contains(&NoticeCode::Resolved));
}

#[test]
fn restricted_instrument_comes_off_the_list_by_two_persons() {
    let mut rig = levelled();
    let scope = Scope::Instrument(InstrumentId(0));
    push(&mut rig, request(1, 0, ControlAction::Unrestrict, scope));
    assert_eq!(refused(&rig, 1), ChangeRefusal::NothingToDo);
    push(&mut rig, request(2, 0, ControlAction::Restrict, scope));
    assert_eq!(rig.machine.risk().restricted(), [(InstrumentId(0), 0)]);
    push(&mut rig, request(3, 0, ControlAction::Unrestrict, scope));
    assert_eq!(answer(&rig, 3).0, NoticeCode::ChangeProposed);
    push(&mut rig, approval(4, 1, 3));
    assert_eq!(rig.machine.risk().restricted(), []);
}

#[test]
fn number_of_a_request_is_remembered_over_others() {
    let mut rig = levelled();
    for number in [1, 2, 3] {
        push(
            &mut rig,
            request(number, 0, ControlAction::Pause, Scope::Overall),
        );
    }
    push(&mut rig, request(1, 0, ControlAction::Kill, Scope::Overall));
    assert!(!rig.machine.kill_latched(), "1 was used");
    push(&mut rig, request(4, 0, ControlAction::Kill, Scope::Overall));
    assert!(rig.machine.kill_latched());
}

#[test]
fn limit_that_is_stricter_above_needs_the_second_person_to_be_lowered() {
    let mut config = config(vec![maker()]);
    config.control.levels = vec![LevelConfig {
        control: Control::LiquidationDistance,
        scope: Scope::Overall,
        soft: Some(300),
        hard: 100,
    }];
    let mut rig = Rig::new();
    rig.start(&config, 0);
    rig.apply(tick());
    let distance = Control::LiquidationDistance;
    push(&mut rig, limit(1, 0, distance, (100, 200, 300)));
    assert_eq!(answer(&rig, 1), (NoticeCode::ChangeApplied, 200));
    push(&mut rig, limit(2, 0, distance, (200, 150, 300)));
    assert_eq!(answer(&rig, 2).0, NoticeCode::ChangeProposed);
    push(&mut rig, limit(3, 0, distance, (200, 200, 250)));
    assert_eq!(
        answer(&rig, 3).0,
        NoticeCode::ChangeProposed,
        "the soft one"
    );
}
