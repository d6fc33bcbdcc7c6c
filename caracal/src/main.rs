//! The binary: reads the command line, runs what it asks for, and turns an error into one clear
//! line on standard error and a non-zero exit code.
#![forbid(unsafe_code)]

mod cli;
mod config;
mod control;
mod explain_command;
mod journal_command;
mod output;
mod practice;
mod prove_command;
mod replay_command;
mod run;
mod signals;
mod verify_command;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use output::{Failure, complain};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match signals::prepare().and_then(|()| obey(cli.command)) {
        Ok(()) | Err(Failure::OutputClosed) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

fn obey(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Practice(args) => practice::practice(&args),
        Command::Replay(args) => replay_command::replay(&args),
        Command::Verify(args) => verify_command::verify(&args),
        Command::Prove(args) => prove_command::prove(&args),
        Command::Explain(args) => explain_command::explain(&args),
        Command::Control(args) => control::control(&args),
        Command::Journal(args) => journal_command::run(&args),
    }
}
