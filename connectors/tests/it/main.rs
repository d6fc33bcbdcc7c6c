//! Integration tests of the connectors: real sockets on loopback, recorded vectors, properties.
//!
//! Every test with a thread or a socket has a deadline (`support::DEADLINE`).

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; helpers are not seen as tests"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test panics on whatever it did not expect"
)]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod binance_feed;
mod binance_instruments;
mod binance_market_props;
mod binance_market_samples;
mod binance_order_samples;
mod binance_recordings;
mod binance_requests;
mod deframer;
mod feed;
mod gateway;
mod http;
mod okx;
mod practice;
mod samples;
mod sign_vectors;
mod support;
mod usdm;
mod usdm_market_props;
mod usdm_market_samples;
mod ws_faults;
mod ws_talk;
