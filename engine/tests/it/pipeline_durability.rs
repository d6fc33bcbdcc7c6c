//! Goal: in `group` mode no order leaves before it is durable, cancels do at once, and after a
//! failed sync none leaves at all; in `sync` mode nobody acts on what is not durable; a disk that
//! stands still stops orders and nothing else.
//!
//! Method: a real journal whose syncs are slow or fail on demand, a market that moves all the time,
//! and a venue that looks into the journal at every send. Seeds: none; the market is fixed and the
//! threads' timing is the machine's.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use engine::clock::WallClock;
use engine::pipeline::{Ended, Pipeline, Running, Topology, Wait};
use journal::{CloseError, Durability, Reader, Watch};
use model::body::OperatorAction;
use model::command::command;
use model::ids::AccountId;
use model::limits::COMMANDS_IN_FLIGHT_MAX;
use model::record::{Kind, Record};

use crate::support::market::market;
use crate::support::session::{applied, events_and_commands, started_on, writer_on};
use crate::support::slow_disk::SlowDisk;
use crate::support::venue::Venue;
use crate::support::{ALL_STAGES, DEADLINE, MadeFeed, log_of, topology, wait_until};

const WORKERS: &[&[&str]] = &[
    &["feed", "sequencer", "timer"],
    &["strategy", "risk", "gateway"],
    &["journal"],
];

pub(crate) fn yielding(workers: &[&[&str]]) -> Topology {
    let mut topology = topology(64, workers);
    for worker in &mut topology.workers {
        worker.wait = Wait::Yield;
    }
    topology
}

const fn places(kind: Option<Kind>) -> bool {
    matches!(kind, Some(Kind::NewOrder | Kind::ReplaceOrder))
}

/// A command at the moment of its sending: kind, log sequence, and what was durable then.
#[derive(Debug, Clone, Copy)]
struct Sending {
    kind: Kind,
    seq: u64,
    durable: u64,
}

type Sendings = Arc<Mutex<Vec<Sending>>>;

/// Finds each command in the journal as it is sent.
struct Witness {
    reader: Reader,
    /// Commands that the reader has passed, by number.
    passed: BTreeMap<u64, u64>,
    watch: Watch,
    seen: Sendings,
}

impl Witness {
    fn note(&mut self, sent: &Record) {
        let durable = self.watch.durable_seq();
        let number = command(sent).unwrap().number();
        while !self.passed.contains_key(&number) {
            let record = self.reader.next().unwrap().expect("journaled before sent");
            if let Ok(view) = command(record) {
                self.passed.insert(view.number(), record.seq);
            }
        }
        self.seen.lock().unwrap().push(Sending {
            kind: sent.kind().unwrap(),
            seq: self.passed[&number],
            durable,
        });
    }
}

struct Rig {
    disk: SlowDisk,
    dir: tempfile::TempDir,
    running: Running,
    watch: Watch,
    sendings: Sendings,
}

impl Rig {
    fn start(durability: Durability, delay: Duration, topology: Topology) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = SlowDisk::default();
        let (machine, writer) = started_on(writer_on(&disk, dir.path(), durability));
        disk.delay(delay);
        let watch = writer.watch();
        let sendings = Sendings::default();
        let mut witness = Witness {
            reader: Reader::open(dir.path()).unwrap(),
            passed: BTreeMap::new(),
            watch: watch.clone(),
            seen: Arc::clone(&sendings),
        };
        let venue = Venue::new(1, move |record: &Record| witness.note(record));
        let running = Pipeline::new(machine, writer, topology, WallClock::anchored_now())
            .feed("test", MadeFeed::new(u64::MAX, market).with_pause(100))
            .gateway("test", &[AccountId(0)], venue)
            .start()
            .unwrap();
        Self {
            disk,
            dir,
            running,
            watch,
            sendings,
        }
    }

    fn wait_for_commands(&self, count: u64) {
        let from = self.running.gauges().gateways[0].offered.get();
        wait_until(&self.running, "enough commands", |running| {
            running.gauges().gateways[0].offered.get() >= from + count
        });
    }

    /// Waits until risk has decided nothing new over 2,000 events and two seconds: longer than any
    /// pause after which it tries something again.
    fn wait_for_silence(&self) {
        let mut last = (u64::MAX, 0, Instant::now());
        wait_until(&self.running, "silence", |running| {
            let gauges = running.gauges();
            let (commands, events) = (gauges.commands.get(), gauges.decided.get());
            if commands != last.0 {
                last = (commands, events, Instant::now());
            }
            events > last.1 + 2_000 && last.2.elapsed() > Duration::from_secs(2)
        });
    }

    fn sendings(&self) -> Vec<Sending> {
        self.sendings.lock().unwrap().clone()
    }

    fn end(self) -> (tempfile::TempDir, Vec<Sending>, Ended) {
        let ended = self.running.shut_down(DEADLINE).unwrap();
        let sendings = self.sendings.lock().unwrap().clone();
        (self.dir, sendings, ended)
    }
}

