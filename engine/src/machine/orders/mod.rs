//! Orders: the life of one as a table, and the table of all.

mod agenda;
mod chain;
mod chore;
mod due;
mod facts;
mod hear;
mod index;
mod ladder;
mod life;
mod newest;
mod order;
pub(crate) mod sums;
#[cfg(test)]
mod sums_tests;
mod table;
#[cfg(test)]
mod tests;
mod trades;

pub use chore::Chore;
pub(crate) use facts::{ABSENCE_SPACING_NS, When};
pub(crate) use life::Fact;
pub use life::{OrderState, Overlays};
pub(crate) use order::NewlyApproved;
pub use order::Order;
pub use table::Orders;
pub(crate) use table::{Pace, SavedOrders};
pub(crate) use trades::{AppliedTrades, SavedTrades, Seen, TradeKey};
