//! What happened while nobody listened, or while the stream was silent.

use super::*;

fn now_ms(bench: &Bench) -> u64 {
    bench.now_ns / MS
}

#[test]
fn trades_are_asked_for_behind_the_cursor_and_page_by_page() {
    let mut bench = Bench::new();
    bench.subscribe();
    let open = json!([order_row(1, 55, "PARTIALLY_FILLED", "0.00001000")]);
    bench.answer("openOrders.status", open);
    assert_eq!(bench.wire.0[0]["params"]["fromId"], 101);
    let page: Vec<_> = (101..=1_100).map(|trade| trade_row(trade, 55, 0)).collect();
    bench.answer("myTrades", page.into());
    bench.answer("account.status", json!({"balances": []}));
    // The last one again: a trade with ourselves has two rows.
    let second = bench.wire.0[0]["params"].clone();
    assert_eq!(
        (&second["fromId"], &second["limit"]),
        (&json!(1_100), &json!(1_000))
    );
    assert_eq!(bench.session.phase, Phase::Reconciling);
    let rows = json!([trade_row(1_100, 55, 0), trade_row(1_101, 55, 0)]);
    bench.answer("myTrades", rows);
    assert_eq!(bench.session.phase, Phase::Up);
    let events = bench.take();
    assert_eq!(fills(&events).len(), 1_001);
    let status = reports(&events);
    assert_eq!(status, [(Kind::OrderStatus, id(1), RejectReason::None)]);
    assert_eq!(bench.session.cursors[0], Some(1_101));
}

#[test]
fn fill_of_an_order_that_is_not_known_waits_for_its_name() {
    let mut bench = Bench::new();
    bench.subscribe();
    bench.answer("openOrders.status", json!([]));
    bench.answer(
        "myTrades",
        json!([trade_row(101, 77, 0), trade_row(102, 78, 0)]),
    );
    bench.answer("account.status", json!({"balances": []}));
    assert_eq!(bench.session.phase, Phase::Reconciling);
    bench.lose();
    // The cursor is behind them already, but they are not forgotten.
    bench.subscribe();
    bench.answer("openOrders.status", json!([]));
    bench.answer("myTrades", json!([]));
    bench.answer("account.status", json!({"balances": []}));
    assert_eq!(bench.wire.0[0]["params"]["orderId"], 77);
    bench.answer("order.status", order_row(4, 77, "FILLED", "0.00001000"));
    let mut foreign = order_row(5, 78, "FILLED", "0.00001000");
    foreign["clientOrderId"] = "web_somebody".into();
    bench.answer("order.status", foreign);
    assert_eq!(bench.session.phase, Phase::Up);
    assert_eq!(fills(&bench.take()), [(101, id(4))]);
}

#[test]
fn first_run_without_a_known_trade_counts_from_now_on() {
    let mut bench = Bench::new();
    bench.session.cursors[0] = None;
    bench.subscribe();
    bench.answer("openOrders.status", json!([]));
    assert_eq!(bench.wire.0[0]["params"].get("fromId"), None);
    bench.answer("myTrades", json!([trade_row(500, 77, 0)]));
    bench.answer("account.status", json!({"balances": []}));
    assert_eq!(bench.session.phase, Phase::Up);
    assert_eq!(fills(&bench.take()), []);
    assert_eq!(bench.session.cursors[0], Some(500));
}

#[test]
fn fill_that_the_stream_did_not_bring_shows_that_it_is_dead() {
    let mut bench = Bench::up();
    bench.session.timing.probe_ns = u64::MAX;
    bench.event(&execution(1, 55, "NEW", "NEW"));
    bench.event(&traded(1, 55, 101));
    let mut look = |trade, age_ms| {
        bench.take();
        bench.wait(30 * SECOND);
        let row = trade_row(trade, 55, now_ms(&bench) - age_ms);
        bench.answer("myTrades", json!([row]));
        (fills(&bench.take()), bench.session.end.take())
    };
    assert_eq!(look(101, 20_000), (vec![], None), "the stream brought it");
    let fresh = look(102, 100);
    assert_eq!(fresh, (vec![(102, id(1))], None), "it may still come");
    let (found, end) = look(103, 10_000);
    assert_eq!(found, [(103, id(1))]);
    assert_eq!(end.unwrap().state, LinkState::Down);
}

#[test]
fn stream_waits_while_reconciling_and_balances_of_nothing_are_said() {
    let mut bench = Bench::new();
    bench.subscribe();
    bench.event(&json!({
        "e": "outboundAccountPosition", "E": 2, "u": 2,
        "B": [{"a": "USDT", "f": "5", "l": "0"}],
    }));
    bench.answer("openOrders.status", json!([]));
    bench.answer("myTrades", json!([]));
    let balances = json!([{"asset": "USDT", "free": "9", "locked": "1"}]);
    bench.answer(
        "account.status",
        json!({"updateTime": 1, "balances": balances}),
    );
    let events = bench.take();
    let said: Vec<_> = events
        .iter()
        .filter_map(|record| match event(record) {
            Ok(Event::Balance(balance)) => Some((
                balance.asset.as_str().to_owned(),
                balance.free.get().to_string(),
            )),
            _ => None,
        })
        .collect();
    let want = [("USDT", "9"), ("BTC", "0"), ("USDT", "5")];
    assert_eq!(
        said,
        want.map(|(asset, free)| (asset.to_owned(), free.to_owned()))
    );
}
