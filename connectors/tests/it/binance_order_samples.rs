//! Every sample of Binance's spot order answers, private events and REST answers.

use connectors::binance::wire::classify;
use connectors::binance::wire::frame::{self, Answer, Frame};
use connectors::binance::wire::order::{CancelReplace, Half, OrderAnswer, TradeRow};
use connectors::binance::wire::rest::{self, Account, ServerTime};
use connectors::binance::wire::user::{Execution, UserEvent};
use connectors::gateway::said::Verdict;
use connectors::wire::Raw;
use model::body::{OrderStatus, RejectReason, Side};

use crate::samples::{labelled, message};

fn answer(bytes: &[u8]) -> Answer<'_> {
    match frame::decode(bytes).unwrap() {
        Frame::Answer(answer) => answer,
        Frame::Event(event) => panic!("{event:?}"),
    }
}

fn event(bytes: &[u8]) -> UserEvent<'_> {
    match frame::decode(bytes).unwrap() {
        Frame::Event(event) => event,
        Frame::Answer(answer) => panic!("{answer:?}"),
    }
}

/// What a report must say: execution, state, client id, cumulative quantity, trade.
fn report(file: &str, want: (Execution, OrderStatus, &str, &str, Option<u64>)) {
    let Some(bytes) = message(file) else { return };
    let UserEvent::Report(report) = event(&bytes) else {
        panic!("{file}");
    };
    let got = (
        report.execution().unwrap(),
        report.status().unwrap(),
        std::str::from_utf8(report.client_id()).unwrap(),
        report.cum_qty.as_str(),
        report.trade_id(),
    );
    assert_eq!(got, want, "{file}");
}

#[test]
fn report_samples_give_the_expected_state() {
    use Execution as X;
    use OrderStatus as S;
    let ours = "x-TD67BGP9-T0000000000000";
    let zero = "0.00000000";
    let file = |name: &str| format!("spot_private_execution_report_{name}.json");
    // In this sample `C` is empty on a cancel, where the documentation has the original id.
    report(
        &file("canceled"),
        (X::Cancelled, S::Cancelled, ours, zero, None),
    );
    report(&file("expired"), (X::Expired, S::Expired, ours, zero, None));
    report(&file("new"), (X::New, S::Open, ours, zero, None));
    report(
        &file("stop_loss"),
        (X::New, S::Open, "x-TD67BGP9-T0000000000001", zero, None),
    );
    report(
        &file("trade"),
        (X::Trade, S::Filled, ours, "1.00000000", Some(98_765_432)),
    );
    report(
        &file("wrapped"),
        (X::New, S::Open, "mUvoqJxFIILMdfAW5iGSOW", zero, None),
    );
}

#[test]
fn legacy_report_samples_give_the_expected_state() {
    use Execution as X;
    use OrderStatus as S;
    let zero = "0.00000000";
    let legacy = |name: &str| format!("spot_private_legacy_execution_report_{name}.json");
    report(
        &legacy("calculated"),
        (
            X::Calculated,
            S::Filled,
            "autoclose-123456789",
            "0.01000000",
            Some(98_765_432),
        ),
    );
    report(
        &legacy("pending_cancel"),
        (
            X::Cancelled,
            S::Open,
            "O-12345-test-cancel",
            "0.10000000",
            None,
        ),
    );
    report(
        &legacy("rejected"),
        (X::Rejected, S::Rejected, "O-12345-test-reject", zero, None),
    );
    report(
        &legacy("trade_l_zero_partial"),
        (
            X::Trade,
            S::PartiallyFilled,
            "O-12345-test-l-zero-partial",
            "0.50000000",
            Some(12_345_678),
        ),
    );
    report(
        &legacy("trade_prevention"),
        (
            X::TradePrevention,
            S::Expired,
            "O-12345-test-stp",
            zero,
            None,
        ),
    );
    if let Some(bytes) = message(&legacy("custom_client_id")) {
        assert!(matches!(event(&bytes), UserEvent::Report(_)));
    }
}

