//! A machine saved and read again goes on as if nothing had happened; other bytes are an error.

use engine::machine::{Machine, Outputs, SNAPSHOT_LAYOUT};
use engine::strategy::Registry;
use model::codec::encode_snapshot;
use model::record::Record;
use proptest::prelude::*;

use crate::kit::{Rig, config, maker, taker};
use crate::sim::Sim;
use crate::soup::events;

const SEED: u64 = 20_261_122;

fn recorded(seed: u64, steps: usize) -> Sim {
    let mut sim = Sim::new(seed, vec![maker(), taker()]);
    for _ in 0..steps {
        sim.step();
    }
    sim
}

/// The same machine through bytes, which must be the only ones that it has.
fn through_bytes(machine: &Machine) -> Machine {
    let bytes = encode_snapshot(machine).unwrap();
    let again = Machine::from_snapshot(&bytes, &Registry::standard()).unwrap();
    assert_eq!(again.state_hash(), machine.state_hash());
    assert!(encode_snapshot(&again).unwrap() == bytes, "bytes of a copy");
    again
}

fn next(random: &mut u64) -> u64 {
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *random >> 33
}

fn same_outputs(left: &Outputs, right: &Outputs, event: u64) {
    assert_eq!(left.commands, right.commands, "event {event}");
    assert_eq!(left.refusals, right.refusals, "event {event}");
}

/// Leads `copy` and `original` through `tail` side by side.
fn lead(original: &mut Machine, copy: &mut Machine, tail: &[Record]) {
    let (mut left, mut right) = (Outputs::new(), Outputs::new());
    for record in tail {
        original.apply(record, &mut left).unwrap();
        copy.apply(record, &mut right).unwrap();
        same_outputs(&left, &right, record.event);
        if record.event.is_multiple_of(97) {
            assert_eq!(original.state_hash(), copy.state_hash());
        }
    }
    assert_eq!(original.state_hash(), copy.state_hash());
}

#[test]
fn saved_machine_goes_on_as_the_original_from_any_cut() {
    let sim = recorded(SEED, 400);
    let log = &sim.rig.log;
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let cuts = if slow { 2_000 } else { 60 };
    let mut random = SEED;
    for _ in 0..cuts {
        let cut = next(&mut random) as usize % log.len();
        let mut machine = Machine::new();
        let mut out = Outputs::new();
        for record in &log[..cut] {
            machine.apply(record, &mut out).unwrap();
        }
        let mut copy = through_bytes(&machine);
        let tail = &log[cut..log.len().min(cut + 600)];
        lead(&mut machine, &mut copy, tail);
    }
}

#[test]
fn saved_machine_at_every_event_of_a_start() {
    let sim = recorded(SEED, 3);
    let mut machine = Machine::new();
    let mut out = Outputs::new();
    for (index, record) in sim.rig.log.iter().enumerate() {
        machine.apply(record, &mut out).unwrap();
        // Blobs under way, no strategies yet, no instruments yet: all of it comes by here.
        let mut copy = through_bytes(&machine);
        lead(&mut machine.clone(), &mut copy, &sim.rig.log[index + 1..]);
    }
}

