//! `caracal journal export`: records into one file, as JSON lines or Parquet.
//!
//! The file is written under a temporary name beside its own, synced and renamed: whoever sees the
//! name sees all of it. Records stream through; memory is that of one row group.

mod row;
mod table;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use journal::Reader;
use model::record::Record;
use serde_json::json;

use super::args::{ExportArgs, Format};
use super::filter::{self, Filter};
use super::instruments::Instruments;
use crate::output::{Failure, grouped, say};
use crate::replay_command::progress_bar;

use table::Table;

/// How often the progress is shown, in records.
const PROGRESS_EVERY: u64 = 1 << 14;

/// Writes the records that the filters let through.
///
/// # Errors
///
/// [`Failure`]: an unreadable journal, a filter that cannot be, a file that is there already or
/// cannot be written. The file is not made then.
pub(super) fn export(args: &ExportArgs) -> Result<(), Failure> {
    let (mut reader, mut filter) = filter::open(&args.journal, &args.filter)?;
    let target = Target::new(args)?;
    let exported = write(&mut reader, &mut filter, args.format, &target);
    let exported = match exported {
        Ok(exported) => exported,
        Err(failure) => {
            // The first failure is the one to tell.
            let _ = fs::remove_file(&target.unfinished);
            return Err(failure);
        }
    };
    target.publish()?;
    let bytes = fs::metadata(&target.path).map_or(0, |metadata| metadata.len());
    let place = target.path.display().to_string();
    if args.json {
        return say(&json!({
            "journal": args.journal.display().to_string(),
            "file": place,
            "format": match args.format { Format::Jsonl => "jsonl", Format::Parquet => "parquet" },
            "records": exported.records,
            "bytes": bytes,
            "first_sequence": exported.first_seq,
            "last_sequence": exported.last_seq,
        })
        .to_string());
    }
    let records = grouped(exported.records);
    say(&format!(
        "{records} records, {} bytes: {place}",
        grouped(bytes)
    ))
}

/// What was written.
#[derive(Debug, Default)]
struct Exported {
    records: u64,
    first_seq: Option<u64>,
    last_seq: Option<u64>,
}

fn write(
    reader: &mut Reader,
    filter: &mut Filter,
    format: Format,
    target: &Target,
) -> Result<Exported, Failure> {
    let mut instruments = Instruments::default();
    let file = target.create()?;
    let mut sink = match format {
        Format::Jsonl => Sink::Lines(BufWriter::with_capacity(1 << 20, file)),
        Format::Parquet => {
            let learned = instruments.learn_before(reader, filter.from());
            learned.map_err(Failure::because)?;
            let id = reader.journal_id();
            Sink::Table(Box::new(
                Table::new(file, id).map_err(|e| target.failed(e))?,
            ))
        }
    };
    let last = reader.last_seq().map_err(Failure::because)?;
    let bar = progress_bar("export", last.min(filter.to().unwrap_or(last)));
    let mut exported = Exported::default();
    // To the end as it is now: what a running engine appends meanwhile is for the next export.
    while reader.next_seq() <= last
        && let Some(record) = reader.next().map_err(Failure::because)?
    {
        if filter.is_over(record) {
            break;
        }
        instruments.learn(record);
        if record.seq.is_multiple_of(PROGRESS_EVERY) {
            bar.set_position(record.seq);
        }
        if filter.passes(record) {
            let written = sink.write(record, &instruments);
            written.map_err(|error| target.failed(error))?;
            exported.records += 1;
            exported.first_seq.get_or_insert(record.seq);
            exported.last_seq = Some(record.seq);
        }
    }
    sink.finish().map_err(|error| target.failed(error))?;
    bar.finish_and_clear();
    Ok(exported)
}

type SinkError = Box<dyn std::error::Error>;

enum Sink {
    Lines(BufWriter<File>),
    Table(Box<Table>),
}

impl Sink {
    fn write(&mut self, record: &Record, instruments: &Instruments) -> Result<(), SinkError> {
        match self {
            Self::Lines(out) => Ok(writeln!(out, "{}", replay::to_json(record))?),
            Self::Table(table) => Ok(table.push(record, instruments)?),
        }
    }

    fn finish(self) -> Result<(), SinkError> {
        let file = match self {
            Self::Lines(out) => out.into_inner()?,
            Self::Table(table) => table.finish()?,
        };
        Ok(file.sync_all()?)
    }
}

/// The file, and its name while it is made.
struct Target {
    path: PathBuf,
    unfinished: PathBuf,
    force: bool,
}

impl Target {
    fn new(args: &ExportArgs) -> Result<Self, Failure> {
        let path = args.out.clone();
        let Some(name) = path.file_name() else {
            let place = path.display();
            return Err(Failure::Message(format!("--out {place}: name a file")));
        };
        if path.is_dir() {
            let place = path.display();
            return Err(Failure::Message(format!(
                "--out {place} is a directory; name a file in it"
            )));
        }
        let mut new: OsString = name.to_owned();
        new.push(".new");
        let target = Self {
            unfinished: path.with_file_name(new),
            path,
            force: args.force,
        };
        target.refuse_existing()?;
        Ok(target)
    }

    fn refuse_existing(&self) -> Result<(), Failure> {
        if !self.force && fs::symlink_metadata(&self.path).is_ok() {
            let place = self.path.display();
            return Err(Failure::Message(format!(
                "{place} is there already; name another file or give --force"
            )));
        }
        Ok(())
    }

    fn create(&self) -> Result<File, Failure> {
        File::create(&self.unfinished).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: impl std::fmt::Display) -> Failure {
        Failure::while_doing(
            &format!("cannot write {}", self.unfinished.display()),
            error,
        )
    }

    /// Gives the finished file its name, durably.
    fn publish(&self) -> Result<(), Failure> {
        // It may have come while we wrote.
        self.refuse_existing()?;
        let parent = match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        fs::rename(&self.unfinished, &self.path)
            .and_then(|()| File::open(parent)?.sync_all())
            .map_err(|error| {
                Failure::while_doing(&format!("cannot write {}", self.path.display()), error)
            })
    }
}
