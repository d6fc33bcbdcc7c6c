//! `caracal journal archive`: packs old segments.

use journal::{ArchiveOptions, Folder};
use serde_json::json;

use super::args::ArchiveArgs;
use super::holder::upkeep_failure;
use crate::output::{Failure, grouped, say};
use crate::replay_command::progress_bar;

/// Archives what may be archived.
///
/// # Errors
///
/// [`Failure`]: no journal, no right to it, or a segment that cannot be archived.
pub(super) fn archive(args: &ArchiveArgs) -> Result<(), Failure> {
    let options = ArchiveOptions {
        keep_last: args.keep_last,
        level: args.level,
    };
    let bar = progress_bar("archive", 0);
    let mut progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let folder = Folder::on_disk(&args.journal);
    let archived = journal::archive(&folder, options, &mut progress)
        .map_err(|error| upkeep_failure(&args.journal, &error))?;
    bar.finish_and_clear();
    let place = args.journal.display().to_string();
    if args.json {
        return say(&json!({
            "journal": place,
            "segments": archived.segments,
            "raw_bytes": archived.raw_bytes,
            "archived_bytes": archived.archived_bytes,
            "while_written": archived.while_written,
        })
        .to_string());
    }
    let count = archived.segments.len();
    if count == 0 {
        return say(&format!("nothing to archive in {place}"));
    }
    say(&format!(
        "{count} segments archived: {} bytes instead of {}",
        grouped(archived.archived_bytes),
        grouped(archived.raw_bytes)
    ))
}
