//! Rows 5, 43 and 44 on the simulated disk: every call of writing and of finding a snapshot fails,
//! ends the process, or is the last one before the power is gone.

use journal::OpenError;
use journal::snapshot::{self, Snapshot, SnapshotError};

use crate::common::{Seeds, fault, random};
use crate::sim::crash::{Model, Pick};
use crate::sim::{Fault, Plan, Sim, rustix_errno};

const ID: u64 = 0x1122_3344_5566_7788;

/// A snapshot whose content follows from its sequence; some pages, so that it can be torn.
fn of(seq: u64) -> Snapshot {
    let byte = |n: u64| u8::try_from((seq * 7 + n) % 251).unwrap();
    Snapshot {
        seq,
        epoch: 3,
        time_ns: seq,
        layout: 1,
        state_hash: std::array::from_fn(|n| byte(n as u64)),
        payload: (0..9_000 + seq).map(byte).collect(),
    }
}

/// A disk with snapshots 10, 20 and 30.
fn three() -> Sim {
    let sim = Sim::new();
    for seq in [10, 20, 30] {
        snapshot::write(&sim.folder(), ID, &of(seq)).unwrap();
    }
    sim
}

fn path(sim: &Sim, seq: u64) -> std::path::PathBuf {
    sim.folder().dir().join(format!("snapshot-{seq:020}"))
}

/// Sequence of the newest one, which is as it was written, and how many were passed over.
fn newest(sim: &Sim, last_seq: u64) -> Result<(Option<u64>, usize), SnapshotError> {
    let found = snapshot::newest(&sim.folder(), ID, last_seq, Ok)?;
    let seq = found.taken.map(|(seq, taken)| {
        assert!(taken == of(seq), "snapshot {seq} is not what was written");
        seq
    });
    Ok((seq, found.skipped.len()))
}

fn plan(at: u64, for_good: bool, fault: Fault) -> Option<Plan> {
    Some(Plan {
        at,
        for_good,
        fault,
    })
}

/// Counts of what was found afterwards.
#[derive(Default)]
struct Found {
    images: u64,
    old: u64,
    new: u64,
}

impl Found {
    /// The old or the new one, and nothing half.
    fn look(&mut self, sim: &Sim, when: &str) {
        let (seq, passed_over) = newest(sim, 40).unwrap();
        assert_eq!(passed_over, 0, "a half snapshot {when}");
        self.images += 1;
        match seq {
            Some(30) => self.old += 1,
            Some(40) => self.new += 1,
            other => panic!("{other:?} {when}"),
        }
        snapshot::write(&sim.folder(), ID, &of(50)).unwrap();
        assert_eq!(newest(sim, 50).unwrap(), (Some(50), 0), "{when}");
    }

    fn check(&self, row: &str, what: &str, seeds: Option<Seeds>) {
        let Self { images, old, new } = self;
        assert!(*old > 0 && *new > 0, "{old} old, {new} new");
        let seed = seeds.map_or(1, |seeds| seeds.first);
        let counts = format!("{images} images, {what}: {old} old, {new} new, none half");
        fault(row, &format!("{counts}, seed {seed}"));
    }
}

#[test]
fn fault_05_kill_at_each_call_of_a_snapshot_write() {
    let mut found = Found::default();
    for at in 1.. {
        let sim = three();
        sim.plan(plan(at, false, Fault::Kill));
        let written = snapshot::write(&sim.folder(), ID, &of(40));
        let done = !sim.is_dead();
        sim.process_ends();
        found.look(&sim, &format!("after a kill at call {at}"));
        if done {
            written.unwrap();
            break;
        }
    }
    found.check("5", "killed at each call", None);
}

#[test]
fn fault_05_power_loss_at_each_call_of_a_snapshot_write() {
    let models = [
        Model::new(Pick::Stable, 4096),
        Model::new(Pick::Any, 4096),
        Model::new(Pick::Any, 512),
        Model::new(Pick::Any, 1),
        Model::new(Pick::LaterFirst, 512),
    ];
    let seeds = Seeds::new(20, 1_000);
    let mut found = Found::default();
    for seed in seeds.each() {
        let mut random = random(seed);
        for at in 1.. {
            let sim = three();
            sim.plan(plan(at, false, Fault::Kill));
            let _dies_in_it = snapshot::write(&sim.folder(), ID, &of(40));
            let done = !sim.is_dead();
            sim.write_back(&mut random, 0.5);
            let model = models[usize::try_from(seed + at).unwrap() % models.len()];
            sim.power_fails(model, &mut random);
            found.look(&sim, &format!("after power loss at call {at}, seed {seed}"));
            if done {
                break;
            }
        }
    }
    found.check("5", "power lost at each call", Some(seeds));
}

