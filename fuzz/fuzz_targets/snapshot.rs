//! Any bytes are a snapshot or a typed error, and any payload is a machine that runs or an error.
//!
//! Byte 0 picks the way in: a whole file beside a journal, or a payload that got past the hash.
//! Checked beyond "no panic": a file whose bytes are not hashed right is never taken, a machine
//! that is read writes itself again with the same state hash, and it takes events without a panic.

#![no_main]

use std::path::Path;
use std::sync::Arc;

use engine::machine::{Machine, Outputs};
use engine::strategy::Registry;
use journal::Folder;
use journal::snapshot::{self, Snapshot};
use journal::storage::{Access, Memory, Storage as _};
use libfuzzer_sys::fuzz_target;
use model::body::{Channel, Connection, LinkState, RunStarted, Text, Tick};
use model::codec::encode_snapshot;
use model::record::{Kind, Record};
use replay::{Shadow, TakenBy};

const ID: u64 = 0x1122_3344_5566_7788;
const SEQ: u64 = 17;

fuzz_target!(|bytes: &[u8]| {
    match bytes {
        [0, file @ ..] => check_file(file),
        [1, payload @ ..] => check_machine(payload),
        [2, payload @ ..] => check_shadow(payload),
        _ => {}
    }
});

fn check_file(bytes: &[u8]) {
    let memory = Memory::new();
    let dir = Path::new("/journal");
    let folder = Folder::new(Arc::new(memory.clone()), dir);
    let path = dir.join(format!("snapshot-{SEQ:020}"));
    let file = memory.open(&path, Access::Create).expect("memory has room");
    file.write_all_at(bytes, 0).expect("memory has room");
    let found = snapshot::newest(&folder, ID, SEQ, Ok).expect("nothing is ahead");
    let Some((seq, taken)) = found.taken else {
        assert_eq!(found.skipped.len(), 1, "passed over without a reason");
        return;
    };
    assert_eq!((seq, taken.seq), (SEQ, SEQ));
    // It was taken, so writing it gives the very same file.
    snapshot::write(&folder, ID, &taken).expect("memory has room");
    let again = memory.open(&path, Access::Read).expect("it was written");
    let mut written = vec![0; bytes.len()];
    assert_eq!(again.size().expect("memory"), bytes.len() as u64);
    again.read_exact_at(&mut written, 0).expect("memory");
    assert_eq!(written, bytes);
}

fn check_machine(payload: &[u8]) {
    let Ok(mut machine) = Machine::from_snapshot(payload, &Registry::standard()) else {
        return;
    };
    let hash = machine.state_hash();
    let bytes = encode_snapshot(&machine).expect("what was read can be written");
    let again = Machine::from_snapshot(&bytes, &Registry::standard())
        .expect("what was written can be read");
    assert_eq!(again.state_hash(), hash);
    let mut out = Outputs::new();
    let links = [Channel::Orders, Channel::Market].map(|channel| {
        let body = Connection {
            venue: 0,
            channel,
            state: LinkState::Up,
            reserved: 0,
            code: 0,
            text: Text::EMPTY,
        };
        Record::new(Kind::Connection, &body)
    });
    let tick = Record::new(
        Kind::Tick,
        &Tick {
            count: 7,
            reserved: [0; 72],
        },
    );
    let run = RunStarted {
        epoch: machine.epoch() + 1,
        reserved0: 0,
        commands_journaled: machine.commands_decided(),
        reserved: [0; 64],
    };
    let run = Record::new(Kind::RunStarted, &run);
    for mut record in [links[0], links[1], tick, run, links[0], tick] {
        record.event = machine.last_event() + 1;
        record.time_ns = machine.time_ns().saturating_add(1_000_000_000);
        if machine.apply(&record, &mut out).is_err() {
            return;
        }
    }
    let _ = machine.state_hash();
}

fn check_shadow(payload: &[u8]) {
    let snapshot = Snapshot {
        seq: SEQ,
        epoch: 1,
        time_ns: 0,
        layout: Shadow::new()
            .freeze(1)
            .expect("an empty one is small")
            .layout,
        state_hash: [0; 32],
        payload: payload.to_vec(),
    };
    assert!(
        Shadow::thaw(&snapshot, TakenBy::AnyBuild, &Registry::standard()).is_err(),
        "no machine has this state hash"
    );
}