/// Each command in the log was answered once, `Sent` or `SendFailed`; how many of each. The log is
/// whole: one thread computes the same commands from its events.
pub(crate) fn check_answers(dir: &Path) -> (usize, usize) {
    let (mut events, commands) = events_and_commands(dir);
    events.retain(|record| record.kind != Kind::DurableMark.code());
    let count = |kind: Kind| events.iter().filter(|e| e.kind() == Some(kind)).count();
    let (sent, failed) = (count(Kind::Sent), count(Kind::SendFailed));
    assert_eq!(sent + failed, commands.len(), "one answer a command");
    assert_eq!(applied(&events).1, commands);
    (sent, failed)
}

fn check_group(workers: &[&[&str]]) {
    let rig = Rig::start(
        Durability::Group,
        Duration::from_millis(2),
        yielding(workers),
    );
    rig.wait_for_commands(300);
    let held = rig.running.gauges().gateways[0].held_max.get();
    assert!(
        (1..=COMMANDS_IN_FLIGHT_MAX as u64).contains(&held),
        "{held} held"
    );
    let (dir, sendings, ended) = rig.end();
    ended.writer.close().unwrap();
    let orders = sendings.iter().filter(|s| places(Some(s.kind)));
    assert!(orders.clone().count() > 100);
    for order in orders {
        assert!(
            order.seq <= order.durable,
            "sent before it was durable: {order:?}"
        );
    }
    check_answers(dir.path());
}

#[test]
fn group_order_leaves_only_when_it_is_durable_on_one_worker() {
    check_group(&[ALL_STAGES]);
}

#[test]
fn group_order_leaves_only_when_it_is_durable_on_three_workers() {
    check_group(WORKERS);
}

/// Row 54: the disk fails, then the kill switch is pulled: the cancels go out all the same.
#[test]
fn fault_54_disk_failed_during_a_cancel_burst_cancels_go_out_and_no_order_does() {
    for durability in [Durability::Group, Durability::Sync] {
        // The disk may fail in a moment in which nothing rests; then there is nothing to cancel.
        let cancelled = (0..5).any(|_| fail_then_kill(durability) > 0);
        assert!(cancelled, "{durability:?}: no cancel went out in 5 runs");
    }
}

/// One run of it: how many cancels went out behind the failure.
fn fail_then_kill(durability: Durability) -> usize {
    let mut rig = Rig::start(durability, Duration::from_millis(1), yielding(WORKERS));
    rig.wait_for_commands(200);
    rig.disk.fail();
    wait_until(&rig.running, "the failure", |_| {
        rig.watch.failed().is_some()
    });
    let (durable, before) = (rig.watch.durable_seq(), rig.sendings().len());
    assert!(rig.running.operator.send(OperatorAction::Kill, "test"));
    rig.wait_for_silence();
    let syncs = rig.disk.syncs.load(Ordering::SeqCst);
    let (dir, sendings, ended) = rig.end();
    assert_eq!(
        ended.machine.orders().live_count(),
        0,
        "what rested is gone"
    );
    let Err(CloseError::Failed { errno: 5 }) = ended.writer.close() else {
        panic!("the close must say that the disk failed")
    };
    let late = &sendings[before..];
    let cancels = late.iter().filter(|s| s.kind == Kind::CancelOrder).count();
    for order in sendings.iter().filter(|s| places(Some(s.kind))) {
        assert!(order.seq <= durable, "sent without the disk: {order:?}");
    }
    let (sent, failed) = check_answers(dir.path());
    println!(
        "fault 54: {} mode, {cancels} cancels after the failure, {sent} sent, {failed} ended \
         as not sent, {syncs} syncs in all, seed 0",
        durability.name()
    );
    cancels
}

/// Rows 22 and 24: the first error is final, whatever the disk says afterwards.
#[test]
fn fault_22_first_sync_error_is_latched_and_never_retried() {
    for durability in [
        Durability::Interval(Duration::from_millis(2)),
        Durability::Group,
        Durability::Sync,
    ] {
        let rig = Rig::start(durability, Duration::ZERO, yielding(WORKERS));
        rig.wait_for_commands(50);
        rig.disk.fail();
        wait_until(&rig.running, "the failure", |_| {
            rig.watch.failed().is_some()
        });
        let (durable, syncs) = (
            rig.watch.durable_seq(),
            rig.disk.syncs.load(Ordering::SeqCst),
        );
        // From now on the disk would say that all is well, as a kernel does.
        rig.disk.fails.store(false, Ordering::SeqCst);
        let journaled = rig.running.gauges().journaled.get();
        wait_until(&rig.running, "more events", |running| {
            running.gauges().journaled.get() > journaled + 500
        });
        assert_eq!(rig.watch.durable_seq(), durable, "{durability:?}");
        assert_eq!(
            rig.disk.syncs.load(Ordering::SeqCst),
            syncs,
            "{durability:?}"
        );
        let (_dir, _, ended) = rig.end();
        assert!(ended.writer.close().is_err());
        println!(
            "fault 22: {} mode, {syncs} syncs, 0 after the first error, seed 0",
            durability.name()
        );
    }
}

