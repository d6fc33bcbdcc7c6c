//! The neutral market feed over real sockets: a small made-up venue that does what a test says.

pub(crate) mod live;
mod redundant;
mod toy;
mod wires;
