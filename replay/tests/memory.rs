//! The memory of a backtest does not grow with its data: invariant K3. A process of its
//! own, for its memory is looked at. With RUN_SLOW_TESTS=1 over a hundred times the data instead of
//! ten times.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail here"
)]

#[path = "backtest/kit.rs"]
#[expect(dead_code, reason = "shared with the other tests, which use all of it")]
mod kit;

use std::path::Path;

use engine::machine::StrategyConfig;
use engine::strategy::{Params, Registry};
use journal::{AppendError, Durability, Options, Writer};
use kit::{INSTRUMENT, MS, START_NS};
use model::blob::{self, BlobKind};
use model::body::{BookLevels, BookReset, Level, Side, Trade};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record, flags};
use replay::backtest::Backtest;
use replay::report::{Collector, Units};

const MIDDLE: i64 = 6_000_005;
const STEP_NS: u64 = 20 * MS;

/// The market's message at a step: its middle goes up and down a saw of 40 ticks, every fifth one
/// is a trade, so that a grid around it trades all the time.
fn message(step: u64) -> Record {
    let saw = i64::try_from(step / 50 % 80).unwrap();
    let middle = MIDDLE + 10 * if saw < 40 { saw } else { 80 - saw };
    let there_ns = START_NS + step * STEP_NS;
    if step % 5 == 4 {
        let buys = step % 10 == 4;
        let body = Trade {
            trade_id: step + 2,
            venue_time_ns: there_ns,
            // Through the best prices: what the grid has there fills.
            price: Ticks(if buys { middle + 25 } else { middle - 25 }),
            qty: Lots(2_000),
            aggressor: if buys { Side::Buy } else { Side::Sell },
            reserved: [0; 47],
        };
        return Record::new(Kind::Trade, &body);
    }
    let level = |price, qty| Level {
        price: Ticks(price),
        qty: Lots(qty),
    };
    // What the middle left behind on either side goes.
    let bids = [level(middle - 5, 900), level(middle + 5, 0)];
    let asks = [level(middle + 5, 900), level(middle - 5, 0)];
    let body = BookLevels {
        update_id: step + 2,
        venue_time_ns: there_ns,
        levels: [bids[0], bids[1], asks[0], asks[1]],
    };
    let mut record = Record::new(Kind::BookLevels, &body).with_flags(flags::LAST_OF_MESSAGE);
    record.detail = BookLevels::detail(4, 0b1100);
    record
}

fn write(dir: &Path, steps: u64) {
    let options = Options::new(Durability::Process).segment_bytes(1 << 20);
    let (mut writer, _) = Writer::open(dir, options).unwrap();
    let reset = BookReset {
        update_id: 1,
        level_records: 1,
        reserved: [0; 64],
    };
    let whole = message(0).with_flags(flags::SNAPSHOT);
    let parts = blob::records(BlobKind::Instrument, &kit::spec()).unwrap();
    let first = parts
        .into_iter()
        .chain([Record::new(Kind::BookReset, &reset), whole]);
    let first = first.map(|record| (START_NS, record));
    let rest = (1..steps).map(|step| (START_NS + step * STEP_NS, message(step)));
    for (index, (at_ns, record)) in first.chain(rest).enumerate() {
        let mut record = record.on_instrument(INSTRUMENT).stamped(at_ns);
        record.event = index as u64 + 1;
        record.time_ns = at_ns;
        while let Err(error) = writer.append(&record) {
            assert!(matches!(error, AppendError::SegmentNotReady), "{error}");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    writer.close().unwrap();
}

/// Memory that is the process's own and no file's, KiB.
fn own_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Largest memory while a report is collected over so many messages, and the fills.
fn most_kib(steps: u64) -> (u64, u64) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    write(&dir, steps);
    let mut plan = kit::plan_with_delays(5 * MS, 5 * MS);
    // So often that the series of a report, which thin out when full, are full in the short run.
    (plan.tick_ns, plan.sample_ns) = (5 * MS, 5 * MS);
    plan.machine.strategies = vec![StrategyConfig {
        kind: "grid".to_owned(),
        params: Params::new()
            .with("qty", 100)
            .with("spread", 20)
            .with("step", 10)
            .with("levels", 5)
            .with("skew", 20)
            .with("position_max", 1_000)
            .with("every", i64::try_from(100 * MS).unwrap()),
        ..plan.machine.strategies.remove(0)
    }];
    let units = Units {
        tick: 0.01,
        lot: 0.000_01,
        multiplier: 1.0,
        inverse: false,
    };
    let mut collector = [Collector::new(vec![units], 1_000_000.0)];
    let feed = kit::feed(&dir, u64::MAX);
    let backtest = Backtest::new(feed, vec![plan], &Registry::standard(), None).unwrap();
    let mut most = 0;
    let outcomes = backtest
        .run(&mut collector, |_| most = most.max(own_kib()))
        .unwrap();
    (most.max(own_kib()), outcomes[0].counts.fills)
}

#[test]
fn memory_of_a_backtest_does_not_grow_with_its_data() {
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    // Long enough that what is kept of the latest (orders, fills, samples) is full.
    let steps = 20_000;
    let times = if slow { 100 } else { 10 };
    // The first run leaves freed memory behind that the allocator keeps: it is measured with it.
    most_kib(steps);
    let (short, few) = most_kib(steps);
    let (long, many) = most_kib(times * steps);
    assert!(
        few > 100 && many > few * times / 2,
        "{few} and {many} fills"
    );
    println!("{short} KiB over {steps} messages, {long} KiB over {times} times as many");
    assert!(long * 10 <= short * 12, "{short} KiB, then {long} KiB");
}
