//! A step of the machine: every strategy and risk, on one thread, with all checks.
//!
//! Base case: reading the record as a typed event, without which no consumer can do anything.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bench::events::{self, BID};
use bench::{messages, session};
use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use engine::machine::{Machine, Outputs};
use model::body::{BookLevels, Level, OrderStatus, Quote, Side, Trade};
use model::command::{CommandView, command};
use model::ids::{AccountId, InstrumentId};
use model::num::{Lots, Ticks};
use model::ports::Trace;
use model::record::{Kind, Record, flags};

/// Machine time of the start, and between two events.
const START_NS: u64 = 1_723_161_255_000_000_000;
const STEP_NS: u64 = 20_000;
/// Records of a depth message: five times four levels.
const DEPTH_RECORDS: usize = 5;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("machine/step");
    let record = quote(2, BID);
    group.bench_function("base_view", |bencher| {
        bencher.iter(|| model::event::event(black_box(&record)).is_ok());
    });
    still(&mut group, "quote", |at| [quote(at, BID)]);
    still(&mut group, "trade", |at| [trade(at)]);
    still(&mut group, "depth_20levels", depth);
    group.bench_function("quote_to_2orders_and_back_7events", |bencher| {
        let mut driven = Driven::started();
        let mut at = 2;
        bencher.iter(|| {
            at += 1;
            driven.requote(at);
        });
        assert!(driven.commands > 2, "the quotes caused orders");
    });
    group.bench_function("fill", |bencher| bencher.iter_custom(fills));
    group.finish();
}

/// Events that cause nothing: the market says again what it said before.
fn still<const N: usize>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    make: fn(u64) -> [Record; N],
) {
    group.bench_function(name, |bencher| {
        let mut driven = Driven::started();
        let mut at = 2;
        bencher.iter(|| {
            at += 1;
            for record in make(at) {
                driven.apply(record);
            }
        });
    });
}

/// Time of `count` fills of one lot each, of one large order.
fn fills(count: u64) -> Duration {
    /// As many as a clone of the machine takes.
    const BATCH: u64 = 100;
    let begun = Driven::started();
    let (mut total, mut left) = (Duration::ZERO, count);
    while left > 0 {
        let batch = left.min(BATCH);
        let mut driven = begun.fork();
        let before = driven.position();
        let begin = Instant::now();
        for trade_id in 1..=batch {
            driven.fill(trade_id);
        }
        total += begin.elapsed();
        assert_eq!(
            driven.position() - before,
            batch as i64,
            "every fill counted"
        );
        left -= batch;
    }
    total
}

/// A machine with what it needs to be driven.
struct Driven {
    machine: Machine,
    out: Outputs,
    time_ns: u64,
    /// Client ids of the maker's resting orders.
    buy: u64,
    sell: u64,
    commands: u64,
}

impl Driven {
    /// With the maker's two orders resting.
    fn started() -> Self {
        let mut driven = Self {
            machine: Machine::new(),
            out: Outputs::new(),
            time_ns: START_NS,
            buy: 0,
            sell: 0,
            commands: 0,
        };
        for event in session::start_events(&messages::instrument(), START_NS).unwrap() {
            driven.machine.apply(&event, &mut driven.out).unwrap();
        }
        for event in events::market_opening() {
            driven.apply(event.on_instrument(InstrumentId(0)));
        }
        for event in events::orders_opening() {
            driven.apply(event);
        }
        driven.answer();
        assert!(
            driven.buy != 0 && driven.sell != 0,
            "the maker quotes both sides"
        );
        driven
    }

    fn fork(&self) -> Self {
        Self {
            machine: self.machine.clone(),
            out: Outputs::new(),
            ..*self
        }
    }

    fn position(&self) -> i64 {
        let position = self.machine.position(InstrumentId(0), AccountId(0));
        position.map_or(0, |position| position.lots.0)
    }

    fn apply(&mut self, mut event: Record) {
        self.time_ns += STEP_NS;
        event.event = self.machine.last_event() + 1;
        event.time_ns = self.time_ns;
        self.machine.apply(&event, &mut self.out).unwrap();
    }

