//! The second enforcement point: with the latch set, nothing is placed, although risk goes on
//! approving orders and knows nothing of it. Each stopped order still ends exactly once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::clock::WallClock;
use engine::pipeline::{LastLineLimits, Pipeline};
use model::body::RejectReason;
use model::event::{Event, event};
use model::ids::AccountId;
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use crate::support::market::market;
use crate::support::session::started;
use crate::support::venue::Venue;
use crate::support::{ALL_STAGES, DEADLINE, MadeFeed, log_of, topology, wait_until};

/// A venue that counts what is placed.
fn counting(placed: &Arc<AtomicU64>) -> impl FnMut(&Record) + Send + use<> {
    let placed = Arc::clone(placed);
    move |record: &Record| {
        if matches!(record.kind(), Some(Kind::NewOrder | Kind::ReplaceOrder)) {
            placed.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn stopped(log: &[Record]) -> usize {
    let by_the_line = |record: &&Record| match event(record) {
        Ok(Event::SendFailed(report)) => report.reason == RejectReason::LastLine,
        _ => false,
    };
    log.iter().filter(by_the_line).count()
}

fn placements(log: &[Record]) -> usize {
    let places =
        |record: &&Record| matches!(record.kind(), Some(Kind::NewOrder | Kind::ReplaceOrder));
    log.iter().filter(places).count()
}

#[test]
fn latch_alone_places_nothing_while_risk_goes_on_approving() {
    let dir = tempfile::tempdir().unwrap();
    let (machine, writer) = started(dir.path());
    let placed: Arc<AtomicU64> = Arc::default();
    let running = Pipeline::new(
        machine,
        writer,
        topology(64, &[ALL_STAGES]),
        WallClock::anchored_now(),
    )
    .feed("test", MadeFeed::new(u64::MAX, market).with_pause(3))
    .gateway("test", &[AccountId(0)], Venue::new(1, counting(&placed)))
    .start()
    .unwrap();
    wait_until(&running, "orders", |_| placed.load(Ordering::SeqCst) > 20);
    running.latch().store(true, Ordering::SeqCst);
    // One turn of the only worker may be under way.
    std::thread::sleep(Duration::from_millis(20));
    let (before, approved) = (
        placed.load(Ordering::SeqCst),
        running.gauges().commands.get(),
    );
    wait_until(&running, "more commands", |running| {
        running.gauges().commands.get() > approved + 200
    });
    assert_eq!(
        placed.load(Ordering::SeqCst),
        before,
        "placed behind the latch"
    );
    let ended = running.shut_down(DEADLINE).unwrap();
    drop(ended);
    let log = log_of(dir.path());
    let total = placed.load(Ordering::SeqCst);
    assert_eq!(total, before);
    assert_eq!(
        placements(&log),
        usize::try_from(total).unwrap() + stopped(&log)
    );
    assert!(stopped(&log) > 20);
}

#[test]
fn line_that_latches_itself_makes_risk_kill_everything() {
    let dir = tempfile::tempdir().unwrap();
    let (machine, writer) = started(dir.path());
    let placed: Arc<AtomicU64> = Arc::default();
    let limits = LastLineLimits {
        orders_per_second: 5,
        value_per_second: Decimal::from(1_000_000_000),
        flatten_passes: false,
    };
    let running = Pipeline::new(
        machine,
        writer,
        topology(64, &[ALL_STAGES]),
        WallClock::anchored_now(),
    )
    .last_line(limits)
    .feed("test", MadeFeed::new(u64::MAX, market).with_pause(3))
    .gateway("test", &[AccountId(0)], Venue::new(1, counting(&placed)))
    .start()
    .unwrap();
    let lanes = |running: &engine::pipeline::Running| running.gauges().decided.get();
    wait_until(&running, "the line's latch", |_| {
        placed.load(Ordering::SeqCst) >= 5
    });
    let at = lanes(&running);
    wait_until(&running, "the kill", |running| lanes(running) > at + 5_000);
    let ended = running.shut_down(DEADLINE).unwrap();
    assert!(ended.machine.kill_latched());
    drop(ended);
    assert!(
        placed.load(Ordering::SeqCst) <= 5 * 60,
        "five in any second"
    );
    let log = log_of(dir.path());
    let kinds = |kind| {
        log.iter()
            .filter(|record| record.kind() == Some(kind))
            .count()
    };
    assert!(stopped(&log) > 0 && kinds(Kind::Latch) > 0);
}
