//! NautilusTrader: 4736, 5000, 3104, 4958, 4152, 4215.

use engine::machine::OrderState;
use model::body::{Channel, LinkState, OrderStatus, RejectReason, Side};
use model::command::{CommandView, command};
use model::num::Lots;
use model::record::Kind;

use crate::kit::{Rig, SECOND, balance, config, connection, fill, maker, report, sent, tick};
use crate::scene::{asked, counted, id, order, placed, position, queries, resting, say, state};

const DAY: u64 = 86_400 * SECOND;

/// A crash after which the journal holds everything, and the next run's start.
fn crash(rig: &mut Rig) {
    let journaled = rig.machine.commands_decided();
    rig.begin(&config(vec![maker()]), journaled);
}

/// Issue 4736: at a restart with a position in the cache, reconciliation inserted a synthetic fill,
/// equal and opposite to the real one; the strategy believed to be flat while the venue held the
/// position. Here a restart applies the log, no fill is ever made up, and a venue that sends the
/// old fill again changes nothing.
#[test]
fn nautilus_4736_restart_keeps_the_position_and_invents_no_fill() {
    let (mut rig, quotes) = resting();
    let opening = fill(id(&quotes.sell), 7, Side::Sell, 1_000_004, 60);
    rig.apply(opening);
    assert_eq!(position(&rig), -60);
    crash(&mut rig);
    rig.apply(connection(Channel::Orders, LinkState::Up));
    rig.apply(opening);
    let status = OrderStatus::PartiallyFilled;
    rig.apply(counted(Kind::OrderStatus, id(&quotes.sell), status, 60));
    assert_eq!(position(&rig), -60);
    assert_eq!(
        rig.machine.strategies()[0].position(crate::kit::INSTRUMENT),
        Lots(-60)
    );
    let counts = rig.machine.counts();
    assert_eq!((counts.fills, counts.repeated_fills), (1, 1));
}

/// Issue 5000: at start-up a working order was dropped because the instrument's fills did not add
/// up to the venue's position. Here orders and positions are reconciled apart: a difference is
/// shown as a difference, and what rests stays known, counted, and asked for.
#[test]
fn nautilus_5000_difference_in_the_position_drops_no_working_order() {
    let (mut rig, quotes) = resting();
    rig.apply(fill(0xff00_0000_0001, 3, Side::Buy, 999_990, 500));
    crash(&mut rig);
    // The venue's balance disagrees with the fills that we have.
    rig.apply(balance("BTC", 9));
    rig.apply(connection(Channel::Orders, LinkState::Up));
    for quote in [&quotes.buy, &quotes.sell] {
        assert_eq!(queries(&rig.commands, id(quote)).len(), 1);
        rig.apply(counted(Kind::OrderStatus, id(quote), OrderStatus::Open, 0));
        assert_eq!(state(&rig, id(quote)), OrderState::Open);
        assert_eq!(order(&rig, id(quote)).exposure(), Lots(100));
    }
    assert_eq!(rig.machine.orders().live_count(), 2);
}

/// Issue 3104: a position held for more than ten days was rebuilt from what history the venue still
/// gave: 75 instead of -65, and the node did not start. Here the position comes from our own log;
/// a venue that gives a part of its history, or none, cannot change it, and the run starts.
#[test]
fn nautilus_3104_long_held_position_does_not_hang_on_the_venues_history() {
    let (mut rig, quotes) = resting();
    let late = fill(id(&quotes.sell), 12, Side::Sell, 1_000_004, 25);
    rig.apply(fill(id(&quotes.sell), 11, Side::Sell, 1_000_004, 40));
    rig.apply(late);
    for _ in 0..12 {
        rig.pass(DAY);
        crash(&mut rig);
        rig.apply(connection(Channel::Orders, LinkState::Up));
        // Only the tail of the history is left at the venue.
        rig.apply(late);
        for quote in [&quotes.buy, &quotes.sell] {
            let status = OrderStatus::Cancelled;
            rig.apply(counted(Kind::OrderStatus, id(quote), status, 0));
        }
        assert_eq!(position(&rig), -65);
    }
    let before = rig.commands.len();
    rig.pass(SECOND);
    rig.book(9, 999_998, 1_000_002);
    let new = placed(&rig.commands[before..]);
    assert!(!new.is_empty(), "it trades on: {:?}", rig.refusal_reasons());
}

