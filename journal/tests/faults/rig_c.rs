//! Rows 13 and 16 on rig C: ext4 on a loop device on the FUSE recorder, which is a drive with a
//! volatile cache: after a power failure it has everything up to the last flush, and any 512-byte
//! sectors of what came behind.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use journal::{Durability, Folder};
use rand::RngExt;
use rustix::mount::MountFlags;

use crate::child::Order;
use crate::common::{Seeds, fault, random, small};
use crate::oracle::{Chain, Ledger, recovered};
use crate::rigs;
use crate::rigs::fuse::{Event, Fuse};
use crate::rigs::loopfs::{Loop, Mount, as_another_boot, run};

const DRIVE: usize = 24 << 20;
const SALT: u64 = 0xc0c;

/// What a drive saw, and what was promised when.
struct Trace {
    events: Vec<Event>,
    /// Power is not cut before this event: the file system is being made.
    made: usize,
    promises: Vec<(usize, u64)>,
}

/// Makes a file system on a recorded drive and runs a child on it for a while.
fn record(durability: Durability) -> Trace {
    let drive = Fuse::new(&[("drive", DRIVE)]);
    let base = tempfile::tempdir().unwrap();
    let device = Loop::on(&drive.dir().join("drive"));
    run("mkfs.ext4", &["-q", "-F", &device.device]);
    let flags = MountFlags::empty();
    let mount = Mount::new(&device.device, base.path(), "ext4", flags, "").unwrap();
    rustix::fs::syncfs(File::open(base.path()).unwrap()).unwrap();
    let made = drive.state().events.len();
    let dir = base.path().join("journal");
    let mut order = Order::new(&dir, SALT, Chain::default());
    order.durability = durability;
    order.pause = Duration::from_micros(100);
    let mut child = order.spawn();
    let mut promises = Vec::new();
    child.wait_open();
    let until = Instant::now() + Duration::from_millis(500);
    while Instant::now() < until {
        // In this order: what is promised now was flushed before.
        let promised = child.durable();
        promises.push((drive.state().events.len(), promised));
        std::thread::sleep(Duration::from_micros(500));
    }
    child.kill();
    let events = drive.state().events.clone();
    drop(mount);
    drop(device);
    Trace {
        events,
        made,
        promises,
    }
}

/// Writes the drive as a power failure behind event `cut` leaves it.
fn image(path: &Path, trace: &Trace, cut: usize, seed: u64) {
    let mut random = random(seed);
    let events = &trace.events[..cut];
    let is_flush = |event: &Event| matches!(event, Event::Sync { .. });
    let flushed = events.iter().rposition(is_flush).unwrap_or(0);
    let file = File::create(path).unwrap();
    file.set_len(DRIVE as u64).unwrap();
    for (at, event) in events.iter().enumerate() {
        let Event::Write { offset, bytes, .. } = event else {
            continue;
        };
        if at < flushed {
            file.write_all_at(bytes, *offset as u64).unwrap();
            continue;
        }
        for (index, sector) in bytes.chunks(512).enumerate() {
            if random.random_bool(0.5) {
                file.write_all_at(sector, (offset + index * 512) as u64)
                    .unwrap();
            }
        }
    }
}

#[derive(Default)]
struct Judged {
    images: u64,
    cut: u64,
    empty: u64,
}

fn judge(trace: &Trace, seed: u64, from: usize, durability: Durability, judged: &mut Judged) {
    let mut random = random(seed ^ 0x51);
    let cut = random.random_range(from..=trace.events.len());
    let base = tempfile::tempdir().unwrap();
    let (path, top) = (base.path().join("image"), base.path().join("mount"));
    image(&path, trace, cut, seed);
    fs::create_dir(&top).unwrap();
    let device = Loop::on(&path);
    let flags = MountFlags::empty();
    // ext4 replays its own journal here.
    let mount = Mount::new(&device.device, &top, "ext4", flags, "")
        .unwrap_or_else(|error| panic!("seed {seed}: ext4 does not mount: {error}"));
    let dir = top.join("journal");
    as_another_boot(&dir);
    let mut ledger = Ledger::new();
    ledger.begin(0, SALT);
    ledger.accepted = None;
    let covered = trace.promises.iter().filter(|&&(len, _)| len <= cut);
    ledger.promised = covered.map(|&(_, promised)| promised).max().unwrap_or(0);
    let folder = Folder::on_disk(&dir);
    let (log, recovery) = recovered(&folder, &small(durability), &ledger);
    judged.images += 1;
    judged.cut += u64::from(!recovery.removed.is_empty());
    judged.empty += u64::from(log.chain.n == 0);
    drop(mount);
    drop(device);
}

fn rig(row: &str, seeds: Seeds, only_start: bool) {
    if let Some(why) = rigs::missing() {
        return fault(row, &format!("not run: {why}"));
    }
    let mut judged = Judged::default();
    let mut writes = 0;
    let modes = [
        Durability::Interval(Duration::from_millis(5)),
        Durability::Group,
        Durability::Process,
    ];
    for (number, durability) in (0..).zip(modes) {
        let mut trace = record(durability);
        writes += trace.events.len();
        if only_start {
            // The journal is made in the first events behind the file system's making.
            let end = trace.events.len().min(trace.made + 60);
            trace.events.truncate(end);
        }
        for seed in seeds.first..seeds.first + seeds.count {
            if seed % 3 == number {
                judge(&trace, seed, trace.made, durability, &mut judged);
            }
        }
    }
    let Judged { images, cut, empty } = judged;
    fault(
        row,
        &format!(
            "{images} images of ext4 on {writes} recorded drive writes and flushes, {cut} cut, \
             {empty} empty, 0 promised lost, seeds {} + {}",
            seeds.first, seeds.count
        ),
    );
    assert_eq!(images, seeds.count);
}

#[test]
#[ignore = "needs root, loop devices and FUSE"]
fn drive_loses_sectors_of_its_cache() {
    rig("13", Seeds::new(9, 150), false);
}

#[test]
#[ignore = "needs root, loop devices and FUSE"]
fn drive_loses_sectors_while_files_are_made() {
    rig("16", Seeds::new(9, 60), true);
}
