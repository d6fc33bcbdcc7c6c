//! Same events, same commands, same hash: whole or in parts, once or twice; any changed bit shows.

use crate::kit::{maker, taker};
use crate::sim::Sim;
use engine::machine::{Intent, IntentBuffer, Machine, Outputs, Parts};
use model::record::Record;
use zerocopy::{FromBytes, IntoBytes};

fn recorded(seed: u64, steps: usize) -> Sim {
    let mut sim = Sim::new(seed, vec![maker(), taker()]);
    for _ in 0..steps {
        sim.step();
    }
    assert!(sim.rig.commands.len() > steps / 20);
    sim
}

fn replay(log: &[Record]) -> (Machine, Vec<Record>) {
    let mut machine = Machine::new();
    let mut out = Outputs::new();
    let mut commands = Vec::new();
    for record in log {
        machine.apply(record, &mut out).unwrap();
        commands.extend(out.commands.iter().map(|command| *command.as_ref()));
    }
    (machine, commands)
}

#[test]
fn machine_replayed_gives_the_same_commands_and_hash() {
    for seed in [1, 2, 3] {
        let sim = recorded(seed, 600);
        let (machine, commands) = replay(&sim.rig.log);
        assert_eq!(commands, sim.rig.commands);
        assert_eq!(machine.state_hash(), sim.rig.machine.state_hash());
    }
}

#[test]
fn machine_in_parts_equals_the_whole_one() {
    let sim = recorded(4, 600);
    let mut whole = Machine::new();
    let mut out = Outputs::new();
    let mut done = 0;
    while whole.instruments().next().is_none() {
        whole.apply(&sim.rig.log[done], &mut out).unwrap();
        done += 1;
    }
    let Parts {
        mut strategies,
        mut risk,
        registry,
    } = whole.into_parts();
    let mut commands = Vec::new();
    let mut lanes: Vec<Vec<Intent>> = vec![Vec::new(); strategies.len()];
    let mut buffer = IntentBuffer::new();
    // Every strategy runs through the whole log before risk starts, as far apart as can be.
    for (strategy, lane) in strategies.iter_mut().zip(&mut lanes) {
        for record in &sim.rig.log[done..] {
            strategy.apply(record, &mut buffer).unwrap();
            lane.extend(buffer.iter().copied());
        }
    }
    for record in &sim.rig.log[done..] {
        let intents: Vec<Intent> = lanes
            .iter()
            .flatten()
            .filter(|intent| intent.event == record.event)
            .copied()
            .collect();
        risk.apply(record, &intents, &mut out).unwrap();
        commands.extend(out.commands.iter().map(|command| *command.as_ref()));
    }
    assert_eq!(commands, sim.rig.commands);
    let parts = Machine::from_parts(Parts {
        strategies,
        risk,
        registry,
    });
    assert_eq!(parts.state_hash(), sim.rig.machine.state_hash());
}

/// What the log gives with one bit of one record changed; `None` if the machine refuses the log.
fn hash_with_bit(log: &[Record], index: usize, bit: usize) -> Option<[u8; 32]> {
    let mut bytes = [0_u8; 128];
    bytes.copy_from_slice(log[index].as_bytes());
    bytes[bit / 8] ^= 1 << (bit % 8);
    let changed = Record::read_from_bytes(&bytes).unwrap();
    let mut machine = Machine::new();
    let mut out = Outputs::new();
    for (at, record) in log.iter().enumerate() {
        let record = if at == index { &changed } else { record };
        machine.apply(record, &mut out).ok()?;
    }
    Some(machine.state_hash())
}

#[test]
fn state_hash_any_decided_bit_of_an_input_counts_and_no_observed_one() {
    let sim = recorded(5, 40);
    let log = &sim.rig.log[..sim.rig.log.len().min(220)];
    let want = replay(log).0.state_hash();
    let mut tried = 0;
    for index in 0..log.len() {
        // One bit of each record, another one each time: 220 records cover every byte.
        let bit = index * 37 % 1024;
        let sent_time = log[index].kind == model::record::Kind::Sent.code() && bit >= 64 * 8;
        let observed = matches!(bit / 8, 0..4 | 8..16 | 40..48) || sent_time;
        match hash_with_bit(log, index, bit) {
            Some(hash) => assert_eq!(hash == want, observed, "event {index}, bit {bit}"),
            None => assert!(!observed, "event {index}, bit {bit}"),
        }
        tried += 1;
    }
    assert!(tried > 100);
}
