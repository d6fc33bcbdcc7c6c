//! Rows 1, 2, 7 to 10: real processes that die, stop and fork.

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use journal::{Durability, Folder, OpenError, Writer};
use rand::RngExt;
use rustix::process::{Pid, Signal, kill_process};

use crate::child::{Order, Reported, Running};
use crate::common::{Seeds, fault, random, small, times, wait_for};
use crate::oracle::{Chain, Ledger, recovered};
use crate::rigs;

/// Journals that are killed again and again; after so many kills another one is begun, so that
/// reading it back stays short.
const KILLS_EACH: u64 = 20;

/// What a child had reported is in the journal, and nothing else than what it appended.
fn judge(dir: &Path, ledger: &mut Ledger, reported: Reported) -> Chain {
    ledger.accepted = None;
    ledger.promised = reported.accepted.max(ledger.promised);
    let options = small(Durability::Process);
    let (log, _) = recovered(&Folder::on_disk(dir), &options, ledger);
    log.chain
}

/// Kills `count` children, each `after` as many microseconds at random; returns records judged.
fn kills(seeds: Seeds, count: u64, pause: Duration, after: std::ops::Range<u64>) -> u64 {
    let mut judged = 0;
    let mut random = random(seeds.first);
    let mut done = 0;
    while done < count {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("journal");
        let (mut ledger, mut chain) = (Ledger::new(), Chain::default());
        for _ in 0..KILLS_EACH.min(count - done) {
            let salt = seeds.first ^ done << 16;
            ledger.begin(chain.n, salt);
            let mut order = Order::new(&dir, salt, chain);
            order.pause = pause;
            let mut child = order.spawn();
            child.wait_open();
            sleep(Duration::from_micros(random.random_range(after.clone())));
            let reported = child.kill();
            let before = chain.n;
            chain = judge(&dir, &mut ledger, reported);
            assert!(chain.n >= reported.accepted, "lost accepted records");
            judged += chain.n - before.min(chain.n);
            done += 1;
        }
    }
    judged
}

#[test]
fn idle_writer_is_killed() {
    let (seeds, count) = (Seeds::new(1, 1), times(10, 300));
    let judged = kills(seeds, count, Duration::from_millis(2), 0..20_000);
    let first = seeds.first;
    fault(
        "1",
        &format!("{count} kills, {judged} records accepted, 0 lost, seed {first}"),
    );
}

#[test]
fn loaded_writer_is_killed() {
    let (seeds, count) = (Seeds::new(1, 1), times(20, 1_000));
    let judged = kills(seeds, count, Duration::ZERO, 0..15_000);
    let first = seeds.first;
    fault(
        "2",
        &format!("{count} kills, {judged} records accepted, 0 lost, seed {first}"),
    );
}

fn signal(child: &Running, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.process.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn is_locked(dir: &Path) -> bool {
    let outcome = Writer::open(dir, small(Durability::Process));
    matches!(outcome, Err(OpenError::Locked { .. }))
}

/// Goal: an owner that is stopped still owns: its lock is never taken by time-out.
#[test]
fn stopped_owner_keeps_its_journal() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("journal");
    let mut ledger = Ledger::new();
    ledger.begin(0, 7);
    let mut child = Order::new(&dir, 7, Chain::default()).spawn();
    child.wait_accepted(100);
    signal(&child, Signal::STOP);
    let stopped_for = Duration::from_secs(times(1, 30));
    let tries = stopped_for.as_millis() / 50;
    for _ in 0..tries {
        assert!(is_locked(&dir), "the lock was taken over");
        sleep(Duration::from_millis(50));
    }
    let before = child.accepted();
    signal(&child, Signal::CONT);
    child.wait_accepted(before + 1_000);
    assert!(is_locked(&dir));
    let reported = child.kill();
    let chain = judge(&dir, &mut ledger, reported);
    let seconds = stopped_for.as_secs();
    fault(
        "7",
        &format!(
            "stopped {seconds} s, {tries} opens refused, {} records after, 0 lost",
            chain.n
        ),
    );
}

