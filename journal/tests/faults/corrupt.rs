//! Rows 25 and 36 to 42: bytes that are wrong, missing, stale or somewhere else.
//!
//! Each case takes a journal of several segments whose records are durable but for the last few,
//! does one thing to its files, and opens it: a right prefix with all that was promised, or a
//! refusal that changes nothing. What must be refused is said to be refused.

use std::path::PathBuf;

use journal::Durability;
use rand::RngExt;

use crate::common::{PER_SEGMENT, Seeds, fault, offset_of, segment};
use crate::life::{Counts, End, Life, Run, each};
use crate::oracle::damaged_seq;
use crate::sim::crash::{Model, Pick};

const SEGMENT: usize = 65_536;

/// Two full segments and some; all but the last few records are durable.
fn journal(seed: u64, end: End) -> Life {
    let random = crate::common::random(seed);
    let interval = Durability::Interval(std::time::Duration::from_millis(10));
    let mut life = Life::with(seed, random, interval);
    let mut run = life.must_open().unwrap();
    let count = 2 * PER_SEGMENT + life.random.random_range(20..200);
    for _ in 0..count {
        assert!(life.append(&mut run));
    }
    life.sync(&mut run);
    // The mark reaches the disk with the sync behind it.
    assert!(life.append(&mut run));
    life.sync(&mut run);
    life.note_promises(&run);
    for _ in 0..life.random.random_range(0..5) {
        assert!(life.append(&mut run));
    }
    end_run(&mut life, run, end);
    life
}

fn end_run(life: &mut Life, run: Run, end: End) {
    drop(run);
    life.crash(end);
    // Whatever happens to the files now, this must not be lost: what the mark covers.
    // The mark is late by one sync, of one record here: a power failure that is followed by damage
    // to the last commit looks like a torn tail.
    let late = u64::from(end == POWER);
    life.ledger.durable -= late;
    life.ledger.promised = life.ledger.durable;
}

const POWER: End = End::Power(Model::new(Pick::Stable, 512));

fn files(life: &Life) -> Vec<PathBuf> {
    let used = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name == "superblock"
            || ["0", "1", "2"]
                .iter()
                .any(|id| name == format!("segment-000000000{id}"))
    };
    life.sim.paths().into_iter().filter(used).collect()
}

/// Changes the files of one journal for each seed, then opens; `must_refuse` looks at the change.
fn row(number: &str, seeds: Seeds, change: impl Fn(&mut Life) -> bool + Sync) {
    let counts = each(seeds, |seed| {
        let end = if seed % 2 == 0 { End::Kill } else { POWER };
        let mut life = journal(seed, end);
        let must_refuse = change(&mut life);
        let is_open = life.open()?.is_some();
        if is_open && must_refuse {
            return Err("opened, though what was promised is damaged".to_owned());
        }
        Ok(life.counts)
    });
    report(number, &counts, seeds);
}

fn report(number: &str, counts: &Counts, seeds: Seeds) {
    // Each life opens once to be made.
    let images = counts.images - seeds.count;
    let opened = images - counts.refused;
    fault(
        number,
        &format!(
            "{images} images, {} refused, {opened} opened with nothing promised wrong or missing, \
             seeds {} + {}",
            counts.refused, seeds.first, seeds.count
        ),
    );
    assert!(counts.refused > 0, "nothing was refused");
}

/// Goal: damage in history is never taken for a torn tail; the refusal names the record.
#[test]
fn damage_in_full_segments_is_refused_by_sequence() {
    let seeds = Seeds::new(60, 4_000);
    let counts = each(seeds, |seed| {
        let end = if seed % 2 == 0 { End::Kill } else { POWER };
        let mut life = journal(seed, end);
        let seq = life.random.random_range(1..=2 * PER_SEGMENT);
        let bit: usize = life.random.random_range(0..8 * 128);
        let id = u32::try_from((seq - 1) / PER_SEGMENT).unwrap();
        let path = segment(life.folder.dir(), id);
        life.sim.edit(&path, |bytes| {
            bytes[offset_of(seq) + bit / 8] ^= 1 << (bit % 8)
        });
        match (life.open()?, &life.refusal) {
            (None, Some(error)) if damaged_seq(error) == Some(seq) => Ok(life.counts),
            (_, error) => Err(format!("record {seq}: {error:?}")),
        }
    });
    report("36", &counts, seeds);
}

#[test]
fn zeroed_sector_or_page() {
    row("37", Seeds::new(60, 4_000), |life| {
        let size = if life.random.random_bool(0.5) {
            512
        } else {
            4096
        };
        let durable = life.ledger.durable;
        let path = segment(life.folder.dir(), life.random.random_range(0..3));
        let from = life.random.random_range(0..(SEGMENT - 4096) / size) * size;
        life.sim
            .edit(&path, |bytes| bytes[from..from + size].fill(0));
        // In a full segment, records are durable; the header page has padding too.
        let is_full = path != segment(life.folder.dir(), 2);
        is_full && from >= 4096 && durable > 2 * PER_SEGMENT
    });
}

