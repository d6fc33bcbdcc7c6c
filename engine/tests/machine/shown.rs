//! What the machine shows of itself: its counts, its numbers, and the answers to people's requests,
//! each with the numbers that it should have.

use engine::machine::Counts;
use model::body::{
    Channel, ControlAction, Fill, LinkState, NoticeCode, OpenOrders, OrderReport, OrderStatus,
    Outcome, RejectReason, Side,
};
use model::control::{Control, Scope};
use model::ids::{AccountId, StrategyId};
use model::num::Lots;
use model::record::{Kind, Record};
use zerocopy::TryFromBytes as _;

use crate::control_kit::{change, levelled, limit, notices, push};
use crate::kit::{
    ACCOUNT, INSTRUMENT, Rig, SECOND, START_NS, approval, config, connection, fill, maker,
    new_order, report, request, send_failed, sent, spec, tick,
};
use crate::limits::{desk, qty};

const STRATEGY: Scope = Scope::Strategy(StrategyId(0));

fn counts(rig: &Rig) -> Counts {
    *rig.machine.counts()
}

/// A report by its kind.
fn say(rig: &mut Rig, kind: Kind, id: u64, status: OrderStatus) {
    push(rig, report(kind, id, status, 0, RejectReason::Other));
}

fn with_venue_id(record: Record, venue_order_id: u64) -> Record {
    let mut record = record;
    let body = OrderReport::try_mut_from_bytes(&mut record.body).unwrap();
    body.venue_order_id = venue_order_id;
    record
}

#[test]
fn counts_say_what_became_of_each_order_and_of_each_fill() {
    let mut config = config(vec![maker(); 3]);
    config.limits.messages_burst = 1_000;
    let mut rig = Rig::new();
    rig.start(&config, 0);
    push(&mut rig, tick());
    let placed: Vec<Record> = rig.commands.clone();
    let ids: Vec<u64> = placed.iter().map(|one| new_order(one).client_id).collect();
    assert_eq!(ids.len(), 6);
    let mut expected = Counts::default();
    for one in &placed[..5] {
        push(&mut rig, sent(one));
    }
    push(&mut rig, send_failed(&placed[5]));
    expected.send_failed = 1;
    for id in &ids[..2] {
        say(&mut rig, Kind::OrderAcked, *id, OrderStatus::Open);
        expected.acked += 1;
        assert_eq!(counts(&rig), expected);
    }
    // Said again it is no news.
    say(&mut rig, Kind::OrderAcked, ids[0], OrderStatus::Open);
    assert_eq!(counts(&rig), expected);
    say(&mut rig, Kind::OrderRejected, ids[2], OrderStatus::Rejected);
    expected.rejected = 1;
    say(
        &mut rig,
        Kind::OrderCancelled,
        ids[0],
        OrderStatus::Cancelled,
    );
    expected.cancelled = 1;
    say(&mut rig, Kind::OrderExpired, ids[1], OrderStatus::Expired);
    expected.cancelled = 2;
    say(&mut rig, Kind::OrderUnknown, ids[3], OrderStatus::NotStated);
    expected.unknown = 1;
    assert_eq!(counts(&rig), expected);
    // Orders that nobody knows: no id of ours at all, and one that was never given.
    for id in [0, ids[5] + 1_000] {
        say(&mut rig, Kind::OrderAcked, id, OrderStatus::Open);
        expected.stray_reports += 1;
        assert_eq!(counts(&rig), expected);
    }
    let side = new_order(&placed[4]).side;
    push(&mut rig, fill(ids[4], 1, side, 1_000_000, 1));
    expected.fills = 1;
    push(&mut rig, fill(ids[4], 1, side, 1_000_000, 1));
    expected.repeated_fills = 1;
    assert_eq!(counts(&rig), expected);
    push(&mut rig, fill(0, 2, Side::Buy, 1_000_000, 1));
    (expected.fills, expected.orphan_fills) = (2, 1);
    push(&mut rig, fill(ids[4], 3, side, 1_000_000, 0));
    expected.unplaced_fills = 1;
    assert_eq!(counts(&rig), expected);
    assert_eq!(rig.machine.risk().counts(), rig.machine.counts());
}

#[test]
fn list_of_open_orders_is_counted_with_ours_and_those_of_others() {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    for (ours, foreign) in [(2, 3), (1, 0)] {
        let body = OpenOrders {
            ours,
            foreign,
            reserved: [0; 64],
        };
        let before = counts(&rig).lists;
        push(
            &mut rig,
            Record::new(Kind::OpenOrders, &body).on_account(ACCOUNT),
        );
        let now = counts(&rig);
        assert_eq!(
            (now.lists, now.listed_ours, now.listed_foreign),
            (before + 1, ours, foreign)
        );
    }
}

