//! Orders: the life of one as a table, and the table of all.

mod life;
mod order;
mod table;
#[cfg(test)]
mod tests;
mod trades;

pub(crate) use life::Fact;
pub use life::OrderState;
pub(crate) use order::NewlyApproved;
pub use order::{Chore, Order};
pub use table::Orders;
pub(crate) use table::SavedOrders;
pub(crate) use trades::{AppliedTrades, SavedTrades, Seen};
