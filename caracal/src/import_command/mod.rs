//! `caracal import`: recordings and archives become a data set, which is a journal of the market.
//!
//! Two passes over the files. The first one finds the instruments and their finest steps; the
//! second one writes. Both stream: memory is that of the longest message and of the books.
//!
//! Reading order: `row` is what a reader yields; `formats` are the readers; `stream` sorts and
//! merges files; `intake` synchronises and checks; `dataset` writes; `report` tells.

mod args;
mod catalog;
mod dataset;
mod days;
mod findings;
mod float;
mod formats;
mod input;
mod intake;
mod kept;
mod names;
mod orders;
mod report;
mod row;
mod stream;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use signal_hook::consts::{SIGINT, SIGTERM};

pub(crate) use args::ImportArgs;

use catalog::Catalog;
use dataset::DataSet;
use findings::Findings;
use input::{Broken, Progress};
use intake::Intake;
use report::Report;
use stream::{Context, Merged, Stream};

use crate::output::Failure;
use crate::replay_command::progress_bar;

/// How often the progress is shown, in rows.
const PROGRESS_EVERY: u64 = 1 << 12;

/// Runs the command.
///
/// # Errors
///
/// [`Failure`]: a file that cannot be read to its end (what was read before is kept, if there was
/// something), a directory that is there already, or options that do not fit.
pub(crate) fn import(args: &ImportArgs) -> Result<(), Failure> {
    let (report, ended) = run(args)?;
    report.show(args.json)?;
    ended
}

/// Makes the data set. A failure before there is one is the error; one behind that comes with the
/// report.
fn run(args: &ImportArgs) -> Result<(Report, Result<(), Failure>), Failure> {
    refuse_existing(&args.out)?;
    let mut run = Run::new(args)?;
    run.survey()?;
    let specs = run.catalog.specs(args)?;
    let set = DataSet::create(&args.out, specs, run.bytes)?;
    let seen: Vec<_> = run.catalog.items().iter().map(|item| item.seen).collect();
    let mut intake = Intake::new(set, seen.into_iter());
    let ended = run.write(&mut intake);
    run.bar.finish_and_clear();
    let why = ended.as_ref().err();
    let report = Report::new(args, &run.catalog, &run.findings, &intake, why);
    let saved = intake.close().and_then(|days| {
        let files = [("days.json", &days), ("report.json", report.json())];
        save_all(&args.out, &files)
    });
    let place = args.out.display();
    let kept = crate::output::grouped(report.records());
    let ended = match (ended, saved) {
        (Ok(()), saved) => saved,
        (Err(why), Ok(())) => Err(Failure::Message(format!(
            "{why}; {kept} records before it are kept in {place}"
        ))),
        // The first failure is the one to tell; without its index the data set is still a journal.
        (Err(why), Err(_)) => Err(Failure::Message(format!(
            "{why}; what is in {place} is not closed in order"
        ))),
    };
    Ok((report, ended))
}

/// Refuses a directory with something in it, before anything is read.
fn refuse_existing(out: &Path) -> Result<(), Failure> {
    let refused = |what: &str| {
        let place = out.display();
        Failure::Message(format!("{place} {what}: give --out a new directory"))
    };
    match fs::read_dir(out) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(refused("is there already and not empty")),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            Err(refused("is a file"))
        }
        Err(error) => Err(Failure::while_doing(&out.display().to_string(), error)),
    }
}

/// Writes what stands beside the segments, and the hashes that `verify` checks it by.
fn save_all(dir: &Path, files: &[(&str, &serde_json::Value)]) -> Result<(), Failure> {
    let mut hashes = String::new();
    for (name, value) in files {
        let text = serde_json::to_string_pretty(value).map_err(Failure::because)? + "\n";
        let hash = blake3::hash(text.as_bytes()).to_hex();
        hashes.push_str(&format!("{hash}  {name}\n"));
        save(&dir.join(name), &text)?;
    }
    save(&dir.join("data-set.b3"), &hashes)
}

/// Writes a file whole, under another name first.
fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| Failure::while_doing(&format!("cannot write {}", path.display()), error);
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, text).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)
}

/// Why a data set ends before its files do.
enum Ended {
    Broken((usize, Broken)),
    Interrupted,
}

/// One import under way.
struct Run<'a> {
    args: &'a ImportArgs,
    catalog: Catalog,
    findings: Findings,
    progress: Progress,
    /// Bytes of all files.
    bytes: u64,
    bar: ProgressBar,
    interrupted: Arc<AtomicBool>,
}

