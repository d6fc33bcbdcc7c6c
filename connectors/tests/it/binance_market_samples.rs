//! Every sample of Binance's spot market data and control messages gives the expected event.

use connectors::binance::wire::{Depth, DepthPart, Market, decode, decode_snapshot};
use connectors::wire::{Symbols, WireError};
use model::body::{Flag, Level, Side};
use model::num::{Lots, Ticks};

use crate::samples::{instrument, labelled, message, sample};

fn symbols() -> Symbols {
    Symbols::new(&[
        instrument(0, "BNBBTC", "0.0001", "0.001"),
        instrument(1, "BNBUSDT", "0.0001", "0.01"),
        instrument(2, "LTCBTC", "0.000001", "0.01"),
    ])
    .unwrap()
}

fn level(price: i64, qty: i64) -> Level {
    Level {
        price: Ticks(price),
        qty: Lots(qty),
    }
}

#[test]
fn market_samples_give_the_expected_events() {
    // The samples give each shape once. They do not pin down the order of keys, so that both
    // parsers are asked by other tests, nor what an empty side of a bookTicker looks like.
    let symbols = symbols();
    let mut depth = Depth::default();
    let mut seen = [0; 5];
    for (_, bytes) in labelled("marketdata_spot_streams_doc.json") {
        let text = String::from_utf8(bytes.clone()).unwrap();
        if text == "[{}]" {
            // "All tickers" is a list of tickers; we do not subscribe to it.
            assert!(matches!(
                decode(&bytes, &symbols, &mut depth),
                Err(WireError::Json { .. })
            ));
            continue;
        }
        if text.contains("\"lastUpdateId\":160") {
            // Partial depth has no symbol and no kind: never subscribed, and refused as a stream.
            assert_eq!(
                decode(&bytes, &symbols, &mut depth),
                Err(WireError::UnknownKind)
            );
            let entry = symbols.find(b"BNBBTC").unwrap();
            assert_eq!(decode_snapshot(&bytes, entry, &mut depth), Ok(160));
            assert_eq!(depth.levels(), [level(24, 10_000), level(26, 100_000)]);
            continue;
        }
        match decode(&bytes, &symbols, &mut depth).unwrap() {
            Market::Trade { slot, trade } => {
                seen[0] += 1;
                assert_eq!((slot, trade.trade_id), (0, 12_345));
                assert_eq!(trade.venue_time_ns, 1_672_515_782_136_000_000);
                assert_eq!((trade.price, trade.qty), (Ticks(10), Lots(100_000)));
                assert_eq!(trade.aggressor, Side::Sell, "the buyer made it");
            }
            Market::Quote { slot, quote } => {
                seen[1] += 1;
                assert_eq!((slot, quote.update_id), (1, 400_900_217));
                assert_eq!(quote.venue_time_ns, 0);
                assert_eq!(quote.bid, level(253_519, 3_121));
                assert_eq!(quote.ask, level(253_652, 4_066));
            }
            Market::Depth {
                slot,
                part,
                span,
                checksum,
            } => {
                seen[2] += 1;
                assert_eq!((slot, span.first_id, span.last_id), (0, 157, 160));
                assert_eq!(span.venue_time_ns, 1_672_515_782_136_000_000);
                assert_eq!((part, checksum), (DepthPart::Update, None));
                assert_eq!(span.before_id, None);
                assert_eq!(depth.bids(), [level(24, 10_000)]);
                assert_eq!(depth.asks(), [level(26, 100_000)]);
            }
            Market::Candle { slot, candle } => {
                seen[4] += 1;
                assert_eq!(slot, 0);
                assert_eq!(candle.open_time_ns, 1_672_515_780_000_000_000);
                assert_eq!(candle.venue_time_ns, 1_672_515_782_136_000_000);
                let prices = [candle.open, candle.high, candle.low, candle.close];
                assert_eq!(prices, [10, 25, 15, 20].map(Ticks));
                assert_eq!(candle.volume, Lots(1_000_000));
                assert_eq!(candle.taker_bought, Lots(500_000));
                assert_eq!((candle.trades, candle.interval_s), (100, 60));
                assert_eq!(candle.closed, Flag::No);
            }
            Market::Ignored => seen[3] += 1,
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(seen == [1, 1, 1, 7, 2] || seen == [0; 5], "{seen:?}");
}

#[test]
fn control_samples_are_answers_and_shutdowns() {
    let symbols = symbols();
    let mut depth = Depth::default();
    for (_, bytes) in labelled("control_spot_streams_serverShutdown_doc.json") {
        let got = decode(&bytes, &symbols, &mut depth);
        assert_eq!(got, Ok(Market::Shutdown));
    }
    for (label, bytes) in labelled("control_spot_streams_subscribe_doc.json") {
        let got = decode(&bytes, &symbols, &mut depth).unwrap();
        // Requests are in the sample too; as something received they would be answers at most.
        assert_eq!(got, Market::Answer { error: None }, "{label}");
    }
    for refused in [
        &br#"{"code":2,"msg":"Invalid request: unknown variant"}"#[..],
        br#"{"error":{"code":2,"msg":"Invalid request"},"id":1}"#,
    ] {
        let got = decode(refused, &symbols, &mut depth);
        assert_eq!(got, Ok(Market::Answer { error: Some(2) }));
    }
}

#[test]
fn depth_snapshots_are_read_whole() {
    let steps = [
        ("NKNUSDT", "0.00001", "0.1", 499_869_752),
        ("BLZETH", "0.00000001", "1", 281_916_627),
        ("LRCBTC", "0.00000001", "1", 259_345_543),
        ("RUNEEUR", "0.001", "0.1", 15_602_511),
    ];
    for (symbol, tick, lot, update_id) in steps {
        let symbols = Symbols::new(&[instrument(0, symbol, tick, lot)]).unwrap();
        let entry = symbols.find(symbol.as_bytes()).unwrap();
        let Some(file) = sample(&format!("depth_snapshot_spot_{symbol}_real2021.json")) else {
            continue;
        };
        let bytes = serde_json::to_vec(&file["msg"]).unwrap();
        let mut depth = Depth::default();
        assert_eq!(decode_snapshot(&bytes, entry, &mut depth), Ok(update_id));
        let counts = |side: &str| file["msg"][side].as_array().unwrap().len();
        assert_eq!(depth.bids().len(), counts("bids"), "{symbol}");
        assert_eq!(depth.asks().len(), counts("asks"), "{symbol}");
        assert!(depth.bids()[0].price < depth.asks()[0].price, "{symbol}");
        let down = depth
            .bids()
            .windows(2)
            .all(|two| two[0].price > two[1].price);
        let up = depth
            .asks()
            .windows(2)
            .all(|two| two[0].price < two[1].price);
        assert!(down && up, "{symbol}: sorted from the top");
    }
    if let Some(bytes) = message("spot_rest_depth_response.json") {
        let symbols = symbols();
        let mut depth = Depth::default();
        let entry = symbols.find(b"LTCBTC").unwrap();
        assert_eq!(decode_snapshot(&bytes, entry, &mut depth), Ok(1_027_024));
        assert_eq!(depth.bids(), [level(4_000_000, 43_100)]);
        assert_eq!(depth.asks(), [level(4_000_002, 1_200)]);
    }
}

#[test]
fn errors_name_the_field() {
    let symbols = symbols();
    let mut depth = Depth::default();
    let mut check = |text: &str, want: WireError| {
        let got = decode(text.as_bytes(), &symbols, &mut depth);
        assert_eq!(got, Err(want), "{text}");
    };
    let number = |field, error| WireError::Number { field, error };
    use model::num::NumberError::{OutOfRange, Syntax};
    check("<html><body>502</body></html>", WireError::Html);
    check("", WireError::Json { line: 1, column: 0 });
    check("{}", WireError::UnknownKind);
    check(
        r#"{"u":1,"s":"XXXYYY","b":"1","B":"1","a":"1","A":"1"}"#,
        WireError::UnknownSymbol,
    );
    check(
        r#"{"u":1,"s":"BNBBTC","b":"1","B":"1","A":"1"}"#,
        WireError::Missing { field: "a" },
    );
    check(
        r#"{"u":1,"s":"BNBBTC","b":"1","B":"1e3","a":"1","A":"1"}"#,
        number("B", Syntax),
    );
    check(
        r#"{"u":1,"s":"BNBBTC","b":"-1","B":"1","a":"1","A":"1"}"#,
        number("b", OutOfRange),
    );
    check(
        r#"{"u":-1,"s":"BNBBTC","b":"1","B":"1","a":"1","A":"1"}"#,
        WireError::Value { field: "u" },
    );
    check(
        r#"{"e":"trade","E":1,"s":"BNBBTC","t":1,"p":"1","q":"1","T":99999999999999,"m":true}"#,
        number("T", OutOfRange),
    );
    check(
        r#"{"e":"depthUpdate","s":"BNBBTC","U":1,"u":2,"b":[],"a":[]}"#,
        WireError::Missing { field: "E" },
    );
    check(
        r#"{"e":"depthUpdate","E":1,"s":"BNBBTC","U":1,"u":2,"b":[["1"]],"a":[]}"#,
        WireError::Value { field: "b" },
    );
}

#[test]
fn numbers_off_the_steps_lose_no_message() {
    // BTCUSDT of 2024-08-08 has levels of 25.42618900 at a lot of 0.00001, and NKNUSDT of 2021 has
    // prices from before its tick grew: orders that rest from before a change of the rules.
    let symbols = symbols();
    let mut depth = Depth::default();
    let text = concat!(
        r#"{"e":"depthUpdate","E":1,"s":"BNBBTC","U":1,"u":2,"#,
        r#""b":[["0.00250000","1.00190000"],["0.00251000","1.00000000"]],"#,
        r#""a":[["0.00260000","0.00090000"]]}"#
    );
    decode(text.as_bytes(), &symbols, &mut depth).unwrap();
    assert_eq!(depth.bids(), [level(25, 1_001)]);
    assert_eq!(depth.asks(), [level(26, 0)]);
    let text = r#"{"u":1,"s":"BNBBTC","b":"0.00251","B":"1.0019","a":"0.00261","A":"1"}"#;
    let Ok(Market::Quote { quote, .. }) = decode(text.as_bytes(), &symbols, &mut depth) else {
        panic!("not a quote");
    };
    assert_eq!(quote.bid, level(25, 1_001), "away from the middle");
    assert_eq!(quote.ask, level(27, 1_000), "away from the middle");
}
