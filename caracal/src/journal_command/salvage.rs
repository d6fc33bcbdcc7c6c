//! `caracal journal salvage`: a new journal from what is intact of a damaged one.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use journal::Folder;
use journal::salvage::{SalvageError, Salvaged};
use model::record::Record;
use serde_json::{Value, json};
use zerocopy::IntoBytes as _;

use super::args::SalvageArgs;
use super::holder::open_failure;
use crate::output::{Failure, grouped, hex, remark, say};
use crate::replay_command::progress_bar;

/// Ranges that are printed one by one.
const RANGES_SHOWN: usize = 20;

/// Copies what is intact.
///
/// # Errors
///
/// [`Failure`]: nothing can be read, the target is not new, or cannot be written.
pub(super) fn salvage(args: &SalvageArgs) -> Result<(), Failure> {
    refuse_overlap(&args.journal, &args.to)?;
    let (from, to) = (Folder::on_disk(&args.journal), Folder::on_disk(&args.to));
    let mut behind = Behind::new(&args.to)?;
    let bar = progress_bar("salvage", 0);
    let mut progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let mut take = |record: &Record| behind.take(record);
    let salvaged = journal::salvage::salvage(&from, &to, &mut take, &mut progress);
    bar.finish_and_clear();
    let kept_in = behind.finish()?;
    let salvaged = salvaged.map_err(|error| match error {
        SalvageError::Open(error) => open_failure(&args.journal, &error),
        SalvageError::NothingIntact { .. } => match &kept_in {
            Some(path) => Failure::Message(format!("{error}: {}", path.display())),
            None => Failure::because(error),
        },
        SalvageError::TargetInUse { .. }
        | SalvageError::NoGeometry { .. }
        | SalvageError::Behind(_)
        | SalvageError::Snapshot(_) => Failure::because(error),
    })?;
    for text in &salvaged.remarks {
        remark(text);
    }
    if args.json {
        return say(&as_json(args, &salvaged, kept_in.as_deref()).to_string());
    }
    tell(args, &salvaged, kept_in.as_deref())
}

fn as_json(args: &SalvageArgs, salvaged: &Salvaged, kept_in: Option<&Path>) -> Value {
    let ranges = salvaged.lost.iter();
    let ranges: Vec<[u64; 2]> = ranges.map(|range| [*range.start(), *range.end()]).collect();
    json!({
        "journal": args.journal.display().to_string(),
        "to": args.to.display().to_string(),
        "journal_id": format!("{:016x}", salvaged.journal_id),
        "first_sequence": salvaged.first_seq,
        "last_sequence": salvaged.last_seq,
        "records": salvaged.copied,
        "snapshots": salvaged.snapshots,
        "lost_records": salvaged.lost_records,
        "lost": ranges,
        "unreadable_records": salvaged.unreadable,
        "intact_behind_the_damage": salvaged.behind,
        "behind_file": kept_in.map(|path| path.display().to_string()),
        "remarks": salvaged.remarks,
    })
}

fn tell(args: &SalvageArgs, salvaged: &Salvaged, kept_in: Option<&Path>) -> Result<(), Failure> {
    say(&format!(
        "{} records copied, {} to {}, and {} snapshots: {}",
        grouped(salvaged.copied),
        salvaged.first_seq,
        salvaged.last_seq,
        salvaged.snapshots,
        args.to.display()
    ))?;
    if salvaged.lost_records == 0 {
        return say("nothing is lost");
    }
    say(&format!(
        "{} records are lost:",
        grouped(salvaged.lost_records)
    ))?;
    for range in salvaged.lost.iter().take(RANGES_SHOWN) {
        say(&format!("  {} to {}", range.start(), range.end()))?;
    }
    let more = salvaged.lost.len().saturating_sub(RANGES_SHOWN);
    if more > 0 {
        say(&format!("  and {more} more ranges (--json has them)"))?;
    }
    match kept_in {
        Some(path) => say(&format!(
            "{} intact records behind the damage: {}",
            grouped(salvaged.behind),
            path.display()
        )),
        None => Ok(()),
    }
}

/// Refuses a target that is the source or inside of it.
fn refuse_overlap(from: &Path, to: &Path) -> Result<(), Failure> {
    let source = fs::canonicalize(from)
        .map_err(|error| Failure::while_doing(&format!("cannot open {}", from.display()), error))?;
    // The target may not be there yet: then what is above it decides.
    let above = to.ancestors().find_map(|path| {
        let path = if path == Path::new("") {
            Path::new(".")
        } else {
            path
        };
        fs::canonicalize(path).ok()
    });
    if above.is_some_and(|above| above.starts_with(&source)) {
        let (from, to) = (from.display(), to.display());
        return Err(Failure::Message(format!(
            "--to {to} is the journal {from} or inside of it; name a directory elsewhere"
        )));
    }
    Ok(())
}

/// The file of the records behind the damage, made with the first of them.
struct Behind {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Behind {
    fn new(to: &Path) -> Result<Self, Failure> {
        let mut path = to.components().as_path().as_os_str().to_owned();
        path.push(".behind.jsonl");
        let path = PathBuf::from(path);
        if fs::symlink_metadata(&path).is_ok() {
            let place = path.display();
            return Err(Failure::Message(format!(
                "{place} is there already; move it away or name another --to"
            )));
        }
        Ok(Self { path, file: None })
    }

    /// A line as `cat --json` has it, with all bytes of the record in hexadecimal.
    fn take(&mut self, record: &Record) -> io::Result<()> {
        if self.file.is_none() {
            let file = File::create_new(&self.path)?;
            self.file = Some(BufWriter::with_capacity(1 << 20, file));
        }
        let mut line = replay::to_json(record);
        if let Value::Object(fields) = &mut line {
            fields.insert("record".to_owned(), json!(hex(record.as_bytes())));
        }
        match &mut self.file {
            Some(file) => writeln!(file, "{line}"),
            None => Ok(()),
        }
    }

    /// Syncs the file; its path, if there is one.
    fn finish(self) -> Result<Option<PathBuf>, Failure> {
        let Some(file) = self.file else {
            return Ok(None);
        };
        let synced = file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all());
        synced.map_err(|error| {
            Failure::while_doing(&format!("cannot write {}", self.path.display()), error)
        })?;
        Ok(Some(self.path))
    }
}
