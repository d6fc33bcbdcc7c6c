//! `caracal journal`: looks into a journal, copies it out, and keeps its directory. One file a
//! command.

mod args;
mod cat;
mod export;
mod filter;
mod instruments;
mod stat;
mod time;

pub(crate) use args::JournalArgs;

use args::JournalCommand;

use crate::output::Failure;

/// Runs what was asked.
///
/// # Errors
///
/// [`Failure`]: what the command could not do.
pub(crate) fn run(args: &JournalArgs) -> Result<(), Failure> {
    match &args.command {
        JournalCommand::Cat(args) => cat::cat(args),
        JournalCommand::Stat(args) => stat::stat(args),
        JournalCommand::Export(args) => export::export(args),
    }
}