#[test]
fn numbers_of_the_run_are_those_of_what_was_applied() {
    let mut rig = Rig::new();
    let risk = |rig: &Rig| {
        let risk = rig.machine.risk();
        (
            risk.epoch(),
            risk.commands_decided(),
            risk.commands_in_flight(),
        )
    };
    assert_eq!((rig.machine.last_event(), risk(&rig)), (0, (0, 0, 0)));
    assert!(rig.machine.config().is_none());
    let config = config(vec![maker()]);
    rig.start(&config, 0);
    push(&mut rig, tick());
    assert_eq!(risk(&rig), (1, 2, 2));
    assert_eq!(rig.machine.last_event(), rig.log.len() as u64);
    assert_eq!(rig.machine.time_ns(), START_NS);
    assert_eq!(rig.machine.config(), Some(&config));
    let listed: Vec<_> = rig.machine.instruments().collect();
    assert_eq!(listed, [&spec()]);
    for command in rig.commands.clone() {
        push(&mut rig, sent(&command));
    }
    assert_eq!(risk(&rig), (1, 2, 0));
    rig.pass(SECOND);
    push(&mut rig, tick());
    assert_eq!(rig.machine.time_ns(), START_NS + SECOND);
    // The largest that anybody named, of reports and fills.
    let id = new_order(&rig.commands[0]).client_id;
    let none = RejectReason::None;
    for (named, largest) in [(7, 7), (5, 7), (9, 9)] {
        let acked = report(Kind::OrderAcked, id, OrderStatus::Open, 0, none);
        push(&mut rig, with_venue_id(acked, named));
        assert_eq!(rig.machine.venue_order_id_max(), largest);
    }
    let side = new_order(&rig.commands[0]).side;
    for (trade, named, largest) in [(40, 12, 12), (30, 3, 12), (41, 3, 12)] {
        let mut filled = fill(id, trade, side, 1_000_000, 1);
        Fill::try_mut_from_bytes(&mut filled.body)
            .unwrap()
            .venue_order_id = named;
        push(&mut rig, filled);
        assert_eq!(rig.machine.venue_order_id_max(), largest);
        let of = |account| rig.machine.own_trade_id_max(AccountId(account), INSTRUMENT);
        assert_eq!((of(0), of(1)), (trade.max(40), 0));
    }
    let version = rig.machine.risk().limits_version();
    let journaled = rig.machine.commands_decided();
    rig.start(&config, journaled);
    assert_eq!(rig.machine.risk().epoch(), 2);
    assert_eq!(rig.machine.risk().limits_version(), version + 1);
}

#[test]
fn refusals_are_counted_when_made_and_when_they_are_in_the_log() {
    let mut desk = desk(|_| {});
    assert_eq!(desk.risk.refusals_made(), 0);
    for made in 1..4 {
        assert!(desk.place(qty(0)).is_err());
        assert_eq!(desk.risk.refusals_made(), made);
        assert_eq!(desk.risk.counts().refused, made - 1);
        for told in desk.out.refusals.clone() {
            desk.event(told);
        }
        assert_eq!(desk.risk.counts().refused, made);
    }
    assert_eq!(desk.place(|_| {}), Ok(1));
    assert_eq!(desk.risk.refusals_made(), 3);
}

#[test]
fn link_that_is_shown_is_that_of_its_account() {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    for state in [LinkState::Syncing, LinkState::Up, LinkState::Down] {
        push(&mut rig, connection(Channel::Orders, state));
        let risk = rig.machine.risk();
        assert_eq!(risk.order_link(ACCOUNT), state);
        for other in [1, u16::MAX] {
            assert_eq!(risk.order_link(AccountId(other)), LinkState::Down);
        }
    }
}

/// What each request was answered with: code, value and threshold, its control and its scope.
fn answered(rig: &Rig, number: u64) -> (NoticeCode, i64, i64, u16, Scope) {
    let answers = [
        NoticeCode::ChangeProposed,
        NoticeCode::ChangeApplied,
        NoticeCode::ChangeRefused,
        NoticeCode::ChangeWithdrawn,
    ];
    let all = notices(rig);
    let mine = all
        .iter()
        .find(|one| one.other == number && answers.contains(&one.code));
    let one = mine.unwrap();
    let scope = Scope::from_parts(one.scope, one.scope_id).unwrap();
    (one.code, one.value, one.threshold, one.control, scope)
}

