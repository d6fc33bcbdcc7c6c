//! Every sample of Binance USD-M's market data gives the expected event, field by field, whoever
//! reads it: the scanner (the sample as the venue sends it) or the general parser (with spaces).

use connectors::binance::usdm::feed::{UsdmStreams, decode};
use connectors::feed::{Depth, DepthPart, FeedDialect, Market};
use connectors::wire::{Symbols, WireError};
use model::body::{Candle, Flag, Level, Liquidation, Mark, OpenInterest, Quote, Side, Trade};
use model::num::{Lots, Ticks};

use crate::samples::{instrument, shared_file};

fn symbols() -> Symbols {
    Symbols::new(&[
        instrument(0, "BTCUSDT", "0.0001", "0.001"),
        instrument(1, "BNBUSDT", "0.0001", "0.01"),
    ])
    .unwrap()
}

const fn level(price: i64, qty: i64) -> Level {
    Level {
        price: Ticks(price),
        qty: Lots(qty),
    }
}

/// What both parsers make of a sample, and its levels.
fn read(name: &str) -> Option<(Market, Vec<Level>)> {
    let text = shared_file(&format!("venues/binance/{name}"))?;
    let text = String::from_utf8(text).unwrap();
    // No text in the samples holds white space.
    let tight: String = text.split_whitespace().collect();
    let mut depth = Depth::default();
    let symbols = symbols();
    let general = decode(text.as_bytes(), &symbols, &mut depth).unwrap();
    let levels = depth.levels().to_vec();
    for other in [
        tight.clone(),
        format!("{{\"stream\":\"x@y\",\"data\":{tight}}}"),
        format!("{{\"stream\":\"x@y\",\"data\":{text}}}"),
    ] {
        assert_eq!(
            decode(other.as_bytes(), &symbols, &mut depth),
            Ok(general),
            "{name}"
        );
        if let Market::Depth { .. } = general {
            assert_eq!(depth.levels(), levels, "{name}");
        }
    }
    Some((general, levels))
}

