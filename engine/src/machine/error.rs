//! Why an event cannot be applied.

use model::blob::BlobError;
use model::event::BadRecord;

use super::config::ConfigProblem;

/// Why the machine refused an event. Its state is then no longer that of the log: the caller must
/// stop, and start again from the journal.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Not the next event.
    #[error("event {got} where event {expected} must follow")]
    Gap {
        /// The number that must come.
        expected: u64,
        /// The number that came.
        got: u64,
    },
    /// Not an event of version 1.
    #[error("event {event}: {error}")]
    Record {
        /// Number of the event.
        event: u64,
        /// What is wrong with it.
        error: BadRecord,
    },
    /// Parts of a blob that do not fit together.
    #[error("event {event}: {error}")]
    Blob {
        /// Number of the event.
        event: u64,
        /// What is wrong with it.
        error: BlobError,
    },
    /// A run's number does not rise, or is beyond 24 bits.
    #[error("event {event}: run {got} cannot follow run {last}")]
    Epoch {
        /// Number of the event.
        event: u64,
        /// The run before.
        last: u32,
        /// The run that starts.
        got: u32,
    },
    /// The journal holds commands that its events do not cause.
    #[error("event {event}: the journal holds {journaled} commands, its events cause {decided}")]
    CommandsAhead {
        /// Number of the event.
        event: u64,
        /// Commands in the journal.
        journaled: u64,
        /// Commands that the machine decided.
        decided: u64,
    },
    /// The configuration cannot be used.
    #[error("event {event}: configuration, problem 1 of {count}: {first}")]
    Config {
        /// Number of the event.
        event: u64,
        /// How many problems.
        count: usize,
        /// The first of them.
        first: ConfigProblem,
    },
    /// An id of this journal would mean something else than before.
    #[error(
        "event {event}: {what} {id} was {old} in this journal and would become {new}; \
         start a new journal"
    )]
    Renamed {
        /// Number of the event.
        event: u64,
        /// What the id names.
        what: &'static str,
        /// The id.
        id: u32,
        /// Its meaning so far.
        old: String,
        /// Its new meaning.
        new: String,
    },
    /// An instrument that the machine cannot hold.
    #[error("event {event}: instrument {symbol}: {problem}")]
    Instrument {
        /// Number of the event.
        event: u64,
        /// Its symbol.
        symbol: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}
