//! Commands, answers and reports.

use model::body::{
    CancelOrder, Flag, NewOrder, OrderType, QueryOrder, ReplaceOrder, Side, TimeInForce,
};
use model::num::Ticks;

use super::*;

fn place(bench: &mut Bench, counter: u32) {
    let body = NewOrder {
        command: u64::from(counter),
        client_id: id(counter),
        price: Ticks(6_000_000),
        qty: Lots(100_000),
        tag: 0,
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        reduce_only: Flag::No,
        self_trade: model::body::SelfTrade::NotStated,
        reserved: [0; 35],
    };
    bench.command(Kind::NewOrder, &body);
}

fn cancel(bench: &mut Bench, counter: u32) {
    let body = CancelOrder {
        command: 9,
        client_id: id(counter),
        venue_order_id: 55,
        reserved: [0; 56],
    };
    bench.command(Kind::CancelOrder, &body);
}

fn query(bench: &mut Bench, counter: u32) {
    let body = QueryOrder {
        command: 9,
        client_id: id(counter),
        venue_order_id: 0,
        reserved: [0; 56],
    };
    bench.command(Kind::QueryOrder, &body);
}

fn replace(bench: &mut Bench, old: u32, new: u32) {
    let body = ReplaceOrder {
        command: 9,
        cancel_client_id: id(old),
        cancel_venue_order_id: 55,
        client_id: id(new),
        price: Ticks(6_000_000),
        qty: Lots(100_000),
        tag: 0,
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        reduce_only: Flag::No,
        self_trade: model::body::SelfTrade::NotStated,
        reserved: [0; 19],
    };
    bench.command(Kind::ReplaceOrder, &body);
}

#[test]
fn answer_with_fills_reports_them_before_the_state_and_the_stream_adds_nothing() {
    let mut bench = Bench::up();
    place(&mut bench, 1);
    let mut answer = order_row(1, 55, "PARTIALLY_FILLED", "0.00001000");
    answer["fills"] = json!([{
        "price": "60000.00", "qty": "0.00001", "commission": "0.1",
        "commissionAsset": "BNB", "tradeId": 7,
    }]);
    bench.answer("order.place", answer);
    bench.event(&execution(1, 55, "NEW", "NEW"));
    bench.event(&traded(1, 55, 7));
    let events = bench.take();
    let kinds: Vec<_> = events.iter().map(|record| record.kind().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            Kind::Sent,
            Kind::OrderFilled,
            Kind::OrderAcked,
            Kind::OrderAcked
        ]
    );
}

#[test]
fn refusals_follow_the_table_of_codes() {
    use RejectReason as Reason;
    let cases = [
        (
            400,
            -2010,
            "Account has insufficient balance",
            Kind::OrderRejected,
            Reason::Balance,
        ),
        (
            400,
            -1013,
            "Filter failure: LOT_SIZE",
            Kind::OrderRejected,
            Reason::Filter,
        ),
        (503, -1008, "busy", Kind::OrderRejected, Reason::Other),
        (
            400,
            -2010,
            "Duplicate order sent.",
            Kind::OrderUnknown,
            Reason::Duplicate,
        ),
        (
            500,
            -1006,
            "unexpected",
            Kind::OrderUnknown,
            Reason::VenueUnsure,
        ),
        (
            504,
            -1007,
            "timeout",
            Kind::OrderUnknown,
            Reason::VenueUnsure,
        ),
        (
            400,
            -9999,
            "of tomorrow",
            Kind::OrderUnknown,
            Reason::VenueUnsure,
        ),
    ];
    for (status, code, words, kind, reason) in cases {
        let mut bench = Bench::up();
        place(&mut bench, 1);
        bench.refuse("order.place", status, json!({"code": code, "msg": words}));
        let events = bench.take();
        assert_eq!(reports(&events), [(kind, id(1), reason)], "{code} {words}");
        let said = events.iter().filter_map(report).next().unwrap().1;
        assert_eq!((said.code, said.text.as_str()), (code, words));
    }
}

#[test]
fn cancel_of_an_unknown_order_is_refused_and_of_unknown_fate_unknown() {
    let mut bench = Bench::up();
    cancel(&mut bench, 1);
    let request = bench.wire.0[0].clone();
    assert_eq!(request["params"]["orderId"], 55);
    bench.refuse(
        "order.cancel",
        400,
        json!({"code": -2011, "msg": "Unknown order sent."}),
    );
    cancel(&mut bench, 1);
    bench.refuse(
        "order.cancel",
        504,
        json!({"code": -1007, "msg": "timeout"}),
    );
    let want = [
        (Kind::CancelRejected, id(1), RejectReason::UnknownOrder),
        (Kind::OrderUnknown, id(1), RejectReason::VenueUnsure),
    ];
    assert_eq!(reports(&bench.take()), want);
}

