//! Orders that the engine holds: stop, take-profit, trailing stop, one-cancels-other, children.
//!
//! A venue only ever gets plain limit and market orders. What waits for a price, for another
//! order's fills or for a time waits here, in risk, from the same events as everything else.

mod terms;

pub use terms::{Link, Offset, PriceSource, Size, Trigger, TriggerKind};
