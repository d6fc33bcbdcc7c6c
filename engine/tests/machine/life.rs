//! Orders in doubt: asked for, never guessed, ended only by what the venue says.

use crate::kit::{
    ACCOUNT, INSTRUMENT, Rig, SECOND, config, connection, fill, kinds, maker, new_order, report,
    send_failed, sent, tick,
};
use engine::machine::OrderState;
use model::body::{
    Channel, LinkState, Notice, NoticeCode, OpenOrders, OrderStatus, RejectReason, Side,
};
use model::command::CommandView;
use model::event::Event;
use model::ids::ClientOrderId;
use model::num::Lots;
use model::record::{Kind, Record};

/// A machine whose maker has just asked for its two quotes.
fn quoting() -> (Rig, Vec<Record>) {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    let commands = rig.commands.clone();
    assert_eq!(kinds(&commands), [Kind::NewOrder, Kind::NewOrder]);
    (rig, commands)
}

fn id(command: &Record) -> u64 {
    new_order(command).client_id
}

fn state(rig: &Rig, client_id: u64) -> OrderState {
    let id = ClientOrderId::from_raw(client_id).unwrap();
    rig.machine.orders().get(id).unwrap().state
}

fn say(kind: Kind, client_id: u64) -> Record {
    report(
        kind,
        client_id,
        OrderStatus::NotStated,
        0,
        RejectReason::None,
    )
}

fn list() -> Record {
    let body = OpenOrders {
        ours: 0,
        foreign: 0,
        reserved: [0; 64],
    };
    Record::new(Kind::OpenOrders, &body).on_account(ACCOUNT)
}

fn queries(commands: &[Record], client_id: u64) -> usize {
    let asks = |record: &&Record| {
        let command = model::command::command(record).unwrap();
        matches!(command, CommandView::QueryOrder(query) if query.client_id == client_id)
    };
    commands.iter().filter(asks).count()
}

#[test]
fn order_without_an_answer_becomes_unknown_and_is_asked_for_with_growing_pauses() {
    let (mut rig, commands) = quoting();
    let lost = id(&commands[0]);
    for command in &commands {
        rig.apply(sent(command));
    }
    rig.apply(say(Kind::OrderAcked, id(&commands[1])));
    rig.pass(2 * SECOND - 1);
    rig.apply(tick());
    assert_eq!(state(&rig, lost), OrderState::Sent);
    rig.pass(1);
    assert_eq!(queries(&rig.apply(tick()), lost), 1);
    assert_eq!(state(&rig, lost), OrderState::Unknown);
    let mut asked = Vec::new();
    for quarter in 1..200 {
        rig.pass(SECOND / 4);
        if queries(&rig.apply(tick()), lost) > 0 {
            asked.push(quarter);
        }
    }
    // A query is outstanding for two seconds, then the pause of 0.5, 1, 2, 4, 8, 8 s rules.
    assert_eq!(asked[..3], [8, 16, 24]);
    assert!(asked.len() >= 6 && asked.len() < 12, "{asked:?}");
    assert_eq!(state(&rig, lost), OrderState::Unknown);
    let order = rig
        .machine
        .orders()
        .live()
        .find(|order| order.client_id.raw() == lost);
    assert_eq!(order.unwrap().exposure(), Lots(100));
}

#[test]
fn order_unknown_ends_by_two_absences_after_the_window_and_a_list_only() {
    let (mut rig, commands) = quoting();
    let lost = id(&commands[0]);
    rig.apply(sent(&commands[0]));
    rig.apply(say(Kind::OrderUnknown, lost));
    rig.apply(say(Kind::OrderAbsent, lost));
    rig.pass(2 * SECOND);
    rig.apply(say(Kind::OrderAbsent, lost));
    assert_eq!(state(&rig, lost), OrderState::Unknown);
    rig.pass(4 * SECOND);
    rig.apply(say(Kind::OrderAbsent, lost));
    // A list that nobody asked for since proves nothing.
    rig.apply(list());
    rig.pass(SECOND - 1);
    rig.apply(say(Kind::OrderAbsent, lost));
    assert_eq!(state(&rig, lost), OrderState::Unknown);
    rig.pass(1);
    rig.apply(say(Kind::OrderAbsent, lost));
    assert_eq!(state(&rig, lost), OrderState::Unknown);
    let asked = rig.apply(tick());
    assert!(kinds(&asked).contains(&Kind::QueryOpenOrders));
    rig.apply(list());
    assert_eq!(state(&rig, lost), OrderState::Absent);
    assert_eq!(rig.machine.orders().live_count(), 1);
    // The strategy learns it from risk, for it does not know when the list was asked for.
    let own = |rig: &Rig| {
        let id = ClientOrderId::from_raw(lost).unwrap();
        rig.machine.strategies()[0].orders().get_live(id).is_some()
    };
    assert!(own(&rig));
    let notices = told(&rig, NoticeCode::AbsenceProven);
    assert_eq!((notices.len(), notices[0].other), (1, lost));
    for record in rig.out.refusals.clone() {
        rig.apply(record);
    }
    assert!(!own(&rig));
}

