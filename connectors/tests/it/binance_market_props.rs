//! Both parsers of market data say the same, and no bytes make either panic.

use connectors::binance::wire::{Depth, DepthPart, Market, decode, frame};
use connectors::feed::Span;
use connectors::wire::Symbols;
use model::body::Level;
use model::num::{Lots, Ticks};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::samples::instrument;

fn symbols() -> Symbols {
    Symbols::new(&[
        instrument(0, "BTCUSDT", "0.01", "0.00001"),
        instrument(1, "ETHUSDT", "0.05", "0.0001"),
        instrument(2, "SHIBBTC", "0.0000000001", "1"),
    ])
    .unwrap()
}

/// A decimal as the venue writes it: eight digits behind the point.
fn decimal(steps: i64, symbol: usize, is_price: bool) -> String {
    let (mantissa, decimals) = match (symbol, is_price) {
        (0, true) => (1, 2),
        (0, false) => (1, 5),
        (1, true) => (5, 2),
        (1, false) => (1, 4),
        (2, true) => (1, 10),
        _ => (1, 0),
    };
    let value = rust_decimal::Decimal::new(steps * mantissa, decimals);
    format!("{value:.*}", decimals.max(8) as usize)
}

#[derive(Debug, Clone)]
struct Sample {
    /// Keys and JSON values, in the venue's order.
    fields: Vec<(&'static str, String)>,
    market: Market,
    levels: Vec<Level>,
}

const NAMES: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SHIBBTC"];

fn level(price: i64, qty: i64) -> Level {
    Level {
        price: Ticks(price),
        qty: Lots(qty),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn any_level() -> impl Strategy<Value = Level> {
    (1_i64..100_000_000, 0_i64..100_000_000).prop_map(|(price, qty)| level(price, qty))
}

fn quote() -> impl Strategy<Value = Sample> {
    (0_usize..3, any::<u32>(), any_level(), any_level()).prop_map(|(slot, id, bid, ask)| {
        let number = |steps, is_price| quoted(&decimal(steps, slot, is_price));
        Sample {
            fields: vec![
                ("u", id.to_string()),
                ("s", quoted(NAMES[slot])),
                ("b", number(bid.price.0, true)),
                ("B", number(bid.qty.0, false)),
                ("a", number(ask.price.0, true)),
                ("A", number(ask.qty.0, false)),
            ],
            market: Market::Quote {
                slot,
                quote: model::body::Quote {
                    update_id: u64::from(id),
                    venue_time_ns: 0,
                    bid,
                    ask,
                    reserved: [0; 32],
                },
            },
            levels: Vec::new(),
        }
    })
}

fn depth() -> impl Strategy<Value = Sample> {
    let side = || proptest::collection::vec(any_level(), 0..30);
    (0_usize..3, any::<u32>(), side(), side()).prop_map(|(slot, id, bids, asks)| {
        let list = |levels: &[Level]| {
            let one = |level: &Level| {
                let price = decimal(level.price.0, slot, true);
                format!("[\"{price}\",\"{}\"]", decimal(level.qty.0, slot, false))
            };
            format!("[{}]", levels.iter().map(one).collect::<Vec<_>>().join(","))
        };
        Sample {
            fields: vec![
                ("e", quoted("depthUpdate")),
                ("E", "1723161255208".to_owned()),
                ("s", quoted(NAMES[slot])),
                ("U", id.to_string()),
                ("u", (u64::from(id) + 3).to_string()),
                ("b", list(&bids)),
                ("a", list(&asks)),
            ],
            market: Market::Depth {
                slot,
                part: DepthPart::Update,
                span: Span {
                    first_id: u64::from(id),
                    last_id: u64::from(id) + 3,
                    before_id: None,
                    venue_time_ns: 1_723_161_255_208_000_000,
                },
                checksum: None,
            },
            levels: [bids, asks].concat(),
        }
    })
}

fn trade() -> impl Strategy<Value = Sample> {
    (0_usize..3, any::<u32>(), any_level(), any::<bool>()).prop_map(|(slot, id, at, maker)| {
        let qty = at.qty.0 + 1;
        Sample {
            fields: vec![
                ("e", quoted("trade")),
                ("E", "1723161255343".to_owned()),
                ("s", quoted(NAMES[slot])),
                ("t", id.to_string()),
                ("p", quoted(&decimal(at.price.0, slot, true))),
                ("q", quoted(&decimal(qty, slot, false))),
                ("T", "1723161255342".to_owned()),
                ("m", maker.to_string()),
                ("M", "true".to_owned()),
            ],
            market: Market::Trade {
                slot,
                trade: model::body::Trade {
                    trade_id: u64::from(id),
                    venue_time_ns: 1_723_161_255_342_000_000,
                    price: at.price,
                    qty: Lots(qty),
                    aggressor: if maker {
                        model::body::Side::Sell
                    } else {
                        model::body::Side::Buy
                    },
                    reserved: [0; 47],
                },
            },
            levels: Vec::new(),
        }
    })
}

fn any_sample() -> impl Strategy<Value = Sample> {
    prop_oneof![quote(), depth(), trade()]
}

fn object(fields: &[(&str, String)], gap: &str) -> String {
    let one = |(key, value): &(&str, String)| format!("{gap}\"{key}\"{gap}:{gap}{value}{gap}");
    let all: Vec<_> = fields.iter().map(one).collect();
    format!("{{{}}}", all.join(","))
}

fn enveloped(payload: &str, gap: &str) -> String {
    format!("{{\"stream\":\"btcusdt@x\",{gap}\"data\":{payload}}}{gap}")
}

fn check(text: &str, sample: &Sample) {
    let mut levels = Depth::default();
    let got = decode(text.as_bytes(), &symbols(), &mut levels);
    assert_eq!(got, Ok(sample.market), "{text}");
    if let Market::Depth { .. } = sample.market {
        assert_eq!(levels.levels(), sample.levels, "{text}");
    }
}

proptest! {
    #[test]
    fn prop_usual_order_gives_the_event(sample in any_sample()) {
        let text = object(&sample.fields, "");
        check(&text, &sample);
        check(&enveloped(&text, ""), &sample);
    }

    #[test]
    fn prop_any_order_extra_keys_and_white_space_give_the_same_event(
        sample in any_sample(),
        order in any::<Index>(),
        extra in proptest::collection::vec("[c-z][a-z]{2,5}", 0..3),
        gap in "[ \n\t]{0,2}",
    ) {
        let mut fields = sample.fields.clone();
        for key in &extra {
            if !["data", "code", "error", "result"].contains(&key.as_str()) {
                let key: &'static str = Box::leak(key.clone().into_boxed_str());
                fields.push((key, "{\"x\":[1,null,\"}\"]}".to_owned()));
            }
        }
        let turn = order.index(fields.len());
        fields.rotate_left(turn);
        if turn % 2 == 1 {
            fields.reverse();
        }
        let text = object(&fields, &gap);
        check(&text, &sample);
        check(&enveloped(&text, &gap), &sample);
    }

    #[test]
    fn prop_damaged_messages_never_panic(
        sample in any_sample(),
        at in any::<Index>(),
        byte in any::<u8>(),
        cut in any::<Index>(),
    ) {
        let mut bytes = enveloped(&object(&sample.fields, ""), "").into_bytes();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        let mut levels = Depth::default();
        let _ = decode(&bytes, &symbols(), &mut levels);
        let _ = frame::decode(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(decode(&bytes, &symbols(), &mut levels).is_err());
    }

    #[test]
    fn prop_any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut levels = Depth::default();
        let _ = decode(&bytes, &symbols(), &mut levels);
        let _ = frame::decode(&bytes);
    }
}