/// Issue 4958: an order without the venue's id could not be queried, was retried into
/// `OrderRejected`, and filled later: an orphan position. Here the query names our own id, silence
/// is no answer however long, and the late fill belongs to its order.
#[test]
fn nautilus_4958_order_without_the_venues_id_is_asked_for_by_ours_and_never_given_up() {
    let (mut rig, quotes) = asked();
    let lost = id(&quotes.buy);
    rig.apply(sent(&quotes.buy));
    rig.apply(sent(&quotes.sell));
    rig.apply(say(Kind::OrderAcked, id(&quotes.sell)));
    for _ in 0..600 {
        rig.pass(SECOND);
        for command in rig.apply(tick()) {
            rig.apply(sent(&command));
        }
        assert_eq!(order(&rig, lost).exposure(), Lots(100));
    }
    assert_eq!(state(&rig, lost), OrderState::Unknown);
    let asked = queries(&rig.commands, lost);
    assert!(asked.len() > 20, "{}", asked.len());
    let CommandView::QueryOrder(query) = command(&asked[0]).unwrap() else {
        panic!("a query")
    };
    assert_eq!((query.client_id, query.venue_order_id), (lost, 0));
    rig.apply(fill(lost, 5, Side::Buy, 999_990, 100));
    assert_eq!(state(&rig, lost), OrderState::Filled);
    assert_eq!(position(&rig), 100);
    assert_eq!(rig.machine.counts().orphan_fills, 0);
}

/// Issue 4152: the venue said that it does not know the outcome; when retries ran out the engine
/// emitted a rejection and cleared the order, which may have been open or filled. Here such an
/// answer makes the order unknown: counted in full, and only the venue's evidence ends it.
#[test]
fn nautilus_4152_ambiguous_answer_is_not_a_rejection() {
    for reason in [RejectReason::VenueUnsure, RejectReason::NoAnswer] {
        let (mut rig, quotes) = asked();
        let unsure = id(&quotes.buy);
        rig.apply(sent(&quotes.buy));
        let status = OrderStatus::NotStated;
        rig.apply(report(Kind::OrderRejected, unsure, status, 0, reason));
        for _ in 0..120 {
            rig.pass(SECOND);
            for command in rig.apply(tick()) {
                rig.apply(sent(&command));
            }
        }
        assert_eq!(state(&rig, unsure), OrderState::Unknown);
        assert_eq!(order(&rig, unsure).exposure(), Lots(100));
        assert_eq!(rig.machine.counts().rejected, 0);
        rig.apply(counted(Kind::OrderStatus, unsure, OrderStatus::Open, 0));
        assert_eq!(state(&rig, unsure), OrderState::Open);
    }
}

/// Issue 4215: a placement timed out with its outcome unknown; its retry was sent although the
/// acceptance had come meanwhile, and the venue refused the duplicate id. Here nothing is ever
/// placed again: an order in doubt is asked for, and each id is used once.
#[test]
fn nautilus_4215_placement_is_never_sent_again() {
    let (mut rig, quotes) = asked();
    let unsure = id(&quotes.buy);
    rig.apply(sent(&quotes.buy));
    rig.apply(say(Kind::OrderUnknown, unsure));
    rig.pass(SECOND);
    rig.apply(say(Kind::OrderAcked, unsure));
    assert_eq!(state(&rig, unsure), OrderState::Open);
    for second in 0..60 {
        rig.pass(SECOND);
        rig.book(10 + second, 999_998, 1_000_002);
        rig.apply(tick());
    }
    let mut ids = placed(&rig.commands);
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id was used twice");
    // Were a duplicate refused all the same: it means that the first one lives.
    let status = OrderStatus::NotStated;
    let duplicate = RejectReason::Duplicate;
    rig.apply(report(Kind::OrderRejected, unsure, status, 0, duplicate));
    assert_eq!(state(&rig, unsure), OrderState::Open);
}
