//! Same log, same commands: one recorded stream through five topologies, and through one thread.

use std::path::Path;

use engine::clock::WallClock;
use engine::pipeline::{Inputs, Pipeline, Topology, Wait};
use model::ids::AccountId;
use model::record::Record;

use crate::support::market::market;
use crate::support::session::{applied, events_and_commands, start_events, started};
use crate::support::venue::Venue;
use crate::support::{ALL_STAGES, DEADLINE, MadeFeed, SilentGateway, topology, wait_until};

const MARKET_EVENTS: u64 = 30_000;

/// Trades live and returns the events of the log, the start and every answer among them.
fn record_a_run(dir: &Path) -> Vec<Record> {
    let (machine, writer) = started(dir);
    let topology = topology(64, &[ALL_STAGES]);
    let running = Pipeline::new(machine, writer, topology, WallClock::anchored_now())
        .feed("test", MadeFeed::new(MARKET_EVENTS, market).with_pause(3))
        .gateway("test", &[AccountId(0)], Venue::new(5, |_: &Record| {}))
        .start()
        .unwrap();
    wait_until(&running, "the market", |running| {
        running.gauges().lanes[4].events.get() == MARKET_EVENTS
    });
    running.shut_down(DEADLINE).unwrap();
    events_and_commands(dir).0
}

/// Plays the events behind the start through a live pipeline: its commands and state hash.
fn play(events: &[Record], topology: Topology) -> (Vec<Record>, [u8; 32]) {
    let dir = tempfile::tempdir().unwrap();
    let (machine, writer) = started(dir.path());
    let rest = events[start_events().len()..].to_vec();
    let count = rest.len() as u64;
    let feed = MadeFeed::new(count, move |index| rest[index as usize]);
    let running = Pipeline::new(machine, writer, topology, WallClock::anchored_now())
        .feed("log", feed)
        .gateway("test", &[AccountId(0)], SilentGateway)
        .inputs(Inputs::Recorded)
        .start()
        .unwrap();
    let last = events.len() as u64;
    wait_until(&running, "the log's end", |running| {
        running.gauges().decided.get() == last
    });
    let ended = running.shut_down(DEADLINE).unwrap();
    let (played, commands) = events_and_commands(dir.path());
    assert_eq!(played.len(), events.len());
    let same = |(played, event): (&Record, &Record)| played.same_decision(event);
    assert!(
        played.iter().zip(events).all(same),
        "the log's events changed"
    );
    (commands, ended.machine.state_hash())
}

fn wide(workers: &[&[&str]]) -> Topology {
    let mut topology = topology(1_024, workers);
    topology
        .workers
        .iter_mut()
        .for_each(|worker| worker.wait = Wait::Yield);
    topology
}

#[test]
fn pipeline_same_log_gives_same_commands_in_five_topologies() {
    let dir = tempfile::tempdir().unwrap();
    let events = record_a_run(dir.path());
    let (_, live) = events_and_commands(dir.path());
    let (machine, expected) = applied(&events);
    assert!(expected.len() > 500, "only {} commands", expected.len());
    assert_eq!(live, expected, "the live run itself");
    let hash = machine.state_hash();

    let topologies: [(&str, Topology); 5] = [
        ("one worker", wide(&[ALL_STAGES])),
        (
            "strategy and risk split",
            wide(&[
                &["feed", "sequencer", "timer", "strategy"],
                &["risk", "journal", "gateway"],
            ]),
        ),
        (
            "journal apart",
            wide(&[
                &["feed", "sequencer", "timer", "strategy", "risk", "gateway"],
                &["journal"],
            ]),
        ),
        (
            "two strategies on two workers",
            wide(&[
                &["feed", "sequencer", "timer", "strategy.1"],
                &["strategy.0", "risk", "journal", "gateway"],
            ]),
        ),
        (
            "rings and lanes of 64, a worker for each stage",
            topology(
                64,
                &[
                    &["feed"],
                    &["sequencer", "timer"],
                    &["strategy.0"],
                    &["strategy.1"],
                    &["risk"],
                    &["journal"],
                    &["gateway"],
                ],
            ),
        ),
    ];
    for (name, topology) in topologies {
        let (commands, state_hash) = play(&events, topology);
        assert_eq!(commands.len(), expected.len(), "{name}");
        let differs = commands.iter().zip(&expected).find(|(got, due)| got != due);
        assert!(differs.is_none(), "{name}: {differs:?}");
        assert_eq!(state_hash, hash, "{name}");
    }
}
