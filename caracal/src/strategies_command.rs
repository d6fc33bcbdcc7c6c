//! `caracal strategies`: which strategies this program has, and what each can be configured with.

use std::time::Duration;

use clap::Args;
use comfy_table::{Table, presets};
use engine::strategy::{Parameter, Registry, Unit};
use serde_json::json;

use crate::output::{Failure, say};

const STRATEGIES_EXAMPLES: &str = "Examples:
  caracal strategies
  caracal strategies market-maker
  caracal strategies --json";

/// Arguments of `strategies`.
#[derive(Debug, Args)]
#[command(after_help = STRATEGIES_EXAMPLES)]
pub(crate) struct StrategiesArgs {
    /// Only this one.
    kind: Option<String>,
    /// Print one JSON object for each strategy.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
///
/// [`Failure`]: a strategy that the program does not have.
pub(crate) fn strategies(args: &StrategiesArgs, registry: &Registry) -> Result<(), Failure> {
    let wanted = |kind: &&str| args.kind.as_deref().is_none_or(|wanted| wanted == *kind);
    let kinds: Vec<&str> = registry.kinds().filter(wanted).collect();
    if kinds.is_empty() {
        let known: Vec<&str> = registry.kinds().collect();
        return Err(Failure::Message(format!(
            "this program has no such strategy; it has {}",
            known.join(", ")
        )));
    }
    for kind in kinds {
        let parameters = registry.parameters(kind).unwrap_or_default();
        if args.json {
            let parameters: Vec<_> = parameters.iter().map(as_json).collect();
            say(&json!({"kind": kind, "parameters": parameters}).to_string())?;
        } else {
            say(&format!("kind = \"{kind}\"\n{}", table(parameters)))?;
        }
    }
    Ok(())
}

fn table(parameters: &[Parameter]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "parameter",
        "unit",
        "allowed",
        "if not given",
        "what it does",
    ]);
    for one in parameters {
        table.add_row([
            one.name.to_owned(),
            one.unit.words().to_owned(),
            allowed(one),
            one.default.map_or_else(
                || "required".to_owned(),
                |value| value_text(one.unit, value),
            ),
            one.help.to_owned(),
        ]);
    }
    table
}

/// The range in the words of the configuration; of quantities and prices only their sign, because
/// their steps are the venue's.
fn allowed(one: &Parameter) -> String {
    let (least, most) = (*one.range.start(), *one.range.end());
    match one.unit {
        Unit::Lots { .. } | Unit::Price { .. } if least > 0 => "above 0".to_owned(),
        Unit::Lots { .. } | Unit::Price { .. } if least == 0 => "0 or more".to_owned(),
        Unit::Lots { .. } | Unit::Price { .. } if most <= 0 => "0 or below".to_owned(),
        Unit::Lots { .. } | Unit::Price { .. } => "any".to_owned(),
        Unit::Flag => "true, false".to_owned(),
        Unit::Nanos | Unit::Ticks | Unit::Bps | Unit::Count => {
            let text = |value| value_text(one.unit, value);
            format!("{} to {}", text(least), text(most))
        }
    }
}

fn value_text(unit: Unit, value: i64) -> String {
    match unit {
        Unit::Nanos => {
            let nanos = u64::try_from(value).unwrap_or(0);
            format!("{:?}", Duration::from_nanos(nanos))
        }
        Unit::Flag => (value != 0).to_string(),
        Unit::Lots { .. } | Unit::Price { .. } | Unit::Ticks | Unit::Bps | Unit::Count => {
            value.to_string()
        }
    }
}

fn as_json(one: &Parameter) -> serde_json::Value {
    json!({
        "name": one.name,
        "unit": one.unit.words(),
        "least": one.range.start(),
        "most": one.range.end(),
        "default": one.default,
        "help": one.help,
    })
}
