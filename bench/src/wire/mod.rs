//! Wire to wire on loopback with TLS: from the venue's socket write of a market message to its
//! socket read of the order that the message caused; and a bare echo between the same sockets.

mod echo;
mod engine;
mod pairs;
mod venue;

use std::time::Duration;

use self::pairs::Answer;
use self::venue::{Edge, Venue};
use crate::HarnessError;
use crate::distribution::{Distribution, Percentiles};

/// Longest wait for a connection, a first order, or an end.
const DEADLINE: Duration = Duration::from_secs(20);
/// Events of the venue's market a second: half a millisecond apart, so that the answer to one is
/// there long before the next.
const EVENTS_PER_SECOND: f64 = 2_000.0;

/// What was measured.
#[derive(Debug, Clone)]
pub struct Found {
    /// From the venue's socket write to its socket read, nanoseconds.
    wire: Distribution,
    /// Orders of which one of the edges was not found.
    pub lost: u64,
}

impl Found {
    /// Nothing yet.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            wire: Distribution::paced(0),
            lost: 0,
        }
    }

    fn of(edges: &[Edge], answers: &[Answer]) -> Self {
        // The first of them meet cold caches and the opening's own traffic.
        let (wire, lost) = pairs::distribution(edges, &answers[answers.len() / 10..]);
        Self { wire, lost }
    }

    /// Takes in what another round found.
    pub fn add(&mut self, other: &Self) {
        self.wire.add(&other.wire);
        self.lost += other.lost;
    }

    /// From the venue's socket write to its socket read, nanoseconds.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        self.wire.plain()
    }
}

/// The engine, trading for `time`.
///
/// # Errors
///
/// The venue, the engine or a connection failed, or no order came in time.
pub fn engine(time: Duration) -> Result<Found, HarnessError> {
    engine::run(Venue::start(EVENTS_PER_SECOND)?, time)
}

/// The echo, for `time`, with orders of `order_bytes`.
///
/// # Errors
///
/// The venue or a connection failed.
pub fn echo(time: Duration, order_bytes: usize) -> Result<Found, HarnessError> {
    echo::run(Venue::start(EVENTS_PER_SECOND)?, time, order_bytes)
}