/// Row 31: the disk stands still for a second. Orders wait, events do not, and it is seen.
#[test]
fn fault_31_stalled_disk_holds_orders_and_nothing_else() {
    let rig = Rig::start(Durability::Group, Duration::ZERO, yielding(WORKERS));
    rig.wait_for_commands(50);
    rig.disk.delay(Duration::from_secs(60));
    let stalled = Instant::now();
    wait_until(&rig.running, "the alarm", |_| {
        rig.watch.sync_lag() > Duration::from_millis(250)
    });
    let alarm = stalled.elapsed();
    assert!(
        alarm < Duration::from_secs(1),
        "the alarm came after {alarm:?}"
    );
    let (durable, journaled) = (
        rig.watch.durable_seq(),
        rig.running.gauges().journaled.get(),
    );
    wait_until(&rig.running, "events during the stall", |running| {
        running.gauges().journaled.get() > journaled + 2_000
    });
    assert_eq!(rig.watch.durable_seq(), durable);
    let held = rig.running.gauges().gateways[0].held_max.get();
    assert!(held > 0);
    rig.disk.delay(Duration::ZERO);
    rig.wait_for_commands(50);
    assert!(
        rig.watch.sync_lag() < Duration::from_millis(250),
        "the alarm is over"
    );
    let (dir, sendings, ended) = rig.end();
    ended.writer.close().unwrap();
    for order in sendings.iter().filter(|s| places(Some(s.kind))) {
        assert!(
            order.seq <= order.durable,
            "sent before it was durable: {order:?}"
        );
    }
    let (sent, failed) = check_answers(dir.path());
    println!(
        "fault 31: alarm after {} ms, 2000 events during the stall, at most {held} commands held, \
         {sent} sent, {failed} not, seed 0",
        alarm.as_millis()
    );
    assert_eq!(failed, 0);
}

/// Row 52: the sync thread does not come to work. In `interval` mode the window is seen to grow.
#[test]
fn fault_52_starved_sync_thread_is_seen_within_a_second() {
    let interval = Duration::from_millis(10);
    let rig = Rig::start(
        Durability::Interval(interval),
        Duration::ZERO,
        yielding(WORKERS),
    );
    rig.wait_for_commands(50);
    rig.disk.delay(Duration::from_secs(60));
    let starved = Instant::now();
    wait_until(&rig.running, "the alarm", |_| {
        rig.watch.sync_lag() > interval + Duration::from_millis(250)
    });
    let alarm = starved.elapsed();
    assert!(
        alarm < Duration::from_secs(1),
        "the alarm came after {alarm:?}"
    );
    rig.disk.delay(Duration::ZERO);
    wait_until(&rig.running, "its end", |_| {
        rig.watch.sync_lag() < interval * 20
    });
    let (dir, _, ended) = rig.end();
    ended.writer.close().unwrap();
    check_answers(dir.path());
    println!("fault 52: alarm after {} ms, seed 0", alarm.as_millis());
}

/// In `sync` mode a strategy has never taken an event that is not durable.
#[test]
fn sync_mode_lets_nobody_act_on_what_is_not_durable() {
    for workers in [&[ALL_STAGES][..], WORKERS] {
        let rig = Rig::start(
            Durability::Sync,
            Duration::from_millis(1),
            yielding(workers),
        );
        let samples = Mutex::new(Vec::new());
        wait_until(&rig.running, "enough commands", |running| {
            let gauges = running.gauges();
            for _ in 0..1_000 {
                // In this order: what is durable can only have grown in between.
                let taken = gauges.strategies[0].get();
                samples
                    .lock()
                    .unwrap()
                    .push((taken, rig.watch.durable_seq()));
            }
            gauges.gateways[0].offered.get() >= 100
        });
        let (dir, sendings, ended) = rig.end();
        ended.writer.close().unwrap();
        let mut seq_of = BTreeMap::new();
        for record in log_of(dir.path()) {
            if record.kind < Kind::FIRST_COMMAND && record.kind != Kind::DurableMark.code() {
                seq_of.insert(record.event, record.seq);
            }
        }
        let samples = samples.into_inner().unwrap();
        assert!(samples.len() > 1_000);
        for (taken, durable) in samples {
            assert!(
                seq_of[&taken] <= durable,
                "event {taken} was taken at {durable}"
            );
        }
        for sending in sendings {
            assert!(sending.seq <= sending.durable, "{sending:?}");
        }
        check_answers(dir.path());
    }
}