/// Notices of a code that risk told so far.
fn told(rig: &Rig, code: NoticeCode) -> Vec<Notice> {
    let notices = rig.refusals.iter().filter_map(|record| {
        let Ok(Event::RiskNotice(notice)) = model::event::event(record) else {
            return None;
        };
        (notice.code == code).then_some(*notice)
    });
    notices.collect()
}

#[test]
fn order_unknown_after_all_queries_needs_a_human_and_is_still_counted_and_asked_for() {
    let (mut rig, commands) = quoting();
    let lost = id(&commands[0]);
    rig.apply(say(Kind::OrderAcked, id(&commands[1])));
    rig.apply(sent(&commands[0]));
    rig.apply(say(Kind::OrderUnknown, lost));
    let order = |rig: &Rig| {
        let id = ClientOrderId::from_raw(lost).unwrap();
        *rig.machine.orders().get(id).unwrap()
    };
    let mut asked = vec![rig.now; queries(&rig.commands, lost)];
    while asked.len() <= 12 {
        assert_eq!(order(&rig).needs_human, asked.len() > 8, "{}", asked.len());
        assert_eq!(
            told(&rig, NoticeCode::NeedsHuman).len(),
            usize::from(asked.len() > 8)
        );
        assert_eq!(
            (order(&rig).state, order(&rig).exposure()),
            (OrderState::Unknown, Lots(100))
        );
        rig.pass(SECOND / 4);
        let commands = rig.apply(tick());
        for record in rig.out.refusals.clone() {
            rig.apply(record);
        }
        for command in &commands {
            rig.apply(sent(command));
        }
        if queries(&commands, lost) > 0 {
            asked.push(rig.now);
            // The venue does not know either.
            rig.apply(say(Kind::OrderUnknown, lost));
        }
    }
    let pauses: Vec<u64> = asked
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) / SECOND)
        .collect();
    assert_eq!(pauses[8..], [8, 8, 8, 8], "{pauses:?}");
    let notice = told(&rig, NoticeCode::NeedsHuman)[0];
    assert_eq!((notice.other, notice.value, notice.threshold), (lost, 8, 8));
    assert_eq!(notice.qty, Lots(100));
    assert_eq!(rig.machine.orders().needing_human_count(), 1);
    rig.apply(say(Kind::OrderStatus, lost));
    assert_eq!(
        (order(&rig).state, order(&rig).needs_human),
        (OrderState::Open, false)
    );
    assert_eq!(rig.machine.orders().needing_human_count(), 0);
}

#[test]
fn fill_that_does_not_fit_the_order_that_it_names_moves_the_position_only() {
    let (mut rig, commands) = quoting();
    let buy = id(&commands[0]);
    rig.apply(say(Kind::OrderAcked, buy));
    rig.apply(fill(buy, 5, Side::Sell, 999_990, 30));
    let known = ClientOrderId::from_raw(buy).unwrap();
    assert_eq!(rig.machine.orders().get(known).unwrap().filled, Lots(0));
    let position = rig.machine.position(INSTRUMENT, ACCOUNT).unwrap();
    assert_eq!(position.lots, Lots(-30));
    assert_eq!(rig.machine.counts().orphan_fills, 1);
    assert_eq!(rig.machine.strategies()[0].position(INSTRUMENT), Lots(0));
}

#[test]
fn order_unknown_found_open_goes_on() {
    let (mut rig, commands) = quoting();
    let lost = id(&commands[0]);
    rig.apply(say(Kind::OrderUnknown, lost));
    rig.apply(fill(lost, 5, Side::Buy, 999_990, 40));
    rig.apply(report(
        Kind::OrderStatus,
        lost,
        OrderStatus::PartiallyFilled,
        40,
        RejectReason::None,
    ));
    assert_eq!(state(&rig, lost), OrderState::Open);
    let position = rig.machine.position(INSTRUMENT, ACCOUNT).unwrap();
    assert_eq!(position.lots, Lots(40));
}

