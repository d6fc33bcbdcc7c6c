//! The defects of `FAULTS.md`'s ledger, each met again by a script that depends on no seed's luck:
//! an open that is killed at every one of its calls, another open, and then a power failure.

use journal::{Durability, Writer};

use crate::common::{PER_SEGMENT, is_slow, random};
use crate::life::{End, Life};
use crate::sim::crash::{Model, Pick};
use crate::sim::{Fault, Plan};

const ANY: End = End::Power(Model::new(Pick::Any, 512));

/// A journal that lost power with unsynced records, so that recovery has a hole to cut.
fn with_a_hole(durability: Durability) -> Life {
    let mut life = Life::with(21, random(21), durability);
    let mut run = life.must_open().unwrap();
    for _ in 0..PER_SEGMENT / 2 {
        assert!(life.append(&mut run));
    }
    life.end(run, ANY);
    life
}

/// Kills an open at call `at`; whether it came so far.
fn killed_open(life: &mut Life, at: u64) -> bool {
    life.sim.plan(Some(Plan {
        at,
        for_good: true,
        fault: Fault::Kill,
    }));
    drop(Writer::open_stepped(&life.folder, life.options.clone()));
    let was_killed = life.sim.is_dead();
    life.sim.process_ends();
    was_killed
}

/// For every call of an open: killed there, `kills` times, then opened and worked on by a run with
/// another salt, then the power fails; `seeds` different ends each.
fn every_call(base: impl Fn() -> Life, kills: u32, end: End, seeds: u64) {
    // The short form takes every third one.
    for at in (1..).step_by(if is_slow() { 1 } else { 3 }) {
        let mut was_killed = false;
        for seed in 0..seeds {
            let mut life = base();
            life.random = random(seed ^ at << 8);
            for _ in 0..kills {
                was_killed |= killed_open(&mut life, at);
            }
            let mut step = || -> Result<(), String> {
                let mut run = life.must_open()?;
                for _ in 0..6 {
                    assert!(life.append(&mut run));
                }
                life.end(run, end);
                life.must_open().map(|_| ())
            };
            if let Err(why) = step() {
                panic!("killed at call {at} of open, end {seed}: {why}");
            }
        }
        if !was_killed {
            return;
        }
    }
}

/// Names that a killed writer left were not durable, and nobody made them so.
#[test]
fn names_that_a_killed_open_left() {
    let new = || Life::with(22, random(22), Durability::Process);
    every_call(new, 1, End::Power(Model::new(Pick::Stable, 512)), 1);
}

/// Zeros that a killed recovery wrote were not durable, and what they cut came back behind new
/// records; its half-made `.broken` file stood in the way of the next one.
#[test]
fn zeros_that_a_killed_recovery_left() {
    every_call(|| with_a_hole(Durability::Process), 1, ANY, 8);
}

/// Two opens, each killed behind its mark, had both copies of it on the way.
#[test]
fn marks_that_killed_opens_left() {
    let end = End::Power(Model::new(Pick::Any, 1));
    every_call(|| with_a_hole(Durability::Process), 2, end, 8);
}

/// A strict mode's open wrote a mark into the block of the header.
#[test]
fn header_that_a_strict_open_left() {
    let garbage = Model {
        garbage: true,
        ..Model::new(Pick::Any, 4096)
    };
    for seed in 0..40 {
        let mut life = Life::with(seed, random(seed), Durability::Sync);
        life.options = life.options.clone().commit_block(4096);
        for _ in 0..3 {
            let mut run = life.must_open().unwrap();
            assert!(life.append(&mut run));
            life.sync(&mut run);
            life.note_promises(&run);
            life.end(run, End::Kill);
            let run = life.must_open().unwrap();
            life.end(run, End::Power(garbage));
        }
        life.must_open().unwrap();
    }
}
