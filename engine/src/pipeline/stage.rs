//! A stage: a bounded piece of work that a worker polls.
//!
//! Thread: a stage lives on one worker from start to end. A stage never blocks: what finds no
//! place is kept and tried again at the next turn.

use model::ports::Worked;

use crate::machine::{Risk, StrategyRunner};

/// Most events or commands that a stage takes in one turn, so that no stage keeps a worker, or a
/// reader behind it, waiting for long.
pub(crate) const BATCH: u64 = 32;

/// One job of a worker.
pub(crate) trait Stage: Send {
    /// Its name in the topology.
    fn name(&self) -> &str;

    /// Does a bounded piece of work. Faults go to the [`super::control::Control`] and end the run.
    fn poll(&mut self) -> Worked;

    /// Whether its inputs have ended and all its work is done; it is not polled any more.
    fn has_ended(&self) -> bool;

    /// What is left of it after the end.
    fn finish(self: Box<Self>) -> Remains;
}

/// What a stage hands back at the end.
pub(crate) enum Remains {
    /// Nothing that anybody needs.
    Nothing,
    /// Strategies, with the index of the first one.
    Strategies(usize, Vec<StrategyRunner>),
    /// Risk.
    Risk(Box<Risk>),
    /// The journal's writer.
    Journal(Box<journal::Writer>),
}
