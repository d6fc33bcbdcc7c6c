//! `caracal explain`: one order from the event that caused it to its end, with the verdict of risk.

mod checks;
mod find;
mod life;
mod wanted;

use std::path::PathBuf;

use clap::Args;
use engine::strategy::Registry;
use serde_json::json;

use crate::output::{Failure, say};

use self::life::Life;
use self::wanted::Wanted;

const EXAMPLES: &str = "Examples:
  caracal explain data/journal 1-0-17       an order by its client order id, as `journal cat` says
  caracal explain data/journal 1000042      an order by the venue's id
  caracal explain data/journal refusal-12   what risk refused, by the refusal's number
  caracal explain data/journal 1-0-17 --json

Prices are ticks and quantities lots where no unit stands beside them. Exit code 1: no such order.";

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExplainArgs {
    /// The journal's directory.
    journal: PathBuf,
    /// The order: 1-0-17, the venue's id, or refusal-12.
    order: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
///
/// [`Failure`]: an unreadable journal, or an order that it does not have.
pub(crate) fn explain(args: &ExplainArgs, registry: &Registry) -> Result<(), Failure> {
    let wanted = Wanted::read(&args.order)?;
    let place = args.journal.display().to_string();
    let mut life = find::life(&args.journal, wanted)?.ok_or_else(|| {
        Failure::Message(format!(
            "{place} has nothing about {wanted}; `caracal journal cat {place} --kind NewOrder` \
             names the orders"
        ))
    })?;
    checks::weigh(&args.journal, registry, &mut life)?;
    if args.json {
        return say(&as_json(&life).to_string());
    }
    as_text(&life)
}

fn as_json(life: &Life) -> serde_json::Value {
    json!({
        "order": life.name(),
        "venue_order_ids": life.venue_ids,
        "instrument": life.instrument_name(),
        "intent": life.intent_json(),
        "cause": life.cause.as_ref().map(replay::to_json),
        "verdict": life.verdict_json(),
        "checks": life.checks.iter().map(checks::as_json).collect::<Vec<_>>(),
        "life": life.records.iter().map(replay::to_json).collect::<Vec<_>>(),
        "filled": life.filled(),
        "state": life.state(),
    })
}

fn as_text(life: &Life) -> Result<(), Failure> {
    let venue = match life.venue_ids.as_slice() {
        [] => String::new(),
        ids => {
            let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
            format!(", at the venue {}", ids.join(", "))
        }
    };
    say(&format!("order    {}{venue}", life.name()))?;
    if let Some(intent) = life.intent() {
        say(&format!("intent   {intent}"))?;
    }
    say(&format!("state    {}", life.state()))?;
    say("cause")?;
    match &life.cause {
        Some(record) => say(&format!("  {}", replay::describe(record)))?,
        None => say("  not in this journal any more: what came before was pruned")?,
    }
    say(&format!("verdict  {}", life.verdict()))?;
    for check in &life.checks {
        say(&format!("  {check}"))?;
    }
    say("life")?;
    for record in &life.records {
        say(&format!("  {}", replay::describe(record)))?;
    }
    Ok(())
}
