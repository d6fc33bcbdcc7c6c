//! The traits between the engine and a venue. The engine calls them; connectors implement them.
//!
//! A venue knows nothing of the engine: it pushes records into an [`EventSink`] and takes commands
//! of a type `C` that only reads as a record. The engine's `C` is its `Approved` command, which
//! only risk can make.
//!
//! Thread: each object lives on one worker and is polled. Hot path: yes. Nothing here may block.

use crate::record::Record;

/// Whether a poll did any work; an idle worker may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worked {
    /// Something was done: poll again at once.
    Yes,
    /// Nothing to do.
    No,
}

impl Worked {
    /// Yes if either did work.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, Self::No) => Self::No,
            (Self::Yes, Self::Yes | Self::No) | (Self::No, Self::Yes) => Self::Yes,
        }
    }

    /// Whether work was done.
    #[must_use]
    pub const fn is_yes(self) -> bool {
        matches!(self, Self::Yes)
    }
}

impl From<bool> for Worked {
    fn from(worked: bool) -> Self {
        if worked { Self::Yes } else { Self::No }
    }
}

/// Where a venue puts its events: the producer's end of a lane.
pub trait EventSink {
    /// Free places. A producer that needs more keeps its events and stops reading its socket.
    fn free(&self) -> usize;

    /// Puts `record` into the lane; false if it is full, and then nothing happened.
    fn push(&mut self, record: &Record) -> bool;
}

/// Wall time at the edges.
pub trait Clock {
    /// Nanoseconds since the Unix epoch. Never falls within one process.
    fn now_ns(&self) -> u64;
}

/// A source of market data.
pub trait Feed {
    /// Reads what the sockets hold and pushes events; keeps what finds no place and stops reading.
    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked;

    /// Starts an orderly end: closes the connections at the next polls.
    fn shut_down(&mut self);
}

/// Latency times of a command on its way to the gateway; see [`crate::body::Sent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named as in Sent, where each is documented")]
pub struct Trace {
    pub received_ns: u64,
    pub sequenced_ns: u64,
    pub intended_ns: u64,
    pub approved_ns: u64,
}

/// The way to a venue for orders, and back.
///
/// `C` is the type of a command that this instance sends; it accepts nothing else.
pub trait Gateway<C: AsRef<Record>> {
    /// Commands that it can take now. The engine offers no more than this.
    fn capacity(&self) -> usize;

    /// Takes one command and sends it, or reports by an event why it did not. Every command taken
    /// leads to exactly one `Sent` or `SendFailed` event; with a broken connection that is
    /// `SendFailed`, never silence. Exception: a command whose bytes may have been written in part
    /// when the connection broke leads to `Sent` and later to `OrderUnknown`.
    fn send(&mut self, command: C, trace: Trace, clock: &impl Clock);

    /// Drives the sockets and pushes events; keeps what finds no place and stops reading.
    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked;

    /// Starts an orderly end: closes the connections at the next polls.
    fn shut_down(&mut self);
}
