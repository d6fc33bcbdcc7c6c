//! Rows 46 to 50 and 52: clocks, versions, processors, page sizes, starved helpers.

use journal::{AppendError, Durability, Reader, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use model::record::{Kind, Record};
use rand::RngExt;
use zerocopy::IntoBytes;

use crate::common::{PER_SEGMENT, Seeds, append, fault, offset_of, random, segment, small, times};
use crate::life::{End, Life, each, lives_with};
use crate::oracle::Chain;
use crate::sim::crash::{Model, Pick};

const HOUR: i64 = 3_600_000_000_000;

/// Goal: nothing that the journal does depends on what the clock says.
#[test]
fn clock_jumps() {
    let seeds = Seeds::new(60, 3_000);
    let counts = each(seeds, |seed| {
        let prepare = |life: &mut Life| {
            let now = life.random.random_range(-HOUR..i64::MAX);
            let step = life.random.random_range(-HOUR..9_000 * HOUR);
            life.sim.set_clock(now, step);
        };
        lives_with(seed, 3, 1, prepare, |random| {
            match random.random_range(0..3) {
                0 => End::Close,
                1 => End::Kill,
                _ => End::Power(Model::new(Pick::Any, 512)),
            }
        })
    });
    fault("46", &counts.line(seeds));
    assert_eq!(counts.refused, 0);
}

/// Goal: a kernel that writes back 16 or 64 KiB at a time changes nothing; sizes fit such pages.
#[test]
fn pages_of_other_sizes() {
    for bytes in [SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX] {
        assert!(
            bytes.is_multiple_of(64 << 10),
            "a segment is not whole pages"
        );
    }
    let seeds = Seeds::new(60, 3_000);
    let counts = each(seeds, |seed| {
        let page = [16 << 10, 64 << 10][usize::try_from(seed % 2).unwrap()];
        let end = End::Power(Model::new(Pick::Any, page));
        lives_with(seed, 3, 1, |life| life.sim.set_page(page), |_| end)
    });
    fault(
        "50",
        &format!("pages of 16 and 64 KiB: {}", counts.line(seeds)),
    );
    assert_eq!(counts.refused, 0);
}

fn some_journal(count: u64) -> Life {
    let mut life = Life::with(8, random(8), Durability::Process);
    let mut run = life.must_open().unwrap();
    for _ in 0..count {
        assert!(life.append(&mut run));
    }
    life.end(run, End::Close);
    life
}

/// Changes a 512-byte block at `start` and makes its checksum right again.
fn reseal(bytes: &mut [u8], start: usize, change: impl FnOnce(&mut [u8])) {
    let block = &mut bytes[start..start + 512];
    change(block);
    let checksum = crc32c::crc32c(&block[..508]);
    block[508..].copy_from_slice(&checksum.to_le_bytes());
}

/// Goal: another version is refused by its number, wherever it stands, and never misread; a kind
/// that nobody knows is kept as it is.
#[test]
fn versions_and_kinds_that_nobody_knows() {
    let base = some_journal(20);
    let dir = base.folder.dir().to_path_buf();
    let versions = (0..times(200, 5_000)).map(|n| if n < 100 { n } else { n * 858_993 });
    let mut refused = 0;
    for version in versions
        .map(|v| u32::try_from(v % (1 << 32)).unwrap())
        .filter(|&v| v != 1)
    {
        for name in ["superblock", "segment-0000000000"] {
            let sim = base.sim.copy();
            sim.edit(&dir.join(name), |bytes| {
                let starts: &[usize] = if name == "superblock" {
                    &[0, 4096]
                } else {
                    &[0]
                };
                for &start in starts {
                    reseal(bytes, start, |block| {
                        block[8..12].copy_from_slice(&version.to_le_bytes());
                    });
                }
            });
            let error = journal::Writer::open_stepped(&sim.folder(), base.options.clone());
            let error = error.err().unwrap().to_string();
            assert!(error.contains(&format!("version {version},")), "{error}");
            refused += 1;
        }
    }
    let mut life = some_journal(3);
    let mut run = life.must_open().unwrap();
    let mut kinds = 0;
    for kind in (1..=255).filter(|&kind| kind != 57 && Kind::ALL.iter().all(|k| k.code() != kind)) {
        let mut record = Record::ZERO;
        record.kind = kind;
        let seq = run.writer.append(&record).unwrap();
        let mut reader = Reader::open_in(&life.folder).unwrap();
        reader.seek(seq);
        assert_eq!(reader.next().unwrap().unwrap().kind, kind);
        kinds += 1;
    }
    fault(
        "48",
        &format!(
            "{refused} images of other versions, all refused by number; {kinds} unknown kinds kept"
        ),
    );
}

/// CRC-32C by its definition, bit by bit.
fn crc_by_definition(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            let carry = if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            crc = crc >> 1 ^ carry;
        }
    }
    !crc
}

