//! Readers of the journal that hold a machine: recovery, audit, and the live shadow.
//!
//! [`Shadow`] applies log records to a second machine and compares each recorded command with the
//! one that machine computes. Recovery ([`recover`]) is a shadow that went on from the newest good
//! snapshot to the end of the log; an audit ([`audit`]) is one that applied all of the log and
//! reports what it found; an explanation ([`explain`]) is one that stops at an event and asks every
//! check. [`Shadow::freeze`] makes the snapshots.
#![forbid(unsafe_code)]

mod audit;
pub mod backtest;
pub mod compare;
mod describe;
mod difference;
mod explain;
mod frozen;
mod recover;
pub mod report;
pub mod search;
mod shadow;
mod start;

pub use audit::{Audit, AuditError, audit};
pub use describe::{describe, remark, to_json};
pub use difference::Difference;
pub use explain::{Explained, explain};
pub use frozen::{TakenBy, ThawError};
pub use recover::{RecoverError, Recovered, recover};
pub use shadow::{CHECKPOINT_TICKS, Shadow, ShadowError};
pub use start::StartError;
