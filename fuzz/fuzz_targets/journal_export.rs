//! Any records can be exported: each JSON line is JSON, and the Parquet file opens again, with as
//! many rows, and every body as it was.
//!
//! The input is records as they stand in a journal, 128 bytes each, whatever they hold: the journal
//! keeps kinds as they are, so a newer engine's records come here too. The exporter is the binary's
//! own source.

#![no_main]

use std::fs::{self, OpenOptions};

use libfuzzer_sys::fuzz_target;
use model::record::Record;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use zerocopy::FromBytes;

#[allow(dead_code, unused_imports, reason = "the binary uses more of it")]
#[path = "../../caracal/src"]
mod binary {
    pub mod parquet_table;
}

use binary::parquet_table;

#[path = "../../caracal/src/journal_command"]
mod journal_command {
    #[allow(dead_code, reason = "the binary uses more of it")]
    pub mod instruments;
    pub mod order;

    pub mod export {
        mod row;
        pub mod table;

        use std::fs::File;

        use model::record::Record;

        use super::instruments::Instruments;

        /// What the export command does, without its filter.
        pub fn export(file: File, records: &[Record]) -> File {
            let mut instruments = Instruments::default();
            let mut table = table::Table::new(file, 7).expect("a file can be begun");
            for record in records {
                instruments.learn(record);
                table
                    .push(record, &instruments)
                    .expect("a row can be written");
            }
            table.finish().expect("the file can be ended")
        }
    }
}

/// More than this many show nothing new.
const RECORDS_MAX: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    let records: Vec<Record> = bytes
        .chunks_exact(size_of::<Record>())
        .take(RECORDS_MAX)
        .filter_map(|bytes| Record::read_from_bytes(bytes).ok())
        .collect();
    for record in &records {
        let line = replay::to_json(record).to_string();
        assert!(!line.contains('\n'), "one record is one line: {line}");
        let read: Result<serde_json::Value, _> = serde_json::from_str(&line);
        assert!(read.is_ok(), "no JSON: {line}");
    }
    check_parquet(&records);
});

fn check_parquet(records: &[Record]) {
    let path = std::env::temp_dir().join(format!("caracal-fuzz-{}.parquet", std::process::id()));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    let file = options.open(&path).expect("a scratch file can be made");
    fs::remove_file(&path).expect("it can be unlinked");
    let file = journal_command::export::export(file, records);
    let reader = SerializedFileReader::new(file).expect("what was exported can be opened");
    let rows = reader.get_row_iter(None).expect("it has rows");
    let mut count = 0;
    for (row, record) in rows.zip(records) {
        let row = row.expect("a row can be read");
        let body = row.get_column_iter().find(|(name, _)| *name == "body");
        match body {
            Some((_, Field::Bytes(bytes))) => assert_eq!(bytes.data(), record.body),
            other => panic!("no body: {other:?}"),
        }
        count += 1;
    }
    assert_eq!(count, records.len());
    assert_eq!(
        reader.metadata().file_metadata().num_rows(),
        records.len() as i64
    );
}