impl<'a> Run<'a> {
    fn new(args: &'a ImportArgs) -> Result<Self, Failure> {
        let mut bytes = 0_u64;
        for path in &args.files {
            let metadata = fs::metadata(path);
            let metadata = metadata.map_err(|error| Failure::while_doing(&place(path), error))?;
            bytes = bytes.saturating_add(metadata.len());
        }
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))
                .map_err(Failure::because)?;
        }
        Ok(Self {
            args,
            catalog: Catalog::new(args),
            findings: Findings::new(),
            progress: Rc::new(Cell::new(0)),
            bytes,
            bar: progress_bar("import", bytes.saturating_mul(2)),
            interrupted,
        })
    }

    /// The first pass: instruments and steps. A file that breaks behind its first row is read up to
    /// there; the second pass comes to the same place and tells.
    fn survey(&mut self) -> Result<(), Failure> {
        // What is found now is found again when it counts.
        let mut findings = Findings::new();
        let mut rows = 0_u64;
        for (index, path) in self.args.files.iter().enumerate() {
            let before = rows;
            let opened = self.open(index, path);
            let refused = |broken| nothing_yet(&self.broken(index, &broken).to_string());
            let mut stream = opened.map_err(refused)?;
            let mut context = Context {
                catalog: &mut self.catalog,
                findings: &mut findings,
            };
            let broken = loop {
                match stream.unsorted(&mut context) {
                    Ok(Some(row)) => stream.recycle(row),
                    Ok(None) => break None,
                    Err(broken) => break Some(broken),
                }
                rows += 1;
                if rows.is_multiple_of(PROGRESS_EVERY) {
                    self.bar.set_position(self.progress.get());
                    if self.interrupted.load(Ordering::Relaxed) {
                        return Err(nothing_yet("interrupted"));
                    }
                }
            };
            match broken {
                Some(broken) if rows == before => {
                    return Err(nothing_yet(&self.broken(index, &broken).to_string()));
                }
                None if rows == before => {
                    let why = format!(
                        "{}: nothing in it is of format {}",
                        place(path),
                        self.args.format.name()
                    );
                    return Err(nothing_yet(&why));
                }
                Some(_) | None => {}
            }
        }
        self.catalog.settle();
        Ok(())
    }

    /// The second pass: rows in the order of time, into the data set.
    fn write(&mut self, intake: &mut Intake) -> Result<(), Failure> {
        self.progress.set(self.bytes);
        let mut streams = Vec::with_capacity(self.args.files.len());
        for (index, path) in self.args.files.iter().enumerate() {
            let opened = self.open(index, path);
            streams.push(opened.map_err(|broken| self.broken(index, &broken))?);
        }
        let mut context = Context {
            catalog: &mut self.catalog,
            findings: &mut self.findings,
        };
        let mut merged = Merged::new(streams, &mut context);
        let ended = loop {
            match merged.next(&mut context) {
                Ok(Some(row)) => {
                    intake.take(&row, context.findings)?;
                    merged.recycle(row);
                }
                Ok(None) => break Ok(()),
                Err(broken) => break Err(Ended::Broken(broken)),
            }
            if intake.rows().is_multiple_of(PROGRESS_EVERY) {
                self.bar.set_position(self.progress.get());
                if self.interrupted.load(Ordering::Relaxed) {
                    break Err(Ended::Interrupted);
                }
            }
        };
        let words = match ended {
            Ok(()) => "data set ends",
            Err(_) => "data set ends early",
        };
        intake.end(words, &mut self.findings)?;
        ended.map_err(|ended| match ended {
            Ended::Broken((file, broken)) => self.broken(file, &broken),
            Ended::Interrupted => Failure::Message("interrupted".to_owned()),
        })
    }

    fn open(&self, index: usize, path: &Path) -> Result<Stream, Broken> {
        let format = formats::open(self.args, index, path, &self.progress)?;
        Ok(Stream::new(format, self.args.window()))
    }

    fn broken(&self, file: usize, broken: &Broken) -> Failure {
        let path = self
            .args
            .files
            .get(file)
            .map_or_else(String::new, |path| place(path));
        let Broken { line, reason } = broken;
        Failure::Message(match line {
            0 => format!("{path}: {reason}"),
            line => format!("{path} line {line}: {reason}"),
        })
    }
}

fn place(path: &Path) -> String {
    path.display().to_string()
}

fn nothing_yet(why: &str) -> Failure {
    Failure::Message(format!("{why}; nothing was written"))
}
