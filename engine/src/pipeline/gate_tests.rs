//! The gate by itself: orders wait for the disk, cancels do not, and each ends exactly once.

use std::cell::Cell;

use super::*;
use model::body::{CancelOrder, Flag, NewOrder, OrderType, QueryOrder, Side, TimeInForce};
use model::num::Ticks;

/// A disk by hand.
struct Disk<'a>(&'a Cell<u64>, &'a Cell<bool>);

impl Durable for Disk<'_> {
    fn durable_seq(&self) -> u64 {
        self.0.get()
    }

    fn has_failed(&self) -> bool {
        self.1.get()
    }
}

#[derive(Clone, Copy)]
struct Plain(Record);

impl AsRef<Record> for Plain {
    fn as_ref(&self) -> &Record {
        &self.0
    }
}

fn order(client_id: u64) -> Record {
    let body = NewOrder {
        command: client_id,
        client_id,
        price: Ticks(1),
        qty: Lots(1),
        tag: 0,
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        reduce_only: Flag::No,
        self_trade: model::body::SelfTrade::NotStated,
        reserved: [0; 35],
    };
    Record::new(Kind::NewOrder, &body)
}

fn cancel(client_id: u64) -> Record {
    let body = CancelOrder {
        command: 100,
        client_id,
        venue_order_id: 0,
        reserved: [0; 56],
    };
    Record::new(Kind::CancelOrder, &body)
}

fn query(client_id: u64) -> Record {
    let body = QueryOrder {
        command: 101,
        client_id,
        venue_order_id: 0,
        reserved: [0; 56],
    };
    Record::new(Kind::QueryOrder, &body)
}

fn outgoing(record: Record, log_seq: u64) -> Outgoing<Plain> {
    Outgoing {
        command: Plain(record),
        trace: Trace::default(),
        log_seq,
    }
}

/// A lane with `0` places left.
struct Lane(usize, Vec<Record>);

impl EventSink for Lane {
    fn free(&self) -> usize {
        self.0
    }

    fn push(&mut self, record: &Record) -> bool {
        let has_room = self.0 > 0;
        if has_room {
            self.0 -= 1;
            self.1.push(*record);
        }
        has_room
    }
}

/// Releases; the client ids that went.
fn release(gate: &mut Gate<Disk<'_>, Plain>, lane: &mut Lane) -> Vec<(Kind, u64)> {
    let mut went = Vec::new();
    gate.release(lane, 7, |outgoing| {
        let record = outgoing.command.0;
        went.push((record.kind().unwrap(), about(&record)));
    });
    went
}

#[test]
fn gate_holds_an_order_until_it_is_durable_and_lets_cancels_pass() {
    let (durable, failed) = (Cell::new(4), Cell::new(false));
    let mut gate = Gate::new(Some(Disk(&durable, &failed)));
    let mut lane = Lane(64, Vec::new());
    assert!(
        gate.pass(outgoing(order(1), 4)).is_some(),
        "durable already"
    );
    assert!(gate.pass(outgoing(order(2), 6)).is_none());
    assert!(gate.pass(outgoing(cancel(1), 7)).is_some(), "cancels pass");
    assert!(
        gate.pass(outgoing(cancel(2), 8)).is_none(),
        "follows its order"
    );
    assert!(
        gate.pass(outgoing(query(2), 9)).is_none(),
        "follows its order"
    );
    assert!(gate.pass(outgoing(order(3), 10)).is_none());
    assert_eq!(release(&mut gate, &mut lane), []);
    durable.set(6);
    assert!(
        gate.pass(outgoing(order(4), 6)).is_none(),
        "keeps the order of orders"
    );
    let expected = [
        (Kind::NewOrder, 2),
        (Kind::CancelOrder, 2),
        (Kind::QueryOrder, 2),
    ];
    let went = release(&mut gate, &mut lane);
    assert_eq!(went[..3], expected);
    assert_eq!(went[3..], [(Kind::NewOrder, 4)]);
    durable.set(10);
    assert_eq!(release(&mut gate, &mut lane), [(Kind::NewOrder, 3)]);
    assert_eq!((gate.len(), lane.1.len()), (0, 0));
}

#[test]
fn gate_after_a_failure_reports_what_it_holds_and_never_sends_it() {
    let (durable, failed) = (Cell::new(5), Cell::new(false));
    let mut gate = Gate::new(Some(Disk(&durable, &failed)));
    let mut lane = Lane(1, Vec::new());
    for (record, log_seq) in [(order(1), 5), (order(2), 6), (cancel(2), 7), (order(3), 8)] {
        let passed = gate.pass(outgoing(record, log_seq)).is_some();
        assert_eq!(passed, log_seq == 5);
    }
    failed.set(true);
    assert_eq!(release(&mut gate, &mut lane), []);
    assert_eq!(gate.len(), 2, "the lane had one place");
    lane.0 = 64;
    assert_eq!(release(&mut gate, &mut lane), []);
    let reports: Vec<(u8, u64)> = lane
        .1
        .iter()
        .map(|record| {
            assert_eq!(record.kind(), Some(Kind::SendFailed));
            let Ok(model::event::Event::SendFailed(report)) = model::event::event(record) else {
                panic!("{record:?}")
            };
            (record.detail, report.client_id)
        })
        .collect();
    let (new, cancelled) = (Kind::NewOrder.code(), Kind::CancelOrder.code());
    assert_eq!(reports, [(new, 2), (cancelled, 2), (new, 3)]);
    assert!(
        gate.pass(outgoing(cancel(1), 9)).is_some(),
        "cancels still go out"
    );
    assert!(gate.pass(outgoing(order(4), 10)).is_none());
    assert_eq!(release(&mut gate, &mut lane), []);
    assert_eq!((gate.len(), lane.1.len()), (0, 4));
}

#[test]
fn gate_without_a_promise_passes_everything() {
    let mut gate: Gate<Disk<'_>, Plain> = Gate::new(None);
    assert!(gate.pass(outgoing(order(1), u64::MAX)).is_some());
    assert_eq!(gate.held.capacity(), 0);
}
