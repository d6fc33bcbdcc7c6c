//! `caracal journal stat`: a journal in numbers.

use std::time::Duration;

use indicatif::ProgressBar;
use journal::{Inventory, Stat};
use serde_json::{Map, Value, json};

use super::args::StatArgs;
use crate::output::{Failure, grouped, say};

/// Counts the records by kind, and says what stands in the directory.
///
/// # Errors
///
/// [`Failure`]: an unreadable journal.
pub(super) fn stat(args: &StatArgs) -> Result<(), Failure> {
    let spinner = ProgressBar::new_spinner().with_message("counting");
    spinner.enable_steady_tick(Duration::from_millis(100));
    let counted = journal::stat(&args.journal).map_err(Failure::because)?;
    let files = journal::inventory(&args.journal).map_err(Failure::because)?;
    spinner.finish_and_clear();
    let place = args.journal.display().to_string();
    if args.json {
        return say(&as_json(&place, &counted, &files).to_string());
    }
    for (name, value) in lines(&place, &counted, &files) {
        say(&format!("{name:<15}{value}"))?;
    }
    for (kind, count) in counted.kinds() {
        say(&format!("  {:<16} {:>14}", kind.name(), grouped(count)))?;
    }
    if counted.unknown() > 0 {
        let count = grouped(counted.unknown());
        say(&format!("  {:<16} {count:>14}", "(unknown)"))?;
    }
    Ok(())
}

fn as_json(place: &str, stat: &Stat, files: &Inventory) -> Value {
    let kinds: Map<String, Value> = stat
        .kinds()
        .map(|(kind, count)| (kind.name().to_owned(), json!(count)))
        .collect();
    json!({
        "journal": place,
        "journal_id": format!("{:016x}", files.journal_id),
        "created_ns": files.created_ns,
        "records": stat.records,
        "bytes": stat.bytes,
        "segments": stat.segments,
        "segment_bytes": stat.segment_bytes,
        "segments_raw": files.raw,
        "segments_archived": files.archived,
        "segments_prepared": files.prepared,
        "first_segment": files.first_segment,
        "disk_bytes": files.disk_bytes,
        "archived_bytes": files.archived_bytes,
        "opened_for_writing": stat.epoch,
        "closed_in_order": stat.was_closed,
        "first_sequence": stat.first_seq,
        "last_sequence": stat.last_seq.unwrap_or(0),
        "durable_mark": files.durable_mark,
        "first_time_ns": stat.first_time_ns,
        "last_time_ns": stat.last_time_ns,
        "snapshots": files.snapshots,
        "checkpoints": files.checkpoints,
        "broken_files": files.broken,
        "unfinished_files": files.unfinished,
        "kinds": kinds,
        "unknown_kinds": stat.unknown(),
    })
}

fn lines(place: &str, stat: &Stat, files: &Inventory) -> Vec<(&'static str, String)> {
    let mib = stat.segment_bytes >> 20;
    let size = if mib > 0 {
        format!("{mib} MiB")
    } else {
        format!("{} KiB", stat.segment_bytes >> 10)
    };
    let closed = if stat.was_closed {
        "in order"
    } else {
        "no: still open, or cut off"
    };
    let span_ns = stat
        .last_time_ns
        .unwrap_or(0)
        .saturating_sub(stat.first_time_ns.unwrap_or(0));
    let span = format!("{:.1?}", Duration::from_nanos(span_ns));
    let snapshots: Vec<String> = files.snapshots.iter().map(u64::to_string).collect();
    let or_none = |text: String| {
        if text.is_empty() {
            "none".to_owned()
        } else {
            text
        }
    };
    vec![
        ("journal", format!("{place} (id {:016x})", files.journal_id)),
        (
            "records",
            format!("{} ({} bytes)", grouped(stat.records), grouped(stat.bytes)),
        ),
        (
            "segments",
            format!(
                "{} of {size}: {} raw, {} archived, {} prepared",
                files.raw + files.archived + files.prepared,
                files.raw,
                files.archived,
                files.prepared
            ),
        ),
        ("on disk", format!("{} bytes", grouped(files.disk_bytes))),
        ("runs", stat.epoch.to_string()),
        ("first sequence", stat.first_seq.unwrap_or(0).to_string()),
        ("last sequence", stat.last_seq.unwrap_or(0).to_string()),
        (
            "durable mark",
            or_none(
                files
                    .durable_mark
                    .map_or_else(String::new, |mark| mark.to_string()),
            ),
        ),
        ("closed", closed.to_owned()),
        ("span", span),
        ("snapshots", or_none(snapshots.join(", "))),
        (
            "checkpoints",
            if files.checkpoints { "yes" } else { "none" }.to_owned(),
        ),
    ]
}
