//! `caracal replay`: applies a journal again and compares every command.

use engine::strategy::Registry;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::ReplayArgs;
use crate::output::{Failure, grouped, hex, say};

/// Runs the command. Any difference is a failure.
///
/// # Errors
///
/// [`Failure`]: an unreadable journal, or the first difference.
pub(crate) fn replay(args: &ReplayArgs, registry: &Registry) -> Result<(), Failure> {
    let place = args.journal.display();
    let last = journal::Reader::open(&args.journal)
        .map_err(Failure::because)?
        .last_seq()
        .map_err(Failure::because)?
        .min(args.to.unwrap_or(u64::MAX));
    let bar = progress_bar("replay", last);
    let audit = replay::audit(&args.journal, registry, args.from, args.to, |seq| {
        bar.set_position(seq)
    })
    .map_err(|error| Failure::while_doing(&format!("cannot replay {place}"), error))?;
    bar.finish_and_clear();
    let seconds = audit.took.as_secs_f64();
    let rate = if seconds > 0.0 {
        audit.events as f64 / seconds
    } else {
        0.0
    };
    if args.json {
        let first = audit.first_difference.as_ref().map(ToString::to_string);
        say(&json!({
            "journal": place.to_string(),
            "from_snapshot": audit.snapshot_seq,
            "events": audit.events,
            "commands": audit.commands,
            "differences": audit.differences,
            "first_difference": first,
            "void_commands": audit.void_commands,
            "last_sequence": audit.last_seq,
            "state_hash": hex(&audit.state_hash),
            "ended_in_order": audit.ended_in_order,
            "events_per_second": rate.round() as u64,
        })
        .to_string())?;
    } else {
        say(&format!("journal        {place}"))?;
        if let Some(seq) = audit.snapshot_seq {
            let note = "history before it was pruned";
            say(&format!("from snapshot  {seq} ({note})"))?;
        }
        say(&format!("events         {}", grouped(audit.events)))?;
        say(&format!("commands       {}", grouped(audit.commands)))?;
        say(&format!("differences    {}", grouped(audit.differences)))?;
        if audit.void_commands > 0 {
            let note = "decided, never journaled, never sent: the run was cut off";
            say(&format!("void commands  {} ({note})", audit.void_commands))?;
        }
        say(&format!("last sequence  {}", audit.last_seq))?;
        say(&format!("state hash     {}", hex(&audit.state_hash)))?;
        say(&format!(
            "speed          {} events/s",
            grouped(rate.round() as u64)
        ))?;
    }
    match audit.first_difference {
        None => Ok(()),
        Some(difference) => Err(Failure::Message(format!(
            "{place}: {} differences; the first: {difference}",
            audit.differences
        ))),
    }
}

/// A bar on standard error, hidden when that is no terminal.
pub(crate) fn progress_bar(what: &'static str, length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let style = ProgressStyle::with_template("{prefix} {bar:40} {percent}% {per_sec} ETA {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_prefix(what);
    bar
}
