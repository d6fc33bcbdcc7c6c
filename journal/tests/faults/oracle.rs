//! The oracle of every row, in one place.
//!
//! - O1: what is recovered is a prefix of what was accepted: no gap, nothing invented or altered.
//! - O2: what was reported durable is in it.
//! - O3: each record carries the state that all records before it make; replaying gives the same.
//! - O4: where O1 or O2 cannot be met, a precise error, and no file changed.
//! - O5: recovering again gives the same.
//! - O6: recovery ends within a bound.
//!
//! Records are made by a [`Chain`]: record `n` depends on the state before it and on the *salt* of
//! the run that appended it. So a record that a crash took and a later run appended anew differs
//! from the first one, and nothing old can pass for it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use journal::storage::Access;
use journal::{Damage, Folder, OpenError, Options, Reader, Recovery, Steps, Writer};
use model::record::{Kind, Record};

/// O6: for the small journals of these tests, on a busy machine.
const RECOVERY_MAX: Duration = Duration::from_secs(20);

/// The state that a log's records make, and the maker of the next record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Chain {
    /// Records so far; padding is not counted.
    pub(crate) n: u64,
    pub(crate) hash: u64,
}

/// One step of SplitMix64's finish: every bit of the input reaches every bit of the output.
const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Chain {
    /// The record that comes next in a run with this salt.
    pub(crate) fn next(&self, salt: u64) -> Record {
        let mut record = Record::ZERO;
        record.kind = Kind::Tick.code();
        record.event = self.n + 1;
        record.time_ns = 1_000 + self.n;
        let words = (2..10).map(|i| mix(salt ^ self.n << 8 ^ i));
        let words = [salt, self.hash].into_iter().chain(words);
        for (place, word) in record.body.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        record
    }

    /// Applies a record.
    pub(crate) fn push(&mut self, record: &Record) {
        self.n += 1;
        let words = record.body.chunks_exact(8);
        let words = words.map(|word| u64::from_le_bytes(word.try_into().unwrap()));
        self.hash = words.fold(mix(self.hash ^ self.n), |hash, word| mix(hash ^ word));
    }
}

/// A log that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Checked {
    pub(crate) chain: Chain,
    /// Records up to each sequence, padding not counted.
    ns: Vec<u64>,
}

impl Checked {
    /// Records up to sequence `seq`.
    pub(crate) fn n_at(&self, seq: u64) -> u64 {
        match usize::try_from(seq).unwrap() {
            0 => 0,
            seq => self.ns[seq.min(self.ns.len()) - 1],
        }
    }

    /// A record was appended as `seq`; what is between is padding.
    pub(crate) fn push(&mut self, seq: u64, record: &Record) {
        let before = usize::try_from(seq - 1).unwrap();
        self.ns.resize(before, self.chain.n);
        self.chain.push(record);
        self.ns.push(self.chain.n);
    }
}

/// Padding of strict commits: it has a sequence and no meaning.
pub(crate) const fn is_padding(record: &Record) -> bool {
    record.kind == 57
}

/// What was accepted, and how much of it was promised.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    /// First record and salt of each run, oldest first.
    runs: Vec<(u64, u64)>,
    /// Records that were accepted; the last ones of a killed process may not be known.
    pub(crate) accepted: Option<u64>,
    /// Records that must be there, after the fault that came.
    pub(crate) promised: u64,
    /// Records that were reported durable: they must be there after any.
    pub(crate) durable: u64,
}

impl Ledger {
    pub(crate) const fn new() -> Self {
        Self {
            runs: Vec::new(),
            accepted: Some(0),
            promised: 0,
            durable: 0,
        }
    }

    /// A new run goes on behind record `n`; what was accepted behind it is gone.
    pub(crate) fn begin(&mut self, n: u64, salt: u64) {
        self.runs.retain(|&(first, _)| first <= n);
        self.runs.push((n + 1, salt));
        self.accepted = Some(n);
        self.promised = self.durable;
    }

    fn salt(&self, n: u64) -> Option<u64> {
        let run = self.runs.iter().rev().find(|&&(first, _)| first <= n);
        run.map(|&(_, salt)| salt)
    }

    /// Checks what was read: O1, O2 and O3.
    ///
    /// # Errors
    ///
    /// What is wrong, with the record.
    pub(crate) fn check<'a>(
        &self,
        records: impl Iterator<Item = &'a Record>,
    ) -> Result<Checked, String> {
        let mut log = Checked::default();
        for (index, record) in records.enumerate() {
            let seq = index as u64 + 1;
            if record.seq != seq {
                return Err(format!(
                    "O1: sequence {} stands where {seq} must",
                    record.seq
                ));
            }
            if is_padding(record) {
                log.ns.push(log.chain.n);
                continue;
            }
            let n = log.chain.n + 1;
            let salt = self
                .salt(n)
                .ok_or_else(|| format!("O1: record {n} was never accepted"))?;
            if !record.same_decision(&log.chain.next(salt)) {
                let expected = log.chain.next(salt);
                return Err(format!(
                    "O1, O3: record {n} (sequence {seq}) is altered: {record:?}, not {expected:?}"
                ));
            }
            log.push(seq, record);
        }
        let n = log.chain.n;
        if self.accepted.is_some_and(|accepted| n > accepted) {
            return Err(format!("O1: {n} records, more than were accepted"));
        }
        if n < self.promised {
            let promised = self.promised;
            return Err(format!("O2: record {promised} was promised, {n} are there"));
        }
        Ok(log)
    }
}