#[test]
fn report_of_a_trade_has_all_of_the_fill() {
    let Some(bytes) = message("spot_private_execution_report_trade.json") else {
        return;
    };
    let UserEvent::Report(report) = event(&bytes) else {
        panic!("not a report");
    };
    assert_eq!(report.symbol.as_str(), "ETHUSDT");
    assert_eq!(report.side(), Ok(Side::Buy));
    assert_eq!(report.order_id, 12_345_678);
    assert_eq!(report.last_qty.unwrap().as_str(), "1.00000000");
    assert_eq!(report.last_price.unwrap().as_str(), "2500.00000000");
    assert_eq!(report.fee.unwrap().as_str(), "0.00100000");
    assert_eq!(report.fee_asset.unwrap().as_str(), "ETH");
    assert_eq!(report.time_ms, 1_709_654_401_000);
    assert!(report.maker);
}

#[test]
fn cancel_report_names_the_order_by_its_original_id() {
    let text = r#"{"e":"executionReport","E":1,"s":"BTCUSDT","c":"cancel-id","S":"BUY",
        "C":"caracal-0000010000000001","x":"CANCELED","X":"CANCELED","i":4,"z":"0","T":5,"t":-1}"#;
    let UserEvent::Report(report) = event(text.as_bytes()) else {
        panic!("not a report");
    };
    assert_eq!(report.client_id(), b"caracal-0000010000000001");
}

#[test]
fn other_private_events_are_told_apart() {
    for (_, bytes) in labelled("private_spot_userstream_events_doc.json") {
        let text = String::from_utf8(bytes.clone()).unwrap();
        match event(&bytes) {
            UserEvent::Report(report) => assert_eq!(report.order_id, 4_293_153),
            UserEvent::Balances(balances) => {
                let rows: Vec<_> = balances.rows.iter().collect();
                assert_eq!(rows.len(), 1);
                assert_eq!(rows[0].asset.as_str(), "ETH");
                assert_eq!(rows[0].free.as_str(), "10000.000000");
                assert_eq!(rows[0].locked.as_str(), "0.000000");
                assert_eq!(balances.time_ms, 1_564_034_571_105);
            }
            UserEvent::Transfer(transfer) => {
                assert_eq!(transfer.asset.as_str(), "BTC");
                assert_eq!(transfer.delta.as_str(), "100.00000000");
            }
            UserEvent::Ignored => assert!(text.contains("listStatus"), "{text}"),
            UserEvent::Terminated | UserEvent::Shutdown => panic!("{text}"),
        }
    }
    for (_, bytes) in labelled("private_spot_userstream_terminated_and_lock_doc.json") {
        let terminated = String::from_utf8_lossy(&bytes).contains("eventStreamTerminated");
        match event(&bytes) {
            UserEvent::Terminated => assert!(terminated),
            UserEvent::Ignored => assert!(!terminated),
            other => panic!("{other:?}"),
        }
    }
    for file in ["", "_wrapped"] {
        if let Some(bytes) = message(&format!("spot_private_account_position{file}.json")) {
            assert!(matches!(event(&bytes), UserEvent::Balances(_)));
        }
        if let Some(bytes) = message(&format!("spot_private_balance_update{file}.json")) {
            assert!(matches!(event(&bytes), UserEvent::Transfer(_)));
        }
    }
    if let Some(bytes) = message("spot_private_list_status_wrapped.json") {
        assert!(matches!(event(&bytes), UserEvent::Ignored));
    }
}

#[test]
fn placement_answers_of_all_three_forms() {
    // The ids of the samples are texts that are not numbers: not ours, hence `None`.
    let mut forms = 0;
    for (label, bytes) in labelled("orderack_spot_wsapi_order_place_doc.json") {
        if bytes.windows(8).any(|window| window == b"\"method\"") {
            continue;
        }
        forms += 1;
        let answer = answer(&bytes);
        assert_eq!((answer.id, answer.status), (None, 200));
        assert_eq!(answer.limits.iter().count(), 3);
        let orders = answer.limits.iter().next().unwrap();
        assert_eq!(orders.rate_limit_type.as_str(), "ORDERS");
        assert_eq!((orders.limit, orders.count), (50, 1));
        let order = OrderAnswer::read(answer.outcome.unwrap().unwrap()).unwrap();
        assert_eq!(order.order_id, 12_569_099_453);
        assert_eq!(order.client_id(), b"4d96324ff9d44481926157ec08158a40");
        let fills: Vec<_> = order.fills.iter().collect();
        match label.split('`').next().unwrap() {
            "ACK" => assert_eq!(order.status(), Ok(OrderStatus::NotStated)),
            "RESULT" => assert_eq!(order.status(), Ok(OrderStatus::Open)),
            "FULL" => {
                assert_eq!(order.status(), Ok(OrderStatus::Filled));
                assert_eq!(order.side(), Ok(Side::Sell));
                assert_eq!(order.time_ms(), 1_660_801_715_793);
                assert_eq!(fills.len(), 2);
                assert_eq!(fills[1].trade_id, Some(1_650_422_482));
                assert_eq!(fills[1].price.as_str(), "23416.50000000");
                assert_eq!(fills[1].qty.as_str(), "0.00212000");
                assert_eq!(fills[1].commission_asset.as_str(), "BNB");
            }
            other => panic!("{other}"),
        }
    }
    assert!(forms == 3 || forms == 0);
    let rest: Vec<_> = labelled("orderack_spot_rest_new_order_doc.json");
    let full = message("spot_rest_new_order_full_response.json");
    for bytes in rest.into_iter().map(|(_, bytes)| bytes).chain(full) {
        let order: OrderAnswer<'_> = rest::read(200, &bytes).unwrap().unwrap();
        assert_eq!(order.client_id(), b"6gCrw2kRUAF9CvJDGP16IP");
        let fills = order.fills.iter().count();
        assert!(fills == 0 || fills == 5, "more than the inline list holds");
    }
}

