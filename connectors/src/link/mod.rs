//! What every connection to a venue needs, whichever it is: who speaks and what is remarked, what
//! waits for a full lane, how long to wait before the next attempt, the venue's clock.

pub(crate) mod backoff;
pub(crate) mod lane;
pub(crate) mod speaker;
pub(crate) mod venue_time;

pub use venue_time::{TimeOffset, VenueTime};
