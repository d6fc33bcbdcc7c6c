//! Integration tests of the engine, one binary.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::print_stdout,
    reason = "rows of the fault list say their counts and seeds"
)]

mod pipeline_durability;
mod pipeline_end;
mod pipeline_flood;
mod pipeline_last_line;
mod pipeline_order;
mod pipeline_routes;
mod pipeline_stalls;
mod pipeline_topologies;
mod support;
