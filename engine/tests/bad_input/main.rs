//! Bad input, from a strategy, a venue, or a person: each has a typed event and a defined answer,
//! stands in the log, and replays. Nothing panics, nothing is dropped.
//!
//! What bytes a venue may send is the connectors' affair (`connectors/tests`); a configuration's
//! lines are `caracal`'s.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

mod configuration;
mod intents;
#[expect(
    dead_code,
    reason = "the machine's tests use the rest of their own helpers"
)]
#[path = "../machine/kit.rs"]
mod kit;
mod venue;

use engine::machine::{Machine, Outputs};
use model::body::Notice;
use model::event::{Event, event};
use model::record::Record;

/// The notices among what went back.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are all alike here"
)]
fn notices(records: &[Record]) -> Vec<Notice> {
    let notice = |record: &Record| match event(record).unwrap() {
        Event::RiskNotice(notice) => Some(*notice),
        _ => None,
    };
    records.iter().filter_map(notice).collect()
}

/// Another machine that applies the log of this one comes to the same state.
fn replays(rig: &kit::Rig) {
    let (mut again, mut out) = (Machine::new(), Outputs::new());
    for record in &rig.log {
        again.apply(record, &mut out).unwrap();
    }
    assert_eq!(again.state_hash(), rig.machine.state_hash());
}
