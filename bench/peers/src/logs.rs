//! The logs of other crates behind one trait: append without a sync, commit with one, read back.
//!
//! Each is used as its documentation says for a plain log, with its own defaults but where a
//! setting would only slow it down here (compression, files that roll too early).

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use commitlog::message::{MessageBuf, MessageSet};
use commitlog::{CommitLog, LogOptions, ReadLimit};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use okaywal::{Configuration, Entry, EntryId, LogManager, SegmentReader, WriteAheadLog};
use raft_engine::{Config, Engine, LogBatch, ReadableSize};
use wal_db::Wal;
use walrus_rust::{FsyncSchedule, ReadConsistency, Walrus};

use crate::{Outcome, Payload};

/// Larger than any run writes: no log rolls to a new file in the middle.
const FILE_BYTES: u32 = 1 << 30;
/// What one read of several records asks for.
const READ_BYTES: usize = 1 << 20;
/// The one topic, region or table.
const TOPIC: &str = "journal";
const REGION: u64 = 1;

/// A log that is open for writing.
pub(crate) trait Log {
    /// One record that survives the death of the process; no sync.
    fn append(&mut self, record: &Payload) -> Outcome<()>;
    /// These records in one commit, on stable storage on return.
    fn commit(&mut self, records: &[Payload]) -> Outcome<()>;
}

/// What was read back: how many, and the sum of what the first words say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    count: u64,
    sum: u64,
}

impl Seen {
    /// Of the records of these numbers.
    pub(crate) fn of(numbers: Range<u64>) -> Self {
        Self {
            count: numbers.end - numbers.start,
            sum: numbers.fold(0, u64::wrapping_add),
        }
    }

    fn see(&mut self, payload: &[u8]) -> io::Result<()> {
        let payload: &Payload = payload.try_into().map_err(io::Error::other)?;
        let [a, b, c, d, e, f, g, h, ..] = *payload;
        self.count += 1;
        self.sum = self
            .sum
            .wrapping_add(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        Ok(())
    }
}

/// Opens the log `name` in `dir` for writing; `synced` for [`Log::commit`].
pub(crate) fn open(name: &str, dir: &Path, synced: bool) -> Outcome<Box<dyn Log>> {
    Ok(match name {
        "wal-db" => Box::new(Wal::open(dir.join("log"))?),
        "commitlog" => Box::new(commit_log(dir)?),
        "walrus-rust" => Box::new(walrus(dir, synced)?),
        "raft-engine" => Box::new(raft(dir)?),
        "fjall" => Box::new(Fjall::open(dir)?),
        "okaywal" => Box::new(okay(dir, &Arc::default())?),
        other => return Err(format!("no log {other:?}").into()),
    })
}

/// Opens the log again and reads all of it.
pub(crate) fn read_all(name: &str, dir: &Path) -> Outcome<Seen> {
    let mut seen = Seen::default();
    match name {
        "wal-db" => {
            for record in Wal::open(dir.join("log"))?.iter()? {
                seen.see(record?.data())?;
            }
        }
        "commitlog" => read_commit_log(&commit_log(dir)?, &mut seen)?,
        "walrus-rust" => {
            let walrus = walrus(dir, false)?;
            loop {
                let entries = walrus.batch_read_for_topic(TOPIC, READ_BYTES, true)?;
                if entries.is_empty() {
                    break;
                }
                for entry in &entries {
                    seen.see(&entry.data)?;
                }
            }
        }
        "raft-engine" => {
            let mut outcome = Ok(());
            raft(dir)?.scan_raw_messages(REGION, None, None, false, |_, value| {
                outcome = seen.see(value);
                outcome.is_ok()
            })?;
            outcome?;
        }
        "fjall" => {
            for guard in Fjall::open(dir)?.keyspace.iter() {
                seen.see(&guard.value()?)?;
            }
        }
        "okaywal" => {
            let all = Arc::default();
            drop(okay(dir, &all)?);
            seen = *all.lock().map_err(|_| "a panic while reading")?;
        }
        other => return Err(format!("no log {other:?}").into()),
    }
    Ok(seen)
}

impl Log for Wal {
    fn append(&mut self, record: &Payload) -> Outcome<()> {
        let _lsn = Wal::append(self, record)?;
        Ok(())
    }

    fn commit(&mut self, records: &[Payload]) -> Outcome<()> {
        for record in records {
            let _lsn = Wal::append(self, record)?;
        }
        Ok(self.sync()?)
    }
}

fn commit_log(dir: &Path) -> Outcome<CommitLog> {
    let mut options = LogOptions::new(dir);
    options.index_max_items(10_000_000);
    Ok(CommitLog::new(options)?)
}

fn read_commit_log(log: &CommitLog, seen: &mut Seen) -> Outcome<()> {
    let mut next = 0;
    loop {
        let messages = log
            .read(next, ReadLimit::max_bytes(READ_BYTES))
            .map_err(|error| format!("{error:?}"))?;
        if messages.is_empty() {
            return Ok(());
        }
        for message in messages.iter() {
            if !message.verify_hash() {
                return Err("a message's hash is wrong".into());
            }
            seen.see(message.payload())?;
            next = message.offset() + 1;
        }
    }
}

impl Log for CommitLog {
    fn append(&mut self, record: &Payload) -> Outcome<()> {
        self.append_msg(record).map_err(|e| format!("{e:?}"))?;
        Ok(())
    }