/// Another thread ends the process; what was accepted is there.
fn ends_itself(role: &'static str, with: i32) -> u64 {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("journal");
    let mut ledger = Ledger::new();
    ledger.begin(0, 9);
    let mut order = Order::new(&dir, 9, Chain::default());
    order.role = role;
    let mut child = order.spawn();
    let (status, reported) = child.wait();
    assert_eq!(status.signal(), Some(with), "{status}");
    let chain = judge(&dir, &mut ledger, reported);
    assert!(chain.n >= 200);
    chain.n
}

#[test]
fn other_thread_ends_the_process() {
    let rounds = times(2, 50);
    let mut records = 0;
    for _ in 0..rounds {
        records += ends_itself("abort", 6);
        // The runtime's handler of a stack overflow says so and aborts.
        records += ends_itself("overflow", 6);
    }
    fault(
        "8",
        &format!("{rounds} aborts, {rounds} stack overflows, {records} records, 0 lost"),
    );
}

/// Goal: a program that the owner starts has no file, no mapping and no lock of the journal.
#[test]
fn started_program_inherits_nothing() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("journal");
    let mut ledger = Ledger::new();
    ledger.begin(0, 11);
    let mut order = Order::new(&dir, 11, Chain::default());
    order.role = "spawn";
    let mut child = order.spawn();
    child.wait_accepted(300);
    let pid_file = base.path().join("started");
    wait_for("no program was started", || {
        fs::read_to_string(&pid_file).is_ok_and(|text| text.ends_with('\n'))
    });
    let pid: u32 = fs::read_to_string(&pid_file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let reported = child.kill();
    let proc = Path::new("/proc").join(pid.to_string());
    let links: Vec<_> = fs::read_dir(proc.join("fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .collect();
    assert!(!links.is_empty(), "the program has ended");
    let journal = dir.to_str().unwrap();
    assert!(
        links.iter().all(|link| !link.starts_with(&dir)),
        "{links:?}"
    );
    let maps = fs::read_to_string(proc.join("maps")).unwrap();
    assert!(!maps.contains(journal), "a mapping was inherited");
    // It is still alive, and the journal can be opened: it holds no lock.
    let chain = judge(&dir, &mut ledger, reported);
    assert!(proc.exists(), "the program has ended");
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    fault(
        "10",
        &format!(
            "1 program, {} open files looked at, 0 of the journal, {} records",
            links.len(),
            chain.n
        ),
    );
}

/// Goal: the kernel kills the process because memory ran out; as any kill.
#[test]
#[ignore = "needs root and a memory cgroup"]
fn memory_runs_out() {
    let Some(group) = rigs::cgroup::MemoryGroup::new(64 << 20) else {
        return fault("9", "not run: needs root and a memory cgroup");
    };
    let rounds = times(3, 20);
    let mut records = 0;
    for round in 0..rounds {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("journal");
        let mut ledger = Ledger::new();
        ledger.begin(0, round);
        let mut order = Order::new(&dir, round, Chain::default());
        order.role = "hog";
        let mut command = order.command();
        group.admit(&mut command);
        let mut child = Running::new(command.spawn().unwrap());
        let (status, reported) = child.wait();
        assert_eq!(status.signal(), Some(9), "{status}");
        assert!(reported.accepted > 0, "killed before it appended");
        records += judge(&dir, &mut ledger, reported).n;
    }
    let killed = group.oom_kills();
    assert!(killed >= rounds, "{killed} kills by the kernel");
    fault(
        "9",
        &format!("{rounds} kills by the kernel, {records} records, 0 lost"),
    );
}

#[expect(clippy::zombie_processes, reason = "it outlives us; the test ends it")]
/// Starts a program that outlives this process and says who it is.
pub(crate) fn start_program(dir: &Path) {
    let pid_file = dir.parent().unwrap().join("started");
    let program = Command::new("sleep")
        .arg("60")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    fs::write(pid_file, format!("{}\n", program.id())).unwrap();
}
