//! `caracal journal prune`: removes the oldest segments.

use journal::{Folder, Held, PruneOptions};
use serde_json::json;

use super::args::PruneArgs;
use super::holder::upkeep_failure;
use crate::output::{Failure, grouped, say};

/// Removes what the options do not want, as far as the snapshots allow.
///
/// # Errors
///
/// [`Failure`]: no journal, a running engine, or files that cannot be removed.
pub(super) fn prune(args: &PruneArgs) -> Result<(), Failure> {
    let options = PruneOptions {
        keep_bytes: args.keep_bytes,
        keep_age: args.keep_age,
        dry_run: args.dry_run,
    };
    let pruned = journal::prune(&Folder::on_disk(&args.journal), options)
        .map_err(|error| upkeep_failure(&args.journal, &error))?;
    let held = pruned.held.map(why);
    if args.json {
        return say(&json!({
            "journal": args.journal.display().to_string(),
            "dry_run": args.dry_run,
            "segments": pruned.segments,
            "leftover_files": pruned.leftovers,
            "bytes": pruned.bytes,
            "kept_bytes": pruned.kept_bytes,
            "first_sequence": pruned.first_seq,
            "held": held,
        })
        .to_string());
    }
    let verb = if args.dry_run {
        "would be removed"
    } else {
        "removed"
    };
    say(&format!(
        "{} segments {verb}: {} bytes; {} bytes stay, from sequence {}",
        pruned.segments.len(),
        grouped(pruned.bytes),
        grouped(pruned.kept_bytes),
        pruned.first_seq
    ))?;
    if pruned.leftovers > 0 {
        let count = pruned.leftovers;
        say(&format!(
            "{count} of the files were left by an earlier prune"
        ))?;
    }
    match held {
        Some(held) => say(&format!("more stays than was asked for: {held}")),
        None => Ok(()),
    }
}

fn why(held: Held) -> String {
    match held {
        Held::NoSnapshot => {
            "there is no good snapshot, so a restart needs the whole log; an engine writes one \
             while it runs, and when it ends"
                .to_owned()
        }
        Held::Snapshot { seq } => {
            format!("the oldest snapshot is at sequence {seq}, and a restart may need what follows")
        }
        Held::InUse => "the segments that are left are in use, or the newest full one".to_owned(),
    }
}
