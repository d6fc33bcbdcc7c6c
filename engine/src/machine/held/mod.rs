//! Orders that the engine holds: stop, take-profit, trailing stop, one-cancels-other, children.
//!
//! A venue only ever gets plain limit and market orders. What waits for a price, for another
//! order's fills or for a time waits here, in risk, from the same events as everything else.

mod counted;
#[cfg(test)]
mod counted_tests;
mod ends;
mod entry;
mod progress;
mod table;
mod terms;
mod watch;
mod watchers;

pub(crate) use counted::Unit;
pub(crate) use entry::{Held, HeldEnd, Phase};
pub(crate) use table::{HELD_MAX, HeldOrders, SavedHeld};
pub use terms::{Link, Offset, PriceSource, Size, Trigger, TriggerKind};
pub(crate) use watch::{Watch, half_ticks};