/// Goal: what this processor's instruction sums is what the definition says, byte order included:
/// a processor without it reads the same files.
#[test]
fn checksums_by_their_definition() {
    let count = times(2_000, 100_000);
    let life = some_journal(count);
    let dir = life.folder.dir().to_path_buf();
    let superblock = life.sim.bytes(&dir.join("superblock"));
    let mut checked = 0;
    for seq in 1..=count {
        let id = u32::try_from((seq - 1) / PER_SEGMENT).unwrap();
        let mut bytes = vec![0; 128];
        let path = segment(&dir, id);
        life.sim.change_cache(&path, offset_of(seq), 128, |found| {
            bytes.copy_from_slice(found)
        });
        // Journal id and segment id come first, then the record behind its checksum.
        let mut summed = superblock[24..32].to_vec();
        summed.extend_from_slice(&id.to_le_bytes());
        summed.extend_from_slice(&bytes[4..]);
        let stored = u32::from_le_bytes(bytes[..4].try_into().unwrap());
        assert_eq!(stored, crc_by_definition(&summed), "record {seq}");
        if seq.is_multiple_of(997) {
            let mut reader = Reader::open_in(&life.folder).unwrap();
            reader.seek(seq);
            assert_eq!(reader.next().unwrap().unwrap().as_bytes(), bytes);
        }
        checked += 1;
    }
    fault(
        "49",
        &format!("{checked} records, all with the checksum of the definition"),
    );
}

/// Goal: helpers that never run cost room and durability, and never a record: append goes on while
/// there are segments, says so then, and nothing is promised that was not synced.
#[test]
fn helpers_that_never_run() {
    let mut accepted = 0;
    for durability in [
        Durability::Process,
        Durability::Interval(std::time::Duration::from_millis(10)),
        Durability::Group,
    ] {
        let mut life = Life::with(2, random(2), durability);
        let mut run = life.must_open().unwrap();
        run.steps.prepare().unwrap();
        let promised = run.writer.durable_seq();
        let error = loop {
            let record = life.log.chain.next(2 << 8 | 1);
            match run.writer.append(&record) {
                Ok(seq) => life.log.push(seq, &record),
                Err(error) => break error,
            }
        };
        assert_eq!(error, AppendError::SegmentNotReady);
        // The segment that it had, and the two that were ahead.
        assert_eq!(life.log.chain.n, 3 * PER_SEGMENT);
        assert_eq!(run.writer.durable_seq(), promised);
        assert!(run.writer.watch().failed().is_none());
        life.ledger.accepted = Some(life.log.chain.n);
        accepted += life.log.chain.n;
        run.steps.prepare().unwrap();
        assert!(life.append(&mut run), "it does not go on");
        life.end(run, End::Kill);
        life.must_open().unwrap();
    }
    fault(
        "52",
        &format!("3 modes, {accepted} records without a helper, 0 lost, 0 promised unsynced"),
    );
}

/// Goal: readers that follow a writer over many rolls see every record once, whole and in order.
#[test]
fn readers_beside_a_writer() {
    let dir = tempfile::tempdir().unwrap();
    let last = times(20, 300) * PER_SEGMENT;
    let (mut writer, _) = journal::Writer::open(dir.path(), small(Durability::Process)).unwrap();
    let follow = || {
        let mut reader = Reader::open(dir.path()).unwrap();
        let mut chain = Chain::default();
        while chain.n < last {
            if let Some(found) = reader.next().unwrap() {
                assert!(
                    found.same_decision(&chain.next(53)),
                    "record {}",
                    chain.n + 1
                );
                chain.push(found);
            }
        }
        chain.hash
    };
    let mut chain = Chain::default();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3).map(|_| scope.spawn(follow)).collect();
        for _ in 0..last {
            let record = chain.next(53);
            append(&mut writer, &record).unwrap();
            chain.push(&record);
        }
        for reader in readers {
            assert_eq!(reader.join().unwrap(), chain.hash);
        }
    });
    let rolls = last / PER_SEGMENT;
    fault(
        "53",
        &format!("3 readers, {last} records over {rolls} segments each, 0 torn, 0 missed"),
    );
}
