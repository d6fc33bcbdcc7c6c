//! Cut points: frozen at any sequence, thawed, led through the rest, a shadow is the one that was
//! never stopped.

use std::collections::BTreeSet;

use engine::strategy::Registry;
use journal::snapshot::Snapshot;
use model::record::{Kind, Record};
use replay::{Shadow, TakenBy, ThawError};

use crate::log::{Random, SEED, log};

/// Takes `records`; every command and state hash in them must be the computed one. Returns the
/// state hash at each of the log's own state hashes.
fn lead(shadow: &mut Shadow, records: &[Record]) -> Vec<(u64, [u8; 32])> {
    let mut hashes = Vec::new();
    for record in records {
        if let Some(difference) = shadow.take(record).unwrap() {
            panic!("{difference}");
        }
        if record.kind() == Some(Kind::StateHash) {
            hashes.push((record.seq, shadow.machine().state_hash()));
        }
    }
    hashes
}

#[test]
fn cut_points_thawed_shadow_ends_as_the_one_that_was_never_stopped() {
    let log = log(SEED, 115);
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let (mut left, mut random) = (if slow { 10_000 } else { 200 }, Random(SEED));
    let mut whole = Shadow::new();
    let want = lead(&mut whole, &log);
    let end = whole.freeze(1).unwrap();
    assert!(want.len() > 8, "{} state hashes", want.len());
    assert!(whole.commands_seen() > 50, "{}", whole.commands_seen());
    let mut pending = 0;
    while left > 0 {
        let cuts: BTreeSet<usize> = (0..left).map(|_| random.below(log.len() + 1)).collect();
        left -= cuts.len().min(left);
        let (mut shadow, mut at) = (Shadow::new(), 0);
        for cut in cuts {
            lead(&mut shadow, &log[at..cut]);
            at = cut;
            let frozen = shadow.freeze(1).unwrap();
            pending += usize::from(shadow.commands_pending() > 0);
            let mut thawed =
                Shadow::thaw(&frozen, TakenBy::ThisBuild, &Registry::standard()).unwrap();
            assert_eq!(thawed.machine().state_hash(), frozen.state_hash);
            assert!(
                thawed.freeze(1).unwrap() == frozen,
                "cut {cut}: other bytes"
            );
            let hashes = lead(&mut thawed, &log[cut..]);
            assert!(want.ends_with(&hashes), "cut {cut}: other hashes");
            assert!(thawed.freeze(1).unwrap() == end, "cut {cut}: another end");
        }
    }
    assert!(pending > 10, "commands were pending at {pending} cuts only");
}

fn frozen_in_the_middle() -> (Snapshot, Vec<Record>) {
    let mut log = log(SEED, 20);
    let tail = log.split_off(log.len() / 2);
    let mut shadow = Shadow::new();
    lead(&mut shadow, &log);
    (shadow.freeze(1).unwrap(), tail)
}

#[test]
fn thaw_of_a_wrong_claim_is_refused_with_its_reason() {
    let (good, _) = frozen_in_the_middle();
    let mut layout = good.clone();
    layout.layout += 1;
    assert!(matches!(
        Shadow::thaw(&layout, TakenBy::ThisBuild, &Registry::standard()),
        Err(ThawError::Layout { .. })
    ));
    let mut hash = good.clone();
    hash.state_hash[7] ^= 1;
    assert!(matches!(
        Shadow::thaw(&hash, TakenBy::ThisBuild, &Registry::standard()),
        Err(ThawError::StateHash)
    ));
    let mut seq = good.clone();
    seq.seq += 1;
    assert!(matches!(
        Shadow::thaw(&seq, TakenBy::ThisBuild, &Registry::standard()),
        Err(ThawError::Unsound(_))
    ));
    let mut short = good;
    short.payload.pop();
    assert!(matches!(
        Shadow::thaw(&short, TakenBy::ThisBuild, &Registry::standard()),
        Err(ThawError::Codec(_))
    ));
}

#[test]
fn thaw_of_damaged_bytes_is_an_error_or_a_shadow_that_can_be_led() {
    let (good, tail) = frozen_in_the_middle();
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let (mut random, mut thawed, mut refused) = (Random(SEED), 0, 0);
    for _ in 0..if slow { 20_000 } else { 500 } {
        let mut bad = good.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bad.payload.len());
            let values = [0xff, 0x7f, 0x80, 0, bad.payload[at] ^ 1];
            bad.payload[at] = values[random.below(values.len())];
        }
        let Ok(mut shadow) = Shadow::thaw(&bad, TakenBy::ThisBuild, &Registry::standard()) else {
            refused += 1;
            continue;
        };
        thawed += 1;
        for record in &tail {
            if !matches!(shadow.take(record), Ok(None)) {
                break;
            }
        }
    }
    assert!(refused > thawed, "{refused} refused, {thawed} thawed");
}
