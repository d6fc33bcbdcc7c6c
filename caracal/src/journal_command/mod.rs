//! `caracal journal`: looks into a journal, copies it out, and keeps its directory. One file a
//! command.

mod archive;
mod args;
mod cat;
mod export;
mod filter;
mod holder;
mod instruments;
mod order;
mod prune;
mod salvage;
mod stat;
mod time;
pub(crate) use time::parse as parse_time;

pub(crate) use args::JournalArgs;
pub(crate) use instruments::Instruments;

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
        JournalCommand::Salvage(args) => salvage::salvage(args),
        JournalCommand::Archive(args) => archive::archive(args),
        JournalCommand::Prune(args) => prune::prune(args),
    }
}
