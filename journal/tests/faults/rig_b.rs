//! Rows 12, 15, 22 to 25 and 31 on rig B: the journal on a FUSE recorder, with a real kernel's page
//! cache and write-back between.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use journal::{Durability, Folder};
use rand::RngExt;
use rand_pcg::Pcg64;

use crate::child::{Order, Running};
use crate::common::{Seeds, fault, random, small, times, wait_for};
use crate::oracle::{Chain, Ledger, recovered};
use crate::rigs;
use crate::rigs::fuse::{Event, Faults, Fuse, State};
use crate::rigs::loopfs::as_another_boot;

const SALT: u64 = 0xb0b;

fn interval() -> Durability {
    Durability::Interval(Duration::from_millis(10))
}

fn start(fuse: &Fuse, durability: Durability) -> Running {
    let mut order = Order::new(fuse.dir(), SALT, Chain::default());
    order.durability = durability;
    order.pause = Duration::from_micros(50);
    let mut child = order.spawn();
    child.wait_open();
    child
}

/// What was promised by the time that so many events had reached the disk.
type Promises = Vec<(usize, u64)>;

/// Watches a child for a while.
fn watch(fuse: &Fuse, child: &Running, time: Duration) -> Promises {
    let until = Instant::now() + time;
    let mut promises = Vec::new();
    while Instant::now() < until {
        // In this order: what is promised now is in the events that are there now.
        let promised = child.durable();
        promises.push((fuse.state().events.len(), promised));
        sleep(Duration::from_micros(300));
    }
    promises
}

/// How unsynced writes survive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Any,
    LaterFirst,
}

/// The files that a power failure behind event `cut` leaves: all that was synced by then, and some
/// of what was written since, 512 bytes at a time.
fn image(
    events: &[Event],
    cut: usize,
    keep: Keep,
    random: &mut Pcg64,
) -> BTreeMap<String, Vec<u8>> {
    let events = &events[..cut];
    let mut names: BTreeMap<String, u64> = BTreeMap::new();
    let mut files: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut synced: BTreeMap<u64, usize> = BTreeMap::new();
    for (at, event) in events.iter().enumerate() {
        if let Event::Sync { node } = event {
            synced.insert(*node, at);
        }
    }
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Create { node, name } => {
                names.insert(name.clone(), *node);
                files.insert(*node, Vec::new());
            }
            Event::Rename { from, to } => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            Event::Unlink { name } => drop(names.remove(name)),
            Event::Size { node, len } => files.get_mut(node).unwrap().resize(*len, 0),
            Event::Write {
                node,
                offset,
                bytes,
            } => {
                let is_synced = synced.get(node).is_some_and(|&sync| at < sync);
                let file = files.get_mut(node).unwrap();
                for start in (0..bytes.len()).step_by(512) {
                    let end = (start + 512).min(bytes.len());
                    let chance = match keep {
                        Keep::Any => 0.5,
                        Keep::LaterFirst => ((offset + start) as f64 / 65_536.0).min(1.0),
                    };
                    if is_synced || random.random_bool(chance) {
                        file[offset + start..offset + end].copy_from_slice(&bytes[start..end]);
                    }
                }
            }
            Event::Sync { .. } | Event::SyncFailed => {}
        }
    }
    names
        .into_iter()
        .map(|(name, node)| (name, files[&node].clone()))
        .collect()
}

struct Judged {
    images: u64,
    cut: u64,
    holes: u64,
}

fn crash_images(row: &str, keep: Keep) {
    if let Some(why) = rigs::missing() {
        return fault(row, &format!("not run: {why}"));
    }
    let seeds = Seeds::new(40, 400);
    let mut judged = Judged {
        images: 0,
        cut: 0,
        holes: 0,
    };
    let mut recorded = 0;
    let traces = [interval(), Durability::Process, Durability::Group];
    for (number, durability) in (0..).zip(traces) {
        let fuse = Fuse::new(&[]);
        let child = start(&fuse, durability);
        let promises = watch(&fuse, &child, Duration::from_millis(times(400, 2_000)));
        child.kill();
        let events = fuse.state().events.clone();
        recorded += events.len();
        for seed in seeds.first..seeds.first + seeds.count {
            if seed % 3 != number {
                continue;
            }
            judge_image(&events, &promises, seed, keep, durability, &mut judged);
        }
    }
    let Judged { images, cut, holes } = judged;
    fault(
        row,
        &format!(
            "{images} images of {recorded} recorded writes and syncs, {cut} cut, {holes} with \
             holes, 0 promised lost, seeds {} + {}",
            seeds.first, seeds.count
        ),
    );
    assert!(images == seeds.count && cut > 0);
}

