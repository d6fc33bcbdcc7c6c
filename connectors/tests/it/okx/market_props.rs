//! OKX's two parsers say the same, whatever order the members come in, and no bytes make either
//! panic. Seeds: proptest's, printed with a failure.

use connectors::feed::{Depth, Market, Scratch};
use connectors::okx::wire::market::decode;
use connectors::wire::Symbols;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::samples::instrument;

const NAMES: [&str; 3] = ["BTC-USDT", "BTC-USDT-SWAP", "SHIB-USDT"];

fn symbols() -> Symbols {
    Symbols::new(&[
        instrument(0, NAMES[0], "0.1", "0.00000001"),
        instrument(1, NAMES[1], "0.1", "0.01"),
        instrument(2, NAMES[2], "0.000000001", "1"),
    ])
    .unwrap()
}

/// Decimals of every form: whole, short, long, off the step, and none.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => (0_i64..2_000_000, 0_u32..9).prop_map(|(value, decimals)| {
            format!("\"{}\"", rust_decimal::Decimal::new(value, decimals))
        }),
        4 => (0_u64..2_000_000).prop_map(|tenths| format!("\"{}.{}\"", tenths / 10, tenths % 10)),
        1 => prop_oneof![
            Just("\"\"".to_owned()),
            Just("\"-1\"".to_owned()),
            Just("\"1e3\"".to_owned()),
            Just("\"1.\"".to_owned()),
            Just("\".5\"".to_owned()),
            Just("12".to_owned()),
            Just("null".to_owned()),
            Just("\"99999999999999999999\"".to_owned()),
        ],
    ]
}

fn quoted() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => (0_u64..5_000_000_000_000).prop_map(|value| format!("\"{value}\"")),
        1 => prop_oneof![Just("\"-1\"".to_owned()), Just("7".to_owned()), Just("\"07\"".to_owned()),
            Just("\"\"".to_owned()), Just("\"18446744073709551615\"".to_owned())],
    ]
}

fn sequence() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (-1_i64..5_000_000_000_000).prop_map(|value| value.to_string()),
        2 => prop_oneof![Just("-0".to_owned()), Just("\"7\"".to_owned()), Just("07".to_owned()),
            Just("-2".to_owned()), Just("9223372036854775808".to_owned()),
            Just("-2147483649".to_owned()), Just("2147483648".to_owned()),
            Just("-2147483648".to_owned()), Just("1.0".to_owned()), Just("null".to_owned())],
    ]
}

fn rung() -> impl Strategy<Value = String> {
    (number(), number(), 0_u8..20).prop_map(|(price, qty, form)| match form {
        0 => format!("[{price},{qty}]"),
        1 => format!("[{price},{qty},\"0\",3]"),
        2 => format!("[{price}]"),
        3 => format!("[{price},{qty},\"0\",\"1\",\"2\"]"),
        _ => format!("[{price},{qty},\"0\",\"12\"]"),
    })
}

fn rungs(most: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(rung(), 0..most).prop_map(|rungs| format!("[{}]", rungs.join(",")))
}

/// Head of a message, and the members of its row in the venue's order.
type Message = (String, Vec<(&'static str, String)>);

fn message() -> impl Strategy<Value = Message> {
    let symbol = (0_usize..4).prop_map(|slot| NAMES.get(slot).copied().unwrap_or("XRP-USDT"));
    (
        (0_usize..3, symbol, 0_u8..12),
        (rungs(12), rungs(12), rungs(3), rungs(3)),
        (quoted(), quoted()),
        (number(), number()),
        (sequence(), sequence(), sequence()),
        prop_oneof![4 => Just("\"buy\""), 4 => Just("\"sell\""), 1 => Just("\"hold\"")],
    )
        .prop_map(
            |((kind, symbol, form), sides, (ts, id), (px, sz), seq, side)| {
                let (asks, bids, best_ask, best_bid) = sides;
                let head = |channel: &str, more: &str| {
                    let arg = format!("\"channel\":\"{channel}\",\"instId\":\"{symbol}\"");
                    format!("{{\"arg\":{{{arg}}}{more},\"data\":[")
                };
                let action = match form {
                    0 => "",
                    1 => ",\"action\":\"news\"",
                    2..=4 => ",\"action\":\"snapshot\"",
                    _ => ",\"action\":\"update\"",
                };
                match kind {
                    0 => (
                        head("books", action),
                        vec![
                            ("asks", asks),
                            ("bids", bids),
                            ("ts", ts),
                            ("checksum", seq.2),
                            ("seqId", seq.0),
                            ("prevSeqId", seq.1),
                        ],
                    ),
                    1 => (
                        head("bbo-tbt", ""),
                        vec![
                            ("asks", best_ask),
                            ("bids", best_bid),
                            ("ts", ts),
                            ("seqId", seq.0),
                        ],
                    ),
                    _ => (
                        head("trades", ""),
                        vec![
                            ("instId", format!("\"{symbol}\"")),
                            ("tradeId", id),
                            ("px", px),
                            ("sz", sz),
                            ("side", side.to_owned()),
                            ("ts", ts),
                            ("count", "\"3\"".to_owned()),
                            ("source", "\"0\"".to_owned()),
                            ("seqId", seq.0),
                        ],
                    ),
                }
            },
        )
}

fn row_of(fields: &[(&str, String)]) -> String {
    let one = |(key, value): &(&str, String)| format!("\"{key}\":{value}");
    let fields: Vec<String> = fields.iter().map(one).collect();
    format!("{{{}}}", fields.join(","))
}

/// Both parsers' readings: the scanner refuses whatever has a space behind it.
fn both(text: &str) -> [Option<(Market, Depth, Vec<Market>)>; 2] {
    let read = |text: &str| {
        let mut scratch = Scratch::default();
        let message = decode(text.as_bytes(), &symbols(), &mut scratch).ok()?;
        let depth = if let Market::Depth { .. } = message {
            scratch.depth
        } else {
            Depth::default()
        };
        Some((message, depth, scratch.more))
    };
    [read(text), read(&format!("{text} "))]
}

proptest! {
    #[test]
    fn prop_scanner_and_general_parser_say_the_same(
        (head, mut fields) in message(),
        turn in any::<Index>(),
        extra in prop_oneof![4 => Just(None), 1 => Just(Some(("zz", "[1]"))),
            1 => Just(Some(("ts", "\"5\""))), 1 => Just(Some(("instId", "\"SHIB-USDT\"")))],
        turned in any::<bool>(),
        twice in any::<bool>(),
    ) {
        if let Some((key, value)) = extra {
            fields.push((key, value.to_owned()));
        }
        if turned {
            let turn = turn.index(fields.len());
            fields.rotate_left(turn);
        }
        let row = row_of(&fields);
        let [fast, general] = both(&format!("{head}{row}]}}"));
        prop_assert_eq!(&fast, &general, "{}{}", head, row);
        if twice {
            let [fast, general] = both(&format!("{head}{row},{row}]}}"));
            prop_assert_eq!(fast, general);
        }
    }

    #[test]
    fn prop_damaged_messages_read_the_same_and_never_panic(
        (head, fields) in message(),
        at in any::<Index>(),
        byte in 0x20_u8..0x7f,
        cut in any::<Index>(),
    ) {
        let mut bytes = format!("{head}{}]}}", row_of(&fields)).into_bytes();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        let text = String::from_utf8(bytes.clone()).unwrap();
        let [fast, general] = both(&text);
        prop_assert_eq!(fast, general, "{}", text);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(decode(&bytes, &symbols(), &mut Scratch::default()).is_err());
    }
}
