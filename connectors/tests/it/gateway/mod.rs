//! The order gateway against the practice venue.

mod faults;
mod life;
mod reconnect;
mod support;