/// Each outcome of the documentation, with our ids in place of the sample's.
#[test]
fn every_documented_outcome_of_a_replacement_says_both_halves() {
    let Some(Value::Array(samples)) = sample("orderack_spot_wsapi_cancelReplace_doc.json") else {
        return;
    };
    let answers = samples.iter().map(|entry| &entry["json"]);
    let answers: Vec<_> = answers
        .filter(|json| json.get("status").is_some())
        .collect();
    let mut outcomes = Vec::new();
    for answer in answers {
        let mut bench = Bench::up();
        replace(&mut bench, 1, 2);
        let mut answer = answer.clone();
        answer["id"] = bench.request("order.cancelReplace")["id"].clone();
        let at = if answer["status"] == 200 {
            "/result"
        } else {
            "/error/data"
        };
        if let Some(halves) = answer.pointer_mut(at) {
            if halves["cancelResult"] == "SUCCESS" {
                halves["cancelResponse"]["origClientOrderId"] = name(1).into();
                halves["cancelResponse"]["symbol"] = "BTCUSDT".into();
            }
            if halves["newOrderResult"] == "SUCCESS" {
                halves["newOrderResponse"]["clientOrderId"] = name(2).into();
            }
        }
        bench.text(&answer);
        let found = reports(&bench.take());
        let orders: Vec<_> = found.iter().map(|(_, order, _)| *order).collect();
        assert_eq!(orders, [id(1), id(2)], "{answer}");
        outcomes.push((found[0].0, found[1].0));
    }
    for want in [
        (Kind::OrderCancelled, Kind::OrderAcked),
        (Kind::CancelRejected, Kind::OrderRejected),
        (Kind::OrderCancelled, Kind::OrderRejected),
        (Kind::CancelRejected, Kind::OrderAcked),
    ] {
        assert!(outcomes.contains(&want), "{want:?} in {outcomes:?}");
    }
}

#[test]
fn replacement_without_data_is_refused_or_unknown_as_a_whole() {
    let mut bench = Bench::up();
    replace(&mut bench, 1, 2);
    let timeout = json!({"code": -1007, "msg": "timeout"});
    bench.refuse("order.cancelReplace", 504, timeout);
    let unsure = RejectReason::VenueUnsure;
    let want = [
        (Kind::OrderUnknown, id(1), unsure),
        (Kind::OrderUnknown, id(2), unsure),
    ];
    assert_eq!(reports(&bench.take()), want);
}

#[test]
fn request_without_an_answer_ends_as_unknown_and_its_late_answer_is_counted() {
    let mut bench = Bench::up();
    place(&mut bench, 1);
    replace(&mut bench, 1, 2);
    query(&mut bench, 3);
    let first = bench.request("order.place");
    bench.take();
    bench.wait(4 * SECOND);
    assert_eq!(reports(&bench.take()), []);
    bench.wait(2 * SECOND);
    let orders: Vec<_> = reports(&bench.take());
    let unknown = |order| (Kind::OrderUnknown, order, RejectReason::NoAnswer);
    assert_eq!(orders, [1, 1, 2, 3].map(|order| unknown(id(order))));
    bench.text(&json!({"id": first["id"], "status": 200, "result": order_row(1, 5, "NEW", "0")}));
    assert_eq!(bench.session.counts.late, 1);
    assert_eq!(reports(&bench.take()), []);
}

#[test]
fn lost_connection_says_down_and_every_order_in_flight_is_unknown() {
    let mut bench = Bench::up();
    place(&mut bench, 1);
    query(&mut bench, 2);
    bench.answer_nothing();
    bench.lose();
    let events = bench.take();
    let want = [1, 2].map(|order| (Kind::OrderUnknown, id(order), RejectReason::NoAnswer));
    assert_eq!(reports(&events), want);
    bench.lose();
    let down = bench.take().iter().chain(&events).filter(|record| {
        matches!(event(record), Ok(Event::Connection(link)) if link.state == LinkState::Down)
    }).count();
    assert_eq!(down, 1);
}

impl Bench {
    fn answer_nothing(&mut self) {
        self.wire.0.clear();
    }
}

