//! A practice OKX: spot or perpetuals, over the neutral venue of [`crate::practice`].
//!
//! It speaks the venue's language by its documentation, not by our parsers: nothing of
//! `okx/wire` is used here. `venue` is what the server's loop sees; `frames` are the WebSocket
//! connections and their subscriptions, `rest` the paths; behind both, `core` with `orders`,
//! `lists`, `account` and `public`; `rows` and `market` write what goes out; `instruments` says
//! what is traded, `limits` counts requests.
//!
//! Thread: the practice server's. Hot path: no.

mod account;
mod auth;
mod core;
mod error;
mod faulty;
mod frames;
mod instruments;
mod limits;
mod lists;
mod market;
mod orders;
mod public;
mod publish;
mod reading;
mod rest;
mod rows;
mod text;
mod venue;

pub use instruments::{okx_instrument, okx_symbols};
pub(crate) use venue::OkxPractice;