fn check(name: &str, want: Market) {
    if let Some((got, _)) = read(name) {
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn depth_samples_are_chained_updates() {
    for name in [
        "usdm_ws_depth_update_stream.json",
        "usdm_legacy_depth_diff_update.json",
    ] {
        let Some((got, levels)) = read(name) else {
            return;
        };
        let Market::Depth {
            slot,
            part,
            span,
            checksum,
        } = got
        else {
            panic!("{name}: {got:?}");
        };
        assert_eq!((slot, part, checksum), (0, DepthPart::Update, None));
        assert_eq!((span.first_id, span.last_id), (157, 160));
        assert_eq!(span.before_id, Some(149));
        assert_eq!(span.venue_time_ns, 123_456_788_000_000, "T, not E");
        assert_eq!(levels, [level(24, 10_000), level(26, 100_000)]);
    }
    let Some((Market::Depth { span, .. }, levels)) = read("usdm_legacy_depth_update.json") else {
        return;
    };
    assert_eq!(span.before_id, Some(390_497_794));
    assert_eq!(levels.len(), 10);
    assert_eq!(levels[0], level(74_038_900, 2));
    assert_eq!(levels[9], level(74_072_000, 175));
}

#[test]
fn quote_and_trade_samples() {
    check(
        "usdm_ws_book_ticker_stream.json",
        Market::Quote {
            slot: 1,
            quote: Quote {
                update_id: 400_900_217,
                venue_time_ns: 1_568_014_460_891_000_000,
                bid: level(253_519, 3_121),
                ask: level(253_652, 4_066),
                reserved: [0; 32],
            },
        },
    );
    let trade = Market::Trade {
        slot: 0,
        trade: Trade {
            trade_id: 5_933_014,
            venue_time_ns: 123_456_785_000_000,
            price: Ticks(10),
            qty: Lots(100_000),
            aggressor: Side::Sell,
            reserved: [0; 47],
        },
    };
    check("usdm_ws_trade_stream.json", trade);
    check("usdm_ws_agg_trade_stream.json", trade);
}

#[test]
fn mark_candle_and_liquidation_samples() {
    check(
        "usdm_ws_mark_price_stream.json",
        Market::Mark {
            slot: 0,
            mark: Mark {
                mark: Ticks(117_941_500),
                // 11784.62659091: what is below the tick is cut off.
                index: Ticks(117_846_265),
                funding_rate_e9: 381_670,
                next_funding_ns: 1_562_306_400_000_000_000,
                venue_time_ns: 1_562_305_380_000_000_000,
                reserved: [0; 40],
            },
        },
    );
    check(
        "usdm_ws_liquidation_stream.json",
        Market::Liquidation {
            slot: 0,
            order: Liquidation {
                venue_time_ns: 1_568_014_460_893_000_000,
                price: Ticks(99_100_000),
                average: Ticks(99_101_234),
                qty: Lots(14),
                filled: Lots(14),
                side: Side::Sell,
                reserved: [0; 39],
            },
        },
    );
    let candle = |low, closed| Market::Candle {
        slot: 0,
        candle: Candle {
            open_time_ns: 1_638_747_660_000_000_000,
            venue_time_ns: 1_638_747_660_000_000_000,
            open: Ticks(10),
            high: Ticks(25),
            low: Ticks(low),
            close: Ticks(20),
            volume: Lots(1_000_000),
            taker_bought: Lots(500_000),
            trades: 100,
            interval_s: 60,
            closed,
            reserved: [0; 3],
        },
    };
    check("usdm_ws_kline_stream_open.json", candle(15, Flag::No));
    check("usdm_ws_kline_stream_closed.json", candle(10, Flag::Yes));
    check("usdm_ws_ticker_stream.json", Market::Ignored);
}

#[test]
fn trade_that_is_none_is_ignored() {
    let symbols = symbols();
    let mut depth = Depth::default();
    let text = |kind: &str, qty: &str| {
        let rest = format!(r#""q":"{qty}","X":"{kind}""#);
        format!(r#"{{"e":"trade","E":2,"T":1,"s":"BTCUSDT","t":5,"p":"0.1",{rest},"m":true}}"#)
    };
    let mut read = |kind, qty| decode(text(kind, qty).as_bytes(), &symbols, &mut depth).unwrap();
    assert!(matches!(read("MARKET", "1"), Market::Trade { .. }));
    assert_eq!(read("NA", "1"), Market::Ignored);
    assert_eq!(read("MARKET", "0"), Market::Ignored);
}

#[test]
fn open_interest_names_its_symbol() {
    // developers.binance.com, USD-M, GET /fapi/v1/openInterest: no sample was recorded.
    let symbols = symbols();
    let entry = symbols.find(b"BTCUSDT").unwrap();
    let body = br#"{"openInterest":"10659.509","symbol":"BTCUSDT","time":1589437530011}"#;
    let want = Market::OpenInterest {
        slot: 0,
        interest: OpenInterest {
            qty: Lots(10_659_509),
            venue_time_ns: 1_589_437_530_011_000_000,
            reserved: [0; 64],
        },
    };
    assert_eq!(UsdmStreams.decode_poll(body, entry), Ok(want));
    let other = symbols.find(b"BNBUSDT").unwrap();
    let got = UsdmStreams.decode_poll(body, other);
    assert_eq!(got, Err(WireError::UnknownSymbol));
}

#[test]
fn errors_name_the_field() {
    let symbols = symbols();
    let mut depth = Depth::default();
    let mut check = |text: &str, want: WireError| {
        let got = decode(text.as_bytes(), &symbols, &mut depth);
        assert_eq!(got, Err(want), "{text}");
    };
    let missing = |field| WireError::Missing { field };
    check("<html>", WireError::Html);
    check("{}", WireError::UnknownKind);
    check(r#"{"e":"news"}"#, WireError::UnknownKind);
    check(
        r#"{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}"#,
        missing("pu"),
    );
    check(
        r#"{"e":"bookTicker","u":1,"s":"ETHUSDT","b":"1","B":"1","a":"1","A":"1"}"#,
        WireError::UnknownSymbol,
    );
    check(
        r#"{"e":"aggTrade","E":1,"s":"BTCUSDT","p":"1","q":"1","T":1,"m":true}"#,
        missing("a"),
    );
    check(
        r#"{"e":"markPriceUpdate","E":1,"s":"BTCUSDT","p":"1","i":"1","r":"x","T":1}"#,
        WireError::Number {
            field: "r",
            error: model::num::NumberError::Syntax,
        },
    );
    check(
        r#"{"e":"forceOrder","E":1,"o":{"s":"BTCUSDT","S":"HOLD"}}"#,
        WireError::Value { field: "S" },
    );
}
