//! The order gateway against the practice venue.

mod life;
mod support;