/// What opening came to.
pub(crate) enum Outcome {
    /// A right prefix, and the second open's writer to go on with.
    Recovered {
        log: Checked,
        recovery: Recovery,
        writer: Box<Writer>,
        steps: Box<Steps>,
    },
    /// Refused, with nothing changed (O4).
    Refused(OpenError),
}

/// Opens, reads and checks what a fault left, and opens again (O5).
///
/// # Errors
///
/// What breaks the oracle.
pub(crate) fn open_judged(
    folder: &Folder,
    options: &Options,
    ledger: &Ledger,
) -> Result<Outcome, String> {
    let before = image(folder);
    let started = Instant::now();
    let recovery = match Writer::open_stepped(folder, options.clone()) {
        Ok((_, _, recovery)) => recovery,
        Err(error) => {
            refused_untouched(&before, folder, &error)?;
            return Ok(Outcome::Refused(error));
        }
    };
    if started.elapsed() > RECOVERY_MAX {
        return Err(format!("O6: recovery took {:?}", started.elapsed()));
    }
    let log = ledger.check(read(folder)?.iter())?;
    let (writer, steps, again) = Writer::open_stepped(folder, options.clone())
        .map_err(|error| format!("O5: recovered, then: {error}"))?;
    // In the strict modes an open fills up the block that the log ends in.
    let fillings = if options.durability.is_strict() {
        31
    } else {
        0
    };
    let (first, second) = (recovery.last_seq, again.last_seq);
    if !(first..=first + fillings).contains(&second) || !again.removed.is_empty() {
        return Err(format!("O5: {first} first, then {second}"));
    }
    let log_again = ledger.check(read(folder)?.iter())?;
    if log_again.chain != log.chain {
        return Err("O5: the second recovery changed records".to_owned());
    }
    let log = log_again;
    Ok(Outcome::Recovered {
        log,
        recovery,
        writer: Box::new(writer),
        steps: Box::new(steps),
    })
}

/// O4: what is refused is left as it is, and the reason is one line.
fn refused_untouched(
    before: &BTreeMap<String, Vec<u8>>,
    folder: &Folder,
    error: &OpenError,
) -> Result<(), String> {
    let mut after = image(folder);
    if !before.contains_key("lock") {
        after.remove("lock");
    }
    if after != *before {
        return Err(format!("O4: refused, but files changed: {error}"));
    }
    if error.to_string().contains('\n') {
        return Err(format!("O4: more than a line: {error}"));
    }
    Ok(())
}

/// Every file with its bytes; what cannot be read has none.
pub(crate) fn image(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let storage = folder.storage();
    let names = storage.list(folder.dir()).unwrap_or_default();
    let read = |name: &String| {
        let file = storage.open(&folder.dir().join(name), Access::Read).ok()?;
        let mut bytes = vec![0; usize::try_from(file.size().ok()?).ok()?];
        file.read_exact_at(&mut bytes, 0).ok()?;
        Some(bytes)
    };
    names
        .into_iter()
        .map(|name| {
            let bytes = read(&name).unwrap_or_default();
            (name, bytes)
        })
        .collect()
}

pub(crate) fn read(folder: &Folder) -> Result<Vec<Record>, String> {
    let mut reader = Reader::open_in(folder).map_err(|error| format!("O1: {error}"))?;
    let mut records = Vec::new();
    while let Some(record) = reader.next().map_err(|error| format!("O1: {error}"))? {
        records.push(*record);
    }
    Ok(records)
}

/// As [`open_judged`], where refusing is not an answer.
pub(crate) fn recovered(
    folder: &Folder,
    options: &Options,
    ledger: &Ledger,
) -> (Checked, Recovery) {
    match open_judged(folder, options, ledger) {
        Ok(Outcome::Recovered { log, recovery, .. }) => (log, recovery),
        Ok(Outcome::Refused(error)) => panic!("refused: {error}"),
        Err(why) => panic!("{why}"),
    }
}

/// Sequence that a refusal names, if it is about damage.
pub(crate) fn damaged_seq(error: &OpenError) -> Option<u64> {
    if let OpenError::Damaged(Damage { seq, .. }) = error {
        Some(*seq)
    } else {
        None
    }
}
