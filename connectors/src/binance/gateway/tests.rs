//! The session without a socket: recorded messages in, events and requests out.
