//! Makes a journal of two segments once, and a damaged copy of it for each input.
//!
//! An edit is eight bytes (operation, file, position, length) and up to 255 bytes of payload. The
//! copies lie in memory where the system has such a file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use journal::{AppendError, Durability, Options, Reader, SEGMENT_BYTES_MIN, Writer};
use model::record::Record;

pub const SEGMENT_BYTES: usize = SEGMENT_BYTES_MIN as usize;
/// One full segment of 448 and the beginning of the next.
pub const RECORDS: u64 = 460;
const RECORDS_PER_SEGMENT: usize = (SEGMENT_BYTES - 2 * PAGE) / RECORD;
const RECORD: usize = size_of::<Record>();
const PAGE: usize = 4096;
/// Superblock slots and segment headers carry their checksum in the last word of 512 bytes.
const BLOCK_CHECKSUM: usize = 508;
const EDITS_MAX: usize = 16;
const FILES: [&str; 3] = ["superblock", "segment-0000000000", "segment-0000000001"];

type Files = [Vec<u8>; 3];

struct Base {
    /// The writer was killed; closed in order; killed before the machine started anew.
    states: [Files; 3],
    original: Vec<Record>,
}

/// A damaged journal in a directory of its own, which goes with it.
pub struct Damaged {
    dir: PathBuf,
    pub original: &'static [Record],
    pub forged_record: bool,
    pub forged_superblock: bool,
}

impl Drop for Damaged {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.dir).expect("the copy can be removed");
    }
}

impl Damaged {
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let base = base();
        let (state, mut edits) = bytes.split_first()?;
        let mut files = base.states[usize::from(*state) % base.states.len()]
            .clone()
            .map(Some);
        let mut damaged = Self {
            dir: scratch("damaged"),
            original: &base.original,
            forged_record: false,
            forged_superblock: false,
        };
        for _ in 0..EDITS_MAX {
            let Some((edit, rest)) = edits.split_first_chunk::<8>() else {
                break;
            };
            let length = usize::from(edit[7]).min(rest.len());
            let (payload, rest) = rest.split_at(length);
            damaged.edit(&mut files, edit, payload);
            edits = rest;
        }
        fs::create_dir_all(&damaged.dir).expect("a scratch directory can be made");
        for (name, bytes) in FILES.iter().zip(&files) {
            if let Some(bytes) = bytes {
                fs::write(damaged.dir.join(name), bytes).expect("the copy can be written");
            }
        }
        Some(damaged)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn edit(&mut self, files: &mut [Option<Vec<u8>>; 3], edit: &[u8; 8], payload: &[u8]) {
        let index = usize::from(edit[1]) % files.len();
        let seed = segment_seed(files[0].as_deref(), index);
        let Some(file) = &mut files[index] else {
            return;
        };
        let position = u32::from_le_bytes([edit[2], edit[3], edit[4], edit[5]]) as usize;
        let place = PAGE + position % RECORDS_PER_SEGMENT * RECORD;
        match edit[0] % 7 {
            0 => overlay(file, position % (SEGMENT_BYTES + 1), payload),
            1 if index > 0 => {
                overlay(
                    file,
                    place + 4 + position / RECORDS_PER_SEGMENT % 120,
                    payload,
                );
                self.forged_record |= seal_record(file, place, seed);
            }
            2 => {
                let block = if index == 0 {
                    usize::from(edit[6] & 1) * PAGE
                } else {
                    0
                };
                overlay(file, block + position % BLOCK_CHECKSUM, payload);
                seal_block(file, block);
                self.forged_superblock |= index == 0;
            }
            3 => overlay(file, place, &vec![0; RECORD * usize::from(edit[6])]),
            4 => file.truncate(position % (SEGMENT_BYTES + 1)),
            5 => {
                let from = PAGE + usize::from(edit[6]) * RECORD;
                let copy = file.get(from..from + RECORD).map(<[u8]>::to_vec);
                overlay(file, place, &copy.unwrap_or_default());
            }
            6 => files[index] = None,
            _ => {}
        }
    }
}

/// A record that tells its number.
pub fn record(number: u64) -> Record {
    let mut record = Record::ZERO;
    record.kind = 4;
    record.event = number;
    record.time_ns = number;
    record.body.fill(number as u8);
    record
}

/// Puts `payload` into `file`, as far as the file reaches.
fn overlay(file: &mut [u8], position: usize, payload: &[u8]) {
    let Some(room) = file.get_mut(position..) else {
        return;
    };
    let count = room.len().min(payload.len());
    room[..count].copy_from_slice(&payload[..count]);
}

/// Checksum of a segment's number in this journal, from which those of its records start.
fn segment_seed(superblock: Option<&[u8]>, file: usize) -> u32 {
    let id = superblock
        .and_then(|bytes| bytes.get(24..32))
        .unwrap_or(&[0; 8]);
    crc32c::crc32c_append(
        crc32c::crc32c(id),
        &(file.saturating_sub(1) as u32).to_le_bytes(),
    )
}

/// Gives a record the right checksum; says whether there was room for one.
fn seal_record(file: &mut [u8], place: usize, seed: u32) -> bool {
    let Some(record) = file.get_mut(place..place + RECORD) else {
        return false;
    };
    let checksum = crc32c::crc32c_append(seed, &record[4..]);
    record[..4].copy_from_slice(&checksum.to_le_bytes());
    true
}

fn seal_block(file: &mut [u8], start: usize) {
    if let Some(block) = file.get_mut(start..start + BLOCK_CHECKSUM + 4) {
        let checksum = crc32c::crc32c(&block[..BLOCK_CHECKSUM]);
        block[BLOCK_CHECKSUM..].copy_from_slice(&checksum.to_le_bytes());
    }
}

fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let dir = scratch("base");
        let options = Options::new(Durability::Process).segment_bytes(SEGMENT_BYTES_MIN);
        let (mut writer, _) = Writer::open(&dir, options).expect("a journal can be made");
        let deadline = Instant::now() + Duration::from_secs(30);
        for number in 1..=RECORDS {
            while let Err(error) = writer.append(&record(number)) {
                assert_eq!(error, AppendError::SegmentNotReady);
                wait(deadline);
            }
        }
        // The full segment is synced behind the writer's back; the copy must hold the promise.
        while writer.durable_seq() < RECORDS_PER_SEGMENT as u64 {
            wait(deadline);
        }
        let open = load(&dir);
        writer.close().expect("the journal can be closed");
        let closed = load(&dir);
        let mut reader = Reader::open(&dir).expect("the journal can be read");
        let original = reader
            .records()
            .collect::<Result<Vec<_>, _>>()
            .expect("no damage yet");
        assert_eq!(original.len() as u64, RECORDS);
        fs::remove_dir_all(&dir).expect("the base can be removed");
        let mut rebooted = open.clone();
        for slot in [0, PAGE] {
            overlay(&mut rebooted[0], slot + 72, &[0x5a; 16]);
            seal_block(&mut rebooted[0], slot);
        }
        Base {
            states: [open, closed, rebooted],
            original,
        }
    })
}

fn load(dir: &Path) -> Files {
    FILES.map(|name| fs::read(dir.join(name)).expect("the base is whole"))
}

fn wait(deadline: Instant) {
    assert!(
        Instant::now() < deadline,
        "the journal's helper threads do not keep up"
    );
    thread::sleep(Duration::from_millis(1));
}

/// A directory of this process; in memory where there is such a place.
fn scratch(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.to_path_buf()
    } else {
        std::env::temp_dir()
    };
    parent.join(format!("caracal-fuzz-{}-{name}", std::process::id()))
}
