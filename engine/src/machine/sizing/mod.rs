//! Sizes by rule: how many lots an order of a strategy is, as its equity, the market's volatility
//! or its stop say. Pure; exact decimals and integers, rounded down to the lot.

mod rule;
mod volatility;

pub(crate) use rule::{Missing, Question, lots};
pub(crate) use volatility::{SavedSizing, Sizing};
