//! Caracal as a library: the whole program, for a binary that adds strategies of its own.
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     caracal::Program::new().run()
//! }
//! ```
//!
//! With a strategy of one's own: `Program::new().strategy::<Mine>().run()`. Everything that the
//! shipped binary does (run, replay, verify, explain, control) knows it then.
#![forbid(unsafe_code)]

mod backtest_command;
mod cli;
mod compare_command;
mod config;
mod control;
mod explain_command;
mod import_command;
mod journal_command;
mod output;
mod parquet_table;
mod practice;
mod prove_command;
mod replay_command;
mod run;
mod signals;
mod strategies_command;
mod sweep_command;
mod verify_command;

use std::process::ExitCode;

use clap::Parser as _;
pub use engine::strategy;
use engine::strategy::{Registry, RegistryError, Strategy};

use cli::{Cli, Command};
use output::{Failure, complain};

/// Exit code of [`Failure::Recorded`]; 1 is any other failure's, and 2 the command line's.
const RECORDED: u8 = 3;

/// The program: what the shipped binary is, and what a user's own is made of.
#[derive(Debug)]
pub struct Program {
    registry: Result<Registry, RegistryError>,
}

impl Default for Program {
    fn default() -> Self {
        Self::new()
    }
}

impl Program {
    /// The program with the strategies that Caracal brings.
    #[must_use]
    pub fn new() -> Self {
        Self {
            registry: Ok(Registry::standard()),
        }
    }

    /// The same with one more strategy. One that cannot be added ends [`Self::run`] with a line
    /// that says why.
    #[must_use]
    pub fn strategy<S: Strategy>(self) -> Self {
        Self {
            registry: self.registry.and_then(Registry::with::<S>),
        }
    }

    /// Reads the command line and does what it asks for. A failure is one clear line on standard
    /// error and a non-zero exit code.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let cli = Cli::parse();
        let done = self
            .registry
            .map_err(Failure::because)
            .and_then(|registry| signals::prepare().map(|()| registry))
            .and_then(|registry| obey(cli.command, &registry));
        match done {
            Ok(()) | Err(Failure::OutputClosed) => ExitCode::SUCCESS,
            Err(failure) => {
                complain(&failure.to_string());
                match failure {
                    Failure::Recorded(_) => ExitCode::from(RECORDED),
                    Failure::Message(_) | Failure::OutputClosed => ExitCode::FAILURE,
                }
            }
        }
    }
}

fn obey(command: Command, registry: &Registry) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(&args, registry),
        Command::Practice(args) => practice::practice(&args),
        Command::Sweep(args) => sweep_command::run(&args, registry),
        Command::Backtest(args) => backtest_command::run(&args, registry),
        Command::Compare(args) => compare_command::run(&args),
        Command::Replay(args) => replay_command::replay(&args, registry),
        Command::Verify(args) => verify_command::verify(&args),
        Command::Prove(args) => prove_command::prove(&args),
        Command::Explain(args) => explain_command::explain(&args, registry),
        Command::Strategies(args) => strategies_command::strategies(&args, registry),
        Command::Control(args) => control::control(&args, registry),
        Command::Journal(args) => journal_command::run(&args),
        Command::Import(args) => import_command::import(&args),
    }
}
