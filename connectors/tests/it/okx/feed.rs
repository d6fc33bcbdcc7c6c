//! OKX's market feed: its subscriptions' words, and its books by the neutral synchronisation.

use connectors::feed::dialect::{Chain, Content, Contents};
use connectors::feed::sync::{BookSync, Verdict};
use connectors::feed::{DepthPart, FeedDialect, Market, Scratch, Span, Topic};
use connectors::okx::feed::OkxStreams;
use connectors::okx::wire::market::decode;
use connectors::wire::Symbols;
use model::instrument::{Contract, InstrumentSpec, Perpetual};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::every;
use crate::samples::instrument;

fn swap() -> InstrumentSpec {
    InstrumentSpec {
        contract: Contract::Linear(Perpetual {
            multiplier: Decimal::new(1, 2),
            settle: "USDT".to_owned(),
            maintenance: Vec::new(),
        }),
        ..instrument(0, "BTC-USDT-SWAP", "0.1", "0.01")
    }
}

fn words(topics: &[Topic], path: &str) -> Vec<String> {
    let here = topics.iter().filter(|topic| {
        let opening = OkxStreams.opening(topic.route, topics);
        assert!(!opening.subscribes);
        opening.path == path
    });
    here.map(|topic| topic.name.clone()).collect()
}

#[test]
fn each_kind_of_data_is_asked_for_where_it_is() {
    let spot = instrument(0, "BTC-USDT", "0.1", "0.00000001");
    let topics = OkxStreams.topics(0, &spot, Contents::ALL);
    assert_eq!(
        words(&topics, "/ws/v5/public"),
        ["books", "bbo-tbt", "trades"]
            .map(|channel| format!("{{\"channel\":\"{channel}\",\"instId\":\"BTC-USDT\"}}"))
    );
    let candles = r#"{"channel":"candle1m","instId":"BTC-USDT"}"#;
    assert_eq!(words(&topics, "/ws/v5/business"), [candles]);
    let topics = OkxStreams.topics(0, &swap(), Contents::ALL);
    let public = words(&topics, "/ws/v5/public");
    for want in [
        r#"{"channel":"mark-price","instId":"BTC-USDT-SWAP"}"#,
        r#"{"channel":"funding-rate","instId":"BTC-USDT-SWAP"}"#,
        r#"{"channel":"index-tickers","instId":"BTC-USDT"}"#,
        r#"{"channel":"open-interest","instId":"BTC-USDT-SWAP"}"#,
        r#"{"channel":"liquidation-orders","instType":"SWAP"}"#,
    ] {
        assert!(public.iter().any(|name| name == want), "{want}: {public:?}");
    }
    let second = OkxStreams.topics(1, &swap(), Contents::ALL);
    let forced = |topic: &Topic| topic.content == Content::Liquidations;
    assert!(!second.iter().any(forced), "one subscription has them all");
    assert_eq!(
        OkxStreams
            .topics(0, &swap(), Contents::of(&[Content::Trades]))
            .len(),
        1
    );
}

#[test]
fn subscriptions_are_the_documented_json() {
    let topics = OkxStreams.topics(0, &swap(), Contents::BOOK);
    let mut out = String::new();
    OkxStreams.subscribe(&topics[..2], 7, &mut out);
    let got: Value = serde_json::from_str(&out).unwrap();
    let args = json!([{"channel":"books","instId":"BTC-USDT-SWAP"},
        {"channel":"bbo-tbt","instId":"BTC-USDT-SWAP"}]);
    assert_eq!(got, json!({"id":"7","op":"subscribe","args":args}));
    out.clear();
    OkxStreams.unsubscribe(&topics[..1], 8, &mut out);
    let got: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (got["op"].as_str(), got["id"].as_str()),
        (Some("unsubscribe"), Some("8"))
    );
}

/// The chain of the synthetic run: parts and places of its messages.
fn chain() -> Vec<(DepthPart, Span)> {
    let specs = [instrument(0, "BTC-USDT", "0.1", "0.00000001")];
    let symbols = Symbols::new(&specs).unwrap();
    let messages = every("SYNTHETIC_books_seqId_run_with_noop_and_reset.json");
    let one = |message: &Value| {
        let bytes = message.to_string();
        match decode(bytes.as_bytes(), &symbols, &mut Scratch::default()) {
            Ok(Market::Depth { part, span, .. }) => (part, span),
            other => panic!("{other:?}"),
        }
    };
    messages.iter().map(one).collect()
}

#[test]
fn linked_updates_a_pause_and_a_reset_are_followed() {
    let mut sync = BookSync::of(Chain::Linked, false);
    let (mut applied, mut old) = (0, 0);
    let chain = chain();
    for (part, span) in &chain {
        match part {
            DepthPart::Snapshot => sync.begin(span.last_id),
            DepthPart::Update => match sync.update(*span, &[], 0) {
                Verdict::Apply => applied += 1,
                Verdict::Old => old += 1,
                other => panic!("{other:?} {span:?}"),
            },
        }
        assert_eq!(sync.id(), Some(span.last_id));
    }
    if !chain.is_empty() {
        assert_eq!((applied, old), (97, 1), "one message has no change");
    }
}

#[test]
fn every_lost_update_is_a_gap() {
    let chain = chain();
    for lost in 1..chain.len().saturating_sub(1) {
        let span = chain[lost].1;
        if span.before_id == Some(span.last_id) {
            continue; // Nothing is lost with it.
        }
        let mut sync = BookSync::of(Chain::Linked, false);
        let mut verdict = Verdict::Apply;
        for (at, (part, span)) in chain.iter().enumerate().take(lost + 2) {
            match part {
                DepthPart::Snapshot => sync.begin(span.last_id),
                DepthPart::Update if at == lost => {}
                DepthPart::Update => verdict = sync.update(*span, &[], 0),
            }
        }
        assert_eq!(verdict, Verdict::Gap, "{lost}");
        assert!(!sync.is_live());
    }
}
