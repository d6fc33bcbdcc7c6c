//! `caracal prove`: a proof that one record is in a journal, to be checked without the journal.

use std::path::PathBuf;

use clap::Args;
use journal::seal::{prove as prove_record, read_notes};
use serde_json::json;

use crate::output::{Failure, remark, say, say_raw};

const PROVE_EXAMPLES: &str = "Examples:
  caracal prove 17 --out record-17.json
  caracal prove 17 data/journal --since elsewhere/checkpoints --out record-17.json

The proof is checked by `caracal verify --proof FILE --key FILE`, without the journal.";

/// Arguments of `prove`.
#[derive(Debug, Args)]
#[command(after_help = PROVE_EXAMPLES)]
pub(crate) struct ProveArgs {
    /// The record's log sequence.
    pub(crate) seq: u64,
    /// The journal's directory.
    #[arg(default_value = "data/journal")]
    pub(crate) journal: PathBuf,
    /// Prove also that the log goes on from the last checkpoint in this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) since: Option<PathBuf>,
    /// Write the proof to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// With --out: print what was written as one JSON object.
    #[arg(long, requires = "out")]
    pub(crate) json: bool,
}

/// Runs the command: the proof goes to a file or to standard output.
///
/// # Errors
///
/// [`Failure`]: the record is not there or under no checkpoint, or the file cannot be written.
pub(crate) fn prove(args: &ProveArgs) -> Result<(), Failure> {
    let since = match &args.since {
        None => None,
        Some(path) => read_notes(path).map_err(Failure::because)?.pop(),
    };
    let place = args.journal.display();
    let proof = prove_record(&args.journal, args.seq, since.as_ref())
        .map_err(|error| Failure::while_doing(&format!("{place}: no proof"), error))?;
    let text = proof.to_text();
    let Some(out) = &args.out else {
        return say_raw(&text);
    };
    std::fs::write(out, &text).map_err(|error| {
        Failure::while_doing(&format!("cannot write the proof {}", out.display()), error)
    })?;
    if args.json {
        return say(&json!({
            "journal": place.to_string(),
            "sequence": args.seq,
            "out": out.display().to_string(),
            "bytes": text.len(),
        })
        .to_string());
    }
    remark(&format!(
        "wrote {}; check it anywhere with: caracal verify --proof {} --key seal.pub",
        out.display(),
        out.display()
    ));
    Ok(())
}
