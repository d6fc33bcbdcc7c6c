//! A market event with 1,000 held orders on 200 instruments, beside 10,000 open ones: one that
//! leads to nothing, and one at which a trailing stop moves.
//!
//! Control: the same event without held orders.

use bench::crowd::{self, Crowd};
use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use model::record::Record;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("held");
    let (mut none, mut many) = (None, None);
    // The market says about the same again: nothing moves.
    let still = |update| crowd::quote(update);
    // It rises by a tick at each event.
    let rising = |update| crowd::quote_above(update, update as i64);
    events(&mut group, "market_event_0", &mut none, Crowd::new, still);
    events(&mut group, "market_event_1000", &mut many, holding, still);
    events(&mut group, "rising_price_0", &mut none, Crowd::new, rising);
    events(&mut group, "rising_price_1000", &mut many, holding, rising);
    group.finish();
}

fn holding() -> Crowd {
    let mut crowd = Crowd::new();
    bench::held::hold(&mut crowd);
    crowd
}

fn events(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    house: &mut Option<Crowd>,
    make: fn() -> Crowd,
    event: impl Fn(u64) -> Record,
) {
    let mut update = 1;
    group.bench_function(name, |bencher| {
        let crowd = house.get_or_insert_with(make);
        bencher.iter(|| {
            update += 1;
            crowd.apply(event(update));
        });
    });
}
