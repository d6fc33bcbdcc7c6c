//! Who gets what: refusals come back to the strategies, commands go to their account's gateway.

use std::path::Path;

use engine::clock::WallClock;
use engine::pipeline::{Fault, Pipeline, Topology};
use model::event::{Event, event};
use model::ids::AccountId;
use model::record::Record;

use crate::support::market::market;
use crate::support::session::{applied, events_and_commands, started};
use crate::support::venue::Venue;
use crate::support::{ALL_STAGES, DEADLINE, MadeFeed, SilentGateway, fail, topology, wait_until};

fn pipeline(dir: &Path, topology: Topology) -> Pipeline {
    let (machine, writer) = started(dir);
    Pipeline::new(machine, writer, topology, WallClock::anchored_now())
        .feed("test", MadeFeed::new(u64::MAX, market).with_pause(20))
}

#[test]
fn pipeline_refusals_come_back_as_events_without_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let venue = Venue::new(1, |_: &Record| {}).without_funds();
    let workers: &[&[&str]] = &[
        &["risk", "gateway", "timer"],
        &["feed", "strategy"],
        &["sequencer", "journal"],
    ];
    let running = pipeline(dir.path(), topology(64, workers))
        .gateway("test", &[AccountId(0)], venue)
        .start()
        .unwrap();
    // More than the strategies may have in flight: they go on only because verdicts come back.
    wait_until(&running, "refusals", |running| {
        running.gauges().refusals.get() >= 500
    });
    let ended = running.shut_down(DEADLINE).unwrap();
    let (events, commands) = events_and_commands(dir.path());
    let mut refusals = 0;
    for record in &events {
        if let Event::RiskRefused(refusal) = event(record).unwrap() {
            refusals += 1;
            assert_eq!(refusal.number, refusals);
            assert!(refusal.cause < record.event);
            assert_eq!(record.source().0, 2);
        }
    }
    assert!(refusals >= 500);
    assert!(commands.is_empty());
    assert_eq!(applied(&events).0.state_hash(), ended.machine.state_hash());
}

#[test]
fn pipeline_command_goes_to_the_gateway_of_its_account_only() {
    let dir = tempfile::tempdir().unwrap();
    let workers: &[&[&str]] = &[&ALL_STAGES[..6], &["gateway.ours"], &["gateway.other"]];
    let running = pipeline(dir.path(), topology(64, workers))
        .gateway("ours", &[AccountId(0)], Venue::new(1, |_: &Record| {}))
        .gateway("other", &[AccountId(1)], SilentGateway)
        .start()
        .unwrap();
    wait_until(&running, "commands", |running| {
        let gateways = &running.gauges().gateways;
        gateways.iter().all(|gateway| gateway.seen.get() >= 500)
    });
    let gateways = &running.gauges().gateways;
    assert!(gateways[0].offered.get() >= 500);
    assert_eq!(gateways[1].offered.get(), 0);
    running.shut_down(DEADLINE).unwrap();
}

#[test]
fn pipeline_command_for_an_account_without_gateway_stops_it_unsent() {
    let dir = tempfile::tempdir().unwrap();
    let venue = Venue::new(1, |_: &Record| panic!("a command of another account came"));
    let running = pipeline(dir.path(), topology(64, &[ALL_STAGES]))
        .gateway("other", &[AccountId(1)], venue)
        .start()
        .unwrap();
    let failed = fail(running);
    let account = Some(AccountId(0));
    assert_eq!(failed.fault, Fault::NoGateway { account });
    assert!(events_and_commands(dir.path()).1.is_empty());
}
