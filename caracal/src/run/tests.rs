//! Whole sessions, with the embedded venue, on a disk that stalls, fails or is full on demand.
//!
//! Seeds: the market's is the venue's default, 1; the moments are in the tests.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Parser as _;
use journal::{Durability, Folder, Reader};
use model::body::{Operator, OperatorAction, RunEnded};
use model::event::{Event, event};
use model::record::{Kind, Record};

use super::durability::Chosen;
use super::session;
use engine::strategy::Registry;

use crate::cli::{Cli, Command, RunArgs};
use crate::config::Config;
use crate::output::Failure;

#[path = "../../../engine/tests/it/support/slow_disk.rs"]
mod slow_disk;
use slow_disk::SlowDisk;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config.toml");

fn arguments(run_for: &str) -> RunArgs {
    let cli = Cli::try_parse_from(["caracal", "run", "--json", "--for", run_for]).unwrap();
    let Command::Run(args) = cli.command else {
        panic!("not a run")
    };
    args
}

/// What is left of a session.
struct Left {
    result: Result<(), Failure>,
    took: Duration,
    log: Vec<Record>,
    live_orders: usize,
}

/// Runs a session of `run_for`, while `during` plays with the disk.
fn session(
    durability: Durability,
    run_for: &str,
    segment_bytes: u64,
    during: impl FnOnce(&SlowDisk, &Path) + Send + 'static,
) -> Left {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let disk = SlowDisk::default();
    let mut config = Config::load(Path::new(CONFIG), &Registry::standard()).unwrap();
    config.journal.dir.clone_from(&path);
    config.journal.durability = Some(durability);
    config.journal.segment_bytes = segment_bytes;
    config.journal.allow_unsafe_fs = true;
    let folder = Folder::new(std::sync::Arc::new(disk.clone()), &path);
    let chosen = Chosen::of(&config.journal).unwrap();
    let player = std::thread::spawn({
        let path = path.clone();
        move || during(&disk, &path)
    });
    let began = Instant::now();
    let result = session::run_in(&folder, chosen, &config, &arguments(run_for));
    let took = began.elapsed();
    player.join().unwrap();
    let mut reader = Reader::open(&path).unwrap();
    let mut log = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        log.push(*record);
    }
    // A difference between what was decided and what is computed again is an error here.
    let recovered =
        replay::recover(&Folder::on_disk(&path), &Registry::standard(), |_| {}).unwrap();
    Left {
        result,
        took,
        log,
        live_orders: recovered.shadow.machine().orders().live_count(),
    }
}

/// Waits until the journal holds `count` records of this kind.
fn wait_for(path: &Path, kind: Kind, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut seen = 0;
    let mut reader = None;
    while seen < count {
        assert!(Instant::now() < deadline, "no {kind:?} came");
        std::thread::sleep(Duration::from_millis(5));
        if reader.is_none() {
            reader = Reader::open(path).ok();
        }
        let Some(reader) = &mut reader else { continue };
        while let Ok(Some(record)) = reader.next() {
            seen += usize::from(record.kind() == Some(kind));
        }
    }
}

impl Left {
    fn operators(&self) -> Vec<(u64, Operator)> {
        let operator = |record: &Record| match event(record) {
            Ok(Event::Operator(operator)) => Some((record.event, *operator)),
            _ => None,
        };
        self.log.iter().filter_map(operator).collect()
    }

    /// Event number and text of the first operator's event of this kind.
    fn operator(&self, action: OperatorAction) -> (u64, String) {
        let all = self.operators();
        let found = all.iter().find(|(_, operator)| operator.action == action);
        let (event, operator) = found.unwrap_or_else(|| panic!("no {action:?} in {all:?}"));
        (*event, operator.text.as_str().to_owned())
    }

    /// Orders decided at events in this range.
    fn placements(&self, events: std::ops::Range<u64>) -> usize {
        let places = |kind| matches!(kind, Some(Kind::NewOrder | Kind::ReplaceOrder));
        let decided = self.log.iter().filter(|record| places(record.kind()));
        decided
            .filter(|record| events.contains(&record.event))
            .count()
    }

    fn message(&self) -> String {
        match &self.result {
            Ok(()) => panic!("the run succeeded"),
            Err(failure) => failure.to_string(),
        }
    }

    /// The run's last record says that nothing was left open, and recovery agrees.
    fn assert_nothing_open(&self) {
        let own = |record: &&Record| record.kind() != Some(Kind::DurableMark);
        let last = self.log.iter().rfind(own).unwrap();
        match event(last) {
            Ok(Event::RunEnded(RunEnded { open_orders: 0, .. })) => {}
            other => panic!("the last record is {other:?}"),
        }
        assert_eq!(self.live_orders, 0);
    }
}

