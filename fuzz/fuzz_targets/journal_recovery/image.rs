//! Makes journals once, as their writers left them, and a damaged copy of one for each input.
//!
//! An edit is eight bytes (operation, file, position, length, length of the payload) and up to 255
//! bytes of payload.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use journal::storage::{Access, Memory};
use journal::{Durability, Folder, Options, Reader, SEGMENT_BYTES_MIN, Writer};
use model::record::Record;

pub const SEGMENT_BYTES: usize = SEGMENT_BYTES_MIN as usize;
const PAGE: usize = 4096;
const RECORD: usize = size_of::<Record>();
const PER_SEGMENT: usize = (SEGMENT_BYTES - 2 * PAGE) / RECORD;
const EDITS_MAX: usize = 12;
/// Files that an edit may touch; the first one may also be made by it.
const NAMES: [&str; 8] = [
    "segment-0000000003",
    "superblock",
    "segment-0000000000",
    "segment-0000000001",
    "segment-0000000002",
    "segment-0000000000.zst",
    "segment-0000000002.new",
    "something",
];

/// Every file of a directory but the lock.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A journal as its writer left it.
struct State {
    files: Files,
    records: Vec<Record>,
}

/// A damaged copy of one.
pub struct Case {
    state: &'static State,
    pub files: Files,
}

impl Case {
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let (state, mut edits) = bytes.split_first()?;
        let states = states();
        let state = &states[usize::from(*state) % states.len()];
        let mut files = state.files.clone();
        for _ in 0..EDITS_MAX {
            let Some((edit, rest)) = edits.split_first_chunk::<8>() else {
                break;
            };
            let (payload, rest) = rest.split_at(usize::from(edit[7]).min(rest.len()));
            change(&mut files, edit, payload);
            edits = rest;
        }
        Some(Self { state, files })
    }

    /// Whether nothing was changed.
    pub fn is_whole(&self) -> bool {
        self.files == self.state.files
    }

    /// Whether there is anything that may hold records.
    pub fn has_history(&self) -> bool {
        let mut names = self.files.keys();
        names.any(|name| name == "superblock" || name.starts_with("segment-0"))
    }

    /// Records of the undamaged journal.
    pub fn count(&self) -> u64 {
        self.state.records.len() as u64
    }

    pub fn record(&self, seq: u64) -> Option<&Record> {
        self.state.records.get(usize::try_from(seq - 1).ok()?)
    }

    /// How many records from the first on still stand where they stood.
    pub fn good_prefix(&self) -> u64 {
        let same = |seq: &u64| {
            let before = at(&self.state.files, *seq, RECORD);
            before.is_some() && before == at(&self.files, *seq, RECORD)
        };
        let good = |seq: &u64| self.is_archived(*seq) || same(seq);
        (1..=self.count()).take_while(good).count() as u64
    }

    /// Whether a record's segment is there as an archive only: recovery takes such a one for whole,
    /// as it does with history after a close in order; it is checked when it is read.
    fn is_archived(&self, seq: u64) -> bool {
        let raw = name_of(seq);
        !self.files.contains_key(&raw) && self.files.contains_key(&format!("{raw}.zst"))
    }

    /// Whether such archives, if any, are as they were made.
    pub fn archives_are_whole(&self) -> bool {
        let archive = format!("{}.zst", name_of(1));
        !self.is_archived(1) || self.files.get(&archive) == self.state.files.get(&archive)
    }

    /// Bytes of the damaged journal from the place of a record on.
    pub fn bytes_from(&self, seq: u64, len: usize) -> Option<&[u8]> {
        at(&self.files, seq, len)
    }
}

fn at(files: &Files, seq: u64, len: usize) -> Option<&[u8]> {
    let index = usize::try_from(seq - 1).ok()?;
    let file = files.get(&name_of(seq))?;
    let start = PAGE + index % PER_SEGMENT * RECORD;
    file.get(start..start + len)
}

/// The segment in which a record stands.
fn name_of(seq: u64) -> String {
    format!("segment-{:010}", (seq - 1) / PER_SEGMENT as u64)
}

fn change(files: &mut Files, edit: &[u8; 8], payload: &[u8]) {
    let name = NAMES[usize::from(edit[1]) % NAMES.len()];
    let position = u32::from_le_bytes([edit[2], edit[3], edit[4], edit[5]]) as usize;
    let place = PAGE + position % (PER_SEGMENT + 1) * RECORD;
    let many = usize::from(edit[6]);
    let other = NAMES[many % NAMES.len()];
    match edit[0] % 9 {
        0 => overlay(files, name, position % (SEGMENT_BYTES + 1), payload),
        1 => overlay(files, name, place + many % RECORD, payload),
        2 => overlay(files, name, place, &vec![0; RECORD * many]),
        // All that follows: a tail whose pages were lost.
        3 => overlay(files, name, place + many % RECORD, &[0; SEGMENT_BYTES]),
        4 => {
            if let Some(file) = files.get_mut(name) {
                file.resize(position % (2 * SEGMENT_BYTES), 0);
            }
        }
        5 => drop(files.remove(name)),
        6 => {
            if let Some(copy) = files.get(other).cloned() {
                files.insert(name.to_owned(), copy);
            }
        }
        7 => {
            let from = files
                .get(other)
                .and_then(|file| file.get(place..place + RECORD));
            let copy = from.map(<[u8]>::to_vec).unwrap_or_default();
            overlay(
                files,
                name,
                PAGE + payload.len() % PER_SEGMENT * RECORD,
                &copy,
            );
        }
        _ => drop(files.insert(name.to_owned(), payload.to_vec())),
    }
}

