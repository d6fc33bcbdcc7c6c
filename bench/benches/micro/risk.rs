//! All checks of an order, and risk's part of a market event, with a full house: 200 instruments,
//! 20 accounts, 10,000 open orders.
//!
//! Control: the same machine in the same state, for an event without an order; what an order costs
//! less its checks is the machine without them. After criterion's figures, a table of percentiles
//! of single steps. Its first row is what reading the clock twice costs: every other row has it
//! too.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bench::crowd::{self, Crowd};
use bench::distribution::{Distribution, Percentiles};
use criterion::Criterion;

/// Samples of each row of the table.
const SAMPLES: u64 = 200_000;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut house = None;
    let mut group = criterion.benchmark_group("risk");
    group.bench_function("base_event", |bencher| {
        let crowd = house.get_or_insert_with(Crowd::new);
        bencher.iter(|| crowd.apply(crowd::quiet()));
    });
    group.bench_function("market_event", |bencher| {
        let crowd = house.get_or_insert_with(Crowd::new);
        let mut update = 1;
        bencher.iter(|| {
            update += 1;
            crowd.apply(crowd::quote(update));
        });
    });
    group.bench_function("all_checks", |bencher| {
        let crowd = house.get_or_insert_with(Crowd::new);
        assert_eq!(crowd.risk.orders().live_count(), crowd::ORDERS);
        bencher.iter(|| {
            let intent = crowd.intent();
            assert_eq!(crowd.risk.would_refuse(black_box(&intent)), None);
        });
    });
    group.bench_function("order", |bencher| {
        let crowd = house.get_or_insert_with(Crowd::new);
        bencher.iter_custom(|count| orders(crowd, count));
    });
    group.finish();
    // Not where criterion only shows that everything works, or was asked for something else.
    if let Some(mut crowd) = house
        && !std::env::args().any(|arg| arg == "--test")
    {
        table(&mut crowd);
    }
}

/// Time of `count` orders, without what takes each of them back.
fn orders(crowd: &mut Crowd, count: u64) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..count {
        let intent = crowd.intent();
        let quiet = crowd.next(crowd::quiet());
        let begin = Instant::now();
        crowd.feed(&quiet, &[intent]);
        total += begin.elapsed();
        crowd.take_back();
    }
    total
}

/// One step after the other, each by itself.
fn table(crowd: &mut Crowd) {
    let clock = quanta::Clock::new();
    let timed = |work: &mut dyn FnMut()| {
        let begin = clock.raw();
        work();
        clock.delta_as_nanos(begin, clock.raw())
    };
    let mut rows: [(&str, Distribution); 5] = [
        "clock alone",
        "event without an order (control)",
        "market event, strategy and risk",
        "all checks of an order",
        "order: event, checks, and the order's entry",
    ]
    .map(|name| (name, Distribution::paced(0)));
    for sample in 0..SAMPLES {
        rows[0].1.record(timed(&mut || {}));
        let quiet = crowd.next(crowd::quiet());
        rows[1].1.record(timed(&mut || crowd.feed(&quiet, &[])));
        let quote = crowd.next(crowd::quote(sample));
        rows[2].1.record(timed(&mut || crowd.feed(&quote, &[])));
        let intent = crowd.intent();
        let mut refused = None;
        let checks = timed(&mut || refused = crowd.risk.would_refuse(black_box(&intent)));
        rows[3].1.record(checks);
        assert_eq!(refused, None, "what is measured is an order that passes");
        let mut intent = crowd.intent();
        let quiet = crowd.next(crowd::quiet());
        intent.event = quiet.event;
        rows[4]
            .1
            .record(timed(&mut || crowd.feed(&quiet, &[intent])));
        assert_eq!(crowd.out.commands.len(), 1, "approved");
        crowd.take_back();
    }
    print(&rows);
}

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn print(rows: &[(&str, Distribution); 5]) {
    let row = |name: &str, at: &Percentiles| {
        println!(
            "{name:<46} {:>7} {:>7} {:>7} {:>8}",
            at.p50, at.p90, at.p99, at.p999
        );
    };
    println!(
        "risk, single steps, ns; {} instruments, {} accounts, {} open orders",
        crowd::INSTRUMENTS,
        crowd::ACCOUNTS,
        crowd::ORDERS
    );
    println!(
        "{:<46} {:>7} {:>7} {:>7} {:>8}",
        "", "p50", "p90", "p99", "p99.9"
    );
    for (name, times) in rows {
        row(name, &times.plain());
    }
    let p50 = |place: usize| rows[place].1.plain().p50;
    println!(
        "an order without its checks, by difference of the p50s: {}",
        (p50(4) + p50(0)).saturating_sub(p50(3))
    );
}