    fn commit(&mut self, records: &[Payload]) -> Outcome<()> {
        let mut messages = MessageBuf::default();
        for record in records {
            messages.push(record).map_err(|e| format!("{e:?}"))?;
        }
        CommitLog::append(self, &mut messages).map_err(|e| format!("{e:?}"))?;
        Err("has no sync: its flush is none".into())
    }
}

fn walrus(dir: &Path, synced: bool) -> Outcome<Walrus> {
    // Takes its directory from the environment only, which the harness sets.
    if std::env::var_os("WALRUS_DATA_DIR").as_deref() != Some(dir.as_os_str()) {
        return Err("set WALRUS_DATA_DIR to the directory".into());
    }
    let schedule = if synced {
        FsyncSchedule::SyncEach
    } else {
        FsyncSchedule::NoFsync
    };
    // Persists its place rarely: that is not what is measured.
    let consistency = ReadConsistency::AtLeastOnce {
        persist_every: 1_000_000,
    };
    Ok(Walrus::with_consistency_and_schedule(
        consistency,
        schedule,
    )?)
}

impl Log for Walrus {
    fn append(&mut self, record: &Payload) -> Outcome<()> {
        Ok(self.append_for_topic(TOPIC, record)?)
    }

    fn commit(&mut self, records: &[Payload]) -> Outcome<()> {
        if let [record] = records {
            return Ok(self.append_for_topic(TOPIC, record)?);
        }
        let records: Vec<&[u8]> = records.iter().map(<[u8; 128]>::as_slice).collect();
        Ok(self.batch_append_for_topic(TOPIC, &records)?)
    }
}

/// Its log queue with a key a record: an index in memory is built as well, as always in this crate.
fn raft(dir: &Path) -> Outcome<Engine> {
    let config = Config {
        dir: dir.to_string_lossy().into_owned(),
        batch_compression_threshold: ReadableSize(0),
        // Files written before they are used, its best for syncs.
        prefill_for_recycle: true,
        prefill_limit: Some(ReadableSize::mb(128)),
        purge_threshold: ReadableSize::gb(1),
        target_file_size: ReadableSize::mb(64),
        ..Config::default()
    };
    Ok(Engine::open(config)?)
}

fn put(batch: &mut LogBatch, record: &Payload) -> Outcome<()> {
    Ok(batch.put(REGION, key(record).to_vec(), record.to_vec())?)
}

/// The record's number, so that the order of keys is the order of appends.
fn key(record: &Payload) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *record;
    [h, g, f, e, d, c, b, a]
}

impl Log for Engine {
    fn append(&mut self, record: &Payload) -> Outcome<()> {
        let mut batch = LogBatch::with_capacity(1);
        put(&mut batch, record)?;
        self.write(&mut batch, false)?;
        Ok(())
    }

    fn commit(&mut self, records: &[Payload]) -> Outcome<()> {
        let mut batch = LogBatch::with_capacity(records.len());
        for record in records {
            put(&mut batch, record)?;
        }
        self.write(&mut batch, true)?;
        Ok(())
    }
}

struct Fjall {
    database: Database,
    keyspace: Keyspace,
}

impl Fjall {
    fn open(dir: &Path) -> Outcome<Self> {
        let database = Database::builder(dir)
            .max_journaling_size(u64::from(FILE_BYTES))
            .open()?;
        let keyspace = database.keyspace(TOPIC, KeyspaceCreateOptions::default)?;
        Ok(Self { database, keyspace })
    }
}

impl Log for Fjall {
    fn append(&mut self, record: &Payload) -> Outcome<()> {
        // Hands every write to the system by itself.
        Ok(self.keyspace.insert(key(record), record)?)
    }

    fn commit(&mut self, records: &[Payload]) -> Outcome<()> {
        let mut batch = self
            .database
            .batch()
            .durability(Some(PersistMode::SyncData));
        for record in records {
            batch.insert(&self.keyspace, key(record), record);
        }
        Ok(batch.commit()?)
    }
}

/// Reads what is there when the log is opened; checkpoints nothing.
#[derive(Debug)]
struct ReadAll {
    all: Arc<Mutex<Seen>>,
}

impl LogManager for ReadAll {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        let chunks = entry.read_all_chunks()?.unwrap_or_default();
        let mut all = self.all.lock().map_err(|_| io::ErrorKind::Other)?;
        for chunk in chunks {
            all.see(&chunk)?;
        }
        Ok(())
    }

    fn checkpoint_to(
        &mut self,
        _last: EntryId,
        _entries: &mut SegmentReader,
        _log: &WriteAheadLog,
    ) -> io::Result<()> {
        Ok(())
    }
}

fn okay(dir: &Path, all: &Arc<Mutex<Seen>>) -> Outcome<WriteAheadLog> {
    let all = Arc::clone(all);
    let configuration = Configuration::default_for(dir)
        .preallocate_bytes(64 << 20)
        .checkpoint_after_bytes(u64::from(FILE_BYTES));
    Ok(configuration.open(ReadAll { all })?)
}

impl Log for WriteAheadLog {
    fn append(&mut self, _record: &Payload) -> Outcome<()> {
        Err("syncs every commit: it has no other mode".into())
    }

    fn commit(&mut self, records: &[Payload]) -> Outcome<()> {
        let mut entry = self.begin_entry()?;
        for record in records {
            entry.write_chunk(record)?;
        }
        entry.commit()?;
        Ok(())
    }
}
