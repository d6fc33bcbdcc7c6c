//! One hop of a 128-byte record between two pinned cores: publish to poll.
//!
//! Two queues, one each way; a case's time is half of a round trip. Base cases: the bare
//! `disruptor` crate with a poller, and `rtrb`.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::Criterion;
use disruptor::{BusySpin, Producer};
use engine::pipeline::{lane_probe, ring_probe};
use model::record::Record;

/// Slots of each queue.
const SLOTS: usize = 1_024;

/// One direction: a sender and a receiver, each for its own thread.
pub(crate) struct Way<S, R> {
    send: S,
    receive: R,
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring/hop/128B");
    group.bench_function("base_disruptor", |bencher| {
        bencher.iter_custom(|rounds| hop(rounds, bare_disruptor));
    });
    group.bench_function("base_rtrb", |bencher| {
        bencher.iter_custom(|rounds| hop(rounds, bare_rtrb));
    });
    group.bench_function("caracal_ring", |bencher| {
        bencher.iter_custom(|rounds| hop(rounds, ring));
    });
    group.bench_function("caracal_lane", |bencher| {
        bencher.iter_custom(|rounds| hop(rounds, lane));
    });
    group.finish();
}

fn ring() -> Way<impl FnMut(u64) + Send, impl FnMut() -> Option<u64> + Send> {
    let (mut sender, mut receiver) = ring_probe(SLOTS);
    Way {
        send: move |seq| assert!(sender.send(&numbered(seq)), "one record is in flight"),
        receive: move || {
            let mut seq = 0;
            let found = receiver.receive(|record| seq = black_box(record).seq);
            found.then_some(seq)
        },
    }
}

fn lane() -> Way<impl FnMut(u64) + Send, impl FnMut() -> Option<u64> + Send> {
    let (mut sender, mut receiver) = lane_probe(SLOTS);
    Way {
        send: move |seq| assert!(sender.send(&numbered(seq)), "one record is in flight"),
        receive: move || receiver.receive().map(|record| black_box(record).seq),
    }
}

fn bare_disruptor() -> Way<impl FnMut(u64) + Send, impl FnMut() -> Option<u64> + Send> {
    let builder = disruptor::build_single_producer(SLOTS, || Record::ZERO, BusySpin);
    let (mut poller, builder) = builder.new_event_poller();
    let mut producer = builder.build();
    Way {
        send: move |seq| producer.publish(|slot| *slot = numbered(seq)),
        receive: move || {
            let mut events = poller.take(1).ok()?;
            (&mut events).next().map(|record| black_box(record).seq)
        },
    }
}

fn bare_rtrb() -> Way<impl FnMut(u64) + Send, impl FnMut() -> Option<u64> + Send> {
    let (mut producer, mut consumer) = rtrb::RingBuffer::new(SLOTS);
    Way {
        send: move |seq| {
            assert!(
                producer.push(numbered(seq)).is_ok(),
                "one record is in flight"
            );
        },
        receive: move || consumer.pop().ok().map(|record| black_box(record).seq),
    }
}

fn numbered(seq: u64) -> Record {
    let mut record = Record::ZERO;
    record.seq = seq;
    record
}

/// Half of the time of `rounds` round trips through two queues of a kind.
fn hop<S, R>(rounds: u64, make: impl Fn() -> Way<S, R>) -> Duration
where
    S: FnMut(u64) + Send,
    R: FnMut() -> Option<u64> + Send,
{
    let (near, far) = cores();
    let (mut there, mut back) = (make(), make());
    let ended = AtomicBool::new(false);
    let trip = std::thread::scope(|scope| {
        let echo = || {
            pin(far);
            // Relaxed: only says when to end; the records order themselves.
            while !ended.load(Ordering::Relaxed) {
                if let Some(seq) = (there.receive)() {
                    (back.send)(seq);
                }
            }
        };
        scope.spawn(echo);
        let ask = || {
            pin(near);
            let mut wrong = 0;
            let begin = Instant::now();
            for seq in 1..=rounds {
                (there.send)(seq);
                let answer = loop {
                    if let Some(answer) = (back.receive)() {
                        break answer;
                    }
                };
                wrong += u64::from(answer != seq);
            }
            let trip = begin.elapsed();
            ended.store(true, Ordering::Relaxed);
            assert_eq!(wrong, 0, "each record came back");
            trip
        };
        scope.spawn(ask).join().unwrap()
    });
    trip / 2
}

/// Two cores, not the first if there are more: the system likes that one best.
fn cores() -> (Option<usize>, Option<usize>) {
    let all = core_affinity::get_core_ids().unwrap_or_default();
    let last_two = all.len().saturating_sub(2);
    let mut ids = all[last_two..].iter().map(|core| core.id);
    (ids.next(), ids.next())
}

fn pin(core: Option<usize>) {
    if let Some(id) = core {
        core_affinity::set_for_current(core_affinity::CoreId { id });
    }
}