#[test]
fn cancel_answers_name_the_order_not_the_cancel() {
    for (label, bytes) in labelled("orderack_spot_wsapi_order_cancel_doc.json") {
        let text = String::from_utf8_lossy(&bytes);
        if text.contains("\"method\"") {
            continue;
        }
        match answer(&bytes).outcome {
            Ok(Some(raw)) if label.contains("individual") => {
                let order = OrderAnswer::read(raw).unwrap();
                assert_eq!(order.client_id(), b"4d96324ff9d44481926157");
                assert_eq!(order.status(), Ok(OrderStatus::Cancelled));
                assert_eq!(order.executed_qty.unwrap().as_str(), "0.00001000");
            }
            // A list of orders: we place none, so it is no answer to anything of ours.
            Ok(Some(raw)) => assert!(OrderAnswer::read(raw).is_err()),
            Ok(None) => panic!("{label}"),
            Err(error) => {
                let verdict = classify(400, error.code, error.message());
                assert!(verdict.is_definite(), "{label}");
            }
        }
    }
    let one = message("spot_rest_cancel_order_response.json");
    let doc = labelled("orderack_spot_rest_cancel_doc.json");
    let doc = doc.into_iter().filter(|(label, _)| label == "Response:");
    for bytes in one.into_iter().chain(doc.map(|(_, bytes)| bytes)) {
        let order: OrderAnswer<'_> = rest::read(200, &bytes).unwrap().unwrap();
        assert_eq!((order.client_id(), order.order_id), (&b"myOrder1"[..], 4));
        assert_eq!(order.status(), Ok(OrderStatus::Cancelled));
    }
}

/// Halves of a cancel-replace as letters: done, failed, not attempted.
fn halves(outcome: &CancelReplace<'_>) -> [char; 2] {
    let letter = |half: &Half<'_>| match half {
        Half::Done(_) => 'd',
        Half::Failed(_) => 'f',
        Half::NotAttempted => 'n',
    };
    [letter(&outcome.cancel), letter(&outcome.place)]
}

#[test]
fn cancel_replace_answers_of_every_outcome() {
    let mut seen = Vec::new();
    for (_, bytes) in labelled("orderack_spot_wsapi_cancelReplace_doc.json") {
        if bytes.windows(8).any(|window| window == b"\"method\"") {
            continue;
        }
        let answer = answer(&bytes);
        match &answer.outcome {
            Ok(raw) => seen.push((200, halves(&CancelReplace::read(raw.unwrap()).unwrap()))),
            Err(error) if error.data.is_none() => {
                assert_eq!((answer.status, error.code), (429, -1015));
                assert_eq!(classify(429, error.code, error.message()), Verdict::Limited);
            }
            Err(error) => {
                let verdict = classify(answer.status, error.code, error.message());
                assert_eq!(verdict, Verdict::Partial);
                let outcome = CancelReplace::read(error.data.unwrap()).unwrap();
                seen.push((answer.status, halves(&outcome)));
            }
        }
    }
    let want = [
        (200, ['d', 'd']),
        (400, ['f', 'n']),
        (409, ['d', 'f']),
        (409, ['f', 'd']),
        (400, ['f', 'f']),
        (409, ['d', 'f']),
    ];
    assert!(seen == want || seen.is_empty(), "{seen:?}");
    for (label, bytes) in labelled("orderack_spot_rest_cancelReplace_all_outcomes_doc.json") {
        let status = if label.contains("SUCCESS") { 200 } else { 400 };
        let raw: Result<Raw<'_>, _> = rest::read(status, &bytes).unwrap();
        match raw {
            Ok(raw) => assert_eq!(halves(&CancelReplace::read(raw).unwrap()), ['d', 'd']),
            Err(error) => {
                let data = error.data.map(|data| CancelReplace::read(data).unwrap());
                assert_eq!(data.is_none(), error.code == -1015, "{label}");
            }
        }
    }
}

