//! Frames of both markets, and what is none.

use super::*;

#[test]
fn frames_of_both_markets_are_told_by_their_fields() {
    let market = |json: &str| read(json).map(|frame| (frame.market, frame.venue_time_ns));
    let (spot, usdm) = (Market::Spot, Market::UsdM);
    for (json, wanted) in [
        (
            r#"{"e":"depthUpdate","E":5,"s":"A","U":1,"u":2,"b":[],"a":[]}"#,
            (spot, 5),
        ),
        (
            r#"{"e":"depthUpdate","E":5,"T":4,"s":"A","U":1,"u":2,"pu":0,"b":[],"a":[]}"#,
            (usdm, 4),
        ),
        (
            r#"{"u":1,"s":"A","b":"1","B":"1","a":"2","A":"1"}"#,
            (spot, 0),
        ),
        (
            r#"{"e":"bookTicker","u":1,"s":"A","b":"1","B":"1","a":"2","A":"1","T":3,"E":4}"#,
            (usdm, 3),
        ),
        (
            r#"{"e":"trade","E":5,"s":"A","t":1,"p":"1","q":"1","T":4,"m":true,"M":true}"#,
            (spot, 4),
        ),
        (
            r#"{"e":"aggTrade","E":5,"s":"A","a":1,"p":"1","q":"1","f":1,"T":4,"m":true}"#,
            (usdm, 4),
        ),
        (r#"{"lastUpdateId":7,"bids":[],"asks":[]}"#, (spot, 0)),
        (
            r#"{"lastUpdateId":7,"E":3,"T":2,"bids":[],"asks":[]}"#,
            (usdm, 2),
        ),
        (
            r#"{"data":{"e":"markPriceUpdate","E":5,"s":"A","p":"1","r":""},"stream":"x"}"#,
            (usdm, 5),
        ),
    ] {
        let wanted = (wanted.0, wanted.1 * 1_000_000);
        assert_eq!(market(json), Ok(wanted), "{json}");
    }
}

#[test]
fn books_of_a_few_levels_are_neither_updates_nor_snapshots() {
    let data = r#"{"lastUpdateId":7,"bids":[],"asks":[]}"#;
    for (stream, is_used) in [
        ("btcusdt@depth20@100ms", false),
        ("btcusdt@depth5", false),
        ("btcusdt@depthSnapshot", true),
    ] {
        let json = format!(r#"{{"stream":"{stream}","data":{data}}}"#);
        let frame = read(&json).unwrap();
        assert_eq!(frame.what != What::Ignored, is_used, "{stream}");
    }
}

#[test]
fn what_is_no_message_says_why() {
    for (json, wanted) in [
        ("{", "is not a message of Binance: EOF"),
        (r#"{"a":1}"#, "is an event of unknown kind \"\""),
        (r#"{"e":"news"}"#, "is an event of unknown kind \"news\""),
        (r#"{"e":"trade","E":5,"s":"A"}"#, "missing field `p`"),
        (
            r#"{"e":"trade","s":"A","p":"1","q":"1","T":4,"m":true}"#,
            "a trade without an id",
        ),
        (
            r#"{"e":"markPriceUpdate","E":5,"s":"A","p":"1","r":"x"}"#,
            "field r is \"x\"",
        ),
        (
            r#"{"e":"trade","s":"A","t":1,"p":"1","q":"1","T":18446744073709551,"m":true}"#,
            "field T is \"18446744073709551\"",
        ),
    ] {
        let error = read(json).unwrap_err().to_string();
        assert!(error.contains(wanted), "{json}: {error}");
    }
    assert_eq!(
        read(r#"{"result":null,"id":1}"#).map(|f| f.what),
        Ok(What::Ignored)
    );
}