#[test]
fn order_cancelled_with_more_filled_than_we_know_is_asked_for_until_the_fills_come() {
    let (mut rig, commands) = quoting();
    let order = id(&commands[0]);
    rig.apply(sent(&commands[0]));
    rig.apply(say(Kind::OrderAcked, order));
    let ended = report(
        Kind::OrderCancelled,
        order,
        OrderStatus::Cancelled,
        70,
        RejectReason::None,
    );
    assert_eq!(queries(&rig.apply(ended), order), 0);
    rig.pass(SECOND / 4);
    assert_eq!(queries(&rig.apply(tick()), order), 1);
    assert_eq!(rig.machine.orders().live_count(), 2);
    rig.apply(fill(order, 5, Side::Buy, 999_990, 30));
    rig.apply(fill(order, 6, Side::Buy, 999_990, 40));
    assert_eq!(state(&rig, order), OrderState::Cancelled);
    let live = rig
        .machine
        .orders()
        .live()
        .any(|live| live.client_id.raw() == order);
    assert!(!live);
}

#[test]
fn fill_twice_counts_once_late_counts_and_a_stranger_moves_the_position() {
    let (mut rig, commands) = quoting();
    let order = id(&commands[0]);
    rig.apply(say(Kind::OrderAcked, order));
    for _ in 0..2 {
        rig.apply(fill(order, 5, Side::Buy, 999_990, 30));
    }
    rig.apply(say(Kind::OrderCancelled, order));
    rig.apply(fill(order, 6, Side::Buy, 999_990, 10));
    rig.apply(fill(0xff00_0000_0001, 7, Side::Sell, 999_990, 5));
    let position = *rig.machine.position(INSTRUMENT, ACCOUNT).unwrap();
    assert_eq!(position.lots, Lots(35));
    let counts = *rig.machine.counts();
    assert_eq!(
        (counts.fills, counts.repeated_fills, counts.orphan_fills),
        (3, 1, 1)
    );
    assert_eq!(rig.machine.strategies()[0].position(INSTRUMENT), Lots(40));
}

#[test]
fn connection_lost_makes_unconfirmed_orders_unknown_and_blocks_until_they_are_answered() {
    let (mut rig, commands) = quoting();
    let (first, second) = (id(&commands[0]), id(&commands[1]));
    rig.apply(sent(&commands[0]));
    rig.apply(say(Kind::OrderAcked, first));
    rig.apply(connection(Channel::Orders, LinkState::Down));
    assert_eq!(
        (state(&rig, first), state(&rig, second)),
        (OrderState::Open, OrderState::Unknown)
    );
    rig.apply(send_failed(&commands[1]));
    assert_eq!(state(&rig, second), OrderState::NotSent);
    let at_up = rig.apply(connection(Channel::Orders, LinkState::Up));
    assert_eq!(queries(&at_up, first), 1);
    assert_eq!(queries(&at_up, second), 0);
    // The sell quote is missing and may not come back while the buy is not confirmed.
    rig.pass(SECOND);
    rig.book(2, 999_998, 1_000_002);
    let reasons = rig.refusal_reasons();
    assert_eq!(
        reasons.last(),
        Some(&model::body::RefusalReason::NotConnected)
    );
    for refusal in rig.refusals.clone() {
        rig.apply(refusal);
    }
    rig.apply(report(
        Kind::OrderStatus,
        first,
        OrderStatus::Open,
        0,
        RejectReason::None,
    ));
    rig.pass(SECOND);
    let placed = rig.book(3, 999_998, 1_000_002);
    assert!(
        kinds(&placed).contains(&Kind::NewOrder),
        "{:?}",
        rig.refusal_reasons()
    );
}

#[test]
fn cancel_lost_on_the_way_is_no_lost_order() {
    let (mut rig, commands) = quoting();
    let order = id(&commands[0]);
    for command in &commands {
        rig.apply(sent(command));
    }
    rig.apply(say(Kind::OrderAcked, order));
    let stop = rig.apply(crate::kit::operator(model::body::OperatorAction::Stop));
    assert_eq!(kinds(&stop), [Kind::CancelOrder, Kind::CancelOrder]);
    rig.apply(send_failed(&stop[0]));
    assert_eq!(state(&rig, order), OrderState::Open);
    rig.pass(SECOND / 4);
    assert_eq!(kinds(&rig.apply(tick())), [Kind::CancelOrder]);
}

#[test]
fn duplicate_reject_means_that_an_earlier_attempt_lives() {
    let (mut rig, commands) = quoting();
    let order = id(&commands[0]);
    rig.apply(sent(&commands[0]));
    let none = OrderStatus::NotStated;
    let asks = rig.apply(report(
        Kind::OrderRejected,
        order,
        none,
        0,
        RejectReason::Duplicate,
    ));
    assert_eq!(state(&rig, order), OrderState::Unknown);
    assert_eq!(queries(&asks, order), 1);
}
