//! Messages of no kind, refusals of our own requests, and signs of life.

use super::*;

fn notices(events: &[Record]) -> usize {
    let links = events.iter().filter_map(|record| match event(record) {
        Ok(Event::Connection(link)) => Some(link.state),
        _ => None,
    });
    links.filter(|state| *state == LinkState::Notice).count()
}

#[test]
fn garbage_is_counted_and_remarked_at_most_once_a_second() {
    let mut bench = Bench::up();
    let messages: [&[u8]; 6] = [
        b"<html>502</html>",
        b"{",
        b"\xff\xfe",
        b"{\"hello\":1}",
        b"{\"e\":\"executionReport\",\"i\":99999999999999999999999}",
        b"[]",
    ];
    for message in messages {
        bench.bytes(message);
    }
    assert_eq!(bench.session.counts.unparsed, 6);
    assert_eq!(notices(&bench.take()), 1);
    assert_eq!(bench.session.phase, Phase::Up);
    assert_eq!(bench.session.end, None);
}

#[test]
fn silence_is_probed_and_an_unanswered_probe_ends_the_connection() {
    let mut bench = Bench::up();
    bench.wait(9 * SECOND);
    assert!(bench.wire.0.is_empty());
    bench.wait(SECOND);
    let ms = bench.now_ns / MS;
    bench.answer("time", json!({"serverTime": ms}));
    bench.wait(11 * SECOND);
    bench.request("time");
    bench.wait(6 * SECOND);
    let end = bench.session.end.take().unwrap();
    assert_eq!(end.state, LinkState::Down);
    assert!(end.words.contains("no answer in time to time"), "{end:?}");
}

#[test]
fn ended_stream_and_shutdown_replace_the_connection() {
    let mut bench = Bench::up();
    bench.event(&json!({"e": "eventStreamTerminated", "E": 1}));
    assert_eq!(bench.session.end.take().unwrap().state, LinkState::Down);
    let mut bench = Bench::up();
    bench.text(&json!({"e": "serverShutdown", "E": 1}));
    bench.wait(10 * MS);
    assert_eq!(bench.session.end.take().unwrap().state, LinkState::Down);
}

#[test]
fn key_that_is_refused_needs_a_person() {
    let mut bench = Bench::new();
    bench.session.opened(bench.now_ns);
    bench.pump();
    for _ in 0..3 {
        bench.answer("time", json!({"serverTime": 1_700_000_000_000_u64}));
    }
    let error = json!({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."});
    bench.refuse("userDataStream.subscribe.signature", 401, error);
    let end = bench.session.end.take().unwrap();
    assert_eq!((end.state, end.code), (LinkState::Failed, -2015));
}

#[test]
fn limit_that_refuses_a_question_of_reconciling_only_delays_it() {
    let mut bench = Bench::new();
    bench.subscribe();
    let until = bench.now_ns / MS + 2_000;
    let error = json!({"code": -1003, "msg": "Too much", "data": {"retryAfter": until}});
    bench.refuse("openOrders.status", 429, error);
    bench.answer("myTrades", json!([]));
    bench.answer("account.status", json!({"balances": []}));
    assert_eq!(bench.session.phase, Phase::Reconciling);
    assert!(bench.wire.0.is_empty(), "nothing goes out until then");
    bench.wait(2 * SECOND);
    let open = json!([order_row(1, 55, "NEW", "0.00000000")]);
    bench.answer("openOrders.status", open);
    assert_eq!(bench.session.phase, Phase::Up);
    let status = bench.take().iter().filter_map(report).next().unwrap().1;
    assert_eq!((status.status, status.cum_qty), (OPEN, NO_LOTS));
}
