//! Ground floor of Caracal: the numbers, ids, instruments, records and ports that all crates share.
//!
//! No I/O, no threads, no clock, no float. Everything here is a plain value.
//!
//! Where to look: numbers in [`num`], small ids in [`ids`], what is traded in [`instrument`], the
//! 128-byte record in [`record`] with its bodies in [`body`], the closed set of events and commands
//! in [`event`] and [`command`], long payloads in [`blob`], bounds in [`limits`], the controls of
//! risk in [`control`], and the traits
//! between the engine and a venue in [`ports`].
//!
//! # Glossary: one word, one meaning
//!
//! | word | meaning |
//! |---|---|
//! | record | 128 bytes in the log: an event or a command |
//! | event | a record that is an input of the machine; numbered by the sequencer without gaps |
//! | event number | place of an event among the events, from 1; a command carries its cause's |
//! | command | a record that the machine decided and that a gateway acts on; numbered from 1 |
//! | seq | log sequence: place of a record in the journal, from 1, without gaps, given at append |
//! | lane | single-producer queue from one source to the sequencer |
//! | publish | make a record visible to a ring's or the journal's readers |
//! | journaled | appended to the journal and visible to its readers |
//! | synced | on stable storage, as a successful `fdatasync` says |
//! | applied | folded into the machine's state |
//! | sent | written to the venue's socket |
//! | acked | the venue confirmed the order |
//! | intent | what a strategy asks for; becomes a command only through risk |
//! | approved | let through by risk; the only thing a gateway takes |
//! | refused | stopped by risk (a venue *rejects*) |
//! | unknown | sent, and the venue's answer never came: its exposure stays reserved |
//! | epoch | number of a run of the engine on one journal, from 1 |
//! | stamp | a latency time taken at an edge; observed, never decided |
//!
//! A record has a *decided* part, which replay must reproduce bit for bit, and an *observed* part
//! (checksum, seq, stamps), which it need not.

#![forbid(unsafe_code)]

pub mod blob;
pub mod body;
pub mod codec;
pub mod command;
pub mod control;
pub mod event;
pub mod ids;
pub mod instrument;
pub mod limits;
pub mod num;
pub mod ports;
pub mod record;

#[cfg(target_endian = "big")]
compile_error!("Caracal's record layout is little-endian; this target is big-endian");
