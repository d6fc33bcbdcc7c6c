//! Rows 18, 25 and 42 on the simulated disk: archive, prune and salvage, cut off at every call;
//! sectors that cannot be read; segments' files that were moved.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use journal::salvage::{SalvageError, Salvaged, salvage};
use journal::snapshot::{self, Snapshot};
use journal::{
    ArchiveOptions, Durability, Folder, OpenError, PruneOptions, Reader, Writer, archive, prune,
};
use model::record::{Kind, Record};
use rand::RngExt;
use rand_pcg::Pcg64;

use crate::common::{PER_SEGMENT, Seeds, fault, random, segment, small};
use crate::oracle::image;
use crate::sim::crash::{Model, Pick};
use crate::sim::{Fault, Plan, Sim};

/// Full segments of the journals here.
const FULL: u32 = 5;
const INTERVAL: Durability = Durability::Interval(std::time::Duration::from_millis(10));
/// Last sequence: in the segment behind those.
const LAST: u64 = FULL as u64 * PER_SEGMENT + 17;

fn record(n: u64) -> Record {
    let mut record = Record::ZERO;
    record.kind = Kind::Tick.code();
    record.event = n;
    record.time_ns = 1_000 + n;
    for (i, byte) in (0_u64..).zip(&mut record.body) {
        *byte = u8::try_from((n * 31 + i) % 251).unwrap();
    }
    record
}

/// A journal with `FULL` full segments and a bit, closed in order or left by a killed writer, with
/// a snapshot behind the third segment.
fn journal_of(is_closed: bool) -> Sim {
    let sim = Sim::new();
    let folder = sim.folder();
    let (mut writer, mut steps, _) = Writer::open_stepped(&folder, small(INTERVAL)).unwrap();
    for n in 1..=LAST {
        while writer.append(&record(n)).is_err() {
            steps.sync();
            steps.prepare().unwrap();
        }
    }
    steps.sync();
    if is_closed {
        steps.close(writer).unwrap();
    } else {
        drop((writer, steps));
        sim.process_ends();
    }
    let snapshot = Snapshot {
        seq: 3 * PER_SEGMENT + 5,
        epoch: 1,
        time_ns: 1,
        layout: 1,
        state_hash: [7; 32],
        payload: vec![1; 100],
    };
    let id = Reader::open_in(&folder).unwrap().journal_id();
    snapshot::write(&folder, id, &snapshot).unwrap();
    sim
}

/// First and last sequence of the log; every record is the one that was appended.
fn assert_log(folder: &Folder, when: &str) -> (u64, u64) {
    let mut reader = Reader::open_in(folder).unwrap_or_else(|e| panic!("{when}: {e}"));
    let first = reader.first_seq();
    let mut seq = first;
    while let Some(found) = reader.next().unwrap_or_else(|e| panic!("{when}: {e}")) {
        assert_eq!(found.seq, seq, "{when}");
        assert!(found.same_decision(&record(seq)), "{when}: record {seq}");
        seq += 1;
    }
    (first, seq - 1)
}

/// The crash is over: the log is whole, the same work can be done again, and a writer goes on and
/// leaves nothing behind. Whether the work had been done before.
fn assert_survives(sim: &Sim, work: &dyn Fn(&Folder), is_done: &dyn Fn(u64) -> bool, when: &str) {
    let folder = sim.folder();
    let (first, last) = assert_log(&folder, when);
    assert!(
        first == 1 || is_done(first),
        "{when}: the log starts at {first}"
    );
    assert_eq!(last, LAST, "{when}");
    let again = sim.copy();
    work(&again.folder());
    let (first, last) = assert_log(&again.folder(), when);
    assert_eq!(last, LAST, "{when}");
    if !is_done(first) {
        // The power took the last durable marks too: a recovery must promise the segments first.
        let recovered = again.copy();
        let opened = Writer::open_stepped(&recovered.folder(), small(INTERVAL));
        let (writer, steps, _) = opened.unwrap_or_else(|e| panic!("{when}: {e}"));
        steps.close(writer).unwrap();
        work(&recovered.folder());
        let (first, last) = assert_log(&recovered.folder(), when);
        assert!(is_done(first) && last == LAST, "{when}: done again");
    }
    for sim in [sim.copy(), again] {
        let folder = sim.folder();
        let (first, _) = assert_log(&folder, when);
        let opened = Writer::open_stepped(&folder, small(Durability::Process));
        let (mut writer, steps, recovery) = opened.unwrap_or_else(|e| panic!("{when}: {e}"));
        assert_eq!(recovery.last_seq, LAST, "{when}");
        writer.append(&record(LAST + 1)).unwrap();
        steps.close(writer).unwrap();
        assert_eq!(assert_log(&folder, when), (first, LAST + 1), "{when}");
        let below = (first - 1) / PER_SEGMENT;
        for path in sim.paths() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(!name.ends_with(".new"), "{when}: {name} is left");
            let digits = name.strip_prefix("segment-").map(|rest| &rest[..10]);
            let number = digits.map(|digits| digits.parse::<u64>().unwrap());
            assert!(number.is_none_or(|n| n >= below), "{when}: {name} is left");
        }
    }
}