    /// What a venue says to all commands of the last event.
    fn answer(&mut self) {
        let mut commands = [None; 4];
        for (place, approved) in commands.iter_mut().zip(&self.out.commands) {
            *place = Some(*approved.get());
        }
        for record in commands.into_iter().flatten() {
            self.commands += 1;
            let view = command(&record).unwrap();
            let sent = events::sent(&view, Trace::default(), 0, 0);
            self.about(&record, Record::new(Kind::Sent, &sent));
            match view {
                CommandView::NewOrder(order) => {
                    self.acknowledge(&record, order.side, order.client_id)
                }
                CommandView::ReplaceOrder(order) => {
                    let status = OrderStatus::Cancelled;
                    let report = events::report(order.cancel_client_id, 0, status);
                    self.about(&record, Record::new(Kind::OrderCancelled, &report));
                    self.acknowledge(&record, order.side, order.client_id);
                }
                other @ (CommandView::CancelOrder(_)
                | CommandView::QueryOrder(_)
                | CommandView::QueryOpenOrders(_)
                | CommandView::AmendOrder(_)
                | CommandView::CancelAll(_)
                | CommandView::Latch(_)) => panic!("unexpected: {other:?}"),
            }
        }
    }

    fn acknowledge(&mut self, about: &Record, side: Side, client_id: u64) {
        match side {
            Side::Buy => self.buy = client_id,
            Side::Sell => self.sell = client_id,
        }
        let report = events::report(client_id, client_id, OrderStatus::Open);
        self.about(about, Record::new(Kind::OrderAcked, &report));
    }

    fn about(&mut self, command: &Record, event: Record) {
        let strategy = command.strategy().unwrap();
        self.apply(ours(event).by_strategy(strategy));
    }

    /// The market moves, the maker follows, the venue answers.
    fn requote(&mut self, at: u64) {
        self.apply(quote(at, BID + 4 * (at % 2) as i64));
        self.answer();
    }

    fn fill(&mut self, trade_id: u64) {
        let price = Ticks(BID - 2);
        let fill = events::fill(self.buy, self.buy, trade_id, price, Lots(1));
        self.apply(ours(Record::new(Kind::OrderFilled, &fill)));
    }
}

fn ours(event: Record) -> Record {
    event
        .on_instrument(InstrumentId(0))
        .on_account(AccountId(0))
}

fn quote(at: u64, bid: i64) -> Record {
    let level = |price| Level {
        price: Ticks(price),
        qty: Lots(100_000),
    };
    let body = Quote {
        update_id: at,
        venue_time_ns: 0,
        bid: level(bid),
        ask: level(bid + 1),
        reserved: [0; 32],
    };
    Record::new(Kind::Quote, &body).on_instrument(InstrumentId(0))
}

fn trade(at: u64) -> Record {
    let body = Trade {
        trade_id: at,
        venue_time_ns: START_NS,
        price: Ticks(BID),
        qty: Lots(700),
        aggressor: Side::Sell,
        reserved: [0; 47],
    };
    Record::new(Kind::Trade, &body).on_instrument(InstrumentId(0))
}

/// 20 levels behind the best ones, which stay.
fn depth(at: u64) -> [Record; DEPTH_RECORDS] {
    let mut records = std::array::from_fn(|step| levels(at, 10 + 7 * step as i64));
    records[DEPTH_RECORDS - 1].flags |= flags::LAST_OF_MESSAGE;
    records
}

fn levels(at: u64, away: i64) -> Record {
    let level = |price| Level {
        price: Ticks(price),
        qty: Lots(1 + (at % 5) as i64),
    };
    let body = BookLevels {
        update_id: at,
        venue_time_ns: 0,
        levels: [
            level(BID - away),
            level(BID - away - 3),
            level(BID + 1 + away),
            level(BID + 4 + away),
        ],
    };
    let mut record = Record::new(Kind::BookLevels, &body).on_instrument(InstrumentId(0));
    record.detail = BookLevels::detail(4, 0b1100);
    record
}
