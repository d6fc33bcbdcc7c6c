//! A journal with any damage is read up to the damage and never past it, and recovery either
//! refuses it or leaves a journal that opens again with the same end.
//!
//! Byte 0 picks how the last writer left the journal; the rest is a list of edits of its files.
//! While no edit forges a checksum, every record that is read must be the one that was appended.
//! With forged checksums only panics, endless reading and a broken sequence are findings.

#![no_main]

#[path = "journal_reader/damage.rs"]
mod damage;

use std::path::Path;

use damage::{Damaged, RECORDS, SEGMENT_BYTES};
use journal::{Durability, Options, ReadError, Reader, Writer};
use libfuzzer_sys::fuzz_target;
use model::record::Record;

/// More than the files can hold: reading more than this would never end.
const READ_MAX: usize = 4 * (SEGMENT_BYTES / size_of::<Record>());

fuzz_target!(|bytes: &[u8]| {
    let Some(damaged) = Damaged::new(bytes) else {
        return;
    };
    let dir = damaged.dir();
    check_reading(dir, &damaged);
    if !damaged.forged_superblock {
        check_recovery(dir, &damaged);
    }
});

fn check_reading(dir: &Path, damaged: &Damaged) {
    let Ok(mut reader) = Reader::open(dir) else {
        return;
    };
    let _ = reader.last_seq();
    let _ = journal::stat(dir);
    let (records, end) = read(&mut reader);
    check_records(&records, damaged);
    if end.is_ok() && reader.was_closed() && !damaged.forged_superblock {
        assert_eq!(
            records.len() as u64,
            RECORDS,
            "a closed journal read short without an error"
        );
    }
    for seq in [0, 1, RECORDS, RECORDS + 1, u64::MAX] {
        reader.seek(seq);
        let _ = reader.next().map(Option::<&Record>::copied);
    }
}

/// Every record up to the end or the first error.
fn read(reader: &mut Reader) -> (Vec<Record>, Result<(), ReadError>) {
    let mut records = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => records.push(record),
            Err(error) => return (records, Err(error)),
        }
        assert!(records.len() <= READ_MAX, "reading does not end");
    }
    (records, Ok(()))
}

fn check_records(records: &[Record], damaged: &Damaged) {
    if damaged.forged_superblock {
        return;
    }
    for (index, record) in records.iter().enumerate() {
        assert_eq!(
            record.seq,
            index as u64 + 1,
            "the sequence must rise by one"
        );
        if !damaged.forged_record {
            assert_eq!(
                Some(record),
                damaged.original.get(index),
                "altered data was read"
            );
        }
    }
}

fn check_recovery(dir: &Path, damaged: &Damaged) {
    let options = Options::new(Durability::Process).segment_bytes(SEGMENT_BYTES as u64);
    let Ok((mut writer, recovery)) = Writer::open(dir, options.clone()) else {
        return;
    };
    assert!(recovery.created || recovery.last_seq <= READ_MAX as u64);
    let mut reader = Reader::open(dir).expect("what a writer opened can be read");
    let (records, end) = read(&mut reader);
    check_records(&records, damaged);
    if !recovery.clean {
        // After a close in order, records are checked when they are read and not at open.
        assert!(end.is_ok(), "recovery leaves no damage: {end:?}");
        assert_eq!(
            records.len() as u64,
            recovery.last_seq,
            "recovery knows the end"
        );
    }
    let appended = u64::from(writer.append(&damage::record(0)).is_ok());
    let last_seq = recovery.last_seq + appended;
    drop(writer);
    let (writer, again) = match Writer::open(dir, options) {
        Ok(opened) => opened,
        Err(error) if recovery.clean => {
            // The damage that the clean open did not look for is found now.
            assert!(end.is_err(), "refused, but reading found nothing: {error}");
            return;
        }
        Err(error) => panic!("refused after a recovery: {error}"),
    };
    if !recovery.clean {
        assert_eq!(again.last_seq, last_seq);
        assert!(again.removed.is_empty());
    }
    drop(writer);
}
