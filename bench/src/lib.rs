//! What the benches share: options, machine facts, distributions, and the tick-to-order harness.
//!
//! `README.md` beside this crate says what each bench measures and how to read it. Every figure is
//! a ratio to a control from the same run, because absolute times belong to one machine.
//!
//! Hot path: no, but what runs inside a measured interval does not allocate.

#![forbid(unsafe_code)]

pub mod args;
pub mod distribution;
pub mod facts;
pub mod hiccup;
pub mod messages;
