//! The pipeline's start and end: promptly, in order, with everything journaled; and its faults.

use std::time::{Duration, Instant};

use engine::clock::WallClock;
use engine::machine::Machine;
use engine::pipeline::{Fault, Inputs, Pipeline, Running, StartError, Topology, Wait};
use model::body::OperatorAction;
use model::ids::AccountId;
use model::ports::Feed;
use model::record::{Kind, Record};

use crate::support::{
    ALL_STAGES, DEADLINE, EndlessFeed, MadeFeed, SilentGateway, fail, log_of, tick, topology,
    wait_until, writer,
};

fn pipeline<F: Feed + Send + 'static>(
    dir: &std::path::Path,
    topology: Topology,
    feed: F,
) -> Pipeline {
    let clock = WallClock::anchored_now();
    Pipeline::new(Machine::new(), writer(dir), topology, clock)
        .feed("test", feed)
        .gateway("test", &[AccountId(0)], SilentGateway)
        .tick_interval(Duration::from_secs(3_600))
}

fn events_through(running: &Running, count: u64) {
    wait_until(running, "all events", |running| {
        running.gauges().decided.get() >= count && running.gauges().journaled.get() >= count
    });
}

#[test]
fn pipeline_every_wait_strategy_ends_promptly() {
    for wait in [Wait::Spin, Wait::Yield, Wait::Park] {
        let dir = tempfile::tempdir().unwrap();
        let mut topology = topology(64, &[&["feed", "timer", "sequencer"], &ALL_STAGES[3..]]);
        topology
            .workers
            .iter_mut()
            .for_each(|worker| worker.wait = wait);
        let running = pipeline(dir.path(), topology, MadeFeed::new(10, |_| tick(0)))
            .start()
            .unwrap();
        events_through(&running, 11);
        let began = Instant::now();
        let ended = running.shut_down(DEADLINE).unwrap();
        assert!(began.elapsed() < Duration::from_secs(5), "{wait:?}");
        // One tick of the timer at once, ten of the feed.
        assert_eq!(ended.machine.last_event(), 11);
    }
}

#[test]
fn pipeline_ended_has_journaled_every_event_in_order() {
    const COUNT: u64 = 10_000;
    let dir = tempfile::tempdir().unwrap();
    let workers: &[&[&str]] = &[
        &["feed"],
        &["sequencer", "timer"],
        &["strategy", "risk"],
        &["journal", "gateway"],
    ];
    let feed = MadeFeed::new(COUNT, |index| tick(index).stamped(1_000 + index % 7));
    let mut running = pipeline(dir.path(), topology(64, workers), feed)
        .start()
        .unwrap();
    assert!(running.operator.send(OperatorAction::Stop, "test"));
    events_through(&running, COUNT + 2);
    let ended = running.shut_down(DEADLINE).unwrap();
    assert_eq!(ended.writer.last_seq(), COUNT + 2);
    drop(ended);

    let log = log_of(dir.path());
    let mut last_time_ns = 0;
    for (index, record) in log.iter().enumerate() {
        assert_eq!(record.event, index as u64 + 1);
        assert!(last_time_ns <= record.time_ns);
        last_time_ns = record.time_ns;
    }
    let from_feed = log.iter().filter(|record| record.source().0 == 4);
    assert!(
        from_feed
            .enumerate()
            .all(|(index, record)| { record.decided().body == tick(index as u64).body })
    );
    let of_kind = |kind: Kind| log.iter().filter(move |record| record.kind() == Some(kind));
    assert_eq!(of_kind(Kind::Operator).count(), 1);
}

#[test]
fn pipeline_bad_record_stops_everything_and_is_not_journaled() {
    let dir = tempfile::tempdir().unwrap();
    let make = |index| {
        if index < 100 {
            tick(index)
        } else {
            Record::ZERO
        }
    };
    let running = pipeline(
        dir.path(),
        topology(64, &[&ALL_STAGES[..4], &ALL_STAGES[4..]]),
        MadeFeed::new(1_000, make),
    )
    .start()
    .unwrap();
    let failed = fail(running);
    assert!(matches!(failed.fault, Fault::BadRecord { source_id, .. } if source_id.0 == 4));
    // What was sequenced before it is in the log, and nothing else.
    assert_eq!(failed.writer.unwrap().last_seq(), 101);
    assert!(
        log_of(dir.path())
            .iter()
            .all(|record| record.kind == Kind::Tick.code())
    );
}

#[test]
fn pipeline_panic_in_a_stage_ends_it_and_names_the_worker() {
    let dir = tempfile::tempdir().unwrap();
    let make = |index| {
        assert!(index < 10, "the feed breaks");
        tick(index)
    };
    let running = pipeline(
        dir.path(),
        topology(64, &[&["feed"], &ALL_STAGES[1..]]),
        MadeFeed::new(1_000, make),
    )
    .start()
    .unwrap();
    let failed = fail(running);
    let expected = Fault::Panicked {
        worker: "feed".to_owned(),
        message: "the feed breaks".to_owned(),
    };
    assert_eq!(failed.fault, expected);
    assert!(failed.writer.is_some());
}

#[test]
fn pipeline_source_that_never_ends_is_named_and_nothing_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let running = pipeline(dir.path(), topology(64, &[ALL_STAGES]), EndlessFeed)
        .start()
        .unwrap();
    let failed = running.shut_down(Duration::from_millis(200)).unwrap_err();
    let Fault::Stuck { waiting_for, .. } = &failed.fault else {
        panic!("{failed:?}")
    };
    assert!(
        waiting_for.contains("feed.test is not silent"),
        "{waiting_for}"
    );
}

#[test]
fn pipeline_recorded_stream_with_a_gap_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let make = |index| {
        let mut record = tick(index);
        record.event = if index < 5 { index + 1 } else { index + 2 };
        record
    };
    let running = pipeline(
        dir.path(),
        topology(64, &[ALL_STAGES]),
        MadeFeed::new(9, make),
    )
    .inputs(Inputs::Recorded)
    .start()
    .unwrap();
    let failed = fail(running);
    let expected = Fault::Recorded {
        expected: 6,
        found: 7,
    };
    assert_eq!(failed.fault, expected);
}

#[test]
fn pipeline_with_a_bad_topology_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut bad = topology(65, &[&ALL_STAGES[1..]]);
    bad.workers[0].core = Some(usize::MAX);
    let started = pipeline(dir.path(), bad, MadeFeed::new(1, tick))
        .gateway("other", &[AccountId(0)], SilentGateway)
        .start();
    let Err(StartError::Topology(problems)) = started else {
        panic!("it started")
    };
    let keys: Vec<&str> = problems.iter().map(|problem| &*problem.key).collect();
    let expected = [
        "inbound_slots",
        "command_slots",
        "lane_slots",
        "worker[0].core",
        "worker",
        "gateway.other.accounts",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn pipeline_dropped_without_an_end_stops_its_threads() {
    let dir = tempfile::tempdir().unwrap();
    let running = pipeline(dir.path(), topology(64, &[ALL_STAGES]), EndlessFeed)
        .start()
        .unwrap();
    drop(running);
    // The journal's lock is free once the worker has given the writer up.
    let began = Instant::now();
    let options = journal::Options::new(journal::Durability::Process);
    while journal::Writer::open(dir.path(), options.clone()).is_err() {
        assert!(
            began.elapsed() < DEADLINE,
            "a thread still holds the journal"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
