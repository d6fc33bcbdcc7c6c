//! Amendments and cancels of everything without a socket, from the documented messages.

use model::body::{AmendOrder, CancelAll};

use super::*;

fn amend(bench: &mut Bench, counter: u32, qty: i64) {
    let body = AmendOrder {
        command: 5,
        client_id: id(counter),
        venue_order_id: 33,
        qty: Lots(qty),
        reserved: [0; 48],
    };
    bench.command(Kind::AmendOrder, &body);
}

fn cancel_all(bench: &mut Bench) {
    let body = CancelAll {
        command: 6,
        reserved: [0; 72],
    };
    bench.command(Kind::CancelAll, &body);
}

fn quantities(events: &[Record]) -> Vec<(u64, i64, i64)> {
    let found = events.iter().filter_map(|record| match event(record) {
        Ok(Event::OrderAmended(said)) => Some((said.client_id, said.qty.0, said.cum_qty.0)),
        _ => None,
    });
    found.collect()
}

#[test]
fn documented_answer_to_an_amendment_is_read() {
    let Some(samples) = sample("orderack_spot_rest_amend_keepPriority_doc.json") else {
        return;
    };
    let mut bench = Bench::up();
    amend(&mut bench, 1, 500_000);
    let request = &bench.wire.0[0]["params"];
    assert_eq!(request["newQty"], "5.00000");
    assert_eq!(request["newClientOrderId"], request["origClientOrderId"]);
    let mut answer = samples[0]["json"].clone();
    answer["amendedOrder"]["origClientOrderId"] = name(1).into();
    answer["amendedOrder"]["clientOrderId"] = name(1).into();
    bench.answer("order.amend.keepPriority", answer);
    assert_eq!(quantities(&bench.take()), [(id(1), 500_000, 0)]);
}

#[test]
fn amendment_without_an_answer_shows_in_the_end_of_its_order() {
    let mut bench = Bench::up();
    amend(&mut bench, 1, 500_000);
    let mut report = execution(1, 33, "CANCELED", "CANCELED");
    report["C"] = report["c"].clone();
    report["c"] = "somethingElse".into();
    report["q"] = "5.00000000".into();
    bench.event(&report);
    let events = bench.take();
    assert_eq!(quantities(&events).len(), 1);
    assert_eq!(quantities(&events)[0].1, 500_000);
    let kinds: Vec<u8> = events.iter().map(|record| record.kind).collect();
    let place = |kind: Kind| kinds.iter().position(|one| *one == kind.code());
    assert!(place(Kind::OrderAmended) < place(Kind::OrderCancelled));
    assert!(place(Kind::OrderAmended).is_some());
}

#[test]
fn amendment_in_the_stream_names_the_order_before_it() {
    let mut bench = Bench::up();
    let mut report = execution(1, 33, "REPLACED", "PARTIALLY_FILLED");
    report["C"] = report["c"].clone();
    report["c"] = "somethingElse".into();
    report["q"] = "5.00000000".into();
    report["z"] = "1.00000000".into();
    bench.event(&report);
    assert_eq!(quantities(&bench.take()), [(id(1), 500_000, 100_000)]);
}

#[test]
fn answer_about_another_order_leaves_the_amended_one_unknown() {
    let mut bench = Bench::up();
    amend(&mut bench, 1, 500_000);
    let order = json!({
        "symbol": "BTCUSDT", "orderId": 34, "clientOrderId": name(2),
        "origClientOrderId": name(2), "qty": "5.0", "executedQty": "0.0", "status": "NEW",
    });
    let answer = json!({"transactTime": 1, "executionId": 2, "amendedOrder": order});
    bench.answer("order.amend.keepPriority", answer);
    let events = bench.take();
    assert_eq!(quantities(&events), []);
    let unknown = (Kind::OrderUnknown, id(1), RejectReason::VenueUnsure);
    assert!(reports(&events).contains(&unknown), "{events:?}");
}

#[test]
fn documented_answer_to_a_cancel_of_everything_is_read_around_what_is_not_ours() {
    let Some(samples) = sample("orderack_spot_rest_cancel_all_doc.json") else {
        return;
    };
    let mut bench = Bench::up();
    cancel_all(&mut bench);
    let mut answer = samples[0]["json"].clone();
    answer[0]["origClientOrderId"] = name(1).into();
    answer[0]["executedQty"] = "0.00001000".into();
    // One that cannot be read does not hide the others.
    answer
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"strange": 1}));
    answer[3]["orderReports"][1]["origClientOrderId"] = name(2).into();
    bench.answer("openOrders.cancelAll", answer);
    let events = bench.take();
    let none = RejectReason::None;
    assert_eq!(
        reports(&events),
        [
            (Kind::OrderCancelled, id(1), none),
            (Kind::OrderCancelled, id(2), none)
        ]
    );
    assert_eq!(
        (bench.session.counts.foreign, bench.session.counts.unparsed),
        (2, 1)
    );
}

#[test]
fn cancel_of_everything_is_asked_again_until_it_is_answered_for_certain() {
    let mut bench = Bench::up();
    cancel_all(&mut bench);
    let unknown = json!({"code": -1007, "msg": "Timeout"});
    bench.refuse("openOrders.cancelAll", 504, unknown);
    bench.wait(SECOND);
    // No answer at all.
    bench.request("openOrders.cancelAll");
    bench.wait(6 * SECOND);
    bench.wait(SECOND);
    while bench
        .wire
        .0
        .front()
        .is_some_and(|one| one["method"] != "openOrders.cancelAll")
    {
        bench.wire.0.pop_front();
    }
    let nothing = json!({"code": -2011, "msg": "Unknown order sent."});
    bench.refuse("openOrders.cancelAll", 400, nothing);
    bench.wait(3 * SECOND);
    let again = bench
        .wire
        .0
        .iter()
        .any(|one| one["method"] == "openOrders.cancelAll");
    assert!(!again, "{:?}", bench.wire.0);
}