/// What stands in the way of reading is told by the tests above.
fn do_archive(folder: &Folder) {
    let _cut_off = archive(folder, ArchiveOptions::default(), &mut |_, _| {});
}

fn do_prune(folder: &Folder) {
    let options = PruneOptions {
        keep_bytes: Some(0),
        ..PruneOptions::default()
    };
    let _cut_off = prune(folder, options);
}

struct Work {
    name: &'static str,
    run: fn(&Folder),
    is_done: fn(u64) -> bool,
}

const WORKS: [Work; 2] = [
    Work {
        name: "archive",
        run: do_archive,
        is_done: |first| first == 1,
    },
    Work {
        name: "prune",
        run: do_prune,
        is_done: |first| first == 3 * PER_SEGMENT + 1,
    },
];

/// Goal: killed at any call, the log is whole, and the work can be done again.
#[test]
fn fault_18_kill_at_each_call_of_archive_and_prune() {
    let mut images = 0;
    for is_closed in [true, false] {
        let base = journal_of(is_closed);
        for Work { name, run, is_done } in WORKS {
            for at in 1.. {
                let sim = base.copy();
                sim.plan(plan(at));
                run(&sim.folder());
                let was_cut_off = sim.is_dead();
                sim.process_ends();
                let when = format!("{name} killed at call {at}, closed: {is_closed}");
                assert_survives(&sim, &run, &is_done, &when);
                images += 1;
                if !was_cut_off {
                    break;
                }
            }
        }
    }
    assert!(images > 100);
    fault(
        "18",
        &format!("{images} images, archive and prune killed at each call, seed 1"),
    );
}

/// Goal: what the power takes away, renames and unlinks included, is done again, and no segment
/// comes back into history.
#[test]
fn fault_18_power_loss_undoes_renames_and_unlinks() {
    let seeds = Seeds::new(12, 400);
    let (mut images, mut came_back) = (0, 0);
    for seed in seeds.each() {
        let mut random = random(seed);
        let base = journal_of(seed % 2 == 0);
        for Work { name, run, is_done } in WORKS {
            let whole = base.copy();
            whole.plan(None);
            run(&whole.folder());
            let calls = whole.calls();
            for _ in 0..6 {
                let at = random.random_range(1..=calls + 1);
                let sim = base.copy();
                sim.plan(plan(at));
                run(&sim.folder());
                let mut model = Model::new(Pick::Any, 512);
                model.names_reordered = true;
                sim.power_fails(model, &mut random);
                came_back += u64::from(has_leftovers(&sim));
                let when = format!("seed {seed}: power failed at call {at} of {name}");
                assert_survives(&sim, &run, &is_done, &when);
                images += 1;
            }
        }
    }
    assert!(came_back > 0, "no unlink was undone");
    let counts = format!("{images} images, power lost in archive and prune: {came_back} with");
    let first = seeds.first;
    fault(
        "18",
        &format!("{counts} segments that came back, seed {first}"),
    );
}

fn plan(at: u64) -> Option<Plan> {
    Some(Plan {
        at,
        for_good: false,
        fault: Fault::Kill,
    })
}

/// Whether a file of a segment is there that the superblock says is pruned.
fn has_leftovers(sim: &Sim) -> bool {
    let folder = sim.folder();
    let first = Reader::open_in(&folder).unwrap().first_seq();
    first > 1 && sim.paths().contains(&segment(folder.dir(), 0))
}

