//! A log as a live engine writes it: events, commands somewhat later than their causes, state
//! hashes, a crash that takes commands with it, and a run after it.

use std::collections::VecDeque;

use model::body::StateHash;
use model::record::{Kind, Record};

use crate::kit::{config, maker, taker, tick};
use crate::sim::Sim;

pub(crate) const SEED: u64 = 20_261_122;

/// For `cargo xtask faults`: what was tried for a row of the fault list.
#[expect(
    clippy::print_stdout,
    reason = "the table of faults is made of these lines"
)]
pub(crate) fn report(row: u32, counts: &str) {
    println!("fault {row}: {counts}, seed {SEED}");
}

/// Repeatable numbers below `bound`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Adds a tick and the state hash behind it, as the live shadow does.
fn checkpoint(sim: &mut Sim) {
    sim.rig.pass(1_000);
    let commands = sim.rig.apply(tick());
    // Risk tells at the first tick of a run what waited for it.
    for told in sim.rig.out.refusals.clone() {
        sim.push(told);
    }
    if !commands.is_empty() {
        // The tick's own commands are answered by nobody here: the machine asks again.
        return;
    }
    let body = StateHash {
        at_event: sim.rig.machine.last_event(),
        hash: sim.rig.machine.state_hash(),
        reserved: [0; 40],
    };
    sim.push(Record::new(Kind::StateHash, &body));
}

/// Interleaves what the machine did since event `from` into `log`, commands up to a few records
/// late; returns the commands that did not get in before the end.
fn interleave(log: &mut Vec<Record>, sim: &Sim, from: usize, random: &mut Random) -> usize {
    let mut late: VecDeque<Record> = VecDeque::new();
    let mut commands = sim.rig.commands.iter().peekable();
    let first = sim.rig.log.get(from).map_or(u64::MAX, |event| event.event);
    while commands.next_if(|command| command.event < first).is_some() {}
    for event in &sim.rig.log[from..] {
        log.push(*event);
        while let Some(command) = commands.next_if(|command| command.event == event.event) {
            late.push_back(*command);
        }
        while !late.is_empty() && random.below(3) > 0 {
            log.extend(late.pop_front());
        }
    }
    late.len()
}

/// The log, numbered from 1: two runs with a crash between them.
pub(crate) fn log(seed: u64, steps: usize) -> Vec<Record> {
    let mut random = Random(seed);
    let mut sim = Sim::new(seed, vec![maker(), taker()]);
    let mut log = Vec::new();
    for step in 0..steps {
        sim.step();
        if step % 7 == 0 {
            checkpoint(&mut sim);
        }
    }
    let events = sim.rig.log.len();
    let lost = interleave(&mut log, &sim, 0, &mut random);
    let journaled = sim.rig.machine.commands_decided() - lost as u64;
    sim.rig.start(&config(vec![maker(), taker()]), journaled);
    for step in 0..steps {
        sim.step();
        if step % 7 == 0 {
            checkpoint(&mut sim);
        }
    }
    interleave(&mut log, &sim, events, &mut random);
    for (record, seq) in log.iter_mut().zip(1..) {
        record.seq = seq;
    }
    log
}