#[test]
fn fault_05_error_at_each_call_of_a_snapshot_write() {
    let mut found = Found::default();
    let faults = [
        Fault::Errno(rustix_errno::IO),
        Fault::Errno(rustix_errno::NOSPC),
        Fault::Errno(rustix_errno::INTR),
        Fault::Short,
    ];
    for fault in faults {
        // A read or write that is interrupted for ever is tried for ever, as it must be.
        let once_only = fault == Fault::Errno(rustix_errno::INTR);
        for for_good in [false, !once_only] {
            for at in 1.. {
                let sim = three();
                sim.plan(plan(at, for_good, fault));
                let written = snapshot::write(&sim.folder(), ID, &of(40));
                let calls = sim.calls();
                sim.plan(None);
                let when = format!("after {fault:?} at call {at}, for good: {for_good}");
                if written.is_ok() {
                    assert_eq!(newest(&sim, 40).unwrap().0, Some(40), "{when}");
                }
                found.look(&sim, &when);
                if calls < at {
                    break;
                }
            }
        }
    }
    found.check("5", "errors at each call", None);
}

#[test]
fn fault_43_error_at_each_call_of_finding_a_snapshot_gives_a_good_one_or_an_error() {
    let (mut older, mut errors, mut tried) = (0, 0, 0);
    for errno in [rustix_errno::IO, rustix_errno::NOSPC] {
        for for_good in [false, true] {
            for at in 1.. {
                let sim = three();
                sim.plan(plan(at, for_good, Fault::Errno(errno)));
                let found = newest(&sim, 30);
                let calls = sim.calls();
                sim.plan(None);
                tried += 1;
                match found {
                    Ok((Some(30), 0)) => {}
                    Ok((seq, passed_over)) => {
                        assert!(passed_over > 0, "{seq:?} without a reason, call {at}");
                        older += 1;
                    }
                    Err(_) => errors += 1,
                }
                if calls < at {
                    break;
                }
            }
        }
    }
    assert!(older > 0 && errors > 0);
    fault(
        "43",
        &format!("{tried} errors while reading: {older} older ones, {errors} refused, seed 1"),
    );
}

#[test]
fn fault_43_every_bit_of_a_snapshot() {
    let sim = three();
    let path = path(&sim, 30);
    let good = sim.bytes(&path);
    let mut flips = 0;
    // The frame and the ends of the payload bit by bit, the rest a bit of each byte.
    for bit in 0..good.len() * 8 {
        let (byte, in_byte) = (bit / 8, bit % 8);
        if (256..good.len() - 64).contains(&byte) && in_byte != byte % 8 {
            continue;
        }
        sim.edit(&path, |bytes| bytes[byte] ^= 1 << in_byte);
        assert_eq!(newest(&sim, 30).unwrap(), (Some(20), 1), "bit {bit}");
        sim.edit(&path, |bytes| bytes[byte] ^= 1 << in_byte);
        flips += 1;
    }
    assert_eq!(newest(&sim, 30).unwrap(), (Some(30), 0));
    fault(
        "43",
        &format!("{flips} bits of a snapshot, all fell back, seed 1"),
    );
}

#[test]
fn fault_44_snapshot_ahead_of_every_end_of_the_log() {
    let mut refused = 0;
    for last_seq in 0..30 {
        let sim = three();
        let before = sim.paths();
        let found = newest(&sim, last_seq);
        assert!(
            matches!(
                found,
                Err(SnapshotError::Io(OpenError::SnapshotAhead { seq: 30, .. }))
            ),
            "{found:?}"
        );
        assert_eq!(sim.paths(), before);
        refused += 1;
    }
    fault(
        "44",
        &format!("{refused} ends before a snapshot, all refused, seed 1"),
    );
}