#[test]
fn query_pages_through_the_fills_of_an_order() {
    let mut bench = Bench::up();
    query(&mut bench, 1);
    let found = order_row(1, 55, "CANCELED", "0.01001000");
    bench.answer("order.status", found);
    let page: Vec<_> = (1..=1_000).map(|trade| trade_row(trade, 55, 0)).collect();
    let first = bench.wire.0[0]["params"].clone();
    assert_eq!((&first["orderId"], first.get("fromId")), (&json!(55), None));
    bench.answer("myTrades", page.into());
    assert_eq!(bench.wire.0[0]["params"]["fromId"], 1_001);
    assert!(reports(&bench.take()).is_empty());
    bench.answer("myTrades", json!([trade_row(1_001, 55, 0)]));
    let events = bench.take();
    assert_eq!(fills(&events), [(1_001, id(1))]);
    assert_eq!(events.last().unwrap().kind(), Some(Kind::OrderStatus));
}

#[test]
fn reports_of_the_stream_name_the_order_and_not_the_cancel() {
    let mut bench = Bench::up();
    let mut cancelled = execution(1, 55, "CANCELED", "CANCELED");
    cancelled["c"] = "the-cancel".into();
    cancelled["C"] = name(1).into();
    bench.event(&execution(1, 55, "NEW", "NEW"));
    bench.event(&cancelled);
    bench.event(&execution(2, 56, "EXPIRED", "EXPIRED"));
    bench.event(&execution(3, 57, "TRADE_PREVENTION", "EXPIRED_IN_MATCH"));
    let mut rejected = execution(4, 58, "REJECTED", "REJECTED");
    rejected["r"] = "INSUFFICIENT_BALANCES".into();
    bench.event(&rejected);
    let none = RejectReason::None;
    let want = [
        (Kind::OrderAcked, id(1), none),
        (Kind::OrderCancelled, id(1), none),
        (Kind::OrderExpired, id(2), none),
        (Kind::OrderExpired, id(3), none),
        (Kind::OrderRejected, id(4), RejectReason::Balance),
    ];
    assert_eq!(reports(&bench.take()), want);
}

#[test]
fn recorded_reports_of_other_clients_are_counted_and_never_ours() {
    let mut seen = 0;
    for what in [
        "new",
        "trade",
        "canceled",
        "expired",
        "wrapped",
        "stop_loss",
    ] {
        let file = format!("spot_private_execution_report_{what}.json");
        let Some(report) = sample(&file) else {
            return;
        };
        let mut bench = Bench::up();
        bench.text(&report);
        assert_eq!(bench.take(), [], "{file}");
        assert_eq!(bench.session.counts.unparsed, 0, "{file}");
        seen += bench.session.counts.foreign;
    }
    assert_eq!(seen, 6);
}

#[test]
fn fill_that_cannot_be_read_leaves_the_order_unknown() {
    let mut bench = Bench::up();
    let mut report = traded(1, 55, 7);
    report["L"] = "60000.001".into();
    bench.event(&report);
    let events = bench.take();
    let want = [(Kind::OrderUnknown, id(1), RejectReason::VenueUnsure)];
    assert_eq!(reports(&events), want);
    assert_eq!(bench.session.counts.unparsed, 1);
}

/// An order over HTTP whose answer is a firewall's page: it may live, and we are stopped.
#[test]
fn page_that_stops_us_leaves_the_order_unknown_and_holds_the_next_back() {
    for (page, held, free) in [
        ("429 Too Many Requests\r\nRetry-After: 3", 2, 2),
        ("418 Teapot\r\nRetry-After: 90", 89, 2),
        ("429 Too Many Requests", 59, 2),
        ("502 Bad Gateway", 0, 0),
    ] {
        let mut bench = Bench::up();
        place(&mut bench, 1);
        let request = bench.request("order.place");
        let number = request["id"].as_u64().unwrap();
        let text = format!("HTTP/1.1 {page}\r\n\r\n<html>no</html>");
        let response = crate::net::HttpResponse::of(text.as_bytes()).unwrap();
        bench.session.http(number, Ok(response), bench.now_ns);
        bench.pump();
        let unknown = (Kind::OrderUnknown, id(1), RejectReason::VenueUnsure);
        assert_eq!(reports(&bench.take()), [unknown], "{page}");
        let mut placed = |counter, seconds: u64| {
            bench.now_ns += seconds * SECOND;
            place(&mut bench, counter);
            reports(&bench.take())
        };
        if held > 0 {
            let refused = (Kind::SendFailed, id(2), RejectReason::RateLimit);
            assert_eq!(placed(2, held), [refused], "{page}");
        }
        assert_eq!(placed(3, free), [], "{page}");
    }
}
