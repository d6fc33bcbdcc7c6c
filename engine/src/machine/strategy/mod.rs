//! Strategies, and the runner that shows each one the market and carries its wishes out.

mod runner;

pub use runner::StrategyRunner;