/// Puts `payload` into a file, as far as the file reaches.
fn overlay(files: &mut Files, name: &str, position: usize, payload: &[u8]) {
    let room = files
        .get_mut(name)
        .and_then(|file| file.get_mut(position..));
    if let Some(room) = room {
        let count = room.len().min(payload.len());
        room[..count].copy_from_slice(&payload[..count]);
    }
}

/// Killed in `process`; the same before the machine started anew; closed in order; killed in
/// `group`, with durable marks among the records; that before the machine started anew; killed
/// before anything was appended; killed in `process`, with its first segment archived.
fn states() -> &'static [State] {
    static STATES: OnceLock<Vec<State>> = OnceLock::new();
    STATES.get_or_init(|| {
        let killed = made(Durability::Process, PER_SEGMENT as u64 + 40, false);
        let group = made(Durability::Group, PER_SEGMENT as u64 + 40, false);
        let archived = archived(&killed);
        vec![
            rebooted(&killed),
            rebooted(&group),
            killed,
            made(Durability::Process, PER_SEGMENT as u64 + 12, true),
            group,
            made(Durability::Process, 0, false),
            archived,
        ]
    })
}

fn made(durability: Durability, count: u64, close: bool) -> State {
    let folder = Folder::new(Arc::new(Memory::new()), Path::new("journal"));
    let options = Options::new(durability).segment_bytes(SEGMENT_BYTES_MIN);
    let (mut writer, mut steps, _) =
        Writer::open_stepped(&folder, options).expect("a journal can be made");
    for number in 1..=count {
        steps.prepare().expect("a segment can be made");
        writer.append(&record(number)).expect("there is room");
        if number % 50 == 0 {
            steps.sync();
        }
    }
    steps.prepare().expect("a segment can be made");
    if close {
        steps.close(writer).expect("it can be closed");
    } else {
        drop(writer);
    }
    let mut reader = Reader::open_in(&folder).expect("it can be read");
    let records = reader.records().collect::<Result<_, _>>();
    State {
        files: load(&folder),
        records: records.expect("no damage yet"),
    }
}

fn rebooted(state: &State) -> State {
    let mut files = state.files.clone();
    let superblock = files.get_mut("superblock").expect("there is one");
    for slot in [0, PAGE] {
        superblock[slot + 72] ^= 1;
        let checksum = crc32c::crc32c(&superblock[slot..slot + 508]);
        superblock[slot + 508..slot + 512].copy_from_slice(&checksum.to_le_bytes());
    }
    let records = state.records.clone();
    State { files, records }
}

fn archived(state: &State) -> State {
    let mut files = state.files.clone();
    let raw = files.remove(&name_of(1)).expect("there is one");
    let mut packed = pack(&raw).expect("it can be packed");
    let hash = blake3::hash(&packed);
    packed.extend([0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0]);
    packed.extend(hash.as_bytes());
    files.insert(format!("{}.zst", name_of(1)), packed);
    let records = state.records.clone();
    State { files, records }
}

fn pack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// A record that tells its number.
fn record(number: u64) -> Record {
    let mut record = Record::ZERO;
    record.kind = 4;
    record.event = number;
    record.time_ns = number;
    record.body.fill(number as u8);
    record
}

/// Reads every file of a directory but the lock.
pub fn load(folder: &Folder) -> Files {
    let names = folder
        .storage()
        .list(folder.dir())
        .expect("it can be listed");
    let read = |name: String| {
        let path = folder.dir().join(&name);
        let file = folder
            .storage()
            .open(&path, Access::Read)
            .expect("it is there");
        let len = usize::try_from(file.size().expect("it has a length")).expect("it is small");
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0).expect("it can be read");
        (name, bytes)
    };
    names
        .into_iter()
        .filter(|name| name != "lock")
        .map(read)
        .collect()
}

/// Writes files into a directory.
pub fn store(folder: &Folder, files: &Files) {
    for (name, bytes) in files {
        let path = folder.dir().join(name);
        let file = folder
            .storage()
            .open(&path, Access::Create)
            .expect("it can be made");
        file.write_all_at(bytes, 0).expect("it can be written");
    }
}
