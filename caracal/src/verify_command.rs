//! `caracal verify`: every byte of a journal, or one proof without the journal.

use std::path::{Path, PathBuf};

use clap::Args;
use journal::seal::{Note, Proof, PublicKey, Verified, VerifyOptions, read_notes, verify as look};
use serde_json::json;

use crate::output::{Failure, grouped, say};
use crate::replay_command::progress_bar;

const VERIFY_EXAMPLES: &str = "Examples:
  caracal verify
  caracal verify data/journal --key elsewhere/seal.pub --checkpoint elsewhere/checkpoints
  caracal verify --proof record-17.json --key elsewhere/seal.pub

Exit code 0: intact. 1: something was changed or is damaged; the first place is printed. A journal
that is being written may be verified; it is looked at up to its end of that moment.";

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub(crate) struct VerifyArgs {
    /// The journal's directory.
    #[arg(default_value = "data/journal")]
    pub(crate) journal: PathBuf,
    /// The public key, held elsewhere; without it the journal's own seal.pub is used.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Checkpoints held elsewhere, which must match; as often as wanted.
    #[arg(long = "checkpoint", value_name = "FILE")]
    pub(crate) checkpoints: Vec<PathBuf>,
    /// Check this proof instead of a journal.
    #[arg(long, value_name = "FILE", conflicts_with = "journal")]
    pub(crate) proof: Option<PathBuf>,
    /// Print the result as one JSON object on the last line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Findings that are printed; more are counted.
const SHOWN: usize = 10;

/// Runs the command. Anything that is wrong is a failure.
///
/// # Errors
///
/// [`Failure`]: an unreadable journal or file, or the first place that is wrong.
pub(crate) fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let key = args.key.as_deref().map(PublicKey::load).transpose();
    let key = key.map_err(Failure::because)?;
    let held = held_notes(&args.checkpoints)?;
    if let Some(path) = &args.proof {
        return verify_proof(args, path, key.as_ref(), &held);
    }
    let options = VerifyOptions { key, held };
    let bar = progress_bar("verify", 0);
    let verified = look(&args.journal, &options, |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    })
    .map_err(Failure::because)?;
    bar.finish_and_clear();
    if args.json {
        say(&as_json(args, &verified).to_string())?;
    } else {
        show(args, &verified)?;
    }
    match verified.first_bad() {
        None => Ok(()),
        Some(bad) => Err(Failure::Message(format!(
            "{}: changed or damaged: {bad}",
            args.journal.display()
        ))),
    }
}

/// The checkpoints in these files, each with the name of its file.
fn held_notes(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Note)>, Failure> {
    let mut held = Vec::new();
    for path in paths {
        if !path.is_file() {
            let path = path.display();
            return Err(Failure::Message(format!(
                "--checkpoint {path}: there is no such file"
            )));
        }
        let notes = read_notes(path).map_err(Failure::because)?;
        held.extend(notes.into_iter().map(|note| (path.clone(), note)));
    }
    Ok(held)
}

fn as_json(args: &VerifyArgs, verified: &Verified) -> serde_json::Value {
    let first_bad = verified.first_bad().map(|bad| {
        json!({
            "file": bad.path.display().to_string(),
            "byte": bad.offset,
            "first_sequence": bad.seqs.map(|(from, _)| from),
            "last_sequence": bad.seqs.map(|(_, to)| to),
            "what": bad.what,
        })
    });
    json!({
        "journal": args.journal.display().to_string(),
        "ok": verified.ok(),
        "records": verified.records,
        "last_sequence": verified.last_seq,
        "covered_sequence": verified.covered_seq,
        "checkpoints": verified.notes,
        "cuts": verified.cuts,
        "held_checkpoints": verified.held,
        "sealed_segments": verified.sealed,
        "archived_segments": verified.archived,
        "key": verified.key.map(|key| key.to_string()),
        "key_given": args.key.is_some(),
        "open": verified.is_open,
        "findings": verified.findings.len(),
        "first_bad": first_bad,
        "reason": verified.first_bad().map(ToString::to_string),
    })
}

fn show(args: &VerifyArgs, verified: &Verified) -> Result<(), Failure> {
    let open = if verified.is_open {
        " (a writer has it, or died with it)"
    } else {
        ""
    };
    say(&format!("journal        {}{open}", args.journal.display()))?;
    let records = grouped(verified.records);
    let last = verified.last_seq;
    say(&format!("records        {records}, last sequence {last}"))?;
    let (sealed, archived) = (verified.sealed, verified.archived);
    say(&format!(
        "segments       {sealed} sealed, {archived} of them archived"
    ))?;
    let cuts = match verified.cuts {
        0 => String::new(),
        cuts => format!(", {cuts} of them after a power failure took the log's end"),
    };
    let notes = grouped(verified.notes);
    say(&format!("checkpoints    {notes}{cuts}"))?;
    let covered = verified.covered_seq;
    let rest = last.saturating_sub(covered);
    say(&match (covered, rest) {
        (0, _) => "signed         nothing: records have only their checksums".to_owned(),
        (_, 0) => "signed         all records".to_owned(),
        _ => {
            format!("signed         up to {covered}; the {rest} records behind have only checksums")
        }
    })?;
    match (&verified.key, args.key.is_some()) {
        (Some(key), true) => say(&format!("key            {key}, as given"))?,
        (Some(key), false) => {
            say(&format!("key            {key}"))?;
            say("               from the journal itself (seal.pub): this proves nothing against")?;
            say("               whoever can change that file too; give --key")?;
        }
        (None, _) => {}
    }
    if args.checkpoints.is_empty() {
        let note =
            "held elsewhere none given: an older copy of everything would pass (--checkpoint)";
        say(note)?;
    } else {
        say(&format!(
            "held elsewhere {} checkpoints match",
            grouped(verified.held)
        ))?;
    }
    for bad in verified.findings.iter().take(SHOWN) {
        say(&format!("WRONG          {bad}"))?;
    }
    let more = verified.findings.len().saturating_sub(SHOWN);
    if more > 0 {
        say(&format!("WRONG          and {more} more"))?;
    }
    say(if verified.ok() {
        "intact"
    } else {
        "NOT INTACT"
    })
}

fn verify_proof(
    args: &VerifyArgs,
    path: &Path,
    key: Option<&PublicKey>,
    held: &[(PathBuf, Note)],
) -> Result<(), Failure> {
    let place = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::while_doing(&format!("cannot read the proof {place}"), error))?;
    let refused = |error| Failure::Message(format!("the proof {place} is refused: {error}"));
    let proof = Proof::parse(&text).map_err(refused)?;
    let said = proof.check(key).map_err(refused)?;
    for (_, note) in held {
        proof.check_with(key, note).map_err(refused)?;
    }
    let journal = format!("{:016x}", said.journal_id);
    if args.json {
        return say(&json!({
            "proof": place.to_string(),
            "ok": true,
            "journal_id": journal,
            "sequence": proof.seq,
            "size": said.size,
            "time_ns": said.time_ns,
            "key_given": key.is_some(),
            "held_checkpoints": held.len(),
        })
        .to_string());
    }
    say(&format!(
        "record {} is in journal {journal}, under its signed checkpoint over {} records",
        proof.seq, said.size
    ))?;
    if key.is_none() {
        say("the key is the proof's own: give --key, or this proves nothing against a forger")?;
    }
    if let Some(record) = record_of(&proof) {
        say(&record)?;
    }
    Ok(())
}

/// The record as `caracal journal cat` shows it.
fn record_of(proof: &Proof) -> Option<String> {
    proof.decoded().map(|record| replay::describe(&record))
}
