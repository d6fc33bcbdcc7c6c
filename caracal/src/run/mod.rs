//! `caracal run`: from the configuration to a trading engine, and to its orderly end.

mod durability;
mod follower;
mod health;
mod identity;
mod opening;
mod paper;
mod program;
mod report;
mod restore;
mod sealing;
mod session;
mod snapshots;
mod status;
mod supervisor;
mod tally;
mod venue;
mod view;

#[cfg(test)]
mod tests;

pub(crate) use opening::Release;
pub(crate) use program::digest as program_digest;
pub(crate) use report::signed;

use engine::strategy::Registry;

use crate::cli::RunArgs;
use crate::config::{Config, Connect, MarketChoice};
use crate::output::Failure;

/// Runs the command.
///
/// # Errors
///
/// [`Failure`]: what, where, and what to do.
pub(crate) fn run(args: &RunArgs, registry: &Registry) -> Result<(), Failure> {
    let mut config = Config::load(&args.config, registry).map_err(Failure::because)?;
    apply_overrides(&mut config, args)?;
    session::run(&config, args)
}

/// The command line's choices win over the file's.
fn apply_overrides(config: &mut Config, args: &RunArgs) -> Result<(), Failure> {
    if let Some(directory) = &args.journal {
        config.journal.dir.clone_from(directory);
    }
    config.journal.allow_unsafe_fs |= args.allow_unsafe_fs;
    let Some(path) = &args.recording else {
        return Ok(());
    };
    if !path.is_file() {
        let path = path.display();
        return Err(Failure::Message(format!(
            "--recording {path}: there is no such file"
        )));
    }
    let speed = args.speed.clone().unwrap_or_else(|| "1".to_owned());
    for venue in &mut config.venues {
        match &mut venue.connect {
            Connect::Practice(practice) => {
                practice.market = MarketChoice::Recording {
                    path: path.clone(),
                    speed: speed.clone(),
                };
            }
            Connect::External(_) => {
                return Err(Failure::Message(format!(
                    "--recording: venue {} is external; give the recording to `caracal practice`",
                    venue.name
                )));
            }
        }
    }
    Ok(())
}
