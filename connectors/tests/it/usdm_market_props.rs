//! USD-M's two parsers say the same, whatever order the members come in, and no bytes make either
//! panic. Seeds: proptest's, printed with a failure.

use connectors::binance::usdm::feed::decode;
use connectors::feed::{Depth, Market};
use connectors::wire::Symbols;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::samples::instrument;

fn symbols() -> Symbols {
    Symbols::new(&[
        instrument(0, "BTCUSDT", "0.10", "0.001"),
        instrument(1, "ETHUSDT", "0.05", "0.0001"),
        instrument(2, "1000SHIBUSDT", "0.0000001", "1"),
    ])
    .unwrap()
}

const NAMES: [&str; 3] = ["BTCUSDT", "ETHUSDT", "1000SHIBUSDT"];

/// Decimals of every form: whole, short, long, off the step, and none.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => (0_u64..2_000_000, 0_usize..9).prop_map(|(value, decimals)| {
            let value = rust_decimal::Decimal::new(value as i64, decimals as u32);
            format!("\"{value}\"")
        }),
        4 => (0_u64..2_000_000).prop_map(|tenths| format!("\"{}.{}0\"", tenths / 10, tenths % 10)),
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

fn whole() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => (0_u64..5_000_000_000_000).prop_map(|value| value.to_string()),
        1 => prop_oneof![Just("-1".to_owned()), Just("\"7\"".to_owned()), Just("07".to_owned()),
            Just("18446744073709551615".to_owned()), Just("1.0".to_owned())],
    ]
}

fn levels() -> impl Strategy<Value = String> {
    proptest::collection::vec((number(), number()), 0..12).prop_map(|levels| {
        let one = |(price, qty): &(String, String)| format!("[{price},{qty}]");
        format!("[{}]", levels.iter().map(one).collect::<Vec<_>>().join(","))
    })
}

type Kind = (&'static str, &'static [(&'static str, &'static str)]);

/// The kinds with their members in the venue's order, and what each holds: a whole number, a
/// decimal, the symbol, levels and so on.
const KINDS: [Kind; 6] = [
    (
        "depthUpdate",
        &[
            ("E", "i0"),
            ("T", "i1"),
            ("s", "s"),
            ("U", "i2"),
            ("u", "i3"),
            ("pu", "i4"),
            ("b", "b"),
            ("a", "a"),
        ],
    ),
    (
        "bookTicker",
        &[
            ("u", "i0"),
            ("E", "i1"),
            ("T", "i2"),
            ("s", "s"),
            ("b", "n0"),
            ("B", "n1"),
            ("a", "n2"),
            ("A", "n3"),
        ],
    ),
    (
        "aggTrade",
        &[
            ("E", "i0"),
            ("a", "i1"),
            ("s", "s"),
            ("p", "n0"),
            ("q", "n1"),
            ("nq", "n2"),
            ("f", "i2"),
            ("l", "i3"),
            ("T", "i4"),
            ("m", "f"),
        ],
    ),
    (
        "trade",
        &[
            ("E", "i0"),
            ("T", "i1"),
            ("s", "s"),
            ("t", "i2"),
            ("p", "n0"),
            ("q", "n1"),
            ("X", "w"),
            ("m", "f"),
        ],
    ),
    (
        "markPriceUpdate",
        &[
            ("E", "i0"),
            ("s", "s"),
            ("p", "n0"),
            ("i", "n1"),
            ("P", "n2"),
            ("r", "n3"),
            ("T", "i1"),
        ],
    ),
    ("forceOrder", &[("E", "i0"), ("o", "o")]),
];

