//! The memory-mapped log: one writer, any number of readers, recovery that never guesses.
//!
//! A journal is a directory of preallocated segments of fixed-size records; `FORMAT.md` beside this
//! crate has every byte. [`Writer`] appends, [`Reader`] follows, in this process or another one.
//!
//! Where to look: the bytes in `format`, mapped memory (the only unsafe code) in `mapping`, files
//! and the lock in `directory`, `superblock` and `segment`, what a crash leaves and what is done
//! about it in `recovery` (a table), the hot path in `writer` and `commit`, the helper threads in
//! `prepare`, `touch` and `sync`, and the seam below all of them in `storage`. What a person does
//! to a journal: `archive`, `prune`, `salvage`.
//!
//! Invariants, cited where they are kept or checked
//! - J1: a record whose checksum matches is complete, and stands where it was appended.
//! - J2: the sequence rises by exactly one from record to record, across segments too.
//! - J3: every byte behind the last record of a segment is zero.
//! - J4: the first eight bytes of a record are stored last, with release order.
//! - J5: the durable mark never runs ahead of a successful `fdatasync`.
//! - J6: in the strict modes no block that holds a durable record is stored to (`commit`).
//! - J7: a snapshot is whole under its own name, and of use only where the log reaches it.

#![deny(unsafe_code)]

mod archive;
#[cfg(target_arch = "x86_64")]
mod checksum;
mod commit;
mod directory;
mod error;
mod failed_sync;
mod format;
mod helpers;
mod inventory;
#[expect(unsafe_code, reason = "the one place that touches mapped memory")]
mod mapping;
mod options;
mod prepare;
mod prune;
mod publication;
mod reader;
mod recovery;
pub mod salvage;
mod scan;
pub mod seal;
mod segment;
mod shared;
pub mod snapshot;
mod source;
mod stat;
mod steps;
pub mod storage;
mod superblock;
mod sync;
mod touch;
mod upkeep;
mod writer;

pub use archive::{ArchiveOptions, Archived, archive};
pub use directory::Folder;
pub use error::{AppendError, CloseError, Damage, OpenError, ReadError, SyncError};
pub use format::{SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, VERSION};
pub use inventory::{Inventory, inventory};
pub use options::{Durability, Options};
pub use prune::{Held, PruneOptions, Pruned, Pruner, prune};
pub use reader::{Reader, Records};
pub use recovery::{Recovery, Removed};
pub use segment::Tape;
pub use shared::{Space, Watch};
pub use stat::{Stat, stat};
pub use steps::Steps;
pub use upkeep::UpkeepError;
pub use writer::{Summary, Writer};