#[test]
fn answers_to_requests_say_the_new_state_and_the_old_one() {
    use NoticeCode::{ChangeApplied, ChangeProposed, ChangeWithdrawn};
    let other = Control::LimitChange.code();
    let instrument = Scope::Instrument(INSTRUMENT);
    // Asked by one, approved by the other: what was on, what it then is.
    for (on, off, scope, (new, old)) in [
        (
            ControlAction::Kill,
            ControlAction::Release,
            STRATEGY,
            (0, 1),
        ),
        (
            ControlAction::Pause,
            ControlAction::Enable,
            STRATEGY,
            (1, 0),
        ),
        (
            ControlAction::Restrict,
            ControlAction::Unrestrict,
            instrument,
            (0, 1),
        ),
    ] {
        let mut rig = levelled();
        push(&mut rig, request(1, 0, on, scope));
        assert_eq!(answered(&rig, 1), (ChangeApplied, 1, 0, other, scope));
        push(&mut rig, request(2, 0, off, scope));
        assert_eq!(answered(&rig, 2).0, ChangeProposed);
        assert_eq!(rig.machine.risk().changes_waiting(), 1);
        let waiting = rig.machine.risk().proposals().next().copied().unwrap();
        assert_eq!((waiting.number, waiting.person), (2, 0));
        assert_eq!(waiting.expires_ns, START_NS + 60 * SECOND);
        push(&mut rig, approval(3, 1, 2));
        let (code, value, threshold, ..) = answered(&rig, 3);
        assert_eq!(
            (code, value, threshold),
            (ChangeApplied, new, old),
            "{off:?}"
        );
        assert_eq!(rig.machine.risk().changes_waiting(), 0);
    }
    let mut rig = levelled();
    let loss = Control::DailyLoss;
    push(&mut rig, limit(1, 0, loss, (100, 80, 50)));
    let all = Scope::Overall;
    assert_eq!(
        answered(&rig, 1),
        (ChangeApplied, 80, 100, loss.code(), all)
    );
    push(&mut rig, limit(2, 0, loss, (80, 90, 50)));
    assert_eq!(
        answered(&rig, 2),
        (ChangeProposed, 90, 80, loss.code(), all)
    );
    push(&mut rig, approval(3, 1, 2));
    let (code, value, threshold, ..) = answered(&rig, 3);
    assert_eq!((code, value, threshold), (ChangeApplied, 90, 80));
    push(&mut rig, limit(4, 0, loss, (90, 95, 50)));
    let back = request(5, 1, ControlAction::Withdraw, Scope::Overall);
    push(&mut rig, change(back, |body| body.target = 4));
    assert_eq!(answered(&rig, 5), (ChangeWithdrawn, 0, 0, other, all));
    assert_eq!(rig.machine.risk().changes_waiting(), 0);
}

#[test]
fn answer_to_a_resolved_doubt_says_that_it_is_done() {
    let mut rig = levelled();
    let id = new_order(&rig.commands[0]).client_id;
    let placed = rig.commands[0];
    push(&mut rig, sent(&placed));
    say(&mut rig, Kind::OrderUnknown, id, OrderStatus::NotStated);
    let asked = request(1, 0, ControlAction::Resolve, Scope::Overall);
    let asked = change(asked, |body| {
        (body.target, body.outcome) = (id, Outcome::Absent);
    });
    push(&mut rig, asked);
    push(&mut rig, approval(2, 1, 1));
    let (code, value, threshold, ..) = answered(&rig, 2);
    assert_eq!((code, value, threshold), (NoticeCode::ChangeApplied, 1, 0));
}

#[test]
fn proposal_is_over_at_its_time_and_not_before() {
    for (pass, waiting) in [(60 * SECOND - 1, 1), (60 * SECOND, 0)] {
        let mut rig = levelled();
        push(&mut rig, request(1, 0, ControlAction::Pause, STRATEGY));
        push(&mut rig, request(2, 0, ControlAction::Enable, STRATEGY));
        rig.pass(pass);
        push(&mut rig, tick());
        assert_eq!(rig.machine.risk().changes_waiting(), waiting);
        let all = notices(&rig);
        let expired = all.iter().find(|one| one.code == NoticeCode::ChangeExpired);
        assert_eq!(expired.map(|one| one.other), (waiting == 0).then_some(2));
    }
}

#[test]
fn notices_that_came_back_are_counted() {
    let mut rig = levelled();
    let told = |rig: &Rig| rig.machine.risk().notices_told();
    assert_eq!((told(&rig), rig.machine.risk().notices_lost()), (0, 0));
    push(&mut rig, request(1, 0, ControlAction::Pause, STRATEGY));
    let all = notices(&rig);
    assert_eq!(Some(told(&rig)), all.last().map(|one| one.number));
    let numbers: Vec<u64> = all.iter().map(|one| one.number).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
    assert_eq!(
        rig.machine.position(INSTRUMENT, ACCOUNT).unwrap().lots,
        Lots(0)
    );
}
