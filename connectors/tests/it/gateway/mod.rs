//! The order gateway against the practice venue.

mod changes;
mod faults;
mod life;
mod reconnect;
pub(crate) mod support;