fn judge_image(
    events: &[Event],
    promises: &Promises,
    seed: u64,
    keep: Keep,
    durability: Durability,
    judged: &mut Judged,
) {
    let mut random = random(seed);
    let cut = random.random_range(events.len() / 8..=events.len());
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in image(events, cut, keep, &mut random) {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    as_another_boot(dir.path());
    let mut ledger = Ledger::new();
    ledger.begin(0, SALT);
    ledger.accepted = None;
    let covered = promises.iter().filter(|&&(len, _)| len <= cut);
    ledger.promised = covered.map(|&(_, promised)| promised).max().unwrap_or(0);
    let (_, recovery) = recovered(&Folder::on_disk(dir.path()), &small(durability), &ledger);
    judged.images += 1;
    judged.cut += u64::from(!recovery.removed.is_empty());
    let whole: u64 = recovery.removed.iter().map(|r| r.whole_records).sum();
    judged.holes += u64::from(whole > 0);
}

#[test]
#[ignore = "needs root and FUSE"]
fn recorded_pages_survive_at_random() {
    crash_images("12", Keep::Any);
}

#[test]
#[ignore = "needs root and FUSE"]
fn recorded_pages_survive_later_first() {
    crash_images("15", Keep::LaterFirst);
}

/// Nodes of the files under these names.
fn node_of(state: &State, start: &str) -> Vec<u64> {
    let found = state
        .names
        .iter()
        .filter(|(name, _)| name.starts_with(start));
    found.map(|(_, &node)| node).collect()
}

/// The files as the "disk" has them, in a folder.
fn disk_as(fuse: &Fuse, dir: &Path) {
    let state = fuse.state();
    for (name, node) in &state.names {
        fs::write(dir.join(name), &state.files[node]).unwrap();
    }
}

/// The disk refuses something while a child works; what must follow: nothing durable is reported
/// any more, the failed sync is not tried again, it is noted, and what was reported is there.
fn disk_refuses(row: &str, faults: Faults) {
    if let Some(why) = rigs::missing() {
        return fault(row, &format!("not run: {why}"));
    }
    let rounds = times(3, 20);
    let (mut promised, mut accepted) = (0, 0);
    for _ in 0..rounds {
        let fuse = Fuse::new(&[]);
        let mut child = start(&fuse, interval());
        wait_for("nothing becomes durable", || child.durable() > 50);
        fuse.state().faults = faults;
        wait_for("the failure was not noted", || {
            !node_of(&fuse.state(), "sync-failed-").is_empty()
        });
        let before = fuse.state().events.len();
        // Segments that hold records by now; the ones ahead are still being made, and synced.
        let mut segments = node_of(&fuse.state(), "segment-");
        segments.retain(|node| {
            fuse.state().files[node]
                .get(4096)
                .is_some_and(|&byte| byte != 0)
        });
        fuse.state().faults = Faults::default();
        // The disk is well again; only a restart may make use of that.
        let stuck = child.durable();
        let more = child.accepted() + 500;
        child.wait_accepted(more);
        sleep(Duration::from_millis(60));
        let (stuck, now) = (stuck.max(child.durable()), child.durable());
        sleep(Duration::from_millis(60));
        assert_eq!(child.durable(), now.max(stuck), "it reports durable again");
        let reported = child.kill();
        let state = fuse.state();
        let is_retry = |event: &Event| match event {
            Event::Sync { node } => segments.contains(node),
            Event::Write { .. }
            | Event::Size { .. }
            | Event::SyncFailed
            | Event::Create { .. }
            | Event::Rename { .. }
            | Event::Unlink { .. } => false,
        };
        let retried = state.events[before..].iter().any(is_retry);
        drop(state);
        assert!(!retried, "a sync was tried again");
        // What the disk has, on another machine: everything that was promised.
        let copy = tempfile::tempdir().unwrap();
        disk_as(&fuse, copy.path());
        as_another_boot(copy.path());
        remove_note(copy.path());
        let mut ledger = Ledger::new();
        ledger.begin(0, SALT);
        ledger.accepted = None;
        ledger.promised = reported.durable;
        recovered(&Folder::on_disk(copy.path()), &small(interval()), &ledger);
        promised += reported.durable;
        accepted += reported.accepted;
    }
    fault(
        row,
        &format!(
            "{rounds} rounds, latched at the first failure, 0 syncs tried again, {accepted} \
             records accepted, {promised} promised, 0 promised lost"
        ),
    );
}

/// Another machine has another boot id than the one in the note's name.
fn remove_note(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry
            .file_name()
            .to_str()
            .unwrap()
            .starts_with("sync-failed-")
        {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

#[test]
#[ignore = "needs root and FUSE"]
fn sync_fails_once() {
    disk_refuses(
        "22",
        Faults {
            syncs: 1,
            ..Faults::default()
        },
    );
}

#[test]
#[ignore = "needs root and FUSE"]
fn write_back_fails_once() {
    disk_refuses(
        "23",
        Faults {
            writes: 1,
            ..Faults::default()
        },
    );
}

#[test]
#[ignore = "needs root and FUSE"]
fn everything_fails_for_good() {
    disk_refuses(
        "24",
        Faults {
            writes: u32::MAX,
            syncs: u32::MAX,
            ..Faults::default()
        },
    );
}

/// Goal: recovery meets sectors that it cannot read: a refusal with the place, nothing changed.
#[test]
#[ignore = "needs root and FUSE"]
fn recovery_cannot_read() {
    if let Some(why) = rigs::missing() {
        return fault("25", &format!("not run: {why}"));
    }
    let fuse = Fuse::new(&[]);
    let mut child = start(&fuse, interval());
    child.wait_accepted(200);
    child.kill();
    let before = fuse.state().files.clone();
    let names = fuse.state().names.clone();
    let other = Fuse::new(&[]);
    {
        // The same files below a page cache that has none of them.
        let mut state = other.state();
        state.files.clone_from(&before);
        state.names.clone_from(&names);
        state.faults.reads = true;
    }
    let mut order = Order::new(other.dir(), SALT, Chain::default());
    order.role = "probe";
    let output = order.command().output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find(|line| line.starts_with("probe "))
        .unwrap();
    assert!(
        line.contains("cannot read") && line.contains("segment-0000000000"),
        "{line}"
    );
    assert!(line.contains("os error 5"), "{line}");
    let unchanged = names
        .iter()
        .all(|(name, node)| name.as_str() == "lock" || other.state().files[node] == before[node]);
    assert!(unchanged, "files were changed");
    fault(
        "25",
        "1 recovery over sectors that cannot be read, refused with the place, 0 changed",
    );
}

/// Goal: a disk that takes seconds for a sync does not hold up appending; nothing is promised
/// meanwhile, and what was waiting becomes durable when it answers.
#[test]
#[ignore = "needs root and FUSE"]
fn sync_takes_long() {
    if let Some(why) = rigs::missing() {
        return fault("31", &format!("not run: {why}"));
    }
    let mut lines = Vec::new();
    let delays: &[u64] = if times(0, 1) == 1 {
        &[100, 1_000, 5_000]
    } else {
        &[100, 700]
    };
    for &millis in delays {
        let fuse = Fuse::new(&[]);
        let child = start(&fuse, interval());
        wait_for("nothing becomes durable", || child.durable() > 50);
        fuse.state().faults.delay = Duration::from_millis(millis);
        sleep(Duration::from_millis(60));
        let (accepted, durable) = (child.accepted(), child.durable());
        sleep(Duration::from_millis(millis * 2 / 3));
        let came = child.accepted() - accepted;
        // A page that is being written back may hold up a store for a moment, not for the stall.
        assert!(
            came > millis / 10,
            "{came} records in a stall of {millis} ms"
        );
        fuse.state().faults.delay = Duration::ZERO;
        wait_for("it does not go on", || child.durable() > durable + 100);
        child.kill();
        lines.push(format!("{came} records accepted in a stall of {millis} ms"));
    }
    fault("31", &lines.join(", "));
}
