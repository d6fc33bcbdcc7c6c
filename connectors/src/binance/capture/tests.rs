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

/// An update of `first..=last` behind one that ended at `before`.
const fn chained(before: u64, first: u64, last: u64) -> Span {
    Span {
        first_id: first,
        last_id: last,
        before_id: Some(before),
        venue_time_ns: 0,
    }
}

#[test]
fn chained_update_continues_a_book_by_the_id_before_it_alone() {
    let mut sync = BookSync::new();
    assert_eq!(sync.update(chained(90, 95, 100), &[], 0), Verdict::Hold);
    assert_eq!(sync.update(chained(100, 130, 140), &[], 0), Verdict::Hold);
    assert_eq!(sync.snapshot(99), Fit::Fits, "90 <= 99 <= 100");
    let replayed: Vec<u64> = sync.replay(99).map(|update| update.span.last_id).collect();
    assert_eq!(replayed, [100, 140]);
    sync.settle();
    // Ids between two messages are those of nobody.
    assert_eq!(sync.update(chained(140, 170, 180), &[], 0), Verdict::Apply);
    assert_eq!(sync.update(chained(140, 170, 180), &[], 0), Verdict::Old);
    assert_eq!(sync.update(chained(179, 181, 190), &[], 0), Verdict::Gap);
    assert_eq!(sync.id(), None);
}

#[test]
fn snapshot_joins_a_chain_only_where_nothing_lies_between() {
    let held = || {
        let mut sync = BookSync::new();
        sync.update(chained(100, 110, 120), &[], 0);
        sync
    };
    assert_eq!(held().snapshot(99), Fit::TooOld);
    for id in [100, 105, 110, 119] {
        let mut sync = held();
        assert_eq!(sync.snapshot(id), Fit::Fits, "{id}");
        assert_eq!(sync.replay(id).count(), 1, "{id}");
    }
    // At or behind the last held one: the next may begin before the snapshot, but not after it.
    for (id, next, wanted) in [
        (120, chained(120, 130, 140), Verdict::Apply),
        (125, chained(120, 130, 140), Verdict::Apply),
        (135, chained(120, 130, 140), Verdict::Apply),
        (140, chained(120, 130, 140), Verdict::Old),
        (125, chained(126, 130, 140), Verdict::Gap),
    ] {
        let mut sync = held();
        assert_eq!(sync.snapshot(id), Fit::Fits);
        assert_eq!(sync.replay(id).count(), 0);
        sync.settle();
        assert_eq!(sync.update(next, &[], 0), wanted, "{id} and {next:?}");
    }
    // Behind the first one the chain holds.
    let mut sync = held();
    sync.snapshot(125);
    sync.update(chained(120, 130, 140), &[], 0);
    assert_eq!(sync.update(chained(139, 150, 160), &[], 0), Verdict::Gap);
}
