//! Row 51 of the fault list: one stage stands still for a second while the market goes on. The
//! rings and lanes behind it fill up, the sources wait, and nothing is lost.
//!
//! Seeds: none; the market is fixed and the threads' timing is the machine's.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::clock::WallClock;
use engine::pipeline::Pipeline;
use journal::Durability;
use model::ids::AccountId;
use model::record::{Kind, Record};

use crate::pipeline_durability::{check_answers, yielding};
use crate::support::market::market;
use crate::support::session::{started_on, writer_on};
use crate::support::slow_disk::SlowDisk;
use crate::support::venue::Venue;
use crate::support::{ALL_STAGES, DEADLINE, MadeFeed, log_of, wait_until};

/// The log has the market's first `count` events, in order, from lane `lane`, and no other.
fn check_market(dir: &Path, lane: usize, count: u64) {
    let log = log_of(dir);
    let from_feed = log.iter().filter(|record| {
        usize::from(record.source().0) == lane && record.kind < Kind::FIRST_COMMAND
    });
    for (event, index) in from_feed.clone().zip(0..) {
        assert_eq!(event.body, market(index).body, "event {index}");
    }
    assert_eq!(from_feed.count() as u64, count);
}

/// Runs the market with this stage standing still once.
fn stall(stalled: &'static str) {
    const EVENTS: u64 = 4_000;
    let dir = tempfile::tempdir().unwrap();
    let disk = SlowDisk::default();
    let (machine, writer) = started_on(writer_on(&disk, dir.path(), Durability::Sync));
    let workers: &[&[&str]] = match stalled {
        "all" => &[ALL_STAGES],
        _ => &[
            &["feed"],
            &["sequencer", "timer"],
            &["strategy", "risk"],
            &["journal"],
            &["gateway"],
        ],
    };
    let pause = |here: &str| {
        let mut left = u64::from(here == stalled);
        move || {
            if std::mem::take(&mut left) > 0 {
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    };
    let (mut in_feed, mut in_gateway) = (pause("feed"), pause("gateway"));
    let feed = MadeFeed::new(EVENTS, move |index| {
        if index == EVENTS / 2 {
            in_feed();
        }
        market(index)
    });
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    let venue = Venue::new(1, move |_: &Record| {
        if count.fetch_add(1, Ordering::SeqCst) == 5 {
            in_gateway();
        }
    });
    let running = Pipeline::new(
        machine,
        writer,
        yielding(workers),
        WallClock::anchored_now(),
    )
    .feed("test", feed)
    .gateway("test", &[AccountId(0)], venue)
    .start()
    .unwrap();
    if matches!(stalled, "journal" | "all") {
        wait_until(&running, "some events", |r| {
            r.gauges().decided.get() > 1_000
        });
        disk.delay(Duration::from_secs(2));
        std::thread::sleep(Duration::from_secs(1));
        disk.delay_ms.store(0, Ordering::SeqCst);
    }
    let lane = 4;
    wait_until(&running, "the market's end", |running| {
        running.gauges().lanes[lane].events.get() == EVENTS
    });
    let ended = running.shut_down(DEADLINE).unwrap();
    ended.writer.close().unwrap();
    check_market(dir.path(), lane, EVENTS);
    let (sent, failed) = check_answers(dir.path());
    println!(
        "fault 51: {stalled} stalled, {EVENTS} market events, 0 lost, {sent} sent, {failed} \
         not, seed 0"
    );
}

#[test]
fn fault_51_feed_stalled_for_a_second_loses_nothing() {
    stall("feed");
}

#[test]
fn fault_51_gateway_stalled_for_a_second_loses_nothing() {
    stall("gateway");
}

#[test]
fn fault_51_journal_stalled_for_a_second_loses_nothing() {
    stall("journal");
}

#[test]
fn fault_51_every_stage_stalled_for_a_second_loses_nothing() {
    stall("all");
}
