//! Every sample of OKX's market data gives the expected event, field by field, whoever reads it:
//! the scanner (the sample as the venue sends it) or the general parser (with spaces); and recorded
//! books are those of a naive book, with the venue's own checksums.
//!
//! What the samples do not pin down: `mark-price`, `index-tickers`, `open-interest` and
//! `liquidation-orders` have none (their messages here are the documentation's), no sample holds a
//! level off its step, and the real recording is older than sequence ids.

use std::collections::BTreeMap;

use connectors::feed::{DepthPart, Market, Scratch, Span};
use connectors::okx::feed::book_sum;
use connectors::okx::wire::market::decode;
use connectors::wire::{Symbols, WireError};
use model::body::{Candle, Flag, Level, Liquidation, Mark, OpenInterest, Quote, Side, Trade};
use model::num::{Lots, Ticks};
use serde_json::{Value, json};

use super::{every, labelled, names, sample};
use crate::samples::instrument;

fn symbols() -> Symbols {
    Symbols::new(&[
        instrument(0, "BTC-USDT", "0.01", "0.00000001"),
        instrument(1, "BTC-USDT-SWAP", "0.1", "0.01"),
        instrument(2, "BTC-USD", "0.1", "0.00000001"),
        instrument(3, "UNI-USD-SWAP", "0.001", "1"),
        instrument(4, "BTC-USD-220527", "0.1", "1"),
    ])
    .unwrap()
}

const fn level(price: i64, qty: i64) -> Level {
    Level {
        price: Ticks(price),
        qty: Lots(qty),
    }
}

/// What both parsers make of a message: the first event, and the levels.
fn read(message: &Value) -> (Market, Vec<Level>, usize) {
    read_with(&symbols(), message)
}

fn read_with(symbols: &Symbols, message: &Value) -> (Market, Vec<Level>, usize) {
    let mut scratch = Scratch::default();
    let tight = message.to_string();
    let first = decode(tight.as_bytes(), symbols, &mut scratch).unwrap();
    let bids = scratch.depth.bids().len();
    let levels = scratch.depth.levels().to_vec();
    let more = scratch.more.clone();
    scratch = Scratch::default();
    let loose = serde_json::to_string_pretty(message).unwrap();
    let second = decode(loose.as_bytes(), symbols, &mut scratch);
    assert_eq!(second, Ok(first), "{tight}");
    assert_eq!(scratch.depth.levels(), levels, "{tight}");
    assert_eq!(scratch.depth.bids().len(), bids, "{tight}");
    assert_eq!(scratch.more, more, "{tight}");
    (first, levels, bids)
}

fn check(message: &Value, want: Market) {
    assert_eq!(read(message).0, want, "{message}");
}

const fn depth(part: DepthPart, id: u64, before_id: Option<u64>, checksum: Option<i32>) -> Market {
    Market::Depth {
        slot: 0,
        part,
        span: Span {
            first_id: id,
            last_id: id,
            before_id,
            venue_time_ns: 1_597_026_383_085_000_000,
        },
        checksum,
    }
}

#[test]
fn book_samples_are_a_snapshot_and_a_linked_update() {
    // This sample's checksum is of another book: it only shows where one stands.
    let sum = Some(-855_196_043);
    let files = [
        (
            "fx_ws_books_snapshot.json",
            depth(DepthPart::Snapshot, 123_456, None, sum),
        ),
        (
            "fx_ws_books_update.json",
            depth(DepthPart::Update, 123_457, Some(123_456), sum),
        ),
    ];
    for (name, want) in files {
        let Some(message) = sample(name) else { return };
        let (got, levels, bids) = read(&message);
        assert_eq!(got, want, "{name}");
        assert_eq!((levels.len(), bids), (16, 8), "{name}");
        assert_eq!(levels[0], level(847_697, 25_600_000_000), "best bid");
        assert_eq!(levels[7], level(844_600, 9_500_000_000), "last bid");
        assert_eq!(levels[8], level(847_698, 41_500_000_000), "best ask");
        assert_eq!(levels[15], level(850_696, 10_000_000_000), "last ask");
    }
    let name = "depth_ws_books_bbo_books5_doc.json";
    let label = "push example: snapshot";
    if let Some(message) = labelled(name, label) {
        check(&message, depth(DepthPart::Snapshot, 123_456, None, None));
    }
}

