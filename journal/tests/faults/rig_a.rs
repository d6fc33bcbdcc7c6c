//! Rows 11, 17 and 21 on rig A: real ext4 on a loop device whose power is cut under load.

use std::thread::sleep;
use std::time::Duration;

use journal::{Durability, Folder};
use rand::RngExt;

use crate::child::Order;
use crate::common::{Seeds, fault, random, small, times};
use crate::oracle::{Chain, Ledger, recovered};
use crate::rigs;
use crate::rigs::loopfs::{LoopFs, as_another_boot};

const MEBIBYTES: u64 = 48;

#[derive(Default)]
struct Cuts {
    cuts: u64,
    promised: u64,
    kept: u64,
    removed: u64,
}

/// Cuts the power under a child `count` times, on one file system, in this mode.
fn cut_again_and_again(seed: u64, count: u64, durability: Durability, cuts: &mut Cuts) {
    let mut disk = LoopFs::new(MEBIBYTES);
    let mut random = random(seed);
    let (mut ledger, mut chain) = (Ledger::new(), Chain::default());
    for round in 0..count {
        let salt = seed ^ round << 16;
        ledger.begin(chain.n, salt);
        let dir = disk.dir();
        let mut order = Order::new(&dir, salt, chain);
        order.durability = durability;
        if durability != Durability::Process {
            order.pause = Duration::from_micros(random.random_range(0..200));
        }
        let mut child = order.spawn();
        child.wait_open();
        sleep(Duration::from_micros(random.random_range(0..60_000)));
        disk.cut_power();
        // It cannot touch the disk any more; what it reported was durable before.
        let reported = child.kill();
        disk.start_again();
        as_another_boot(&dir);
        ledger.accepted = None;
        ledger.durable = ledger.durable.max(reported.durable);
        ledger.promised = ledger.durable;
        let options = small(durability);
        let (log, recovery) = recovered(&Folder::on_disk(&dir), &options, &ledger);
        cuts.cuts += 1;
        cuts.promised += reported.durable.saturating_sub(chain.n);
        cuts.kept += log.chain.n.saturating_sub(chain.n);
        cuts.removed += recovery.removed.len() as u64;
        chain = log.chain;
        // Recovery synced what it kept.
        ledger.durable = chain.n;
    }
}

fn report(row: &str, cuts: &Cuts, seed: u64) {
    let Cuts {
        cuts,
        promised,
        kept,
        removed,
    } = cuts;
    fault(
        row,
        &format!(
            "{cuts} images of ext4 after a power cut, {promised} records promised, {kept} kept, \
             {removed} torn ends cut, 0 promised lost, seed {seed}"
        ),
    );
}

fn interval() -> Durability {
    Durability::Interval(Duration::from_millis(5))
}

#[test]
#[ignore = "needs root and loop devices"]
fn power_cut_under_load_in_every_mode() {
    if let Some(why) = rigs::missing() {
        return fault("11", &format!("not run: {why}"));
    }
    let seed = Seeds::new(1, 1).first;
    let mut cuts = Cuts::default();
    for durability in [
        Durability::Process,
        interval(),
        Durability::Group,
        Durability::Sync,
    ] {
        for fresh in 0..times(1, 3) {
            cut_again_and_again(seed + fresh, times(2, 5), durability, &mut cuts);
        }
    }
    assert!(cuts.promised > 0, "nothing was promised");
    report("11", &cuts, seed);
}

/// Goal: segments are made and entered all the time; the power is cut in between.
#[test]
#[ignore = "needs root and loop devices"]
fn power_cut_while_segments_are_made() {
    if let Some(why) = rigs::missing() {
        return fault("17", &format!("not run: {why}"));
    }
    let seed = Seeds::new(1, 1).first ^ 17;
    let mut cuts = Cuts::default();
    for fresh in 0..times(3, 20) {
        cut_again_and_again(seed + fresh, 2, Durability::Process, &mut cuts);
    }
    report("17", &cuts, seed);
}

#[test]
#[ignore = "needs root and loop devices"]
fn power_cut_fifty_times_in_a_row() {
    if let Some(why) = rigs::missing() {
        return fault("21", &format!("not run: {why}"));
    }
    let seed = Seeds::new(1, 1).first ^ 21;
    let mut cuts = Cuts::default();
    cut_again_and_again(seed, times(5, 50), interval(), &mut cuts);
    report("21", &cuts, seed);
}
