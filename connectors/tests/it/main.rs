//! Integration tests of the connectors: real sockets on loopback, recorded vectors, properties.
//!
//! Every test with a thread or a socket has a deadline (`support::DEADLINE`).

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; helpers are not seen as tests"
)]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod deframer;
mod http;
mod sign_vectors;
mod support;
mod ws_faults;
mod ws_talk;