/// Goal: a sector that cannot be read is refused with its file, nothing is changed; salvage gives
/// the records before it as a journal and those behind it one by one.
#[test]
fn fault_25_salvage_skips_sectors_that_cannot_be_read() {
    let seeds = Seeds::new(40, 4_000);
    let (mut refused, mut copied, mut behind, mut lost) = (0, 0, 0, 0);
    for seed in seeds.each() {
        let mut random = random(seed);
        let sim = journal_of(false);
        let folder = sim.folder();
        let bad = break_sectors(&sim, &mut random);
        let Some(&first_bad) = bad.first() else {
            continue;
        };
        let before = names(&sim);
        let error = Writer::open_in(&folder, small(Durability::Process))
            .err()
            .unwrap();
        let first = segment(
            folder.dir(),
            u32::try_from((first_bad - 1) / PER_SEGMENT).unwrap(),
        );
        assert!(
            matches!(&error, OpenError::Io { path, .. } if *path == first),
            "seed {seed}: {error}"
        );
        refused += 1;
        let target = Sim::new();
        let (result, found) = salvage_all(&folder, &target.folder());
        assert_eq!(names(&sim), before, "seed {seed}: the source was changed");
        let good: Vec<u64> = (first_bad..=LAST)
            .filter(|seq| !bad.contains(seq))
            .collect();
        let seqs: Vec<u64> = found.iter().map(|record| record.seq).collect();
        assert_eq!(seqs, good, "seed {seed}");
        for record_found in &found {
            assert!(
                record_found.same_decision(&record(record_found.seq)),
                "seed {seed}"
            );
        }
        behind += good.len() as u64;
        if first_bad == 1 {
            assert!(result.is_err(), "seed {seed}: nothing is intact");
            continue;
        }
        let salvaged = result.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert_eq!(salvaged.last_seq, first_bad - 1, "seed {seed}");
        let lost_here = salvaged.lost.iter().flat_map(Clone::clone);
        let at_the_end = |seq: &u64| good.last().is_none_or(|last| seq < last);
        let expected = bad.iter().copied().filter(at_the_end).collect::<Vec<_>>();
        assert!(
            lost_here.filter(|seq| at_the_end(seq)).eq(expected),
            "seed {seed}: {:?}",
            salvaged.lost
        );
        assert_target(&target, first_bad - 1, seed);
        copied += salvaged.copied;
        lost += salvaged.lost_records;
    }
    let counts = format!("{refused} refused, then salvaged: {copied} records copied, {behind}");
    let first = seeds.first;
    fault(
        "25",
        &format!("{counts} behind the damage kept, {lost} lost, seed {first}"),
    );
}

/// Makes some sectors unreadable; the sequences of the records in them.
fn break_sectors(sim: &Sim, random: &mut Pcg64) -> BTreeSet<u64> {
    let mut bad = BTreeSet::new();
    for _ in 0..random.random_range(1..4) {
        let id = random.random_range(0..=FULL);
        let sector = random.random_range(8..120_u64);
        let range = sector * 512..(sector + random.random_range(1..=4)) * 512;
        let first = u64::from(id) * PER_SEGMENT + (range.start - 4096) / 128 + 1;
        let count = range.end.min(4096 + PER_SEGMENT * 128) - range.start;
        bad.extend((first..first + count / 128).filter(|&seq| seq <= LAST));
        sim.make_bad(&segment(sim.folder().dir(), id), range);
    }
    bad
}

/// Salvages; what came of it, and the records behind the damage.
fn salvage_all(from: &Folder, to: &Folder) -> (Result<Salvaged, SalvageError>, Vec<Record>) {
    let mut behind = Vec::new();
    let mut keep = |record: &Record| {
        behind.push(*record);
        Ok(())
    };
    let result = salvage(from, to, &mut keep, &mut |_, _| {});
    (result, behind)
}

/// The new journal holds 1 to `last`, and can be written to.
fn assert_target(target: &Sim, last: u64, seed: u64) {
    let folder = target.folder();
    assert_eq!(assert_log(&folder, &format!("seed {seed}")), (1, last));
    let opened = Writer::open_stepped(&folder, small(Durability::Process));
    let (mut writer, mut steps, recovery) = opened.unwrap();
    assert!(recovery.clean && recovery.last_seq == last);
    steps.prepare().unwrap();
    writer.append(&record(last + 1)).unwrap();
    steps.close(writer).unwrap();
    assert_eq!(assert_log(&folder, &format!("seed {seed}")), (1, last + 1));
}