#[test]
fn quote_and_trade_samples() {
    let Some(message) = sample("fx_ws_bbo_tbt.json") else {
        return;
    };
    let quote = Quote {
        update_id: 123_456,
        venue_time_ns: 1_597_026_383_085_000_000,
        bid: level(847_697, 25_600_000_000),
        ask: level(847_698, 41_500_000_000),
        reserved: [0; 32],
    };
    check(&message, Market::Quote { slot: 0, quote });
    let mut empty = message;
    empty["data"][0]["bids"] = json!([]);
    let bid = level(0, 0);
    check(
        &empty,
        Market::Quote {
            slot: 0,
            quote: Quote { bid, ..quote },
        },
    );
    let trade = |slot, price| Market::Trade {
        slot,
        trade: Trade {
            trade_id: 130_639_474,
            venue_time_ns: 1_630_048_897_897_000_000,
            price: Ticks(price),
            qty: Lots(12_060_306),
            aggressor: Side::Buy,
            reserved: [0; 47],
        },
    };
    check(&sample("fx_ws_trades.json").unwrap(), trade(2, 422_199));
    let documented = labelled("trade_ws_trades_doc.json", "push example").unwrap();
    check(&documented, trade(0, 4_221_990));
}

const fn unstated(venue_time_ns: u64) -> Mark {
    Mark {
        mark: Ticks(0),
        index: Ticks(0),
        funding_rate_e9: 0,
        next_funding_ns: 0,
        venue_time_ns,
        reserved: [0; 40],
    }
}

#[test]
fn marks_are_told_in_parts() {
    let said = |mark| Market::Mark { slot: 1, mark };
    if let Some(message) = sample("fx_ws_funding_rate.json") {
        check(
            &message,
            said(Mark {
                funding_rate_e9: 100_000,
                next_funding_ns: 1_744_590_349_506_000_000,
                ..unstated(1_744_590_349_506_000_000)
            }),
        );
    }
    // www.okx.com/docs-v5, "Mark price channel" and "Index tickers channel".
    check(
        &json!({"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP",
            "instId":"BTC-USDT-SWAP","markPx":"42310.69","ts":"1630049139746"}]}),
        said(Mark {
            mark: Ticks(423_106),
            ..unstated(1_630_049_139_746_000_000)
        }),
    );
    check(
        &json!({"arg":{"channel":"index-tickers","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT",
            "idxPx":"42310.6","high24h":"1","low24h":"1","open24h":"1","ts":"1597026383085"}]}),
        said(Mark {
            index: Ticks(423_106),
            ..unstated(1_597_026_383_085_000_000)
        }),
    );
    let rate = |text: &str| {
        let message = json!({"arg":{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},
            "data":[{"fundingRate":text,"fundingTime":"1","ts":"1"}]});
        let got = decode(
            message.to_string().as_bytes(),
            &symbols(),
            &mut Scratch::default(),
        );
        match got {
            Ok(Market::Mark { mark, .. }) => Some(mark.funding_rate_e9),
            _ => None,
        }
    };
    assert_eq!(
        rate("0.0001875391284828"),
        Some(187_539),
        "more digits than we have"
    );
    assert_eq!(rate("-0.0001875391284828"), Some(-187_539));
    assert_eq!(rate("0.000187539x"), None);
    assert_eq!(rate(""), None);
}

#[test]
fn candle_interest_and_liquidations() {
    let candle = Candle {
        open_time_ns: 1_629_993_600_000_000_000,
        venue_time_ns: 0,
        open: Ticks(4_250_000),
        high: Ticks(4_819_990),
        low: Ticks(4_100_610),
        close: Ticks(4_100_610),
        volume: Lots(358_741_204_591),
        taker_bought: Lots(0),
        trades: 0,
        interval_s: 60,
        closed: Flag::No,
        reserved: [0; 3],
    };
    if let Some(mut message) = labelled("kline_ws_candle_doc.json", "push example") {
        // A candle of a day: a channel that we do not ask for.
        check(&message, Market::Ignored);
        message["arg"]["channel"] = json!("candle1m");
        check(&message, Market::Candle { slot: 0, candle });
        message["data"][0][8] = json!("1");
        let closed = Flag::Yes;
        let candle = Candle { closed, ..candle };
        check(&message, Market::Candle { slot: 0, candle });
    }
    // www.okx.com/docs-v5, "Open interest channel" and "Liquidation orders channel".
    check(
        &json!({"arg":{"channel":"open-interest","instId":"BTC-USDT-SWAP"},"data":[
            {"instType":"SWAP","instId":"BTC-USDT-SWAP","oi":"2216113.01","oiCcy":"22161.1301",
            "oiUsd":"1939251795.5",
            "ts":"1743041250440"}]}),
        Market::OpenInterest {
            slot: 1,
            interest: OpenInterest {
                qty: Lots(221_611_301),
                venue_time_ns: 1_743_041_250_440_000_000,
                reserved: [0; 64],
            },
        },
    );
    let forced = json!({"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[
        {"details":[{"bkLoss":"0","bkPx":"0.007831","ccy":"","posSide":"short","side":"buy",
            "sz":"13","ts":"1692266434010"}],"instFamily":"IOST-USDT","instId":"IOST-USDT-SWAP",
            "instType":"SWAP","uly":"IOST-USDT"},
        {"details":[{"bkLoss":"0","bkPx":"29100.1","ccy":"","posSide":"long","side":"sell",
            "sz":"1.5","ts":"1692266434011"}],"instFamily":"BTC-USDT","instId":"BTC-USDT-SWAP",
            "instType":"SWAP","uly":"BTC-USDT"}]});
    check(
        &forced,
        Market::Liquidation {
            slot: 1,
            order: Liquidation {
                venue_time_ns: 1_692_266_434_011_000_000,
                price: Ticks(291_001),
                average: Ticks(0),
                qty: Lots(150),
                filled: Lots(0),
                side: Side::Sell,
                reserved: [0; 39],
            },
        },
    );
}

