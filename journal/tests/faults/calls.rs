//! Every n-th storage call fails, once or for good: all n, until nothing fails any more.
//!
//! A *session* opens a journal (making or recovering it), appends over a roll, syncs and closes.
//! After each failed one the files are judged twice: as after a kill, where everything accepted is
//! there, and as after a power failure behind that, where everything reported durable is there.

use journal::{Durability, Writer};

use crate::common::{PER_SEGMENT, fault, is_slow, random};
use crate::life::{End, Life};
use crate::oracle::{Outcome, open_judged, recovered};
use crate::sim::crash::{Model, Pick};
use crate::sim::{Fault, Plan, rustix_errno};

const SALT: u64 = 0x5a17;

/// How calls fail: the errors of a disk, an interrupted call, half a read or write, a kill.
const FAULTS: [(Fault, &str); 5] = [
    (Fault::Errno(rustix_errno::IO), "EIO"),
    (Fault::Errno(rustix_errno::NOSPC), "ENOSPC"),
    (Fault::Errno(rustix_errno::INTR), "EINTR"),
    (Fault::Short, "short"),
    (Fault::Kill, "kill"),
];

/// What a session starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Nothing,
    /// A journal of two segments whose writer was killed while it stored a record.
    Killed,
    /// The same after a power failure: with a hole.
    PowerLost,
    Closed,
}

fn every_durability() -> [Durability; 4] {
    [
        Durability::Process,
        Durability::Interval(std::time::Duration::from_millis(10)),
        Durability::Group,
        Durability::Sync,
    ]
}

/// A journal to start from.
fn start(start: Start, durability: Durability) -> Life {
    let mut life = Life::with(5, random(5), durability);
    if start == Start::Nothing {
        return life;
    }
    let mut run = life.must_open().unwrap();
    for _ in 0..PER_SEGMENT + 60 {
        assert!(life.append(&mut run));
    }
    life.sync(&mut run);
    for _ in 0..50 {
        assert!(life.append(&mut run));
    }
    life.note_promises(&run);
    let end = match start {
        Start::Nothing | Start::Closed => End::Close,
        Start::Killed => End::Kill,
        Start::PowerLost => End::Power(Model::new(Pick::Any, 512)),
    };
    life.end(run, end);
    if start == Start::PowerLost {
        // What a kill keeps is what the power failure left.
        let left = life.sim.copy();
        life.log = recovered(&left.folder(), &life.options, &life.ledger).0;
    }
    life
}

/// One session; what it accepted and what was reported durable is in the ledger.
fn session(life: &mut Life) {
    let opened = Writer::open_stepped(&life.folder, life.options.clone());
    let Ok((mut writer, mut steps, _)) = opened else {
        return;
    };
    // How much the start had is read without the plan's knowledge: from a copy.
    let copy = life.sim.copy();
    let log = match open_judged(&copy.folder(), &life.options, &life.ledger) {
        Ok(Outcome::Recovered { log, .. }) => log,
        Ok(Outcome::Refused(error)) => panic!("refused what was just opened: {error}"),
        Err(why) => panic!("{why}"),
    };
    life.ledger.begin(log.chain.n, SALT);
    life.log = log;
    let note = |life: &mut Life, writer: &Writer| {
        let durable = life.log.n_at(writer.durable_seq());
        life.ledger.durable = life.ledger.durable.max(durable);
    };
    note(life, &writer);
    for i in 0..PER_SEGMENT + 40 {
        let record = life.log.chain.next(SALT);
        let appended = writer.append(&record).or_else(|_| {
            // The next segment is wanted; whether it can be had shows in the second try.
            let _ = steps.prepare();
            writer.append(&record)
        });
        let Ok(seq) = appended else {
            break;
        };
        life.log.push(seq, &record);
        life.ledger.accepted = Some(life.log.chain.n);
        if i % 100 == 20 {
            if life.options.durability == Durability::Sync {
                // A failure is latched.
                let _ = writer.sync_now();
            }
            steps.sync();
            writer.poll();
        }
        if life.sim.is_dead() {
            break;
        }
        note(life, &writer);
    }
    if !life.sim.is_dead() && steps.close(writer).is_ok() {
        life.ledger.durable = life.log.chain.n;
    }
}

/// Judges what a failed session left.
fn judge(life: &Life, what: &str, for_good: bool) -> u64 {
    let mut images = 0;
    for end in [
        End::Kill,
        End::Power(Model::new(Pick::Stable, 512)),
        End::Power(Model::new(Pick::Any, 512)),
    ] {
        let mut left = Life::with(6, random(6), life.options.durability);
        left.sim = life.sim.copy();
        left.folder = left.sim.folder();
        left.ledger = life.ledger.clone();
        left.log = life.log.clone();
        left.options = life.options.clone();
        left.crash(end);
        let what = format!("{what}, then {end:?}");
        let mut run = match left.open() {
            Ok(Some(run)) => run,
            Ok(None) if end == End::Kill && left.is_after_failed_sync() => {
                // Until the machine is started again, and then it holds what the disk holds.
                images += left.counts.images;
                continue;
            }
            Ok(None) => panic!("{what}: refused: {:?}", left.refusal),
            Err(why) => panic!("{what}: {why}"),
        };
        if for_good && end == End::Kill {
            // The failure could not be noted either, and then the disk was well again.
            images += left.counts.images;
            continue;
        }
        // What the restarted journal says is durable must be so, whatever the failed sync did.
        left.append(&mut run);
        left.sync(&mut run);
        left.note_promises(&run);
        left.end(run, End::Power(Model::new(Pick::Stable, 512)));
        left.must_open()
            .unwrap_or_else(|why| panic!("{what}, then a restart and {why}"));
        images += left.counts.images;
    }
    images
}

