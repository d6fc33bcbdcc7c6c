//! A practice Binance: its REST interface, streams and WebSocket API, its rules and its words.
//!
//! Source: the official spot documentation as of 2026-07 and recorded messages.
//!
//! Left out, and refused as Binance refuses what a symbol does not offer: stop and trailing
//! orders, icebergs, order lists, smart order routing.

mod amend;
mod auth;
mod calls;
mod core;
mod error;
mod exchange_info;
mod filters;
mod market;
mod orders;
mod params;
mod playback;
mod player;
mod publish;
mod recorded;
mod reports;
mod rest;
mod setup;
mod streams;
mod text;
mod truth;
mod venue;
mod ws_api;

pub(crate) use venue::BinancePractice;