#[test]
fn words_about_the_connection() {
    for (label, want) in [
        ("connection count update", Market::Ignored),
        ("connection count limit error", Market::Ignored),
        ("all succeeded", Market::Answer { error: None }),
        (
            "all failed",
            Market::Answer {
                error: Some(60_009),
            },
        ),
    ] {
        let name = "control_ws_login_subscribe_notice_conncount_doc.json";
        let Some(message) = labelled(name, label) else {
            return;
        };
        check(&message, want);
    }
    check(
        &json!({"id":"1","event":"unsubscribe","arg":{"channel":"books","instId":"BTC-USDT"}}),
        Market::Left { slot: 0 },
    );
    check(
        &json!({"id":"1","event":"unsubscribe","arg":{"channel":"trades","instId":"BTC-USDT"}}),
        Market::Answer { error: None },
    );
    check(
        &json!({"event":"notice","code":"64008","msg":"..","connId":"a4d3ae55"}),
        Market::Shutdown,
    );
    let pong = decode(b"pong", &symbols(), &mut Scratch::default());
    assert_eq!(pong, Ok(Market::Pong));
}

#[test]
fn rows_behind_the_first_are_told_in_their_order() {
    let row = |id: &str| json!({"tradeId":id,"px":"1","sz":"1","side":"sell","ts":"1"});
    let message = json!({"arg":{"channel":"trades","instId":"BTC-USDT"},
        "data":[row("1"), row("2"), row("3")]});
    let mut scratch = Scratch::default();
    let first = decode(message.to_string().as_bytes(), &symbols(), &mut scratch).unwrap();
    let id = |market: &Market| match market {
        Market::Trade { trade, .. } => trade.trade_id,
        other => panic!("{other:?}"),
    };
    assert_eq!(id(&first), 1);
    assert_eq!(scratch.more.iter().map(id).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn errors_name_the_field() {
    let symbols = symbols();
    let fails = |message: Value, want: WireError| {
        let got = decode(
            message.to_string().as_bytes(),
            &symbols,
            &mut Scratch::default(),
        );
        assert_eq!(got, Err(want), "{message}");
    };
    let missing = |field| WireError::Missing { field };
    let value = |field| WireError::Value { field };
    let arg = json!({"channel":"books","instId":"BTC-USDT"});
    fails(json!({}), WireError::UnknownKind);
    fails(json!({"event":"news"}), WireError::UnknownKind);
    fails(json!({"arg":arg}), missing("data"));
    fails(json!({"arg":arg,"data":[{}]}), missing("action"));
    fails(
        json!({"arg":arg,"action":"news","data":[{}]}),
        value("action"),
    );
    fails(
        json!({"arg":arg,"action":"update","data":[]}),
        value("data"),
    );
    let row = |before: i64| json!({"asks":[],"bids":[],"ts":"1","seqId":7,"prevSeqId":before});
    let update = |row| json!({"arg":arg,"action":"update","data":[row]});
    fails(update(row(-1)), value("seqId"));
    let mut other = row(6);
    other["instId"] = json!("BTC-USD");
    fails(update(other), value("instId"));
    let unknown = json!({"channel":"trades","instId":"ETH-USDT"});
    fails(
        json!({"arg":unknown,"data":[{"tradeId":"1"}]}),
        WireError::UnknownSymbol,
    );
    let html = decode(b"<html>", &symbols, &mut Scratch::default());
    assert_eq!(html, Err(WireError::Html));
}

/// One side of a naive book, by price.
type Naive = BTreeMap<Ticks, Lots>;

fn set(side: &mut Naive, levels: &[Level]) {
    for level in levels {
        if level.qty == Lots(0) {
            side.remove(&level.price);
        } else {
            side.insert(level.price, level.qty);
        }
    }
}

/// What the books of the messages are, from the messages themselves, with their checksums.
fn checked_books(messages: &[Value], scale: fn(&str) -> usize) -> usize {
    let symbols = symbols();
    let mut books: [(Naive, Naive); 5] = Default::default();
    let mut scratch = Scratch::default();
    let mut checked = 0;
    for message in messages {
        let bytes = message.to_string();
        let Ok(Market::Depth { slot, part, .. }) = decode(bytes.as_bytes(), &symbols, &mut scratch)
        else {
            panic!("{message}");
        };
        let symbol = message["arg"]["instId"].as_str().unwrap();
        assert_eq!(slot, scale(symbol));
        let (bids, asks) = &mut books[slot];
        if part == DepthPart::Snapshot {
            bids.clear();
            asks.clear();
        }
        set(bids, scratch.depth.bids());
        set(asks, scratch.depth.asks());
        let level = |(price, qty): (&Ticks, &Lots)| level(price.0, qty.0);
        let entry = symbols.find(symbol.as_bytes()).unwrap();
        let sum = book_sum(entry, bids.iter().rev().map(level), asks.iter().map(level));
        let said = message["data"][0]["checksum"].as_i64().unwrap();
        if said != 0 {
            assert_eq!(sum.map(i64::from), Some(said), "{symbol} {checked}");
            checked += 1;
        }
    }
    checked
}

#[test]
fn recorded_books_have_the_venues_checksums() {
    let name = "depth_run_books_trades_tickers_recorded_real2022.json";
    let mut messages = every(name);
    messages.retain(|message| message["arg"]["channel"] == "books" && message["data"].is_array());
    if messages.is_empty() {
        return;
    }
    // The recording is older than sequence ids: without them a message is none.
    for message in &mut messages {
        let bytes = message.to_string();
        let got = decode(bytes.as_bytes(), &symbols(), &mut Scratch::default());
        assert_eq!(got, Err(WireError::Missing { field: "seqId" }));
        message["data"][0]["seqId"] = json!(2);
        message["data"][0]["prevSeqId"] = json!(1);
    }
    let slot = |symbol: &str| match symbol {
        "BTC-USDT" => 0,
        "UNI-USD-SWAP" => 3,
        _ => 4,
    };
    assert_eq!(checked_books(&messages, slot), 290);
}

#[test]
fn sequence_ids_of_the_synthetic_run_link() {
    let messages = every("SYNTHETIC_books_seqId_run_with_noop_and_reset.json");
    let (mut last, mut same, mut fallen) = (None, 0, 0);
    for message in &messages {
        let (got, levels, _) = read(message);
        let Market::Depth { part, span, .. } = got else {
            panic!("{got:?}");
        };
        match part {
            DepthPart::Snapshot => assert_eq!(span.before_id, None),
            DepthPart::Update => assert_eq!(span.before_id, last),
        }
        if span.before_id == Some(span.last_id) {
            assert!(levels.is_empty(), "a message without a change");
            same += 1;
        }
        fallen += usize::from(span.before_id.is_some_and(|before| before > span.last_id));
        last = Some(span.last_id);
    }
    if !messages.is_empty() {
        assert_eq!((messages.len(), same, fallen), (99, 1, 1));
    }
}

/// Nothing more is asked of them here than that both parsers read them, alike.
#[test]
fn every_public_sample_is_read() {
    let mut count = 0;
    for name in names() {
        // Books without sequence ids are looked at above; the other is a private one.
        if name.contains("2022") || name.contains("SYNTHETIC_orders") {
            continue;
        }
        for message in every(&name) {
            let symbol = message["arg"]["instId"].as_str().unwrap_or("BTC-USDT");
            let symbols = [instrument(0, symbol, "0.00001", "0.00000001")];
            read_with(&Symbols::new(&symbols).unwrap(), &message);
            count += 1;
        }
    }
    assert!(count == 0 || count > 150, "{count}");
}
