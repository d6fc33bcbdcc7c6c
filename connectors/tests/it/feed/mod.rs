//! The neutral market feed over real sockets: a small made-up venue that does what a test says.

mod redundant;
mod toy;
mod wires;
