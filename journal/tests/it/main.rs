//! Tests of the journal through its public interface; one module a topic.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail here"
)]

mod append;
mod commit;
mod common;
mod crash;
mod damage;
mod format;
mod golden;
mod kill;
mod life;
mod pieces;
mod promise;
mod proof;
mod reader;
mod recorded;
mod refuse;
mod seal;
mod seal_cost;
mod sealed_life;
mod seek_time;
mod snapshot;
mod snapshot_ahead;
mod tail;
mod unpack;
mod upkeep;
mod verify;
