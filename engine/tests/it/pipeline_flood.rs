//! No deadlock: rings and lanes of 64, a million market events, a slow gateway that answers each
//! command with several events. Nothing is lost, nothing is stuck, every queue keeps its bound.

use engine::clock::WallClock;
use engine::pipeline::{Pipeline, Topology, Wait};
use model::ids::AccountId;
use model::limits::COMMANDS_IN_FLIGHT_MAX;
use model::record::{Kind, Record};

use crate::support::market::market;
use crate::support::session::{applied, started};
use crate::support::venue::Venue;
use crate::support::{ALL_STAGES, DEADLINE, MadeFeed, log_of, topology, wait_until};

const FLOOD: u64 = 1_000_000;
const FEED: u8 = 4;

fn flood(topology: Topology) {
    let dir = tempfile::tempdir().unwrap();
    let (machine, writer) = started(dir.path());
    let venue = Venue::new(97, |_: &Record| {});
    let running = Pipeline::new(machine, writer, topology, WallClock::anchored_now())
        .feed("test", MadeFeed::new(FLOOD, market))
        .gateway("test", &[AccountId(0)], venue)
        .start()
        .unwrap();
    wait_until(&running, "the flood's end", |running| {
        running.gauges().lanes[usize::from(FEED)].events.get() == FLOOD
    });
    let waited = running.gauges().gateways[0].waiting_max.get();
    assert!(waited <= COMMANDS_IN_FLIGHT_MAX as u64, "{waited} waited");
    let ended = running.shut_down(DEADLINE).unwrap();
    let hash = ended.machine.state_hash();
    drop(ended);

    let log = log_of(dir.path());
    let is_event = |record: &&Record| record.kind < Kind::FIRST_COMMAND;
    let events: Vec<Record> = log.iter().filter(is_event).copied().collect();
    check_nothing_lost(&log, &events);
    let (machine, commands) = applied(&events);
    assert_eq!(machine.state_hash(), hash);
    let journaled = log.iter().filter(|record| !is_event(record));
    assert!(journaled.map(|record| record.decided()).eq(commands));
}

/// Every event of the flood is there, in order; every command was answered by one `Sent`.
fn check_nothing_lost(log: &[Record], events: &[Record]) {
    let from_feed = events.iter().filter(|event| event.source().0 == FEED);
    let mut count = 0;
    for (event, index) in from_feed.zip(0..) {
        assert_eq!(event.body, market(index).body, "event {index} of the flood");
        count += 1;
    }
    assert_eq!(count, FLOOD);
    assert!(
        events
            .iter()
            .zip(1..)
            .all(|(event, number)| event.event == number)
    );
    let commands = log.len() - events.len();
    let sent = events
        .iter()
        .filter(|event| event.kind() == Some(Kind::Sent));
    assert_eq!(sent.count(), commands);
    assert!(commands > 100, "only {commands} commands");
}

#[test]
fn pipeline_flood_on_one_worker_is_not_stuck_and_loses_nothing() {
    flood(topology(64, &[ALL_STAGES]));
}

#[test]
fn pipeline_flood_on_three_workers_is_not_stuck_and_loses_nothing() {
    let mut topology = topology(
        64,
        &[
            &["feed", "sequencer", "timer"],
            &["strategy.0", "risk", "gateway"],
            &["strategy.1", "journal"],
        ],
    );
    topology
        .workers
        .iter_mut()
        .for_each(|worker| worker.wait = Wait::Yield);
    flood(topology);
}
