//! The usual way to read the same messages: typed `serde_json`, borrowed text, exact decimals.
//!
//! As good as that way gets: no field more than is used, no unknown kind to tell apart, decimals by
//! the same code as ours.

use model::num::Scale;
use serde::Deserialize;

/// A running sum over everything that was decoded, so that two parsers can be compared and none of
/// the work can be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum(u64);

impl Sum {
    pub(crate) fn add(&mut self, id: u64, price: i64, qty: i64) {
        for part in [id, price.unsigned_abs(), qty.unsigned_abs()] {
            self.0 = self.0.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part;
        }
    }
}

#[derive(Deserialize)]
struct Stream<T> {
    data: T,
}

#[derive(Deserialize)]
struct Subscription<T> {
    event: T,
}

#[derive(Deserialize)]
struct BookTicker<'a> {
    u: u64,
    s: &'a str,
    b: &'a str,
    #[serde(rename = "B")]
    bid_qty: &'a str,
    a: &'a str,
    #[serde(rename = "A")]
    ask_qty: &'a str,
}

#[derive(Deserialize)]
struct Trade<'a> {
    s: &'a str,
    t: u64,
    p: &'a str,
    q: &'a str,
    #[serde(rename = "T")]
    time_ms: u64,
    m: bool,
}

#[derive(Deserialize)]
struct Depth<'a> {
    s: &'a str,
    #[serde(rename = "U")]
    first_id: u64,
    u: u64,
    #[serde(borrow)]
    b: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    a: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
struct Report<'a> {
    s: &'a str,
    x: &'a str,
    #[serde(rename = "X")]
    status: &'a str,
    i: u64,
    l: &'a str,
    z: &'a str,
    #[serde(rename = "L")]
    last_price: &'a str,
    t: i64,
}

#[derive(Deserialize)]
struct Answer<'a> {
    id: u64,
    status: u16,
    #[serde(borrow)]
    result: Order<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order<'a> {
    symbol: &'a str,
    order_id: u64,
    executed_qty: &'a str,
    status: &'a str,
}

pub(crate) const TICK: Scale = match Scale::new(1, 2) {
    Some(scale) => scale,
    None => panic!("a step"),
};
pub(crate) const LOT: Scale = match Scale::new(1, 5) {
    Some(scale) => scale,
    None => panic!("a step"),
};

fn ticks(text: &str) -> i64 {
    TICK.parse(text.as_bytes()).unwrap()
}

fn lots(text: &str) -> i64 {
    LOT.parse(text.as_bytes()).unwrap()
}

pub(crate) fn quote(bytes: &[u8]) -> Sum {
    let quote = serde_json::from_slice::<Stream<BookTicker<'_>>>(bytes)
        .unwrap()
        .data;
    assert_eq!(quote.s, "BTCUSDT");
    let mut sum = Sum::default();
    sum.add(quote.u, ticks(quote.b), lots(quote.bid_qty));
    sum.add(quote.u, ticks(quote.a), lots(quote.ask_qty));
    sum
}

pub(crate) fn trade(bytes: &[u8]) -> Sum {
    let trade = serde_json::from_slice::<Stream<Trade<'_>>>(bytes)
        .unwrap()
        .data;
    assert!(trade.s == "BTCUSDT" && trade.time_ms > 0 && trade.m);
    let mut sum = Sum::default();
    sum.add(trade.t, ticks(trade.p), lots(trade.q));
    sum
}

pub(crate) fn depth(bytes: &[u8]) -> Sum {
    let depth = serde_json::from_slice::<Stream<Depth<'_>>>(bytes)
        .unwrap()
        .data;
    assert!(depth.s == "BTCUSDT" && depth.first_id <= depth.u);
    let mut sum = Sum::default();
    for (price, qty) in depth.b.iter().chain(&depth.a) {
        sum.add(depth.u, ticks(price), lots(qty));
    }
    sum
}

pub(crate) fn report(bytes: &[u8]) -> Sum {
    let report = serde_json::from_slice::<Subscription<Report<'_>>>(bytes)
        .unwrap()
        .event;
    assert!(report.s == "BTCUSDT" && report.x == "TRADE" && report.status == "PARTIALLY_FILLED");
    let mut sum = Sum::default();
    let price = ticks(report.last_price);
    sum.add(report.i, price, lots(report.l));
    sum.add(report.t.unsigned_abs(), price, lots(report.z));
    sum
}

pub(crate) fn answer(bytes: &[u8]) -> Sum {
    let answer: Answer<'_> = serde_json::from_slice(bytes).unwrap();
    let order = answer.result;
    assert!(answer.id == 17 && answer.status == 200 && order.symbol == "BTCUSDT");
    let mut sum = Sum::default();
    sum.add(
        order.order_id,
        lots(order.executed_qty),
        i64::from(order.status == "NEW"),
    );
    sum
}
