//! Is the best of many variants any good, or only the luckiest? Three answers, from the variants'
//! own profits at even intervals; and whether it knows what comes later.
//!
//! All of it is an estimate in floats for people; the seeds of what is drawn are said.

mod bootstrap;
mod deflated;
mod lookahead;
mod shuffle;
mod trades;

pub use bootstrap::{RealityCheck, reality_check};
pub use deflated::{Deflated, deflated_sharpe};
pub use lookahead::{Decision, Decisions, Difference, cuts};
pub use shuffle::{Shuffled, shuffled_drawdowns};
pub use trades::Trades;

/// Changes between points of a series.
#[must_use]
pub fn changes(profits: &[f64]) -> Vec<f64> {
    profits.windows(2).map(|two| two[1] - two[0]).collect()
}