#[derive(Default)]
struct Tried {
    calls: u64,
    failures: u64,
    images: u64,
}

/// All n for one start, durability and fault.
fn every_call(base: &Life, start: Start, fault: (Fault, &str), for_good: bool, tried: &mut Tried) {
    let (fault, name) = fault;
    // The short form takes every sixth one.
    let step = if is_slow() { 1 } else { 6 };
    for at in (1..).step_by(step) {
        let mut life = Life::with(5, random(5), base.options.durability);
        life.sim = base.sim.copy();
        life.folder = life.sim.folder();
        life.ledger = base.ledger.clone();
        life.log = base.log.clone();
        life.options = base.options.clone();
        life.sim.plan(Some(Plan {
            at,
            for_good,
            fault,
        }));
        session(&mut life);
        let calls = life.sim.calls();
        life.sim.plan(None);
        let durability = life.options.durability;
        let what = format!("{start:?} {durability:?} {name} for good {for_good} at call {at}");
        tried.images += judge(&life, &what, for_good);
        if calls < at {
            tried.calls = tried.calls.max(at - 1);
            return;
        }
        tried.failures += 1;
    }
}

fn all(starts: &[Start], faults: &[(Fault, &str)]) -> String {
    all_with(starts, faults, 1_000)
}

/// The clock goes on by `clock_step` nanoseconds at each look.
fn all_with(starts: &[Start], faults: &[(Fault, &str)], clock_step: i64) -> String {
    let mut tried = Tried::default();
    let durabilities = every_durability();
    // The short form fails every call too, but in one mode.
    let durabilities = if is_slow() {
        &durabilities[..]
    } else {
        &durabilities[1..2]
    };
    for &durability in durabilities {
        for &from in starts {
            let base = start(from, durability);
            base.sim.set_clock(1_700_000_000_000_000_000, clock_step);
            for &fault in faults {
                every_call(&base, from, fault, false, &mut tried);
                if is_slow()
                    && fault.0 != Fault::Kill
                    && fault.0 != Fault::Errno(rustix_errno::INTR)
                {
                    every_call(&base, from, fault, true, &mut tried);
                }
            }
        }
    }
    let Tried {
        calls,
        failures,
        images,
    } = tried;
    format!("{failures} failed calls of sessions of up to {calls}, {images} images, seed 5")
}

/// The process ends at each call of making, rolling and closing.
#[test]
fn kill_at_every_call_of_roll_and_close() {
    let line = all(&[Start::Nothing, Start::Closed], &FAULTS[4..]);
    fault("4", &line);
}

/// The same across the ends of days: each look at the clock is half an hour before the last.
#[test]
fn kill_at_every_call_while_the_clock_jumps() {
    let line = all_with(&[Start::Nothing], &FAULTS[4..], -1_800_000_000_000);
    fault("47", &line);
}

#[test]
fn kill_at_every_call_of_recovery() {
    let line = all(&[Start::Killed, Start::PowerLost], &FAULTS[4..]);
    fault("6", &line);
}

/// Row 22 and 24: what the disk refuses, once and for good.
#[test]
fn error_at_every_call() {
    let line = all(
        &[Start::Nothing, Start::Killed, Start::PowerLost],
        &FAULTS[..1],
    );
    fault("22", &line);
    fault("24", &line);
}

#[test]
fn no_space_at_every_call() {
    fault("27", &all(&[Start::Nothing, Start::Killed], &FAULTS[1..2]));
}

/// Goal: an interrupted call, or half of one, changes nothing that anybody sees.
#[test]
fn interrupted_and_short_calls_at_every_call() {
    fault(
        "32",
        &all(&[Start::Nothing, Start::PowerLost], &FAULTS[2..4]),
    );
}

/// Goal: EINTR and short counts are not failures: a session with one ends as one without.
#[test]
fn short_counts_are_no_failures() {
    let mut sessions = 0;
    for at in (1..).step_by(if is_slow() { 1 } else { 6 }) {
        let mut life = start(Start::PowerLost, every_durability()[1]);
        life.sim.plan(Some(Plan {
            at,
            for_good: false,
            fault: Fault::Short,
        }));
        session(&mut life);
        assert_eq!(life.ledger.durable, life.log.chain.n, "at call {at}");
        sessions += 1;
        if life.sim.calls() < at {
            break;
        }
    }
    assert!(sessions > 10);
}
