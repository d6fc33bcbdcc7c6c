//! Integration tests of the record: golden bytes, checked decoding, and the client order id.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod golden;
mod golden_account;
mod view;
