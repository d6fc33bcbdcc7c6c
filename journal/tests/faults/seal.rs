//! The seal under kills and power failures: whatever is left is never refused as tampered with, and
//! verifies whole after the next close.

use journal::seal::{Key, SealOptions, VerifyOptions, verify_in};
use journal::{Durability, Options, Steps, Writer};
use model::record::{Kind, Record};
use rand::RngExt;
use rand_pcg::Pcg64;
use std::time::Duration;

use crate::common::{PER_SEGMENT, Seeds, fault, random, small};
use crate::sim::crash::{Model, Pick};
use crate::sim::{Fault, Plan, Sim};

/// Whole sectors: a durable mark torn inside of its sector is survived by recovery, but `verify`
/// cannot tell it from a changed byte and names it.
const MODELS: [Model; 4] = [
    Model::new(Pick::Stable, 4096),
    Model::new(Pick::Any, 4096),
    Model::new(Pick::Any, 512),
    Model::new(Pick::LaterFirst, 512),
];

/// One life of an engine: appends, syncs and seals as it comes, until the end or its death.
fn live(writer: &mut Writer, steps: &mut Steps, sim: &Sim, random: &mut Pcg64) {
    let end = writer.last_seq() + random.random_range(1..PER_SEGMENT * 2);
    while writer.last_seq() < end && !sim.is_dead() {
        let mut record = Record::ZERO;
        record.kind = Kind::Tick.code();
        record.event = writer.last_seq() + 1;
        // No room: the helper died with the process.
        if writer.append(&record).is_err() && steps.prepare().is_err() {
            return;
        }
        match random.random_range(0..40) {
            0 => steps.sync(),
            1 => steps.seal(),
            2 => {
                let _dies_in_it = steps.prepare();
            }
            3 => sim.write_back(random, 0.3),
            _ => {}
        }
    }
}

/// Goal: no crash makes a sealed journal look tampered with. Method: three lives, each killed at a
/// random call, every second time with the power; then a close; then `verify`.
#[test]
fn sealed_journal_survives_kills_and_power_failures() {
    let key = Key::generate().unwrap();
    let seeds = Seeds::new(120, 5_000);
    let (mut deaths, mut cuts, mut notes) = (0, 0, 0);
    for seed in seeds.each() {
        let mut random = random(seed);
        let sim = Sim::new();
        let durability = match seed % 2 {
            0 => Durability::Process,
            _ => Durability::Interval(Duration::from_millis(10)),
        };
        let options = small(durability).seal(SealOptions {
            key: key.clone(),
            also: Vec::new(),
        });
        for _ in 0..3 {
            let at = random.random_range(1..400);
            let plan = Plan {
                at,
                for_good: false,
                fault: Fault::Kill,
            };
            sim.plan(Some(plan));
            if let Ok((mut writer, mut steps, _)) = open(&sim, &options) {
                live(&mut writer, &mut steps, &sim, &mut random);
            }
            assert!(
                sim.is_dead() || sim.calls() < at,
                "seed {seed}: refused: alive"
            );
            deaths += 1;
            if random.random_range(0..2) == 0 {
                sim.process_ends();
            } else {
                sim.write_back(&mut random, 0.5);
                let model = MODELS[random.random_range(0..MODELS.len())];
                sim.power_fails(model, &mut random);
            }
        }
        let (writer, steps, _) = open(&sim, &options)
            .unwrap_or_else(|error| panic!("seed {seed}: a crash is taken for tampering: {error}"));
        steps.close(writer).unwrap();
        let verified = verify_in(&sim.folder(), &VerifyOptions::default(), |_| {}).unwrap();
        assert_eq!(verified.findings, [], "seed {seed}");
        assert_eq!(verified.covered_seq, verified.last_seq, "seed {seed}");
        (cuts, notes) = (cuts + verified.cuts, notes + verified.notes);
    }
    let (count, first) = (seeds.count, seeds.first);
    fault(
        "45",
        &format!(
            "{count} sealed journals, {deaths} deaths, {notes} checkpoints, {cuts} cut notes: none \
             taken for tampering, all verify, seed {first}"
        ),
    );
}

fn open(
    sim: &Sim,
    options: &Options,
) -> Result<(Writer, Steps, journal::Recovery), journal::OpenError> {
    Writer::open_stepped(&sim.folder(), options.clone())
}
