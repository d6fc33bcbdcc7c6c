//! A practice Binance: its REST interface, streams and WebSocket API, its rules and its words.
//!
//! Source: the official spot documentation as of 2026-07 and recorded messages.
//!
//! Left out, and refused as Binance refuses what a symbol does not offer: stop and trailing
//! orders, icebergs, order lists, smart order routing.

mod amend;
pub(in crate::binance) mod auth;
pub(in crate::binance) mod calls;
pub(in crate::binance) mod core;
pub(in crate::binance) mod error;
mod exchange_info;
pub(in crate::binance) mod filters;
pub(in crate::binance) mod market;
mod orders;
pub(in crate::binance) mod params;
mod playback;
mod player;
pub(in crate::binance) mod publish;
mod recorded;
pub(in crate::binance) mod reports;
mod rest;
mod setup;
pub(in crate::binance) mod streams;
pub(in crate::binance) mod text;
pub(in crate::binance) mod venue;
mod ws_api;

pub(crate) use venue::BinancePractice;
