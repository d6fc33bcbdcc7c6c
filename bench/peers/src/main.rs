//! Measures one other crate's log and prints one JSON object: `peers NAME PHASE DIR COUNT`.
//!
//! A process each, so that nobody's threads, caches or file handles are there when another one is
//! measured. `bench/benches/journal` starts it, in turn with ours, and reads the line.
//!
//! Phases: `append` (COUNT records one by one, unsynced; then, opened anew, all of them read back),
//! `commit` (COUNT commits of one record) and `batch` (COUNT commits of a hundred records).

mod logs;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use logs::Seen;

/// What is appended: as long as one of our records, every byte of it given.
pub(crate) type Payload = [u8; 128];

/// Records of one commit of the phase `batch`.
const BATCH: u64 = 100;
/// Commits that only warm up.
const WARM_UP: u64 = 10;

/// Any error ends the measurement.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(found) => {
            println!("{}", Value::Object(found));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<Map<String, Value>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, phase, dir, count] = words.as_slice() else {
        return Err("usage: peers NAME append|commit|batch DIR COUNT".into());
    };
    let dir = Path::new(dir);
    let count: u64 = count.parse()?;
    match phase.as_str() {
        "append" => append(name, dir, count),
        "commit" => commit(name, dir, count, 1),
        "batch" => commit(name, dir, count, BATCH),
        other => Err(format!("no phase {other:?}; there are: append, commit, batch").into()),
    }
}

fn append(name: &str, dir: &Path, count: u64) -> Outcome<Map<String, Value>> {
    let mut found = Map::new();
    let mut log = logs::open(name, dir, false)?;
    let begin = Instant::now();
    for seq in 0..count {
        log.append(&payload(seq))?;
    }
    found.insert("append_ns".to_owned(), json!(nanos(begin.elapsed())));
    drop(log);
    let begin = Instant::now();
    let seen = logs::read_all(name, dir)?;
    found.insert("read_ns".to_owned(), json!(nanos(begin.elapsed())));
    check(seen, count)?;
    Ok(found)
}

fn commit(name: &str, dir: &Path, count: u64, batch: u64) -> Outcome<Map<String, Value>> {
    let mut log = logs::open(name, dir, true)?;
    let mut seq = 0;
    let mut times = Vec::new();
    for _ in 0..WARM_UP + count {
        let records: Vec<Payload> = (seq..seq + batch).map(payload).collect();
        seq += batch;
        let begin = Instant::now();
        log.commit(&records)?;
        times.push(nanos(begin.elapsed()));
    }
    drop(log);
    check(logs::read_all(name, dir)?, seq)?;
    let mut found = Map::new();
    let measured = &times[WARM_UP as usize..];
    found.insert("commit_ns".to_owned(), json!(measured));
    Ok(found)
}

/// A figure of a log that lost something would be worth nothing.
fn check(seen: Seen, count: u64) -> Outcome<()> {
    let wanted = Seen::of(0..count);
    if seen == wanted {
        return Ok(());
    }
    Err(format!("read back {seen:?} instead of {wanted:?}").into())
}

/// The record of this number: no two alike, and not compressible to nothing.
fn payload(seq: u64) -> Payload {
    let mut payload = [0; 128];
    let mut word = seq;
    for chunk in payload.chunks_exact_mut(8) {
        chunk.copy_from_slice(&word.to_le_bytes());
        word = word
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
    }
    payload
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
