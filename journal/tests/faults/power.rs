//! Rows 3, 6 and 11 to 21 on the simulated disk: kills, power failures, and crashes in recovery.

use rand::RngExt;

use crate::common::{Seeds, fault};
use crate::life::{Counts, End, Life, each, lives};
use crate::sim::crash::{Model, Pick};

/// Lives that end in `end`; prints the row's line.
fn row(number: &str, seeds: Seeds, depth: u32, end: End) -> Counts {
    let counts = each(seeds, |seed| lives(seed, 3, depth, |_| end));
    fault(number, &counts.line(seeds));
    assert!(counts.images >= seeds.count && counts.refused == 0);
    counts
}

/// Goal: a record that is being stored when the process dies is not there, and all others are.
#[test]
fn kill_between_payload_and_word() {
    row("3", Seeds::new(60, 3_000), 0, End::Kill);
}

#[test]
fn kill_inside_recovery_three_deep() {
    row("6", Seeds::new(60, 3_000), 3, End::Kill);
}

#[test]
fn power_loss_of_all_that_was_not_synced() {
    row(
        "11",
        Seeds::new(60, 3_000),
        0,
        End::Power(Model::new(Pick::Stable, 4096)),
    );
}

/// Goal: any subset of pages may survive; the log stops at the first hole.
#[test]
fn power_loss_keeps_random_pages() {
    let counts = row(
        "12",
        Seeds::new(60, 3_000),
        0,
        End::Power(Model::new(Pick::Any, 4096)),
    );
    assert!(counts.holes > 0, "no image had a hole");
}

#[test]
fn power_loss_keeps_random_sectors() {
    let counts = row(
        "13",
        Seeds::new(60, 3_000),
        0,
        End::Power(Model::new(Pick::Any, 512)),
    );
    assert!(counts.cut > 0, "no image was torn");
}

#[test]
fn power_loss_tears_at_any_byte() {
    let counts = row(
        "14",
        Seeds::new(60, 3_000),
        0,
        End::Power(Model::new(Pick::Any, 1)),
    );
    assert!(counts.cut > 0, "no image was torn");
}

#[test]
fn power_loss_keeps_later_without_earlier() {
    let end = End::Power(Model::new(Pick::LaterFirst, 4096));
    let counts = row("15", Seeds::new(60, 3_000), 0, end);
    assert!(counts.holes > 0, "no image had a hole");
}

/// Goal: lengths and headers that were not synced may be lost while files are made.
#[test]
fn power_loss_while_files_are_made() {
    let seeds = Seeds::new(60, 3_000);
    let counts = each(seeds, |seed| {
        let mut life = Life::new(seed);
        for _ in 0..3 {
            let end = End::Power(Model::new(Pick::Any, 512));
            life.crash_inside_open(2, end);
            life.crash(end);
            let mut run = life.must_open()?;
            life.work(&mut run, 2);
            life.end(run, end);
        }
        life.must_open()?;
        Ok(life.counts)
    });
    fault("16", &counts.line(seeds));
    assert_eq!(counts.refused, 0);
}

#[test]
fn power_loss_keeps_some_names_only() {
    let model = Model {
        names_reordered: true,
        ..Model::new(Pick::Any, 512)
    };
    row("17", Seeds::new(60, 3_000), 1, End::Power(model));
}

#[test]
fn power_loss_inside_recovery_three_deep() {
    row(
        "20",
        Seeds::new(60, 3_000),
        3,
        End::Power(Model::new(Pick::Any, 512)),
    );
}

/// Goal: fifty reboots with load between them: each keeps what was promised, loss does not grow.
#[test]
fn power_loss_fifty_times_in_a_row() {
    let seeds = Seeds::new(4, 200);
    let counts = each(seeds, |seed| {
        lives(seed, 50, 1, |random| match random.random_range(0..6) {
            0 => End::Close,
            1 => End::Kill,
            _ => End::Power(Model::new(Pick::Any, 512)),
        })
    });
    fault("21", &counts.line(seeds));
    assert_eq!(counts.refused, 0);
}

/// Goal: in the strict modes no block that holds a durable record is written again, so blocks that
/// are garbage after a power failure cost nothing that was promised. The other modes rely on
/// sectors being written whole or not at all: there a wrong record never comes back either.
#[test]
fn blocks_that_were_being_written_are_garbage() {
    let seeds = Seeds::new(120, 6_000);
    let unseen = std::sync::atomic::AtomicU64::new(0);
    let counts = each(seeds, |seed| {
        let mut life = Life::new(seed);
        let is_strict = life.options.durability.is_strict();
        let model = Model {
            garbage: true,
            ..Model::new(
                Pick::Any,
                usize::try_from(life.options.commit_block).unwrap(),
            )
        };
        for _ in 0..3 {
            let mut run = if is_strict {
                life.must_open()?
            } else {
                let promised = std::mem::take(&mut life.ledger.promised);
                life.ledger.durable = 0;
                let Some(run) = life.open()? else {
                    return Ok(life.counts);
                };
                let is_lost = life.log.chain.n < promised;
                unseen.fetch_add(u64::from(is_lost), std::sync::atomic::Ordering::Relaxed);
                run
            };
            life.work(&mut run, 10);
            life.end(run, End::Power(model));
        }
        if is_strict {
            life.must_open()?;
        }
        Ok(life.counts)
    });
    let unseen = unseen.into_inner();
    let line = counts
        .line(seeds)
        .replace("0 promised", "0 promised in the strict modes");
    fault(
        "14b",
        &format!("{line}, {unseen} images of the others lost some"),
    );
}

/// Goal: a drive that says flushed and did not cannot be survived, but never gives a wrong record,
/// and what crosses the durable mark is refused.
#[test]
fn flush_that_was_ignored_is_found_or_harmless() {
    let seeds = Seeds::new(100, 3_000);
    let outcomes = std::sync::Mutex::new((0_u64, 0_u64));
    let counts = each(seeds, |seed| {
        let mut life = Life::new(seed);
        let mut run = life.must_open()?;
        life.work(&mut run, 6);
        life.sim.set_lies(true);
        life.work(&mut run, 12);
        let end = End::Power(Model::new(Pick::Any, 512));
        life.end(run, end);
        life.sim.set_lies(false);
        let promised = std::mem::take(&mut life.ledger.durable);
        life.ledger.promised = 0;
        let mut outcomes = outcomes.lock().unwrap();
        match life.open()? {
            None => outcomes.1 += 1,
            Some(_) => outcomes.0 += u64::from(life.log.chain.n < promised),
        }
        Ok(life.counts)
    });
    let (missing, refused) = outcomes.into_inner().unwrap();
    fault(
        "19",
        &format!(
            "{} images, {refused} found and refused, {missing} lost promised records unseen (the \
             mark was lost with them), 0 wrong records, seeds {} + {}",
            counts.images, seeds.first, seeds.count
        ),
    );
    assert!(refused > 0, "no lie was found");
}
