//! Every sample of OKX's answers and private pushes gives the expected values, field by field.
//!
//! What the samples do not pin down: real private messages of 2026 (all of these are documented or
//! made by hand), an answer whose `id` is not a number, amendments that cancel (`amendResult` 1).

use connectors::okx::wire::classify;
use connectors::okx::wire::frame::{Ack, Answer, Frame, Word, decode};
use connectors::okx::wire::private::{Amendment, OrderRow};
use connectors::okx::wire::rest;
use connectors::wire::WireError;
use model::body::{Liquidity, OrderStatus, RejectReason, Side};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{labelled, names, sample};

pub(super) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// What is made of a message, and of the same with white space.
pub(super) fn heard<R: PartialEq + std::fmt::Debug>(
    message: &Value,
    see: impl Fn(Frame<'_>) -> R,
) -> R {
    let tight = message.to_string();
    let first = see(decode(tight.as_bytes()).unwrap());
    let loose = serde_json::to_string_pretty(message).unwrap();
    assert_eq!(see(decode(loose.as_bytes()).unwrap()), first, "{tight}");
    first
}

type AckSeen = (u64, Vec<u8>, u64, i32, String);

fn ack(ack: &Ack<'_>) -> AckSeen {
    (
        ack.order_id(),
        ack.client_id().to_vec(),
        ack.time_ms(),
        ack.code(),
        ack.words().to_owned(),
    )
}

fn answered(message: &Value) -> (Option<u64>, String, i32, String, Vec<AckSeen>) {
    heard(message, |frame| match frame {
        Frame::Answer(Answer {
            id,
            op,
            code,
            words,
            acks,
        }) => (
            id,
            op.as_str().to_owned(),
            code,
            words.as_str().to_owned(),
            acks.iter().map(ack).collect(),
        ),
        other => panic!("{other:?}"),
    })
}

const SENT: u64 = 1_695_190_491_421;

#[test]
fn answers_to_single_orders() {
    let refused = (
        0,
        Vec::new(),
        SENT,
        51_008,
        "Order failed. Insufficient USDT balance in account".to_owned(),
    );
    let taken = |order_id| (order_id, Vec::new(), SENT, 0, String::new());
    let amended = (
        2_510_789_768_709_120,
        refused.1.clone(),
        SENT,
        51_008,
        refused.4.clone(),
    );
    // The sample writes "5XXXX": a code that cannot be read is none that we know.
    let unread = (
        2_510_789_768_709_120,
        Vec::new(),
        SENT,
        -1,
        "Order not exist".to_owned(),
    );
    for (file, op, number, ok, bad) in [
        (
            "orderack_ws_place_ok_error_badformat_doc.json",
            "order",
            1512,
            taken(12_345_689),
            refused,
        ),
        (
            "orderack_ws_amend_ok_error_doc.json",
            "amend-order",
            1512,
            taken(2_510_789_768_709_120),
            amended,
        ),
        (
            "orderack_ws_cancel_ok_error_doc.json",
            "cancel-order",
            1514,
            taken(2_510_789_768_709_120),
            unread,
        ),
    ] {
        let id = Some(number);
        let Some(message) = labelled(file, "success response") else {
            return;
        };
        let none = String::new();
        let op = op.to_owned();
        assert_eq!(
            answered(&message),
            (id, op.clone(), 0, none.clone(), vec![ok])
        );
        let message = labelled(file, "failure response").unwrap();
        assert_eq!(answered(&message), (id, op.clone(), 1, none, vec![bad]));
        let message = labelled(file, "format error response").unwrap();
        let words = "Invalid args".to_owned();
        assert_eq!(answered(&message), (id, op, 60_013, words, vec![]));
    }
    assert!(!classify(200, -1).is_definite());
}

#[test]
fn answers_to_batches_tell_of_each() {
    for (file, last) in [
        ("orderack_ws_batch_place_partial_doc.json", 51_008),
        ("orderack_ws_batch_cancel_partial_doc.json", -1),
    ] {
        for (label, code, want) in [
            ("all succeeded", 0, vec![0, 0]),
            ("partially succeeded", 2, vec![0, last]),
            ("all failed", 1, vec![last, last]),
            ("format error response", 60_013, vec![]),
        ] {
            let Some(message) = labelled(file, label) else {
                return;
            };
            let (_, _, got, _, acks) = answered(&message);
            assert_eq!(got, code, "{file} {label}");
            let codes: Vec<i32> = acks.iter().map(|ack| ack.3).collect();
            assert_eq!(codes, want, "{file} {label}");
        }
    }
}

#[test]
fn answers_over_rest_have_the_same_rows() {
    for (file, order_id, client_id) in [
        ("orderack_rest_place_doc.json", 12_345_689, &b"oktswap6"[..]),
        ("orderack_rest_cancel_doc.json", 12_345_689, b"oktswap6"),
        ("orderack_rest_amend_doc.json", 12_344, b""),
        (
            "orderack_rest_batch_place_doc.json",
            12_345_689,
            b"oktswap6",
        ),
    ] {
        let Some(message) = labelled(file, "REST response") else {
            return;
        };
        let body = message.to_string();
        let rows = rest::rows::<Ack<'_>>(body.as_bytes()).unwrap().unwrap();
        let want = (order_id, client_id.to_vec(), SENT, 0, String::new());
        assert_eq!(ack(&rows[0]), want, "{file}");
        assert_eq!(rows.len(), if file.contains("batch") { 2 } else { 1 });
    }
}

#[test]
fn words_about_the_connection() {
    let name = "control_ws_login_subscribe_notice_conncount_doc.json";
    let word = |message: &Value| {
        heard(message, |frame| match frame {
            Frame::Word(Word::LoggedOn) => "on".to_owned(),
            Frame::Word(Word::Subscribed(id)) => format!("subscribed {id:?}"),
            Frame::Word(Word::Failed { id, code, words }) => {
                format!("failed {id:?} {code} {}", words.as_str())
            }
            Frame::Word(Word::Closing) => "closing".to_owned(),
            Frame::Word(Word::Crowded(channel)) => format!("crowded {}", channel.as_str()),
            Frame::Word(Word::Pong) => "pong".to_owned(),
            Frame::Word(Word::Ignored) => "ignored".to_owned(),
            other => panic!("{other:?}"),
        })
    };
    for (label, want) in [
        ("all succeeded", "on"),
        ("all failed", "failed None 60009 Login failed."),
        ("connection count update", "ignored"),
        ("connection count limit error", "crowded orders"),
    ] {
        if let Some(message) = labelled(name, label) {
            assert_eq!(word(&message), want, "{label}");
        }
    }
    if let Some(message) = labelled("private_ws_orders_doc.json", "success response") {
        assert_eq!(word(&message), "subscribed Some(1512)");
    }
    let notice = json!({"event":"notice","code":"64008","msg":"..","connId":"a4d3ae55"});
    assert_eq!(word(&notice), "closing");
    assert!(matches!(decode(b"pong"), Ok(Frame::Word(Word::Pong))));
}

/// The orders of a push.
fn orders<R: PartialEq + std::fmt::Debug>(
    message: &Value,
    see: impl Fn(&OrderRow<'_>) -> R,
) -> Vec<R> {
    heard(message, |frame| match frame {
        Frame::Orders(rows) => rows.iter().map(&see).collect(),
        other => panic!("{other:?}"),
    })
}

#[test]
fn documented_order_push_field_by_field() {
    let Some(message) = labelled("private_ws_orders_doc.json", "push example") else {
        return;
    };
    let seen = orders(&message, |row| {
        assert_eq!(row.inst_id.as_str(), "BTC-USDT");
        assert_eq!(row.order_id(), Ok(452_197_707_845_865_472));
        assert_eq!(row.client_id(), b"");
        assert_eq!(row.status(), Ok((OrderStatus::Filled, RejectReason::None)));
        assert_eq!(row.side(), Ok(Side::Sell));
        assert_eq!(row.kind(), "limit");
        assert_eq!(row.category(), "normal");
        assert_eq!(row.sz.as_str(), "0.001");
        assert!(!row.is_in_quote());
        assert_eq!(row.filled().map(|text| text.as_str()), Some("0.001"));
        assert_eq!(
            row.fill_px.as_ref().map(|text| text.as_str()),
            Some("31527.1")
        );
        assert_eq!(
            row.fill_sz.as_ref().map(|text| text.as_str()),
            Some("0.001")
        );
        assert_eq!(row.fill_ms(), Ok(1_654_084_353_263));
        assert_eq!(row.liquidity(), Ok(Liquidity::Maker));
        let (fee, asset) = row.fill_fee().unwrap();
        assert_eq!((fee.get(), asset), (decimal("0.02522168"), "USDT"));
        assert_eq!(row.cancel_source(), "");
        assert_eq!(row.amendment(), Ok((Amendment::None, 0, "")));
        row.trade_id().unwrap()
    });
    assert_eq!(seen.len(), 1);
    assert!(seen[0].is_some(), "a fill");
}

#[test]
fn order_pushes_of_every_kind() {
    for (file, id, trade, kind, category, side) in [
        (
            "fx_ws_orders.json",
            120_384,
            Some(1_518_905_529),
            "market",
            "normal",
            Side::Buy,
        ),
        (
            "fx_ws_orders_liquidation.json",
            120_999,
            Some(1_518_905_999),
            "market",
            "full_liquidation",
            Side::Sell,
        ),
    ] {
        let Some(message) = sample(file) else { return };
        let seen = orders(&message, |row| {
            (
                row.order_id().unwrap() % 1_000_000,
                row.trade_id().unwrap(),
                row.kind().to_owned(),
                row.category().to_owned(),
                row.side().unwrap(),
            )
        });
        assert_eq!(
            seen,
            [(id, trade, kind.to_owned(), category.to_owned(), side)],
            "{file}"
        );
    }
    for name in names() {
        if !name.starts_with("fx_ws_orders") || name.contains("algo") {
            continue;
        }
        let seen = orders(&sample(&name).unwrap(), |row| {
            (
                row.status().is_ok(),
                row.order_id().is_ok(),
                row.liquidity().is_ok(),
                row.fill_fee().is_ok(),
            )
        });
        // An order that did not fill says neither.
        assert!(
            seen.iter().all(|seen| seen.0 && seen.1 && seen.3),
            "{name} {seen:?}"
        );
    }
}

/// Each push of a story: state, why, trade, amendment.
fn story(name: &str) -> Vec<(OrderStatus, RejectReason, Option<u64>, Amendment)> {
    let Some(all) = sample("SYNTHETIC_orders_lifecycle.json") else {
        return Vec::new();
    };
    let steps = all[name]["steps"].as_array().unwrap();
    let pushes = steps
        .iter()
        .map(|step| &step["msg"])
        .filter(|message| message["arg"].is_object());
    pushes
        .flat_map(|message| {
            orders(message, |row| {
                let (status, reason) = row.status().unwrap();
                let (amendment, code, words) = row.amendment().unwrap();
                if amendment == Amendment::Refused {
                    assert_eq!(code, 51_511);
                    assert!(words.contains("Post Only"), "{words}");
                }
                (status, reason, row.trade_id().unwrap(), amendment)
            })
        })
        .collect()
}

#[test]
fn stories_of_orders_end_as_they_should() {
    use OrderStatus::{Cancelled, Expired, Filled, Open, PartiallyFilled, Rejected};
    let plain = |status, trade| (status, RejectReason::None, trade, Amendment::None);
    let amended = |amendment| (Open, RejectReason::None, None, amendment);
    if story("A_full_fill_with_duplicate_push").is_empty() {
        return;
    }
    for (name, want) in [
        (
            "A_full_fill_with_duplicate_push",
            vec![
                plain(Open, None),
                plain(PartiallyFilled, Some(700_000_001)),
                plain(PartiallyFilled, Some(700_000_001)),
                plain(Filled, Some(700_000_002)),
            ],
        ),
        (
            "B_user_cancel_after_partial",
            vec![
                plain(Open, None),
                plain(PartiallyFilled, Some(700_000_001)),
                plain(Cancelled, None),
            ],
        ),
        (
            "C_post_only_would_cross",
            vec![(Rejected, RejectReason::WouldTake, None, Amendment::None)],
        ),
        (
            "D_ioc_partial_then_canceled",
            vec![
                plain(PartiallyFilled, Some(700_000_001)),
                plain(Expired, None),
            ],
        ),
        ("E_rejected_insufficient_balance", vec![]),
        (
            "G_dead_man_switch",
            vec![plain(Open, None), plain(Cancelled, None)],
        ),
        (
            "H_swap_fill_contracts",
            vec![plain(Open, None), plain(Filled, Some(800_000_001))],
        ),
        (
            "I_cancel_races_with_fill",
            vec![plain(Open, None), plain(Filled, Some(700_000_009))],
        ),
    ] {
        assert_eq!(story(name), want, "{name}");
    }
    // The samples leave the result of a success out or write 0.
    let changes = story("F_amend_ok_then_amend_fail");
    assert_eq!(changes[0], amended(Amendment::None));
    assert_eq!(changes.last(), Some(&amended(Amendment::Refused)));
}

#[test]
fn ends_of_orders_by_their_source() {
    let row = |kind: &str, source: &str, filled: &str| {
        let row = json!({"instId":"X","sz":"1","state":"canceled","ordType":kind,
            "cancelSource":source,"accFillSz":filled});
        let text = row.to_string();
        serde_json::from_str::<OrderRow<'_>>(&text)
            .unwrap()
            .status()
            .unwrap()
    };
    use OrderStatus::{Cancelled, Expired, Rejected};
    let none = RejectReason::None;
    assert_eq!(
        row("post_only", "31", "0"),
        (Rejected, RejectReason::WouldTake)
    );
    assert_eq!(
        row("post_only", "31", "0.5"),
        (Expired, none),
        "after an amendment"
    );
    assert_eq!(row("limit", "1", "0"), (Cancelled, none));
    assert_eq!(row("limit", "20", "0"), (Cancelled, none));
    assert_eq!(row("limit", "", "0"), (Cancelled, none), "over REST");
    assert_eq!(row("ioc", "", "0.0"), (Expired, none));
    assert_eq!(row("fok", "13", "0"), (Expired, none));
    assert_eq!(
        row("limit", "32", "0"),
        (Expired, none),
        "a trade with ourselves"
    );
    assert_eq!(
        row("limit", "4711", "0"),
        (Expired, none),
        "a source of tomorrow"
    );
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let fails = |message: &Value, want: WireError| {
        let text = message.to_string();
        assert_eq!(decode(text.as_bytes()).err(), Some(want), "{message}");
    };
    fails(&json!({}), WireError::UnknownKind);
    fails(&json!({"event":"news"}), WireError::UnknownKind);
    fails(&json!({"op":"order"}), WireError::Missing { field: "code" });
    let data = WireError::Missing { field: "data" };
    fails(&json!({"arg":{"channel":"orders"}}), data);
    assert_eq!(decode(b"<html>").err(), Some(WireError::Html));
    let row = |value: Value| {
        let text = value.to_string();
        let row: OrderRow<'_> = serde_json::from_str(&text).unwrap();
        (
            row.order_id().is_ok(),
            row.status().is_ok(),
            row.side().is_ok(),
            row.trade_id().is_ok(),
        )
    };
    let bad = json!({"instId":"X","sz":"1","ordId":"x","state":"news","side":"","tradeId":"1.5"});
    assert_eq!(row(bad), (false, false, false, false));
    let text = json!({"instId":"X","sz":"1","tradeId":"-42"}).to_string();
    let row: OrderRow<'_> = serde_json::from_str(&text).unwrap();
    assert_eq!(
        row.trade_id(),
        Ok(Some((-42_i64).cast_unsigned())),
        "a forced trade"
    );
}
