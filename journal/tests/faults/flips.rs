//! Rows 34 and 35: every bit of a 1 MiB journal is flipped, one at a time, and looked for.
//!
//! Sixteen full segments, closed in order. A flip in a record must be reported when that record is
//! read; one in a header when its segment is. What is not looked at is padding, and [`is_padding`]
//! says which bytes: the test fails for an unseen flip anywhere else.

use std::sync::Mutex;

use journal::{Durability, ReadError, Reader};
use model::record::Record;

use crate::common::{PER_SEGMENT, fault, is_slow, random, segment};
use crate::life::{End, Life};
use crate::sim::Sim;

const SEGMENTS: u64 = 16;
const SEGMENT: usize = 65_536;
/// Default form: every so many bits. Prime, so that all bits of all bytes come.
const SAMPLE: usize = 1_009;

/// A closed journal whose segments are all full.
fn full_journal() -> Life {
    let mut life = Life::with(3, random(3), Durability::Process);
    let mut run = life.must_open().unwrap();
    while life.log.chain.n < SEGMENTS * PER_SEGMENT {
        assert!(life.append(&mut run));
    }
    life.end(run, End::Close);
    life
}

/// Bytes of a segment that hold nothing (`FORMAT.md`): the rest of the header's page. The durable
/// marks in it (24 bytes at 1024 and 2048) matter to a recovery only, and not after a close; row 35
/// flips those of a killed writer's journal.
fn is_padding(offset: usize) -> bool {
    (512..4096).contains(&offset) || offset >= SEGMENT - 4096
}

#[derive(Default, Clone, Copy)]
struct Found {
    records: u64,
    headers: u64,
    padding: u64,
}

/// The record at `seq` as a new reader gets it.
fn read(sim: &Sim, seq: u64) -> Result<Option<Record>, ReadError> {
    let mut reader = Reader::open_in(&sim.folder())?;
    reader.seek(seq);
    reader.next().map(|record| record.copied())
}

/// Flips one bit and looks for it.
fn flip(sim: &Sim, id: u32, bit: usize, found: &mut Found) {
    let (offset, mask) = (bit / 8, 1_u8 << (bit % 8));
    let path = segment(sim.folder().dir(), id);
    let first = u64::from(id) * PER_SEGMENT + 1;
    let seq = if (4096..SEGMENT - 4096).contains(&offset) {
        first + (offset as u64 - 4096) / 128
    } else {
        first
    };
    let toggle = || sim.change_cache(&path, offset, 1, |bytes| bytes[0] ^= mask);
    toggle();
    let outcome = read(sim, seq);
    toggle();
    match outcome {
        Err(ReadError::Damaged(damage)) if offset >= 4096 => {
            assert_eq!(damage.seq, seq, "bit {bit} of segment {id}: {damage}");
            found.records += 1;
        }
        Err(_) if offset < 512 => found.headers += 1,
        Ok(Some(_)) if is_padding(offset) => found.padding += 1,
        other => panic!("flip of bit {bit} of segment {id}: {other:?}"),
    }
}

#[test]
fn every_bit_of_a_megabyte() {
    let life = full_journal();
    let step = if is_slow() { 1 } else { SAMPLE };
    let total = Mutex::new(Found::default());
    let work = |thread: u32| {
        let sim = life.sim.copy();
        let mut found = Found::default();
        for id in (thread..u32::try_from(SEGMENTS).unwrap()).step_by(4) {
            let start = id as usize % step;
            for bit in (start..8 * SEGMENT).step_by(step) {
                flip(&sim, id, bit, &mut found);
            }
        }
        let mut total = total.lock().unwrap();
        total.records += found.records;
        total.headers += found.headers;
        total.padding += found.padding;
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || work(thread));
        }
    });
    let Found {
        records,
        headers,
        padding,
    } = total.into_inner().unwrap();
    let all = records + headers + padding;
    assert!(all >= (SEGMENTS as usize * SEGMENT * 8 / step) as u64);
    fault(
        "34",
        &format!("{all} bits flipped, {records} in records, all found with their sequence"),
    );
    fault(
        "35",
        &format!(
            "{headers} bits of segment headers, all found; {padding} bits in padding (bytes 512 \
             to 4095 and the unsealed footer's page)"
        ),
    );
}

/// Goal: either superblock slot, or either mark, may be damaged; both are refused.
#[test]
fn every_bit_of_superblock_and_marks() {
    let mut life = full_journal();
    let mut run = life.must_open().unwrap();
    for _ in 0..40 {
        life.append(&mut run);
    }
    drop(run);
    life.crash(End::Kill);
    let dir = life.folder.dir().to_path_buf();
    let step = if is_slow() { 1 } else { 41 };
    let mut survived = 0;
    for slot in [0, 4096] {
        for bit in (0..8 * 512).step_by(step) {
            let sim = life.sim.copy();
            sim.edit(&dir.join("superblock"), |bytes| {
                bytes[slot + bit / 8] ^= 1 << (bit % 8);
            });
            judge(&life, sim, true);
            survived += 1;
        }
    }
    let tail = segment(&dir, u32::try_from(SEGMENTS).unwrap());
    for place in [1024, 2048] {
        for bit in 0..8 * 24 {
            let sim = life.sim.copy();
            sim.edit(&tail, |bytes| bytes[place + bit / 8] ^= 1 << (bit % 8));
            judge(&life, sim, true);
            survived += 1;
        }
    }
    let mut refused = 0;
    for bit in (0..8 * 512).step_by(step) {
        let sim = life.sim.copy();
        sim.edit(&dir.join("superblock"), |bytes| {
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes[4096 + (bit / 8 + 7) % 512] ^= 1;
        });
        judge(&life, sim, false);
        refused += 1;
    }
    fault(
        "35",
        &format!(
            "{survived} images with a bit of one superblock slot or mark: all opened; {refused} \
             images with both slots damaged: all refused"
        ),
    );
}

fn judge(life: &Life, sim: Sim, opens: bool) {
    let mut copy = Life::with(4, random(4), Durability::Process);
    copy.folder = sim.folder();
    copy.sim = sim;
    copy.ledger = life.ledger.clone();
    copy.log = life.log.clone();
    let is_open = copy.open().unwrap().is_some();
    assert_eq!(is_open, opens, "{:?}", copy.refusal);
}
