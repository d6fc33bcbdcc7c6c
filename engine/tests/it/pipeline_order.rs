//! Journal before send, and cause before effect in the log.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::clock::WallClock;
use engine::pipeline::{LatencyRecorder, Pipeline, Topology, Wait};
use model::command::command;
use model::ids::AccountId;
use model::record::{Kind, Record};

use crate::support::market::market;
use crate::support::session::{applied, events_and_commands, started};
use crate::support::venue::Venue;
use crate::support::{ALL_STAGES, DEADLINE, MadeFeed, log_of, topology, wait_until};

/// Looks for each command in the journal as a reader sees it at the moment of sending.
struct Witness {
    reader: journal::Reader,
    checked: Arc<AtomicU64>,
}

impl Witness {
    fn check(&mut self, sent: &Record) {
        let number = command(sent).unwrap().number();
        while let Some(record) = self.reader.next().unwrap() {
            if record.kind() == sent.kind() && command(record).unwrap().number() == number {
                assert!(
                    record.same_decision(sent),
                    "the journal holds another command"
                );
                self.checked.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
        panic!("command {number} was sent, and the journal does not hold it");
    }
}

/// Commands that a run must bring, whatever else this machine has to do.
const COMMANDS: u64 = 2_000;

/// Runs the market against a venue that checks the journal at every send; how often it did.
fn trade_with_witness(dir: &Path, topology: Topology) -> u64 {
    let (machine, writer) = started(dir);
    let checked = Arc::new(AtomicU64::new(0));
    let mut witness = Witness {
        reader: journal::Reader::open(dir).unwrap(),
        checked: Arc::clone(&checked),
    };
    let venue = Venue::new(1, move |record: &Record| witness.check(record));
    let mut running = Pipeline::new(machine, writer, topology, WallClock::anchored_now())
        .feed("test", MadeFeed::new(u64::MAX, market).with_pause(100))
        .gateway("test", &[AccountId(0)], venue)
        .start()
        .unwrap();
    wait_until(&running, "enough commands", |running| {
        running.gauges().gateways[0].offered.get() >= COMMANDS
    });
    let mut recorder = LatencyRecorder::new();
    running.samples.drain_into(&mut recorder);
    assert!(
        recorder.report().total().count > 0,
        "no latency sample came"
    );
    let ended = running.shut_down(DEADLINE).unwrap();
    assert_eq!(
        ended.machine.last_event(),
        events_and_commands(dir).0.len() as u64
    );
    checked.load(Ordering::SeqCst)
}

/// Every command stands behind the event that caused it; numbers have no gaps.
fn check_log(dir: &Path) -> u64 {
    let (mut last_event, mut last_command) = (0, 0);
    for (index, record) in log_of(dir).iter().enumerate() {
        assert_eq!(record.seq, index as u64 + 1);
        if record.kind().is_some_and(Kind::is_command) {
            assert!(
                record.event <= last_event,
                "effect before cause: {record:?}"
            );
            last_command += 1;
            assert_eq!(command(record).unwrap().number(), last_command);
        } else {
            last_event += 1;
            assert_eq!(record.event, last_event);
        }
    }
    last_command
}

fn check(workers: &[&[&str]]) {
    let dir = tempfile::tempdir().unwrap();
    let mut topology = topology(64, workers);
    for worker in &mut topology.workers {
        worker.wait = Wait::Yield;
    }
    let checked = trade_with_witness(dir.path(), topology);
    let commands = check_log(dir.path());
    assert_eq!(
        checked, commands,
        "every command was sent once, and journaled before"
    );
    // And the log is whole: one thread computes the same from its events.
    let (events, recorded) = events_and_commands(dir.path());
    assert_eq!(applied(&events).1, recorded);
}

#[test]
fn pipeline_command_is_journaled_before_it_is_sent_on_one_worker() {
    check(&[ALL_STAGES]);
}

#[test]
fn pipeline_command_is_journaled_before_it_is_sent_on_four_workers() {
    check(&[
        &["feed", "sequencer", "timer"],
        &["strategy.0", "strategy.1", "risk"],
        &["journal"],
        &["gateway"],
    ]);
}
