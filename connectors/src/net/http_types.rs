//! What an HTTP client takes and gives: settings, requests, outcomes.
//!
//! Thread: any. Hot path: no.

use super::{endpoint::Target, http_response::HttpResponse, reason::CloseReason};

const SECOND_NS: u64 = 1_000_000_000;

/// What an HTTP client needs to know.
#[derive(Clone)]
pub struct HttpConfig {
    /// Where to; the path is each request's own.
    pub target: Target,
    /// Largest request, head and body, bytes. 64 KiB.
    pub request_bytes_max: usize,
    /// Largest answer, head and body as sent, bytes; the receive buffer is that large. 8 MiB: the
    /// instrument list of a large venue has several.
    pub response_bytes_max: usize,
    /// Most requests that wait behind the one in flight. 32.
    pub queue_max: usize,
    /// Longest time for TCP and TLS together, nanoseconds. 5 s.
    pub connect_timeout_ns: u64,
    /// Headers of every request.
    pub headers: Vec<(String, String)>,
}

impl HttpConfig {
    /// The usual sizes and times for `target`.
    #[must_use]
    pub const fn new(target: Target) -> Self {
        Self {
            target,
            request_bytes_max: 64 * 1024,
            response_bytes_max: 8 * 1024 * 1024,
            queue_max: 32,
            connect_timeout_ns: 5 * SECOND_NS,
            headers: Vec::new(),
        }
    }
}

impl std::fmt::Debug for HttpConfig {
    /// Leaves the headers out: they hold API keys.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("HttpConfig")
            .field("endpoint", self.target.endpoint())
            .field("headers", &"***")
            .finish_non_exhaustive()
    }
}

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
}

impl Method {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A request, borrowed; it is copied into the queue. Not `Debug`: headers hold API keys.
#[expect(missing_debug_implementations, reason = "headers hold API keys")]
#[derive(Clone, Copy)]
pub struct HttpRequest<'a> {
    /// The method.
    pub method: Method,
    /// Path and query, percent-encoded already.
    pub path: &'a str,
    /// Headers beside `Host`, `Content-Length` and the configured ones.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; empty for none.
    pub body: &'a [u8],
    /// When to give up, in the caller's time, queueing and connecting included.
    pub deadline_ns: u64,
}

/// Names a request of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) u64);

/// Why a request was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// `queue_max` requests wait already.
    #[error("the HTTP queue is full")]
    QueueFull,
    /// Larger than `request_bytes_max`.
    #[error("the request is larger than request_bytes_max")]
    TooLarge,
    /// The path does not begin with `/`, or has a space, a control character or non-ASCII.
    #[error("the request's path is not a percent-encoded path")]
    BadPath,
    /// A header has a control character, or its name a colon or a space.
    #[error("a header of the request is malformed")]
    BadHeader,
}

/// How a request ended.
#[derive(Debug)]
pub struct HttpOutcome<'a> {
    /// Which request.
    pub id: RequestId,
    /// The answer, whatever its status, or why there is none.
    pub result: Result<HttpResponse<'a>, HttpFailure>,
}

/// Why there is no answer, and whether the server may have seen the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpFailure {
    /// Nothing of it left this machine: it may be submitted again.
    #[error("the request was never sent: {0}")]
    NeverSent(CloseReason),
    /// The server may have acted on it: ask before repeating anything that is not a query.
    #[error("the request's outcome is unknown: {0}")]
    Unknown(CloseReason),
}