fn names(sim: &Sim) -> Vec<PathBuf> {
    sim.paths()
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Goal: every way to move, copy or lose a segment's file is refused, with the file, and nothing is
/// changed; whatever is read before that is right.
#[test]
fn fault_42_segments_missing_doubled_swapped_renamed() {
    let seeds = Seeds::new(30, 2_000);
    let (mut by_open, mut by_reading) = (0, 0);
    for seed in seeds.each() {
        let mut random = random(seed);
        let base = journal_of(seed % 3 == 0);
        let is_archived = seed % 2 == 0;
        if is_archived {
            do_archive(&base.folder());
        }
        let dir = base.folder().dir().to_path_buf();
        // Two different segments with records; of archives the first three are packed.
        let one = random.random_range(0..=FULL);
        let other = (one + random.random_range(1..=FULL)) % (FULL + 1);
        type Change<'a> = (&'static str, Box<dyn Fn(&mut Files) + 'a>);
        let path = |id| file_of(&base, &dir, id);
        let (a, b) = (path(one), path(other));
        let changes: [Change<'_>; 6] = [
            ("lost", Box::new(|files| drop(files.remove(&a)))),
            (
                "doubled",
                Box::new(|files| drop(files.insert(b.clone(), files[&a].clone()))),
            ),
            ("swapped", Box::new(|files| swap(files, &a, &b))),
            (
                "renamed to a later one",
                Box::new(|files| {
                    let bytes = files.remove(&a).unwrap();
                    files.insert(segment(&dir, FULL + 4), bytes);
                }),
            ),
            (
                "copied to a name of no segment",
                Box::new(|files| {
                    let mut copy = a.clone().into_os_string();
                    copy.push(".copy");
                    files.insert(copy.into(), files[&a].clone());
                }),
            ),
            (
                "copied behind the last",
                Box::new(|files| {
                    files.insert(segment(&dir, FULL + 3), files[&a].clone());
                }),
            ),
        ];
        for (what, change) in changes {
            let sim = base.copy();
            sim.rearrange(|files| change(files));
            let when = format!("seed {seed}: {one} {what} ({other})");
            if refuses_to_open(&sim, &when) {
                by_open += 1;
            } else {
                // After a close in order the names are all that opening looks at in the middle;
                // who applies the log meets it there.
                let stopped = read_right_until_refused(&sim, &when);
                assert!(stopped, "{when}: nobody refused");
                by_reading += 1;
            }
        }
    }
    assert!(by_open > by_reading && by_reading > 0);
    let counts = format!(
        "{} changes refused, {by_open} by open",
        by_open + by_reading
    );
    let first = seeds.first;
    fault(
        "42",
        &format!("{counts}, {by_reading} by the first reader, seed {first}"),
    );
}

/// A segment's file, raw or archived.
fn file_of(sim: &Sim, dir: &Path, id: u32) -> PathBuf {
    let raw = segment(dir, id);
    if sim.paths().contains(&raw) {
        return raw;
    }
    raw.with_extension("zst")
}

fn swap(files: &mut Files, a: &Path, b: &Path) {
    let (first, second) = (files[a].clone(), files[b].clone());
    files.insert(a.to_path_buf(), second);
    files.insert(b.to_path_buf(), first);
}

/// Whether a writer refuses; nothing is changed then, and the error names a file.
fn refuses_to_open(sim: &Sim, when: &str) -> bool {
    let folder = sim.folder();
    let before = image(&folder);
    match Writer::open_stepped(&folder, small(Durability::Process)) {
        Ok((writer, steps, _)) => {
            drop((writer, steps));
            sim.process_ends();
            false
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("segment-"), "{when}: {text}");
            assert_eq!(image(&folder), before, "{when}: changed");
            true
        }
    }
}

/// Whether reading stops with an error, and what comes before it is right.
fn read_right_until_refused(sim: &Sim, when: &str) -> bool {
    let mut reader = match Reader::open_in(&sim.folder()) {
        Ok(reader) => reader,
        Err(_) => return true,
    };
    let mut seq = 0;
    loop {
        match reader.next() {
            Ok(Some(found)) => {
                seq += 1;
                assert!(
                    found.seq == seq && found.same_decision(&record(seq)),
                    "{when}"
                );
            }
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}
