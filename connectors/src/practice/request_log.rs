//! The venue's own log of order requests: what arrived, when, and what it was told.
//!
//! For drills that count at the venue. Bounded: the oldest are forgotten first.
//!
//! Thread: the practice server's.

use std::collections::VecDeque;

/// Requests that are remembered.
const LOGGED_MAX: usize = 200_000;

/// One order request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    /// When, nanoseconds since the server's start.
    pub at_ns: u64,
    /// When by the venue's clock, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The venue's name for the call, for example `order.place`.
    pub method: &'static str,
    /// The symbol that it names; empty if it names none.
    pub symbol: String,
    /// The client's id of the order that it places; empty if it places none.
    pub client_id: String,
    /// Code of the error that it was answered with, 0 if it was done; `None` if it never was
    /// answered, or was refused before its parameters were looked at.
    pub code: Option<i32>,
}

/// The requests, oldest first.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(VecDeque<OrderRequest>);

impl RequestLog {
    pub(crate) fn add(&mut self, request: OrderRequest) {
        if self.0.len() >= LOGGED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(request);
    }

    /// What the newest request was answered with.
    pub(crate) fn answered(&mut self, code: i32) {
        if let Some(request) = self.0.back_mut() {
            request.code = Some(code);
        }
    }

    pub(crate) fn all(&self) -> Vec<OrderRequest> {
        self.0.iter().cloned().collect()
    }
}