#[test]
fn generic_error_and_ban_are_understood() {
    for (_, bytes) in labelled("orderack_spot_wsapi_generic_ok_and_error_doc.json") {
        if let Err(error) = answer(&bytes).outcome {
            let verdict = classify(400, error.code, error.message());
            assert_eq!(verdict, Verdict::Refused(RejectReason::Balance));
        }
    }
    let mut banned = 0;
    for (_, bytes) in labelled("ratelimit_spot_wsapi_doc.json") {
        let answer = answer(&bytes);
        if let Err(error) = answer.outcome {
            banned += 1;
            assert_eq!((answer.status, error.code), (418, -1003));
            assert_eq!(classify(418, -1003, error.message()), Verdict::Limited);
            assert_eq!(error.retry_after_ms(), Some(1_659_146_400_000));
        }
    }
    assert!(banned <= 1);
    for file in [
        "session_spot_wsapi_logon_status_logout_doc.json",
        "userstream_spot_wsapi_subscribe_doc.json",
    ] {
        for (_, bytes) in labelled(file) {
            if !bytes.windows(8).any(|window| window == b"\"method\"") {
                assert!(answer(&bytes).outcome.is_ok());
            }
        }
    }
}

#[test]
fn rest_answers_are_read() {
    if let Some(bytes) = message("spot_rest_server_time_response.json") {
        let time: ServerTime = rest::read(200, &bytes).unwrap().unwrap();
        assert_eq!(time.server_time, 1_499_827_319_559);
    }
    let account = message("spot_rest_account_response.json");
    let doc = labelled("balances_spot_account_doc.json").into_iter();
    for bytes in account.into_iter().chain(doc.map(|(_, bytes)| bytes)) {
        let account: Account<'_> = rest::read(200, &bytes).unwrap().unwrap();
        assert!(account.can_trade);
        assert_eq!(account.balances.len(), 2);
        assert_eq!(account.balances[0].asset.as_str(), "BTC");
        assert_eq!(account.balances[0].free.as_str(), "4723846.89208129");
    }
    let trades = message("spot_rest_account_trades_response.json");
    let doc = labelled("reconcile_spot_myTrades_doc.json").into_iter();
    for bytes in trades.into_iter().chain(doc.map(|(_, bytes)| bytes)) {
        let rows: Vec<TradeRow<'_>> = rest::read(200, &bytes).unwrap().unwrap();
        assert_eq!((rows[0].id, rows[0].order_id), (28_457, 100_234));
        assert!(rows[0].is_buyer && !rows[0].is_maker);
        assert_eq!(rows[0].commission.as_str(), "10.10000000");
        assert_eq!(rows[0].time, 1_499_865_549_590);
    }
    for file in ["open_orders", "all_orders"] {
        if let Some(bytes) = message(&format!("spot_rest_{file}_response.json")) {
            let orders: Vec<OrderAnswer<'_>> = rest::read(200, &bytes).unwrap().unwrap();
            assert_eq!(orders[0].client_id(), b"myOrder1");
            assert_eq!(orders[0].status(), Ok(OrderStatus::Open));
            assert_eq!(orders[0].time_ms(), 1_499_827_319_559);
        }
    }
    if let Some(bytes) = message("spot_rest_order_response.json") {
        let order: OrderAnswer<'_> = rest::read(200, &bytes).unwrap().unwrap();
        assert_eq!(order.executed_qty.as_ref().unwrap().as_str(), "0.0");
    }
    let web_page = rest::read::<ServerTime>(502, b"<html>Bad Gateway</html>");
    assert!(web_page.is_err());
}