fn stall_and_resume(durability: Durability) {
    let left = session(durability, "4s", 1 << 20, |disk, path| {
        wait_for(path, Kind::OrderAcked, 2);
        disk.delay(Duration::from_secs(60));
        wait_for(path, Kind::Operator, 1);
        std::thread::sleep(Duration::from_millis(100));
        disk.delay(Duration::ZERO);
    });
    left.result.as_ref().unwrap();
    let (halted, why) = left.operator(OperatorAction::CancelOnly);
    let (resumed, after) = left.operator(OperatorAction::Resume);
    assert!(why.contains("disk behind") && why.contains("ms"), "{why}");
    assert!(after.contains("keeps up again, after"), "{after}");
    assert!(halted < resumed);
    assert_eq!(
        left.placements(halted..resumed),
        0,
        "nothing new in between"
    );
    assert!(left.placements(0..halted) > 0);
    left.assert_nothing_open();
    let events = resumed - halted;
    println!(
        "fault 31: {} mode, cancel-only over {events} events ({why}; {after}), 0 orders in it, \
         replay without a difference, seed 1",
        durability.name()
    );
    assert!(events > 10, "the market went on");
}

#[test]
fn fault_31_stalled_disk_means_cancel_only_until_it_keeps_up_in_interval_mode() {
    stall_and_resume(Durability::Interval(Duration::from_millis(10)));
}

#[test]
fn fault_31_stalled_disk_means_cancel_only_until_it_keeps_up_in_group_mode() {
    stall_and_resume(Durability::Group);
}

/// Rows 22, 24 and 30: whatever the disk says, the run ends in order, and what rests is cancelled.
fn fail_and_end(row: u32, errno: i32, words: &str, durability: Durability) {
    let left = session(durability, "60s", 1 << 20, move |disk, path| {
        wait_for(path, Kind::OrderAcked, 3);
        disk.errno.store(errno, Ordering::SeqCst);
        disk.fail();
    });
    let message = left.message();
    assert!(message.contains(words), "{message}");
    assert!(message.contains("Check the disk"), "{message}");
    assert!(left.took < Duration::from_secs(30), "{:?}", left.took);
    let (stopped, _) = left.operator(OperatorAction::Stop);
    assert_eq!(left.placements(stopped..u64::MAX), 0);
    let cancels = left
        .log
        .iter()
        .filter(|record| record.kind() == Some(Kind::CancelOrder) && record.event >= stopped);
    left.assert_nothing_open();
    println!(
        "fault {row}: {} mode, errno {errno}, {} cancels after the failure, 0 orders, 0 left open, \
         ended in {} ms, seed 1",
        durability.name(),
        cancels.count(),
        left.took.as_millis()
    );
}

#[test]
fn fault_24_failed_disk_ends_the_run_in_order_in_interval_mode() {
    let interval = Durability::Interval(Duration::from_millis(10));
    fail_and_end(24, 5, "Input/output error", interval);
}

#[test]
fn fault_24_failed_disk_ends_the_run_in_order_in_group_mode() {
    fail_and_end(24, 5, "Input/output error", Durability::Group);
}

#[test]
fn fault_30_read_only_disk_ends_the_run_in_order_in_sync_mode() {
    fail_and_end(30, 30, "Read-only file system", Durability::Sync);
}

/// Segments of the full-disk tests: two ahead hold the way out, and one is filled in seconds.
const SMALL_SEGMENT: u64 = 64 << 10;

#[test]
fn fault_27_full_disk_means_cancel_only_and_then_the_end_in_order() {
    let left = session(Durability::Process, "60s", SMALL_SEGMENT, |disk, path| {
        wait_for(path, Kind::OrderAcked, 1);
        disk.is_full.store(true, Ordering::SeqCst);
    });
    let message = left.message();
    assert!(message.contains("No space left on device"), "{message}");
    assert!(message.contains("free disk space"), "{message}");
    let (halted, why) = left.operator(OperatorAction::CancelOnly);
    let (stopped, _) = left.operator(OperatorAction::Stop);
    assert!(halted < stopped && why.contains("no room"), "{why}");
    assert_eq!(left.placements(halted..u64::MAX), 0);
    left.assert_nothing_open();
    println!(
        "fault 27: {} records, cancel-only ({why}), then the end in order, 0 left open, seed 1",
        left.log.len()
    );
}

#[test]
fn fault_29_disk_that_is_full_for_a_while_means_cancel_only_for_a_while() {
    let left = session(Durability::Process, "4s", SMALL_SEGMENT, |disk, path| {
        wait_for(path, Kind::OrderAcked, 1);
        disk.is_full.store(true, Ordering::SeqCst);
        wait_for(path, Kind::Operator, 1);
        disk.is_full.store(false, Ordering::SeqCst);
    });
    left.result.as_ref().unwrap();
    let (halted, why) = left.operator(OperatorAction::CancelOnly);
    let (resumed, _) = left.operator(OperatorAction::Resume);
    assert_eq!(left.placements(halted..resumed), 0);
    left.assert_nothing_open();
    println!(
        "fault 29: {} records, cancel-only from event {halted} to {resumed} ({why}), 0 lost, \
         seed 1",
        left.log.len()
    );
}