#[test]
fn saved_machine_goes_on_through_a_crash_and_a_new_configuration() {
    let mut sim = recorded(SEED, 60);
    let commands = sim.rig.machine.commands_decided();
    let mut changed = config(vec![taker(), maker()]);
    changed.book_window_ticks = 1 << 13;
    sim.rig.start(&changed, commands);
    for _ in 0..60 {
        sim.step();
    }
    let log = &sim.rig.log;
    for cut in (0..log.len()).step_by(41) {
        let mut machine = Machine::new();
        let mut out = Outputs::new();
        for record in &log[..cut] {
            machine.apply(record, &mut out).unwrap();
        }
        let mut copy = through_bytes(&machine);
        lead(&mut machine, &mut copy, &log[cut..log.len().min(cut + 200)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn prop_saved_machine_any_events_go_on_the_same(events in events(), cut in 0_usize..120) {
        let mut rig = Rig::new();
        rig.start(&config(vec![maker(), taker()]), 0);
        let start = rig.log.len();
        for (record, wait) in events {
            rig.pass(wait);
            rig.apply(record);
        }
        let cut = (start + cut).min(rig.log.len());
        let mut machine = Machine::new();
        let mut out = Outputs::new();
        for record in &rig.log[..cut] {
            machine.apply(record, &mut out).unwrap();
        }
        let mut copy = through_bytes(&machine);
        lead(&mut machine, &mut copy, &rig.log[cut..]);
    }
}

#[test]
fn saved_machine_damaged_bytes_are_an_error_or_a_machine_that_runs() {
    let sim = recorded(SEED, 120);
    let good = encode_snapshot(&sim.rig.machine).unwrap();
    let tail = {
        let mut longer = recorded(SEED, 135);
        longer.rig.log.split_off(sim.rig.log.len())
    };
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let (mut random, mut refused, mut other) = (SEED, 0, 0);
    let tries = if slow { 20_000 } else { 400 };
    for _ in 0..tries {
        let mut bytes = good.clone();
        for _ in 0..=next(&mut random) % 3 {
            let at = next(&mut random) as usize % bytes.len();
            let values = [0xff, 0x7f, 0x80, 0, next(&mut random) as u8];
            bytes[at] = values[next(&mut random) as usize % values.len()];
        }
        let Ok(mut machine) = Machine::from_snapshot(&bytes, &Registry::standard()) else {
            refused += 1;
            continue;
        };
        if machine.state_hash() != sim.rig.machine.state_hash() {
            other += 1;
        }
        let mut out = Outputs::new();
        for record in &tail {
            if machine.apply(record, &mut out).is_err() {
                break;
            }
        }
    }
    assert!(refused > 0 && other > 0, "{refused} refused, {other} other");
}

#[test]
fn saved_machine_cut_short_or_lengthened_is_an_error() {
    let sim = recorded(SEED, 40);
    let good = encode_snapshot(&sim.rig.machine).unwrap();
    for length in (0..good.len()).step_by(101) {
        assert!(Machine::from_snapshot(&good[..length], &Registry::standard()).is_err());
    }
    let mut longer = good;
    longer.push(0);
    assert!(Machine::from_snapshot(&longer, &Registry::standard()).is_err());
}

/// What is written must be what the layout's number says. If this fails because the machine
/// gained a field, give the layout another number and write a new file with
/// `WRITE_GOLDEN=1 cargo test -p engine --test machine layout`.
#[test]
fn saved_machine_layout_is_the_one_of_its_number() {
    let file = format!(
        "{}/tests/data/machine-layout-{SNAPSHOT_LAYOUT}.bin",
        env!("CARGO_MANIFEST_DIR")
    );
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        let machine = recorded(SEED, 60).rig.machine;
        std::fs::write(&file, encode_snapshot(&machine).unwrap()).unwrap();
    }
    let golden = std::fs::read(&file).unwrap();
    let machine = Machine::from_snapshot(&golden, &Registry::standard()).unwrap();
    assert!(
        encode_snapshot(&machine).unwrap() == golden,
        "the layout has changed: SNAPSHOT_LAYOUT must change, too"
    );
    // Two machines of one program agree on any digest; only a number that is kept shows that a
    // part of the state fell out of it.
    let hash: String = machine
        .state_hash()
        .map(|byte| format!("{byte:02x}"))
        .concat();
    let kept = format!("{}.hash", file.trim_end_matches(".bin"));
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(&kept, format!("{hash}\n")).unwrap();
    }
    let want = std::fs::read_to_string(&kept).unwrap();
    assert_eq!(
        hash,
        want.trim_end(),
        "what the state hash covers has changed"
    );
}