/// Members of one kind of message, in the venue's order.
fn message() -> impl Strategy<Value = (&'static str, Vec<(&'static str, String)>)> {
    let symbol = (0_usize..4).prop_map(|slot| {
        let name = NAMES.get(slot).copied().unwrap_or("XRPUSDT");
        format!("\"{name}\"")
    });
    let flag = prop_oneof![Just("true".to_owned()), Just("false".to_owned())];
    let word = prop_oneof![Just("\"MARKET\"".to_owned()), Just("\"NA\"".to_owned())];
    let side = prop_oneof![Just("\"SELL\"".to_owned()), Just("\"BUY\"".to_owned())];
    (
        0_usize..6,
        symbol,
        proptest::collection::vec(whole(), 6),
        proptest::collection::vec(number(), 6),
        (levels(), levels()),
        (flag, word, side),
    )
        .prop_map(
            |(kind, symbol, ids, numbers, (bids, asks), (flag, word, side))| {
                let (kind, keys): (_, &[(&str, &str)]) = KINDS[kind];
                let value = |what: &str| match what.split_at(1) {
                    ("i", at) => ids[at.parse::<usize>().unwrap()].clone(),
                    ("n", at) => numbers[at.parse::<usize>().unwrap()].clone(),
                    ("s", _) => symbol.clone(),
                    ("b", _) => bids.clone(),
                    ("a", _) => asks.clone(),
                    ("f", _) => flag.clone(),
                    ("w", _) => word.clone(),
                    ("o", _) => order(&symbol, &side, &ids[1], &numbers),
                    other => panic!("{other:?}"),
                };
                let fields = keys.iter().map(|(key, what)| (*key, value(what)));
                (kind, fields.collect())
            },
        )
}

/// The order of a liquidation.
fn order(symbol: &str, side: &str, time: &str, numbers: &[String]) -> String {
    let [qty, price, average, filled] = [0, 1, 2, 3].map(|at| &numbers[at]);
    format!(
        "{{\"s\":{symbol},\"S\":{side},\"o\":\"LIMIT\",\"q\":{qty},\"p\":{price},\"ap\":{average},\
         \"l\":\"1\",\"z\":{filled},\"T\":{time}}}"
    )
}

fn text_of(kind: &str, fields: &[(&str, String)]) -> String {
    let mut text = format!("{{\"e\":\"{kind}\"");
    for (key, value) in fields {
        text.push_str(&format!(",\"{key}\":{value}"));
    }
    text.push('}');
    text
}

/// Both parsers' readings: the scanner refuses whatever has a space behind it.
fn both(text: &str) -> [Option<(Market, Depth)>; 2] {
    let read = |text: &str| {
        let mut depth = Depth::default();
        let message = decode(text.as_bytes(), &symbols(), &mut depth).ok()?;
        let depth = if let Market::Depth { .. } = message {
            depth
        } else {
            Depth::default()
        };
        Some((message, depth))
    };
    [read(text), read(&format!("{text} "))]
}

proptest! {
    #[test]
    fn prop_scanner_and_general_parser_say_the_same(
        (kind, mut fields) in message(),
        turn in any::<Index>(),
        extra in prop_oneof![Just(None), Just(Some(("st", "1"))), Just(Some(("ps", "\"X\""))),
            Just(Some(("zz", "[1]"))), Just(Some(("E", "5")))],
        turned in any::<bool>(),
    ) {
        if let Some((key, value)) = extra {
            fields.push((key, value.to_owned()));
        }
        if turned {
            let turn = turn.index(fields.len());
            fields.rotate_left(turn);
        }
        let text = text_of(kind, &fields);
        let [fast, general] = both(&text);
        prop_assert_eq!(&fast, &general, "{}", text);
        let [fast, general] = both(&format!("{{\"stream\":\"a@b\",\"data\":{text}}}"));
        prop_assert_eq!(fast, general);
    }

    #[test]
    fn prop_damaged_messages_read_the_same_and_never_panic(
        (kind, fields) in message(),
        at in any::<Index>(),
        byte in 0x20_u8..0x7f,
        cut in any::<Index>(),
    ) {
        let mut bytes = text_of(kind, &fields).into_bytes();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        let text = String::from_utf8(bytes.clone()).unwrap();
        let [fast, general] = both(&text);
        prop_assert_eq!(fast, general, "{}", text);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(decode(&bytes, &symbols(), &mut Depth::default()).is_err());
    }
}
