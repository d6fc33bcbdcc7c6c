//! Frames of each channel, what is none, and what cannot be.

use super::*;

fn text(text: &str) -> Text<'_> {
    Text(text.into())
}

fn pushed(channel: &str, action: &str, row: &str) -> String {
    let arg = format!(r#"{{"channel":"{channel}","instId":"A-B"}}"#);
    format!(r#"{{"arg":{arg},{action}"data":[{row}]}}"#)
}

#[test]
fn books_have_their_place_in_the_chain_where_the_venue_says_it() {
    const UPDATE: &str = r#""action":"update","#;
    const SNAPSHOT: &str = r#""action":"snapshot","#;
    let levels = r#""asks":[["2","1","0","4"]],"bids":[["1","3","0","9"]],"ts":"5""#;
    let at = |before_id| Span {
        first_id: 9,
        last_id: 9,
        before_id,
        venue_time_ns: 5_000_000,
    };
    for (action, more, wanted) in [
        (
            SNAPSHOT,
            r#","checksum":0,"prevSeqId":-1,"seqId":9"#,
            (true, Some(at(None)), None),
        ),
        (
            UPDATE,
            r#","checksum":-7,"prevSeqId":8,"seqId":9"#,
            (false, Some(at(Some(8))), Some(-7)),
        ),
        (UPDATE, r#","checksum":12"#, (false, None, Some(12))),
    ] {
        let json = pushed("books", action, &format!("{{{levels}{more}}}"));
        let (whole, span, checksum) = wanted;
        let wanted = Row {
            symbol: text("A-B"),
            venue_time_ns: 5_000_000,
            what: What::Book {
                whole,
                span,
                checksum,
                bids: vec![[text("1"), text("3")]],
                asks: vec![[text("2"), text("1")]],
            },
        };
        assert_eq!(read(&json), Ok(vec![wanted]), "{json}");
    }
}

#[test]
fn rows_of_the_other_channels() {
    for (channel, row, venue_time_ns, what) in [
        (
            "bbo-tbt",
            r#"{"asks":[["2","1","0","4"]],"bids":[],"ts":"5","seqId":3}"#,
            5_000_000,
            What::Top {
                id: 3,
                bid: None,
                ask: Some([text("2"), text("1")]),
            },
        ),
        (
            "trades-all",
            r#"{"instId":"A-B","tradeId":"7","px":"1","sz":"2","side":"sell","ts":"6"}"#,
            6_000_000,
            What::Trade {
                id: 7,
                aggregate: false,
                at: [text("1"), text("2")],
                taker_bought: false,
            },
        ),
        (
            "mark-price",
            r#"{"instId":"A-B","markPx":"1.25","ts":"6"}"#,
            6_000_000,
            What::Mark(text("1.25")),
        ),
        (
            "index-tickers",
            r#"{"instId":"A-B","idxPx":"1.5","ts":"6"}"#,
            6_000_000,
            What::Index(text("1.5")),
        ),
        (
            "funding-rate",
            r#"{"instId":"A-B","fundingRate":"-0.00018754219","fundingTime":"8"}"#,
            0,
            What::Funding {
                rate_e9: -187_542,
                at_ns: 8_000_000,
            },
        ),
        (
            "instruments",
            r#"{"instId":"A-B","ctVal":"0.01","ctMult":"1"}"#,
            0,
            What::Terms {
                value: text("0.01"),
                multiplier: text("1"),
            },
        ),
    ] {
        let wanted = Row {
            symbol: text("A-B"),
            venue_time_ns,
            what,
        };
        let json = pushed(channel, "", row);
        assert_eq!(read(&json), Ok(vec![wanted]), "{json}");
    }
    let two = r#"{"tradeId":"7","px":"1","sz":"2","side":"buy","ts":"6"}"#;
    let json = pushed("trades", "", &format!("{two},{two}"));
    assert_eq!(read(&json).map(|rows| rows.len()), Ok(2));
}

#[test]
fn frames_without_rows_of_use() {
    for json in [
        "pong",
        r#"{"event":"subscribe","arg":{"channel":"books","instId":"A-B"},"connId":"x"}"#,
        r#"{"event":"error","code":"60012","msg":"wrong"}"#,
        &pushed("tickers", "", r#"{"instId":"A-B","last":"1"}"#),
        &pushed("candle1m", "", r#"["1","2"]"#),
        &pushed(
            "instruments",
            "",
            r#"{"instId":"A-B","ctVal":"","ctMult":""}"#,
        ),
        r#"{"code":"0","msg":"","data":[{"ts":"1"}]}"#,
    ] {
        assert_eq!(read(json), Ok(Vec::new()), "{json}");
    }
}

#[test]
fn what_is_no_message_says_why() {
    const UPDATE: &str = r#""action":"update","#;
    for (json, wanted) in [
        ("{".to_owned(), "is not a message of OKX: EOF"),
        (r#"{"a":1}"#.to_owned(), "neither event nor data"),
        (
            pushed("books", "", r#"{"asks":[],"bids":[],"ts":"1"}"#),
            "missing field `action`",
        ),
        (
            pushed("books", UPDATE, r#"{"asks":[],"bids":[],"ts":"x"}"#),
            "field ts is \"x\"",
        ),
        (
            pushed(
                "books",
                UPDATE,
                r#"{"asks":[],"bids":[],"ts":"1","seqId":4}"#,
            ),
            "missing field `prevSeqId`",
        ),
        (
            pushed(
                "books",
                UPDATE,
                r#"{"asks":[],"bids":[],"ts":"1","seqId":-4,"prevSeqId":1}"#,
            ),
            "field seqId is \"-4\"",
        ),
        (
            pushed("books", UPDATE, r#"{"asks":[["1"]],"bids":[],"ts":"1"}"#),
            "a level without price or quantity",
        ),
        (
            pushed(
                "trades",
                "",
                r#"{"tradeId":"1","px":"1","sz":"1","side":"no","ts":"1"}"#,
            ),
            "field side is \"no\"",
        ),
        (
            pushed(
                "trades",
                "",
                r#"{"tradeId":"1","px":"1","sz":"1","side":"buy","ts":"99999999999999999"}"#,
            ),
            "field ts is",
        ),
        (
            r#"{"arg":{"channel":"trades"},"data":[{}]}"#.to_owned(),
            "missing field `instId`",
        ),
        (
            pushed(
                "funding-rate",
                "",
                r#"{"instId":"A-B","fundingRate":"x","fundingTime":"8"}"#,
            ),
            "field fundingRate is \"x\"",
        ),
    ] {
        let said = read(&json).unwrap_err().to_string();
        assert!(said.contains(wanted), "{json}: {said}");
    }
}
