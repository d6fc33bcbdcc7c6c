//! Ten simulated minutes of trading at a practice venue under every fault at once, from many seeds:
//! what was asked, what went wrong, and whether engine and venue agree behind it.
//!
//! Each venue is a drill of `caracal/tests/drills/chaos.rs`, by a simulated clock, so that one seed
//! takes a part of a second.

use std::path::Path;
use std::process::{Command, Stdio};

use clap::Args;

use crate::histories::watch;
use crate::shell::say;
use crate::test_binary::build;

/// Shown behind `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo xtask chaos                                      every venue, 20 seeds each
  cargo xtask chaos --venue okx --seeds 20               both markets of OKX
  cargo xtask chaos --venue binance-spot --seeds 200
  cargo xtask chaos --venue binance-spot --number 8      one that failed, alone";

/// Venues, and the drill of each.
const VENUES: [(&str, &str); 4] = [
    (
        "binance-spot",
        "chaos::binance_spot_and_engine_agree_behind_ten_minutes_of_every_fault",
    ),
    (
        "binance-usdm",
        "chaos::binance_usdm_and_engine_agree_behind_ten_minutes_of_every_fault",
    ),
    (
        "okx-spot",
        "chaos::okx_spot_and_engine_agree_behind_ten_minutes_of_every_fault",
    ),
    (
        "okx-swap",
        "chaos::okx_swap_and_engine_agree_behind_ten_minutes_of_every_fault",
    ),
];

#[derive(Debug, Args)]
pub(crate) struct ChaosArguments {
    /// Only this venue; `binance` and `okx` are both of its markets.
    #[arg(long, value_name = "VENUE")]
    venue: Option<String>,
    /// Runs of ten simulated minutes, each from a seed of its own.
    #[arg(long, value_name = "N", default_value_t = 20)]
    seeds: u64,
    /// The seed that the runs' seeds are drawn from.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Only this run, by its number from 0.
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    number: Option<u64>,
}

/// Runs the venues that were asked for.
///
/// # Errors
///
/// An unknown venue, a build that fails, or the venues that do not agree.
pub(crate) fn run(root: &Path, arguments: &ChaosArguments) -> Result<(), String> {
    let venues = chosen(arguments.venue.as_deref())?;
    let binary = build(root, "caracal/drills")?;
    let mut failed = Vec::new();
    for (venue, drill) in venues {
        let seeds = arguments.number.map_or(arguments.seeds, |_| 1);
        say(&format!("{venue}: {seeds} runs of ten simulated minutes"));
        let mut test = Command::new(&binary.path);
        test.args(["--exact", drill, "--include-ignored", "--nocapture"])
            .current_dir(&binary.folder)
            .env("CARACAL_HISTORIES", seeds.to_string())
            .env_remove("CARACAL_HISTORY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, number) in [
            ("CARACAL_SEED", arguments.seed),
            ("CARACAL_HISTORY", arguments.number),
        ] {
            if let Some(number) = number {
                test.env(name, number.to_string());
            }
        }
        match watch(&format!("chaos-{venue}"), test) {
            Ok(counted) => {
                say(&format!(
                    "{venue}: {} runs, {} events, seed {}, {} violations",
                    counted.count, counted.events, counted.seed, counted.violations
                ));
                if counted.violations > 0 {
                    failed.push(venue);
                }
            }
            Err(why) => {
                say(&format!("{venue}: did not end: {why}"));
                failed.push(venue);
            }
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "chaos that was not survived: {}",
            failed.join(", ")
        ))
    }
}

fn chosen(venue: Option<&str>) -> Result<Vec<(&'static str, &'static str)>, String> {
    let all = VENUES.to_vec();
    let Some(wanted) = venue else {
        return Ok(all);
    };
    let found: Vec<_> = all
        .into_iter()
        .filter(|(name, _)| {
            let (house, _) = name.split_once('-').unwrap_or((name, ""));
            *name == wanted || house == wanted
        })
        .collect();
    if found.is_empty() {
        let names: Vec<&str> = VENUES.iter().map(|(name, _)| *name).collect();
        let known = names.join(", ");
        return Err(format!("no chaos for a venue {wanted}; there is: {known}"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_venue_is_an_error_that_names_those_that_are_there() {
        assert!(chosen(Some("nowhere")).is_err_and(|why| why.contains("binance-spot")));
        assert_eq!(chosen(None).map(|venues| venues.len()), Ok(VENUES.len()));
        assert_eq!(chosen(Some("okx")).map(|venues| venues.len()), Ok(2));
        assert_eq!(chosen(Some("okx-swap")).map(|venues| venues.len()), Ok(1));
    }
}
