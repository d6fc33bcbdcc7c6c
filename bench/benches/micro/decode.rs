//! Decoding each Binance message to whole ticks and lots, against typed `serde_json`.
//!
//! Base case: `serde_json` into structs with exactly the fields that we use, borrowed text, and the
//! same exact decimals. Both cases' results are compared before anything is measured.

use std::hint::black_box;

use connectors::binance::wire::{self, Depth, Market};
use connectors::wire::{Symbols, WireError};
use criterion::{Criterion, Throughput};
use model::num::Ticks;

use crate::typed::{self, LOT, Sum, TICK};
use bench::messages;

/// Levels of both sides together that fit a depth without growing.
const LEVELS_MAX: usize = 256;

pub(crate) fn bench(criterion: &mut Criterion) {
    let quote = messages::quote(50_093_239_212, Ticks(6_183_763), Ticks(6_183_764));
    let spot: Decode = wire::decode;
    market(criterion, spot, "book_ticker", &quote, typed::quote);
    market(criterion, spot, "trade", messages::TRADE, typed::trade);
    for (name, levels) in [("depth_20levels", 10), ("depth_68levels", 34)] {
        let text = messages::depth(50_093_239_224, levels);
        market(criterion, spot, name, &text, typed::depth);
    }
    let usdm: Decode = connectors::binance::usdm::feed::decode;
    market(
        criterion,
        usdm,
        "usdm_book_ticker",
        messages::USDM_QUOTE,
        typed::quote,
    );
    market(
        criterion,
        usdm,
        "usdm_trade",
        messages::USDM_TRADE,
        typed::trade,
    );
    let text = messages::usdm_depth(5_123_107_837_557, 10);
    market(criterion, usdm, "usdm_depth_20levels", &text, typed::depth);
    private(
        criterion,
        "execution_report",
        messages::EXECUTION_REPORT,
        typed::report,
    );
    private(
        criterion,
        "order_answer",
        messages::ORDER_ANSWER,
        typed::answer,
    );
}

type Decode = fn(&[u8], &Symbols, &mut Depth) -> Result<Market, WireError>;

/// `decode` is called through a pointer, which costs ours a nanosecond or two.
fn market(
    criterion: &mut Criterion,
    decode: Decode,
    name: &str,
    text: &str,
    base: fn(&[u8]) -> Sum,
) {
    let bytes = text.as_bytes();
    let symbols = Symbols::new(&[messages::instrument()]).unwrap();
    let mut levels = Depth::with_capacity(LEVELS_MAX);
    let ours = decode(bytes, &symbols, &mut levels).unwrap();
    assert_eq!(
        sum(&ours, &levels),
        base(bytes),
        "both parsers read {name} alike"
    );

    let mut group = criterion.benchmark_group(format!("decode/binance/{name}_{}B", bytes.len()));
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("base_serde_json", |bencher| {
        bencher.iter(|| base(black_box(bytes)));
    });
    group.bench_function("caracal", |bencher| {
        bencher.iter(|| {
            let message = decode(black_box(bytes), &symbols, &mut levels);
            black_box(levels.levels());
            message.is_ok()
        });
    });
    group.finish();
}

fn private(criterion: &mut Criterion, name: &str, text: &str, base: fn(&[u8]) -> Sum) {
    let bytes = text.as_bytes();
    assert_eq!(ours(bytes), base(bytes), "both parsers read {name} alike");
    let mut group = criterion.benchmark_group(format!("decode/binance/{name}_{}B", bytes.len()));
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("base_serde_json", |bencher| {
        bencher.iter(|| base(black_box(bytes)));
    });
    group.bench_function("caracal", |bencher| {
        bencher.iter(|| ours(black_box(bytes)));
    });
    group.finish();
}

/// What a market message says, in one number.
fn sum(message: &Market, depth: &Depth) -> Sum {
    let mut sum = Sum::default();
    match *message {
        Market::Trade { trade, .. } => {
            sum.add(trade.trade_id, trade.price.0, trade.qty.0);
        }
        Market::Quote { quote, .. } => {
            sum.add(quote.update_id, quote.bid.price.0, quote.bid.qty.0);
            sum.add(quote.update_id, quote.ask.price.0, quote.ask.qty.0);
        }
        Market::Depth { span, .. } => {
            for level in depth.levels() {
                sum.add(span.last_id, level.price.0, level.qty.0);
            }
        }
        Market::Mark { .. }
        | Market::Candle { .. }
        | Market::OpenInterest { .. }
        | Market::Liquidation { .. }
        | Market::Shutdown
        | Market::Answer { .. }
        | Market::Left { .. }
        | Market::Pong
        | Market::Ignored => {}
    }
    sum
}

/// What a private message says, read by us.
fn ours(bytes: &[u8]) -> Sum {
    use connectors::binance::wire::frame::{Frame, decode};
    use connectors::binance::wire::order::OrderAnswer;
    use connectors::binance::wire::user::UserEvent;

    let mut sum = Sum::default();
    match decode(bytes).unwrap() {
        Frame::Event(UserEvent::Report(report)) => {
            let price = TICK
                .parse(report.last_price.as_ref().unwrap().as_bytes())
                .unwrap();
            let qty = LOT
                .parse(report.last_qty.as_ref().unwrap().as_bytes())
                .unwrap();
            sum.add(report.order_id, price, qty);
            sum.add(
                report.trade_id().unwrap(),
                price,
                LOT.parse(report.cum_qty.as_bytes()).unwrap(),
            );
        }
        Frame::Answer(answer) => {
            let order = OrderAnswer::read(answer.outcome.unwrap().unwrap()).unwrap();
            let filled = LOT
                .parse(order.executed_qty.as_ref().unwrap().as_bytes())
                .unwrap();
            sum.add(order.order_id, filled, i64::from(order.status().is_ok()));
        }
        Frame::Event(other) => panic!("not a report: {other:?}"),
    }
    sum
}