#[test]
fn file_cut_to_any_length() {
    row("38", Seeds::new(60, 4_000), |life| {
        let files = files(life);
        let path = &files[life.random.random_range(0..files.len())];
        let whole = life.sim.bytes(path).len();
        let len = match life.random.random_range(0..4) {
            0 => 0,
            1 => life.random.random_range(0..whole / 512) * 512,
            _ => life.random.random_range(0..whole),
        };
        life.sim.edit(path, |bytes| bytes.truncate(len));
        !path.ends_with("superblock")
    });
}

#[test]
fn garbage_behind_a_file() {
    row("39", Seeds::new(60, 4_000), |life| {
        let files = files(life);
        let path = &files[life.random.random_range(0..files.len())];
        let mut junk = vec![0; life.random.random_range(1..9_000)];
        life.random.fill(&mut junk[..]);
        life.sim.edit(path, |bytes| bytes.extend_from_slice(&junk));
        !path.ends_with("superblock")
    });
}

/// Goal: whole, valid bytes at the wrong place or in the wrong file never verify.
#[test]
fn bytes_at_the_wrong_place() {
    row("40", Seeds::new(60, 4_000), |life| {
        let size = [128, 512, 4096][life.random.random_range(0..3)];
        let places = (SEGMENT - 4096) / size;
        let mut place = || {
            let id = life.random.random_range(0..3_u32);
            (id, life.random.random_range(0..places) * size)
        };
        let (from, to) = (place(), place());
        let path = |id| segment(life.folder.dir(), id);
        let bytes = life.sim.bytes(&path(from.0))[from.1..from.1 + size].to_vec();
        let is_same = life.sim.bytes(&path(to.0))[to.1..to.1 + size] == bytes[..];
        life.sim.edit(&path(to.0), |all| {
            all[to.1..to.1 + size].copy_from_slice(&bytes)
        });
        !is_same && to.0 < 2 && to.1 >= 4096
    });
}

/// Goal: a part of a segment as it was a while ago is never taken for the present. A whole file
/// from an earlier time, its mark with it, is a shorter journal; only the seal can tell.
#[test]
fn stale_parts_of_a_segment() {
    row("41", Seeds::new(60, 4_000), |life| {
        let path = segment(life.folder.dir(), 2);
        let bytes = life.sim.bytes(&path);
        // As it was when fewer records stood in it.
        let used = life.ledger.durable - 2 * PER_SEGMENT;
        let then = 4096 + 128 * usize::try_from(life.random.random_range(0..used)).unwrap();
        let mut stale = bytes.clone();
        stale[then..SEGMENT - 4096].fill(0);
        let from = life.random.random_range(1..SEGMENT / 4096 - 1) * 4096;
        let len = life.random.random_range(1..=4) * 4096;
        let end = (from + len).min(SEGMENT - 4096);
        life.sim.edit(&path, |bytes| {
            bytes[from..end].copy_from_slice(&stale[from..end])
        });
        let last_durable = offset_of(life.ledger.durable);
        from.max(then) < last_durable && last_durable < end
    });
}

/// Goal: segments missing, doubled, swapped, renamed: refused, with the file.
#[test]
fn files_missing_swapped_or_doubled() {
    row("42", Seeds::new(60, 1_000), |life| {
        let path = |id| segment(life.folder.dir(), id);
        let (a, b) = (
            life.random.random_range(0..2_u32),
            life.random.random_range(0..3_u32),
        );
        let kind = life.random.random_range(0..5);
        let dir = life.folder.dir().to_path_buf();
        life.sim.rearrange(|files| match kind {
            0 => drop(files.remove(&path(a))),
            1 if a != b => {
                let (first, second) = (files[&path(a)].clone(), files[&path(b)].clone());
                files.insert(path(a), second);
                files.insert(path(b), first);
            }
            2 if a != b => {
                let copy = files[&path(a)].clone();
                files.insert(path(b), copy);
            }
            3 => {
                let bytes = files.remove(&path(a)).unwrap();
                files.insert(dir.join("segment-1"), bytes);
            }
            _ => drop(files.remove(&dir.join("superblock"))),
        });
        true
    });
}

/// Goal: what cannot be read is refused, and nothing is changed.
#[test]
fn sector_that_cannot_be_read() {
    row("25", Seeds::new(60, 4_000), |life| {
        let files = files(life);
        let path = &files[life.random.random_range(0..files.len())];
        let whole = life.sim.bytes(path).len() as u64;
        let sector = life.random.random_range(0..whole / 512) * 512;
        life.sim.make_bad(path, sector..sector + 512);
        // Records and headers are read; padding of the pages around them need not be.
        let in_records = (4096..whole - 4096).contains(&sector);
        !path.ends_with("superblock") && (in_records || sector == 0)
    });
}
