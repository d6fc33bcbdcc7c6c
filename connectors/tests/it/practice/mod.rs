//! The practice Binance, seen by a plain blocking client that shares no code with our own.

mod client;
mod errors;
mod faults;
mod market;
mod orders;
mod recording;
mod session;
mod shapes;
